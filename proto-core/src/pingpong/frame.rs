//! From a growing input to whole messages.

use bytes::{Bytes, BytesMut};

use crate::config::Limits;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::thrift::Skipper;
use crate::wire::detect::{Sniffed, sniff, sniff_payload};
use crate::wire::mesh::MeshHeader;
use crate::wire::ttheader::{Header, Info};
use crate::wire::{Codec, Envelope, MessageType, SequenceId, Span, Transport, framed, kitex_protobuf, thrift_message};

/// A whole message, split off the input. Places count from the start of `bytes`.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    pub(super) layout: Layout,
}

/// Where the parts of a message are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) prefix: Prefix,
    pub(super) transport: Transport,
    pub(super) codec: Codec,
    pub(super) message_type: MessageType,
    pub(super) sequence: SequenceId,
    pub(super) name: Span,
    pub(super) body: Span,
    /// Where the next message starts.
    end: usize,
}

/// What stands in front of the payload.
#[derive(Debug, Clone, Copy)]
pub(super) enum Prefix {
    None,
    TtHeader(Header, Info),
    Mesh(MeshHeader),
}

impl Frame {
    pub(super) fn name(&self) -> &[u8] {
        self.layout.name.of(&self.bytes)
    }

    pub(super) fn body(&self) -> &[u8] {
        self.layout.body.of(&self.bytes)
    }

    /// Everything behind the TTHeader: what the checksum covers.
    pub(super) fn payload(&self) -> &[u8] {
        match self.layout.prefix {
            Prefix::TtHeader(header, _) => self.bytes.get(header.payload_start()..).unwrap_or(&[]),
            Prefix::Mesh(_) | Prefix::None => &self.bytes,
        }
    }
}

/// A message that cannot be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameError {
    pub(super) error: DecodeError,
    /// Length of the frame if its end is known all the same, so that a multiplexed connection can go on.
    pub(super) boundary: Option<usize>,
    /// The message's head, if that much of it can be used.
    pub(super) head: Option<Layout>,
}

impl From<DecodeError> for FrameError {
    fn from(error: DecodeError) -> Self {
        Self {
            error,
            boundary: None,
            head: None,
        }
    }
}

/// Splits whole messages off a growing input. Remembers how far a bare message was walked.
#[derive(Debug, Default)]
pub(super) struct Framer {
    walk: Option<Box<Skipper>>,
}

impl Framer {
    /// The next whole message, or `None` while it is incomplete. Errors leave `input` as it is.
    #[inline]
    pub(super) fn next(&mut self, input: &mut BytesMut, limits: &Limits) -> Result<Option<Frame>, FrameError> {
        let Some(layout) = self.layout(input, limits)? else {
            return Ok(None);
        };
        self.walk = None;
        let bytes = input.split_to(layout.end.min(input.len())).freeze();
        Ok(Some(Frame { bytes, layout }))
    }

    /// The head of a message whose body is still incomplete: enough to answer that it did not come. Bare messages,
    /// whose length nobody told, have none.
    pub(super) fn head(input: &[u8], limits: &Limits) -> Option<Layout> {
        let (start, prefix) = match sniff(input) {
            Sniffed::TtHeader => {
                let header = Header::parse(input, limits).ok()??;
                let info = Info::scan(input.get(..header.payload_start())?, &header, limits.max_header_entries).ok()?;
                (header.payload_start(), Prefix::TtHeader(header, info))
            }
            _ => (0, Prefix::None),
        };
        let payload = input.get(start..)?;
        let behind_header = matches!(prefix, Prefix::TtHeader(..));
        let (codec, transport, skip) = match sniff_payload(payload) {
            Sniffed::BareThrift if behind_header => (Codec::Thrift, Transport::TtHeader, 0),
            Sniffed::FramedThrift => (Codec::Thrift, framed_transport(behind_header), framed::LENGTH_SIZE),
            Sniffed::FramedProtobuf => (Codec::Protobuf, framed_transport(behind_header), framed::LENGTH_SIZE),
            _ => return None,
        };
        let start = start.saturating_add(skip);
        let envelope = parse_envelope(codec, payload.get(skip..)?, limits).ok()??;
        place(&envelope, start, transport, codec, input.len()).map(|layout| Layout { prefix, ..layout })
    }

