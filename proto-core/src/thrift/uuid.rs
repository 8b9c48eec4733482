//! The `uuid` base type.

use std::fmt;
use std::str::FromStr;

/// A UUID: 16 bytes in the order of their text form.
///
/// Kitex's runtime reads this wire type as another one; use it between peers of one's own.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

/// A text that is no UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUuid;

impl FromStr for Uuid {
    type Err = InvalidUuid;

    /// Reads `01234567-89ab-cdef-0123-456789abcdef`, the digits in either case.
    fn from_str(text: &str) -> Result<Self, InvalidUuid> {
        let mut digits = Vec::with_capacity(32);
        for (at, character) in text.chars().enumerate() {
            match (at, character) {
                (8 | 13 | 18 | 23, '-') => {}
                (8 | 13 | 18 | 23, _) => return Err(InvalidUuid),
                _ => digits.push(character.to_digit(16).ok_or(InvalidUuid)?),
            }
        }
        if digits.len() != 32 {
            return Err(InvalidUuid);
        }
        let mut uuid = Self::default();
        for (byte, pair) in uuid.0.iter_mut().zip(digits.chunks_exact(2)) {
            let value = pair.iter().fold(0, |high, low| high << 4 | low);
            *byte = u8::try_from(value).map_err(|_| InvalidUuid)?;
        }
        Ok(uuid)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for InvalidUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a UUID")
    }
}

impl std::error::Error for InvalidUuid {}
