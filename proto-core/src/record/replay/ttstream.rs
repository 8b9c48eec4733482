//! Connections with streams over TTHeader.

use bytes::BytesMut;

use super::common::Played;
use super::stage::Stage;
use crate::buf::Transmit;
use crate::error::Disconnect;
use crate::metainfo::MetaInfo;
use crate::pingpong::Shutdown;
use crate::record::digest::Digest;
use crate::record::step::Pulled;
use crate::record::{Done, Encoded, Op, RecordingError};
use crate::time::Instant;
use crate::ttstream::{Connection, Ending, Event, Exception, Pull, Request, SendError, Sender, StreamId, Strings};

impl Played for Connection {
    type Event = Event;

    fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        self.receive(now, input);
    }

    fn disconnect(&mut self, now: Instant, why: Disconnect) {
        self.handle_disconnect(now, why);
    }

    fn timeout(&mut self, now: Instant, _input: &mut BytesMut) {
        self.handle_timeout(now);
    }

    fn transmit(&mut self, now: Instant, out: &mut Transmit) {
        self.poll_transmit(now, out);
    }

    fn event(&mut self) -> Option<Event> {
        self.poll_event()
    }

    fn shut_down(&mut self, now: Instant, how: Shutdown) {
        self.shutdown(now, how);
    }

    fn release_memory(&mut self) {
        self.release_memory();
    }

    fn command(&mut self, op: Op, stage: &mut Stage<'_>) -> Result<(), RecordingError> {
        match op {
            Op::Open => {
                let done = open(self, stage)?;
                return stage.compare_done(op, done);
            }
            Op::Abort => {
                let now = stage.from.time()?;
                let why: Exception = stage.from.take()?;
                stage.say(format_args!("abort: {why}"));
                self.abort(now, &why);
                return Ok(());
            }
            _ => {}
        }
        if !STREAM_STEPS.contains(&op) {
            return Err(stage.unknown(op));
        }
        let id = stage.from.take()?;
        stage.say(format_args!("{op:?} {id:?}"));
        match op {
            Op::Pull => {
                let pulled = pull(self, id);
                return stage.compare_pull(pulled);
            }
            Op::Discard => {
                if let Ok(receiver) = self.receiver(id) {
                    receiver.discard();
                }
            }
            Op::Send => {
                let body: Encoded = stage.from.take()?;
                let done = with_sender(self, id, |sender| sender.send(&body));
                stage.compare_done(op, done)?;
            }
            Op::SendHeader => {
                let strings: Strings = stage.from.take()?;
                let done = with_sender(self, id, |sender| sender.send_header(&strings));
                stage.compare_done(op, done)?;
            }
            Op::CloseSend => {
                let done = with_sender(self, id, |sender| sender.finish());
                stage.compare_done(op, done)?;
            }
            Op::Finish => {
                let (ending, trailer): (Ending, Strings) = stage.from.take()?;
                stage.say(format_args!(": {ending:?}"));
                self.finish(id, &ending, &trailer);
            }
            Op::Cancel => {
                let why: Exception = stage.from.take()?;
                stage.say(format_args!(": {why}"));
                self.cancel(id, &why);
            }
            _ => self.release(id),
        }
        Ok(())
    }
}

fn pull(connection: &mut Connection, id: StreamId) -> Pulled {
    match connection.receiver(id).map(|receiver| receiver.pull()) {
        Ok(Pull::Message(message)) => Pulled::Message(Digest::of(message.bytes())),
        Ok(Pull::Empty) => Pulled::Empty,
        Ok(Pull::End) => Pulled::End,
        Ok(Pull::Failed) | Err(_) => Pulled::Failed,
    }
}

fn with_sender(
    connection: &mut Connection,
    id: StreamId,
    act: impl FnOnce(&mut Sender<'_>) -> Result<(), SendError>,
) -> Done {
    match connection.sender(id) {
        Ok(mut sender) => Done::of(&act(&mut sender)),
        Err(_) => Done::Refused,
    }
}

fn open(connection: &mut Connection, stage: &mut Stage<'_>) -> Result<Done, RecordingError> {
    let from = &mut stage.from;
    let now = from.time()?;
    let (service, method): (String, String) = from.take()?;
    let kind = from.take()?;
    let (deadline, timeout) = (from.take()?, from.take()?);
    let (meta, strings): (MetaInfo, Strings) = from.take()?;
    let caller: Option<String> = from.take()?;
    stage.say(format_args!("open {service}.{method}"));
    let request = Request {
        deadline,
        timeout,
        meta: &meta,
        strings: &strings,
        caller: caller.as_deref(),
        ..Request::new(&service, &method, kind)
    };
    Ok(Done::of(&connection.open(now, &request)))
}

/// Steps about one stream.
const STREAM_STEPS: [Op; 8] = [
    Op::Pull,
    Op::Discard,
    Op::Send,
    Op::SendHeader,
    Op::CloseSend,
    Op::Finish,
    Op::Cancel,
    Op::Release,
];
