//! Sockets: what waits is async-io's, what moves bytes is the standard library's.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(unix)]
use std::path::Path;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_io::Async;
#[cfg(unix)]
use kitewire_runtime::sockets::unix_address;
use kitewire_runtime::{Address, BytesMut, Io, IoSlice, Listener};

/// A connected socket.
#[derive(Debug)]
pub struct AsyncIo {
    stream: Stream,
    /// When a read left nothing behind, so that the next one waits for the system to say otherwise.
    drained: Option<Instant>,
}

#[derive(Debug)]
enum Stream {
    Tcp(Async<TcpStream>),
    #[cfg(unix)]
    Unix(Async<UnixStream>),
}

impl AsyncIo {
    pub(crate) async fn connect_tcp(address: SocketAddr) -> io::Result<Self> {
        let stream = Async::<TcpStream>::connect(address).await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(Self::new(Stream::Tcp(stream)))
    }

    #[cfg(unix)]
    pub(crate) async fn connect_unix(path: &Path) -> io::Result<Self> {
        let stream = Async::<UnixStream>::connect(path).await?;
        Ok(Self::new(Stream::Unix(stream)))
    }

    const fn new(stream: Stream) -> Self {
        Self { stream, drained: None }
    }
}

impl Io for AsyncIo {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let drained = &mut self.drained;
        match &self.stream {
            Stream::Tcp(stream) => read(stream, cx, drained, buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => read(stream, cx, drained, buffer),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match &self.stream {
            Stream::Tcp(stream) => write(stream, cx, slices),
            #[cfg(unix)]
            Stream::Unix(stream) => write(stream, cx, slices),
        }
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match &self.stream {
            Stream::Tcp(stream) => stream.get_ref().shutdown(Shutdown::Write),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.get_ref().shutdown(Shutdown::Write),
        })
    }

    fn peer(&self) -> Option<Address> {
        match &self.stream {
            Stream::Tcp(stream) => stream.get_ref().peer_addr().ok().map(Address::Tcp),
            #[cfg(unix)]
            Stream::Unix(stream) => unix_address(&stream.get_ref().peer_addr().ok()?).ok(),
        }
    }
}

/// A listening socket. A Unix socket's file stays behind; listening there again replaces it.
#[derive(Debug)]
pub enum AsyncIoListener {
    /// On TCP.
    Tcp(Async<TcpListener>),
    /// On a Unix socket.
    #[cfg(unix)]
    Unix(Async<UnixListener>),
}

impl Listener for AsyncIoListener {
    type Io = AsyncIo;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncIo>> {
        let stream = match self {
            Self::Tcp(listener) => {
                let (stream, _) = ready!(accept(listener, cx, TcpListener::accept))?;
                // Fails only on a connection that is gone already; its first read will tell.
                let _ = stream.set_nodelay(true);
                Stream::Tcp(Async::new(stream)?)
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = ready!(accept(listener, cx, UnixListener::accept))?;
                Stream::Unix(Async::new(stream)?)
            }
        };
        Poll::Ready(Ok(AsyncIo::new(stream)))
    }

    fn local_address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.get_ref().local_addr().map(Address::Tcp),
            #[cfg(unix)]
            Self::Unix(listener) => unix_address(&listener.get_ref().local_addr()?),
        }
    }
}

fn read<T>(
    stream: &Async<T>,
    cx: &mut Context<'_>,
    drained: &mut Option<Instant>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>>
where
    for<'a> &'a T: Read,
{
    loop {
        if let Some(since) = *drained {
            match stream.poll_readable(cx) {
                Poll::Pending if since.elapsed() < FRESH => return Poll::Pending,
                // Nobody may have waited meanwhile, so that async-io was not told to look.
                Poll::Pending => {}
                Poll::Ready(ready) => ready?,
            }
            *drained = None;
        }
        let result = BLOCK.with_borrow_mut(|block| {
            let room = (buffer.capacity() - buffer.len()).min(block.len());
            let read = stream.get_ref().read(&mut block[..room])?;
            buffer.extend_from_slice(&block[..read]);
            // The end of the stream is no reason to wait; it will be told again.
            *drained = (read > 0 && read < room).then(Instant::now);
            Ok::<_, io::Error>(read)
        });
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => *drained = Some(Instant::now()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return Poll::Ready(result),
        }
    }
}

fn write<T>(stream: &Async<T>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>>
where
    for<'a> &'a T: Write,
{
    loop {
        let result = match slices {
            [only] => stream.get_ref().write(only),
            several => stream.get_ref().write_vectored(several),
        };
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(stream.poll_writable(cx))?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return Poll::Ready(result),
        }
    }
}

fn accept<L, S>(listener: &Async<L>, cx: &mut Context<'_>, accept: fn(&L) -> io::Result<S>) -> Poll<io::Result<S>> {
    loop {
        match accept(listener.get_ref()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(listener.poll_readable(cx))?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return Poll::Ready(result),
        }
    }
}

/// How long a socket that was empty is taken to be so. Far longer than from a read to the wait behind it, and far shorter
/// than a connection waits for its next call.
const FRESH: Duration = Duration::from_millis(1);

thread_local! {
    /// What reads go through. Only initialised memory can be read into without unsafe code; copying what came costs less
    /// than setting all the room in a buffer to zero each time.
    static BLOCK: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}
