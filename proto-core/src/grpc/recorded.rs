//! A connection that records.

use super::{Connection, OpenError, Pull, Request, SendError, StreamId};
use crate::http::{Fields, RequestId, RespondError, Response};
use crate::http2::Role;
use crate::pingpong::EncodeBody;
use crate::record::{Done, Encoded, Op, Pulled, Recorded, Recorder, Subject};
use crate::stream::index::Key;
use crate::time::Instant;
use crate::wire::grpc::Outcome;

impl Connection {
    /// Records this connection; see [`record`](crate::record). Call it before anything happens to the connection: what
    /// happened before is not in the recording.
    pub fn record(&mut self, mut recorder: Recorder) {
        let subject = match self.role {
            Role::Server => Subject::GrpcServer,
            Role::Client => Subject::GrpcClient,
        };
        recorder.begin(subject, self.http2.start(), &*self.config, self.services.as_deref());
        self.recorder = Some(Box::new(recorder));
    }

    /// What records this connection, if something does.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_deref_mut()
    }

    #[cold]
    pub(super) fn record_open(&mut self, now: Instant, request: &Request<'_>) -> Result<StreamId, OpenError> {
        self.recorded(|this, recorder| {
            let opened = this.open(now, request);
            recorder.step(Op::Open, |out| {
                out.time(now);
                for name in [request.package, request.service, request.method] {
                    out.bytes(name.as_bytes());
                }
                out.put(&request.codec);
                out.put(&request.kind);
                out.bytes(request.authority.as_bytes());
                out.bytes(request.scheme.as_bytes());
                out.put(&request.deadline);
                out.put(&request.gzip);
                out.put(request.metadata);
                out.put(request.meta);
                out.byte(request.names.is_some().into());
                if let Some(names) = &request.names {
                    out.bytes(names.destination_service.as_bytes());
                    out.bytes(names.destination_method.as_bytes());
                    out.bytes(names.source_service.as_bytes());
                    out.bytes(names.source_method.as_bytes());
                }
                out.put(&Done::of(&opened));
            });
            opened
        })
    }

    #[cold]
    pub(super) fn record_send(&mut self, key: Key, message: &dyn EncodeBody) -> Result<(), SendError> {
        let body = Encoded::of(message);
        let id = self.id_of(key);
        self.recorded(|this, recorder| {
            let sent = this.send(key, &body);
            recorder.step(Op::Send, |out| {
                out.put(&id);
                out.put(&body);
                out.put(&Done::of(&sent));
            });
            sent
        })
    }

    #[cold]
    pub(super) fn record_send_header(&mut self, key: Key, metadata: &Fields) -> Result<(), SendError> {
        let id = self.id_of(key);
        self.recorded(|this, recorder| {
            let sent = this.send_header(key, metadata);
            recorder.step(Op::SendHeader, |out| {
                out.put(&id);
                out.put(metadata);
                out.put(&Done::of(&sent));
            });
            sent
        })
    }

    #[cold]
    pub(super) fn record_close_send(&mut self, key: Key) -> Result<(), SendError> {
        let id = self.id_of(key);
        self.recorded(|this, recorder| {
            let closed = this.close_send(key);
            recorder.step(Op::CloseSend, |out| {
                out.put(&id);
                out.put(&Done::of(&closed));
            });
            closed
        })
    }

    /// A pull that gave no message.
    #[cold]
    pub(super) fn record_pull(&mut self, key: Key, pull: &Pull<'_>) {
        let id = self.id_of(key);
        let pulled = match pull {
            Pull::Empty => Pulled::Empty,
            Pull::End => Pulled::End,
            Pull::Message(_) | Pull::Failed => Pulled::Failed,
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.pulled(&id, pulled);
        }
    }

    #[cold]
    pub(super) fn record_finish(&mut self, id: StreamId, outcome: &Outcome, trailer: &Fields) {
        self.recorded(|this, recorder| {
            recorder.step(Op::Finish, |out| {
                out.put(&id);
                out.put(outcome);
                out.put(trailer);
            });
            this.finish(id, outcome, trailer);
        });
    }

    #[cold]
    pub(super) fn record_respond_http(
        &mut self,
        now: Instant,
        id: RequestId,
        response: &Response,
    ) -> Result<(), RespondError> {
        self.recorded(|this, recorder| {
            let sent = this.respond_http(now, id, response);
            recorder.respond_http(now, id, response, &sent);
            sent
        })
    }

    fn id_of(&self, key: Key) -> StreamId {
        // A sender is of a call that is there.
        self.calls.at(key).map_or(StreamId::CONNECTION, |call| call.id)
    }
}

impl Recorded for Connection {
    fn recorder_place(&mut self) -> &mut Option<Box<Recorder>> {
        &mut self.recorder
    }
}
