//! A secured connection: a session of TLS over a byte stream.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use kitewire_runtime::{Address, BytesMut, Io, IoSlice, PeerIdentity, Timer};
use rustls::Connection;

use crate::error::{Stage, TlsError, TlsErrorKind};
use crate::session::{Session, Standing};

/// A secured connection over `I`.
///
/// A client's is past its handshake. A server's is not when it is accepted: its first reads and writes do the handshake,
/// within its deadline, and then go on.
pub struct TlsIo<I: Io, T: Timer> {
    io: I,
    session: Session,
    phase: Phase<T>,
    /// Asked for once, as the system forgets it with the connection.
    peer: Option<Address>,
    server_name: Option<String>,
    /// Bytes of the caller that are encrypted, but not all sent.
    taken: usize,
    /// The socket does not take any more. What it still has to say is read first.
    write_error: Option<io::Error>,
}

enum Phase<T> {
    Handshake(Option<T>),
    Open,
    /// We have said that nothing more will come.
    Closing,
    /// The handshake has failed. What the other side still sends is read and dropped for a moment, as closing the
    /// socket over unread bytes could take the alert away from it that says why.
    Refusing {
        why: TlsErrorKind,
        timer: T,
        left: usize,
    },
    Failed(TlsErrorKind),
    /// A client has gone without a word, as those do that only look whether somebody listens.
    Unused,
}

impl<I: Io, T: Timer> TlsIo<I, T> {
    pub(crate) fn server(io: I, connection: Connection, deadline: T) -> Self {
        Self::new(io, connection, Some(deadline), None)
    }

    /// A client's side, once its handshake is done.
    pub(crate) async fn connect(io: I, connection: Connection, server_name: String) -> io::Result<Self> {
        let mut secured = Self::new(io, connection, None, Some(server_name));
        poll_fn(|cx| secured.poll_open(cx)).await?;
        Ok(secured)
    }

    fn new(io: I, connection: Connection, deadline: Option<T>, server_name: Option<String>) -> Self {
        Self {
            peer: io.peer(),
            io,
            session: Session::new(connection),
            phase: Phase::Handshake(deadline),
            server_name,
            taken: 0,
            write_error: None,
        }
    }

    /// Ready when the handshake is done, or has failed.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.phase {
                Phase::Open | Phase::Closing | Phase::Unused => return Poll::Ready(Ok(())),
                Phase::Failed(why) => {
                    let why = why.clone();
                    return Poll::Ready(Err(self.error(why, Stage::Handshake)));
                }
                Phase::Handshake(_) => ready!(self.poll_handshake(cx)),
                Phase::Refusing { .. } => ready!(self.poll_refuse(cx)),
            }
        }
    }

    /// Ready when the phase has changed.
    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.send(cx);
            if !self.session.is_handshaking() {
                self.phase = Phase::Open;
                return Poll::Ready(());
            }
            match self.session.standing() {
                Standing::Failed(why) => return self.refuse(why),
                Standing::Ended if self.server_name.is_none() && self.session.is_unused() => {
                    self.phase = Phase::Unused;
                    return Poll::Ready(());
                }
                Standing::Closed | Standing::Ended => return self.fail(TlsErrorKind::Closed),
                Standing::Hungry => {}
            }
            if self.session.digest() {
                continue;
            }
            match self.session.poll_fill(&mut self.io, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return self.fail(TlsErrorKind::Closed),
                Poll::Pending => {
                    if let Phase::Handshake(Some(deadline)) = &mut self.phase
                        && deadline.poll_expired(cx).is_ready()
                    {
                        return self.fail(TlsErrorKind::TimedOut);
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    fn fail(&mut self, why: TlsErrorKind) -> Poll<()> {
        self.phase = Phase::Failed(why);
        Poll::Ready(())
    }

    /// Ends a handshake for a reason that the other side is told.
    fn refuse(&mut self, why: TlsErrorKind) -> Poll<()> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Open) {
            Phase::Handshake(Some(timer)) => Phase::Refusing {
                why,
                timer,
                left: MAX_DROPPED,
            },
            _ => Phase::Failed(why),
        };
        Poll::Ready(())
    }

    /// Ready when the other side has gone, or has had its chance to read why it is refused. The deadline of the handshake
    /// holds here, too.
    fn poll_refuse(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.send(cx);
        let Phase::Refusing { why, timer, left } = &mut self.phase else {
            return Poll::Ready(());
        };
        if !self.session.wants_write() || self.write_error.is_some() {
            // The end of our side, which tells the other that nothing comes behind the alert.
            let _ = self.io.poll_close(cx);
        }
        let over = loop {
            match self.session.poll_drop(&mut self.io, cx) {
                Poll::Ready(Ok(read)) if read > 0 && read < *left => *left -= read,
                // It has gone, or it pours on and has had its chance.
                Poll::Ready(_) => break true,
                Poll::Pending => break false,
            }
        };
        if !over && timer.poll_expired(cx).is_pending() {
            return Poll::Pending;
        }
        let why = match why {
            // A single byte can be enough to refuse it. More of them tell what it is.
            TlsErrorKind::NotTls(_) => TlsErrorKind::NotTls(self.session.first().to_vec()),
            why => why.clone(),
        };
        self.fail(why)
    }

    /// Sends what waits, as far as the socket takes it.
    fn send(&mut self, cx: &mut Context<'_>) {
        if self.write_error.is_none()
            && self.session.wants_write()
            && let Poll::Ready(Err(error)) = self.session.poll_flush(&mut self.io, cx)
        {
            self.write_error = Some(error);
        }
    }

    /// Ready when everything is sent, or the other side has said why it takes no more.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send(cx);
        if self.write_error.is_some() {
            return self.poll_lost(cx).map(Err);
        }
        match self.session.wants_write() {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    }

    /// What a socket that takes no more is lost to: the alert of the other side, if it has sent one before it went.
    ///
    /// Such a socket is about to tell the end of what can be read, too. Where it does not, that is a peer that takes
    /// nothing, as behind a full socket.
    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        // Plaintext is in the way of what follows it. Then it is the next reads that tell.
        while !self.session.has_plaintext() {
            match self.session.standing() {
                Standing::Failed(why) => return Poll::Ready(self.error(why, Stage::Open)),
                Standing::Closed | Standing::Ended => break,
                Standing::Hungry => {}
            }
            if !self.session.digest() && ready!(self.session.poll_fill(&mut self.io, cx)).is_err() {
                break;
            }
        }
        let error = match &self.write_error {
            Some(error) => io::Error::new(error.kind(), error.to_string()),
            None => io::ErrorKind::BrokenPipe.into(),
        };
        Poll::Ready(error)
    }

    fn error(&self, why: TlsErrorKind, stage: Stage) -> io::Error {
        TlsError::new(why, stage, self.peer.clone(), self.server_name.clone()).into()
    }
}

