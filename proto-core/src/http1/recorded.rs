//! A connection that records.

use super::Connection;
use crate::record::{Recorded, Recorder, Subject};

impl Connection {
    /// Records this connection; see [`record`](crate::record). Call it before anything happens to the connection: what
    /// happened before is not in the recording.
    pub fn record(&mut self, mut recorder: Recorder) {
        recorder.begin(Subject::Http1Server, self.times.active, &*self.config, None);
        self.recorder = Some(Box::new(recorder));
    }

    /// What records this connection, if something does.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_deref_mut()
    }
}

impl Recorded for Connection {
    fn recorder_place(&mut self) -> &mut Option<Box<Recorder>> {
        &mut self.recorder
    }
}
