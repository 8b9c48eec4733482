//! Frame heads and payloads, read.

use std::fmt;

use super::settings::Settings;
use super::{ErrorCode, HEAD_LEN};

/// The first nine bytes of a frame (RFC 9113 §4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHead {
    /// Bytes of the payload.
    pub len: u32,
    /// What the payload is.
    pub frame_type: FrameType,
    /// Bits whose meaning depends on the type.
    pub flags: Flags,
    /// The stream it belongs to; zero is the connection.
    pub stream: StreamId,
}

/// The number of a stream. Odd ones are opened by the client; zero is the connection itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId(u32);

/// What a frame's payload is. Types that this crate does not know are ignored by every receiver.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FrameType(pub u8);

/// The flags of a frame head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags(pub u8);

/// A frame's payload. Text borrows from the input.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// Body bytes.
    Data(Padded<'a>),
    /// The beginning of a field section.
    Headers {
        /// Its first fragment.
        fragment: Padded<'a>,
        /// The dependency that came with it.
        priority: Option<Priority>,
    },
    /// A dependency between streams, read and ignored (RFC 9113 §5.3.2).
    Priority(Priority),
    /// The end of a stream.
    Reset(ErrorCode),
    /// New settings of the sender.
    Settings(Settings<'a>),
    /// The answer to our settings.
    SettingsAck,
    /// A promised stream.
    PushPromise,
    /// A question for a sign of life.
    Ping([u8; 8]),
    /// The answer to our ping.
    PingAck([u8; 8]),
    /// The sender ends the connection.
    GoAway {
        /// The last stream that it has or will have processed.
        last: StreamId,
        /// Why.
        code: ErrorCode,
        /// A text for people.
        debug: &'a [u8],
    },
    /// More room in a flow-control window; zero is an error of the stream or connection.
    WindowUpdate(u32),
    /// The next fragment of a field section.
    Continuation(&'a [u8]),
    /// A type that is not known.
    Unknown,
}

/// Content of a frame without its padding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Padded<'a> {
    /// The content.
    pub content: &'a [u8],
    /// Where the content begins in the payload.
    pub offset: usize,
}

/// A dependency of a stream (RFC 7540 §5.3); only its self-reference matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Priority {
    /// The stream that the frame's own stream depends on.
    pub parent: StreamId,
    /// Whether it is the only one to depend on it.
    pub exclusive: bool,
    /// Weight minus one.
    pub weight: u8,
}

/// A frame that breaks a rule of its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameError {
    /// The code that the RFC names.
    pub code: ErrorCode,
    /// How much of the connection it ends.
    pub scope: Scope,
    /// What is wrong.
    pub text: &'static str,
}

/// How much an error ends (RFC 9113 §5.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The whole connection.
    Connection,
    /// One stream.
    Stream,
}

impl<'a> Padded<'a> {
    /// A payload without padding.
    #[must_use]
    #[inline]
    pub const fn none(payload: &'a [u8]) -> Self {
        Self {
            content: payload,
            offset: 0,
        }
    }
}

impl FrameHead {
    /// Reads a frame head; `None` if there are fewer than nine bytes. The reserved bit of the stream id is ignored.
    #[must_use]
    #[inline]
    pub const fn parse(input: &[u8]) -> Option<Self> {
        let Some([a, b, c, kind, flags, d, e, f, g]) = input.first_chunk::<HEAD_LEN>() else {
            return None;
        };
        Some(Self {
            len: u32::from_be_bytes([0, *a, *b, *c]),
            frame_type: FrameType(*kind),
            flags: Flags(*flags),
            stream: StreamId::from_wire([*d, *e, *f, *g]),
        })
    }

    /// The nine bytes. Only the low 24 bits of the length are used.
    #[must_use]
    #[inline]
    pub const fn to_bytes(self) -> [u8; HEAD_LEN] {
        let [_, a, b, c] = self.len.to_be_bytes();
        let [d, e, f, g] = self.stream.0.to_be_bytes();
        [a, b, c, self.frame_type.0, self.flags.0, d, e, f, g]
    }
}

