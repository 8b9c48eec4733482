//! Steps that every connection knows.

use std::fmt;

use super::stage::Stage;
use crate::machine::Machine;
use crate::record::digest::Digest;
use crate::record::step::Pulled;
use crate::record::{Op, RecordingError};
use crate::time::Instant;

/// A connection that steps are done to.
pub(super) trait Played: Machine {
    /// Whether [`handle_timeout`](Machine::handle_timeout) looks at the input, so that the step has it.
    const TIMES_OUT_INPUT: bool = false;

    /// What only this kind of connections can.
    fn command(&mut self, op: Op, stage: &mut Stage<'_>) -> Result<(), RecordingError>;
}

impl Stage<'_> {
    pub(super) fn step<P: Played>(&mut self, connection: &mut P, op: Op) -> Result<(), RecordingError> {
        match op {
            Op::Receive => {
                let now = self.take_input()?;
                connection.receive(now, &mut self.input);
                self.say(format_args!(", {} left", self.input.len()));
            }
            Op::Timeout if P::TIMES_OUT_INPUT => {
                let now = self.take_input()?;
                self.say(format_args!(", time is up"));
                connection.handle_timeout(now, &mut self.input);
            }
            Op::Timeout => {
                let now = self.from.time()?;
                self.say(format_args!("time is up"));
                connection.handle_timeout(now, &mut self.input);
            }
            Op::Disconnect => {
                let (now, why) = (self.from.time()?, self.from.take()?);
                self.say(format_args!("disconnect: {why:?}"));
                connection.handle_disconnect(now, why);
            }
            Op::Transmit => self.transmit(connection)?,
            Op::Event => {
                let event = connection.poll_event();
                self.compare_event(event.as_ref().map(|event| event as &dyn fmt::Debug))?;
            }
            Op::Shutdown => {
                let (now, how) = (self.from.time()?, self.from.take()?);
                self.say(format_args!("shut down: {how:?}"));
                connection.shutdown(now, how);
            }
            Op::ReleaseMemory => {
                self.say(format_args!("release memory"));
                connection.release_memory();
            }
            op => connection.command(op, self)?,
        }
        Ok(())
    }

    /// Puts what was read behind what the connection has left.
    fn take_input(&mut self) -> Result<Instant, RecordingError> {
        let now = self.from.time()?;
        let (kept, new) = (self.from.take::<usize>()?, self.from.bytes()?);
        self.say(format_args!("receive {} bytes behind {kept}", new.len()));
        if kept != self.input.len() {
            let left = self.input.len();
            // An owner that starts over with another buffer says that nothing was kept.
            if kept > 0 {
                self.note_difference(|| (format!("{kept} bytes left in the input"), left.to_string()));
            }
            self.input.truncate(kept);
        }
        self.input.extend_from_slice(new);
        self.count_received(new.len());
        Ok(now)
    }

    fn transmit(&mut self, connection: &mut impl Played) -> Result<(), RecordingError> {
        let (now, held, recorded) = (
            self.from.time()?,
            self.from.take::<usize>()?,
            self.from.take::<Digest>()?,
        );
        // The socket has taken the rest.
        let taken = self.out.len().saturating_sub(held);
        self.out.advance(taken);
        let left = self.out.len();
        if left < held {
            self.note_difference(|| (format!("{held} unsent bytes"), left.to_string()));
        }
        connection.poll_transmit(now, &mut self.out);
        let mut added = Digest::default();
        for piece in self.out.pieces_from(left) {
            added.add(piece);
        }
        self.count_sent(added.len);
        self.say(format_args!("transmit {added} behind {held}"));
        self.compare(Op::Transmit, recorded, added, |digest| *digest);
        Ok(())
    }

    /// What a pull gave.
    pub(super) fn compare_pull(&mut self, replayed: Pulled) -> Result<(), RecordingError> {
        let recorded = self.from.take()?;
        self.say(format_args!(": {replayed}"));
        self.compare(Op::Pull, recorded, replayed, Pulled::digest);
        Ok(())
    }
}
