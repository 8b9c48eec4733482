//! Text of a peer in quotation marks.

use std::fmt::{self, Write as _};

/// Prints bytes as Go's `%q` does, since they stand in texts that are compared with Kitex's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted<'a>(pub(super) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' | '\\' => write!(f, "\\{character}")?,
                    '\x07' => f.write_str("\\a")?,
                    '\x08' => f.write_str("\\b")?,
                    '\t' => f.write_str("\\t")?,
                    '\n' => f.write_str("\\n")?,
                    '\x0b' => f.write_str("\\v")?,
                    '\x0c' => f.write_str("\\f")?,
                    '\r' => f.write_str("\\r")?,
                    '\0'..='\x1f' | '\x7f' => write!(f, "\\x{:02x}", u32::from(character))?,
                    '\u{80}'..='\u{a0}' | '\u{ad}' => write!(f, "\\u{:04x}", u32::from(character))?,
                    _ => f.write_char(character)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_quoted_as_go_does() {
        let rows: [(&[u8], &str); 5] = [
            (b"", r#""""#),
            (b"text/html", r#""text/html""#),
            ("a\"b\\c é".as_bytes(), r#""a\"b\\c é""#),
            (b"\x00\t\x1f\x7f\xff", r#""\x00\t\x1f\x7f\xff""#),
            ("\u{85}".as_bytes(), r#""\u0085""#),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Quoted(bytes).to_string(), expected);
        }
    }
}
