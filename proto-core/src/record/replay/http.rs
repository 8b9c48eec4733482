//! Connections for plain requests.

use bytes::BytesMut;

use super::common::Played;
use super::stage::Stage;
use crate::buf::Transmit;
use crate::error::Disconnect;
use crate::http::{RequestId, Response, ServerConnection, ServerEvent};
use crate::pingpong::Shutdown;
use crate::record::{Done, Op, RecordingError};
use crate::time::Instant;

impl Played for ServerConnection {
    type Event = ServerEvent;

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

    fn event(&mut self) -> Option<ServerEvent> {
        self.poll_event()
    }

    fn shut_down(&mut self, now: Instant, how: Shutdown) {
        self.shutdown(now, how);
    }

    fn release_memory(&mut self) {
        self.release_memory();
    }

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
