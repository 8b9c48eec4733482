//! Errors, split by who is at fault: [`DecodeError`] for bytes that are not what they claim to be, [`CloseReason`]
//! for what ends a connection, [`EncodeError`] and the verbs' own types for misuse by the caller.

use std::fmt;

/// Bytes that could not be decoded: what was wrong, where, and in which field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// What was wrong.
    pub kind: DecodeErrorKind,
    /// Offset of the offending byte from the start of the frame or body being decoded.
    pub offset: u32,
    /// The innermost generated field that was being read, as `(struct, field)`.
    pub field: Option<&'static (&'static str, &'static str)>,
}

/// What was wrong with the bytes. Texts come from the `Display` implementation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ends before the value does.
    UnexpectedEnd,
    /// A length or count below zero.
    NegativeLength(i32),
    /// A length or count that the remaining bytes cannot hold, or that is above a limit.
    LengthTooLarge(u32),
    /// A length that is too small for what must be inside.
    LengthTooSmall(u32),
    /// A string that is not UTF-8.
    InvalidUtf8,
    /// A wire type id that does not exist.
    UnknownType(u8),
    /// A field whose wire type is not the declared one.
    TypeMismatch {
        /// Type id of the IDL.
        expected: u8,
        /// Type id on the wire.
        found: u8,
    },
    /// Structs or containers nested deeper than the limit.
    DepthExceeded(u16),
    /// A required field or a struct parameter is absent.
    MissingField,
    /// A union with no field set, or with more than one.
    InvalidUnion(u16),
    /// A magic number or version word that is not the expected one.
    BadMagic(u32),
    /// A message type that is not allowed here.
    BadMessageType(u32),
    /// The method name is empty.
    EmptyMethodName,
    /// A TTHeader protocol id that is not supported.
    UnsupportedProtocolId(u8),
    /// A TTHeader info block id that does not exist.
    UnknownInfoId(u8),
    /// More transform ids announced than there are bytes.
    TooManyTransforms(u8),
    /// More key-value entries than the limit.
    TooManyEntries(u32),
    /// First bytes that belong to no protocol: the first and second four of them.
    UnknownProtocol {
        /// Bytes 0 to 3, big-endian.
        first: u32,
        /// Bytes 4 to 7, big-endian.
        second: u32,
    },
    /// The payload checksum is not the one announced.
    ChecksumMismatch,
    /// The payload's codec is not the one the service was registered with.
    CodecMismatch,
    /// A message that its own codec (Protobuf) refuses.
    InvalidMessage,
    /// TTHeader streaming: a frame whose kind does not exist.
    UnexpectedFrameType {
        /// The first bytes of what stands in its place.
        text: [u8; 8],
        /// Bytes that stand there, at most 255.
        len: u8,
    },
    /// TTHeader streaming: a frame without the streaming flag.
    UnexpectedFlags(u16),
}

impl DecodeError {
    /// An error of `kind` at `offset`; an offset above `u32::MAX` is capped.
    #[must_use]
    #[cold]
    pub fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self {
            kind,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            field: None,
        }
    }

    /// Names the field that was being read, unless a field further in has been named already.
    #[must_use]
    #[cold]
    pub const fn in_field(mut self, field: &'static (&'static str, &'static str)) -> Self {
        if self.field.is_none() {
            self.field = Some(field);
        }
        self
    }

    /// The same error with `base` added to its offset, for a decoder that works on a part of a larger input.
    #[must_use]
    pub fn shifted(mut self, base: usize) -> Self {
        self.offset = self.offset.saturating_add(u32::try_from(base).unwrap_or(u32::MAX));
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((structure, field)) = self.field {
            write!(f, "{structure}.{field}: ")?;
        }
        write!(f, "{} at offset {}", self.kind, self.offset)
    }
}

impl std::error::Error for DecodeError {}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd => f.write_str("unexpected end of input"),
            Self::NegativeLength(n) => write!(f, "negative length {n}"),
            Self::LengthTooLarge(n) => {
                write!(f, "length {n} is larger than what is left or allowed")
            }
            Self::LengthTooSmall(n) => write!(f, "length {n} is too small for its content"),
            Self::InvalidUtf8 => f.write_str("string is not UTF-8"),
            Self::UnknownType(id) => write!(f, "unknown type id {id:#04x}"),
            Self::TypeMismatch { expected, found } => {
                write!(f, "type id {found:#04x} where {expected:#04x} is declared")
            }
            Self::DepthExceeded(limit) => write!(f, "nested deeper than {limit} levels"),
            Self::MissingField => f.write_str("required field is not set"),
            Self::InvalidUnion(fields) => write!(f, "union with {fields} fields set"),
            Self::BadMagic(found) => write!(f, "bad magic or version {found:#010x}"),
            Self::BadMessageType(found) => write!(f, "invalid message type {found}"),
            Self::EmptyMethodName => f.write_str("method name is empty"),
            Self::UnsupportedProtocolId(id) => write!(f, "unsupported protocol id {id:#04x}"),
            Self::UnknownInfoId(id) => write!(f, "unknown info block id {id:#04x}"),
            Self::TooManyTransforms(n) => {
                write!(f, "{n} transform ids announced, but not enough bytes")
            }
            Self::TooManyEntries(n) => write!(f, "more than {n} key-value entries"),
            Self::UnknownProtocol { first, second } => {
                write!(f, "invalid payload (first4Bytes={first:#x}, second4Bytes={second:#x})")
            }
            Self::ChecksumMismatch => f.write_str("payload checksum mismatch"),
            Self::CodecMismatch => f.write_str("payload codec is not the service's"),
            Self::InvalidMessage => f.write_str("message cannot be decoded"),
            Self::UnexpectedFrameType { text, len } => {
                let shown = text.get(..usize::from(*len)).unwrap_or(text);
                write!(f, "unexpected frame type: {}", shown.escape_ascii())
            }
            Self::UnexpectedFlags(flags) => write!(f, "unexpected header flags: {flags}"),
        }
    }
}

