//! A client connection that records.

use super::ClientConnection;
use crate::pingpong::answer::Answer;
use crate::pingpong::request::{OpenError, Request};
use crate::pingpong::slots::CallId;
use crate::record::{Digest, Encoded, Op, Recorded, Recorder, Subject, Writer};

impl ClientConnection {
    /// Records this connection; see [`record`](crate::record). Call it before anything happens to the connection: what
    /// happened before is not in the recording.
    pub fn record(&mut self, mut recorder: Recorder) {
        recorder.begin(Subject::PingPongClient, self.times.start, &*self.config, None);
        self.recorder = Some(Box::new(recorder));
    }

    /// What records this connection, if something does.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_deref_mut()
    }

    #[cold]
    pub(super) fn record_open(&mut self, request: &Request<'_>) -> Result<CallId, OpenError> {
        let body = Encoded::of(request.body);
        let request = Request {
            body: &body,
            ..*request
        };
        let step = |out: &mut Writer<'_>| {
            out.bytes(request.service.as_bytes());
            out.bytes(request.method.as_bytes());
            out.put(&request.codec);
            out.put(&request.kind);
            out.put(&body);
            out.put(&request.deadline);
            out.put(&request.timeout);
            out.put(&request.connect_timeout);
            out.bytes(request.caller_method.as_bytes());
            out.put(request.meta);
        };
        self.record_done(Op::Open, step, |this| this.open(&request))
    }

    #[cold]
    pub(super) fn record_take_answer(&mut self, id: CallId) -> Option<Answer> {
        self.recorded(|this, recorder| {
            let answer = this.take_answer(id);
            recorder.step(Op::TakeAnswer, |out| {
                out.put(&id);
                out.put(&answer.as_ref().map(|answer| Digest::of(answer.body())));
            });
            answer
        })
    }
}

impl Recorded for ClientConnection {
    fn recorder_place(&mut self) -> &mut Option<Box<Recorder>> {
        &mut self.recorder
    }
}
