//! gzip of whole messages (RFC 1952), the compression that gRPC peers share.

use std::fmt;

use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use crate::buf::Output;
use crate::wire::grpc::message::{self, PREFIX_SIZE, Prefix};

/// Compresses and decompresses messages. Its tables are large; they are made when first needed and used again.
#[derive(Default)]
pub(super) struct Gzip {
    deflate: Option<Compress>,
    inflate: Option<Decompress>,
    /// Memory for compressed messages.
    packed: Vec<u8>,
}

/// A compressed message that cannot be taken. The texts are those of Go's library, as far as it has the error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum GzipError {
    /// Nothing at all.
    Empty,
    /// What should be the head of a member is none.
    Header,
    /// The compressed bytes are not DEFLATE's.
    Corrupt,
    /// The message ends within a member.
    Truncated,
    /// Checksum or length are not those of the content.
    Checksum,
    /// More members than any peer writes.
    TooManyMembers,
    /// The content is above this limit.
    TooLarge(usize),
}

impl GzipError {
    /// Whether the content is above the limit.
    pub(super) const fn is_too_large(self) -> bool {
        matches!(self, Self::TooLarge(_))
    }
}

impl Gzip {
    /// Whether messages can be compressed at all.
    pub(super) const IS_BUILT_IN: bool = true;

    /// Compresses the message that stands in `out`, alone and behind its prefix.
    pub(super) fn pack(&mut self, out: &mut Output) {
        let (arena, shared) = out.parts();
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        packed.extend_from_slice(&[0; PREFIX_SIZE]);
        let mut member = self.begin(&mut packed);
        let mut at = PREFIX_SIZE;
        for (end, payload) in shared.drain(..) {
            member.put(arena.get(at..end).unwrap_or_default());
            member.put(&payload);
            at = end;
        }
        member.put(arena.get(at..).unwrap_or_default());
        member.end();
        let prefix = Prefix {
            compression: message::Compression::Compressed,
            length: length(packed.len().saturating_sub(PREFIX_SIZE)),
        };
        if let Some(place) = packed.first_chunk_mut() {
            *place = prefix.to_bytes();
        }
        self.packed = std::mem::replace(arena, packed);
    }

    /// Appends the compressed form of `message`.
    #[cfg(test)]
    pub(super) fn compress(&mut self, message: &[u8], out: &mut Vec<u8>) {
        let mut member = self.begin(out);
        member.put(message);
        member.end();
    }

    /// Appends the content of `message`, of which there may be `max` bytes. An error appends nothing.
    pub(super) fn decompress(&mut self, message: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), GzipError> {
        let start = out.len();
        let decompressed = self.members(message, max, out);
        if decompressed.is_err() {
            out.truncate(start);
        }
        decompressed
    }

    /// Gives the tables back.
    pub(super) fn release_memory(&mut self) {
        *self = Self::default();
    }

    fn begin<'a>(&'a mut self, out: &'a mut Vec<u8>) -> Member<'a> {
        let deflate = self
            .deflate
            .get_or_insert_with(|| Compress::new(Compression::new(LEVEL), false));
        deflate.reset();
        out.extend_from_slice(&HEAD);
        Member {
            deflate,
            crc: Crc::new(),
            out,
        }
    }

    /// A message is a run of members, and its content is theirs end to end (RFC 1952 §2.2).
    fn members(&mut self, message: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), GzipError> {
        if message.is_empty() {
            return Err(GzipError::Empty);
        }
        let inflate = self.inflate.get_or_insert_with(|| Decompress::new(false));
        let end = out.len().saturating_add(max);
        let mut rest = message;
        for _ in 0..MAX_MEMBERS {
            inflate.reset(false);
            let body = skip_head(rest)?;
            let start = out.len();
            let trailer = content(inflate, body, end, out).map_err(|error| match error {
                GzipError::TooLarge(_) => GzipError::TooLarge(max),
                error => error,
            })?;
            let (sums, behind) = trailer.split_first_chunk::<8>().ok_or(GzipError::Truncated)?;
            let member = out.get(start..).unwrap_or_default();
            let mut crc = Crc::new();
            crc.update(member);
            let expected = u64::from(length(member.len())) << 32 | u64::from(crc.sum());
            if u64::from_le_bytes(*sums) != expected {
                return Err(GzipError::Checksum);
            }
            if behind.is_empty() {
                return Ok(());
            }
            rest = behind;
        }
        Err(GzipError::TooManyMembers)
    }
}

/// A member that is being written.
struct Member<'a> {
    deflate: &'a mut Compress,
    crc: Crc,
    out: &'a mut Vec<u8>,
}

