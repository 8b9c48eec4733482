//! gRPC connections.

use super::common::Played;
use super::stage::Stage;
use crate::grpc::{CallerNames, Connection, Request, StreamId};
use crate::http::{Fields, RequestId, Response};
use crate::metainfo::MetaInfo;
use crate::record::basic::choice;
use crate::record::step::Pulled;
use crate::record::{Done, Encoded, Op, RecordingError};
use crate::wire::grpc::Outcome;

impl Played for Connection {
    fn command(&mut self, op: Op, stage: &mut Stage<'_>) -> Result<(), RecordingError> {
        match op {
            Op::Open => {
                let done = open(self, stage)?;
                stage.compare_done(op, done)?;
            }
            Op::Pull => {
                let id = stage.from.take()?;
                stage.say(format_args!("pull {id:?}"));
                let pulled = self
                    .receiver(id)
                    .map_or(Pulled::Failed, |receiver| receiver.pull().into());
                stage.compare_pull(pulled)?;
            }
            Op::Send => {
                let (id, body): (StreamId, Encoded) = stage.from.take()?;
                stage.say(format_args!("send on {id:?}"));
                let done = Done::with(self.sender(id), |mut sender| sender.send(&body));
                stage.compare_done(op, done)?;
            }
            Op::SendHeader => {
                let (id, header): (StreamId, Fields) = stage.from.take()?;
                stage.say(format_args!("send the header of {id:?}"));
                let done = Done::with(self.sender(id), |mut sender| sender.send_header(&header));
                stage.compare_done(op, done)?;
            }
            Op::CloseSend => {
                let id = stage.from.take()?;
                stage.say(format_args!("send no more on {id:?}"));
                let done = Done::with(self.sender(id), |mut sender| sender.finish());
                stage.compare_done(op, done)?;
            }
            Op::Finish => {
                let id = stage.from.take()?;
                let (outcome, trailer): (Outcome, Fields) = stage.from.take()?;
                stage.say(format_args!("finish {id:?}: {:?}", outcome.status.code));
                self.finish(id, &outcome, &trailer);
            }
            Op::Release => {
                let id = stage.from.take()?;
                stage.say(format_args!("release {id:?}"));
                self.release(id);
            }
            Op::RespondHttp => {
                let (now, id) = (stage.from.time()?, stage.from.take::<RequestId>()?);
                let response: Response = stage.from.take()?;
                stage.say(format_args!("respond {id:?} with {}", response.status));
                let done = Done::of(&self.respond_http(now, id, &response));
                stage.compare_done(op, done)?;
            }
            op => return Err(stage.unknown(op)),
        }
        Ok(())
    }
}

fn open(connection: &mut Connection, stage: &mut Stage<'_>) -> Result<Done, RecordingError> {
    let from = &mut stage.from;
    let now = from.time()?;
    let (package, (service, method)): (String, (String, String)) = from.take()?;
    let (codec, kind) = (from.take()?, from.take()?);
    let (authority, scheme): (String, String) = from.take()?;
    let (deadline, gzip) = (from.take()?, from.take()?);
    let metadata: Fields = from.take()?;
    let meta: MetaInfo = from.take()?;
    let names: Option<((String, String), (String, String))> = match choice(from, "option", 1)? {
        0 => None,
        _ => Some(from.take()?),
    };
    stage.say(format_args!("open {service}.{method}"));
    let request = Request {
        authority: &authority,
        scheme: &scheme,
        deadline,
        gzip,
        metadata: &metadata,
        meta: &meta,
        names: names
            .as_ref()
            .map(|((service, method), (source, source_method))| CallerNames {
                destination_service: service,
                destination_method: method,
                source_service: source,
                source_method,
            }),
        ..Request::new(&package, &service, &method, codec, kind)
    };
    Ok(Done::of(&connection.open(now, &request)))
}
