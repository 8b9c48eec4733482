//! Business status in the header of a reply: string keys `biz-status`, `biz-message`, `biz-extra`.
//!
//! The status is the code in decimal, the text is always there, the extra detail is a JSON object of strings, there
//! only when it is not empty. JSON is written as Go writes it (`<`, `>` and `&` escaped) and read here, so that the
//! core needs no JSON library.

use std::collections::BTreeMap;

use super::cursor::decimal;
use super::ttheader::{HeaderView, HeaderWriter, string_key};
use crate::status::BusinessStatus;

/// Appends `status` to a header.
pub fn write(writer: &mut HeaderWriter<'_>, status: &BusinessStatus) {
    writer.string(string_key::BUSINESS_STATUS, status.code.to_string());
    writer.string(string_key::BUSINESS_MESSAGE, &status.message);
    if !status.extra.is_empty() {
        let mut json = Vec::new();
        write_extra(&mut json, &status.extra);
        writer.string(string_key::BUSINESS_EXTRA, json);
    }
}

/// Reads the status that a header carries. `None`: no status, a code of 0, or a code that is no decimal i32.
///
/// Text that is not UTF-8 is read with replacement characters. An extra that is not a JSON object of strings is left
/// out; a Kitex client drops the whole error then.
#[must_use]
pub fn read(header: &HeaderView<'_>) -> Option<BusinessStatus> {
    let code = decimal(header.string(string_key::BUSINESS_STATUS)?)?;
    let code = i32::try_from(code).ok().filter(|code| *code != 0)?;
    let value = |key| header.string(key).unwrap_or_default();
    Some(BusinessStatus {
        code,
        message: String::from_utf8_lossy(value(string_key::BUSINESS_MESSAGE)).into_owned(),
        extra: parse_extra(value(string_key::BUSINESS_EXTRA)).unwrap_or_default(),
    })
}

/// Appends `extra` as a JSON object, escaped as Go's encoder does.
pub fn write_extra(out: &mut Vec<u8>, extra: &[(String, String)]) {
    out.push(b'{');
    for (index, (key, value)) in extra.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(out, key);
        out.push(b':');
        write_string(out, value);
    }
    out.push(b'}');
}

/// Reads a JSON object of strings, in order; a key that repeats has its last value, `null` reads as an empty string
/// or object. `None`: it is something else.
///
/// ```
/// use kitewire_proto::wire::business::parse_extra;
///
/// let extra = parse_extra(br#"{"k":"\u003cv\u003e"}"#);
/// assert_eq!(extra, Some(vec![("k".to_owned(), "<v>".to_owned())]));
/// assert_eq!(parse_extra(b"{"), None);
/// ```
#[must_use]
pub fn parse_extra(json: &[u8]) -> Option<Vec<(String, String)>> {
    let mut json = Json(json);
    let mut pairs = Vec::new();
    if json.literal(b"null") {
        return json.at_end().then_some(pairs);
    }
    json.token(b'{')?;
    if json.token(b'}').is_none() {
        let mut places = BTreeMap::new();
        loop {
            let key = json.string()?;
            json.token(b':')?;
            let value = if json.literal(b"null") {
                String::new()
            } else {
                json.string()?
            };
            match places.get(&key).and_then(|place: &usize| pairs.get_mut(*place)) {
                Some((_, old)) => *old = value,
                None => {
                    places.insert(key.clone(), pairs.len());
                    pairs.push((key, value));
                }
            }
            if json.token(b',').is_none() {
                break;
            }
        }
        json.token(b'}')?;
    }
    json.at_end().then_some(pairs)
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes());
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// What is left of a JSON text.
struct Json<'a>(&'a [u8]);

