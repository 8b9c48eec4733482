//! Flow control between two connections, and what keeps memory bounded without it.

use super::credit::{Agreement, Wait, tell_at};
use super::streams::Phase;
use super::streams::Stream;
use super::{Connection, Event, Exception, Outcome, Stall, StreamId};
use crate::http2::Role;
use crate::time::Instant;
use crate::wire::ttstream::{FlowFrame, FlowSettings, Frame, FrameType};

use super::exception::{Class, code};

impl Connection {
    pub(super) fn offer_flow_control(&mut self) {
        if self.credit.agreement == Agreement::Offered {
            let settings = self.own_settings();
            self.put_flow(StreamId::CONNECTION, FlowFrame::Settings(settings));
        }
    }

    fn own_settings(&self) -> FlowSettings {
        FlowSettings {
            version: VERSION,
            connection: self.config.window(),
            stream: self.credit.stream_window,
        }
    }

    /// Sees whether a frame settles if there is flow control. Returns whether it does.
    ///
    /// A client's offer is the first frame that a server reads. The answer comes in front of all that a server sends, but
    /// a proxy may have something to tell before that.
    #[cold]
    pub(super) fn settle_flow_control(&mut self, frame: &Frame) -> bool {
        let offer = match frame.flow {
            Some(FlowFrame::Settings(settings)) if frame.id == StreamId::CONNECTION => settings,
            _ if self.role == Role::Server => {
                self.credit.settle_without();
                return false;
            }
            _ => {
                if frame.kind != FrameType::Meta && self.credit.agreement == Agreement::Offered {
                    self.end_answer_wait();
                }
                return false;
            }
        };
        // An answer is not above the offer; an offer may be.
        let known = offer.version == VERSION || offer.version > VERSION && self.role == Role::Server;
        let agreed = known && self.config.flow_control.is_on();
        match agreed {
            true => self.credit.agree(offer),
            false => self.credit.settle_without(),
        }
        let declined = FlowSettings {
            version: 0,
            connection: 0,
            stream: 0,
        };
        match self.role {
            Role::Server if agreed => {
                let settings = self.own_settings();
                self.queues.put_first(FlowFrame::Settings(settings));
            }
            Role::Server if offer.version > 0 => self.queues.put_first(FlowFrame::Settings(declined)),
            Role::Client if agreed => {
                // A server obeys from its first message on; it may hold us to it once all that was sent before has come.
                self.credit.enforce();
                self.put_flow_behind(FlowFrame::Ack(VERSION));
            }
            Role::Server | Role::Client => {}
        }
        let (limit, tell_at) = (self.credit.stream_limit, self.credit.first_tell());
        for stream in self.streams.iter_mut() {
            (stream.limit, stream.tell_at) = (limit, tell_at);
        }
        self.unblock();
        true
    }

    /// A later word about flow control.
    pub(super) fn on_flow(&mut self, id: StreamId, flow: FlowFrame) {
        if self.credit.agreement != Agreement::Agreed {
            return;
        }
        match flow {
            FlowFrame::Ack(VERSION) if self.role == Role::Server && id == StreamId::CONNECTION => {
                self.credit.enforce();
            }
            FlowFrame::Limit(limit) if id == StreamId::CONNECTION => {
                if limit > self.credit.limit {
                    self.credit.limit = limit;
                    self.unblock();
                }
            }
            FlowFrame::Limit(limit) => {
                if let Some(stream) = self.streams.get_mut(id)
                    && limit > stream.limit
                {
                    stream.limit = limit;
                    self.unblock_one(id);
                }
            }
            FlowFrame::Settings(_) | FlowFrame::Ack(_) => {}
        }
    }

    /// Whether a message of a stream may be sent now.
    #[inline]
    pub(super) fn may_send(&self, stream: &Stream) -> bool {
        stream.sent < stream.limit && self.credit.may_send() && self.queues.data.len() < self.config.send_buffer
    }

    /// Tells those who wait that they may send, as far as they may.
    pub(super) fn unblock(&mut self) {
        for _ in 0..self.blocked.len() {
            if let Some((turn, id)) = self.blocked.pop_front()
                && !self.tell_writable(id)
            {
                self.blocked.push_back((turn, id));
            }
        }
    }

    fn unblock_one(&mut self, id: StreamId) {
        let waits = self.streams.get(id).is_some_and(|stream| stream.flags.wants_writable);
        if waits && self.tell_writable(id) {
            self.blocked.retain(|(_, waiting)| *waiting != id);
        }
    }

