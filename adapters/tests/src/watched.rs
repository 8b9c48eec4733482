//! A runtime whose writes are counted.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use kitewire::runtime::{BytesMut, Io, IoSlice, Listener};
use kitewire::{Address, Instant, Runtime};

/// Another runtime with sockets that count their writes.
#[derive(Clone, Debug)]
pub struct Watched<R> {
    runtime: R,
    writes: Arc<AtomicUsize>,
}

impl<R> Watched<R> {
    /// Over `runtime`.
    pub fn new(runtime: R) -> Self {
        Self {
            runtime,
            writes: Arc::default(),
        }
    }

    /// Writes so far.
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }
}

impl<R: Runtime> Runtime for Watched<R> {
    type Io = WatchedIo<R::Io>;
    type Listener = WatchedListener<R::Listener>;
    type Timer = R::Timer;

    async fn listen(&self, address: &Address) -> io::Result<Self::Listener> {
        let listener = self.runtime.listen(address).await?;
        Ok(WatchedListener(listener, Arc::clone(&self.writes)))
    }

    async fn connect(&self, address: &Address) -> io::Result<Self::Io> {
        let io = self.runtime.connect(address).await?;
        Ok(WatchedIo(io, Arc::clone(&self.writes)))
    }

    fn timer(&self) -> Self::Timer {
        self.runtime.timer()
    }

    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }
}

/// A listener whose connections count.
#[derive(Debug)]
pub struct WatchedListener<L>(L, Arc<AtomicUsize>);

impl<L: Listener> Listener for WatchedListener<L> {
    type Io = WatchedIo<L::Io>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Io>> {
        let writes = &self.1;
        self.0.poll_accept(cx).map_ok(|io| WatchedIo(io, Arc::clone(writes)))
    }

    fn local_address(&self) -> io::Result<Address> {
        self.0.local_address()
    }
}

/// A connection that counts.
#[derive(Debug)]
pub struct WatchedIo<I>(I, Arc<AtomicUsize>);

impl<I: Io> Io for WatchedIo<I> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.poll_write(cx, slices)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_close(cx)
    }

    fn peer(&self) -> Option<Address> {
        self.0.peer()
    }
}
