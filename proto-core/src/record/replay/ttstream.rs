//! Connections with streams over TTHeader.

use super::common::Played;
use super::stage::Stage;
use crate::metainfo::MetaInfo;
use crate::record::step::Pulled;
use crate::record::{Done, Encoded, Op, RecordingError};
use crate::ttstream::{Connection, Ending, Exception, Request, Strings};

impl Played for Connection {
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
                let pulled = self
                    .receiver(id)
                    .map_or(Pulled::Failed, |receiver| receiver.pull().into());
                return stage.compare_pull(pulled);
            }
            Op::Discard => {
                if let Ok(receiver) = self.receiver(id) {
                    receiver.discard();
                }
            }
            Op::Send => {
                let body: Encoded = stage.from.take()?;
                let done = Done::with(self.sender(id), |mut sender| sender.send(&body));
                stage.compare_done(op, done)?;
            }
            Op::SendHeader => {
                let strings: Strings = stage.from.take()?;
                let done = Done::with(self.sender(id), |mut sender| sender.send_header(&strings));
                stage.compare_done(op, done)?;
            }
            Op::CloseSend => {
                let done = Done::with(self.sender(id), |mut sender| sender.finish());
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
