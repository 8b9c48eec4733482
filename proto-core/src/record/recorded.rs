//! The verbs of a connection that records: each is done as ever, and written down.

use std::fmt;

use bytes::BytesMut;

use super::codec::{Value, Writer};
use super::done::{Done, Failure};
use super::recorder::Recorder;
use super::step::Op;
use crate::buf::Transmit;
use crate::error::Disconnect;
use crate::http::{RequestId, RespondError, Response};
use crate::pingpong::Shutdown;
use crate::time::Instant;

/// A connection that can record.
///
/// Each verb hands itself to one of these methods if there is a recorder, and is called again without.
pub(crate) trait Recorded: Sized {
    fn recorder_place(&mut self) -> &mut Option<Box<Recorder>>;

    /// Does something that does not record by itself.
    fn recorded<T>(&mut self, act: impl FnOnce(&mut Self, &mut Recorder) -> T) -> T {
        let recorder = self.recorder_place().take();
        // Nobody calls this without one; an unused recorder writes nothing.
        let mut recorder = recorder.unwrap_or_else(|| Box::new(Recorder::new(0)));
        let done = act(self, &mut recorder);
        *self.recorder_place() = Some(recorder);
        done
    }

    /// A verb of which nobody hears what became.
    fn record_step(&mut self, op: Op, write: impl FnOnce(&mut Writer<'_>), act: impl FnOnce(&mut Self)) {
        self.recorded(|this, recorder| {
            recorder.step(op, write);
            act(this);
        });
    }

    /// A verb with a result: behind the rest of the step stands what became of it.
    fn record_done<T, E: Failure>(
        &mut self,
        op: Op,
        write: impl FnOnce(&mut Writer<'_>),
        act: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.recorded(|this, recorder| {
            let result = act(this);
            recorder.step(op, |out| {
                write(out);
                out.put(&Done::of(&result));
            });
            result
        })
    }

    #[cold]
    fn record_receive(&mut self, now: Instant, input: &mut BytesMut, act: fn(&mut Self, Instant, &mut BytesMut)) {
        self.record_input(Op::Receive, now, input, act);
    }

    /// A verb that works on the buffer of what was read.
    #[cold]
    fn record_input(&mut self, op: Op, now: Instant, input: &mut BytesMut, act: fn(&mut Self, Instant, &mut BytesMut)) {
        self.recorded(|this, recorder| {
            recorder.input(op, now, input);
            act(this, now, input);
            recorder.note_left(input.len());
        });
    }

    #[cold]
    fn record_disconnect(&mut self, now: Instant, why: Disconnect, act: fn(&mut Self, Instant, Disconnect)) {
        let step = |out: &mut Writer<'_>| {
            out.time(now);
            out.put(&why);
        };
        self.record_step(Op::Disconnect, step, |this| act(this, now, why));
    }

    #[cold]
    fn record_timeout(&mut self, now: Instant, act: fn(&mut Self, Instant)) {
        self.record_step(Op::Timeout, |out| out.time(now), |this| act(this, now));
    }

    #[cold]
    fn record_transmit(
        &mut self,
        now: Instant,
        out: &mut Transmit,
        act: fn(&mut Self, Instant, &mut Transmit) -> bool,
    ) -> bool {
        self.recorded(|this, recorder| {
            let held = out.len();
            let any = act(this, now, out);
            recorder.transmit(now, held, out);
            any
        })
    }

    #[cold]
    fn record_event<E: fmt::Debug>(&mut self, act: fn(&mut Self) -> Option<E>) -> Option<E> {
        self.recorded(|this, recorder| {
            let event = act(this)?;
            recorder.event(&event);
            Some(event)
        })
    }

    #[cold]
    fn record_shutdown(&mut self, now: Instant, how: Shutdown, act: fn(&mut Self, Instant, Shutdown)) {
        let step = |out: &mut Writer<'_>| {
            out.time(now);
            out.put(&how);
        };
        self.record_step(Op::Shutdown, step, |this| act(this, now, how));
    }

    #[cold]
    fn record_release_memory(&mut self, act: fn(&mut Self)) {
        self.record_step(Op::ReleaseMemory, |_| {}, act);
    }

    /// A verb about a call that says no more about it.
    #[cold]
    fn record_id<I: Value + Copy>(&mut self, op: Op, id: I, act: fn(&mut Self, I)) {
        self.record_step(op, |out| out.put(&id), |this| act(this, id));
    }

    #[cold]
    fn record_respond_http(
        &mut self,
        now: Instant,
        id: RequestId,
        response: &Response,
        act: fn(&mut Self, Instant, RequestId, &Response) -> Result<(), RespondError>,
    ) -> Result<(), RespondError> {
        let step = |out: &mut Writer<'_>| {
            out.time(now);
            out.put(&id);
            out.put(response);
        };
        self.record_done(Op::RespondHttp, step, |this| act(this, now, id, response))
    }
}
