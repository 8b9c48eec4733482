//! The client's side of a ping-pong connection.

mod calls;
mod life;
mod recorded;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;

use super::answer::Answer;
use super::call_error::CallError;
use super::frame::{Frame, Framer};
use super::slots::{CallId, Slots};
use super::{Demand, Shutdown};
use crate::buf::{Output, Transmit};
use crate::call_timers::CallTimers;
use crate::config::ClientConfig;
use crate::error::CloseReason;
use crate::record::{Op, Recorded, Recorder};
use crate::time::Instant;
use crate::wire::{Codec, SequenceId};

/// The client's side of one connection: calls and bytes in, answers and bytes out.
///
/// Driven like [`ServerConnection`](crate::ServerConnection). Without [`ClientConfig::multiplex`] it carries one call at
/// a time, and [`Self::is_reusable`] tells whether another may follow.
pub struct ClientConnection {
    config: Arc<ClientConfig>,
    framer: Framer,
    calls: Slots<Call>,
    call_timers: CallTimers<CallId>,
    /// Method names of finished calls, kept for their memory.
    spare: Vec<String>,
    events: VecDeque<ClientEvent>,
    output: Output,
    /// Bytes of answers that were not taken yet.
    held_bytes: usize,
    input_len: usize,
    handed: usize,
    /// The next sequence id of a connection that carries one call at a time.
    next_sequence: i32,
    life: Life,
    times: Times,
    recorder: Option<Box<Recorder>>,
}

#[derive(Debug, Default)]
struct Life {
    /// Input was left over because answers wait to be taken.
    blocked: bool,
    /// No further call may be opened, but those that run go on.
    retired: bool,
    /// The peer said that it is about to close.
    draining: bool,
    closed: Option<CloseReason>,
    /// Nobody takes any more bytes, those in the caller's transmit list included.
    abandoned: bool,
}

#[derive(Debug)]
struct Times {
    frame: Option<Instant>,
    frame_len: usize,
    write: Option<Instant>,
    drain: Option<Instant>,
    /// When the connection began; a recording says so.
    start: Instant,
}

#[derive(Debug)]
struct Call {
    sequence: SequenceId,
    method: String,
    codec: Codec,
    has_deadline: bool,
    answer: Option<Frame>,
}

/// What a client connection tells its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The answer is there: [`ClientConnection::take_answer`].
    Answered {
        /// The call.
        id: CallId,
    },
    /// The call is over without an answer.
    Failed {
        /// The call.
        id: CallId,
        /// Why.
        error: CallError,
    },
    /// The peer is about to close: open no further call here. Those that run go on.
    Draining,
    /// The connection is over. The last event.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

