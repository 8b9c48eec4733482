//! A connection that a socket and a clock of choices drive.

use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use kitewire_proto::{Demand, Disconnect, Instant, Machine, Shutdown, Transmit};

use super::choices::Choices;

/// Who reads what a connection sends, and knows what may not stand in it.
pub(super) trait Reader {
    /// Takes the next bytes.
    fn read(&mut self, bytes: &[u8]);
}

/// A connection with its socket and its clock.
#[derive(Debug)]
pub(super) struct Driven<C, R> {
    pub(super) connection: C,
    pub(super) choices: Choices,
    pub(super) now: Instant,
    pub(super) reader: R,
    /// What the application said that may be unsent.
    pub(super) own: usize,
    input: BytesMut,
    out: Transmit,
    /// The longest piece of input so far.
    longest_piece: usize,
    odds: Odds,
}

/// One time in how many something happens; what a seed means depends on them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Odds {
    /// The peer ends a connection on which it has sent everything.
    pub(super) read_end: usize,
    /// Each of the ways in which a connection is stopped.
    pub(super) stop: usize,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Application,
    /// It was the socket's, or the clock's.
    Taken,
}

impl<C: Machine + fmt::Debug, R: Reader> Driven<C, R> {
    pub(super) fn new(connection: C, reader: R, seed: u64, odds: Odds) -> Self {
        Self {
            connection,
            choices: Choices::new(seed),
            now: Instant::ZERO,
            reader,
            own: 0,
            input: BytesMut::new(),
            out: Transmit::new(),
            longest_piece: 0,
            odds,
        }
    }

    /// Chooses what happens next, and does it, unless it is the application's turn. The peer has `rest` still to send.
    pub(super) fn step(&mut self, rest: &mut &[u8]) -> Turn {
        match self.choices.below(12) {
            0..4 => self.feed(rest),
            4..8 => return Turn::Application,
            8..10 => self.transmit(),
            10 => self.pass_time(),
            _ => self.stop_sometimes(),
        }
        Turn::Taken
    }

    fn feed(&mut self, rest: &mut &[u8]) {
        match self.connection.read_demand() {
            Demand::Read if rest.is_empty() => {
                if self.choices.below(self.odds.read_end) == 0 {
                    self.connection.handle_disconnect(self.now, Disconnect::ReadEnd);
                }
            }
            Demand::Read => {
                let (piece, later) = rest.split_at(self.choices.piece(rest.len()));
                *rest = later;
                self.longest_piece = self.longest_piece.max(piece.len());
                self.input.extend_from_slice(piece);
                self.connection.receive(self.now, &mut self.input);
            }
            Demand::Receive => self.connection.receive(self.now, &mut self.input),
            Demand::Pause | Demand::Stop => {}
        }
    }

    fn transmit(&mut self) {
        if !self.connection.poll_transmit(self.now, &mut self.out) {
            // Whatever is left is for a socket that has failed.
            self.out.advance(usize::MAX);
        }
        let taken = self.choices.below(self.out.len() + 1);
        let mut bytes = self.out.to_vec();
        bytes.truncate(taken);
        self.reader.read(&bytes);
        self.out.advance(taken);
        if self.out.is_empty() && !self.connection.poll_transmit(self.now, &mut self.out) {
            self.own = 0;
        }
    }

    fn pass_time(&mut self) {
        self.now += Duration::from_millis(self.choices.piece(4000) as u64);
        self.timeout();
    }

    fn timeout(&mut self) {
        self.connection.handle_timeout(self.now, &mut self.input);
        if let Some(next) = self.connection.poll_timeout() {
            assert!(next.at > self.now, "{next:?} is still due");
        }
    }

    fn stop_sometimes(&mut self) {
        match self.choices.below(self.odds.stop) {
            0 => self.stop(),
            1 => self.connection.shutdown(self.now, Shutdown::Immediate),
            2 => self.connection.handle_disconnect(self.now, Disconnect::WriteFailed),
            3 => self.connection.handle_disconnect(self.now, Disconnect::ReadEnd),
            4 => self.connection.release_memory(),
            _ => {}
        }
    }

    /// Stops the connection in three seconds.
    pub(super) fn stop(&mut self) {
        let until = self.now + Duration::from_secs(3);
        self.connection.shutdown(self.now, Shutdown::Graceful { until });
    }

    /// The connection holds no more than `most`, and what the peer and the application have just said.
    pub(super) fn check(&self, most: usize) {
        let usage = self.connection.usage();
        let most = most + self.longest_piece + self.own;
        assert!(usage <= most, "{usage} bytes held, at most {most}");
    }

    /// Sends everything, and goes on with what was read, or to the time when something is due. Returns whether there was
    /// any of that.
    pub(super) fn go_on(&mut self) -> bool {
        while self.connection.poll_transmit(self.now, &mut self.out) {
            self.reader.read(&self.out.to_vec());
            self.out.advance(usize::MAX);
        }
        if self.connection.read_demand() == Demand::Receive {
            self.connection.receive(self.now, &mut self.input);
            return true;
        }
        let Some(next) = self.connection.poll_timeout() else {
            return false;
        };
        self.now = self.now.max(next.at);
        self.timeout();
        true
    }

    /// The connection, which has told its end, is over and holds nothing.
    pub(super) fn check_end(&self) {
        let connection = &self.connection;
        assert!(connection.is_drained(), "{connection:?} never ends");
        assert_eq!(connection.read_demand(), Demand::Stop);
        let usage = connection.usage();
        assert!(
            usage <= self.input.len(),
            "{usage} bytes that nobody will get: {connection:?}"
        );
    }
}

/// Any bytes may be sent.
impl Reader for () {
    fn read(&mut self, _: &[u8]) {}
}
