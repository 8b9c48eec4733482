//! `grpc-timeout`: what is left until the deadline, as one to eight digits and a unit.

use std::fmt;
use std::time::Duration;

/// The field's name.
pub const NAME: &str = "grpc-timeout";

/// The units and their nanoseconds, finest first.
const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', HOUR),
];
const HOUR: u64 = 3_600_000_000_000;
/// Eight digits.
const LARGEST_NUMBER: u64 = 99_999_999;
/// The longest time that Go can express; longer ones are cut to it.
const LONGEST: Duration = Duration::from_nanos(i64::MAX.cast_unsigned());
const MAX_LEN: usize = 9;

/// A value of the field, ready to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TimeoutText {
    bytes: [u8; MAX_LEN],
    /// Where the text begins in `bytes`; it goes to the end.
    start: usize,
}

/// A value that is none of the field's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MalformedTimeout {
    /// Fewer than two bytes.
    TooShort,
    /// More than eight digits and the unit.
    TooLong,
    /// The last byte is none of `H`, `M`, `S`, `m`, `u`, `n`.
    UnknownUnit(u8),
    /// Something other than digits before the unit. Kitex takes a sign there, which gRPC does not have.
    NotANumber,
}

/// Writes `remaining` in the finest unit in which it, rounded up, has at most eight digits. No time left is `0n`.
///
/// ```
/// use std::time::Duration;
///
/// use kitewire_proto::wire::grpc::timeout;
///
/// assert_eq!(timeout::encode(Duration::from_millis(100)).as_bytes(), b"100000u");
/// assert_eq!(timeout::encode(Duration::ZERO).as_bytes(), b"0n");
/// ```
#[must_use]
pub fn encode(remaining: Duration) -> TimeoutText {
    let nanoseconds = u64::try_from(remaining.min(LONGEST).as_nanos()).unwrap_or(u64::MAX);
    let (unit, number) = UNITS
        .iter()
        .map(|(unit, size)| (*unit, nanoseconds.div_ceil(*size)))
        .find(|(_, number)| *number <= LARGEST_NUMBER)
        .unwrap_or((b'H', LARGEST_NUMBER));
    TimeoutText::new(number, unit)
}

/// Reads a value. Times above 2^63-1 nanoseconds, some 292 years, are cut to that.
///
/// # Errors
/// Anything but one to eight digits and a unit; Kitex then resets the stream with INTERNAL_ERROR.
pub fn decode(value: &[u8]) -> Result<Duration, MalformedTimeout> {
    let (unit, digits) = match value {
        [] | [_] => return Err(MalformedTimeout::TooShort),
        [digits @ .., unit] if value.len() <= MAX_LEN => (*unit, digits),
        _ => return Err(MalformedTimeout::TooLong),
    };
    let size = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
    let size = size.ok_or(MalformedTimeout::UnknownUnit(unit))?;
    let number = digits.iter().try_fold(0_u64, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        Some(number.wrapping_mul(10).wrapping_add(u64::from(digit)))
    });
    let number = number.ok_or(MalformedTimeout::NotANumber)?;
    Ok(Duration::from_nanos(number.saturating_mul(size)).min(LONGEST))
}

impl TimeoutText {
    fn new(mut number: u64, unit: u8) -> Self {
        let mut text = Self {
            bytes: [b'0'; MAX_LEN],
            start: MAX_LEN.saturating_sub(2),
        };
        let [digits @ .., last] = &mut text.bytes;
        *last = unit;
        for (place, digit) in digits.iter_mut().enumerate().rev() {
            if number == 0 {
                break;
            }
            *digit |= u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
            text.start = place;
        }
        text
    }

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or(&[])
    }
}

impl AsRef<[u8]> for TimeoutText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Display for TimeoutText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

impl fmt::Debug for TimeoutText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for MalformedTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("transport: malformed time-out: ")?;
        match self {
            Self::TooShort => f.write_str("too short"),
            Self::TooLong => f.write_str("too long"),
            Self::UnknownUnit(unit) => write!(f, "unknown unit {}", unit.escape_ascii()),
            Self::NotANumber => f.write_str("not a number"),
        }
    }
}

impl std::error::Error for MalformedTimeout {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finest_unit_that_fits_is_written() {
        let rows = [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(1), "1n"),
            (Duration::from_millis(50), "50000000n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_millis(100), "100000u"),
            (Duration::from_secs(1), "1000000u"),
            (Duration::from_nanos(1_000_000_001), "1000001u"),
            (Duration::from_nanos(99_999_999_000), "99999999u"),
            (Duration::from_nanos(99_999_999_001), "100000m"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(30 * 3600), "108000S"),
            (Duration::from_secs(100_000_000), "1666667M"),
            (Duration::from_secs(99_999_999 * 60), "99999999M"),
            (Duration::from_secs(99_999_999 * 60 + 1), "1666667H"),
            (Duration::MAX, "2562048H"),
        ];
        for (remaining, text) in rows {
            assert_eq!(encode(remaining).to_string(), text);
            let back = decode(text.as_bytes()).unwrap();
            assert!(back >= remaining.min(LONGEST), "{text}: never early");
        }
    }

    #[test]
    fn every_form_is_read_and_others_are_refused() {
        let rows: [(&[u8], Result<Duration, MalformedTimeout>); 19] = [
            (b"0n", Ok(Duration::ZERO)),
            (b"00000007u", Ok(Duration::from_micros(7))),
            (b"2998256u", Ok(Duration::from_micros(2_998_256))),
            (b"1m", Ok(Duration::from_millis(1))),
            (b"99999999S", Ok(Duration::from_secs(99_999_999))),
            (b"2M", Ok(Duration::from_secs(120))),
            (b"3H", Ok(Duration::from_secs(3 * 3600))),
            (b"2562047H", Ok(Duration::from_secs(2_562_047 * 3600))),
            (b"2562048H", Ok(LONGEST)),
            (b"99999999H", Ok(LONGEST)),
            (b"", Err(MalformedTimeout::TooShort)),
            (b"n", Err(MalformedTimeout::TooShort)),
            (b"123456789n", Err(MalformedTimeout::TooLong)),
            (b"10", Err(MalformedTimeout::UnknownUnit(b'0'))),
            (b"1s", Err(MalformedTimeout::UnknownUnit(b's'))),
            (b"-1S", Err(MalformedTimeout::NotANumber)),
            (b"+1S", Err(MalformedTimeout::NotANumber)),
            (b" 1S", Err(MalformedTimeout::NotANumber)),
            (b"1_0S", Err(MalformedTimeout::NotANumber)),
        ];
        for (text, expected) in rows {
            assert_eq!(decode(text), expected, "{}", text.escape_ascii());
        }
    }
}
