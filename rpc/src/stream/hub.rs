//! One connection with streams, shared by its driver and by everybody who reads and writes the calls on it.
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

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use kitewire_proto::wire::grpc::Outcome;
use kitewire_proto::{CancelReason, DecodeError, Demand, Disconnect, EncodeBody, Instant};

use super::connection::{Connection, Pulled, StreamKey};
use super::end::SendError;
use super::event::Event;
use super::handle::Stream;
use super::receiver::Decode;
use super::watch::{Watches, wait};
use crate::error::SharedError;
use crate::service::Received;
use crate::waiting::Place;
use crate::{Error, ErrorKind, Metadata, Transport};

/// A connection and whoever waits on it.
pub(crate) struct Hub {
    state: Mutex<State>,
    /// [`ASLEEP`], [`CALLED`] or [`AWAKE`]: whether the driver has to be woken. Only changed under the lock.
    driver: AtomicU8,
    side: Side,
    transport: Transport,
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
    pub(super) fresh: bool,
    /// What the socket said when it failed.
    cause: Option<SharedError>,
}

impl Hub {
    pub(crate) fn new(connection: impl Into<Connection>, side: Side, max_depth: u16) -> Arc<Self> {
        let connection = connection.into();
        Arc::new(Self {
            transport: connection.transport(),
            state: Mutex::new(State {
                connection,
                watches: Watches::default(),
                task: None,
                fresh: false,
                cause: None,
            }),
            driver: AtomicU8::new(ASLEEP),
            side,
            max_depth,
        })
    }

    pub(crate) const fn side(&self) -> Side {
        self.side
    }

    /// What the halves of a server's call share.
    pub(crate) fn serve(self: &Arc<Self>, key: StreamKey) -> Arc<Stream> {
        let stream = Stream::new(Arc::clone(self), key, None);
        // Ids are used again over TTHeader alone.
        if self.transport == Transport::TtHeaderStream {
            self.lock().watches.of(key).stream = Arc::downgrade(&stream);
        }
        stream
    }

    /// What carries the streams.
    pub(crate) const fn transport(&self) -> Transport {
        self.transport
    }

    pub(crate) const fn max_depth(&self) -> u16 {
        self.max_depth
    }

