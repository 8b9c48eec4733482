mod appendix_c;
mod decoding;
mod encoding;

use super::{Decoded, Decoder, Encoder, HpackError, huffman, huffman_code, static_table};
use crate::http::{FieldKind, Fields};

/// Above every list here.
const LIMIT: usize = 1 << 20;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn list(fields: &[(&str, &str)]) -> Fields {
    let mut list = Fields::new();
    fields.iter().for_each(|(name, value)| list.push(name, value));
    list
}

fn encode(encoder: &mut Encoder, fields: &Fields) -> Vec<u8> {
    let mut block = Vec::new();
    encoder.encode(fields, &mut block);
    block
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, HpackError> {
    let mut fields = Fields::new();
    let decoded = decoder.decode(block, LIMIT, &mut fields)?;
    assert_eq!(decoded, Decoded::Complete);
    Ok(fields)
}

/// What the dynamic table holds, newest first.
fn entries(decoder: &mut Decoder) -> Vec<(String, String)> {
    let table = decoder.table();
    let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let entries = (0..table.len()).map(|age| table.entry(age).unwrap());
    entries.map(|entry| (text(entry.name), text(entry.value))).collect()
}

#[test]
fn every_octet_has_its_huffman_code() {
    // From the first page, the middle and the end of RFC 7541 appendix B.
    for (symbol, bits, len) in [
        (0, 0x1ff8, 13),
        (usize::from(b'\n'), 0x3fff_fffc, 30),
        (usize::from(b'0'), 0x0, 5),
        (usize::from(b'a'), 0x3, 5),
        (usize::from(b':'), 0x5c, 7),
        (usize::from(b'Z'), 0xfd, 8),
        (usize::from(b'\\'), 0x7_fff0, 19),
        (128, 0xf_ffe6, 20),
        (249, 0xfff_fffe, 28),
        (255, 0x3ff_ffee, 26),
        (256, 0x3fff_ffff, 30),
    ] {
        let code = huffman_code::CODES[symbol];
        assert_eq!((code.bits, code.len), (bits, len), "{symbol}");
    }
    let all: Vec<u8> = (0..=255).collect();
    for octet in all.chunks(1).chain([&all[..], b""]) {
        let mut coded = Vec::new();
        huffman::encode(octet, &mut coded);
        assert_eq!(coded.len(), huffman::encoded_len(octet));
        let mut decoded = b"before".to_vec();
        huffman::decode(&coded, &mut decoded).unwrap();
        assert_eq!(&decoded[6..], octet);
        assert!(decoded.len() - 6 <= huffman::max_decoded_len(coded.len()));
    }
}

#[test]
fn huffman_strings_end_with_up_to_seven_ones() {
    for (coded, expected) in [
        // '0' is 00000, ':' is 1011100, '&' is 11111000.
        ("", Ok(&b""[..])),
        ("07", Ok(b"0")),
        ("b9", Ok(b":")),
        ("f8", Ok(b"&")),
        ("f8 07", Ok(b"&0")),
        ("07 ff", Err(HpackError::HuffmanPaddingLength)),
        ("ff", Err(HpackError::HuffmanPaddingLength)),
        ("f8 ff", Err(HpackError::HuffmanPaddingLength)),
        ("ff ff ff", Err(HpackError::HuffmanPaddingLength)),
        ("06", Err(HpackError::HuffmanPadding)),
        ("00", Err(HpackError::HuffmanPadding)),
        ("b8", Err(HpackError::HuffmanPadding)),
        // The beginning of a long code.
        ("ff fe", Err(HpackError::HuffmanPadding)),
        ("ff ff f7", Err(HpackError::HuffmanPadding)),
        ("ff ff ff ff", Err(HpackError::HuffmanEos)),
        ("ff ff ff fc", Err(HpackError::HuffmanEos)),
        ("07 ff ff ff ff", Err(HpackError::HuffmanEos)),
        ("f8 ff ff ff fc 07", Err(HpackError::HuffmanEos)),
    ] {
        let mut decoded = Vec::new();
        let result = huffman::decode(&unhex(coded), &mut decoded).map(|()| &decoded[..]);
        assert_eq!(result, expected, "{coded}");
    }
}

#[test]
fn static_entries_know_their_kinds_and_are_found() {
    for index in 1..=static_table::LEN {
        let entry = static_table::entry(index).unwrap();
        let (name, value) = entry.text.split_at(entry.name().len());
        assert_eq!(entry.ends.value as usize, entry.text.len());
        assert_eq!(entry.ends.kind, FieldKind::of(name, value), "{index}");
        let same_name = |other: &u32| static_table::entry(*other).unwrap().name() == name;
        let first = (1..index).find(same_name).unwrap_or(index);
        match static_table::find(name, value) {
            static_table::Match::Field(found) => assert_eq!(u32::from(found), index),
            static_table::Match::Name(found) => assert_eq!(u32::from(found), first),
            static_table::Match::Nothing => panic!("{index} is not found"),
        }
        let whole = static_table::pseudo(entry.ends.kind, value);
        assert_eq!(
            whole.map(u32::from),
            (name[0] == b':' && !value.is_empty()).then_some(index)
        );
    }
    assert!(static_table::entry(0).is_none() && static_table::entry(static_table::LEN + 1).is_none());
    assert_eq!(static_table::find(b"x", b""), static_table::Match::Nothing);
    assert_eq!(static_table::pseudo(FieldKind::Status, b"418"), None);
}
