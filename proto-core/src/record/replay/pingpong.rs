//! Ping-pong connections.

use super::common::Played;
use super::stage::Stage;
use crate::metainfo::MetaInfo;
use crate::pingpong::recorded::{BUSINESS, EXCEPTION, RESULT};
use crate::pingpong::{EncodeBody, Reply, ReplyOutcome, Request};
use crate::record::basic::choice;
use crate::record::digest::Digest;
use crate::record::{Done, Encoded, Op, RecordingError};
use crate::time::Instant;
use crate::{ApplicationException, BusinessStatus, CallId, ClientConnection, ServerConnection};

impl Played for ServerConnection {
    const TIMES_OUT_INPUT: bool = true;

    fn command(&mut self, op: Op, stage: &mut Stage<'_>) -> Result<(), RecordingError> {
        match op {
            Op::SetPeer => {
                let peer: String = stage.from.take()?;
                stage.say(format_args!("peer {peer}"));
                self.set_peer(peer.into());
            }
            Op::Respond => {
                let (now, id) = (stage.from.time()?, stage.from.take()?);
                stage.say(format_args!("respond {id:?}"));
                let done = respond(self, now, id, stage)?;
                stage.compare_done(op, done)?;
            }
            Op::Reject => {
                let (now, id) = (stage.from.time()?, stage.from.take()?);
                let exception: ApplicationException = stage.from.take()?;
                stage.say(format_args!("reject {id:?}: {exception}"));
                self.reject_with(now, id, exception);
            }
            Op::ReleaseRequest => {
                let id = stage.from.take()?;
                stage.say(format_args!("release the request of {id:?}"));
                self.release_request(id);
            }
            op => return Err(stage.unknown(op)),
        }
        Ok(())
    }
}

fn respond(
    connection: &mut ServerConnection,
    now: Instant,
    id: CallId,
    stage: &mut Stage<'_>,
) -> Result<Done, RecordingError> {
    let from = &mut stage.from;
    let kind = choice(from, "answer", 3)?;
    let mut exception = None;
    let mut status = BusinessStatus::default();
    let mut body: Option<Encoded> = None;
    match kind {
        RESULT => body = Some(from.take()?),
        BUSINESS => (status, body) = from.take()?,
        EXCEPTION => exception = Some(from.take()?),
        _ => {}
    }
    let backward: Vec<(String, String)> = from.take()?;
    let result = body.as_ref().map(|body| body as &dyn EncodeBody);
    let outcome = match (kind, result, &exception) {
        (RESULT, Some(result), _) => ReplyOutcome::Result(result),
        (_, _, Some(exception)) => ReplyOutcome::Exception(exception),
        (BUSINESS, ..) => ReplyOutcome::Business {
            status: &status,
            result,
        },
        _ => ReplyOutcome::Empty,
    };
    let reply = Reply {
        outcome,
        backward: &backward,
    };
    Ok(Done::of(&connection.respond(now, id, &reply)))
}

impl Played for ClientConnection {
    fn command(&mut self, op: Op, stage: &mut Stage<'_>) -> Result<(), RecordingError> {
        match op {
            Op::Open => {
                let done = open(self, stage)?;
                stage.compare_done(op, done)?;
            }
            Op::TakeAnswer => {
                let id = stage.from.take()?;
                let recorded: Option<Digest> = stage.from.take()?;
                let answer = self.take_answer(id).map(|answer| Digest::of(answer.body()));
                stage.say(format_args!(
                    "take the answer of {id:?}: {}",
                    answer.unwrap_or_default()
                ));
                stage.compare(op, recorded.unwrap_or_default(), answer.unwrap_or_default(), |digest| {
                    *digest
                });
            }
            Op::Cancel => {
                let id = stage.from.take()?;
                stage.say(format_args!("cancel {id:?}"));
                self.cancel(id);
            }
            op => return Err(stage.unknown(op)),
        }
        Ok(())
    }
}

fn open(connection: &mut ClientConnection, stage: &mut Stage<'_>) -> Result<Done, RecordingError> {
    let from = &mut stage.from;
    let (service, method): (String, String) = from.take()?;
    let (codec, kind) = (from.take()?, from.take()?);
    let body: Encoded = from.take()?;
    let (deadline, timeout, connect_timeout) = (from.take()?, from.take()?, from.take()?);
    let caller_method: String = from.take()?;
    let meta: MetaInfo = from.take()?;
    stage.say(format_args!("open {service}.{method}"));
    let request = Request {
        service: &service,
        method: &method,
        codec,
        kind,
        body: &body,
        deadline,
        timeout,
        connect_timeout,
        caller_method: &caller_method,
        meta: &meta,
    };
    Ok(Done::of(&connection.open(&request)))
}
