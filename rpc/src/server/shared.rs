//! What a server shares with its connections and handles.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use kitewire_proto::dispatch::Services;
use kitewire_proto::http2::ErrorCode;
use kitewire_proto::{CloseReason, Instant, Refusal, ServerConfig, Target, grpc, ttstream};
use kitewire_runtime::Address;
use slab::Slab;

use super::engine::Load;
use super::link::Link;
use super::plain::Plain;
use super::recording::{Accepted, Choice, Recording};
use crate::service::{Dispatch, Method, Registration, Unknown};

/// Something that a server's owner may want to log or count. See [`Server::observe`](crate::Server::observe).
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A request was refused: unknown service or method, arguments that do not decode, a frame that cannot be read.
    Refused {
        /// Who sent it.
        peer: Option<&'a Address>,
        /// What was wrong.
        refusal: &'a Refusal,
    },
    /// A plain HTTP request was answered without its handler, or with 500 in its stead: it broke a rule or a limit, the
    /// handler panicked, the handler's response cannot be sent.
    HttpRefused {
        /// Who sent it.
        peer: Option<&'a Address>,
        /// The status code of the answer.
        status: u16,
        /// What was wrong.
        why: &'a str,
    },
    /// A stream of an HTTP/2 connection was reset before its request was whole.
    HttpRejected {
        /// Who opened it.
        peer: Option<&'a Address>,
        /// The code of the reset.
        code: ErrorCode,
        /// What was wrong.
        why: &'a str,
    },
    /// A connection's socket failed, or a layer on it: a TLS handshake that came to nothing says here why. The
    /// connection ends, which [`Self::Closed`] tells next.
    SocketFailed {
        /// With whom.
        peer: Option<&'a Address>,
        /// What the system says, or the layer.
        error: &'a io::Error,
    },
    /// A connection has ended.
    Closed {
        /// With whom.
        peer: Option<&'a Address>,
        /// Why.
        reason: &'a CloseReason,
    },
    /// The recording of a connection could not be written, and has ended. The connection goes on.
    RecordingFailed {
        /// With whom.
        peer: Option<&'a Address>,
        /// What its sink said.
        error: &'a io::Error,
    },
    /// A connection could not be accepted. The server waits a moment and goes on.
    AcceptFailed {
        /// What the system said.
        error: &'a io::Error,
    },
}

pub(crate) type Observer = Box<dyn Fn(&Notice<'_>) + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) services: Arc<Services>,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) registered: Vec<Registration>,
    pub(crate) unknown: Option<Unknown>,
    pub(crate) plain: Option<Plain>,
    pub(crate) grpc: Arc<grpc::Config>,
    pub(crate) tt_streams: Arc<ttstream::Config>,
    pub(crate) observer: Option<Observer>,
    recordings: Option<Choice>,
    /// Connections that recordings were chosen for, or not.
    accepted: AtomicU64,
    pub(crate) clock: Box<dyn Fn() -> Instant + Send + Sync>,
    /// What the owner wishes: [`SERVING`], [`AT_ONCE`], or the nanosecond until which running calls may finish. Only ever
    /// gets earlier.
    wish: AtomicU64,
    /// As much of it as connections know: nothing before the door is shut.
    stop: AtomicU64,
    /// Calls that a stop did not wait for.
    cut_off: AtomicUsize,
    crowd: Mutex<Crowd>,
}

/// Who is there.
#[derive(Default)]
struct Crowd {
    links: Slab<Arc<Link>>,
    /// The task that accepts.
    acceptor: Option<Waker>,
    finished: bool,
    waiters: Vec<Waker>,
}

/// How far a server is with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Serving,
    Graceful(Instant),
    AtOnce,
}

impl Stop {
    const fn from_bits(bits: u64) -> Self {
        match bits {
            SERVING => Self::Serving,
            AT_ONCE => Self::AtOnce,
            until => Self::Graceful(Instant::from_nanos(until)),
        }
    }

    fn bits(self) -> u64 {
        match self {
            Self::Serving => SERVING,
            Self::Graceful(until) => until.as_nanos().clamp(AT_ONCE + 1, SERVING - 1),
            Self::AtOnce => AT_ONCE,
        }
    }
}

/// Whether `how` is sooner than what `state` says, which says it now.
fn lower(state: &AtomicU64, how: Stop) -> bool {
    let bits = how.bits();
    state.fetch_min(bits, Ordering::AcqRel) > bits
}

/// How busy a server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Connections that are open.
    pub connections: usize,
    /// Calls and plain requests that are open, over all connections.
    pub calls: usize,
    /// Bytes that the connections hold: input that is not whole, messages that no handler has taken, answers that are not
    /// sent. As of each connection's last turn.
    pub memory: usize,
    /// The part of the flow-control credit of all connections that their peers get back once a handler has read. Nothing,
    /// where no call is open. As of each connection's last turn.
    pub withheld: usize,
}

/// The parts of a server that are fixed when it starts.
pub(crate) struct Fixed {
    pub(crate) services: Services,
    pub(crate) config: ServerConfig,
    pub(crate) registered: Vec<Registration>,
    pub(crate) unknown: Option<Unknown>,
    pub(crate) plain: Option<Plain>,
    pub(crate) grpc: Arc<grpc::Config>,
    pub(crate) tt_streams: Arc<ttstream::Config>,
    pub(crate) observer: Option<Observer>,
    pub(crate) recordings: Option<Choice>,
}

