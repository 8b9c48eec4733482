//! How a connection ends: graceful stops, errors, and what the socket does.

use std::borrow::Cow;

use super::event::{Event, Initiator, Outcome};
use super::{Connection, Role};
use crate::Shutdown;
use crate::buf::Output;
use crate::error::{CloseReason, Disconnect};
use crate::stream::lifecycle::Receiving;
use crate::time::{Instant, TimerKind};
use crate::wire::http2::{ErrorCode, Flags, StreamId};

/// What is known about the connection's phase.
#[derive(Debug)]
pub(super) struct Life {
    /// The client's first bytes have not come.
    pub(super) preface_missing: bool,
    /// The next frame has to be SETTINGS.
    pub(super) settings_missing: bool,
    /// The peer's first SETTINGS are in force.
    pub(super) settings_seen: bool,
    /// The peer has acknowledged ours.
    pub(super) settings_acknowledged: bool,
    /// Input was left over because too much is unsent.
    pub(super) blocked: bool,
    /// The application was told that no stream can be opened.
    pub(super) wants_stream: bool,
    /// The application was told that too much waits to be sent on all streams together.
    pub(super) memory_full: bool,
    /// A ping of the application that is not answered.
    pub(super) own_ping: Option<[u8; 8]>,
    /// A keep-alive ping is not answered.
    pub(super) keep_alive_unanswered: bool,
    /// The last stream that the peer will process.
    pub(super) peer_last: Option<StreamId>,
    /// What the peer's GOAWAY complained of.
    pub(super) peer_error: Option<(ErrorCode, Box<str>)>,
    /// The last stream that our own GOAWAY has named. It must not go up again (RFC 9113 §6.8).
    pub(super) named_last: Option<StreamId>,
    pub(super) drain: Option<Drain>,
    pub(super) closed: Option<CloseReason>,
    /// Nobody takes any more bytes, those in the caller's transmit list included.
    pub(super) abandoned: bool,
}

/// A graceful stop under way.
#[derive(Clone, Debug)]
pub(super) struct Drain {
    /// The end of patience.
    pub(super) until: Instant,
    pub(super) step: Step,
    /// What the peer is told.
    text: &'static str,
    reason: CloseReason,
}

/// How far a graceful stop has come (RFC 9113 §6.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The stop is announced; requests on their way are still taken, until the ping behind it comes back.
    Announced {
        /// When it was announced.
        since: Instant,
    },
    /// The last stream is named.
    Final,
}

impl Life {
    pub(super) fn new(role: Role) -> Self {
        Self {
            preface_missing: role == Role::Server,
            settings_missing: true,
            settings_seen: false,
            settings_acknowledged: false,
            blocked: false,
            wants_stream: false,
            memory_full: false,
            own_ping: None,
            keep_alive_unanswered: false,
            peer_last: None,
            peer_error: None,
            named_last: None,
            drain: None,
            closed: None,
            abandoned: false,
        }
    }

    /// Whether new streams are behind the last one that was named.
    pub(super) fn ignores_new_streams(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.step == Step::Final)
    }
}

impl Connection {
    /// Ends the connection; see [`Shutdown`].
    ///
    /// Gracefully, a server announces the end, takes the requests that cross the announcement, and ends when the last
    /// stream is released; a client ends when its streams are. Streams left at the deadline are reset with
    /// [`Config::drain_code`](super::Config::drain_code).
    pub fn shutdown(&mut self, now: Instant, how: Shutdown) {
        match how {
            Shutdown::Graceful { until } => self.drain(now, until, "graceful shutdown", CloseReason::Shutdown),
            Shutdown::Immediate => {
                self.close(ErrorCode::NO_ERROR, "shut down", CloseReason::Shutdown);
            }
        }
        self.settle(now);
    }

