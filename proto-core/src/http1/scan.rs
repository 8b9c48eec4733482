//! Where a head or a trailer section ends.
//!
//! Lines end with CR LF and nothing else. RFC 9112 §2.2 lets a recipient take a bare LF for a line end and demands that
//! a bare CR is either refused or read as a space; both are refused here, as peers that read them in different ways are
//! how requests are smuggled.

use crate::http::Refusal;

/// A search for the empty line that ends a section. It goes on where it stopped, so that a section which dribbles in is
/// looked at once.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// How far the input has been looked at.
    at: usize,
    /// Where the present line begins.
    line: usize,
    /// Whole lines so far, without the empty one.
    lines: usize,
}

/// The longest that a section may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    /// Bytes of the first line.
    pub(super) first_line: usize,
    /// Bytes of all lines, without the empty one.
    pub(super) section: usize,
}

/// What is wrong with a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    BareCr,
    BareLf,
    FirstLineTooLong,
    SectionTooLong,
}

impl Scan {
    /// Looks at what is new in `input`, which begins with the section. Returns the section's length, the empty line
    /// included, once it is whole.
    pub(super) fn advance(&mut self, input: &[u8], lengths: Lengths) -> Result<Option<usize>, Flaw> {
        loop {
            let (limit, too_long) = match self.lines {
                0 => (lengths.first_line, Flaw::FirstLineTooLong),
                _ => (lengths.section, Flaw::SectionTooLong),
            };
            let rest = input.get(self.at..).unwrap_or(&[]);
            let text = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            self.at = self.at.saturating_add(text.unwrap_or(rest.len()));
            if self.at > limit {
                return Err(too_long);
            }
            match rest.get(text.unwrap_or(rest.len())..) {
                None | Some([] | [b'\r']) => return Ok(None),
                Some([b'\r', b'\n', ..]) => {}
                Some([b'\r', ..]) => return Err(Flaw::BareCr),
                Some(_) => return Err(Flaw::BareLf),
            }
            let is_empty = self.at == self.line;
            self.at = self.at.saturating_add(2);
            self.line = self.at;
            if is_empty {
                return Ok(Some(self.at));
            }
            self.lines = self.lines.saturating_add(1);
        }
    }

    /// Whether nothing of the section has been seen.
    pub(super) const fn is_fresh(&self) -> bool {
        self.at == 0
    }

    /// Whole lines so far, without the empty one.
    pub(super) const fn lines(&self) -> usize {
        self.lines
    }
}

impl Flaw {
    /// How a request with such a head is answered.
    pub(super) const fn refusal(self) -> Refusal {
        match self {
            Self::BareCr => Refusal::new(400, "carriage return without line feed"),
            Self::BareLf => Refusal::new(400, "line feed without carriage return"),
            // RFC 9112 §3: a target longer than the server wishes to parse.
            Self::FirstLineTooLong => Refusal::new(414, "request line too long"),
            // RFC 6585 §5.
            Self::SectionTooLong => Refusal::new(431, "header or trailer section too long"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: Lengths = Lengths {
        first_line: 6,
        section: 12,
    };

    /// The same for every way to cut the input in two, and byte by byte.
    fn scanned(input: &[u8]) -> Result<Option<usize>, Flaw> {
        let whole = Scan::default().advance(input, LENGTHS);
        for cut in 0..=input.len() {
            let mut scan = Scan::default();
            let first = scan.advance(&input[..cut], LENGTHS);
            let both = match first {
                Ok(None) => scan.advance(input, LENGTHS),
                decided => decided,
            };
            assert_eq!(both, whole, "{} at {cut}", input.escape_ascii());
        }
        let mut scan = Scan::default();
        let bytewise = (0..=input.len())
            .map(|end| scan.advance(&input[..end], LENGTHS))
            .find(|found| *found != Ok(None));
        assert_eq!(bytewise.unwrap_or(Ok(None)), whole);
        whole
    }

    #[test]
    fn a_section_ends_with_an_empty_line() {
        let rows = [
            (&b""[..], Ok(None)),
            (b"\r", Ok(None)),
            (b"\r\n", Ok(Some(2))),
            (b"ab\r\n\r\nmore", Ok(Some(6))),
            (b"ab\r\ncd\r\n\r\nx", Ok(Some(10))),
            (b"ab\r\ncd\r\n\r", Ok(None)),
            (b"ab\ncd", Err(Flaw::BareLf)),
            (b"ab\r\n\n", Err(Flaw::BareLf)),
            (b"ab\rcd", Err(Flaw::BareCr)),
            (b"ab\r\r\n", Err(Flaw::BareCr)),
            (b"123456\r\n\r\n", Ok(Some(10))),
            (b"1234567\r\n\r\n", Err(Flaw::FirstLineTooLong)),
            (b"12\r\n567890\r\n\r\n", Ok(Some(14))),
            (b"12\r\n5678901\r\n\r\n", Err(Flaw::SectionTooLong)),
            (b"12\r\n567890123\n", Err(Flaw::SectionTooLong)),
        ];
        for (input, expected) in rows {
            assert_eq!(scanned(input), expected, "{}", input.escape_ascii());
        }
    }
}
