//! One gRPC connection, shared by its driver and by everybody who reads and writes the calls on it.
//!
//! Callers and handlers encode into the connection under its lock and decode out of it; a task of its own, the driver,
//! moves the bytes. Only the first of them after a write wakes that task, and the task lets everybody who is ready go
//! first. So a burst of messages costs one write:
//!
//! ```text
//!            a message to send                driver begins a turn
//!   Asleep ────────────────────► Called ───────────────────────────► Awake
//!     ▲ ▲                          ▲   a message after the last write  │ │
//!     │ │                          └─────────────────────── rest ◄─────┘ │
//!     │ └───────────────────────────────────────────────── rest ◄────────┘
//! ```

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use kitewire_proto::buf::SHARE_FROM;
use kitewire_proto::grpc::{Connection, Event, Pull, SendError};
use kitewire_proto::http2::StreamId;
use kitewire_proto::wire::grpc::{Code, Outcome, Status};
use kitewire_proto::{CancelReason, DecodeError, Demand, Disconnect, EncodeBody, Instant, Shutdown};

use super::receiver::Decode;
use super::watch::{Watch, Watches, wait, wait_also};
use crate::service::Received;
use crate::{Error, Metadata, error};

/// A connection and whoever waits on it.
pub(crate) struct Hub {
    state: Mutex<State>,
    /// [`ASLEEP`], [`CALLED`] or [`AWAKE`]: whether the driver has to be woken. Only changed under the lock.
    driver: AtomicU8,
    side: Side,
    max_depth: u16,
}

/// Which side of its connection a hub is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What the lock is for.
pub(crate) struct State {
    pub(crate) connection: Connection,
    pub(super) watches: Watches,
    /// The driver's task, as long as there is one.
    task: Option<Waker>,
    /// There may be something to send that the driver has not asked for.
    fresh: bool,
}

