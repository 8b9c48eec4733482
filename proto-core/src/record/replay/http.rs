//! Connections for plain requests.

use super::common::Played;
use super::stage::Stage;
use crate::http::{RequestId, Response, ServerConnection};
use crate::record::{Done, Op, RecordingError};

impl Played for ServerConnection {
    fn command(&mut self, op: Op, stage: &mut Stage<'_>) -> Result<(), RecordingError> {
        let Op::RespondHttp = op else {
            return Err(stage.unknown(op));
        };
        let (now, id) = (stage.from.time()?, stage.from.take::<RequestId>()?);
        let response: Response = stage.from.take()?;
        stage.say(format_args!("respond {id:?} with {}", response.status));
        let done = Done::of(&self.respond(now, id, &response));
        stage.compare_done(op, done)
    }
}
