//! A connection that carries streams, as its callers and its driver see it. Calls over gRPC are streams, too.

mod exclusive;
mod opening;
mod pool;
mod queue;
mod request;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Waker};

use kitewire_proto::ttstream::{Exception, MetaFrame};
use kitewire_proto::{Instant, Shutdown, grpc, ttstream};
use kitewire_runtime::Io;

use exclusive::Home;
pub(crate) use opening::{Begun, NotOpened, Opening, Wanted};
pub(crate) use pool::{LanePool, Sharing};
use queue::{Queue, Ticket};
pub(crate) use request::{Refusal, Request, Scheme};

use super::carrier::{Carrier, Leave};
use super::connector::Connector;
use super::tt_options::MetaHandler;
use crate::Transport;
use crate::error::SharedError;
use crate::server::Load;
use crate::stream::{Connection, Event, Hub, Side, State as HubState, StreamKey};

/// A connection, those who wait until a stream can be opened on it, and what is to be done about it.
pub(crate) struct StreamLane {
    hub: Arc<Hub>,
    /// Whoever locks it together with the connection locks the connection first.
    beside: Mutex<Beside>,
    /// What becomes of it after its stream, if it carries one at a time.
    afterwards: OnceLock<Afterwards>,
    /// It takes no further stream while it holds more bytes for those that are over: they would be missed.
    max_held: usize,
    on_meta_frame: Option<MetaHandler>,
    /// The driver has something to do without the connection's lock.
    has_errand: AtomicBool,
    /// No stream can be opened on it any more.
    ending: AtomicBool,
    /// Its transport proves whom it connects to.
    secured: AtomicBool,
}

/// What all connections of a pool have in common.
pub(crate) struct LaneConfig {
    pub(crate) protocol: LaneProtocol,
    pub(crate) max_depth: u16,
}

pub(crate) enum LaneProtocol {
    Grpc(Arc<grpc::Config>),
    TtHeader(Arc<ttstream::Config>, Option<MetaHandler>),
}

#[derive(Default)]
struct Beside {
    queue: Queue,
    /// The stream that has the connection to itself.
    out: Option<StreamKey>,
    /// What to do now that this stream is over.
    back: Option<Back>,
    /// To be told.
    frames: Vec<MetaFrame>,
}

/// In what state the stream has left the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Back {
    Light,
    /// Much waits that was not read.
    Laden,
}

/// What becomes of a connection that carries one stream at a time.
enum Afterwards {
    /// It waits for the next stream.
    Wait(Home),
    /// It is closed.
    Close,
}

/// What came of a try to open a stream.
enum Tried {
    Opened(Opened),
    /// As many streams are open as may be. The caller is in the queue and will be woken.
    Queued(Ticket),
    Failed(Refusal),
}

/// A stream that has been opened.
struct Opened {
    key: StreamKey,
    /// Whether the message that came with it is on its way.
    sent: Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    No,
}

impl StreamLane {
    pub(crate) const fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Opens a stream, if it is the turn of whoever has `ticket`, and sends the only message, if there is only one. The
    /// task of `cx` is woken with the answer then.
    fn try_open(&self, now: Instant, wanted: &Wanted<'_>, ticket: Option<Ticket>, cx: &Context<'_>) -> Tried {
        let mut state = self.hub.lock();
        let mut beside = self.beside();
        let is_next = match ticket {
            Some(ticket) => beside.queue.is_called(ticket),
            None => beside.queue.is_empty(),
        };
        let opened = match is_next {
            true => Some(wanted.request.open(&mut state.connection, now, self.scheme())),
            false => None,
        };
        let opened = match opened {
            Some(opened) if !opened.as_ref().is_err_and(Refusal::is_full) => opened,
            _ => {
                let stale;
                let ticket = match ticket {
                    Some(ticket) => {
                        stale = beside.queue.wait(ticket, cx);
                        ticket
                    }
                    None => {
                        stale = None;
                        beside.queue.join(cx)
                    }
                };
                drop((beside, state));
                drop(stale);
                return Tried::Queued(ticket);
            }
        };
        let next = ticket.and_then(|ticket| beside.queue.leave(ticket));
        if let (Ok(key), Some(_)) = (&opened, self.afterwards.get()) {
            beside.out = Some(*key);
        }
        drop(beside);
        let tried = match opened {
            Ok(key) => {
                let sent = match wanted.only {
                    Some(only) if state.connection.send_only(key, only) => Sent::Yes,
                    _ => Sent::No,
                };
                if sent == Sent::Yes {
                    Hub::await_news(&mut state, key, cx);
                }
                self.hub.tell(&mut state);
                Tried::Opened(Opened { key, sent })
            }
            Err(error) => Tried::Failed(error),
        };
        drop(state);
        if let Some(next) = next {
            next.wake();
        }
        tried
    }

    /// Gives up waiting.
    fn leave(&self, ticket: Ticket) {
        let next = self.beside().queue.leave(ticket);
        if let Some(next) = next {
            next.wake();
        }
    }

    /// From now on it carries one stream at a time, and waits at `home` in between.
    fn wait_afterwards(&self, home: impl FnOnce() -> Home) {
        self.afterwards.get_or_init(|| Afterwards::Wait(home()));
    }

    /// It is closed when its stream is over; over gRPC, when that is released.
    fn close_afterwards(&self) {
        if self.hub.transport() == Transport::TtHeaderStream {
            self.afterwards.get_or_init(|| Afterwards::Close);
        }
    }

