//! Durations as Go prints them.

use std::fmt;
use std::time::Duration;

/// A duration as Go prints it: `100ms`, `1.5s`, `2m0s`. Texts of Kitex hold such durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoDuration(pub Duration);

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        match nanos {
            0 => f.write_str("0s"),
            1..MICRO => write!(f, "{nanos}ns"),
            MICRO..MILLI => write!(f, "{}µs", Decimal(nanos, MICRO)),
            MILLI..SECOND => write!(f, "{}ms", Decimal(nanos, MILLI)),
            _ => {
                let (minutes, rest) = (nanos / MINUTE, nanos % MINUTE);
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write!(f, "{}s", Decimal(rest, SECOND))
            }
        }
    }
}

/// A number divided by a power of ten, without trailing zeros.
struct Decimal(u128, u128);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, unit) = *self;
        write!(f, "{}", number / unit)?;
        let (mut fraction, mut digits) = (number % unit, unit.ilog10() as usize);
        if fraction == 0 {
            return Ok(());
        }
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, ".{fraction:0digits$}")
    }
}

const MICRO: u128 = 1_000;
const MILLI: u128 = 1_000_000;
const SECOND: u128 = 1_000_000_000;
const MINUTE: u128 = 60 * SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_in_go() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (700_000_000, "700ms"),
            (1_500_000_000, "1.5s"),
            (1_000_000_001, "1.000000001s"),
            (120_000_000_000, "2m0s"),
            (3_661_500_000_000, "1h1m1.5s"),
        ] {
            assert_eq!(GoDuration(Duration::from_nanos(nanos)).to_string(), text);
        }
    }
}
