//! gRPC connections.

use bytes::BytesMut;

use super::common::Played;
use super::stage::Stage;
use crate::buf::Transmit;
use crate::error::Disconnect;
use crate::grpc::{CallerNames, Connection, Event, Pull, Request, SendError, Sender, StreamId};
use crate::http::{Fields, RequestId, Response};
use crate::metainfo::MetaInfo;
use crate::pingpong::Shutdown;
use crate::record::basic::choice;
use crate::record::digest::Digest;
use crate::record::step::Pulled;
use crate::record::{Done, Encoded, Op, RecordingError};
use crate::time::Instant;
use crate::wire::grpc::Outcome;

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
                stage.compare_done(op, done)?;
            }
            Op::Pull => {
                let id = stage.from.take()?;
                stage.say(format_args!("pull {id:?}"));
                let pulled = pull(self, id);
                stage.compare_pull(pulled)?;
            }
            Op::Send => {
                let (id, body): (StreamId, Encoded) = stage.from.take()?;
                stage.say(format_args!("send on {id:?}"));
                let done = with_sender(self, id, |sender| sender.send(&body));
                stage.compare_done(op, done)?;
            }
            Op::SendHeader => {
                let (id, header): (StreamId, Fields) = stage.from.take()?;
                stage.say(format_args!("send the header of {id:?}"));
                let done = with_sender(self, id, |sender| sender.send_header(&header));
                stage.compare_done(op, done)?;
            }
            Op::CloseSend => {
                let id = stage.from.take()?;
                stage.say(format_args!("send no more on {id:?}"));
                let done = with_sender(self, id, |sender| sender.finish());
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
