//! The ways a call can take.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use kitewire_proto::{Answer, CallId, Instant, OpenError};
use kitewire_runtime::Timer;

use super::connector::Connector;
use super::grpc::{Grpc, GrpcCall};
use super::in_process::{DirectCall, InProcess};
use super::lane::LanePool;
use super::lanes::{Dialling, Found, Lanes};
use super::mux::MuxConnection;
use super::pooled::{Pooled, PooledCall, Retried};
use super::request::CallHead;
use super::tt_streams::TtStreams;
use crate::Error;
use crate::server::Load;

/// How a client makes its calls.
pub(crate) enum Route {
    Pooled(Pooled, Arc<dyn Connector>),
    Multiplexed(Lanes<MuxConnection>, Arc<dyn Connector>),
    Grpc(Arc<Grpc>),
    InProcess(InProcess),
}

/// How a client makes its streams.
pub(crate) enum StreamRoute {
    Grpc(Arc<Grpc>),
    TtHeader(TtStreams),
}

/// One call on its way, without the types of its arguments and result.
pub(crate) enum Attempt {
    Pooled(PooledCall),
    Multiplexed(MuxCall),
    Grpc(GrpcCall),
    InProcess(DirectCall),
}

/// A call over a shared connection.
pub(crate) enum MuxCall {
    /// Looking for a connection; so many were found to be at their end.
    Start {
        tries: u32,
    },
    Dialing {
        dialling: Arc<Dialling<MuxConnection>>,
        timer: Option<Box<dyn Timer>>,
        tries: u32,
    },
    Waiting {
        connection: Arc<MuxConnection>,
        id: CallId,
    },
    Ended,
}

impl Route {
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::Pooled(_, connector) | Self::Multiplexed(_, connector) => connector.now(),
            Self::Grpc(grpc) => grpc.connector().now(),
            Self::InProcess(direct) => direct.now(),
        }
    }

    pub(crate) fn start(&self) -> Attempt {
        match self {
            Self::Pooled(..) => Attempt::Pooled(PooledCall::Start { retried: Retried::No }),
            Self::Multiplexed(..) => Attempt::Multiplexed(MuxCall::Start { tries: 0 }),
            Self::Grpc(_) => Attempt::Grpc(GrpcCall::new()),
            Self::InProcess(_) => Attempt::InProcess(DirectCall::Start),
        }
    }

    /// Goes on with `attempt`, which this route started. Ready with nothing when a oneway call is sent. Calls over gRPC
    /// have answers of another kind, and go on with [`Grpc::poll_unary`].
    pub(crate) fn poll(
        &self,
        attempt: &mut Attempt,
        head: &CallHead<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Error>> {
        match (self, attempt) {
            (Self::Pooled(pooled, _), Attempt::Pooled(call)) => pooled.poll(call, head, cx),
            (Self::Multiplexed(lanes, connector), Attempt::Multiplexed(call)) => {
                poll_multiplexed(lanes, &**connector, call, head, cx)
            }
            (Self::InProcess(direct), Attempt::InProcess(call)) => direct.poll(call, head, cx),
            _ => Poll::Pending,
        }
    }

    /// Ends an answered `attempt`, once the answer has been read.
    pub(crate) fn settle(&self, attempt: &mut Attempt) {
        match (self, attempt) {
            (Self::Pooled(pooled, _), Attempt::Pooled(call)) => pooled.settle(call),
            (Self::InProcess(direct), Attempt::InProcess(call)) => direct.settle(call),
            (_, Attempt::Grpc(call)) => call.settle(),
            _ => {}
        }
    }

    /// How much the shared connections have to do and to hold.
    pub(crate) fn load(&self) -> Load {
        match self {
            Self::Multiplexed(lanes, _) => lanes.load(),
            Self::Grpc(grpc) => grpc.pool().load(),
            Self::Pooled(..) | Self::InProcess(_) => Load::default(),
        }
    }

    pub(crate) fn idle(&self) -> usize {
        match self {
            Self::Pooled(pooled, _) => pooled.idle(),
            Self::Multiplexed(..) | Self::Grpc(_) | Self::InProcess(_) => 0,
        }
    }
}

impl StreamRoute {
    pub(crate) fn pool(&self) -> &LanePool {
        match self {
            Self::Grpc(grpc) => grpc.pool(),
            Self::TtHeader(streams) => streams.pool(),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pooled(..) => "Pooled",
            Self::Multiplexed(..) => "Multiplexed",
            Self::Grpc(_) => "Grpc",
            Self::InProcess(_) => "InProcess",
        })
    }
}

fn poll_multiplexed(
    lanes: &Lanes<MuxConnection>,
    connector: &dyn Connector,
    call: &mut MuxCall,
    head: &CallHead<'_>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Answer>, Error>> {
    loop {
        let (connection, tries) = match call {
            MuxCall::Waiting { connection, id } => {
                let answered = ready!(connection.poll_answer(*id, cx));
                let failed = |error| {
                    let cause = connection.cause(&error);
                    head.failed(error).because(cause)
                };
                let answered = answered.map(Some).map_err(failed);
                *call = MuxCall::Ended;
                return Poll::Ready(answered);
            }
            MuxCall::Start { tries } => {
                let tries = *tries;
                match lanes.find(head.address, head.connect_timeout) {
                    Found::Open(connection) => (connection, tries),
                    Found::Dialing(dialling) => {
                        *call = MuxCall::Dialing {
                            dialling,
                            timer: None,
                            tries,
                        };
                        continue;
                    }
                }
            }
            MuxCall::Dialing { dialling, timer, tries } => match dialling.poll(cx) {
                Poll::Ready(Ok(connection)) => (connection, *tries),
                Poll::Ready(Err(_)) if head.is_over(connector.now()) => return Poll::Ready(Err(head.timed_out())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(head.place(Error::connect(error)))),
                Poll::Pending => {
                    ready!(poll_deadline(timer, connector, head, cx));
                    return Poll::Ready(Err(head.timed_out()));
                }
            },
            MuxCall::Ended => return Poll::Pending,
        };
        match connection.open(&head.request, cx) {
            Ok(Some(id)) => {
                *call = MuxCall::Waiting { connection, id };
                return Poll::Pending;
            }
            Ok(None) => {
                *call = MuxCall::Ended;
                return Poll::Ready(Ok(None));
            }
            // It was at its end; the lane makes another one.
            Err(OpenError::NotUsable) if tries < MAX_TRIES => {
                lanes.retire(head.address, &connection);
                *call = MuxCall::Start { tries: tries + 1 };
            }
            Err(error) => {
                let rejected = connection.rejection().filter(|_| error == OpenError::NotUsable);
                let failed = rejected.map_or_else(|| head.not_opened(error), |why| head.place(Error::connect(why)));
                return Poll::Ready(Err(failed));
            }
        }
    }
}

/// Waits for the call's deadline; for ever if it has none.
fn poll_deadline(
    timer: &mut Option<Box<dyn Timer>>,
    connector: &dyn Connector,
    head: &CallHead<'_>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let Some(deadline) = head.request.deadline else {
        return Poll::Pending;
    };
    let timer = timer.get_or_insert_with(|| {
        let mut timer = connector.timer();
        timer.arm(deadline);
        timer
    });
    timer.poll_expired(cx)
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Self::Multiplexed(MuxCall::Waiting { connection, id }) = self {
            connection.cancel(*id);
        }
    }
}

/// Connections found at their end before a call gives up.
const MAX_TRIES: u32 = 3;
