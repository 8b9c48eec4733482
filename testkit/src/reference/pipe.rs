//! A socket in memory: one end for a future, the other for the hand.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket and its other end. The socket's writes wait while `room` bytes of them have not been taken.
#[must_use]
pub fn pipe(room: usize) -> (Socket, Remote) {
    let [incoming, outgoing] = [usize::MAX, room].map(|room| Rc::new(RefCell::new(Half::new(room))));
    let remote = Remote {
        incoming: outgoing.clone(),
        outgoing: incoming.clone(),
    };
    (Socket { incoming, outgoing }, remote)
}

/// The end that futures read and write.
#[derive(Debug)]
pub struct Socket {
    incoming: Rc<RefCell<Half>>,
    outgoing: Rc<RefCell<Half>>,
}

/// The end that a script moves bytes at.
#[derive(Debug)]
pub struct Remote {
    incoming: Rc<RefCell<Half>>,
    outgoing: Rc<RefCell<Half>>,
}

/// One direction.
#[derive(Debug)]
struct Half {
    bytes: BytesMut,
    room: usize,
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Half {
    fn new(room: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            room,
            ended: false,
            reader: None,
            writer: None,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let free = self.room.saturating_sub(self.bytes.len());
        let (taken, _) = bytes.split_at(free.min(bytes.len()));
        self.bytes.extend_from_slice(taken);
        self.wake_reader();
        taken.len()
    }

    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

impl Remote {
    /// Hands `bytes` to the socket's reader.
    pub fn give(&self, bytes: &[u8]) {
        self.outgoing.borrow_mut().write(bytes);
    }

    /// Tells the socket's reader that nothing more comes.
    pub fn end(&self) {
        let mut half = self.outgoing.borrow_mut();
        half.ended = true;
        half.wake_reader();
    }

    /// Takes the next bytes that the socket's writer has written, at most so many.
    #[must_use]
    pub fn take(&self, most: usize) -> BytesMut {
        let mut half = self.incoming.borrow_mut();
        let length = half.bytes.len().min(most);
        let taken = half.bytes.split_to(length);
        if !taken.is_empty() {
            half.wake_writer();
        }
        taken
    }

    /// Bytes that [`Self::take`] can take.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.incoming.borrow().bytes.len()
    }

    /// Whether the socket was shut down or dropped and everything that it wrote has been taken.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        let half = self.incoming.borrow();
        half.ended && half.bytes.is_empty()
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut half = self.incoming.borrow_mut();
        if half.bytes.is_empty() && !half.ended {
            half.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let length = half.bytes.len().min(into.remaining());
        let (read, _) = half.bytes.split_at(length);
        into.put_slice(read);
        half.bytes.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut half = self.outgoing.borrow_mut();
        let written = half.write(bytes);
        if written == 0 && !bytes.is_empty() {
            half.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.borrow_mut().ended = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.outgoing.borrow_mut().ended = true;
    }
}