/// Reads the payload of the frame that `head` begins; `payload` is exactly `head.len` bytes.
///
/// # Errors
///
/// A length, padding or stream id that the type does not allow.
#[inline]
pub fn parse(head: FrameHead, payload: &[u8]) -> Result<Payload<'_>, FrameError> {
    let connection_frame = matches!(
        head.frame_type,
        FrameType::SETTINGS | FrameType::PING | FrameType::GOAWAY
    );
    let either = head.frame_type == FrameType::WINDOW_UPDATE || !head.frame_type.is_known();
    if !either && connection_frame != head.stream.is_connection() {
        let text = match connection_frame {
            true => "a connection frame (SETTINGS, PING, GOAWAY) names a stream",
            false => "a stream frame names stream 0",
        };
        return Err(FrameError::connection(ErrorCode::PROTOCOL_ERROR, text));
    }
    Ok(match head.frame_type {
        FrameType::DATA => Payload::Data(unpad(head.flags, payload, 0)?),
        FrameType::HEADERS => parse_headers(head.flags, payload)?,
        FrameType::PRIORITY => {
            let Ok(bytes) = <[u8; 5]>::try_from(payload) else {
                return Err(FrameError::stream_size("PRIORITY is not 5 bytes long"));
            };
            Payload::Priority(Priority::parse(bytes))
        }
        FrameType::RST_STREAM => Payload::Reset(ErrorCode(word(payload, "RST_STREAM is not 4 bytes long")?)),
        FrameType::SETTINGS => parse_settings(head.flags, payload)?,
        FrameType::PUSH_PROMISE => Payload::PushPromise,
        FrameType::PING => {
            let Ok(bytes) = <[u8; 8]>::try_from(payload) else {
                return Err(FrameError::size("PING is not 8 bytes long"));
            };
            match head.flags.has(Flags::ACK) {
                true => Payload::PingAck(bytes),
                false => Payload::Ping(bytes),
            }
        }
        FrameType::GOAWAY => {
            let Some(([a, b, c, d, e, f, g, h], debug)) = payload.split_first_chunk::<8>() else {
                return Err(FrameError::size("GOAWAY is shorter than 8 bytes"));
            };
            Payload::GoAway {
                last: StreamId::from_wire([*a, *b, *c, *d]),
                code: ErrorCode(u32::from_be_bytes([*e, *f, *g, *h])),
                debug,
            }
        }
        FrameType::WINDOW_UPDATE => {
            Payload::WindowUpdate(word(payload, "WINDOW_UPDATE is not 4 bytes long")? & StreamId::MAX.0)
        }
        FrameType::CONTINUATION => Payload::Continuation(payload),
        _ => Payload::Unknown,
    })
}

fn parse_headers(flags: Flags, payload: &[u8]) -> Result<Payload<'_>, FrameError> {
    let with_priority = flags.has(Flags::PRIORITY);
    let mut fragment = unpad(flags, payload, if with_priority { Priority::LEN } else { 0 })?;
    let mut priority = None;
    if with_priority && let Some((bytes, rest)) = fragment.content.split_first_chunk::<{ Priority::LEN }>() {
        priority = Some(Priority::parse(*bytes));
        fragment.content = rest;
        fragment.offset = fragment.offset.saturating_add(Priority::LEN);
    }
    Ok(Payload::Headers { fragment, priority })
}

fn parse_settings(flags: Flags, payload: &[u8]) -> Result<Payload<'_>, FrameError> {
    if flags.has(Flags::ACK) {
        return match payload.is_empty() {
            true => Ok(Payload::SettingsAck),
            false => Err(FrameError::size("a SETTINGS acknowledgement is not empty")),
        };
    }
    if !payload.len().is_multiple_of(Settings::ENTRY) {
        return Err(FrameError::size("SETTINGS is not a multiple of 6 bytes long"));
    }
    Ok(Payload::Settings(Settings::new(payload)))
}