    #[inline(always)]
    fn layout(&mut self, input: &[u8], limits: &Limits) -> Result<Option<Layout>, FrameError> {
        match sniff(input) {
            Sniffed::NeedMore => Ok(None),
            Sniffed::TtHeader => behind_ttheader(input, limits),
            Sniffed::Mesh => {
                let Some(mesh) = MeshHeader::parse(input, limits)? else {
                    return Ok(None);
                };
                let layout = self.open_payload(input, mesh.payload_start(), limits)?;
                Ok(layout.map(|layout| Layout {
                    prefix: Prefix::Mesh(mesh),
                    ..layout
                }))
            }
            _ => self.open_payload(input, 0, limits),
        }
    }

    /// A payload that tells its own end: framed, or bare to the end of its struct.
    #[inline(always)]
    fn open_payload(&mut self, input: &[u8], start: usize, limits: &Limits) -> Result<Option<Layout>, FrameError> {
        let payload = input.get(start..).unwrap_or(&[]);
        match sniff_payload(payload) {
            Sniffed::NeedMore => Ok(None),
            Sniffed::BareThrift => self.bare(input, start, limits),
            Sniffed::FramedProtobuf => Ok(framed_message(input, start, Codec::Protobuf, limits)?),
            Sniffed::FramedThrift => Ok(framed_message(input, start, Codec::Thrift, limits)?),
            unknown => Err(unknown_payload(unknown, start).into()),
        }
    }

    fn bare(&mut self, input: &[u8], start: usize, limits: &Limits) -> Result<Option<Layout>, FrameError> {
        let message = input.get(start..).unwrap_or(&[]);
        let parsed = parse_envelope(Codec::Thrift, message, limits).map_err(|error| error.shifted(start))?;
        let Some(envelope) = parsed else {
            return Ok(None);
        };
        let body = start.saturating_add(envelope.body_start());
        let walk = self
            .walk
            .get_or_insert_with(|| Box::new(Skipper::new(limits.max_depth)));
        let max_frame = limits.max_frame as usize;
        let seen = input.get(body..).unwrap_or(&[]);
        let seen = seen.get(..max_frame).unwrap_or(seen);
        let until = |end| place(&envelope, start, Transport::Bare, Codec::Thrift, end);
        match walk.advance(seen) {
            Ok(Some(len)) => Ok(until(body.saturating_add(len))),
            Ok(None) if seen.len() == max_frame => Err(too_large(max_frame, start).into()),
            Ok(None) => Ok(None),
            Err(error) => Err(FrameError {
                error: error.shifted(body),
                boundary: None,
                head: until(input.len()),
            }),
        }
    }
}

#[inline(always)]
fn behind_ttheader(input: &[u8], limits: &Limits) -> Result<Option<Layout>, FrameError> {
    let Some(header) = Header::parse(input, limits)? else {
        return Ok(None);
    };
    let Some(frame) = input.get(..header.frame_len()) else {
        return Ok(None);
    };
    let info = Info::scan(frame, &header, limits.max_header_entries)?;
    match closed_payload(frame, header.payload_start(), limits) {
        Ok(layout) => Ok(Some(Layout {
            prefix: Prefix::TtHeader(header, info),
            ..layout
        })),
        Err(error) => Err(FrameError {
            error,
            boundary: Some(frame.len()),
            head: None,
        }),
    }
}