impl Shared {
    pub(crate) fn new(fixed: Fixed, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self {
            services: Arc::new(fixed.services),
            config: Arc::new(fixed.config),
            registered: fixed.registered,
            unknown: fixed.unknown,
            plain: fixed.plain,
            grpc: fixed.grpc,
            tt_streams: fixed.tt_streams,
            observer: fixed.observer,
            recordings: fixed.recordings,
            accepted: AtomicU64::new(0),
            clock: Box::new(clock),
            wish: AtomicU64::new(SERVING),
            stop: AtomicU64::new(SERVING),
            cut_off: AtomicUsize::new(0),
            crowd: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    /// The method behind `target`, and how it is dispatched.
    pub(crate) fn method(&self, target: Target) -> Option<(&dyn Method, Dispatch)> {
        match target {
            Target::Method(method) => {
                let registered = self.registered.get(usize::from(method.service))?;
                let method = registered.service.methods().get(usize::from(method.method))?;
                Some((&**method, registered.dispatch))
            }
            Target::Unknown => Some((&*self.unknown.as_ref()?.single, Dispatch::InPlace)),
        }
    }

    /// The same for a stream, which every call over gRPC is.
    pub(crate) fn stream_method(&self, target: Target) -> Option<(&dyn Method, Dispatch)> {
        match target {
            Target::Method(_) => self.method(target),
            Target::Unknown => Some((&*self.unknown.as_ref()?.stream, Dispatch::InPlace)),
        }
    }

    pub(crate) fn notice(&self, notice: &Notice<'_>) {
        if let Some(observer) = &self.observer {
            observer(notice);
        }
    }

    /// Where the recording of a new connection goes, if it is to have one.
    pub(crate) fn choose_recording(&self, peer: Option<&Address>) -> Option<Recording> {
        let choose = self.recordings.as_ref()?;
        let number = self.accepted.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        choose(&Accepted { peer, number })
    }

    /// What the server is asked for.
    pub(crate) fn wish(&self) -> Stop {
        Stop::from_bits(self.wish.load(Ordering::Acquire))
    }

    /// Asks the server to end. A later wish can only make the end come earlier. Whoever accepts obeys it: connections
    /// hear of it once nobody can come in any more, as their callers connect anew at once.
    pub(crate) fn ask(&self, how: Stop) {
        if lower(&self.wish, how) {
            self.wake_acceptor();
        }
    }

    /// What connections have to obey.
    pub(crate) fn stop_state(&self) -> Stop {
        Stop::from_bits(self.stop.load(Ordering::Acquire))
    }

    /// Tells the connections to end.
    pub(crate) fn stop(&self, how: Stop) {
        if lower(&self.stop, how) {
            let links: Vec<_> = self.lock().links.iter().map(|(_, link)| Arc::clone(link)).collect();
            for link in links {
                link.alert();
            }
        }
    }

    /// Notes calls whose connection was closed by a stop before they had ended.
    pub(crate) fn count_cut_off(&self, calls: usize) {
        self.cut_off.fetch_add(calls, Ordering::Relaxed);
    }

    pub(crate) fn cut_off(&self) -> usize {
        self.cut_off.load(Ordering::Relaxed)
    }

    /// Adds a connection, and returns the key to remove it with.
    pub(crate) fn enter(&self, link: &Arc<Link>) -> usize {
        let key = self.lock().links.insert(Arc::clone(link));
        // Whoever asked for the end before this saw no such connection.
        if self.stop_state() != Stop::Serving {
            link.alert();
        }
        key
    }

    pub(crate) fn leave(&self, key: usize) {
        let mut crowd = self.lock();
        let link = crowd.links.try_remove(key);
        let last = crowd.links.is_empty();
        if last && crowd.links.capacity() > MAX_EMPTY {
            crowd.links = Slab::new();
        }
        drop(crowd);
        drop(link);
        if last && self.stop_state() != Stop::Serving {
            self.wake_acceptor();
        }
    }

    /// Whom to wake when the server is asked to stop, and when the last connection has gone.
    pub(crate) fn adopt_acceptor(&self, waker: &Waker) {
        let mut crowd = self.lock();
        if !crowd.acceptor.as_ref().is_some_and(|known| known.will_wake(waker)) {
            crowd.acceptor = Some(waker.clone());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().links.is_empty()
    }

    /// The server accepts nothing more and has waited for its connections.
    pub(crate) fn finish(&self) {
        let mut crowd = self.lock();
        crowd.finished = true;
        crowd.acceptor = None;
        let waiters = std::mem::take(&mut crowd.waiters);
        drop(crowd);
        for waiter in waiters {
            waiter.wake();
        }
    }

    pub(crate) fn poll_finished(&self, cx: &Context<'_>) -> Poll<()> {
        let mut crowd = self.lock();
        if crowd.finished {
            return Poll::Ready(());
        }
        if !crowd.waiters.iter().any(|waiter| waiter.will_wake(cx.waker())) {
            crowd.waiters.push(cx.waker().clone());
        }
        Poll::Pending
    }

    pub(crate) fn stats(&self) -> ServerStats {
        let crowd = self.lock();
        let loads = crowd.links.iter().map(|(_, link)| link.load());
        let Load {
            calls,
            memory,
            withheld,
        } = loads.fold(Load::default(), Load::plus);
        ServerStats {
            connections: crowd.links.len(),
            calls,
            memory,
            withheld,
        }
    }

    fn wake_acceptor(&self) {
        let acceptor = self.lock().acceptor.clone();
        if let Some(acceptor) = acceptor {
            acceptor.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const SERVING: u64 = u64::MAX;
const AT_ONCE: u64 = 0;
/// Room for connections that an empty server keeps.
const MAX_EMPTY: usize = 1024;
