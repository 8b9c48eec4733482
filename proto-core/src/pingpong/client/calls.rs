//! Requests out, answers in.

use std::time::Duration;

use super::{Call, ClientConnection, ClientEvent};
use crate::config::ClientConfig;
use crate::error::{CloseReason, DecodeError, DecodeErrorKind, EncodeError};
use crate::pingpong::call_error::CallError;
use crate::pingpong::frame::{Frame, Prefix};
use crate::pingpong::message::{self, MessageHead};
use crate::pingpong::request::{OpenError, Request, RequestKind};
use crate::pingpong::slots::CallId;
use crate::planted::{Bug, planted};
use crate::wire::ttheader::{Flags, HeaderWriter, IntKey, string_key};
use crate::wire::{Codec, MessageType, SequenceId, Transport};

impl ClientConnection {
    /// Opens a call, encoding it straight into the write arena.
    ///
    /// A oneway call is over once its bytes are sent: it has an id, and no event follows.
    ///
    /// # Errors
    /// An [`OpenError`]; nothing of the call was sent then.
    pub fn open(&mut self, request: &Request<'_>) -> Result<CallId, OpenError> {
        if self.recorder.is_some() {
            return self.record_open(request);
        }
        if !self.is_reusable() {
            return Err(OpenError::NotUsable);
        }
        if self.calls.len() >= self.room() {
            return Err(OpenError::Busy);
        }
        if request.method.is_empty() || request.method.len() > self.config.limits.max_method_name as usize {
            return Err(OpenError::Encode(EncodeError::MethodName(request.method.len())));
        }
        let id = self.calls.next_id();
        let sequence = self.sequence_for(id);
        self.write(request, sequence).map_err(OpenError::Encode)?;
        if request.kind == RequestKind::Call {
            let mut method = self.spare.pop().unwrap_or_default();
            method.push_str(request.method);
            let has_deadline = request.deadline.is_some();
            self.calls.insert(Call {
                sequence,
                method,
                codec: request.codec,
                has_deadline,
                answer: None,
            });
            if let Some(at) = request.deadline {
                let calls = &self.calls;
                self.call_timers
                    .insert(at, id, |id| calls.get(id).is_some(), calls.len());
            }
        }
        if request.kind == RequestKind::Oneway {
            // The peer may answer all the same, when it does not know the method: no other call may take that for its
            // own, neither by the id nor by coming next.
            self.calls.use_up(id);
            self.retire();
        }
        Ok(id)
    }

    /// Takes in one whole answer.
    pub(super) fn take(&mut self, frame: Frame) {
        if self.config.meta.is_on() && frame.announces_close() {
            self.drain();
        }
        let id = if self.config.multiplex.is_on() {
            let Prefix::TtHeader(header, _) = frame.layout.prefix else {
                return self.fail(CloseReason::Malformed(DecodeError::new(
                    DecodeErrorKind::BadMagic(0),
                    4,
                )));
            };
            if header.sequence == SequenceId(0) {
                return self.drain();
            }
            self.call_with(header.sequence)
        } else {
            let first = self.calls.ids().next();
            if first.is_none_or(|id| self.calls.get(id).is_some_and(|call| call.answer.is_some())) {
                return self.fail(CloseReason::UnsolicitedReply(frame.layout.sequence));
            }
            first
        };
        // An answer to a call that was given up is dropped.
        let Some(id) = id else { return };
        match self.check(id, &frame) {
            Ok(()) => self.answered(id, frame),
            Err(error) => {
                self.retire();
                self.fail_call(id, error);
            }
        }
    }

    /// Bytes that are no message end the connection, and name the reason to the call that waited for one.
    pub(super) fn malformed(&mut self, error: DecodeError) {
        let open: Vec<_> = self.calls.ids().collect();
        for id in open {
            if self.calls.get(id).is_some_and(|call| call.answer.is_none()) {
                let error = match error.kind {
                    DecodeErrorKind::BadMessageType(found) => CallError::InvalidMessageType(found),
                    _ => CallError::Malformed(error),
                };
                self.fail_call(id, error);
            }
        }
        self.fail(CloseReason::Malformed(error));
    }