    /// Its stream is over, or was not opened.
    fn come_back(self: &Arc<Self>, now: Instant) {
        match self.afterwards.get() {
            Some(Afterwards::Wait(home)) => home.put(self, now),
            Some(Afterwards::Close) => self.close(now),
            None => {}
        }
    }

    fn scheme(&self) -> Scheme {
        match self.secured.load(Ordering::Acquire) {
            true => Scheme::Https,
            false => Scheme::Http,
        }
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Tells the application what somebody on the way has told. Its objection ends the connection.
    fn tell_frames(&self, now: Instant, frames: Vec<MetaFrame>) {
        let Some(handler) = &self.on_meta_frame else { return };
        let objection = frames.iter().find_map(|frame| handler.call(frame).err());
        if let Some(error) = objection {
            let mut state = self.hub.lock();
            if let Some(connection) = state.connection.tt_header() {
                connection.abort(now, &Exception::illegal_frame(error.to_string()));
            }
            self.hub.tell(&mut state);
        }
    }

    /// Ends the connection, and its streams with it.
    fn close(&self, now: Instant) {
        let mut state = self.hub.lock();
        state.connection.shutdown(now, Shutdown::Immediate);
        self.hub.tell(&mut state);
    }

    fn beside(&self) -> MutexGuard<'_, Beside> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a connection over TTHeader holds more than that.
fn is_laden(connection: &mut Connection, max_held: usize) -> bool {
    connection
        .tt_header()
        .is_some_and(|connection| connection.waiting() > max_held)
}

impl Carrier for StreamLane {
    type Config = LaneConfig;
    type State = HubState;
    type Machine = HubState;

    fn new(config: &Arc<LaneConfig>, now: Instant) -> Self {
        let (connection, on_meta_frame, max_held) = match &config.protocol {
            LaneProtocol::Grpc(config) => {
                let connection = grpc::Connection::client(Arc::clone(config), now);
                (Connection::from(connection), None, usize::MAX)
            }
            LaneProtocol::TtHeader(config, handler) => {
                let connection = ttstream::Connection::client(Arc::clone(config), now);
                let least = config.stream_queue.min(config.connection_window);
                let max_held = usize::try_from(least / 4).unwrap_or(usize::MAX);
                (connection.into(), handler.clone(), max_held)
            }
        };
        Self {
            hub: Hub::new(connection, Side::Client, config.max_depth),
            beside: Mutex::default(),
            afterwards: OnceLock::new(),
            max_held,
            on_meta_frame,
            has_errand: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            secured: AtomicBool::new(false),
        }
    }

    fn connected(&self, io: &dyn Io) {
        self.secured.store(io.peer_identity().is_some(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, HubState> {
        self.hub.lock()
    }

    fn machine(state: &mut HubState) -> &mut HubState {
        state
    }

    fn is_told(&self) -> bool {
        self.hub.is_called()
    }

    fn begin_turn(&self, task: Option<&Waker>) {
        if let Some(task) = task {
            self.hub.adopt(task);
        }
        self.hub.begin_turn();
    }

    fn blame(state: &mut HubState, cause: SharedError) {
        state.blame(cause);
    }

    fn rest(&self) {
        self.hub.rest();
    }

    fn take_events(&self, state: &mut HubState, wake: &mut Vec<Waker>) -> Leave {
        let mut leave = Leave::No;
        while let Some(event) = state.connection.poll_event() {
            match event {
                Event::Available => wake.extend(self.beside().queue.call_next()),
                Event::Draining | Event::Closed { .. } => {
                    leave = Leave::Yes;
                    self.ending.store(true, Ordering::Release);
                    self.has_errand.store(true, Ordering::Release);
                    // They find another connection.
                    self.beside().queue.call_all(wake);
                }
                Event::Meta { frame } => {
                    self.beside().frames.push(*frame);
                    self.has_errand.store(true, Ordering::Release);
                }
                event => state.notify(&event, wake),
            }
        }
        if self.afterwards.get().is_some() {
            let mut beside = self.beside();
            if beside.out.is_some_and(|key| !state.connection.is_live(key)) {
                beside.out = None;
                beside.back = Some(match is_laden(&mut state.connection, self.max_held) {
                    true => Back::Laden,
                    false => Back::Light,
                });
                self.has_errand.store(true, Ordering::Release);
            }
        }
        leave
    }

    fn run_errands(self: &Arc<Self>, connector: &dyn Connector) {
        if !self.has_errand.load(Ordering::Acquire) {
            return;
        }
        self.has_errand.store(false, Ordering::Release);
        let now = connector.now();
        let (frames, back) = {
            let mut beside = self.beside();
            (std::mem::take(&mut beside.frames), beside.back.take())
        };
        self.tell_frames(now, frames);
        match back {
            Some(Back::Light) => self.come_back(now),
            Some(Back::Laden) => self.close(now),
            None => {}
        }
        if self.is_ending()
            && let Some(Afterwards::Wait(home)) = self.afterwards.get()
        {
            home.remove(self);
        }
    }

    fn abandon(&self, now: Instant) {
        self.hub.close(now);
    }

    /// Streams that are open go on, and the connection ends with the last of them.
    fn retire(&self, now: Instant) {
        let mut state = self.hub.lock();
        let until = Instant::FAR_FUTURE;
        state.connection.shutdown(now, Shutdown::Graceful { until });
        self.hub.tell(&mut state);
    }

    fn open_calls(&self) -> usize {
        self.hub.lock().connection.open_calls()
    }

    fn load(&self) -> Load {
        self.hub.lock().connection.load()
    }
}
