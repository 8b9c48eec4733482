//! Writing frames.

use super::{FrameType, StreamId};
use crate::buf::{Mark, Output};
use crate::wire::SequenceId;
use crate::wire::ttheader::{Flags, HeaderWriter, IntKey, OpenFrame, protocol_id};

/// The first bytes of the plain frames of one stream: those that carry nothing but their kind and the method.
#[derive(Clone, Debug)]
pub struct FramePrefix(Box<[u8]>);

impl FramePrefix {
    /// The prefix of stream `id`. `None`: the method's name does not fit a header.
    #[must_use]
    pub fn new(id: StreamId, method: &[u8]) -> Option<Self> {
        let mut out = Output::new();
        let mut writer = HeaderWriter::begin(&mut out, Flags::STREAMING, SequenceId(id.get()));
        writer.protocol_id(protocol_id::THRIFT_STRUCT);
        writer.int(IntKey::FRAME_TYPE, [FrameType::Data.digit()]);
        writer.int(IntKey::TO_METHOD, method);
        let _ = writer.end();
        match out.take_error() {
            None => Some(Self(out.to_vec().into())),
            Some(_) => None,
        }
    }

    /// Begins a data frame; its payload comes next, and then [`Self::end`].
    #[inline]
    pub fn begin_data(&self, out: &mut Output) -> Mark {
        let start = out.mark();
        out.put(&self.0);
        start
    }

    /// Begins a frame; its payload comes next, and then [`Self::end`].
    #[inline]
    pub fn begin(&self, out: &mut Output, kind: FrameType) -> Mark {
        let start = out.mark();
        out.put(&self.0);
        if kind != FrameType::Data {
            out.patch(start, KIND_AT, &[kind.digit()]);
        }
        start
    }

    /// Fills in the `LENGTH` of the frame that began at `start`.
    #[inline]
    pub fn end(out: &mut Output, start: Mark) {
        let bytes = out.since(start);
        Self::end_of(out, start, bytes);
    }

    /// The same for a frame that is known to have so many bytes.
    #[inline]
    pub fn end_of(out: &mut Output, start: Mark, bytes: usize) {
        let length = u32::try_from(bytes.saturating_sub(4)).unwrap_or(u32::MAX);
        out.patch_u32(start, length);
    }

    /// Bytes of a frame in front of its payload.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none: never.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        let Some([high, low]) = self.0.get(METHOD_AT - 2..).and_then(|rest| rest.first_chunk()) else {
            return &[];
        };
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        self.0.get(METHOD_AT..METHOD_AT.saturating_add(len)).unwrap_or(&[])
    }
}

/// Writes the header of a frame with more than that: `strings` fills in the ACL token and string entries, in this order,
/// and `ints` the int entries behind the kind and the method.
pub fn write_frame(
    out: &mut Output,
    id: StreamId,
    kind: FrameType,
    method: Option<&[u8]>,
    strings: impl FnOnce(&mut HeaderWriter<'_>),
    ints: impl FnOnce(&mut HeaderWriter<'_>),
) -> OpenFrame {
    let mut writer = HeaderWriter::begin(out, Flags::STREAMING, SequenceId(id.get()));
    writer.protocol_id(protocol_id::THRIFT_STRUCT);
    strings(&mut writer);
    writer.int(IntKey::FRAME_TYPE, [kind.digit()]);
    if let Some(method) = method {
        writer.int(IntKey::TO_METHOD, method);
    }
    ints(&mut writer);
    writer.end()
}

/// Behind 14 fixed bytes, two ids, block id and count: key 27 and its length.
const KIND_AT: usize = 14 + 2 + 3 + 4;
/// Behind the digit: key 9 and its length.
const METHOD_AT: usize = KIND_AT + 1 + 4;
