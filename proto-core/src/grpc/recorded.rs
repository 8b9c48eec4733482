//! A connection that records.

use super::{Connection, OpenError, Pull, Request, SendError, StreamId};
use crate::http::Fields;
use crate::http2::Role;
use crate::pingpong::EncodeBody;
use crate::record::{Encoded, Op, Pulled, Recorded, Recorder, Subject, Writer};
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
        let step = |out: &mut Writer<'_>| {
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
        };
        self.record_done(Op::Open, step, |this| this.open(now, request))
    }

    #[cold]
    pub(super) fn record_send(&mut self, key: Key, message: &dyn EncodeBody) -> Result<(), SendError> {
        let (id, body) = (self.id_of(key), Encoded::of(message));
        let step = |out: &mut Writer<'_>| {
            out.put(&id);
            out.put(&body);
        };
        self.record_done(Op::Send, step, |this| this.send(key, &body))
    }

    #[cold]
    pub(super) fn record_send_header(&mut self, key: Key, metadata: &Fields) -> Result<(), SendError> {
        let id = self.id_of(key);
        let step = |out: &mut Writer<'_>| {
            out.put(&id);
            out.put(metadata);
        };
        self.record_done(Op::SendHeader, step, |this| this.send_header(key, metadata))
    }

    #[cold]
    pub(super) fn record_close_send(&mut self, key: Key) -> Result<(), SendError> {
        let id = self.id_of(key);
        self.record_done(Op::CloseSend, |out| out.put(&id), |this| this.close_send(key))
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
        let step = |out: &mut Writer<'_>| {
            out.put(&id);
            out.put(outcome);
            out.put(trailer);
        };
        self.record_step(Op::Finish, step, |this| this.finish(id, outcome, trailer));
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
