//! The handlers of our server, over the generated traits.

use kitewire::{Call, Error, Receiver, Registration, Sender};

use super::generated::streams::common::Refused;
use super::generated::streams::{Line, Others, OthersServer, Streams, StreamsPlainError, StreamsServer};
use super::generated::streamspb::{self, OthersPb, OthersPbServer, StreamsPb, StreamsPbServer};
use super::script::Script;

/// The service of this IDL name.
pub(super) fn registration(name: &str, script: &Script) -> Option<Registration> {
    let played = |prefix| Played {
        script: script.clone(),
        prefix,
    };
    Some(match name {
        "Streams" => StreamsServer::new(played("")).into(),
        "Others" => OthersServer::new(played("other:")).into(),
        "StreamsPb" => StreamsPbServer::new(played("")).into(),
        "OthersPb" => OthersPbServer::new(played("other:")).into(),
        _ => return None,
    })
}

/// Does what the texts say.
struct Played {
    script: Script,
    prefix: &'static str,
}

/// The four methods that all services have.
macro_rules! four {
    ($line:ty) => {
        async fn unary(&self, call: &Call, line: $line) -> Result<$line, Error> {
            self.script.turn(call, self.prefix).once(line).await
        }

        async fn collect(&self, call: &Call, requests: Receiver<$line>) -> Result<$line, Error> {
            self.script
                .turn(call, self.prefix)
                .receiving(requests)
                .through()
                .await
        }

        async fn watch(&self, call: &Call, line: $line, out: Sender<$line>) -> Result<(), Error> {
            self.script
                .turn(call, self.prefix)
                .sending(out)
                .once(line)
                .await
                .map(drop)
        }

        async fn talk(&self, call: &Call, requests: Receiver<$line>, out: Sender<$line>) -> Result<(), Error> {
            let turn = self
                .script
                .turn(call, self.prefix)
                .sending(out)
                .receiving(requests);
            turn.through().await.map(drop)
        }
    };
}

impl Streams for Played {
    four!(Line);

    async fn plain(&self, call: &Call, line: Line) -> Result<Line, StreamsPlainError> {
        if line.text == "declared" {
            return Err(Refused {
                code: 11,
                why: Some("busy".into()),
            }
            .into());
        }
        Ok(self.script.turn(call, self.prefix).once(line).await?)
    }

    async fn quiet(&self, call: &Call, line: Line) -> Result<(), Error> {
        self.script.turn::<Line>(call, self.prefix).once(line).await.map(drop)
    }
}

impl Others for Played {
    four!(Line);
}

impl StreamsPb for Played {
    four!(streamspb::Line);
}

impl OthersPb for Played {
    four!(streamspb::Line);
}
