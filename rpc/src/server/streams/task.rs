//! Handlers of streams, in place and in tasks of their own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use kitewire_proto::wire::Codec;
use kitewire_proto::{EncodeBody, Target};

use crate::server::link::Link;
use crate::server::plain;
use crate::service::{Answer, Running};
use crate::stream::{Conclusion, Hub, StreamKey};
use crate::{Error, Transport};

/// A call and its handler.
pub(super) struct Work {
    pub(super) key: StreamKey,
    pub(super) target: Target,
    pub(super) slot: Box<dyn Running>,
}

impl Work {
    /// Goes on with the handler, and then with its answer, until that is sent.
    pub(super) fn poll(&mut self, hub: &Hub, link: &Link, cx: &mut Context<'_>) -> Poll<()> {
        if self.slot.poll(cx).is_pending() {
            return Poll::Pending;
        }
        let key = self.key;
        let (service, method) = link.names(self.target);
        self.slot.answer(service, method, &mut |ended| match &ended.answer {
            Answer::Result(result) => hub.poll_finish(key, cx, Some(*result), &Conclusion::Done),
            Answer::Nothing => hub.poll_finish(key, cx, None, &Conclusion::Done),
            Answer::Failed(error) => poll_fail(hub, key, cx, error),
            Answer::Panicked(exception) => hub.poll_finish(key, cx, None, &Conclusion::Panicked(exception)),
        })
    }
}

#[cold]
fn poll_fail(hub: &Hub, key: StreamKey, cx: &Context<'_>, error: &Error) -> Poll<()> {
    if error.wants_empty_reply()
        && let Some(empty) = empty_answer(hub, key)
    {
        let message = empty.as_ref().map(|empty| empty as &dyn EncodeBody);
        return hub.poll_finish(key, cx, message, &Conclusion::Done);
    }
    hub.poll_finish(key, cx, None, &Conclusion::Failed(error))
}

/// What a call that has a single answer sends without one: a message without any field, and over TTHeader, as Kitex, none.
fn empty_answer(hub: &Hub, key: StreamKey) -> Option<Option<Bytes>> {
    let (kind, codec) = hub.shape(key)?;
    kind.has_single_answer().then(|| match (hub.transport(), codec) {
        (Transport::TtHeaderStream, _) => None,
        (_, Codec::Thrift) => Some(Bytes::from_static(b"\0")),
        (_, Codec::Protobuf) => Some(Bytes::new()),
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
            self.hub.release(work.key);
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
