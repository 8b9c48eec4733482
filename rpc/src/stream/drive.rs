//! Moving the bytes of a connection with streams, as its driver does it.

use std::iter;

use bytes::BytesMut;
use kitewire_proto::{Deadline, Demand, Disconnect, Instant, Machine, Shutdown, Transmit};

use super::connection::Connection;
use super::event::Event;
use super::hub::State;
use crate::server::Load;

/// Calls a verb that both kinds have.
macro_rules! each {
    ($connection:expr, $verb:ident($($argument:expr),*)) => {
        match $connection {
            Connection::Grpc(connection) => connection.$verb($($argument),*),
            Connection::TtHeader(connection) => connection.$verb($($argument),*),
        }
    };
}

impl Connection {
    #[inline]
    pub(crate) fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        each!(self, receive(now, input));
    }

    pub(crate) fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        each!(self, handle_disconnect(now, why));
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        each!(self, handle_timeout(now));
    }

    pub(crate) fn shutdown(&mut self, now: Instant, how: Shutdown) {
        each!(self, shutdown(now, how));
    }

    #[inline]
    pub(crate) fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        each!(self, poll_transmit(now, out))
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        each!(self, poll_timeout())
    }

    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        match self {
            Self::Grpc(connection) => iter::from_fn(|| connection.poll_event()).find_map(Event::of_grpc),
            Self::TtHeader(connection) => iter::from_fn(|| connection.poll_event()).find_map(Event::of_tt_header),
        }
    }

    #[inline]
    pub(crate) fn read_demand(&self) -> Demand {
        each!(self, read_demand())
    }

    #[inline]
    pub(super) fn has_output(&self) -> bool {
        each!(self, has_output())
    }

    pub(super) fn wants_turn(&self) -> bool {
        each!(self, wants_turn())
    }

    pub(crate) fn is_drained(&self) -> bool {
        each!(self, is_drained())
    }

    /// Streams that are not released, and plain requests whose handlers run.
    pub(crate) fn open_calls(&self) -> usize {
        match self {
            Self::Grpc(connection) => connection.open_calls(),
            Self::TtHeader(connection) => connection.open_streams(),
        }
    }

    /// How much the connection has to do and to hold.
    pub(crate) fn load(&self) -> Load {
        let (memory, withheld) = match self {
            Self::Grpc(connection) => (connection.usage(), connection.withheld()),
            Self::TtHeader(connection) => (connection.usage(), connection.waiting()),
        };
        Load {
            calls: self.open_calls(),
            memory,
            withheld,
        }
    }

    pub(super) fn release_memory(&mut self) {
        each!(self, release_memory());
    }
}

/// The connection together with those who wait on it.
impl Machine for State {
    type Event = Event;

    #[inline]
    fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        self.connection.receive(now, input);
    }

    fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        self.connection.handle_disconnect(now, why);
    }

    fn handle_timeout(&mut self, now: Instant, _input: &mut BytesMut) {
        self.connection.handle_timeout(now);
    }

    fn shutdown(&mut self, now: Instant, how: Shutdown) {
        self.connection.shutdown(now, how);
    }

    #[inline]
    fn poll_event(&mut self) -> Option<Event> {
        self.connection.poll_event()
    }

    /// What comes from now on is new.
    #[inline]
    fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        self.fresh = false;
        self.connection.poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.connection.poll_timeout()
    }

    #[inline]
    fn read_demand(&self) -> Demand {
        self.connection.read_demand()
    }

    fn is_drained(&self) -> bool {
        self.connection.is_drained()
    }

    fn usage(&self) -> usize {
        self.connection.load().memory
    }

    fn release_memory(&mut self) {
        self.watches.release_memory();
        self.connection.release_memory();
    }
}