impl Hub {
    pub(crate) fn new(connection: Connection, side: Side, max_depth: u16) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                connection,
                watches: Watches::default(),
                task: None,
                fresh: false,
            }),
            driver: AtomicU8::new(ASLEEP),
            side,
            max_depth,
        })
    }

    pub(crate) const fn side(&self) -> Side {
        self.side
    }

    pub(crate) const fn max_depth(&self) -> u16 {
        self.max_depth
    }

    /// The connection, for its driver. Whoever makes something to send without being the driver has to call
    /// [`Self::tell`].
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            // Somebody's encoder or decoder panicked inside a message. What follows it would be read as its rest.
            self.state.clear_poison();
            let mut state = poisoned.into_inner();
            state.connection.shutdown(Instant::ZERO, Shutdown::Immediate);
            self.tell(&mut state);
            state
        })
    }

    /// Whom to wake from now on when there is something to send.
    pub(crate) fn adopt(&self, task: &Waker) {
        self.lock().task = Some(task.clone());
    }

    /// Whether somebody has woken the driver for something to send.
    pub(crate) fn is_called(&self) -> bool {
        self.driver.load(Ordering::Acquire) == CALLED
    }

    /// The driver is awake and will ask for what there is to send; nobody need wake it until [`Self::rest`].
    pub(crate) fn begin_turn(&self) {
        let _state = self.lock();
        self.driver.store(AWAKE, Ordering::Release);
    }

    /// The driver has asked for everything there was to send: what comes now is new.
    pub(crate) fn asked(state: &mut State) {
        state.fresh = false;
    }

    /// The driver goes to sleep. It is woken at once if there is something to send that it has not asked for.
    pub(crate) fn rest(&self) {
        let mut state = self.lock();
        self.driver.store(ASLEEP, Ordering::Release);
        if std::mem::take(&mut state.fresh) {
            self.tell(&mut state);
        }
    }

    /// There is something to send, or to read again.
    pub(crate) fn tell(&self, state: &mut State) {
        state.fresh = true;
        if self.driver.load(Ordering::Relaxed) == ASLEEP {
            self.driver.store(CALLED, Ordering::Release);
            if let Some(task) = &state.task {
                task.wake_by_ref();
            }
        }
    }

    /// The driver has gone, and with it the connection.
    pub(crate) fn close(&self, now: Instant) {
        let mut wake = Vec::new();
        let mut state = self.lock();
        state.task = None;
        // Changes nothing where the connection has already ended.
        state.connection.handle_disconnect(now, Disconnect::ReadFailed);
        state.watches.notify_all(&mut wake);
        drop(state);
        wake_all(wake);
    }

    /// Pulls the next message of a call, and decodes it where it is, unless it is large.
    pub(super) fn pull<T>(&self, state: &mut State, id: StreamId, decode: Decode<T>) -> Found<T> {
        match state.connection.receiver(id) {
            Err(_) => Found::Failed,
            Ok(receiver) => match receiver.pull() {
                Pull::Message(message) => {
                    let bytes = message.bytes();
                    if bytes.len() >= SHARE_FROM {
                        return Found::Large(message.to_bytes());
                    }
                    let share = || Bytes::copy_from_slice(bytes);
                    Found::Decoded(decode(Received::new(bytes, &share), self.max_depth))
                }
                Pull::Empty => Found::Nothing,
                Pull::End => Found::End,
                Pull::Failed => Found::Failed,
            },
        }
    }

    /// Takes the next message of a call. The outer error says that there will be none, the inner one that it could not
    /// be decoded.
    pub(crate) fn poll_recv<T>(&self, id: StreamId, cx: &Context<'_>, decode: Decode<T>) -> Poll<Taken<T>> {
        let _stale;
        let mut state = self.lock();
        let paused = state.connection.read_demand() == Demand::Pause;
        let found = self.pull(&mut state, id, decode);
        Poll::Ready(match found {
            Found::Decoded(decoded) => {
                self.taken(&mut state, paused);
                Ok(decoded.map(Some))
            }
            Found::Large(bytes) => {
                self.taken(&mut state, paused);
                drop(state);
                let share = || bytes.clone();
                Ok(decode(Received::new(&bytes, &share), self.max_depth).map(Some))
            }
            Found::Nothing => {
                // Part of a large message may have been moved off the stream.
                self.taken(&mut state, paused);
                _stale = wait(&mut state.watches.of(id).reading, cx);
                return Poll::Pending;
            }
            Found::End => Ok(Ok(None)),
            Found::Failed => {
                // That may be news to the connection, and to those who wait for its end.
                self.tell(&mut state);
                Err(self.failure(&mut state, id))
            }
        })
    }

    /// Sends a message of a call, as soon as there is room.
    pub(crate) fn poll_send(
        &self,
        id: StreamId,
        cx: &Context<'_>,
        message: &dyn EncodeBody,
    ) -> Poll<Result<(), Error>> {
        self.send(self.lock(), id, cx, message)
    }

    /// The same for the first message of a server's answer: its header goes in front.
    pub(crate) fn poll_send_first(
        &self,
        id: StreamId,
        cx: &Context<'_>,
        message: &dyn EncodeBody,
    ) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        if let Err(error) = self.begin_answer(&mut state, id) {
            return Poll::Ready(Err(error));
        }
        self.send(state, id, cx, message)
    }

    /// Says that a client sends no more on a call. A server says so with the end of the call.
    pub(crate) fn close_send(&self, id: StreamId) {
        let mut state = self.lock();
        if self.side == Side::Client
            && let Ok(mut sender) = state.connection.sender(id)
            && sender.finish().is_ok()
        {
            self.tell(&mut state);
        }
    }

    /// What the peer of a call began with: for a server at once.
    pub(crate) fn poll_header(&self, id: StreamId, cx: &Context<'_>) -> Poll<Result<Metadata, Error>> {
        let _stale;
        let mut state = self.lock();
        if let Some(header) = state.connection.header(id) {
            return Poll::Ready(Ok(Metadata::received(header)));
        }
        let is_open = state.connection.receiver(id).is_ok();
        match state.connection.outcome(id) {
            // A response without a header is nothing but a trailer.
            Some(_) if state.connection.trailer(id).is_some() => Poll::Ready(Ok(Metadata::new())),
            None if is_open => {
                _stale = wait(&mut state.watches.of(id).reading, cx);
                Poll::Pending
            }
            _ => Poll::Ready(Err(self.failure(&mut state, id))),
        }
    }

    /// What came with the end of a call, once it is there.
    pub(crate) fn trailer(&self, id: StreamId) -> Option<Metadata> {
        let state = self.lock();
        state.connection.outcome(id)?;
        state.connection.trailer(id).map(Metadata::received)
    }

    /// How a call ended, once it has.
    pub(crate) fn outcome(&self, id: StreamId) -> Option<Outcome> {
        self.lock().connection.outcome(id).cloned()
    }

    /// Waits until a call is over. For a server: until nobody waits for its answer any more.
    pub(crate) fn poll_ended(&self, id: StreamId, cx: &Context<'_>) -> Poll<CancelReason> {
        let mut state = self.lock();
        match state.cancel_reason(id) {
            Some(reason) => Poll::Ready(reason),
            None => {
                wait_also(&mut state.watches.of(id).ending, cx);
                Poll::Pending
            }
        }
    }

    pub(crate) fn cancel_reason(&self, id: StreamId) -> Option<CancelReason> {
        self.lock().cancel_reason(id)
    }

    /// Cancels a call of a client that is not over, for both halves.
    pub(crate) fn give_up(&self, id: StreamId) {
        let state = self.lock();
        if state.connection.outcome(id).is_none() {
            self.release_with(state, id);
        }
    }

    /// A call of a client is done with. One that is not over is cancelled.
    pub(crate) fn release(&self, id: StreamId) {
        self.release_with(self.lock(), id);
    }

    fn release_with(&self, mut state: MutexGuard<'_, State>, id: StreamId) {
        let watch = self.forget(&mut state, id);
        drop(state);
        if let Some(mut watch) = watch {
            let mut wake = Vec::new();
            watch.take_wakers(&mut wake);
            wake_all(wake);
        }
    }

    /// Releases a call. Whoever still waits on it is to be woken without the lock.
    pub(super) fn forget(&self, state: &mut State, id: StreamId) -> Option<Watch> {
        let paused = state.connection.read_demand() == Demand::Pause;
        state.connection.release(id);
        let connection = &state.connection;
        if paused || connection.has_output() || connection.wants_turn() || connection.is_drained() {
            self.tell(state);
        }
        state.watches.remove(id)
    }

    fn send(
        &self,
        mut state: MutexGuard<'_, State>,
        id: StreamId,
        cx: &Context<'_>,
        message: &dyn EncodeBody,
    ) -> Poll<Result<(), Error>> {
        let sent = match state.connection.sender(id) {
            Ok(mut sender) => sender.send(message),
            Err(_) => Err(SendError::Over),
        };
        match sent {
            Ok(()) => {
                self.tell(&mut state);
                Poll::Ready(Ok(()))
            }
            Err(SendError::Full) => {
                let stale = wait(&mut state.watches.of(id).sending, cx);
                drop(state);
                drop(stale);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(self.send_failure(&mut state, id, error))),
        }
    }

    /// A message was taken: the peer may send more, which it has to be told at times.
    fn taken(&self, state: &mut State, paused: bool) {
        if paused || state.connection.has_output() {
            self.tell(state);
        }
    }

    /// Why nothing more can be read or sent on a call.
    #[cold]
    pub(super) fn failure(&self, state: &mut State, id: StreamId) -> Error {
        match state.connection.outcome(id) {
            Some(outcome) if outcome.status.code != Code::OK => Error::from_stream(outcome),
            Some(_) => error::stream_is_done(),
            // It was released.
            None => match self.side {
                Side::Client => Status::new(Code::CANCELLED, "context canceled"),
                Side::Server => Status::new(Code::CANCELLED, "transport: canceled by business handler returning"),
            }
            .into(),
        }
    }

    #[cold]
    pub(super) fn send_failure(&self, state: &mut State, id: StreamId, error: SendError) -> Error {
        match error {
            SendError::Over => self.failure(state, id),
            SendError::HeaderSent => error::header_is_sent(),
            SendError::HeaderTooLarge { .. } => Status::new(
                Code::INTERNAL,
                "transport: trying to send header list size larger than the limit set by peer [triggered by handler \
                 side]",
            )
            .into(),
            SendError::TooLarge { length, limit } => Status::new(
                Code::RESOURCE_EXHAUSTED,
                format!("trying to send message larger than max ({length} vs. {limit})"),
            )
            .into(),
            SendError::Encode(error) => Error::encode(error),
            _ => error::stream_is_done(),
        }
    }
}

