//! A server that listens: accepting, and coming to an end.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kitewire_runtime::{Address, Instant, Listener, Runtime, Timer};

use super::driver::Driver;
use super::shared::{Notice, ServerStats, Shared, Stop};
use super::{BindError, addresses};

/// A server that listens. [`Self::run`] serves until somebody asks it to stop.
#[must_use = "a bound server accepts nobody until it is run"]
pub struct Bound<R: Runtime> {
    runtime: R,
    listeners: Vec<R::Listener>,
    timer: R::Timer,
    /// When accepting goes on after a failure.
    paused: Option<Instant>,
    /// Failures to accept in a row.
    failures: u32,
    /// The last look at the listeners has begun.
    is_closing: bool,
    /// When connections that do not end by themselves are left behind.
    patience: Option<Instant>,
    end: End,
}

/// Ends the server when it goes, in whatever way that comes about.
struct End(Arc<Shared>);

impl<R: Runtime> Bound<R> {
    pub(super) fn new(runtime: R, shared: Shared) -> Self {
        let timer = runtime.timer();
        Self {
            runtime,
            listeners: Vec::new(),
            timer,
            paused: None,
            failures: 0,
            is_closing: false,
            patience: None,
            end: End(Arc::new(shared)),
        }
    }

    /// Listens on one more address, for the same services.
    ///
    /// # Errors
    /// [`BindError::Listen`] when the address cannot be had. The server and its other addresses are given up then.
    pub async fn listen_also(mut self, address: impl Into<Address>) -> Result<Self, BindError> {
        let address = address.into();
        match self.runtime.listen(&address).await {
            Ok(listener) => self.listeners.push(listener),
            Err(error) => return Err(BindError::Listen { address, error }),
        }
        Ok(self)
    }

    /// The first address listened on, with the port that was really taken.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn local_addr(&self) -> io::Result<Address> {
        self.listeners
            .first()
            .map_or_else(|| Err(io::ErrorKind::NotConnected.into()), Listener::local_address)
    }

    /// Every address listened on, in the order they were asked for.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<Address> {
        addresses(&self.listeners).collect()
    }

    /// A handle to stop the server with, and to look at it from elsewhere.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle {
            shared: Arc::clone(&self.end.0),
        }
    }

    /// Serves until [`ServerHandle::shutdown`] is called. Failures to accept are noticed and waited out.
    ///
    /// Dropping the future ends the server and its connections at once.
    ///
    /// # Errors
    /// [`Unfinished`] when calls were still running at the end of the stop's patience.
    pub async fn run(mut self) -> Result<(), Unfinished> {
        poll_fn(|cx| self.poll(cx)).await;
        match self.end.0.cut_off() {
            0 => Ok(()),
            calls => Err(Unfinished { calls }),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.end.0.adopt_acceptor(cx.waker());
        match self.end.0.wish() {
            Stop::Serving => {
                self.accept(cx);
                Poll::Pending
            }
            wish => {
                ready!(self.shut_door(cx, wish));
                self.end.0.stop(wish);
                self.drain(cx, wish)
            }
        }
    }

    fn accept(&mut self, cx: &mut Context<'_>) {
        if let Some(until) = self.paused {
            if self.runtime.now() < until && self.timer.poll_expired(cx).is_pending() {
                return;
            }
            self.paused = None;
        }
        if self.take_in(cx, MAX_ACCEPTS) == Queue::MayHoldMore {
            self.pause(cx);
        }
    }

    /// Takes in connections that wait, of each listener `most`, or until one fails.
    fn take_in(&mut self, cx: &mut Context<'_>, most: u32) -> Queue {
        let mut queue = Queue::Empty;
        let mut has_failed = false;
        for listener in &mut self.listeners {
            let mut left = most;
            while let Poll::Ready(accepted) = listener.poll_accept(cx) {
                left = left.saturating_sub(1);
                match accepted {
                    Ok(io) => {
                        if !has_failed {
                            self.failures = 0;
                        }
                        self.runtime.spawn(Driver::new(self.runtime.clone(), io, &self.end.0));
                    }
                    Err(error) => {
                        self.end.0.notice(&Notice::AcceptFailed { error: &error });
                        if !concerns_one_connection(&error) {
                            if !std::mem::replace(&mut has_failed, true) {
                                self.failures = self.failures.saturating_add(1);
                            }
                            left = 0;
                        }
                    }
                }
                if left == 0 {
                    queue = Queue::MayHoldMore;
                    break;
                }
            }
        }
        queue
    }

    /// Lets others run first; after a failure, for longer each time.
    fn pause(&mut self, cx: &Context<'_>) {
        if self.failures > 0 {
            let wait = FIRST_PAUSE * 2u32.pow(self.failures.min(MAX_DOUBLINGS) - 1);
            let until = self.runtime.now() + wait;
            self.paused = Some(until);
            self.timer.arm(until);
        }
        cx.waker().wake_by_ref();
    }

    /// Takes in who stands in the queue, as they have connected already and would be reset with the listeners, and ends
    /// those.
    fn shut_door(&mut self, cx: &mut Context<'_>, wish: Stop) -> Poll<()> {
        if self.listeners.is_empty() {
            return Poll::Ready(());
        }
        self.take_in(cx, LAST_ACCEPTS);
        if let Stop::Graceful(until) = wish {
            // A runtime may not know yet who came since it last looked at its sockets.
            if !std::mem::replace(&mut self.is_closing, true) {
                self.timer.arm((self.runtime.now() + LAST_LOOK).min(until));
            }
            ready!(self.timer.poll_expired(cx));
        }
        self.listeners.clear();
        Poll::Ready(())
    }

    /// Waits until the connections have gone.
    fn drain(&mut self, cx: &mut Context<'_>, wish: Stop) -> Poll<()> {
        if self.end.0.is_empty() {
            return Poll::Ready(());
        }
        let now = self.runtime.now();
        let until = match wish {
            Stop::Graceful(until) => until.max(now),
            Stop::Serving | Stop::AtOnce => now,
        };
        let patience = until + GOODBYE;
        if self.patience.is_none_or(|known| patience < known) {
            self.patience = Some(patience);
            self.timer.arm(patience);
        }
        self.timer.poll_expired(cx)
    }
}

