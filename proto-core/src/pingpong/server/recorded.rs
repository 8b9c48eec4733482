//! A server connection that records.

use std::sync::Arc;

use super::ServerConnection;
use crate::exception::{ApplicationException, ExceptionType};
use crate::pingpong::EncodeBody;
use crate::pingpong::reply::{Reply, ReplyOutcome, RespondError};
use crate::pingpong::slots::CallId;
use crate::record::{Done, Encoded, Op, Recorded, Recorder, Subject, Writer};
use crate::time::Instant;

impl ServerConnection {
    /// Records this connection; see [`record`](crate::record). Call it before anything happens to the connection: what
    /// happened before is not in the recording.
    pub fn record(&mut self, mut recorder: Recorder) {
        let services = Some(&*self.services);
        recorder.begin(Subject::PingPongServer, self.times.active, &*self.config, services);
        self.recorder = Some(Box::new(recorder));
        if let Some(peer) = self.peer.take() {
            self.set_peer(peer);
        }
    }

    /// What records this connection, if something does.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_deref_mut()
    }

    #[cold]
    pub(super) fn record_peer(&mut self, peer: Arc<str>) {
        self.recorded(|this, recorder| {
            recorder.step(Op::SetPeer, |out| out.bytes(peer.as_bytes()));
            this.set_peer(peer);
        });
    }

    #[cold]
    pub(super) fn record_respond(&mut self, now: Instant, id: CallId, reply: &Reply<'_>) -> Result<(), RespondError> {
        let body = match reply.outcome {
            ReplyOutcome::Result(body) => Some(Encoded::of(body)),
            ReplyOutcome::Business { result, .. } => result.map(Encoded::of),
            ReplyOutcome::Exception(_) | ReplyOutcome::Empty => None,
        };
        let encoded = body.as_ref().map(|body| body as &dyn EncodeBody);
        let outcome = match (reply.outcome, encoded) {
            (ReplyOutcome::Result(_), Some(body)) => ReplyOutcome::Result(body),
            (ReplyOutcome::Business { status, .. }, result) => ReplyOutcome::Business { status, result },
            (outcome, _) => outcome,
        };
        let backward = reply.backward;
        self.recorded(|this, recorder| {
            let sent = this.respond(now, id, &Reply { outcome, backward });
            let failed = body.as_ref().is_some_and(|body| body.error().is_some());
            recorder.step(Op::Respond, |out| {
                out.time(now);
                out.put(&id);
                match sent {
                    Err(error @ RespondError::Encode(_)) if failed => put_explanation(out, error),
                    sent => {
                        put_outcome(out, &outcome, body.as_ref());
                        out.pairs(backward);
                        out.put(&Done::of(&sent));
                    }
                }
            });
            sent
        })
    }

    /// Refuses a call whose arguments cannot be decoded with this exception.
    #[cold]
    pub(super) fn record_reject(&mut self, now: Instant, id: CallId, exception: ApplicationException) {
        self.recorded(|this, recorder| {
            recorder.step(Op::Reject, |out| {
                out.time(now);
                out.put(&id);
                out.put(&exception);
            });
            this.reject_with(now, id, exception);
        });
    }
}

fn put_outcome(out: &mut Writer<'_>, outcome: &ReplyOutcome<'_>, body: Option<&Encoded>) {
    match (outcome, body) {
        (ReplyOutcome::Exception(exception), _) => {
            out.byte(EXCEPTION);
            out.put(*exception);
        }
        (ReplyOutcome::Business { status, .. }, body) => {
            out.byte(BUSINESS);
            out.put(*status);
            out.put(&body.cloned());
        }
        (_, Some(body)) => {
            out.byte(RESULT);
            out.put(body);
        }
        (_, None) => out.byte(EMPTY),
    }
}

/// An answer without an encoding, as what its caller got in its place.
fn put_explanation(out: &mut Writer<'_>, error: RespondError) {
    let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, error.to_string());
    out.byte(EXCEPTION);
    out.put(&exception);
    out.pairs(&[]);
    out.put(&Done::Well);
}

/// The kinds of answers in a recording.
pub(crate) const RESULT: u8 = 0;
pub(crate) const BUSINESS: u8 = 1;
pub(crate) const EXCEPTION: u8 = 2;
pub(crate) const EMPTY: u8 = 3;

impl Recorded for ServerConnection {
    fn recorder_place(&mut self) -> &mut Option<Box<Recorder>> {
        &mut self.recorder
    }
}
