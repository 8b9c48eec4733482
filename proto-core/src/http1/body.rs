//! Request bodies in chunks (RFC 9112 §7.1).

use bytes::{Buf, Bytes, BytesMut};

use super::config::Config;
use super::parse::check_trailers;
use super::scan::{Flaw, Lengths, Scan};
use crate::http::{Body, Refusal};

/// A body in chunks that is being put together. Nothing but the trailer section stays in the input.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    state: State,
    body: Body,
    /// Bytes of chunk extensions so far.
    extensions: usize,
}

/// What comes next.
#[derive(Debug)]
enum State {
    /// Digits of a chunk size.
    Size { value: u64, digits: u8 },
    /// White space between the size and the first extension.
    BeforeExtension { size: u64 },
    /// The extensions, until their CR.
    Extension { size: u64 },
    /// The LF behind a chunk size.
    SizeEnd { size: u64 },
    /// So many bytes of the body.
    Data { left: u64 },
    /// The CR behind a chunk.
    DataCr,
    /// The LF behind a chunk.
    DataLf,
    /// Fields and an empty line.
    Trailers(Scan),
}

impl Default for State {
    fn default() -> Self {
        Self::Size { value: 0, digits: 0 }
    }
}

/// Whether a body has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Partial,
    Whole,
}

impl Chunked {
    /// Takes what there is of the body off `input`.
    pub(super) fn advance(&mut self, input: &mut BytesMut, config: &Config) -> Result<Progress, Refusal> {
        loop {
            if let State::Trailers(scan) = &mut self.state {
                return take_trailers(scan, input, config);
            }
            if let State::Data { left } = self.state {
                let step = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                if step == 0 {
                    return Ok(Progress::Partial);
                }
                self.body
                    .extend(input.get(..step).unwrap_or(&[]), config.requests.max_body);
                input.advance(step);
                self.state = match left.saturating_sub(step as u64) {
                    0 => State::DataCr,
                    left => State::Data { left },
                };
                continue;
            }
            let Some(&byte) = input.first() else {
                return Ok(Progress::Partial);
            };
            self.state = self.next(byte, config)?;
            input.advance(1);
        }
    }

    /// Bytes of the body so far.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }

    /// Bytes of memory held.
    pub(super) fn capacity(&self) -> usize {
        self.body.capacity()
    }

    /// The body, once it is whole.
    pub(super) fn take_body(&mut self) -> Bytes {
        self.body.take()
    }

    /// What `byte` leads to outside data and trailers.
    fn next(&mut self, byte: u8, config: &Config) -> Result<State, Refusal> {
        Ok(match (&self.state, byte) {
            (State::Size { digits, .. }, _) if *digits >= MAX_DIGITS && byte.is_ascii_hexdigit() => {
                return Err(Refusal::new(400, "chunk size too long"));
            }
            (State::Size { value, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                State::Size {
                    value: value.wrapping_shl(4) | u64::from(digit),
                    digits: digits.saturating_add(1),
                }
            }
            (State::Size { value, digits: 1.. }, b'\r' | b' ' | b'\t' | b';') => {
                let size = *value;
                self.check_size(size, config)?;
                match byte {
                    b'\r' => State::SizeEnd { size },
                    b';' => State::Extension { size },
                    _ => State::BeforeExtension { size },
                }
            }
            (State::BeforeExtension { size }, b' ' | b'\t' | b';') => {
                let size = *size;
                self.count_extension(config)?;
                match byte {
                    b';' => State::Extension { size },
                    _ => State::BeforeExtension { size },
                }
            }
            (State::Extension { size }, b'\r') => State::SizeEnd { size: *size },
            // RFC 9112 §7.1.1: extensions that are not known are ignored.
            (State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                let size = *size;
                self.count_extension(config)?;
                State::Extension { size }
            }
            (State::SizeEnd { size: 0 }, b'\n') => State::Trailers(Scan::default()),
            (State::SizeEnd { size }, b'\n') => State::Data { left: *size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::default(),
            (State::DataCr | State::DataLf, _) => return Err(Refusal::new(400, "chunk longer than its size")),
            _ => return Err(Refusal::new(400, "invalid chunk size")),
        })
    }

    fn check_size(&self, size: u64, config: &Config) -> Result<(), Refusal> {
        let room = config.requests.max_body.saturating_sub(self.body.len());
        if size > room as u64 {
            return Err(Refusal::new(413, "body too large"));
        }
        Ok(())
    }

    fn count_extension(&mut self, config: &Config) -> Result<(), Refusal> {
        self.extensions = self.extensions.saturating_add(1);
        if self.extensions > config.limits.max_chunk_extensions {
            return Err(Refusal::new(400, "too many chunk extensions"));
        }
        Ok(())
    }
}

fn take_trailers(scan: &mut Scan, input: &mut BytesMut, config: &Config) -> Result<Progress, Refusal> {
    let limits = &config.limits;
    let lengths = Lengths {
        first_line: limits.max_trailers,
        section: limits.max_trailers,
    };
    let found = scan.advance(input, lengths).map_err(|flaw| match flaw {
        Flaw::FirstLineTooLong => Flaw::SectionTooLong.refusal(),
        flaw => flaw.refusal(),
    })?;
    let Some(length) = found else {
        return Ok(Progress::Partial);
    };
    if scan.lines() > limits.max_fields {
        return Err(Refusal::new(431, "too many trailers"));
    }
    check_trailers(input.get(..length).unwrap_or(&[]), scan.lines())?;
    input.advance(length);
    Ok(Progress::Whole)
}

/// Digits of the largest size that fits.
const MAX_DIGITS: u8 = 16;
