//! A connection for plain requests that records.

use super::ServerConnection;
use super::server::Version;
use crate::record::{Recorded, Recorder, Subject};

impl ServerConnection {
    /// Records this connection; see [`record`](crate::record). Call it before anything happens to the connection: what
    /// happened before is not in the recording.
    pub fn record(&mut self, mut recorder: Recorder) {
        match &mut self.version {
            Version::Http1(connection) => connection.record(recorder),
            Version::Http2(http2) => {
                let start = http2.connection.start();
                let settings = (http2.connection.config().clone(), http2.exchanges.limits().clone());
                recorder.begin(Subject::Http2Server, start, &settings, None);
                self.recorder = Some(Box::new(recorder));
            }
        }
    }

    /// What records this connection, if something does.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        match &mut self.version {
            Version::Http1(connection) => connection.recorder(),
            Version::Http2(_) => self.recorder.as_deref_mut(),
        }
    }
}

impl Recorded for ServerConnection {
    fn recorder_place(&mut self) -> &mut Option<Box<Recorder>> {
        &mut self.recorder
    }
}
