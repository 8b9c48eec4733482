//! One answer into the write arena.

use super::Call;
use crate::buf::Output;
use crate::config::ServerConfig;
use crate::error::EncodeError;
use crate::exception::{ApplicationException, ExceptionType};
use crate::pingpong::message::{self, MessageHead};
use crate::pingpong::reply::{Reply, ReplyOutcome, RespondError};
use crate::status::BusinessStatus;
use crate::wire::ttheader::{Flags, HeaderWriter, IntKey, string_key};
use crate::wire::{Codec, MessageType, SequenceId, Transport, business};

/// How an answer is addressed and framed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route<'a> {
    pub(super) layout: RouteLayout,
    pub(super) method: &'a [u8],
}

/// The part of a [`Route`] that is the same for every method.
#[derive(Debug, Clone, Copy)]
pub(super) struct RouteLayout {
    pub(super) transport: Transport,
    pub(super) codec: Codec,
    pub(super) sequence: SequenceId,
}

/// Whether the answer tells the caller not to use the connection again (`crrst`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResetMark {
    Set,
    Unset,
}

/// Writes answers as the configuration asks.
#[derive(Debug)]
pub(super) struct ReplyWriter<'a> {
    pub(super) out: &'a mut Output,
    pub(super) config: &'a ServerConfig,
}

impl Call {
    pub(super) const fn route(&self) -> RouteLayout {
        RouteLayout {
            transport: self.transport,
            codec: self.codec,
            sequence: self.sequence,
        }
    }
}

impl ReplyWriter<'_> {
    /// Writes `reply`, or an exception that says why it has no encoding.
    pub(super) fn write_or_explain(
        &mut self,
        route: &Route<'_>,
        reply: &Reply<'_>,
        mark: ResetMark,
    ) -> Result<(), EncodeError> {
        let sent = self.write(route, reply, mark);
        if let Err(error) = sent {
            let text = RespondError::Encode(error).to_string();
            let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, text);
            self.write(route, &Reply::new(ReplyOutcome::Exception(&exception)), mark)?;
        }
        sent
    }

    pub(super) fn write(&mut self, route: &Route<'_>, reply: &Reply<'_>, mark: ResetMark) -> Result<(), EncodeError> {
        let codec = route.layout.codec;
        let (message_type, status) = match reply.outcome {
            ReplyOutcome::Exception(_) => (MessageType::Exception, None),
            ReplyOutcome::Business { status, .. } => (MessageType::Reply, Some(status)),
            ReplyOutcome::Result(_) | ReplyOutcome::Empty => (MessageType::Reply, None),
        };
        let head = MessageHead {
            transport: route.layout.transport,
            codec,
            flags: Flags::NONE,
            sequence: route.layout.sequence,
            message_type,
            method: route.method,
            crc32c: self.config.crc32c,
            max_frame: self.config.limits.max_frame,
        };
        let meta = self.config.meta;
        if let Some(header) = self.plain_header(&head, reply, status, mark) {
            return message::write_behind(self.out, &head, header, |out| encode(out, codec, reply));
        }
        let strings = |writer: &mut HeaderWriter<'_>| {
            for (key, value) in reply.backward {
                writer.string(key, value);
            }
            if meta.is_on() && mark == ResetMark::Set {
                writer.string(string_key::CONNECTION_RESET, "1");
            }
            if meta.is_on()
                && let Some(status) = status
            {
                business::write(writer, status);
            }
        };
        let ints = |writer: &mut HeaderWriter<'_>| {
            if meta.is_on() {
                writer.int(
                    IntKey::MESSAGE_TYPE,
                    if message_type == MessageType::Exception {
                        "3"
                    } else {
                        "2"
                    },
                );
            }
        };
        message::write(self.out, &head, strings, ints, |out| encode(out, codec, reply))
    }

    /// The header of most replies, ready made but for its length and sequence id.
    fn plain_header(
        &self,
        head: &MessageHead<'_>,
        reply: &Reply<'_>,
        status: Option<&BusinessStatus>,
        mark: ResetMark,
    ) -> Option<&'static [u8]> {
        let plain = head.transport.has_header()
            && head.message_type == MessageType::Reply
            && reply.backward.is_empty()
            && status.is_none()
            && mark == ResetMark::Unset
            && !head.crc32c.is_on();
        plain.then_some(if self.config.meta.is_on() {
            &PLAIN_HEADER_WITH_META
        } else {
            &PLAIN_HEADER
        })
    }

    /// The frame that tells a multiplexing client to use another connection: sequence id 0, method `none`.
    pub(super) fn write_control(&mut self) {
        let head = MessageHead {
            transport: Transport::TtHeader,
            codec: Codec::Thrift,
            flags: Flags::NONE,
            sequence: SequenceId(0),
            message_type: MessageType::Reply,
            method: b"none",
            crc32c: self.config.crc32c,
            max_frame: self.config.limits.max_frame,
        };
        let strings = |writer: &mut HeaderWriter<'_>| writer.string(string_key::CONNECTION_RESET, "1");
        // 47 bytes fit any frame limit worth the name.
        let _ = message::write(
            self.out,
            &head,
            strings,
            |_| {},
            |out| message::write_empty(out, Codec::Thrift),
        );
    }
}

#[inline]
fn encode(out: &mut Output, codec: Codec, reply: &Reply<'_>) {
    match reply.outcome {
        ReplyOutcome::Result(result)
        | ReplyOutcome::Business {
            result: Some(result), ..
        } => result.encode_body(out),
        ReplyOutcome::Exception(exception) => message::write_exception(out, codec, exception),
        ReplyOutcome::Business { result: None, .. } | ReplyOutcome::Empty => message::write_empty(out, codec),
    }
}

/// A header without entries.
const PLAIN_HEADER: [u8; 18] = [0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
/// A header with the message type of a reply, `2` under int key 22.
const PLAIN_HEADER_WITH_META: [u8; 26] = [
    0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0x10, 0, 1, 0, 22, 0, 1, b'2', 0, 0,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Switch;

    #[test]
    fn ready_made_headers_are_what_the_writer_writes() {
        for (meta, ready) in [
            (Switch::On, &PLAIN_HEADER_WITH_META[..]),
            (Switch::Off, &PLAIN_HEADER[..]),
        ] {
            let mut out = Output::new();
            let mut writer = HeaderWriter::begin(&mut out, Flags::NONE, SequenceId(0));
            if meta.is_on() {
                writer.int(IntKey::MESSAGE_TYPE, "2");
            }
            let _ = writer.end();
            assert_eq!(out.to_vec(), ready);
        }
    }
}
