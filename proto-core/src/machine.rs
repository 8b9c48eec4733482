//! What all connections have in common: the sans-IO contract.

use std::fmt;

use bytes::BytesMut;

use crate::buf::Transmit;
use crate::connection::{self, Connection};
use crate::error::Disconnect;
use crate::pingpong::{ClientConnection, ClientEvent, Demand, ServerConnection, ServerEvent, Shutdown};
use crate::time::{Deadline, Instant};
use crate::{grpc, http, http1, http2, ttstream};

/// A protocol without I/O ("sans-IO"): bytes and time in, bytes and events out.
///
/// A machine reads no socket and no clock, waits for nothing and calls nobody: whatever it does, it does within one of
/// these verbs, and the same calls in the same order lead to the same bytes and events. All the rest is its owner's: the
/// socket, the clock, and the decision when to look at either. So one and the same machine runs over blocking sockets, in
/// every async runtime, in simulations where hours pass at once, under a fuzzer, and in [replays](crate::record).
///
/// Every connection of this crate is one, and has these verbs as methods of its own too, so that who drives one kind of
/// them needs no trait. The trait is for code that drives any.
///
/// # The loop
///
/// For each machine its owner keeps a [`BytesMut`] that it reads into and a [`Transmit`] that it writes from. After
/// whatever has happened (bytes came, the socket took some, time passed, the application did something):
///
/// 1. [`handle_timeout`](Self::handle_timeout), if [`poll_timeout`](Self::poll_timeout) has come;
/// 2. [`receive`](Self::receive), if there are new bytes, or if [`read_demand`](Self::read_demand) says
///    [`Demand::Receive`];
/// 3. [`poll_event`](Self::poll_event) until there is none;
/// 4. [`poll_transmit`](Self::poll_transmit) and write, until it gives `false` or the socket takes no more;
/// 5. when [`is_drained`](Self::is_drained), close the socket; else wait until the socket can be read (if
///    [`read_demand`](Self::read_demand) says [`Demand::Read`]), until it can be written (if something is left in the
///    [`Transmit`]), or until [`poll_timeout`](Self::poll_timeout).
///
/// ```
/// use std::sync::Arc;
/// use bytes::BytesMut;
/// use kitewire_proto::{Instant, Machine, Transmit, http2};
///
/// /// Hands what `from` has to say to `to`. Two sockets lie in between otherwise.
/// fn carry(now: Instant, from: &mut impl Machine, to: &mut impl Machine, input: &mut BytesMut) {
///     let mut out = Transmit::new();
///     while from.poll_transmit(now, &mut out) {
///         input.extend_from_slice(&out.to_vec());
///         out.advance(out.len());
///         to.receive(now, input);
///     }
/// }
///
/// let mut now = Instant::ZERO;
/// let mut client = http2::Connection::client(Arc::default(), now);
/// let mut server = http2::Connection::server(Arc::default(), now);
/// let (mut to_client, mut to_server) = (BytesMut::new(), BytesMut::new());
/// loop {
///     carry(now, &mut client, &mut server, &mut to_server);
///     carry(now, &mut server, &mut client, &mut to_client);
///     // Time is an argument: nobody has to sit out how long a client may be idle.
///     let Some(next) = server.poll_timeout() else { break };
///     now = next.at;
///     server.handle_timeout(now);
/// }
/// assert!(server.is_drained());
/// ```
pub trait Machine {
    /// What it tells its owner.
    type Event: fmt::Debug;

    /// Takes in what was read. What is not whole, or has to wait, stays in `input`. To be called again with the same
    /// buffer when [`Self::read_demand`] says [`Demand::Receive`].
    fn receive(&mut self, now: Instant, input: &mut BytesMut);

    /// Tells how the socket ended, behind everything that was read.
    fn handle_disconnect(&mut self, now: Instant, why: Disconnect);

    /// Does what is due at `now`. Calling early or more often changes nothing. `input` is the buffer that
    /// [`Self::receive`] works on: a ping-pong server answers a request whose body did not come in time from its head.
    fn handle_timeout(&mut self, now: Instant, input: &mut BytesMut);

    /// Ends the connection; see [`Shutdown`].
    fn shutdown(&mut self, now: Instant, how: Shutdown);

    /// The next event, until there is none.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// Moves what there is to send to `out`. Returns whether `out` holds anything to write; never after the socket has
    /// failed, whatever is left in `out` then.
    fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool;

    /// When [`Self::handle_timeout`] wants to be called, and why.
    fn poll_timeout(&self) -> Option<Deadline>;

    /// What to do with the reading side of the socket now.
    fn read_demand(&self) -> Demand;

    /// Whether everything is over and sent, so that the socket can be closed.
    fn is_drained(&self) -> bool;

    /// Bytes that it makes its owner hold.
    fn usage(&self) -> usize;

    /// Gives back memory that an idle connection does not need.
    fn release_memory(&mut self);
}

/// Each verb is the connection's own; only what happens when time is up is said here.
macro_rules! machines {
    ($($connection:ty => $event:ty, |$this:ident, $now:ident, $input:pat_param| $timeout:expr;)*) => {$(
        impl Machine for $connection {
            type Event = $event;

            #[inline]
            fn receive(&mut self, now: Instant, input: &mut BytesMut) {
                self.receive(now, input);
            }

            #[inline]
            fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
                self.handle_disconnect(now, why);
            }

            #[inline]
            fn handle_timeout(&mut self, $now: Instant, $input: &mut BytesMut) {
                let $this = self;
                $timeout;
            }

            #[inline]
            fn shutdown(&mut self, now: Instant, how: Shutdown) {
                self.shutdown(now, how);
            }

            #[inline]
            fn poll_event(&mut self) -> Option<$event> {
                self.poll_event()
            }

            #[inline]
            fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
                self.poll_transmit(now, out)
            }

            #[inline]
            fn poll_timeout(&self) -> Option<Deadline> {
                self.poll_timeout()
            }

            #[inline]
            fn read_demand(&self) -> Demand {
                self.read_demand()
            }

            #[inline]
            fn is_drained(&self) -> bool {
                self.is_drained()
            }

            #[inline]
            fn usage(&self) -> usize {
                self.usage()
            }

            #[inline]
            fn release_memory(&mut self) {
                self.release_memory();
            }
        }
    )*};
}

machines! {
    Connection => connection::Event, |machine, now, input| machine.handle_timeout(now, input);
    ServerConnection => ServerEvent, |machine, now, input| machine.handle_timeout(now, input);
    ClientConnection => ClientEvent, |machine, now, _| machine.handle_timeout(now);
    grpc::Connection => grpc::Event, |machine, now, _| machine.handle_timeout(now);
    ttstream::Connection => ttstream::Event, |machine, now, _| machine.handle_timeout(now);
    http::ServerConnection => http::ServerEvent, |machine, now, _| machine.handle_timeout(now);
    http1::Connection => http::ServerEvent, |machine, now, _| machine.handle_timeout(now);
    http2::Connection => http2::Event, |machine, now, _| machine.handle_timeout(now);
}
