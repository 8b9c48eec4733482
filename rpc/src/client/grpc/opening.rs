//! Opening a call on some connection: finding or dialling one, waiting for a free stream, starting over where a
//! connection turns out to be at its end.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kitewire_proto::grpc::{OpenError, Request};
use kitewire_proto::http2::StreamId;
use kitewire_proto::{EncodeBody, Instant};
use kitewire_runtime::{Address, Timer};

use super::lane::{GrpcLane, Opened, Sent, Tried};
use super::queue::Ticket;
use super::{Grpc, Keep};
use crate::client::carrier::Carrier as _;
use crate::client::connector::Connector;
use crate::client::lanes::{Dialling, Found, Group};

/// A call that is about to be opened, put together anew for each poll.
pub(crate) struct Wanted<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) address: &'a Address,
    pub(crate) connect_timeout: Duration,
    /// The message to send at once, if there is only one.
    pub(crate) only: Option<&'a dyn EncodeBody>,
}

/// How far the opening of a call is.
pub(crate) struct Opening {
    stage: Stage,
    /// Connections that were found to be at their end.
    tries: u32,
    timer: Option<Box<dyn Timer>>,
    /// The connection is this call's own, and retired with it.
    own: Option<Arc<Group<GrpcLane>>>,
}

enum Stage {
    Start,
    Dialing(Arc<Dialling<GrpcLane>>),
    Found(Arc<GrpcLane>),
    Queued(Place),
}

/// A place in the queue of a connection, which is given up with this.
struct Place {
    lane: Arc<GrpcLane>,
    ticket: Option<Ticket>,
}

/// Why a call was not opened. Nothing was sent.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// The caller's time is up.
    TimedOut,
    /// No connection could be made.
    Connect(io::Error),
    /// The connection did not take the call.
    Refused(OpenError),
}

/// A call on its connection.
pub(crate) struct Begun {
    pub(crate) lane: Arc<GrpcLane>,
    pub(crate) id: StreamId,
    pub(crate) sent: Sent,
}

impl Wanted<'_> {
    /// How long a dial for nobody else may take.
    fn patience(&self, now: Instant) -> Duration {
        match self.request.deadline {
            Some(deadline) => deadline.saturating_since(now).min(self.connect_timeout),
            None => self.connect_timeout,
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.request.deadline.is_some_and(|deadline| now >= deadline)
    }
}

impl Opening {
    pub(crate) const fn new() -> Self {
        Self {
            stage: Stage::Start,
            tries: 0,
            timer: None,
            own: None,
        }
    }

    /// Goes on. Not to be called again once it was ready.
    pub(crate) fn poll(
        &mut self,
        grpc: &Grpc,
        wanted: &Wanted<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Begun, NotOpened>> {
        let connector = &*grpc.connector;
        loop {
            let (lane, ticket) = match &mut self.stage {
                Stage::Start => {
                    self.stage = self.find(grpc, wanted);
                    continue;
                }
                Stage::Dialing(dialling) => match dialling.poll(cx) {
                    Poll::Ready(Ok(lane)) => (lane, None),
                    Poll::Ready(Err(_)) if wanted.is_over(connector.now()) => {
                        return Poll::Ready(Err(NotOpened::TimedOut));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(NotOpened::Connect(error))),
                    Poll::Pending => {
                        ready!(self.poll_deadline(connector, wanted, cx));
                        return Poll::Ready(Err(NotOpened::TimedOut));
                    }
                },
                Stage::Found(lane) => (Arc::clone(lane), None),
                Stage::Queued(place) => (Arc::clone(&place.lane), place.ticket),
            };
            let now = connector.now();
            if ticket.is_some() && wanted.is_over(now) {
                return Poll::Ready(Err(NotOpened::TimedOut));
            }
            let tried = lane.try_open(now, &wanted.request, wanted.only, ticket, cx);
            if let (Tried::Opened(_) | Tried::Failed(_), Stage::Queued(place)) = (&tried, &mut self.stage) {
                place.ticket = None;
            }
            match tried {
                Tried::Opened(Opened { id, sent }) => {
                    // A connection of its own takes no other call, and ends with this one.
                    self.own = None;
                    return Poll::Ready(Ok(Begun { lane, id, sent }));
                }
                Tried::Queued(ticket) => {
                    if !matches!(self.stage, Stage::Queued(_)) {
                        let ticket = Some(ticket);
                        self.stage = Stage::Queued(Place { lane, ticket });
                    }
                    ready!(self.poll_deadline(connector, wanted, cx));
                    return Poll::Ready(Err(NotOpened::TimedOut));
                }
                Tried::Failed(error @ (OpenError::Draining | OpenError::Exhausted | OpenError::Closed))
                    if self.tries < MAX_TRIES =>
                {
                    grpc.lanes.retire(wanted.address, &lane);
                    if error == OpenError::Exhausted {
                        lane.retire(now);
                    }
                    self.tries += 1;
                    self.stage = Stage::Start;
                }
                Tried::Failed(error) => return Poll::Ready(Err(NotOpened::of(error))),
            }
        }
    }

    fn find(&mut self, grpc: &Grpc, wanted: &Wanted<'_>) -> Stage {
        if grpc.keep == Keep::Closed {
            let patience = wanted.patience(grpc.connector.now());
            let (group, dialling) = grpc.lanes.dial_alone(wanted.address, patience);
            self.own = Some(group);
            return Stage::Dialing(dialling);
        }
        match grpc.lanes.find(wanted.address, wanted.connect_timeout) {
            Found::Open(lane) => Stage::Found(lane),
            Found::Dialing(dialling) => Stage::Dialing(dialling),
        }
    }

    /// Waits for the call's deadline; for ever if it has none.
    fn poll_deadline(&mut self, connector: &dyn Connector, wanted: &Wanted<'_>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = wanted.request.deadline else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| {
            let mut timer = connector.timer();
            timer.arm(deadline);
            timer
        });
        timer.poll_expired(cx)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.lane.leave(ticket);
        }
    }
}

/// Connections found at their end before a call gives up.
const MAX_TRIES: u32 = 3;
