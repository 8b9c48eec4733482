//! The kinds of methods, by how their messages flow.

use std::future::Future;
use std::sync::Arc;

use kitewire_proto::{DecodeError, DecodeErrorKind};

use super::slot::{Answer, typed};
use super::{Body, Finished, Handler, Message, Method};
use crate::{Call, Receiver, Sender};

/// The method that `run` handles, for generated code: one request, one answer.
///
/// `run` gets the service, the call and the decoded arguments, and its future ends with [`Call::finish`].
pub fn method<S, A, R, F, C>(service: &Arc<S>, run: C) -> Box<dyn Method>
where
    S: Send + Sync + 'static,
    A: Body + 'static,
    R: Body + Send + 'static,
    F: Future<Output = Finished<R>> + Send + 'static,
    C: Fn(Handler<S>, Call, A) -> F + Send + Sync + 'static,
{
    typed(service, one_answer, move |service, call, body, max_depth| {
        let arguments = A::decode_body(body, max_depth)?;
        Ok(run(service, call, arguments))
    })
}

/// As [`method`], for a stream of requests and one answer.
pub fn client_streaming<S, A, R, F, C>(service: &Arc<S>, run: C) -> Box<dyn Method>
where
    S: Send + Sync + 'static,
    A: Message,
    R: Body + Send + 'static,
    F: Future<Output = Finished<R>> + Send + 'static,
    C: Fn(Handler<S>, Call, Receiver<A::Value>) -> F + Send + Sync + 'static,
{
    typed(service, one_answer, move |service, call, _body, _max_depth| {
        let requests = Receiver::of::<A>(call.stream().ok_or_else(not_a_stream)?, None);
        Ok(run(service, call, requests))
    })
}

/// As [`method`], for one request and a stream of answers.
pub fn server_streaming<S, A, R, F, C>(service: &Arc<S>, run: C) -> Box<dyn Method>
where
    S: Send + Sync + 'static,
    A: Body + 'static,
    R: Message,
    F: Future<Output = Finished<()>> + Send + 'static,
    C: Fn(Handler<S>, Call, A, Sender<R::Value>) -> F + Send + Sync + 'static,
{
    typed(service, no_answer, move |service, call, body, max_depth| {
        let stream = call.stream().ok_or_else(not_a_stream)?;
        let request = A::decode_body(body, max_depth)?;
        Ok(run(service, call, request, Sender::of::<R>(stream)))
    })
}

/// As [`method`], for a stream of requests and a stream of answers.
pub fn bidirectional<S, A, R, F, C>(service: &Arc<S>, run: C) -> Box<dyn Method>
where
    S: Send + Sync + 'static,
    A: Message,
    R: Message,
    F: Future<Output = Finished<()>> + Send + 'static,
    C: Fn(Handler<S>, Call, Receiver<A::Value>, Sender<R::Value>) -> F + Send + Sync + 'static,
{
    typed(service, no_answer, move |service, call, _body, _max_depth| {
        let stream = call.stream().ok_or_else(not_a_stream)?;
        let requests = Receiver::of::<A>(Arc::clone(&stream), None);
        Ok(run(service, call, requests, Sender::of::<R>(stream)))
    })
}

fn one_answer<R: Body>(result: &R) -> Answer<'_> {
    Answer::Result(result)
}

fn no_answer(_: &()) -> Answer<'_> {
    Answer::Nothing
}

/// A service says of the method that it takes single messages, which is not so.
#[cold]
fn not_a_stream() -> DecodeError {
    DecodeError::new(DecodeErrorKind::BadMessageType(1), 0)
}
