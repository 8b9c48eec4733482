//! kitewire on smol.
//!
//! `Server::new(Smol)` and `Client::to(..).build(Smol)` are all that most programs need of it.

use std::future::Future;
use std::io;

pub use kitewire_async_io::{AsyncIo as SmolIo, AsyncIoListener as SmolListener, AsyncIoTimer as SmolTimer};
use kitewire_runtime::{Address, Instant, Runtime};

/// smol, with its global executor: one thread unless `SMOL_THREADS` says otherwise. Tasks run there whichever thread
/// uses this.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

impl Runtime for Smol {
    type Io = SmolIo;
    type Listener = SmolListener;
    type Timer = SmolTimer;

    async fn listen(&self, address: &Address) -> io::Result<SmolListener> {
        kitewire_async_io::listen(address).await
    }

    async fn connect(&self, address: &Address) -> io::Result<SmolIo> {
        kitewire_async_io::connect(address).await
    }

    fn timer(&self) -> SmolTimer {
        SmolTimer::new()
    }

    fn now(&self) -> Instant {
        kitewire_async_io::now()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }
}