    /// Tells how the socket ended. Hand everything that was read to [`Self::receive`] first.
    pub fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        let _ = now;
        let reason = match (why, self.life.peer_error.take()) {
            (Disconnect::ReadEnd, Some((code, debug))) => CloseReason::PeerGoAway { code, debug },
            (Disconnect::ReadEnd, None) if self.counts.input == 0 && self.streams.is_empty() => CloseReason::PeerClosed,
            (Disconnect::ReadEnd, None) => CloseReason::PeerClosedMidway,
            (Disconnect::ReadFailed | Disconnect::WriteFailed, _) => CloseReason::SocketFailed,
        };
        self.end_all(reason);
        if why != Disconnect::ReadEnd {
            self.abandon_output();
        }
    }

    /// Whether everything is over and sent, so that the socket can be closed.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.is_closed() && self.unsent() == 0
    }

    /// Begins a graceful stop, or brings its end forward.
    pub(super) fn drain(&mut self, now: Instant, until: Instant, text: &'static str, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        if let Some(drain) = &mut self.life.drain {
            drain.until = drain.until.min(until);
            return;
        }
        let step = match self.role {
            Role::Server => {
                let mut frames = self.writer();
                frames.go_away(StreamId::MAX, ErrorCode::NO_ERROR, text);
                frames.ping(Flags::NONE, DRAIN_PING);
                Step::Announced { since: now }
            }
            Role::Client => Step::Final,
        };
        self.life.drain = Some(Drain {
            until,
            step,
            text,
            reason,
        });
    }

    /// Whether `payload` answers the ping behind the announcement of the end.
    pub(super) fn on_drain_ping_ack(&mut self, payload: [u8; 8]) -> bool {
        let awaited = matches!(
            self.life.drain,
            Some(Drain {
                step: Step::Announced { .. },
                ..
            })
        );
        if awaited && payload == DRAIN_PING {
            self.name_last_stream();
            return true;
        }
        false
    }

    /// The second step of a graceful stop.
    pub(super) fn name_last_stream(&mut self) {
        let last = self.last_peer;
        if let Some(drain) = &mut self.life.drain
            && drain.step != Step::Final
        {
            drain.step = Step::Final;
            self.life.named_last = Some(last);
            let text = drain.text;
            self.writer().go_away(last, ErrorCode::NO_ERROR, text);
        }
    }

    /// Patience is over: what still runs is reset.
    pub(super) fn end_drain(&mut self) {
        self.name_last_stream();
        let code = self.config.drain_code;
        for key in self.streams.keys() {
            self.reset_here(key, code, Initiator::Engine("the graceful stop ran out of time"));
        }
        if let Some(drain) = self.life.drain.take() {
            self.end_all(drain.reason);
        }
    }

    /// Draws the conclusions of whatever just happened.
    #[inline]
    pub(super) fn settle(&mut self, now: Instant) {
        match self.streams.is_empty() {
            true => self.settle_idle(now),
            false => self.times.idle = None,
        }
    }

    /// The same where there is no stream.
    fn settle_idle(&mut self, now: Instant) {
        self.times.idle.get_or_insert(now);
        if self.is_closed() {
            return;
        }
        match &self.life.drain {
            Some(drain) if drain.step == Step::Final => {
                let reason = drain.reason.clone();
                if self.role == Role::Client {
                    self.close(ErrorCode::NO_ERROR, "", reason);
                } else {
                    self.end_all(reason);
                }
            }
            None if self.role == Role::Client && self.life.peer_last.is_some() => {
                let reason = match self.life.peer_error.take() {
                    Some((code, debug)) => CloseReason::PeerGoAway { code, debug },
                    None => CloseReason::PeerDrained,
                };
                self.end_all(reason);
            }
            _ => {}
        }
    }

    /// Ends the connection because the peer broke a rule (RFC 9113 §5.4.1).
    #[cold]
    pub(super) fn fail(&mut self, code: ErrorCode, text: impl Into<Cow<'static, str>>) {
        let text = text.into();
        let reason = CloseReason::Http2 {
            code,
            text: text.clone(),
        };
        self.close(code, &text, reason);
    }

    /// Ends the connection with a last GOAWAY.
    pub(super) fn close(&mut self, code: ErrorCode, text: &str, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        let last = self.life.named_last.unwrap_or(self.last_peer);
        self.writer().go_away(last, code, text);
        self.end_all(reason);
    }

    /// Ends everything behind what is already in the output.
    pub(super) fn end_all(&mut self, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        self.block = None;
        self.ready.clear();
        self.life.wants_stream = false;
        self.life.closed = Some(reason.clone());
        for key in self.streams.keys() {
            if let Some(stream) = self.streams.get_mut(key)
                && !stream.ended
                && stream.receiving != Receiving::Ended
            {
                stream.receiving = Receiving::ResetThere;
            }
            self.give_up_sending(key);
            self.tell_end(key, Outcome::ConnectionLost);
            self.remove_if_done(key);
        }
        self.events.push_back(Event::Closed { reason });
    }

    /// Nobody takes any more bytes.
    pub(super) fn abandon_output(&mut self) {
        self.life.abandoned = true;
        self.output = Output::new();
        self.tail = None;
        self.counts.handed = 0;
        self.times.write = None;
    }

    /// The connection did not get on in time.
    pub(super) fn time_out(&mut self, timer: TimerKind) {
        self.end_all(CloseReason::TimedOut(timer));
        self.abandon_output();
    }
}

/// The ping behind the announcement of an end, as Kitex and grpc-go send it.
const DRAIN_PING: [u8; 8] = [1, 6, 1, 8, 0, 3, 3, 9];