    /// Returns whether the stream has no need to be in the list any more.
    fn tell_writable(&mut self, id: StreamId) -> bool {
        let Some(key) = self.streams.find(id) else {
            return true;
        };
        let free = self.streams.at(key).is_none_or(|stream| self.may_send(stream));
        let Some(stream) = self.streams.at_mut(key) else {
            return true;
        };
        if !free && stream.flags.wants_writable {
            // Others may have filled the queue since it began to wait for something else.
            self.queues.was_full |= self.queues.data.len() >= self.config.send_buffer;
            return false;
        }
        stream.flags.is_listed = false;
        let waits = std::mem::take(&mut stream.flags.wants_writable);
        if waits && stream.phase != Phase::Ended {
            self.events.push_back(Event::Writable { id });
        }
        true
    }

    /// Writes the limits that have risen.
    #[inline]
    pub(super) fn write_updates(&mut self) {
        if self.life.closed.is_some() {
            return self.updates.clear();
        }
        if let Some(limit) = self.credit.update() {
            self.credit.grant(limit);
            self.put_flow(StreamId::CONNECTION, FlowFrame::Limit(limit));
        }
        if !self.updates.is_empty() {
            self.write_stream_updates();
        }
    }

    fn write_stream_updates(&mut self) {
        let mut updates = std::mem::take(&mut self.updates);
        for id in updates.drain(..) {
            let window = self.credit.stream_window;
            let Some(stream) = self.streams.get_mut(id) else {
                continue;
            };
            stream.flags.has_update = false;
            if !stream.receiving.is_over() {
                let limit = stream.taken.saturating_add(window);
                stream.granted = limit;
                stream.tell_at = tell_at(limit, window);
                self.put_flow(id, FlowFrame::Limit(limit));
            }
        }
        self.updates = updates;
    }

    /// Whether nothing more may be read for now.
    #[inline]
    pub(super) fn is_paused(&self) -> bool {
        // What a client sends in front of its messages is bounded by its streams. Were both sides to wait for the other to
        // read, neither would.
        let is_flooded = self.role == Role::Server && self.queues.is_flooded();
        is_flooded || self.life.paused.is_some() && self.credit.has_stalled()
    }

    /// Sees that no more waits than may, where the peer does not obey flow control. Called after each message.
    #[inline]
    pub(super) fn check_stall(&mut self, now: Instant) {
        if self.credit.queued() >= self.credit.stall_at() {
            self.on_stall(now);
        }
    }

    #[cold]
    fn on_stall(&mut self, now: Instant) {
        let grows = |stream: &Stream| !stream.receiving.is_over() && stream.queued() > 0;
        if !self.streams.iter().any(grows) {
            return;
        }
        if self.config.exclusive.is_on() && self.role == Role::Client {
            self.life.paused = Some(Instant::FAR_FUTURE);
            return;
        }
        let stall = self.config.stall.unwrap_or(match self.role {
            Role::Server => Stall::Pause,
            Role::Client => Stall::Reset,
        });
        match stall {
            Stall::Pause => self.life.paused = Some(now + self.config.max_pause),
            Stall::Reset => self.reset_largest(),
        }
    }

    /// Gives up the stream that holds most.
    pub(super) fn reset_largest(&mut self) {
        let largest = self
            .streams
            .iter()
            .max_by_key(|stream| (stream.queued(), !stream.receiving.is_over(), stream.id))
            .map(|stream| stream.id);
        if let Some(id) = largest {
            let text = "flow control: its messages hold too much memory";
            self.overflow(id, text);
        }
    }

    /// Gives a stream up because of what was sent on it, with all that waits on it.
    #[cold]
    pub(super) fn overflow(&mut self, id: StreamId, text: &str) {
        let why = Exception::new(code::INTERNAL_CANCELED, Class::Canceled, text).on(self.side());
        self.give_up(id, why.clone());
        if let Some(stream) = self.streams.get_mut(id) {
            let charge = stream.inbox.clear(&mut self.spares);
            stream.taken = stream.taken.saturating_add(charge);
            self.credit.take(charge);
            if stream.ending.as_deref() == Some(&Outcome::Ok) {
                // It had ended well, but for what is lost here.
                stream.fail(why);
            }
        }
    }

    /// Reading goes on once enough has been taken.
    #[inline]
    pub(super) fn resume(&mut self) {
        if self.life.paused.is_some() && !self.is_paused() {
            self.life.paused = None;
        }
    }

    /// A client has waited for the answer to its offer for long enough.
    pub(super) fn end_answer_wait(&mut self) {
        self.credit.go_on_without();
        self.unblock();
    }

    /// When a client has waited for long enough.
    pub(super) fn answer_due(&self) -> Option<Instant> {
        match self.credit.wait {
            Wait::Since(since) => Some(since + self.config.answer_wait),
            Wait::No | Wait::Due => None,
        }
    }
}

/// The version of flow control that is spoken here.
const VERSION: u32 = 1;
