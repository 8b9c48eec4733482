//! One message into the write arena: header, lengths, envelope, body.

use crate::buf::{Mark, Output};
use crate::config::Switch;
use crate::error::EncodeError;
use crate::exception::ApplicationException;
use crate::thrift;
use crate::wire::ttheader::{Flags, HeaderWriter};
use crate::wire::{Codec, MessageType, SequenceId, Transport, framed, kitex_protobuf, thrift_message};

/// What a message is, apart from its header entries and body.
#[derive(Debug, Clone, Copy)]
pub(super) struct MessageHead<'a> {
    pub(super) transport: Transport,
    pub(super) codec: Codec,
    pub(super) flags: Flags,
    pub(super) sequence: SequenceId,
    pub(super) message_type: MessageType,
    pub(super) method: &'a [u8],
    pub(super) crc32c: Switch,
    pub(super) max_frame: u32,
}

/// Appends one message, or nothing if it has no encoding. Header entries are written as Kitex orders them: ACL token
/// and strings, then ints.
pub(super) fn write(
    out: &mut Output,
    head: &MessageHead<'_>,
    strings: impl FnOnce(&mut HeaderWriter<'_>),
    ints: impl FnOnce(&mut HeaderWriter<'_>),
    body: impl FnOnce(&mut Output),
) -> Result<(), EncodeError> {
    let start = out.mark();
    if head.transport.has_header() {
        let mut writer = HeaderWriter::begin(out, head.flags, head.sequence);
        strings(&mut writer);
        if head.crc32c.is_on() {
            writer.checksum();
        }
        ints(&mut writer);
        let frame = writer.end();
        write_payload(out, head, body);
        frame.finish(out, head.max_frame);
    } else {
        write_payload(out, head, body);
    }
    settle(out, start)
}

/// Keeps the message that began at `start`, or takes it back if it has no encoding.
fn settle(out: &mut Output, start: Mark) -> Result<(), EncodeError> {
    match out.take_error() {
        None => Ok(()),
        Some(error) => {
            out.rollback(start);
            Err(error)
        }
    }
}

/// Appends one message behind a ready-made TTHeader whose length and sequence id are filled in.
pub(super) fn write_behind(
    out: &mut Output,
    head: &MessageHead<'_>,
    header: &[u8],
    body: impl FnOnce(&mut Output),
) -> Result<(), EncodeError> {
    let start = out.mark();
    out.put(header);
    out.patch(start, SEQUENCE_AT, &head.sequence.0.to_be_bytes());
    write_payload(out, head, body);
    let length = out.since(start).saturating_sub(framed::LENGTH_SIZE);
    match u32::try_from(length) {
        Ok(length) if length <= head.max_frame => out.patch_u32(start, length),
        _ => out.fail(EncodeError::FrameTooLarge(length)),
    }
    settle(out, start)
}

/// The body of an application exception in the codec of its call.
pub(super) fn write_exception(out: &mut Output, codec: Codec, exception: &ApplicationException) {
    match codec {
        Codec::Thrift => thrift::Struct::encode(exception, &mut thrift::Writer::new(out)),
        Codec::Protobuf => kitex_protobuf::write_exception(out, exception),
    }
}

/// The body without any field.
pub(super) fn write_empty(out: &mut Output, codec: Codec) {
    if codec == Codec::Thrift {
        out.put_u8(0);
    }
}

fn write_payload(out: &mut Output, head: &MessageHead<'_>, body: impl FnOnce(&mut Output)) {
    let message = out.mark();
    let inner = head.transport.is_framed().then(|| framed::begin(out));
    match head.codec {
        Codec::Thrift => thrift_message::write_envelope(out, head.message_type, head.method, head.sequence),
        Codec::Protobuf => kitex_protobuf::write_envelope(out, head.message_type, head.method, head.sequence),
    }
    body(out);
    match inner {
        Some(inner) => framed::finish(out, inner, head.max_frame),
        None if out.since(message) > head.max_frame as usize => {
            out.fail(EncodeError::FrameTooLarge(out.since(message)));
        }
        None => {}
    }
}

/// Place of the sequence id in a TTHeader.
const SEQUENCE_AT: usize = 8;