impl<R: Runtime> fmt::Debug for Bound<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("addresses", &self.local_addrs())
            .field("stats", &self.end.0.stats())
            .finish_non_exhaustive()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.stop(Stop::AtOnce);
        self.0.finish();
    }
}

/// What is known about connections that wait to be taken in.
#[derive(PartialEq, Eq)]
enum Queue {
    Empty,
    MayHoldMore,
}

/// Stops a server, and tells how busy it is. Cheap to clone.
#[derive(Clone)]
pub struct ServerHandle {
    shared: Arc<Shared>,
}

impl ServerHandle {
    /// Asks the server to stop: it accepts nobody any more, answers what it has read, tells its callers to go elsewhere,
    /// and cuts off what still runs after `patience`. Returns at once; [`Self::wait`] tells when it is over.
    ///
    /// A second call can shorten the patience, to nothing even.
    pub fn shutdown(&self, patience: Duration) {
        let how = if patience.is_zero() {
            Stop::AtOnce
        } else {
            Stop::Graceful(self.shared.now() + patience)
        };
        self.shared.ask(how);
    }

    /// Waits until the server has ended: [`Bound::run`] has returned, or its future was dropped.
    pub async fn wait(&self) {
        poll_fn(|cx| self.shared.poll_finished(cx)).await;
    }

    /// How busy the server is.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        self.shared.stats()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// A graceful stop ran out of patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Calls and plain requests that were still running, and were not answered.
    pub calls: usize,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server stopped with {} calls unanswered", self.calls)
    }
}

impl std::error::Error for Unfinished {}

/// Errors of one connection that went away before it was accepted; the next one is not affected.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Connections of one listener taken in before other tasks get their turn.
const MAX_ACCEPTS: u32 = 64;
/// Connections taken in when the server stops; queues are seldom longer.
const LAST_ACCEPTS: u32 = 4096;
/// From the stop to the end of the listeners: a turn of any runtime's loop.
const LAST_LOOK: Duration = Duration::from_millis(1);
/// As Kitex.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The pause grows to 1.28 s.
const MAX_DOUBLINGS: u32 = 8;
/// What connections get for closing, after the stop's patience.
const GOODBYE: Duration = Duration::from_millis(500);
