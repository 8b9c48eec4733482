//! kitewire on tokio.
//!
//! `Server::new(Tokio)` and `Client::to(..).build(Tokio)` are all that most programs need of it.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

#[cfg(unix)]
use kitewire_runtime::sockets::unix_address;
use kitewire_runtime::sockets::{Listening, connect_first, listen, resolve};
use kitewire_runtime::{Address, BytesMut, Instant, Io, IoSlice, Listener, Runtime, Timer};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{coop::unconstrained, spawn_blocking};
use tokio::time::Sleep;

/// The tokio runtime that the caller runs in. Its tasks, timers and sockets belong to the runtime of the thread that
/// uses it; outside of one, tokio panics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokio;

impl Runtime for Tokio {
    type Io = TokioIo;
    type Listener = TokioListener;
    type Timer = TokioTimer;

    async fn listen(&self, address: &Address) -> io::Result<TokioListener> {
        let listening = match address {
            Address::Name(_) => {
                let address = address.clone();
                spawn_blocking(move || listen(&address)).await?
            }
            Address::Tcp(_) | Address::Unix(_) => listen(address),
        }?;
        match listening {
            Listening::Tcp(listener) => TcpListener::from_std(listener).map(TokioListener::Tcp),
            #[cfg(unix)]
            Listening::Unix(listener) => UnixListener::from_std(listener).map(TokioListener::Unix),
        }
    }

    async fn connect(&self, address: &Address) -> io::Result<TokioIo> {
        match address {
            Address::Tcp(address) => connect_tcp(*address).await,
            Address::Name(name) => {
                let name = name.clone();
                let addresses = spawn_blocking(move || resolve(&name)).await??;
                connect_first(addresses, connect_tcp).await
            }
            #[cfg(unix)]
            Address::Unix(path) => UnixStream::connect(path).await.map(TokioIo::Unix),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn timer(&self) -> TokioTimer {
        TokioTimer { sleep: None }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + tokio::time::Instant::now().saturating_duration_since(epoch())
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(task));
    }
}

/// A connected socket.
#[derive(Debug)]
pub enum TokioIo {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Io for TokioIo {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        // Polled once and dropped: `read_buf` holds no state between polls. tokio forgets readiness on a short read, so
        // the poll after it costs no system call.
        match self {
            Self::Tcp(stream) => pin!(stream.read_buf(buffer)).poll(cx),
            #[cfg(unix)]
            Self::Unix(stream) => pin!(stream.read_buf(buffer)).poll(cx),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => write(Pin::new(stream), cx, slices),
            #[cfg(unix)]
            Self::Unix(stream) => write(Pin::new(stream), cx, slices),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn peer(&self) -> Option<Address> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok().map(Address::Tcp),
            #[cfg(unix)]
            Self::Unix(stream) => unix_address(&stream.peer_addr().ok()?.into()).ok(),
        }
    }
}

/// A listening socket. A Unix socket's file stays behind; listening there again replaces it.
#[derive(Debug)]
pub enum TokioListener {
    /// On TCP.
    Tcp(TcpListener),
    /// On a Unix socket.
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener for TokioListener {
    type Io = TokioIo;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<TokioIo>> {
        let accept = poll_fn(|cx| match self {
            Self::Tcp(listener) => listener.poll_accept(cx).map_ok(|(stream, _)| {
                // Fails only on a connection that is gone already; its first read will tell.
                let _ = stream.set_nodelay(true);
                TokioIo::Tcp(stream)
            }),
            #[cfg(unix)]
            Self::Unix(listener) => listener.poll_accept(cx).map_ok(|(stream, _)| TokioIo::Unix(stream)),
        });
        pin!(unconstrained(accept)).poll(cx)
    }

    fn local_address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            #[cfg(unix)]
            Self::Unix(listener) => unix_address(&listener.local_addr()?.into()),
        }
    }
}

/// A timer of tokio's wheel. It is made on the first [`Timer::arm`] and moved afterwards.
#[derive(Debug)]
pub struct TokioTimer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer for TokioTimer {
    fn arm(&mut self, at: Instant) {
        let at = epoch() + Duration::from_nanos(at.as_nanos()).min(FARTHEST);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A task that has used up its budget would be woken at once in place of in time, and need not ask again.
        let sleep = self.sleep.as_mut();
        sleep.map_or(Poll::Pending, |sleep| pin!(unconstrained(sleep)).poll(cx))
    }
}

async fn connect_tcp(address: SocketAddr) -> io::Result<TokioIo> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::Tcp(stream))
}

fn write<W: AsyncWrite>(stream: Pin<&mut W>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
    match slices {
        [only] => stream.poll_write(cx, only),
        several => stream.poll_write_vectored(cx, several),
    }
}

/// Where the clock starts. tokio's own clock, so that its paused time works too.
fn epoch() -> tokio::time::Instant {
    static EPOCH: OnceLock<tokio::time::Instant> = OnceLock::new();
    *EPOCH.get_or_init(tokio::time::Instant::now)
}

/// About a century; later than any timer waits, and not so late that the sum overflows.
const FARTHEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
