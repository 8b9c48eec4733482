//! Moving the bytes of a connection with streams, as its driver does it.

use bytes::BytesMut;
use kitewire_proto::{Deadline, Demand, Disconnect, Instant, Shutdown, Transmit};

use super::connection::Connection;
use super::event::Event;
use crate::server::Load;

impl Connection {
    #[inline]
    pub(crate) fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        match self {
            Self::Grpc(connection) => connection.receive(now, input),
            Self::TtHeader(connection) => connection.receive(now, input),
        }
    }

    pub(crate) fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        match self {
            Self::Grpc(connection) => connection.handle_disconnect(now, why),
            Self::TtHeader(connection) => connection.handle_disconnect(now, why),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Grpc(connection) => connection.handle_timeout(now),
            Self::TtHeader(connection) => connection.handle_timeout(now),
        }
    }

    pub(crate) fn shutdown(&mut self, now: Instant, how: Shutdown) {
        match self {
            Self::Grpc(connection) => connection.shutdown(now, how),
            Self::TtHeader(connection) => connection.shutdown(now, how),
        }
    }

    #[inline]
    pub(crate) fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        match self {
            Self::Grpc(connection) => connection.poll_transmit(now, out),
            Self::TtHeader(connection) => connection.poll_transmit(now, out),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        match self {
            Self::Grpc(connection) => connection.poll_timeout(),
            Self::TtHeader(connection) => connection.poll_timeout(),
        }
    }

    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        match self {
            Self::Grpc(connection) => {
                while let Some(event) = connection.poll_event() {
                    let known = Event::of_grpc(event);
                    if known.is_some() {
                        return known;
                    }
                }
                None
            }
            Self::TtHeader(connection) => {
                while let Some(event) = connection.poll_event() {
                    let known = Event::of_tt_header(event);
                    if known.is_some() {
                        return known;
                    }
                }
                None
            }
        }
    }

    #[inline]
    pub(crate) fn read_demand(&self) -> Demand {
        match self {
            Self::Grpc(connection) => connection.read_demand(),
            Self::TtHeader(connection) => connection.read_demand(),
        }
    }

    #[inline]
    pub(super) fn has_output(&self) -> bool {
        match self {
            Self::Grpc(connection) => connection.has_output(),
            Self::TtHeader(connection) => connection.has_output(),
        }
    }

    pub(super) fn wants_turn(&self) -> bool {
        match self {
            Self::Grpc(connection) => connection.wants_turn(),
            Self::TtHeader(connection) => connection.wants_turn(),
        }
    }

    pub(crate) fn is_drained(&self) -> bool {
        match self {
            Self::Grpc(connection) => connection.is_drained(),
            Self::TtHeader(connection) => connection.is_drained(),
        }
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
        match self {
            Self::Grpc(connection) => connection.release_memory(),
            Self::TtHeader(connection) => connection.release_memory(),
        }
    }
}
