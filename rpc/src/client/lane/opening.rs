//! Opening a stream on some connection: finding or dialling one, waiting for a free stream, starting over where a
//! connection turns out to be at its end.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kitewire_proto::{EncodeBody, Instant};
use kitewire_runtime::{Address, Timer};

use super::exclusive::Taken;
use super::pool::{Found, LanePool, Luck};
use super::queue::Ticket;
use super::request::{Refusal, Request};
use super::{Opened, Sent, StreamLane, Tried};
use crate::client::carrier::Carrier as _;
use crate::client::connector::Connector;
use crate::client::lanes::{Dialling, Found as Lane, Group};
use crate::stream::StreamKey;

/// A stream that is about to be opened, put together anew for each poll.
pub(crate) struct Wanted<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) address: &'a Address,
    pub(crate) connect_timeout: Duration,
    /// The message to send at once, if there is only one.
    pub(crate) only: Option<&'a dyn EncodeBody>,
}

/// How far the opening of a stream is.
pub(crate) struct Opening {
    stage: Stage,
    /// Connections that were found to be at their end.
    tries: u32,
    timer: Option<Box<dyn Timer>>,
    own: Own,
}

enum Stage {
    Start,
    Dialing(Arc<Dialling<StreamLane>>),
    Found(Arc<StreamLane>),
    Queued(Place),
}

/// What the stream has to itself, given up with this.
enum Own {
    Nothing,
    /// The connection is retired with its group.
    Dialled(Arc<Group<StreamLane>>),
    /// The connection goes back to where it waited.
    Taken(Taken),
}

/// A place in the queue of a connection, which is given up with this.
struct Place {
    lane: Arc<StreamLane>,
    ticket: Option<Ticket>,
}

/// Why a stream was not opened. Nothing was sent.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// The caller's time is up.
    TimedOut,
    /// No connection could be made.
    Connect(io::Error),
    /// The connection did not take the stream.
    Refused(Refusal),
}

/// A stream on its connection.
pub(crate) struct Begun {
    pub(crate) lane: Arc<StreamLane>,
    pub(crate) key: StreamKey,
    pub(crate) sent: Sent,
}

impl Wanted<'_> {
    /// How long a dial for nobody else may take.
    fn patience(&self, now: Instant) -> Duration {
        match self.request.deadline() {
            Some(deadline) => deadline.saturating_since(now).min(self.connect_timeout),
            None => self.connect_timeout,
        }
    }

    fn is_over(&self, connector: &dyn Connector) -> bool {
        self.request
            .deadline()
            .is_some_and(|deadline| connector.now() >= deadline)
    }
}

impl NotOpened {
    /// Why a connection did not take a stream.
    pub(crate) const fn of(refusal: Refusal) -> Self {
        match refusal {
            late if late.is_late() => Self::TimedOut,
            refusal => Self::Refused(refusal),
        }
    }
}

impl Opening {
    pub(crate) const fn new() -> Self {
        Self {
            stage: Stage::Start,
            tries: 0,
            timer: None,
            own: Own::Nothing,
        }
    }

    /// Goes on. Not to be called again once it was ready.
    pub(crate) fn poll(
        &mut self,
        pool: &LanePool,
        wanted: &Wanted<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Begun, NotOpened>> {
        let connector = &**pool.connector();
        loop {
            let (lane, ticket) = match &mut self.stage {
                Stage::Start if wanted.is_over(connector) => return Poll::Ready(Err(NotOpened::TimedOut)),
                Stage::Start => {
                    self.find(pool, wanted);
                    continue;
                }
                Stage::Dialing(dialling) => match dialling.poll(cx) {
                    Poll::Ready(Ok(lane)) => (lane, None),
                    Poll::Ready(Err(_)) if wanted.is_over(connector) => {
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
            if ticket.is_some() && wanted.is_over(connector) {
                return Poll::Ready(Err(NotOpened::TimedOut));
            }
            if let Own::Dialled(_) = self.own {
                pool.settle(wanted.address, &lane);
            }
            let now = connector.now();
            let tried = lane.try_open(now, wanted, ticket, cx);
            if let (Tried::Opened(_) | Tried::Failed(_), Stage::Queued(place)) = (&tried, &mut self.stage) {
                place.ticket = None;
            }
            match tried {
                Tried::Opened(Opened { key, sent }) => {
                    self.begun(pool, &lane);
                    return Poll::Ready(Ok(Begun { lane, key, sent }));
                }
                Tried::Queued(ticket) => {
                    if !matches!(self.stage, Stage::Queued(_)) {
                        let ticket = Some(ticket);
                        self.stage = Stage::Queued(Place { lane, ticket });
                    }
                    ready!(self.poll_deadline(connector, wanted, cx));
                    return Poll::Ready(Err(NotOpened::TimedOut));
                }
                Tried::Failed(refusal) if refusal.is_end() && self.tries < MAX_TRIES => {
                    pool.retire(wanted.address, &lane);
                    if refusal.is_exhausted() {
                        lane.retire(now);
                    }
                    self.tries += 1;
                    self.stage = Stage::Start;
                }
                Tried::Failed(refusal) => {
                    let rejected = lane.hub().lock().rejection().filter(|_| refusal.is_end());
                    let why = rejected.map_or_else(|| NotOpened::of(refusal), NotOpened::Connect);
                    return Poll::Ready(Err(why));
                }
            }
        }
    }

    fn find(&mut self, pool: &LanePool, wanted: &Wanted<'_>) {
        let luck = if self.tries == 0 { Luck::Fresh } else { Luck::Out };
        let own_patience = wanted.patience(pool.connector().now());
        (self.stage, self.own) = match pool.find(wanted.address, wanted.connect_timeout, own_patience, luck) {
            Found::Shared(Lane::Open(lane)) => (Stage::Found(lane), Own::Nothing),
            Found::Shared(Lane::Dialing(dialling)) => (Stage::Dialing(dialling), Own::Nothing),
            Found::Own(group, dialling) => (Stage::Dialing(dialling), Own::Dialled(group)),
            Found::Waiting(taken) => (Stage::Found(Arc::clone(taken.lane())), Own::Taken(taken)),
        };
    }

    /// The stream is open, and has from now on what it has.
    fn begun(&mut self, pool: &LanePool, lane: &Arc<StreamLane>) {
        match std::mem::replace(&mut self.own, Own::Nothing) {
            Own::Nothing => {}
            // One that is not kept takes no other stream, and ends with this one.
            Own::Dialled(group) => pool.keep(&group, lane),
            Own::Taken(taken) => taken.leave_out(),
        }
    }

    /// Waits for the caller's deadline; for ever if there is none.
    fn poll_deadline(&mut self, connector: &dyn Connector, wanted: &Wanted<'_>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = wanted.request.deadline() else {
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

/// Connections found at their end before a caller gives up.
const MAX_TRIES: u32 = 3;
