//! What kitewire asks of an async runtime.
//!
//! kitewire's servers and clients know no runtime. They need six verbs, which [`Runtime`] lists: listen, connect, make a
//! timer, read the clock, spawn a task, and (through [`Io`]) move bytes. An adapter is a crate that implements these
//! traits for one runtime, in about a hundred lines and without a decision about protocols. `kitewire-tokio` is the
//! model to copy from; an executor beside async-io's reactor needs no more than `kitewire-smol` adds to
//! `kitewire-async-io`.
//!
//! # Writing an adapter
//!
//! - Everything is poll-based: no trait object, no boxed future and no allocation per operation is needed. The usual
//!   rules of [`Future::poll`] hold: a method that returns [`Poll::Pending`] has arranged for `cx.waker()` to be woken,
//!   and only the waker of the latest call counts. Reading, writing, and a timer may wait at the same time, in one task.
//! - [`Io::poll_read`] reads into the spare capacity of a [`BytesMut`]. Runtimes whose read wants an initialised slice
//!   can `resize` the buffer, read, and `truncate` it again; runtimes that accept a `BufMut` hand it through.
//! - A task that wakes itself and returns pending is polled again after the tasks that are ready by then. kitewire's
//!   connections do so once when somebody hands them something to write, so that one write carries what all of those have.
//!   On a runtime that polls such a task again at once, everything works, with more writes.
//! - Sockets are made without delay (`TCP_NODELAY`), because kitewire gathers what belongs together itself. The feature
//!   `sockets` has the module `sockets`, which resolves names and binds sockets of the system for any adapter.
//! - [`Runtime::now`] counts from any fixed point, and [`Timer`] uses the same one.
//! - A simulator implements the same traits with a virtual clock and in-memory pipes; nothing here reads the real clock
//!   or opens a real socket by itself.
//!
//! [`Poll::Pending`]: std::task::Poll::Pending

mod address;
mod identity;
#[cfg(feature = "sockets")]
pub mod sockets;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

pub use address::{Address, InvalidAddress};
pub use bytes::BytesMut;
pub use identity::PeerIdentity;
pub use kitewire_proto::Instant;
pub use std::io::IoSlice;

/// An async runtime, as far as kitewire uses it.
///
/// It is a handle: cloned freely, shared between threads, and usually without size.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// A connected byte stream.
    type Io: Io;
    /// A socket that accepts connections.
    type Listener: Listener<Io = Self::Io>;
    /// A timer.
    type Timer: Timer;

    /// Starts to listen on `address`. A port of 0 takes any free port; [`Listener::local_address`] tells which. Names
    /// are resolved; the first address that can be bound is taken.
    fn listen(&self, address: &Address) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// Connects to `address`. Names are resolved; the first address that answers is taken. There is no timeout here:
    /// the caller drops the future when it has waited enough.
    fn connect(&self, address: &Address) -> impl Future<Output = io::Result<Self::Io>> + Send;

    /// A timer that is not armed. It should cost next to nothing until [`Timer::arm`] is called.
    fn timer(&self) -> Self::Timer;

    /// The present time. It never runs backwards.
    fn now(&self) -> Instant;

    /// Runs `task` in the background. kitewire never spawns a task that blocks.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}

/// A connected byte stream: one TCP or Unix socket, or whatever behaves like one.
pub trait Io: Send + Unpin + 'static {
    /// Reads into the spare capacity of `buffer`, and returns how many bytes were added.
    ///
    /// The caller guarantees some spare capacity; the buffer must not grow. `Ok(0)` means that the peer will send
    /// nothing more. After a read that did not fill the buffer, the caller polls again before it goes to sleep; an
    /// adapter that knows the socket to be empty then returns `Pending` without asking the system.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>>;

    /// Writes the first bytes of `slices`, in order, and returns how many were taken. `slices` is never empty and holds
    /// no empty slice in front.
    ///
    /// After [`Poll::Pending`] the caller offers the same bytes again, and may add others behind them: a layer that
    /// encrypts has taken them already and waits for the socket below.
    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Tells the peer that nothing more will be written. Dropping the stream closes it altogether.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The other side's address, as far as the system knows it. Unix sockets of clients often have none.
    fn peer(&self) -> Option<Address>;

    /// Whom the other side has proved to be, over a transport that proves such things. A server's connection may know
    /// it from the first byte read on, not before. `None` over plain sockets.
    fn peer_identity(&self) -> Option<Arc<PeerIdentity>> {
        None
    }
}

/// A socket that accepts connections.
pub trait Listener: Send + Unpin + 'static {
    /// What it accepts.
    type Io: Io;

    /// Accepts the next connection. An error says nothing about the next try: kitewire waits a moment and tries again.
    ///
    /// It is pending only where the listener knows of nobody who waits, not to let other tasks run: a server that stops
    /// takes in who waits, and then resets the others with the listener.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Io>>;

    /// The address it listens on, with the port that was really taken.
    ///
    /// # Errors
    /// Whatever the system says.
    fn local_address(&self) -> io::Result<Address>;
}

/// A timer: one future point in time, set again and again.
///
/// kitewire arms a timer far less often than its deadlines move, but keeps one per connection. So a timer that was never
/// armed should hold no memory, and arming it anew should not allocate.
pub trait Timer: Send + Unpin + 'static {
    /// Sets the time to wait for, in place of any earlier one.
    fn arm(&mut self, at: Instant);

    /// Waits until the armed time has come: never before [`Runtime::now`] says so, and as soon after it as the runtime
    /// can. Ready at once, and again on each call, when it has passed. A timer that is not armed stays pending.
    ///
    /// One call is enough: kitewire does not ask again when the task is woken for other reasons meanwhile. An executor
    /// that makes tasks pause by waking them at once in place of what they wait for must not do so here.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl<T: Io + ?Sized> Io for Box<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        (**self).poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        (**self).poll_write(cx, slices)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_close(cx)
    }

    fn peer(&self) -> Option<Address> {
        (**self).peer()
    }

    fn peer_identity(&self) -> Option<Arc<PeerIdentity>> {
        (**self).peer_identity()
    }
}

impl<T: Timer + ?Sized> Timer for Box<T> {
    fn arm(&mut self, at: Instant) {
        (**self).arm(at);
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_expired(cx)
    }
}