impl Member<'_> {
    fn put(&mut self, piece: &[u8]) {
        self.crc.update(piece);
        self.deflate(piece, FlushCompress::None);
    }

    fn end(mut self) {
        self.deflate(&[], FlushCompress::Finish);
        self.out.extend_from_slice(&self.crc.sum().to_le_bytes());
        self.out.extend_from_slice(&self.crc.amount().to_le_bytes());
    }

    fn deflate(&mut self, piece: &[u8], flush: FlushCompress) {
        let Self { deflate, out, .. } = self;
        let mut rest = piece;
        let mut step = rest.len().max(MIN_STEP);
        loop {
            let start = out.len();
            out.resize(start.saturating_add(step), 0);
            let (read, written) = (deflate.total_in(), deflate.total_out());
            let status = deflate.compress(rest, out.get_mut(start..).unwrap_or_default(), flush);
            out.truncate(start.saturating_add(advance(written, deflate.total_out())));
            rest = rest.get(advance(read, deflate.total_in())..).unwrap_or_default();
            let is_done = match status {
                Ok(Status::Ok | Status::BufError) => rest.is_empty() && matches!(flush, FlushCompress::None),
                // An error is for callers that go on behind the end, which this one does not.
                Ok(Status::StreamEnd) | Err(_) => true,
            };
            if is_done {
                return;
            }
            step = step.saturating_mul(2);
        }
    }
}

/// Appends the content of one member until `out` has `end` bytes. Returns what is behind its compressed bytes.
fn content<'a>(inflate: &mut Decompress, body: &'a [u8], end: usize, out: &mut Vec<u8>) -> Result<&'a [u8], GzipError> {
    let mut rest = body;
    let mut step = rest.len().saturating_mul(4).max(MIN_STEP);
    loop {
        let start = out.len();
        let room = end.saturating_sub(start).min(step);
        // Where there is no room the end of the content still has to be seen, or one byte that is too much.
        let mut probe = [0];
        out.resize(start.saturating_add(room), 0);
        let slot = match out.get_mut(start..) {
            Some(slot) if !slot.is_empty() => slot,
            _ => &mut probe[..],
        };
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(rest, slot, FlushDecompress::None);
        let (read, written) = (advance(read, inflate.total_in()), advance(written, inflate.total_out()));
        if room == 0 && written > 0 {
            return Err(GzipError::TooLarge(end));
        }
        out.truncate(start.saturating_add(written));
        rest = rest.get(read..).unwrap_or_default();
        match status {
            Ok(Status::StreamEnd) => return Ok(rest),
            Ok(Status::Ok | Status::BufError) if read == 0 && written == 0 => return Err(GzipError::Truncated),
            Ok(Status::Ok | Status::BufError) => step = step.saturating_mul(2),
            Err(_) => return Err(GzipError::Corrupt),
        }
    }
}

/// What is behind the head of a member (RFC 1952 §2.3).
fn skip_head(member: &[u8]) -> Result<&[u8], GzipError> {
    let (head, mut rest) = member.split_first_chunk::<10>().ok_or(GzipError::Truncated)?;
    let [0x1f, 0x8b, DEFLATE, flags, ..] = *head else {
        return Err(GzipError::Header);
    };
    if flags & EXTRA != 0 {
        let (length, behind) = rest.split_first_chunk::<2>().ok_or(GzipError::Truncated)?;
        let length = usize::from(u16::from_le_bytes(*length));
        rest = behind.get(length..).ok_or(GzipError::Truncated)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0).ok_or(GzipError::Truncated)?;
            rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
        }
    }
    if flags & HEAD_CRC != 0 {
        let length = member.len().saturating_sub(rest.len());
        let (sum, behind) = rest.split_first_chunk::<2>().ok_or(GzipError::Truncated)?;
        let mut crc = Crc::new();
        crc.update(member.get(..length).unwrap_or_default());
        let [low, high, ..] = crc.sum().to_le_bytes();
        if [low, high] != *sum {
            return Err(GzipError::Header);
        }
        rest = behind;
    }
    Ok(rest)
}

/// How far a counter of the library went.
fn advance(before: u64, after: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

/// The length that the end of a member says: modulo 2^32.
fn length(len: usize) -> u32 {
    u32::try_from(len as u64 & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

impl fmt::Debug for Gzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gzip").finish_non_exhaustive()
    }
}

impl fmt::Display for GzipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("EOF"),
            Self::Header => f.write_str("gzip: invalid header"),
            Self::Corrupt => f.write_str("flate: corrupt input"),
            Self::Truncated => f.write_str("unexpected EOF"),
            Self::Checksum => f.write_str("gzip: invalid checksum"),
            Self::TooManyMembers => f.write_str("gzip: too many members"),
            Self::TooLarge(limit) => {
                write!(f, "grpc: received message after decompression larger than max {limit}")
            }
        }
    }
}

impl std::error::Error for GzipError {}

/// The head that is written: no flags, no time, an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, DEFLATE, 0, 0, 0, 0, 0, 0, 0xff];
/// The only compression method there is.
const DEFLATE: u8 = 8;
const HEAD_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
/// Large messages are a tenth larger than at the usual level 6, and are done in a quarter of its time.
const LEVEL: u32 = 2;
/// Members of one message. Peers write one; each costs the clearing of a window, however short it is.
const MAX_MEMBERS: usize = 64;
/// Room that is made for results at least.
const MIN_STEP: usize = 512;

#[cfg(test)]
mod tests;
