//! kitewire on async-std.
//!
//! `Server::new(AsyncStd)` and `Client::to(..).build(AsyncStd)` are all that most programs need of it.
//!
//! async-std itself is discontinued and names smol as its successor: new programs take `kitewire-smol`, which runs on the
//! same sockets and timers.

use std::future::Future;
use std::io;

pub use kitewire_async_io::{
    AsyncIo as AsyncStdIo, AsyncIoListener as AsyncStdListener, AsyncIoTimer as AsyncStdTimer,
};
use kitewire_runtime::{Address, Instant, Runtime};

/// async-std, with its global executor: a thread per core unless `ASYNC_STD_THREAD_COUNT` says otherwise. Tasks run
/// there whichever thread uses this.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStd;

impl Runtime for AsyncStd {
    type Io = AsyncStdIo;
    type Listener = AsyncStdListener;
    type Timer = AsyncStdTimer;

    async fn listen(&self, address: &Address) -> io::Result<AsyncStdListener> {
        kitewire_async_io::listen(address).await
    }

    async fn connect(&self, address: &Address) -> io::Result<AsyncStdIo> {
        kitewire_async_io::connect(address).await
    }

    fn timer(&self) -> AsyncStdTimer {
        AsyncStdTimer::new()
    }

    fn now(&self) -> Instant {
        kitewire_async_io::now()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(async_std::task::spawn(task));
    }
}
