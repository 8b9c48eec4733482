//! One TLS session: bytes in, bytes out, without a socket.

use std::io::{self, BufRead, Write};
use std::task::{Context, Poll};

use kitewire_runtime::{BytesMut, Io, IoSlice, PeerIdentity};
use rustls::{Connection, InvalidMessage};

use crate::block::Block;
use crate::error::TlsErrorKind;
use crate::strangers;

/// A connection of rustls with what was read for it.
#[derive(Debug)]
pub(crate) struct Session {
    /// Moves with its connection, and is a kilobyte.
    connection: Box<Connection>,
    input: Block,
    /// The first bytes of the other side.
    first: Vec<u8>,
    failed: Option<TlsErrorKind>,
    end: Option<End>,
}

/// How reading came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The other side said so.
    Told,
    /// The socket did.
    Socket,
}

/// What there is to read.
#[derive(Debug, PartialEq)]
pub(crate) enum Standing {
    /// Nothing until more comes from the socket.
    Hungry,
    /// The other side said that it is done.
    Closed,
    /// The socket ended before the other side said so.
    Ended,
    Failed(TlsErrorKind),
}

impl Session {
    pub(crate) fn new(connection: Connection) -> Self {
        let mut connection = Box::new(connection);
        connection.set_buffer_limit(Some(MAX_OUTPUT));
        Self {
            connection,
            input: Block::default(),
            first: Vec::new(),
            failed: None,
            end: None,
        }
    }

    /// Moves what has been decrypted to `buffer`, as far as there is room, and decrypts more of what has been read.
    /// Returns how many bytes that were.
    pub(crate) fn read(&mut self, buffer: &mut BytesMut) -> usize {
        let before = buffer.len();
        loop {
            self.take_plaintext(buffer);
            if buffer.len() == buffer.capacity() || !self.digest() {
                return buffer.len() - before;
            }
        }
    }

    /// Whether something has been decrypted that nobody has read.
    pub(crate) fn has_plaintext(&mut self) -> bool {
        self.connection
            .reader()
            .fill_buf()
            .is_ok_and(|plaintext| !plaintext.is_empty())
    }

    /// Takes in a part of what has been read. Returns whether there was any.
    ///
    /// There must be no plaintext left: rustls holds one record at most.
    pub(crate) fn digest(&mut self) -> bool {
        if self.input.is_empty() || self.failed.is_some() || self.end.is_some() {
            return false;
        }
        let mut left = self.input.left();
        let taken = match self.connection.read_tls(&mut left) {
            Ok(taken) => taken,
            Err(error) => {
                self.failed = Some(TlsErrorKind::Protocol(rustls::Error::General(error.to_string())));
                return false;
            }
        };
        self.input.take(taken);
        // At once: an idle connection of a pool is not asked for more until its next call.
        self.input.rest();
        match self.connection.process_new_packets() {
            Ok(state) if state.peer_has_closed() => self.end = Some(End::Told),
            Ok(_) => {}
            Err(error) => self.failed = Some(self.kind_of(error)),
        }
        true
    }

    /// Reads from `io`, once what was read before has been taken in. Ready with an error only if the socket failed.
    pub(crate) fn poll_fill<I: Io>(&mut self, io: &mut I, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let read = match io.poll_read(cx, self.input.space()) {
            Poll::Ready(Ok(read)) => read,
            other => {
                self.input.rest();
                return other.map_ok(drop);
            }
        };
        if read == 0 {
            self.end = Some(End::Socket);
        }
        self.keep_first();
        Poll::Ready(Ok(()))
    }

    /// Reads from `io` and takes nothing in. Returns how many bytes that were.
    pub(crate) fn poll_drop<I: Io>(&mut self, io: &mut I, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let read = io.poll_read(cx, self.input.space());
        self.keep_first();
        self.input.drain();
        self.input.rest();
        read
    }

    /// Encrypts bytes of `slices`, as many as the bound on output allows. Returns how many.
    pub(crate) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.connection.writer().write_vectored(slices)
    }

    /// Sends what waits, all of it.
    pub(crate) fn poll_flush<I: Io>(&mut self, io: &mut I, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut sink = Sink { io, cx };
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut sink) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be sent.
    pub(crate) fn close(&mut self) {
        self.connection.send_close_notify();
    }

    /// What [`Self::read`] leaves to be said when it has nothing.
    pub(crate) fn standing(&self) -> Standing {
        match (&self.failed, self.end) {
            (Some(kind), _) => Standing::Failed(kind.clone()),
            (None, Some(End::Told)) => Standing::Closed,
            (None, Some(End::Socket)) => Standing::Ended,
            (None, None) => Standing::Hungry,
        }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    pub(crate) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Whether the other side has gone without a single byte.
    pub(crate) fn is_unused(&self) -> bool {
        self.end == Some(End::Socket) && self.first.is_empty()
    }

    /// The first bytes of the other side, as far as they are kept.
    pub(crate) fn first(&self) -> &[u8] {
        &self.first
    }

    /// What the handshake has shown about the other side.
    pub(crate) fn identity(&self) -> PeerIdentity {
        let mut identity = PeerIdentity::default();
        let certificates = self.connection.peer_certificates().unwrap_or_default();
        identity.certificates = certificates.iter().map(|certificate| certificate.to_vec()).collect();
        identity.application_protocol = self.connection.alpn_protocol().map(<[u8]>::to_vec);
        if let Connection::Server(connection) = &*self.connection {
            identity.server_name = connection.server_name().map(str::to_owned);
        }
        identity
    }

    fn keep_first(&mut self) {
        let room = FIRST - self.first.len();
        self.first.extend(self.input.left().iter().take(room));
    }

    fn take_plaintext(&mut self, buffer: &mut BytesMut) {
        let mut reader = self.connection.reader();
        loop {
            let room = buffer.capacity() - buffer.len();
            // Nothing to read is an error there, and so is the end.
            let chunk = reader.fill_buf().unwrap_or_default();
            let taken = chunk.len().min(room);
            if taken == 0 {
                return;
            }
            buffer.extend_from_slice(&chunk[..taken]);
            reader.consume(taken);
        }
    }

    fn kind_of(&self, error: rustls::Error) -> TlsErrorKind {
        let strange = matches!(error, rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType));
        if strange && self.connection.is_handshaking() && !strangers::begins_like_tls(&self.first) {
            return TlsErrorKind::NotTls(self.first.clone());
        }
        TlsErrorKind::of(error)
    }
}

/// Lets rustls write to a socket that may not be ready.
struct Sink<'a, 'b, I> {
    io: &'a mut I,
    cx: &'a mut Context<'b>,
}

impl<I: Io> Write for Sink<'_, '_, I> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.io.poll_write(self.cx, slices) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Plaintext that is encrypted ahead of the socket, at most.
const MAX_OUTPUT: usize = 64 * 1024;
/// How many of the first bytes are kept, to tell what they are if they are not TLS.
const FIRST: usize = 8;
