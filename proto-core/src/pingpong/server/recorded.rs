//! The verbs of a connection that records: each is done as ever, and written down.

use std::sync::Arc;

use bytes::BytesMut;

use super::{ServerConnection, ServerEvent};
use crate::buf::Transmit;
use crate::error::{DecodeError, DecodeErrorKind, Disconnect};
use crate::exception::{ApplicationException, ExceptionType};
use crate::pingpong::reply::{Reply, ReplyOutcome, RespondError};
use crate::pingpong::slots::CallId;
use crate::pingpong::{EncodeBody, Shutdown};
use crate::record::{Done, Encoded, Op, Recorder, Subject};
use crate::time::Instant;

impl ServerConnection {
    /// Records this connection; see [`record`](crate::record). Call it before anything happens to the connection: what
    /// happened before is not in the recording.
    pub fn record(&mut self, mut recorder: Recorder) {
        let services = Some(&*self.services);
        recorder.begin_server(Subject::PingPongServer, self.times.active, &*self.config, services);
        self.recorder = Some(Box::new(recorder));
        if let Some(peer) = self.peer.take() {
            self.set_peer(peer);
        }
    }

    /// What records this connection, if something does.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_deref_mut()
    }

    /// Does something without recording it by itself, and writes it down afterwards.
    fn recorded<T>(
        &mut self,
        act: impl FnOnce(&mut Self, &mut Recorder) -> T,
        note: impl FnOnce(&mut Recorder, &T),
    ) -> Option<T> {
        let mut recorder = self.recorder.take()?;
        let done = act(self, &mut recorder);
        note(&mut recorder, &done);
        self.recorder = Some(recorder);
        Some(done)
    }

    #[cold]
    pub(super) fn set_peer_recorded(&mut self, peer: Arc<str>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.step(Op::SetPeer, |out| out.bytes(peer.as_bytes()));
        }
        self.peer = Some(peer);
    }

    #[cold]
    pub(super) fn receive_recorded(&mut self, now: Instant, input: &mut BytesMut) {
        self.recorded(
            |this, recorder| {
                recorder.input(Op::Receive, now, input);
                this.receive(now, input);
                recorder.note_left(input.len());
            },
            |_, ()| {},
        );
    }

    #[cold]
    pub(super) fn handle_timeout_recorded(&mut self, now: Instant, input: &mut BytesMut) {
        self.recorded(
            |this, recorder| {
                recorder.input(Op::Timeout, now, input);
                this.handle_timeout(now, input);
                recorder.note_left(input.len());
            },
            |_, ()| {},
        );
    }

    #[cold]
    pub(super) fn handle_disconnect_recorded(&mut self, now: Instant, why: Disconnect) {
        self.recorded(
            |this, _| this.handle_disconnect(now, why),
            |recorder, ()| recorder.disconnect(now, why),
        );
    }

    #[cold]
    pub(super) fn poll_event_recorded(&mut self) -> Option<ServerEvent> {
        let event = self.events.pop_front()?;
        if let Some(recorder) = &mut self.recorder {
            recorder.event(&event);
        }
        Some(event)
    }

    #[cold]
    pub(super) fn poll_transmit_recorded(&mut self, now: Instant, out: &mut Transmit) -> bool {
        let any = self.recorded(
            |this, recorder| {
                let held = out.len();
                let any = this.poll_transmit(now, out);
                recorder.transmit(now, held, out);
                any
            },
            |_, _| {},
        );
        any.unwrap_or(false)
    }

    #[cold]
    pub(super) fn shutdown_recorded(&mut self, now: Instant, how: Shutdown) {
        self.recorded(
            |this, _| this.shutdown(now, how),
            |recorder, ()| recorder.shutdown(now, how),
        );
    }

    #[cold]
    pub(super) fn release_memory_recorded(&mut self) {
        self.recorded(
            |this, _| this.release_memory(),
            |recorder, ()| recorder.step(Op::ReleaseMemory, |_| {}),
        );
    }

    #[cold]
    pub(super) fn release_request_recorded(&mut self, id: CallId) {
        self.recorded(
            |this, _| this.release_request(id),
            |recorder, ()| recorder.step(Op::ReleaseRequest, |out| out.put(&id)),
        );
    }

    #[cold]
    pub(super) fn respond_recorded(&mut self, now: Instant, id: CallId, reply: &Reply<'_>) -> Result<(), RespondError> {
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
        let sent = self.recorded(
            |this, _| this.respond(now, id, &Reply { outcome, backward }),
            |recorder, sent| {
                recorder.step(Op::Respond, |out| {
                    out.time(now);
                    out.put(&id);
                    match (outcome, &body, *sent) {
                        // What the caller gets in its place.
                        (_, Some(body), Err(error)) if body.error().is_some() => {
                            out.byte(2);
                            let text = error.to_string();
                            out.put(&ApplicationException::new(ExceptionType::INTERNAL_ERROR, text));
                        }
                        (ReplyOutcome::Business { status, .. }, body, _) => {
                            out.byte(1);
                            out.put(status);
                            out.put(body);
                        }
                        (ReplyOutcome::Exception(exception), ..) => {
                            out.byte(2);
                            out.put(exception);
                        }
                        (_, Some(body), _) => {
                            out.byte(0);
                            out.put(body);
                        }
                        (_, None, _) => out.byte(3),
                    }
                    out.len(backward.len());
                    for (key, value) in backward {
                        out.put(key);
                        out.put(value);
                    }
                    out.put(&Done::from(sent));
                });
            },
        );
        sent.unwrap_or(Err(RespondError::UnknownCall))
    }

    #[cold]
    pub(super) fn reject_recorded(&mut self, now: Instant, id: CallId, error: &DecodeError) {
        self.recorded(
            |this, _| this.reject(now, id, error),
            |recorder, ()| {
                recorder.step(Op::Reject, |out| {
                    out.time(now);
                    out.put(&id);
                    out.put(&rejection(error));
                });
            },
        );
    }
}

/// What the caller of a request that does not decode is told.
pub(super) fn rejection(error: &DecodeError) -> ApplicationException {
    let kind = match error.kind {
        DecodeErrorKind::CodecMismatch => ExceptionType::INVALID_PROTOCOL,
        _ => ExceptionType::PROTOCOL_ERROR,
    };
    ApplicationException::new(kind, error.to_string())
}