impl ClientConnection {
    /// A connection that has just been established.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>, now: Instant) -> Self {
        Self {
            config,
            framer: Framer::default(),
            calls: Slots::new(),
            call_timers: CallTimers::new(),
            spare: Vec::new(),
            events: VecDeque::new(),
            output: Output::new(),
            held_bytes: 0,
            input_len: 0,
            handed: 0,
            next_sequence: 1,
            life: Life::default(),
            times: Times {
                frame: None,
                frame_len: 0,
                write: None,
                drain: None,
                start: now,
            },
            recorder: None,
        }
    }

    /// Takes in what was read. Whole frames are split off `input`; an incomplete tail, and whatever has to wait, stays
    /// there. Call it again with the same buffer when [`Self::read_demand`] says [`Demand::Receive`].
    pub fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        if self.recorder.is_some() {
            return self.record_receive(now, input, Self::receive);
        }
        self.life.blocked = false;
        while self.life.closed.is_none() && !input.is_empty() {
            if self.over_memory() {
                self.life.blocked = true;
                break;
            }
            match self.framer.next(input, &self.config.limits) {
                Ok(Some(frame)) => {
                    self.times.frame = None;
                    self.take(frame);
                }
                Ok(None) => break,
                Err(bad) => self.malformed(bad.error),
            }
        }
        if self.life.closed.is_some() {
            input.clear();
        }
        self.note_input(now, input.len());
        self.settle();
    }

    /// What to do with the reading side of the socket now.
    #[must_use]
    pub fn read_demand(&self) -> Demand {
        if self.life.closed.is_some() {
            Demand::Stop
        } else if self.over_memory() {
            Demand::Pause
        } else if self.life.blocked {
            Demand::Receive
        } else {
            Demand::Read
        }
    }

    /// The next event, until there is none.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        if self.recorder.is_some() {
            return self.record_event(Self::poll_event);
        }
        self.events.pop_front()
    }

    /// Takes an answer out, once after its [`ClientEvent::Answered`]. The call is over with that.
    pub fn take_answer(&mut self, id: CallId) -> Option<Answer> {
        if self.recorder.is_some() {
            return self.record_take_answer(id);
        }
        self.calls.get(id)?.answer.as_ref()?;
        let frame = self.end_call(id)?.answer?;
        self.held_bytes -= frame.bytes.len();
        self.settle();
        Some(Answer {
            frame,
            meta: self.config.meta,
            max_depth: self.config.limits.max_depth,
        })
    }

    /// Whether a call is not over yet, or its answer not taken.
    pub(crate) fn is_open(&self, id: CallId) -> bool {
        self.calls.get(id).is_some()
    }

    /// Forgets a call, and what was still to be told about it. On a multiplexed connection its late answer is dropped; any
    /// other is not reusable after it.
    pub fn cancel(&mut self, id: CallId) {
        if self.recorder.is_some() {
            return self.record_id(Op::Cancel, id, Self::cancel);
        }
        self.events.retain(|event| match event {
            ClientEvent::Answered { id: about } | ClientEvent::Failed { id: about, .. } => *about != id,
            ClientEvent::Draining | ClientEvent::Closed { .. } => true,
        });
        if let Some(call) = self.end_call(id) {
            self.held_bytes -= call.answer.as_ref().map_or(0, |frame| frame.bytes.len());
            self.life.retired |= !self.config.multiplex.is_on() && call.answer.is_none();
            self.settle();
        }
    }

    /// Whether another call may be opened, now or once the present one has ended.
    #[must_use]
    pub const fn is_reusable(&self) -> bool {
        self.life.closed.is_none() && !self.life.retired
    }

    /// Moves what there is to send to `out`. Returns whether `out` holds anything to write; never after the socket has
    /// failed or stalled, whatever is left in `out` then.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        if self.recorder.is_some() {
            return self.record_transmit(now, out, Self::poll_transmit);
        }
        if self.life.abandoned {
            return false;
        }
        let moved = out.len() < self.handed || self.handed == 0;
        if out.len() < MAX_HANDED {
            out.append(&mut self.output);
        }
        self.handed = out.len();
        if self.handed == 0 {
            self.times.write = None;
            if self.config.multiplex.is_on() {
                self.settle();
            }
        } else if moved || self.times.write.is_none() {
            self.times.write = Some(now);
        }
        self.handed > 0
    }

    /// Ends the connection; see [`Shutdown`].
    pub fn shutdown(&mut self, now: Instant, how: Shutdown) {
        if self.recorder.is_some() {
            return self.record_shutdown(now, how, Self::shutdown);
        }
        self.life.retired = true;
        match how {
            Shutdown::Graceful { until } => {
                self.life.draining = true;
                self.times.drain = Some(self.times.drain.map_or(until, |earlier| earlier.min(until)));
            }
            Shutdown::Immediate => self.fail(CloseReason::Shutdown),
        }
        self.settle();
    }

    /// Whether everything is over and sent, so that the socket can be closed.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.life.closed.is_some() && self.output.is_empty() && self.handed == 0
    }

    /// Calls that are open.
    #[must_use]
    pub const fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// Whether requests wait to be moved out with [`Self::poll_transmit`].
    #[must_use]
    pub const fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Bytes that this connection makes its owner hold.
    #[must_use]
    pub const fn usage(&self) -> usize {
        self.input_len + self.held_bytes + self.output.len() + self.handed
    }

    /// Gives back memory that an idle connection does not need.
    pub fn release_memory(&mut self) {
        if self.recorder.is_some() {
            return self.record_release_memory(Self::release_memory);
        }
        self.output.release();
        if self.calls.is_empty() {
            self.calls.shrink();
            self.spare.truncate(1);
        }
    }

    fn over_memory(&self) -> bool {
        self.held_bytes >= self.config.limits.max_memory
    }
}

impl fmt::Debug for ClientConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConnection")
            .field("calls", &self.calls.len())
            .field("usage", &self.usage())
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

/// Bytes handed out above which nothing is added before the socket took some.
const MAX_HANDED: usize = 256 * 1024;