    pub(super) fn fail_call(&mut self, id: CallId, error: CallError) {
        if self.end_call(id).is_some() {
            self.events.push_back(ClientEvent::Failed { id, error });
        }
    }

    pub(super) fn end_call(&mut self, id: CallId) -> Option<Call> {
        let mut call = self.calls.remove(id)?;
        if call.has_deadline {
            let calls = &self.calls;
            self.call_timers.prune(|id| calls.get(id).is_some());
        }
        if self.spare.len() < SPARE_NAMES {
            let mut method = std::mem::take(&mut call.method);
            method.clear();
            self.spare.push(method);
        }
        Some(call)
    }

    fn answered(&mut self, id: CallId, frame: Frame) {
        // A peer closes behind many exceptions without saying so, so the connection is not used again.
        if frame.layout.message_type == MessageType::Exception {
            self.retire();
        }
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        self.held_bytes += frame.bytes.len();
        call.answer = Some(frame);
        self.events.push_back(ClientEvent::Answered { id });
    }

    /// The checks of a Kitex client, in its order. Proxies send exceptions with any sequence id and method.
    fn check(&self, id: CallId, frame: &Frame) -> Result<(), CallError> {
        let Some(call) = self.calls.get(id) else {
            return Ok(());
        };
        if self.config.crc32c.is_on() {
            frame.check_checksum().map_err(CallError::Malformed)?;
        }
        match frame.layout.message_type {
            MessageType::Exception => return Ok(()),
            MessageType::Reply | MessageType::Stream => {}
            other => return Err(CallError::InvalidMessageType(u32::from(other.number()))),
        }
        if frame.name() != call.method.as_bytes() {
            let actual = String::from_utf8_lossy(frame.name()).into_owned();
            return Err(CallError::WrongMethod {
                expected: call.method.clone(),
                actual,
            });
        }
        if frame.layout.sequence != call.sequence {
            return Err(CallError::OutOfOrderSequence {
                method: call.method.clone(),
                expected: call.sequence,
                received: frame.layout.sequence,
            });
        }
        if frame.layout.codec != call.codec {
            return Err(CallError::Malformed(DecodeError::new(
                DecodeErrorKind::CodecMismatch,
                0,
            )));
        }
        Ok(())
    }

    /// On a connection that carries one call at a time, no other may follow.
    fn retire(&mut self) {
        if !self.config.multiplex.is_on() {
            self.life.retired = true;
        }
    }

    fn drain(&mut self) {
        self.life.retired = true;
        if !self.life.draining {
            self.life.draining = true;
            self.events.push_back(ClientEvent::Draining);
        }
    }

    /// Sequence ids are never 0. On a multiplexed connection they hold the call's slot, so that an answer finds its
    /// call without a search; the slot's generation tells a late answer from one to the slot's next call.
    fn sequence_for(&mut self, id: CallId) -> SequenceId {
        if self.config.multiplex.is_on() {
            return self.slot_sequence(id.index(), id.generation());
        }
        let sequence = self.next_sequence;
        self.next_sequence = if sequence == i32::MAX { 1 } else { sequence + 1 };
        SequenceId(sequence)
    }

    fn slot_sequence(&self, index: u32, generation: u32) -> SequenceId {
        let bits = self.slot_bits();
        let number = (generation << bits | index) & SEQUENCE_MASK;
        SequenceId(i32::try_from(number).unwrap_or(0) + 1)
    }

    fn call_with(&self, sequence: SequenceId) -> Option<CallId> {
        let number = u32::try_from(sequence.0.checked_sub(1)?).ok()?;
        let index = number & ((1 << self.slot_bits()) - 1);
        let id = self.calls.find(index, |generation| {
            self.slot_sequence(index, generation) == sequence || planted(Bug::LateAnswerTaken)
        })?;
        self.calls.get(id).filter(|call| call.answer.is_none()).map(|_| id)
    }

    fn slot_bits(&self) -> u32 {
        self.most_calls().next_power_of_two().trailing_zeros()
    }

    fn most_calls(&self) -> u32 {
        self.config.limits.max_calls.min(MAX_MULTIPLEXED)
    }