    /// The connection, for its driver. Whoever makes something to send without being the driver has to call
    /// [`Self::tell`].
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            // Somebody's encoder or decoder panicked inside a message. What there is of that must not be sent.
            self.state.clear_poison();
            let mut state = poisoned.into_inner();
            state
                .connection
                .handle_disconnect(Instant::ZERO, Disconnect::WriteFailed);
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
        let State {
            connection, watches, ..
        } = &mut *state;
        watches.notify_all(connection, &mut wake);
        drop(state);
        wake_all(wake);
    }

    /// Pulls the next message of a call, and decodes it where it is, unless it is large.
    #[inline]
    pub(super) fn pull<T>(&self, state: &mut State, key: StreamKey, decode: Decode<T>) -> Found<T> {
        let pulled = state.connection.pull(key, |bytes| {
            let share = || Bytes::copy_from_slice(bytes);
            decode(Received::new(bytes, &share), self.max_depth)
        });
        match pulled {
            Pulled::Read(decoded) => Found::Decoded(decoded),
            Pulled::Large(bytes) => Found::Large(bytes),
            Pulled::Empty => Found::Nothing,
            Pulled::End => Found::End,
            Pulled::Failed => Found::Failed,
        }
    }

    /// Takes the next message of a call. The outer error says that there will be none, the inner one that it could not
    /// be decoded.
    pub(crate) fn poll_recv<T>(&self, key: StreamKey, cx: &Context<'_>, decode: Decode<T>) -> Poll<Taken<T>> {
        let _stale;
        let mut state = self.lock();
        let paused = state.connection.read_demand() == Demand::Pause;
        let found = self.pull(&mut state, key, decode);
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
                _stale = wait(&mut state.watches.of(key).reading, cx);
                return Poll::Pending;
            }
            Found::End => Ok(Ok(None)),
            Found::Failed => {
                // That may be news to the connection, and to those who wait for its end.
                self.tell(&mut state);
                Err(state.failure(key))
            }
        })
    }

    /// Sends a message of a call, as soon as there is room.
    pub(crate) fn poll_send(
        &self,
        key: StreamKey,
        cx: &Context<'_>,
        message: &dyn EncodeBody,
    ) -> Poll<Result<(), Error>> {
        self.send(self.lock(), key, cx, message)
    }

    /// The same for the first message of a server's answer: its header goes in front.
    pub(crate) fn poll_send_first(
        &self,
        key: StreamKey,
        cx: &Context<'_>,
        message: &dyn EncodeBody,
    ) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        if let Err(error) = self.begin_answer(&mut state, key) {
            return Poll::Ready(Err(error));
        }
        self.send(state, key, cx, message)
    }

    /// Says that a client sends no more on a call. A server says so with the end of the call.
    pub(crate) fn close_send(&self, key: StreamKey) {
        let mut state = self.lock();
        if self.side == Side::Client && state.connection.close_send(key) {
            self.tell(&mut state);
        }
    }

    /// What the peer of a call began with: for a server at once.
    pub(crate) fn poll_header(&self, key: StreamKey, cx: &Context<'_>) -> Poll<Result<Metadata, Error>> {
        let _stale;
        let mut state = self.lock();
        if let Some(header) = state.connection.header(key) {
            return Poll::Ready(Ok(header));
        }
        match state.connection.is_ended(key) {
            // An answer without a header is nothing but its end.
            true if state.connection.trailer(key).is_some() => Poll::Ready(Ok(Metadata::new())),
            false if state.connection.is_open(key) => {
                _stale = wait(&mut state.watches.of(key).reading, cx);
                Poll::Pending
            }
            _ => Poll::Ready(Err(state.failure(key))),
        }
    }

    /// What came with the end of a call, once it is there.
    pub(crate) fn trailer(&self, key: StreamKey) -> Option<Metadata> {
        let state = self.lock();
        match state.connection.is_ended(key) {
            true => state.connection.trailer(key),
            false => None,
        }
    }

    /// How a call over gRPC ended, once it has.
    pub(crate) fn outcome(&self, key: StreamKey) -> Option<Outcome> {
        self.lock().connection.grpc()?.outcome(key.grpc()).cloned()
    }

    /// Whether it is known how a call ended.
    pub(super) fn is_ended(&self, key: StreamKey) -> bool {
        self.lock().connection.is_ended(key)
    }

    /// What sending is refused with once this side has said everything.
    pub(crate) fn stream_is_done(&self) -> Error {
        self.lock().connection.stream_is_done()
    }

    /// Waits until a call is over. For a server: until nobody waits for its answer any more.
    pub(crate) fn poll_ended(&self, key: StreamKey, place: &mut Place, cx: &Context<'_>) -> Poll<CancelReason> {
        let mut state = self.lock();
        if let Some(reason) = state.connection.cancel_reason(key) {
            return Poll::Ready(reason);
        }
        let replaced = state.watches.of(key).ending.wait(place, cx);
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    /// Who waited at `place` for the end of a call does so no longer.
    pub(crate) fn leave(&self, key: StreamKey, place: &Place) {
        let mut state = self.lock();
        let left = state.watches.get_mut(key).and_then(|watch| watch.ending.leave(place));
        drop(state);
        drop(left);
    }

    pub(crate) fn cancel_reason(&self, key: StreamKey) -> Option<CancelReason> {
        self.lock().connection.cancel_reason(key)
    }

    fn send(
        &self,
        mut state: MutexGuard<'_, State>,
        key: StreamKey,
        cx: &Context<'_>,
        message: &dyn EncodeBody,
    ) -> Poll<Result<(), Error>> {
        match state.connection.send(key, message) {
            Ok(()) => {
                self.tell(&mut state);
                Poll::Ready(Ok(()))
            }
            Err(SendError::Full) => {
                let stale = wait(&mut state.watches.of(key).sending, cx);
                self.tell_of_header(&mut state);
                drop(state);
                drop(stale);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(state.send_failure(key, error))),
        }
    }

    /// A header may go out although the message behind it has to wait.
    pub(super) fn tell_of_header(&self, state: &mut State) {
        if state.connection.has_output() {
            self.tell(state);
        }
    }

    /// A message was taken: the peer may send more, which it has to be told at times.
    fn taken(&self, state: &mut State, paused: bool) {
        if paused || state.connection.has_output() {
            self.tell(state);
        }
    }
}

impl State {
    /// Collects whom an event of the connection concerns. They are to be woken without the lock.
    #[inline]
    pub(crate) fn notify(&mut self, event: &Event, wake: &mut Vec<Waker>) {
        self.watches.notify(&self.connection, event, wake);
    }

    /// The socket has failed, and said this.
    pub(crate) fn blame(&mut self, cause: SharedError) {
        self.cause.get_or_insert(cause);
    }

    /// What a layer such as TLS has against the connection.
    pub(crate) fn rejection(&self) -> Option<io::Error> {
        let cause = self.cause.clone();
        cause.filter(SharedError::is_of_a_layer).map(io::Error::from)
    }

    /// Why nothing more can be read or sent on a stream.
    #[cold]
    fn failure(&self, key: StreamKey) -> Error {
        self.explain(self.connection.failure(key))
    }

    /// Adds to an error what the socket said, if it is the socket that ended the stream.
    pub(crate) fn explain(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Transport => error.because(self.cause.clone()),
            _ => error,
        }
    }

    /// Why something was not sent, apart from a lack of room.
    #[cold]
    pub(super) fn send_failure(&self, key: StreamKey, error: SendError) -> Error {
        match error {
            SendError::Failed(error) => error,
            SendError::HeaderSent => self.connection.header_is_sent(),
            SendError::Over | SendError::Full => self.failure(key),
        }
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
