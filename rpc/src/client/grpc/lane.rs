//! A connection that carries gRPC, as its callers and its driver see it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use bytes::BytesMut;
use kitewire_proto::grpc::{self, Connection, Event, OpenError, Request};
use kitewire_proto::http2::StreamId;
use kitewire_proto::{Deadline, Demand, Disconnect, EncodeBody, Instant, Shutdown, Transmit};

use super::queue::{Queue, Ticket};
use crate::client::carrier::{Carrier, Leave, Machine};
use crate::stream::{Hub, Side, State as HubState};

/// A connection, and those who wait until a call can be opened on it.
pub(crate) struct GrpcLane {
    hub: Arc<Hub>,
    /// Whoever locks it together with the connection locks the connection first.
    queue: Mutex<Queue>,
}

/// What all connections of a client have in common.
pub(crate) struct LaneConfig {
    pub(crate) grpc: Arc<grpc::Config>,
    pub(crate) max_depth: u16,
}

/// What came of a try to open a call.
pub(super) enum Tried {
    Opened(Opened),
    /// As many streams are open as the server allows. The caller is in the queue and will be woken.
    Queued(Ticket),
    Failed(OpenError),
}

/// A call that has been opened.
pub(super) struct Opened {
    pub(super) id: StreamId,
    /// Whether the message that came with it is on its way.
    pub(super) sent: Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    No,
}

impl GrpcLane {
    pub(crate) const fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Opens a call, if it is the turn of whoever has `ticket`, and sends `only`, if that is its only message. The task
    /// of `cx` is woken with the answer then.
    pub(super) fn try_open(
        &self,
        now: Instant,
        request: &Request<'_>,
        only: Option<&dyn EncodeBody>,
        ticket: Option<Ticket>,
        cx: &Context<'_>,
    ) -> Tried {
        let mut state = self.hub.lock();
        let mut queue = self.queue();
        let is_next = match ticket {
            Some(ticket) => queue.is_called(ticket),
            None => queue.is_empty(),
        };
        let opened = match is_next {
            true => state.connection.open(now, request),
            false => Err(OpenError::TooManyStreams),
        };
        if opened == Err(OpenError::TooManyStreams) {
            return Tried::Queued(match ticket {
                Some(ticket) => {
                    queue.wait(ticket, cx);
                    ticket
                }
                None => queue.join(cx),
            });
        }
        let next = ticket.and_then(|ticket| queue.leave(ticket));
        drop(queue);
        let tried = match opened {
            Ok(id) => {
                let sent = only.map_or(Sent::No, |message| send_only(&mut state.connection, id, message));
                if sent == Sent::Yes {
                    Hub::await_news(&mut state, id, cx);
                }
                self.hub.tell(&mut state);
                Tried::Opened(Opened { id, sent })
            }
            Err(error) => Tried::Failed(error),
        };
        drop(state);
        if let Some(next) = next {
            next.wake();
        }
        tried
    }

    /// Gives up waiting.
    pub(super) fn leave(&self, ticket: Ticket) {
        let next = self.queue().leave(ticket);
        if let Some(next) = next {
            next.wake();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the only message of a call. What hinders that shows when it is sent again.
fn send_only(connection: &mut Connection, id: StreamId, message: &dyn EncodeBody) -> Sent {
    let sent = connection
        .sender(id)
        .is_ok_and(|mut sender| sender.send(message).is_ok() && sender.finish().is_ok());
    if sent { Sent::Yes } else { Sent::No }
}

impl Carrier for GrpcLane {
    type Config = LaneConfig;
    type State = HubState;

    fn new(config: &Arc<LaneConfig>, now: Instant) -> Self {
        let connection = Connection::client(Arc::clone(&config.grpc), now);
        Self {
            hub: Hub::new(connection, Side::Client, config.max_depth),
            queue: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HubState> {
        self.hub.lock()
    }

    fn is_told(&self) -> bool {
        self.hub.is_called()
    }

    fn begin_turn(&self, task: Option<&Waker>) {
        if let Some(task) = task {
            self.hub.adopt(task);
        }
        self.hub.begin_turn();
    }

    fn asked(state: &mut HubState) {
        Hub::asked(state);
    }

    fn rest(&self) {
        self.hub.rest();
    }

    fn take_events(&self, state: &mut HubState, wake: &mut Vec<Waker>) -> Leave {
        let mut leave = Leave::No;
        while let Some(event) = state.connection.poll_event() {
            match &event {
                Event::Available => wake.extend(self.queue().call_next()),
                Event::Draining | Event::Closed { .. } => {
                    leave = Leave::Yes;
                    // They find another connection.
                    self.queue().call_all(wake);
                }
                _ => state.notify(&event, wake),
            }
        }
        leave
    }

    fn abandon(&self, now: Instant) {
        self.hub.close(now);
    }

    /// Calls that are open go on, and the connection ends with the last of them.
    fn retire(&self, now: Instant) {
        let mut state = self.hub.lock();
        let until = Instant::FAR_FUTURE;
        state.connection.shutdown(now, Shutdown::Graceful { until });
        self.hub.tell(&mut state);
    }

    fn open_calls(&self) -> usize {
        self.hub.lock().connection.open_calls()
    }
}

impl Machine for HubState {
    fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        self.connection.receive(now, input);
    }

    fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        self.connection.handle_disconnect(now, why);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        self.connection.poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.connection.poll_timeout()
    }

    fn read_demand(&self) -> Demand {
        self.connection.read_demand()
    }

    fn is_drained(&self) -> bool {
        self.connection.is_drained()
    }

    fn release_memory(&mut self) {
        self.release_memory();
    }
}
