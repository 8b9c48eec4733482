//! One connection of the loop, with its socket.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown as Direction;
use std::time::Duration;

use bytes::BytesMut;
use kitewire_proto::{Connection, Demand, Disconnect, Instant, Shutdown, Transmit};
use mio::event::Event;
use mio::net::TcpStream;

use super::Serve;

pub(super) struct Peer<S> {
    socket: TcpStream,
    connection: Connection,
    handlers: S,
    /// Bytes that were read and are not taken in yet.
    input: BytesMut,
    /// Bytes that the socket has not taken yet.
    out: Transmit,
    readable: bool,
    writable: bool,
    /// Everything is said; what the peer still sends is dropped until then, or until it goes. A socket that is closed
    /// over unread bytes resets, and may take our last answer away from the peer.
    lingers: Option<Instant>,
    /// What the loop's timers have for it.
    pub(super) armed: Option<Instant>,
}

/// How a turn ended.
pub(super) enum Turn {
    /// Nothing can be done until something happens.
    Waits,
    /// There is more to do, but others come first.
    Spent,
    /// The socket can be closed.
    Over,
}

impl<S: Serve> Peer<S> {
    pub(super) fn new(socket: TcpStream, connection: Connection, handlers: S) -> Self {
        Self {
            socket,
            connection,
            handlers,
            input: BytesMut::new(),
            out: Transmit::new(),
            readable: true,
            writable: true,
            lingers: None,
            armed: None,
        }
    }

    /// Remembers what the socket is ready for.
    pub(super) fn note(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    pub(super) fn stop(&mut self, now: Instant, until: Instant) {
        self.connection.shutdown(now, Shutdown::Graceful { until });
    }

    /// When it wants a turn, whatever its socket does.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lingers
            .or_else(|| self.connection.poll_timeout().map(|deadline| deadline.at))
    }

    /// Does all that can be done: what is due, then reads and handles, then one write for all that came of it, and so on
    /// until the socket has nothing more and takes nothing more.
    pub(super) fn turn(&mut self, now: Instant, block: &mut [u8]) -> Turn {
        if let Some(until) = self.lingers {
            return self.linger(now, until, block);
        }
        self.connection.handle_timeout(now, &mut self.input);
        for _ in 0..MAX_STEPS {
            let read = self.read(now, block);
            if self.handlers.serve(&mut self.connection, now) || read || self.write(now) {
                continue;
            }
            // The last byte sent can be what ends a call, or the connection.
            if self.handlers.serve(&mut self.connection, now) {
                continue;
            }
            if self.connection.is_drained() {
                // An error is that of a socket that is gone already.
                let _ = self.socket.shutdown(Direction::Write);
                let until = now + LINGER;
                self.lingers = Some(until);
                return self.linger(now, until, block);
            }
            self.rest();
            return Turn::Waits;
        }
        self.write(now);
        Turn::Spent
    }

    /// Returns whether anything has changed.
    fn read(&mut self, now: Instant, block: &mut [u8]) -> bool {
        match self.connection.read_demand() {
            Demand::Receive => self.connection.receive(now, &mut self.input),
            Demand::Read if self.readable => match self.socket.read(block) {
                Ok(0) => self.connection.handle_disconnect(now, Disconnect::ReadEnd),
                Ok(read) => {
                    self.input.extend_from_slice(&block[..read]);
                    self.connection.receive(now, &mut self.input);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    return false;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.connection.handle_disconnect(now, Disconnect::ReadFailed),
            },
            Demand::Read | Demand::Pause | Demand::Stop => return false,
        }
        true
    }

    /// Returns whether anything has changed.
    fn write(&mut self, now: Instant) -> bool {
        let mut any = false;
        while self.writable && self.connection.poll_transmit(now, &mut self.out) {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let used = self.out.slices(&mut slices);
            match self.socket.write_vectored(&slices[..used]) {
                Ok(count) if count > 0 => {
                    self.out.advance(count);
                    any = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => {
                    self.out = Transmit::new();
                    self.connection.handle_disconnect(now, Disconnect::WriteFailed);
                    return true;
                }
            }
        }
        any
    }

    fn linger(&mut self, now: Instant, until: Instant, block: &mut [u8]) -> Turn {
        if now >= until {
            return Turn::Over;
        }
        for _ in 0..MAX_STEPS {
            match self.socket.read(block) {
                Ok(read) if read > 0 => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Turn::Waits,
                _ => return Turn::Over,
            }
        }
        // Who pours on without end has had the chance to read our answer.
        Turn::Over
    }

    /// Gives back what a connection without work does not need.
    fn rest(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        self.out.release();
    }
}

/// Reads that one turn makes at most, about.
const MAX_STEPS: usize = 32;
/// Pieces of one write.
const SLICES: usize = 16;
/// How long the peer may take to read our last bytes.
const LINGER: Duration = Duration::from_secs(1);