impl Json<'_> {
    /// Takes `byte`, if it is what comes next behind white space.
    fn token(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.trim_ascii_start();
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn literal(&mut self, word: &[u8]) -> bool {
        self.0 = self.0.trim_ascii_start();
        match self.0.strip_prefix(word) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn at_end(&self) -> bool {
        self.0.trim_ascii_start().is_empty()
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn string(&mut self) -> Option<String> {
        self.token(b'"')?;
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => {
                    let character = self.escaped()?;
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return None,
                byte => text.push(byte),
            }
        }
        Some(match String::from_utf8(text) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.byte()? {
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                self.pair(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return None,
        })
    }

    /// The character that starts with UTF-16 code unit `unit`; a lone surrogate is none and takes nothing more.
    fn pair(&mut self, unit: u16) -> Option<char> {
        if let Some(character) = char::from_u32(unit.into()) {
            return Some(character);
        }
        let mut ahead = Json(self.0.strip_prefix(b"\\u")?);
        let second = ahead.unit()?;
        let character = char::decode_utf16([unit, second]).next()?.ok()?;
        self.0 = ahead.0;
        Some(character)
    }

    fn unit(&mut self) -> Option<u16> {
        let (digits, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        digits.iter().try_fold(0_u16, |unit, digit| {
            let digit = char::from(*digit).to_digit(16)?;
            Some(unit.wrapping_shl(4) | u16::try_from(digit).ok()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buf::Output;
    use crate::config::Limits;
    use crate::wire::SequenceId;
    use crate::wire::ttheader::{Flags, Header};

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn extra_is_escaped_as_go_does() {
        let mut out = Vec::new();
        write_extra(&mut out, &pairs(&[("k", "<v>&\"\\\n\r\t\x01\u{2028}ü"), ("", "")]));
        let expected = "{\"k\":\"\\u003cv\\u003e\\u0026\\\"\\\\\\n\\r\\t\\u0001\\u2028ü\",\"\":\"\"}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn extra_reads_every_legal_form() {
        let rows: [(&str, &[(&str, &str)]); 9] = [
            ("{}", &[]),
            (" { } ", &[]),
            ("null", &[]),
            (r#"{"k":"\u003cv\u003e"}"#, &[("k", "<v>")]),
            (" {\t\"a\" :\n\"1\" ,\r\"b\":null } ", &[("a", "1"), ("b", "")]),
            (r#"{"a":"1","b":"2","a":"3"}"#, &[("a", "3"), ("b", "2")]),
            (r#"{"\"\\\/\b\f\n\r\t":"x"}"#, &[("\"\\/\u{8}\u{c}\n\r\t", "x")]),
            (
                r#"{"a":"\ud83d\ude00","b":"\ud83d","c":"\ud83d\u0041"}"#,
                &[("a", "😀"), ("b", "\u{fffd}"), ("c", "\u{fffd}A")],
            ),
            (r#"{"ü":"é"}"#, &[("ü", "é")]),
        ];
        for (json, expected) in rows {
            assert_eq!(parse_extra(json.as_bytes()), Some(pairs(expected)), "{json}");
        }
        assert_eq!(parse_extra(b"{\"a\":\"\xff\"}"), Some(pairs(&[("a", "\u{fffd}")])));
    }

    #[test]
    fn anything_else_is_no_extra() {
        for json in [
            "",
            "{",
            "}",
            "[]",
            "{\"a\"}",
            "{\"a\":1}",
            "{\"a\":{}}",
            "{\"a\":\"b\",}",
            "{}x",
            "{\"a\":\"b\"",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":\"\n\"}",
            "{a:\"b\"}",
            "nul",
            "{\"a\":\"b\"\"c\":\"d\"}",
        ] {
            assert_eq!(parse_extra(json.as_bytes()), None, "{json}");
        }
    }

    fn transport(status: &BusinessStatus) -> Option<BusinessStatus> {
        let mut out = Output::new();
        let mut writer = HeaderWriter::begin(&mut out, Flags::NONE, SequenceId(1));
        write(&mut writer, status);
        writer.end().finish(&mut out, u32::MAX);
        let frame = out.to_vec();
        let header = Header::parse(&frame, &Limits::default()).unwrap().unwrap();
        read(&HeaderView::new(&frame, header))
    }

    #[test]
    fn a_status_round_trips_and_zero_is_none() {
        for (code, message, extra) in [
            (404, "not found", pairs(&[("k", "<v>")])),
            (i32::MIN, "", vec![]),
            (i32::MAX, "ü", pairs(&[("a", ""), ("b", "2")])),
        ] {
            let message = message.to_owned();
            let status = BusinessStatus { code, message, extra };
            assert_eq!(transport(&status), Some(status));
        }
        assert_eq!(transport(&BusinessStatus::default()), None);
    }
}
