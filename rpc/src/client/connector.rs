//! A runtime without its type, so that clients have none either.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use kitewire_proto::Instant;
use kitewire_runtime::{Address, Io, Runtime, Timer};

/// The verbs of [`Runtime`] that a client needs. Boxes are made per connection, never per call.
pub(crate) trait Connector: Send + Sync {
    fn now(&self) -> Instant;
    fn timer(&self) -> Box<dyn Timer>;
    fn spawn(&self, task: BoxFuture<()>);
    fn connect(&self, address: Address) -> BoxFuture<io::Result<Box<dyn Io>>>;
}

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(crate) struct RuntimeConnector<R>(pub(crate) R);

impl<R: Runtime> Connector for RuntimeConnector<R> {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(self.0.timer())
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.0.spawn(task);
    }

    fn connect(&self, address: Address) -> BoxFuture<io::Result<Box<dyn Io>>> {
        let runtime = self.0.clone();
        Box::pin(async move {
            let io = runtime.connect(&address).await?;
            Ok(Box::new(io) as Box<dyn Io>)
        })
    }
}

/// A connection being made, for as long as the connect timeout allows.
pub(crate) struct Dial {
    connecting: BoxFuture<io::Result<Box<dyn Io>>>,
    timer: Box<dyn Timer>,
}

impl Dial {
    pub(crate) fn new(connector: &dyn Connector, address: Address, patience: Duration) -> Self {
        let mut timer = connector.timer();
        timer.arm(connector.now() + patience);
        Self {
            connecting: connector.connect(address),
            timer,
        }
    }
}

impl Future for Dial {
    type Output = io::Result<Box<dyn Io>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.connecting.as_mut().poll(cx) {
            Poll::Ready(connected) => Poll::Ready(connected),
            Poll::Pending => self
                .timer
                .poll_expired(cx)
                .map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "i/o timeout"))),
        }
    }
}