    /// How many calls can be open at a time.
    fn room(&self) -> usize {
        if self.config.multiplex.is_on() {
            self.most_calls() as usize
        } else {
            1
        }
    }

    fn write(&mut self, request: &Request<'_>, sequence: SequenceId) -> Result<(), EncodeError> {
        let multiplexed = self.config.multiplex.is_on();
        let transport = match (self.config.transport, multiplexed) {
            (Transport::Bare, true) => Transport::TtHeader,
            (Transport::Framed, true) => Transport::TtHeaderFramed,
            (transport, _) => transport,
        };
        let transport = match (transport, request.codec) {
            (Transport::Bare, Codec::Protobuf) => Transport::Framed,
            (Transport::TtHeader, Codec::Protobuf) => Transport::TtHeaderFramed,
            (transport, _) => transport,
        };
        let message_type = match request.kind {
            RequestKind::Call => MessageType::Call,
            RequestKind::Oneway => MessageType::Oneway,
        };
        let head = MessageHead {
            transport,
            codec: request.codec,
            flags: if multiplexed { Flags::OUT_OF_ORDER } else { Flags::NONE },
            sequence,
            message_type,
            method: request.method.as_bytes(),
            crc32c: self.config.crc32c,
            max_frame: self.config.limits.max_frame,
        };
        let config = &self.config;
        let meta = self.config.meta.is_on();
        let strings = |writer: &mut HeaderWriter<'_>| {
            request.meta.write(writer);
            if meta && !request.service.is_empty() {
                writer.string(string_key::SERVICE_NAME, request.service);
            }
        };
        let ints = |writer: &mut HeaderWriter<'_>| {
            if meta {
                write_ints(writer, config, request, transport);
            }
        };
        message::write(&mut self.output, &head, strings, ints, |out| {
            request.body.encode_body(out)
        })
    }
}

fn write_ints(writer: &mut HeaderWriter<'_>, config: &ClientConfig, request: &Request<'_>, transport: Transport) {
    writer.int(
        IntKey::TRANSPORT_TYPE,
        if transport.is_framed() { "framed" } else { "unframed" },
    );
    if !config.caller.is_empty() {
        writer.int(IntKey::FROM_SERVICE, &config.caller);
    }
    if !config.destination.is_empty() {
        writer.int(IntKey::TO_SERVICE, &config.destination);
    }
    writer.int(IntKey::TO_METHOD, request.method);
    write_millis(writer, IntKey::RPC_TIMEOUT, request.timeout);
    write_millis(writer, IntKey::CONNECT_TIMEOUT, request.connect_timeout);
    writer.int(IntKey::FROM_METHOD, request.caller_method);
    writer.int(
        IntKey::MESSAGE_TYPE,
        if request.kind == RequestKind::Oneway { "4" } else { "1" },
    );
}

fn write_millis(writer: &mut HeaderWriter<'_>, key: IntKey, duration: Option<Duration>) {
    if let Some(duration) = duration {
        writer.decimal(key, u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    }
}

/// Sequence ids stay positive: 31 bits less the one that is added.
const SEQUENCE_MASK: u32 = 0x3fff_ffff;
/// Calls in flight that a sequence id can tell apart with generations to spare.
const MAX_MULTIPLEXED: u32 = 1 << 20;
/// Method name buffers kept for their memory.
const SPARE_NAMES: usize = 32;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{ClientConfig, ClientConnection, Instant, Limits, Switch};

    /// More could not be told apart by their sequence ids.
    #[test]
    fn there_is_room_for_as_many_calls_as_sequence_ids_tell_apart() {
        let room = |max_calls, multiplex| {
            let limits = Limits {
                max_calls,
                ..Limits::default()
            };
            let config = ClientConfig {
                multiplex,
                limits,
                ..ClientConfig::default()
            };
            ClientConnection::new(Arc::new(config), Instant::ZERO).room()
        };
        assert_eq!(room(u32::MAX, Switch::On), 1 << 20);
        assert_eq!(room(3, Switch::On), 3);
        assert_eq!(room(3, Switch::Off), 1);
    }
}