/// A value that has no encoding; nothing of it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// A string, binary or container longer than its length field can say.
    LengthOverflow(usize),
    /// A header key or value longer than 65,535 bytes.
    HeaderStringTooLong(usize),
    /// More header data than the 262,140 bytes that the format can announce.
    HeaderTooLarge(usize),
    /// The whole frame would be above [`Limits::max_frame`](crate::Limits::max_frame).
    FrameTooLarge(usize),
    /// A union without a set field, or another value with no wire form.
    NoWireForm(&'static str),
    /// A method name that is empty or longer than [`Limits::max_method_name`](crate::Limits::max_method_name).
    MethodName(usize),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LengthOverflow(n) => write!(f, "length {n} does not fit its length field"),
            Self::HeaderStringTooLong(n) => {
                write!(f, "header string of {n} bytes, at most 65535 are possible")
            }
            Self::HeaderTooLarge(n) => {
                write!(f, "header of {n} bytes, at most 262140 are possible")
            }
            Self::FrameTooLarge(n) => write!(f, "frame of {n} bytes is above the limit"),
            Self::NoWireForm(what) => write!(f, "{what} has no wire form"),
            Self::MethodName(n) => write!(f, "method name of {n} bytes is empty or too long"),
        }
    }
}

impl std::error::Error for EncodeError {}

/// Why a connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer ended the connection between two messages.
    PeerClosed,
    /// The peer ended the connection inside a message.
    PeerClosedMidway,
    /// Reading from or writing to the socket failed.
    SocketFailed,
    /// The peer sent bytes that are not the protocol's.
    Malformed(DecodeError),
    /// A refusal was answered and the rest of the input cannot be trusted.
    Refused,
    /// First bytes of a protocol that this port does not serve.
    ProtocolNotServed(crate::wire::Protocol),
    /// A deadline of the connection passed.
    TimedOut(crate::TimerKind),
    /// A limit of [`Limits`](crate::Limits) was reached; the text names it.
    LimitReached(&'static str),
    /// A local graceful stop has finished, or ran into its deadline.
    Shutdown,
    /// A reply that no call waits for: a second answer to one call, or an answer to none.
    UnsolicitedReply(crate::wire::SequenceId),
    /// The peer announced the end (`crrst`, control frame, GOAWAY) and all calls are done.
    PeerDrained,
    /// The peer broke a rule of HTTP/2 and was told so in GOAWAY.
    Http2 {
        /// The code sent.
        code: crate::wire::http2::ErrorCode,
        /// What was wrong, as sent.
        text: std::borrow::Cow<'static, str>,
    },
    /// The peer ended an HTTP/2 connection for an error of ours, as it says.
    PeerGoAway {
        /// Its code.
        code: crate::wire::http2::ErrorCode,
        /// Its text, at most 256 bytes of it.
        debug: Box<str>,
    },
}

impl CloseReason {
    /// Whether the peer may still send although the connection is over. Closing a socket over bytes that nobody has read
    /// could take our last answer away from it: end the sending side, and read and drop until the peer has ended its own,
    /// or a second has passed.
    #[must_use]
    pub const fn lingers(&self) -> bool {
        !matches!(
            self,
            Self::PeerClosed
                | Self::PeerClosedMidway
                | Self::PeerGoAway { .. }
                | Self::SocketFailed
                | Self::TimedOut(crate::TimerKind::WriteStall)
                | Self::Shutdown
        )
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed => f.write_str("closed by the peer"),
            Self::PeerClosedMidway => f.write_str("closed by the peer inside a message"),
            Self::SocketFailed => f.write_str("socket failed"),
            Self::Malformed(error) => error.fmt(f),
            Self::Refused => f.write_str("closed after a refused call"),
            Self::ProtocolNotServed(protocol) => write!(f, "protocol not served here: {protocol}"),
            Self::TimedOut(timer) => write!(f, "timed out ({timer:?})"),
            Self::LimitReached(limit) => write!(f, "limit reached: {limit}"),
            Self::Shutdown => f.write_str("shut down"),
            Self::UnsolicitedReply(sequence) => write!(f, "reply that no call waits for, sequence id {}", sequence.0),
            Self::PeerDrained => f.write_str("the peer is shutting down"),
            Self::Http2 { code, text } => write!(f, "{code}: {text}"),
            Self::PeerGoAway { code, debug } => write!(f, "the peer sent GOAWAY {code}: {debug}"),
        }
    }
}

/// How the socket ended, for `handle_disconnect`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disconnect {
    /// The peer will send nothing more; it may still read.
    ReadEnd,
    /// Reading failed.
    ReadFailed,
    /// Writing failed.
    WriteFailed,
}
