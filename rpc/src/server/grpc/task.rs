//! Handlers of calls over gRPC, in place and in tasks of their own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use kitewire_proto::Target;
use kitewire_proto::http2::StreamId;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::{Code, Outcome, Status};

use crate::Error;
use crate::server::link::Link;
use crate::server::plain;
use crate::service::{Answer, Running};
use crate::stream::Hub;

/// A call and its handler.
pub(super) struct Work {
    pub(super) id: StreamId,
    pub(super) target: Target,
    pub(super) slot: Box<dyn Running>,
}

impl Work {
    /// Goes on with the handler, and then with its answer, until that is sent.
    pub(super) fn poll(&mut self, hub: &Hub, link: &Link, cx: &mut Context<'_>) -> Poll<()> {
        if self.slot.poll(cx).is_pending() {
            return Poll::Pending;
        }
        let id = self.id;
        let (service, method) = link.names(self.target);
        self.slot.answer(service, method, &mut |ended| match &ended.answer {
            Answer::Result(result) => hub.poll_finish(id, cx, Some(*result), &Outcome::default()),
            Answer::Nothing => hub.poll_finish(id, cx, None, &Outcome::default()),
            Answer::Failed(error) => poll_fail(hub, id, cx, error),
            Answer::Panicked(exception) => {
                let status = Status::new(Code::INTERNAL, exception.to_string());
                hub.poll_finish(id, cx, None, &status.into())
            }
        })
    }
}

#[cold]
fn poll_fail(hub: &Hub, id: StreamId, cx: &Context<'_>, error: &Error) -> Poll<()> {
    if error.wants_empty_reply()
        && let Some(empty) = empty_answer(hub, id)
    {
        return hub.poll_finish(id, cx, Some(&empty), &Outcome::default());
    }
    let from_kitex = hub.lock().connection.call(id).is_some_and(|call| call.is_from_kitex());
    let outcome = match from_kitex {
        true => error.outcome(),
        false => error.plain_outcome(),
    };
    hub.poll_finish(id, cx, None, &outcome)
}

/// An answer without any field, where the call has a single one.
fn empty_answer(hub: &Hub, id: StreamId) -> Option<Bytes> {
    let state = hub.lock();
    let call = state.connection.call(id)?;
    call.kind.has_single_answer().then(|| match call.codec {
        Codec::Thrift => Bytes::from_static(b"\0"),
        Codec::Protobuf => Bytes::new(),
    })
}

/// A handler on its way through a task of its own.
pub(crate) enum Background {
    Call(Task),
    Request(plain::Background),
}

/// A call whose handler runs in a task of its own. It answers the call itself.
pub(crate) struct Task {
    work: Option<Work>,
    hub: Arc<Hub>,
    link: Arc<Link>,
}

impl Task {
    pub(super) const fn new(work: Work, hub: Arc<Hub>, link: Arc<Link>) -> Self {
        Self {
            work: Some(work),
            hub,
            link,
        }
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { work, hub, link } = &mut *self;
        if let Some(running) = work {
            if running.poll(hub, link, cx).is_pending() {
                return Poll::Pending;
            }
            if let Some(work) = work.take() {
                work.slot.recycle();
            }
        }
        Poll::Ready(())
    }
}

impl Drop for Task {
    /// The runtime gave the task up: the call must not stay open for ever.
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.hub.release(work.id);
            work.slot.recycle();
        }
    }
}

impl Future for Background {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.get_mut() {
            Self::Call(task) => Pin::new(task).poll(cx),
            Self::Request(request) => Pin::new(request).poll(cx),
        }
    }
}
