//! Calls with one request and one answer over gRPC.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use kitewire_proto::wire::grpc::Code;
use kitewire_proto::{DecodeError, EncodeBody, RequestKind};

use super::Grpc;
use crate::client::lane::{Begun, NotOpened, Opening, Sent, StreamLane, Wanted};
use crate::client::pooled::Retried;
use crate::client::request::CallHead;
use crate::service::{Body, Received};
use crate::stream::{Answered, StreamKey};
use crate::{Error, Metadata};

/// One call on its way.
pub(crate) enum GrpcCall {
    Opening(Opening, Retried),
    Waiting {
        call: OpenCall,
        sent: Sent,
        retried: Retried,
    },
    /// It was answered, and can be asked for what came beside the answer.
    Answered(OpenCall),
    Ended,
}

/// A call on its connection, released with this.
pub(crate) struct OpenCall {
    lane: Arc<StreamLane>,
    key: StreamKey,
    answered: Answered,
}

/// Whether what came beside the answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Besides {
    Wanted,
    Unwanted,
}

/// What came beside an answer.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub(crate) header: Metadata,
    pub(crate) trailer: Metadata,
}

impl GrpcCall {
    pub(crate) const fn new() -> Self {
        Self::Opening(Opening::new(), Retried::No)
    }

    /// What came beside the answer.
    pub(crate) fn beside(&self, cx: &Context<'_>) -> Beside {
        let Self::Answered(OpenCall { lane, key, .. }) = self else {
            return Beside::default();
        };
        let header = match lane.hub().poll_header(*key, cx) {
            Poll::Ready(Ok(header)) => header,
            Poll::Ready(Err(_)) | Poll::Pending => Metadata::new(),
        };
        let trailer = lane.hub().trailer(*key).unwrap_or_default();
        Beside { header, trailer }
    }

    /// Ends a call that was answered.
    pub(crate) fn settle(&mut self) {
        *self = Self::Ended;
    }
}

impl Grpc {
    /// Goes on with `call`, whose only message is `body`. `wanted` and `head` are the same call, seen from two sides.
    pub(crate) fn poll_unary<R: Body>(
        &self,
        call: &mut GrpcCall,
        wanted: &Wanted<'_>,
        head: &CallHead<'_>,
        besides: Besides,
        cx: &mut Context<'_>,
    ) -> Poll<Result<R, Error>> {
        loop {
            match call {
                GrpcCall::Opening(opening, retried) => {
                    let retried = *retried;
                    match ready!(opening.poll(&self.pool, wanted, cx)) {
                        Ok(Begun { lane, key, sent }) => {
                            let answered = Answered::Kept;
                            *call = GrpcCall::Waiting {
                                call: OpenCall { lane, key, answered },
                                sent,
                                retried,
                            };
                            if sent == Sent::Yes {
                                return Poll::Pending;
                            }
                        }
                        Err(error) => {
                            *call = GrpcCall::Ended;
                            return Poll::Ready(Err(not_opened(error, head)));
                        }
                    }
                }
                GrpcCall::Waiting {
                    call: open,
                    sent,
                    retried,
                } => {
                    let taken = ready!(open.poll_answer::<R>(sent, head.request.body, besides, cx));
                    if taken.is_err() && *retried == Retried::No && open.is_unprocessed() {
                        *call = GrpcCall::Opening(Opening::new(), Retried::Yes);
                        continue;
                    }
                    let result = match taken {
                        Ok(Ok(Some(result))) => Ok(result),
                        Ok(Ok(None)) => no_answer(head),
                        Ok(Err(error)) => Err(Error::malformed(error)),
                        Err(error) => Err(self.failed(open, error, head)),
                    };
                    *call = match std::mem::replace(call, GrpcCall::Ended) {
                        GrpcCall::Waiting { call, .. } => GrpcCall::Answered(call),
                        other => other,
                    };
                    return Poll::Ready(result.map_err(|error| head.place(error)));
                }
                GrpcCall::Answered(_) | GrpcCall::Ended => return Poll::Pending,
            }
        }
    }

    /// Why there is no answer. `error` says so in the words of streams.
    #[cold]
    fn failed(&self, call: &OpenCall, error: Error, head: &CallHead<'_>) -> Error {
        let Some(outcome) = call.lane.hub().outcome(call.key) else {
            return error;
        };
        // The server may have been told to give up a moment before this side did.
        if outcome.status.code == Code::DEADLINE_EXCEEDED && head.is_over(self.connector().now()) {
            return head.timed_out();
        }
        call.lane.hub().lock().explain(Error::from_unary(&outcome))
    }
}

impl OpenCall {
    /// Sends the request, where that is still to be done, and waits for the answer.
    fn poll_answer<R: Body>(
        &mut self,
        sent: &mut Sent,
        body: &dyn EncodeBody,
        besides: Besides,
        cx: &Context<'_>,
    ) -> Poll<Result<Result<Option<R>, DecodeError>, Error>> {
        let hub = self.lane.hub();
        if *sent == Sent::No {
            ready!(hub.poll_send(self.key, cx, body))?;
            hub.close_send(self.key);
            *sent = Sent::Yes;
        }
        match besides {
            Besides::Wanted => hub.poll_recv(self.key, cx, R::decode_body),
            Besides::Unwanted => {
                let (taken, answered) = ready!(hub.poll_answer(self.key, cx, R::decode_body));
                self.answered = answered;
                Poll::Ready(taken)
            }
        }
    }

    /// Whether the server has promised that it did nothing with the call.
    fn is_unprocessed(&self) -> bool {
        let mut state = self.lane.hub().lock();
        let connection = state.connection.grpc();
        connection.is_some_and(|connection| connection.is_unprocessed(self.key.grpc()))
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if self.answered == Answered::Kept {
            self.lane.hub().release(self.key);
        }
    }
}

/// The result where the server sent none: oneway calls need none.
fn no_answer<R: Body>(head: &CallHead<'_>) -> Result<R, Error> {
    let empty = || Bytes::new();
    match head.request.kind {
        RequestKind::Oneway => R::decode_body(Received::new(&[], &empty), 1).map_err(Error::malformed),
        _ => Err(Error::protocol("EOF")),
    }
}

fn not_opened(error: NotOpened, head: &CallHead<'_>) -> Error {
    match error {
        NotOpened::TimedOut => head.timed_out(),
        error => super::not_opened(error, head.to, head.request.method, head.address),
    }
}
