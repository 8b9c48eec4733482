//! From input to frames, and from frames to those who handle them.

use bytes::{Buf, Bytes, BytesMut};

use super::budget::Abuse;
use super::streams::Gone;
use super::{Connection, Role};
use crate::Demand;
use crate::buf::SHARE_FROM;
use crate::time::Instant;
use crate::wire::http2::{
    self as wire, ErrorCode, Flags, FrameError, FrameHead, FrameType, HEAD_LEN, PREFACE, Padded, Payload, Scope,
    StreamId,
};

impl Connection {
    /// Takes in what was read. Whole frames are split off `input`; an incomplete tail stays there. Call it again with
    /// the same buffer when [`Self::read_demand`] says [`Demand::Receive`].
    pub fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        let before = input.len();
        if before != self.counts.input {
            self.note_read(now);
        }
        self.life.blocked = false;
        let taken = self.frames(now, input);
        // The buffer moves on once for all frames; one that is used up begins anew, which leaves it its room.
        if taken >= input.len() || self.is_closed() {
            input.clear();
        } else {
            input.advance(taken);
        }
        if input.len() < before {
            // What is left began after something whole.
            self.times.frame = None;
        }
        self.note_input(now, input.len());
        self.settle(now);
    }

    /// Handles the whole frames at the beginning of `input` where they lie, and tells how far they reach. Large ones are
    /// split off.
    fn frames(&mut self, now: Instant, input: &mut BytesMut) -> usize {
        let mut at: usize = 0;
        if self.life.preface_missing {
            match self.read_preface(input) {
                Some(len) => at = len,
                None => return 0,
            }
        }
        while let Some(rest) = input.get(at..)
            && let Some(head) = FrameHead::parse(rest)
            && !self.is_closed()
        {
            if head.len > self.config.legal_max_frame_size() {
                self.on_oversize(head);
                break;
            }
            let end = HEAD_LEN.saturating_add(head.len as usize);
            let Some(payload) = rest.get(HEAD_LEN..end) else {
                break;
            };
            if self.unsent() >= self.config.limits.max_unsent {
                self.life.blocked = true;
                break;
            }
            if self.is_plain_data(head) && payload.len() < SHARE_FROM {
                self.on_data(now, head, Padded::none(payload), None);
            } else if head.frame_type == FrameType::DATA && payload.len() >= SHARE_FROM {
                input.advance(at);
                at = 0;
                let frame = input.split_to(end).freeze();
                let payload = frame.slice(HEAD_LEN..);
                self.frame(now, head, &payload, Some(&payload));
                continue;
            } else {
                self.frame(now, head, payload, None);
            }
            at = at.saturating_add(end);
        }
        at
    }

    #[cold]
    fn on_oversize(&mut self, head: FrameHead) {
        match self.life.settings_missing && head.frame_type != FrameType::SETTINGS {
            // Most likely not HTTP/2 at all (RFC 9113 §3.4).
            true => self.fail(ErrorCode::PROTOCOL_ERROR, NO_SETTINGS),
            false => self.fail(ErrorCode::FRAME_SIZE_ERROR, "a frame above SETTINGS_MAX_FRAME_SIZE"),
        }
    }

    /// What to do with the reading side of the socket now.
    #[must_use]
    pub fn read_demand(&self) -> Demand {
        if self.is_closed() {
            Demand::Stop
        } else if self.unsent() >= self.config.limits.max_unsent {
            Demand::Pause
        } else if self.life.blocked {
            Demand::Receive
        } else {
            Demand::Read
        }
    }

    /// Looks at the client's first bytes. Returns their length once they are all there.
    fn read_preface(&mut self, rest: &[u8]) -> Option<usize> {
        let len = rest.len().min(PREFACE.len());
        if rest.get(..len) != PREFACE.get(..len) {
            self.fail(ErrorCode::PROTOCOL_ERROR, "the connection preface is not HTTP/2's");
            return None;
        }
        if len < PREFACE.len() {
            return None;
        }
        self.life.preface_missing = false;
        Some(len)
    }

    /// Whether a frame is what there is most of, and in its place: DATA without padding.
    #[inline]
    fn is_plain_data(&self, head: FrameHead) -> bool {
        head.frame_type == FrameType::DATA
            && !head.flags.has(Flags::PADDED)
            && !head.stream.is_connection()
            && self.block.is_none()
            && !self.life.settings_missing
    }

    /// Handles one whole frame. `shared` is its payload, where it is large.
    fn frame(&mut self, now: Instant, head: FrameHead, payload: &[u8], shared: Option<&Bytes>) {
        if let Some(block) = &self.block
            && (head.frame_type != FrameType::CONTINUATION || head.stream != block.id())
        {
            return self.fail(ErrorCode::PROTOCOL_ERROR, "a frame inside a header block");
        }
        if self.life.settings_missing && (head.frame_type != FrameType::SETTINGS || head.flags.has(Flags::ACK)) {
            return self.fail(ErrorCode::PROTOCOL_ERROR, NO_SETTINGS);
        }
        let payload = match wire::parse(head, payload) {
            Ok(payload) => payload,
            Err(error) => return self.frame_error(now, head.stream, error),
        };
        match payload {
            Payload::Data(data) => self.on_data(now, head, data, shared),
            Payload::Headers { fragment, priority } => self.on_headers(now, head, fragment.content, priority),
            Payload::Continuation(fragment) => self.on_continuation(now, head, fragment),
            Payload::Settings(settings) => self.on_settings(now, settings),
            Payload::SettingsAck => self.on_settings_ack(now),
            Payload::Ping(payload) => self.on_ping(now, payload),
            Payload::PingAck(payload) => self.on_ping_ack(now, payload),
            Payload::WindowUpdate(increment) => self.on_window_update(now, head.stream, increment),
            Payload::Reset(code) => self.on_reset(now, head.stream, code),
            Payload::GoAway { last, code, debug } => self.on_go_away(last, code, debug),
            Payload::Priority(priority) => {
                if priority.parent == head.stream {
                    // RFC 9113 §5.3.2 keeps the format; RFC 7540 §5.3.1 makes a self-reference an error.
                    return self.stream_error(now, head.stream, ErrorCode::PROTOCOL_ERROR, SELF_DEPENDENCY);
                }
                self.charge(now, Abuse::Ignored);
            }
            Payload::PushPromise => {
                // RFC 9113 §8.4: clients cannot push, and ours have said that servers may not.
                self.fail(ErrorCode::PROTOCOL_ERROR, "PUSH_PROMISE where push is off");
            }
            Payload::Unknown => self.charge(now, Abuse::Ignored),
        }
    }

    fn frame_error(&mut self, now: Instant, id: StreamId, error: FrameError) {
        match error.scope {
            Scope::Connection => self.fail(error.code, error.text),
            // RFC 9113 §4.2 wants the code sent, and a stream that is gone cannot be reset any more (§5.1).
            Scope::Stream if self.live_stream(id).is_none() => self.fail(error.code, error.text),
            Scope::Stream => self.stream_error(now, id, error.code, error.text),
        }
    }

    /// Whether the peer may open `id` now, or has not come as far.
    pub(super) fn is_idle(&self, id: StreamId) -> bool {
        match (self.role, id.is_from_client()) {
            (Role::Server, true) => id > self.last_peer,
            (Role::Client, true) => id.get() >= self.next_local,
            // Nobody opens streams with even ids here.
            (Role::Server | Role::Client, false) => true,
        }
    }

    /// A frame of a stream that is not here (RFC 9113 §5.1).
    pub(super) fn on_missing_stream(&mut self, now: Instant, id: StreamId, frame: Stray) {
        if self.is_idle(id) {
            return self.fail(ErrorCode::PROTOCOL_ERROR, "a frame on an idle stream");
        }
        match (self.streams.how_gone(id), frame) {
            (Gone::Skipped, _) => {
                self.fail(ErrorCode::PROTOCOL_ERROR, "a frame on a stream that was passed over");
            }
            (Gone::Ended, Stray::Content | Stray::Headers) => {
                self.fail(ErrorCode::STREAM_CLOSED, "a frame on a stream that has ended");
            }
            (Gone::ResetThere, Stray::Content | Stray::Headers) => {
                self.writer().reset(id, ErrorCode::STREAM_CLOSED);
                // Once is enough (RFC 9113 §5.4.2).
                self.streams.remember(id, Gone::ResetHere);
                self.charge(now, Abuse::Resets);
            }
            // Content was paid for with its flow-control window.
            (Gone::ResetHere | Gone::Forgotten, Stray::Content) => {}
            (_, _) => self.charge(now, Abuse::Ignored),
        }
    }

    /// Counts one in a budget, and ends the connection if it is used up.
    #[inline]
    pub(super) fn charge(&mut self, now: Instant, what: Abuse) {
        if !self.budgets.charge(now, what) {
            self.fail(ErrorCode::ENHANCE_YOUR_CALM, what.text());
        }
    }
}

/// What kind of frame came for a stream that is not here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stray {
    /// DATA that carries something, or ends the stream.
    Content,
    /// A header section.
    Headers,
    /// RST_STREAM, WINDOW_UPDATE.
    Other,
}

const NO_SETTINGS: &str = "the first frame is not SETTINGS";
pub(super) const SELF_DEPENDENCY: &str = "a stream that depends on itself";