/// A payload whose end the TTHeader has told; bytes of the frame behind an inner length are dropped.
#[inline(always)]
fn closed_payload(frame: &[u8], start: usize, limits: &Limits) -> Result<Layout, DecodeError> {
    let cut = || DecodeError::new(DecodeErrorKind::UnexpectedEnd, frame.len());
    let payload = frame.get(start..).ok_or_else(cut)?;
    let codec = match sniff_payload(payload) {
        Sniffed::NeedMore => return Err(cut()),
        Sniffed::BareThrift => {
            let parsed = parse_envelope(Codec::Thrift, payload, limits).map_err(|error| error.shifted(start))?;
            let envelope = parsed.ok_or_else(cut)?;
            if envelope.body_start() >= payload.len() {
                return Err(too_small(payload.len(), start));
            }
            return place(&envelope, start, Transport::TtHeader, Codec::Thrift, frame.len()).ok_or_else(cut);
        }
        Sniffed::FramedThrift => Codec::Thrift,
        Sniffed::FramedProtobuf => Codec::Protobuf,
        unknown => return Err(unknown_payload(unknown, start)),
    };
    match framed_message(frame, start, codec, limits)? {
        Some(layout) => Ok(Layout {
            transport: Transport::TtHeaderFramed,
            end: frame.len(),
            ..layout
        }),
        None => Err(too_large(payload.len(), start)),
    }
}

#[inline(always)]
fn framed_message(input: &[u8], start: usize, codec: Codec, limits: &Limits) -> Result<Option<Layout>, DecodeError> {
    let payload = input.get(start..).unwrap_or(&[]);
    let parsed = framed::parse(payload, codec, limits).map_err(|error| error.shifted(start))?;
    let Some(length) = parsed else {
        return Ok(None);
    };
    let begin = start.saturating_add(framed::LENGTH_SIZE);
    let end = begin.saturating_add(length as usize);
    let Some(message) = input.get(begin..end) else {
        return Ok(None);
    };
    let short = || too_small(message.len(), start);
    let envelope = parse_envelope(codec, message, limits)
        .map_err(|error| error.shifted(begin))?
        .ok_or_else(short)?;
    // A Thrift body is never empty: its struct ends with a stop byte.
    if codec == Codec::Thrift && envelope.body_start() >= message.len() {
        return Err(short());
    }
    place(&envelope, begin, Transport::Framed, codec, end)
        .map(Some)
        .ok_or_else(short)
}

#[inline(always)]
fn parse_envelope(codec: Codec, message: &[u8], limits: &Limits) -> Result<Option<Envelope>, DecodeError> {
    match codec {
        Codec::Thrift => thrift_message::parse(message, limits),
        Codec::Protobuf => kitex_protobuf::parse(message, limits),
    }
}

/// The layout of a message whose envelope begins at `start`. `None` only beyond what offsets can say.
#[inline(always)]
fn place(envelope: &Envelope, start: usize, transport: Transport, codec: Codec, end: usize) -> Option<Layout> {
    let name = envelope.name.range();
    let body = start.saturating_add(envelope.body_start());
    Some(Layout {
        prefix: Prefix::None,
        transport,
        codec,
        message_type: envelope.message_type,
        sequence: envelope.sequence,
        name: Span::new(start.saturating_add(name.start), name.len())?,
        body: Span::new(body, end.saturating_sub(body))?,
        end,
    })
}

const fn framed_transport(behind_header: bool) -> Transport {
    if behind_header {
        Transport::TtHeaderFramed
    } else {
        Transport::Framed
    }
}

fn too_small(length: usize, at: usize) -> DecodeError {
    DecodeError::new(
        DecodeErrorKind::LengthTooSmall(u32::try_from(length).unwrap_or(u32::MAX)),
        at,
    )
}

fn too_large(length: usize, at: usize) -> DecodeError {
    DecodeError::new(
        DecodeErrorKind::LengthTooLarge(u32::try_from(length).unwrap_or(u32::MAX)),
        at,
    )
}

fn unknown_payload(sniffed: Sniffed, at: usize) -> DecodeError {
    let cut = DecodeError::new(DecodeErrorKind::UnexpectedEnd, 0);
    sniffed.error().unwrap_or(cut).shifted(at)
}
