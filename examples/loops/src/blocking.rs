//! A connection on a blocking socket: two threads and a lock.
//!
//! One thread reads; the other does everything else, and waits on a condition in between. A single thread would do for
//! calls that take turns, but not for streams: while it waits in `write` it does not read, and two peers that only write
//! to each other would wait for ever.
//!
//! The lock is held while the connection is spoken to, never during a system call.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown as Direction, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use kitewire_proto::{Connection, Demand, Disconnect, Shutdown, Transmit};

use crate::clock::Clock;

/// One connection, as its threads share it.
#[derive(Debug)]
pub struct Line {
    state: Mutex<State>,
    /// There may be something to do for whoever waits.
    changed: Condvar,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    /// Bytes that were read and are not taken in yet.
    input: BytesMut,
    /// The reading thread is done.
    read_up: bool,
}

impl Line {
    /// A line for `connection`, whose instants are those of `clock`.
    #[must_use]
    pub fn new(connection: Connection, clock: Clock) -> Self {
        Self {
            state: Mutex::new(State {
                connection,
                input: BytesMut::new(),
                read_up: false,
            }),
            changed: Condvar::new(),
            clock,
        }
    }

    /// Drives the connection to its end. `serve` handles its events; it is called after whatever has happened, and says
    /// whether there was something to do.
    ///
    /// # Errors
    /// When the socket cannot be set up. Whatever happens to it later, the connection tells.
    pub fn drive(
        &self,
        socket: &TcpStream,
        serve: impl FnMut(&mut Connection, kitewire_proto::Instant) -> bool,
    ) -> std::io::Result<()> {
        socket.set_nodelay(true)?;
        // A peer that takes nothing must not keep the deadlines of calls from being looked at.
        socket.set_write_timeout(Some(LONGEST_WRITE))?;
        std::thread::scope(|threads| {
            threads.spawn(|| self.read(socket));
            self.write(socket, serve);
            self.close(socket);
        });
        Ok(())
    }

    /// Lets calls that run end, for `patience` at most, and takes no new ones.
    pub fn stop(&self, patience: Duration) {
        let now = self.clock.now();
        let until = now + patience;
        self.lock().connection.shutdown(now, Shutdown::Graceful { until });
        self.changed.notify_all();
    }

    /// The reading thread.
    fn read(&self, mut socket: &TcpStream) {
        let mut block = vec![0; BLOCK];
        let mut state = self.lock();
        loop {
            let State { connection, input, .. } = &mut *state;
            match connection.read_demand() {
                Demand::Read => {
                    drop(state);
                    let read = socket.read(&mut block);
                    state = self.lock();
                    let State { connection, input, .. } = &mut *state;
                    let now = self.clock.now();
                    match read {
                        Ok(0) => connection.handle_disconnect(now, Disconnect::ReadEnd),
                        Ok(read) => {
                            input.extend_from_slice(&block[..read]);
                            connection.receive(now, input);
                        }
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(_) => connection.handle_disconnect(now, Disconnect::ReadFailed),
                    }
                }
                Demand::Receive => connection.receive(self.clock.now(), input),
                Demand::Pause => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                Demand::Stop => break,
            }
            self.changed.notify_all();
        }
        drop(state);
        // A socket that is closed over unread bytes resets, and may take our last answer away from the peer.
        while socket.read(&mut block).is_ok_and(|read| read > 0) {}
        self.lock().read_up = true;
        self.changed.notify_all();
    }

    /// The thread that does everything else, until all is over and sent.
    fn write(&self, socket: &TcpStream, mut serve: impl FnMut(&mut Connection, kitewire_proto::Instant) -> bool) {
        let mut out = Transmit::new();
        let mut state = self.lock();
        loop {
            let now = self.clock.now();
            let State { connection, input, .. } = &mut *state;
            connection.handle_timeout(now, input);
            // The reader may be waiting for more while what it has read can go on.
            if connection.read_demand() == Demand::Receive {
                connection.receive(now, input);
            }
            serve(connection, now);
            if connection.poll_transmit(now, &mut out) {
                drop(state);
                let written = write_some(socket, &out);
                state = self.lock();
                match written {
                    Written::Bytes(count) => out.advance(count),
                    Written::Failed => {
                        out = Transmit::new();
                        let now = self.clock.now();
                        state.connection.handle_disconnect(now, Disconnect::WriteFailed);
                    }
                }
                continue;
            }
            // The last byte sent can be what ends a call, or the connection.
            if serve(connection, now) || connection.read_demand() == Demand::Receive {
                continue;
            }
            if connection.is_drained() {
                return;
            }
            let due = connection.poll_timeout();
            // The reader may have paused for want of room, and there may be some now.
            self.changed.notify_all();
            state = match due {
                Some(deadline) => {
                    let woken = self.changed.wait_timeout(state, self.clock.until(deadline.at));
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Says that nothing follows, and lets the peer read what was said before the socket goes.
    fn close(&self, socket: &TcpStream) {
        // Errors are those of a socket that is gone already.
        let _ = socket.shutdown(Direction::Write);
        self.changed.notify_all();
        let state = self.lock();
        drop(self.changed.wait_timeout_while(state, LINGER, |state| !state.read_up));
        // Wakes a reader whose peer stays.
        let _ = socket.shutdown(Direction::Both);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Written {
    Bytes(usize),
    Failed,
}

/// Writes what the socket takes at once, or within the write timeout.
fn write_some(mut socket: &TcpStream, out: &Transmit) -> Written {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let used = out.slices(&mut slices);
    match socket.write_vectored(&slices[..used]) {
        Ok(0) => Written::Failed,
        Ok(count) => Written::Bytes(count),
        Err(error) => match error.kind() {
            ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => Written::Bytes(0),
            _ => Written::Failed,
        },
    }
}

/// Bytes of one read.
const BLOCK: usize = 32 * 1024;
/// Pieces of one write.
const SLICES: usize = 16;
/// How long one write may wait. What a stalled connection comes to is the core's to decide.
const LONGEST_WRITE: Duration = Duration::from_millis(250);
/// How long the peer may take to read our last bytes.
const LINGER: Duration = Duration::from_secs(1);