/// Takes padding off (RFC 9113 §6.1), leaving at least `min` bytes.
#[inline]
fn unpad(flags: Flags, payload: &[u8], min: usize) -> Result<Padded<'_>, FrameError> {
    if !flags.has(Flags::PADDED) {
        if payload.len() < min {
            return Err(FrameError::size("HEADERS is too short for its priority"));
        }
        return Ok(Padded {
            content: payload,
            offset: 0,
        });
    }
    let Some((padding, rest)) = payload.split_first() else {
        return Err(FrameError::size("a padded frame is empty"));
    };
    match rest.len().checked_sub(usize::from(*padding)) {
        Some(len) if len >= min => Ok(Padded {
            content: rest.get(..len).unwrap_or(&[]),
            offset: 1,
        }),
        _ => Err(FrameError::connection(
            ErrorCode::PROTOCOL_ERROR,
            "padding is as long as the payload or longer",
        )),
    }
}

fn word(payload: &[u8], text: &'static str) -> Result<u32, FrameError> {
    match <[u8; 4]>::try_from(payload) {
        Ok(bytes) => Ok(u32::from_be_bytes(bytes)),
        Err(_) => Err(FrameError::size(text)),
    }
}

impl StreamId {
    /// The connection itself.
    pub const CONNECTION: Self = Self(0);
    /// The largest id.
    pub const MAX: Self = Self(0x7fff_ffff);

    /// The stream with this number; the highest bit is dropped.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self(id & Self::MAX.0)
    }

    /// The number.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether this is the connection rather than a stream.
    #[must_use]
    pub const fn is_connection(self) -> bool {
        self.0 == 0
    }

    /// Whether a client opens streams with such ids.
    #[must_use]
    pub const fn is_from_client(self) -> bool {
        self.0 & 1 == 1
    }

    #[inline]
    const fn from_wire(bytes: [u8; 4]) -> Self {
        Self::new(u32::from_be_bytes(bytes))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl FrameType {
    /// Body bytes.
    pub const DATA: Self = Self(0x0);
    /// Opens a stream, answers it, or ends it with trailers.
    pub const HEADERS: Self = Self(0x1);
    /// Deprecated dependency of streams.
    pub const PRIORITY: Self = Self(0x2);
    /// Ends a stream at once.
    pub const RST_STREAM: Self = Self(0x3);
    /// Parameters of the connection.
    pub const SETTINGS: Self = Self(0x4);
    /// Announces a pushed stream.
    pub const PUSH_PROMISE: Self = Self(0x5);
    /// Sign of life.
    pub const PING: Self = Self(0x6);
    /// Ends the connection.
    pub const GOAWAY: Self = Self(0x7);
    /// Opens a flow-control window further.
    pub const WINDOW_UPDATE: Self = Self(0x8);
    /// Continues a field section.
    pub const CONTINUATION: Self = Self(0x9);

    /// Whether RFC 9113 defines it.
    #[must_use]
    #[inline]
    pub const fn is_known(self) -> bool {
        self.0 <= Self::CONTINUATION.0
    }
}

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// SETTINGS, PING: an answer.
    pub const ACK: Self = Self(0x1);
    /// DATA, HEADERS: the sender's last frame of the stream.
    pub const END_STREAM: Self = Self(0x1);
    /// HEADERS, CONTINUATION: the field section is complete.
    pub const END_HEADERS: Self = Self(0x4);
    /// DATA, HEADERS: padding follows the content.
    pub const PADDED: Self = Self(0x8);
    /// HEADERS: a dependency stands in front of the fragment.
    pub const PRIORITY: Self = Self(0x20);

    /// Whether all bits of `other` are set.
    #[must_use]
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    #[must_use]
    #[inline]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Priority {
    /// Bytes of a dependency.
    pub const LEN: usize = 5;

    const fn parse([a, b, c, d, weight]: [u8; Self::LEN]) -> Self {
        Self {
            parent: StreamId::from_wire([a, b, c, d]),
            exclusive: a & 0x80 != 0,
            weight,
        }
    }
}

impl FrameError {
    const fn connection(code: ErrorCode, text: &'static str) -> Self {
        Self {
            code,
            scope: Scope::Connection,
            text,
        }
    }

    const fn size(text: &'static str) -> Self {
        Self::connection(ErrorCode::FRAME_SIZE_ERROR, text)
    }

    const fn stream_size(text: &'static str) -> Self {
        Self {
            code: ErrorCode::FRAME_SIZE_ERROR,
            scope: Scope::Stream,
            text,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

impl std::error::Error for FrameError {}
