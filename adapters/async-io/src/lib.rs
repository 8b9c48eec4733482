//! Sockets and timers of [`async_io`] for kitewire.
//!
//! smol and async-std wait for sockets and timers with the same reactor, so `kitewire-smol` and `kitewire-async-std`
//! share this crate and add how to spawn a task. So can an adapter for any other executor: async-io needs no executor, it
//! wakes tasks from whichever thread has time, and from one of its own when none has.
//!
//! ```
//! use std::future::Future;
//! use std::io;
//!
//! use kitewire_async_io::{AsyncIo, AsyncIoListener, AsyncIoTimer};
//! use kitewire_runtime::{Address, Instant, Runtime};
//!
//! #[derive(Clone)]
//! struct ThreadPerTask;
//!
//! impl Runtime for ThreadPerTask {
//!     type Io = AsyncIo;
//!     type Listener = AsyncIoListener;
//!     type Timer = AsyncIoTimer;
//!
//!     async fn listen(&self, address: &Address) -> io::Result<AsyncIoListener> {
//!         kitewire_async_io::listen(address).await
//!     }
//!
//!     async fn connect(&self, address: &Address) -> io::Result<AsyncIo> {
//!         kitewire_async_io::connect(address).await
//!     }
//!
//!     fn timer(&self) -> AsyncIoTimer {
//!         AsyncIoTimer::new()
//!     }
//!
//!     fn now(&self) -> Instant {
//!         kitewire_async_io::now()
//!     }
//!
//!     fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
//!         std::thread::spawn(|| async_io::block_on(task));
//!     }
//! }
//! # async_io::block_on(async {
//! # let listener = ThreadPerTask.listen(&"127.0.0.1:0".into()).await.unwrap();
//! # ThreadPerTask.connect(&kitewire_runtime::Listener::local_address(&listener).unwrap()).await.unwrap();
//! # });
//! ```

mod socket;
mod timer;

use std::io;

use async_io::Async;
use kitewire_runtime::Address;
use kitewire_runtime::sockets::{self, Listening};

pub use socket::{AsyncIo, AsyncIoListener};
pub use timer::{AsyncIoTimer, now};

/// Listens on `address`; what [`Runtime::listen`](kitewire_runtime::Runtime::listen) asks for.
///
/// # Errors
/// When the address cannot be had.
pub async fn listen(address: &Address) -> io::Result<AsyncIoListener> {
    let listening = match address {
        Address::Name(_) => {
            let address = address.clone();
            blocking::unblock(move || sockets::listen(&address)).await
        }
        Address::Tcp(_) | Address::Unix(_) => sockets::listen(address),
    }?;
    match listening {
        Listening::Tcp(listener) => Async::new(listener).map(AsyncIoListener::Tcp),
        #[cfg(unix)]
        Listening::Unix(listener) => Async::new(listener).map(AsyncIoListener::Unix),
    }
}

/// Connects to `address`; what [`Runtime::connect`](kitewire_runtime::Runtime::connect) asks for.
///
/// # Errors
/// When nobody answers there.
pub async fn connect(address: &Address) -> io::Result<AsyncIo> {
    match address {
        Address::Tcp(address) => AsyncIo::connect_tcp(*address).await,
        Address::Name(name) => {
            let name = name.clone();
            let addresses = blocking::unblock(move || sockets::resolve(&name)).await?;
            sockets::connect_first(addresses, AsyncIo::connect_tcp).await
        }
        #[cfg(unix)]
        Address::Unix(path) => AsyncIo::connect_unix(path).await,
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}
