//! Any runtime as one type, so that the scenarios are compiled once.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use kitewire::runtime::{Io, Listener, Timer};
use kitewire::{Address, Instant, Runtime};

/// A future without a type.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

type BoxedListener = Box<dyn Listener<Io = Box<dyn Io>>>;

/// A runtime whose type is forgotten. It adds nothing but a count of what it connects and accepts.
#[derive(Clone)]
pub(crate) struct Any {
    inner: Arc<dyn Erased>,
    traffic: Arc<Traffic>,
    /// How long dials take longer than they need.
    delay: Duration,
}

/// Connections made and accepted.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    dialled: AtomicUsize,
    accepted: AtomicUsize,
}

impl Any {
    /// Forgets the type of `runtime`.
    pub(crate) fn new(runtime: impl Runtime) -> Self {
        Self {
            inner: Arc::new(runtime),
            traffic: Arc::default(),
            delay: Duration::ZERO,
        }
    }

    /// The same with counts of its own.
    pub(crate) fn counted(&self) -> Self {
        Self {
            traffic: Arc::default(),
            ..self.clone()
        }
    }

    /// The same with dials that take `delay` longer.
    pub(crate) fn dialling_slowly(&self, delay: Duration) -> Self {
        Self {
            delay,
            ..self.counted()
        }
    }

    pub(crate) fn dialled(&self) -> usize {
        self.traffic.dialled.load(Ordering::Relaxed)
    }

    pub(crate) fn accepted(&self) -> usize {
        self.traffic.accepted.load(Ordering::Relaxed)
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        let mut timer = self.inner.timer();
        timer.arm(self.inner.now() + duration);
        std::future::poll_fn(|cx| timer.poll_expired(cx)).await;
    }

    /// What `work` gives, unless that takes longer than `duration`.
    pub(crate) async fn within<T>(&self, duration: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let mut timer = self.inner.timer();
        timer.arm(self.inner.now() + duration);
        std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => timer.poll_expired(cx).map(|()| None),
        })
        .await
    }
}

impl fmt::Debug for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Any")
            .field("traffic", &self.traffic)
            .finish_non_exhaustive()
    }
}

impl Runtime for Any {
    type Io = Box<dyn Io>;
    type Listener = AnyListener;
    type Timer = Box<dyn Timer>;

    async fn listen(&self, address: &Address) -> io::Result<AnyListener> {
        Ok(AnyListener {
            inner: self.inner.listen(address).await?,
            traffic: Arc::clone(&self.traffic),
        })
    }

    async fn connect(&self, address: &Address) -> io::Result<Box<dyn Io>> {
        if !self.delay.is_zero() {
            self.sleep(self.delay).await;
        }
        let io = self.inner.connect(address).await?;
        self.traffic.dialled.fetch_add(1, Ordering::Relaxed);
        Ok(io)
    }

    fn timer(&self) -> Box<dyn Timer> {
        self.inner.timer()
    }

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.spawn(Box::pin(task));
    }
}

/// The listener of [`Any`].
#[allow(missing_debug_implementations, reason = "nobody prints it")]
pub(crate) struct AnyListener {
    inner: BoxedListener,
    traffic: Arc<Traffic>,
}

impl Listener for AnyListener {
    type Io = Box<dyn Io>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn Io>>> {
        let accepted = self.inner.poll_accept(cx);
        if let Poll::Ready(Ok(_)) = accepted {
            self.traffic.accepted.fetch_add(1, Ordering::Relaxed);
        }
        accepted
    }

    fn local_address(&self) -> io::Result<Address> {
        self.inner.local_address()
    }
}

/// What [`Runtime`] is without types of its own.
trait Erased: Send + Sync {
    fn listen<'a>(&'a self, address: &'a Address) -> Work<'a, io::Result<BoxedListener>>;
    fn connect<'a>(&'a self, address: &'a Address) -> Work<'a, io::Result<Box<dyn Io>>>;
    fn timer(&self) -> Box<dyn Timer>;
    fn now(&self) -> Instant;
    fn spawn(&self, task: Work<'static, ()>);
}

impl<R: Runtime> Erased for R {
    fn listen<'a>(&'a self, address: &'a Address) -> Work<'a, io::Result<BoxedListener>> {
        Box::pin(async move {
            let listener = Runtime::listen(self, address).await?;
            Ok(Box::new(Boxing(listener)) as BoxedListener)
        })
    }

    fn connect<'a>(&'a self, address: &'a Address) -> Work<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let io = Runtime::connect(self, address).await?;
            Ok(Box::new(io) as Box<dyn Io>)
        })
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(Runtime::timer(self))
    }

    fn now(&self) -> Instant {
        Runtime::now(self)
    }

    fn spawn(&self, task: Work<'static, ()>) {
        Runtime::spawn(self, task);
    }
}

/// A listener whose connections are boxed.
struct Boxing<L>(L);

impl<L: Listener> Listener for Boxing<L> {
    type Io = Box<dyn Io>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn Io>>> {
        self.0.poll_accept(cx).map_ok(|io| Box::new(io) as Box<dyn Io>)
    }

    fn local_address(&self) -> io::Result<Address> {
        self.0.local_address()
    }
}