impl<I: Io, T: Timer> Io for TlsIo<I, T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?;
        loop {
            let read = self.session.read(buffer);
            // What reading asks for: an alert, an answer to new keys. Also what a write has left.
            self.send(cx);
            if read > 0 {
                return Poll::Ready(Ok(read));
            }
            match self.session.standing() {
                Standing::Hungry => ready!(self.session.poll_fill(&mut self.io, cx))?,
                Standing::Closed => return Poll::Ready(Ok(0)),
                Standing::Ended if matches!(self.phase, Phase::Unused) => return Poll::Ready(Ok(0)),
                Standing::Ended => return Poll::Ready(Err(self.error(TlsErrorKind::Truncated, Stage::Open))),
                Standing::Failed(why) => return Poll::Ready(Err(self.error(why, Stage::Open))),
            }
        }
    }

    /// Ready when the bytes that it tells of have been sent, encrypted. Until then the caller offers the same bytes.
    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?;
        if matches!(self.phase, Phase::Closing | Phase::Unused) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if let Standing::Failed(why) = self.session.standing() {
            return Poll::Ready(Err(self.error(why, Stage::Open)));
        }
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        if self.taken == 0 {
            self.taken = self.session.write(slices)?;
            if self.taken == 0 && offered > 0 {
                // Nothing but a flood of requests for new keys leaves so much behind.
                ready!(self.poll_flush(cx))?;
                self.taken = self.session.write(slices)?;
            }
        }
        ready!(self.poll_flush(cx))?;
        Poll::Ready(Ok(std::mem::take(&mut self.taken).min(offered)))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.phase, Phase::Open) {
            self.session.close();
            self.phase = Phase::Closing;
        }
        if matches!(self.phase, Phase::Closing) && self.write_error.is_none() {
            match self.session.poll_flush(&mut self.io, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => self.write_error = Some(error),
            }
        }
        self.io.poll_close(cx)
    }

    fn peer(&self) -> Option<Address> {
        self.peer.clone()
    }

    /// `None` until the handshake is done.
    fn peer_identity(&self) -> Option<Arc<PeerIdentity>> {
        if self.session.is_handshaking() {
            return None;
        }
        let mut identity = self.session.identity();
        if let Some(name) = &self.server_name {
            identity.server_name = Some(name.clone());
        }
        Some(Arc::new(identity))
    }
}

/// Dropping a stream closes it, and TLS has a word for that. It goes out if the socket takes it at once.
impl<I: Io, T: Timer> Drop for TlsIo<I, T> {
    fn drop(&mut self) {
        if matches!(self.phase, Phase::Open) && self.write_error.is_none() {
            self.session.close();
            let _ = self
                .session
                .poll_flush(&mut self.io, &mut Context::from_waker(Waker::noop()));
        }
    }
}

impl<I: Io, T: Timer> fmt::Debug for TlsIo<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIo")
            .field("peer", &self.peer)
            .field("server_name", &self.server_name)
            .field("handshaking", &self.session.is_handshaking())
            .finish_non_exhaustive()
    }
}

/// A refused peer may send as much before it is cut off.
const MAX_DROPPED: usize = 256 * 1024;
