//! A connection that records.

use super::{Connection, Ending, Exception, OpenError, Request, SendError, StreamId, Strings};
use crate::http2::Role;
use crate::pingpong::EncodeBody;
use crate::record::{Encoded, Op, Recorded, Recorder, Subject, Writer};
use crate::stream::index::Key;
use crate::time::Instant;

impl Connection {
    /// Records this connection; see [`record`](crate::record). Call it before anything happens to the connection: what
    /// happened before is not in the recording.
    pub fn record(&mut self, mut recorder: Recorder) {
        let subject = match self.role {
            Role::Server => Subject::TtStreamServer,
            Role::Client => Subject::TtStreamClient,
        };
        // A connection is idle from its beginning.
        let start = self.times.idle.unwrap_or_default();
        recorder.begin(subject, start, &*self.config, self.services.as_deref());
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
            out.bytes(request.service.as_bytes());
            out.bytes(request.method.as_bytes());
            out.put(&request.kind);
            out.put(&request.deadline);
            out.put(&request.timeout);
            out.put(request.meta);
            out.put(request.strings);
            out.put(&request.caller.map(str::to_owned));
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
    pub(super) fn record_send_header(&mut self, key: Key, strings: &Strings) -> Result<(), SendError> {
        let id = self.id_of(key);
        let step = |out: &mut Writer<'_>| {
            out.put(&id);
            out.put(strings);
        };
        self.record_done(Op::SendHeader, step, |this| this.send_header(key, strings))
    }

    #[cold]
    pub(super) fn record_close_send(&mut self, key: Key) -> Result<(), SendError> {
        let id = self.id_of(key);
        self.record_done(Op::CloseSend, |out| out.put(&id), |this| this.finish_sending(key))
    }

    #[cold]
    pub(super) fn record_discard(&mut self, key: Key) {
        let id = self.id_of(key);
        self.record_step(Op::Discard, |out| out.put(&id), |this| this.discard(key));
    }

    #[cold]
    pub(super) fn record_finish(&mut self, id: StreamId, ending: &Ending, trailer: &Strings) {
        let step = |out: &mut Writer<'_>| {
            out.put(&id);
            out.put(ending);
            out.put(trailer);
        };
        self.record_step(Op::Finish, step, |this| this.finish(id, ending, trailer));
    }

    #[cold]
    pub(super) fn record_cancel(&mut self, id: StreamId, why: &Exception) {
        let step = |out: &mut Writer<'_>| {
            out.put(&id);
            out.put(why);
        };
        self.record_step(Op::Cancel, step, |this| this.cancel(id, why));
    }

    #[cold]
    pub(super) fn record_abort(&mut self, now: Instant, why: &Exception) {
        let step = |out: &mut Writer<'_>| {
            out.time(now);
            out.put(why);
        };
        self.record_step(Op::Abort, step, |this| this.abort(now, why));
    }

    fn id_of(&self, key: Key) -> StreamId {
        // A half is of a stream that is there.
        self.streams.at(key).map_or(StreamId::CONNECTION, |stream| stream.id)
    }
}

impl Recorded for Connection {
    fn recorder_place(&mut self) -> &mut Option<Box<Recorder>> {
        &mut self.recorder
    }
}