impl State {
    /// Collects whom an event of the connection concerns. They are to be woken without the lock.
    pub(crate) fn notify(&mut self, event: &Event, wake: &mut Vec<Waker>) {
        self.watches.notify(event, wake);
    }

    /// Gives back what an idle connection does not need.
    pub(crate) fn release_memory(&mut self) {
        self.watches.release_memory();
        self.connection.release_memory();
    }

    fn cancel_reason(&self, id: StreamId) -> Option<CancelReason> {
        // A request that cannot be read is no reason: its caller waits.
        let is_over = self.connection.is_over(id);
        let outcome = self.connection.outcome(id).filter(|_| is_over)?;
        Some(match outcome.status.code {
            Code::DEADLINE_EXCEEDED => CancelReason::DeadlinePassed,
            _ => CancelReason::CallerGone,
        })
    }
}

pub(crate) fn wake_all(wake: impl IntoIterator<Item = Waker>) {
    for waker in wake {
        waker.wake();
    }
}

/// What there was to take for a receiver.
pub(super) enum Found<T> {
    Decoded(Result<T, DecodeError>),
    /// To be decoded without the lock.
    Large(Bytes),
    Nothing,
    End,
    Failed,
}

/// The end of a wait for a message: none will come, or what came is malformed, or is a message or the good end.
pub(crate) type Taken<T> = Result<Result<Option<T>, DecodeError>, Error>;

const ASLEEP: u8 = 0;
const CALLED: u8 = 1;
const AWAKE: u8 = 2;
