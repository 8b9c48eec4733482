//! One direction of a connection.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes on their way: written at the one end, not yet read at the other. Never full, and it keeps its memory.
#[derive(Debug)]
pub struct Pipe {
    bytes: Vec<u8>,
    read: usize,
}

impl Pipe {
    /// An empty pipe that will not have to grow.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(ROOM),
            read: 0,
        }
    }

    /// What a socket's `writev` does. In a function of its own, since that is the system's work and no side's.
    #[inline(never)]
    pub fn write(&mut self, pieces: &[IoSlice<'_>]) -> usize {
        let before = self.bytes.len();
        for piece in pieces {
            self.bytes.extend_from_slice(piece);
        }
        self.bytes.len() - before
    }

    /// What a socket's `read` does: `take` gets the bytes that wait, puts them where they shall be, and tells how many
    /// it took. In a function of its own as well.
    #[inline(never)]
    pub fn read<T>(&mut self, take: impl FnOnce(&[u8]) -> (usize, T)) -> T {
        let (count, value) = take(&self.bytes[self.read..]);
        self.read += count;
        if self.read == self.bytes.len() {
            self.bytes.clear();
            self.read = 0;
        }
        value
    }

    /// Bytes that wait to be read.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.bytes.len() - self.read
    }
}

impl Default for Pipe {
    fn default() -> Self {
        Self::new()
    }
}

/// One end of two pipes, as code that is written for tokio's traits wants it.
#[derive(Debug, Clone)]
pub struct End {
    incoming: Rc<RefCell<Pipe>>,
    outgoing: Rc<RefCell<Pipe>>,
}

impl End {
    /// Two ends that are joined.
    #[must_use]
    pub fn joined() -> (Self, Self) {
        let there = Rc::new(RefCell::new(Pipe::new()));
        let back = Rc::new(RefCell::new(Pipe::new()));
        let one = Self {
            incoming: Rc::clone(&back),
            outgoing: Rc::clone(&there),
        };
        let other = Self {
            incoming: there,
            outgoing: back,
        };
        (one, other)
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.incoming.borrow_mut();
        if pipe.unread() == 0 {
            return Poll::Pending;
        }
        pipe.read(|waiting| {
            let count = waiting.len().min(buf.remaining());
            buf.put_slice(&waiting[..count]);
            (count, ())
        });
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.outgoing.borrow_mut().write(&[IoSlice::new(buf)])))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, _: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.outgoing.borrow_mut().write(bufs)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// More than is ever on its way at once.
const ROOM: usize = 1024 * 1024;
