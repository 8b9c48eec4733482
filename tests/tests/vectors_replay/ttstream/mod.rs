//! Streams over TTHeader: the recorded clients get the recorded answers from us.

mod handlers;

use kitewire::{Registration, Server, Switch};
use kitewire_tests::ttstream::StreamFrame;
use kitewire_tests::vectors::{Vector, folder, hex};
use kitewire_tokio::Tokio;

use crate::Peer;
use crate::compare;
use crate::server::{self, Running};
use handlers::{Recorded, tts};

/// Files that are replayed although `replay` is false there: what differs between two runs does not matter here, or is
/// not Kitex's own.
const REPLAYED_ALL_THE_SAME: [&str; 10] = [
    "services/refuse-ttstream-isn.json",
    "services/ttstream-service.json",
    "services/ttstream-unknown-unique.json",
    "services/unknown-handler-ttstream.json",
    "ttstream/cascade-metainfo-bc.json",
    "ttstream/error-application-exception.json",
    "ttstream/error-declared-exception.json",
    "ttstream/long-pool-reuse.json",
    "ttstream/return-while-sending.json",
    "ttstream/unary-same-client.json",
];

/// Recorded connections where we do something else on purpose.
struct Different {
    file: &'static str,
    why: &'static str,
    /// For each recorded frame of the server: `=` ours is equal, `-` we send none.
    frames: &'static str,
    /// What we send beside them: stream, kind, and the exception's type and text.
    besides: &'static [&'static str],
}

const fn different(file: &'static str, why: &'static str, frames: &'static str) -> Different {
    Different {
        file,
        why,
        frames,
        besides: &[],
    }
}

/// Nothing follows an rst that was read.
const SILENT: &str = "a handler's end behind the rst is not told to anybody (SPEC TSL-5)";

const DIFFERENT: [Different; 21] = [
    Different {
        besides: &["4 trailer 1 unknown method Nope (service ServiceA)"],
        ..different(
            "services/ttstream-unknown-method.json",
            "unknown methods are answered (SPEC TSE-7)",
            "",
        )
    },
    Different {
        besides: &["3 trailer 20 unknown service Nope, method Nope"],
        ..different(
            "services/ttstream-unknown-service.json",
            "unknown services are answered (SPEC TSE-7)",
            "",
        )
    },
    Different {
        besides: &["1 trailer"],
        ..different(
            "ttstream/biz-error-empty-extra.json",
            "an empty extra is none, and not written (SPEC BIZ-1)",
            "=-",
        )
    },
    different("ttstream/cancel-before-first-message.json", SILENT, "--"),
    different("ttstream/cancel-bidi-half-closed.json", SILENT, "==-"),
    different("ttstream/cancel-bidi.json", SILENT, "==-"),
    different("ttstream/cancel-client-streaming.json", SILENT, "--"),
    different("ttstream/cancel-deferred.json", SILENT, "--"),
    different("ttstream/cancel-foreign.json", SILENT, "=-"),
    different("ttstream/cancel-no-name.json", SILENT, "--"),
    different("ttstream/cancel-queued.json", SILENT, "====-"),
    different("ttstream/cancel-server-streaming.json", SILENT, "======-"),
    different("ttstream/cascade-cancel-bc.json", SILENT, "==-"),
    different("ttstream/cascade-connection-lost-bc.json", SILENT, "==-"),
    different("ttstream/cascade-deadline-bc.json", SILENT, "==-"),
    different("ttstream/cascade-handler-return-bc.json", SILENT, "==-"),
    different("ttstream/deadline.json", SILENT, "--"),
    different("ttstream/raw-rst.json", SILENT, "------"),
    different("ttstream/recv-timeout.json", SILENT, "--"),
    Different {
        besides: &["1 trailer 1 unknown method nope (service Stream)"],
        ..different(
            "ttstream/raw-unknown-method.json",
            "unknown methods are answered (SPEC TSE-7)",
            "===",
        )
    },
    Different {
        besides: &["1 trailer 20 unknown service Stream, method ss"],
        ..different(
            "ttstream/unknown-service.json",
            "unknown services are answered (SPEC TSE-7)",
            "",
        )
    },
];

/// Recordings that are not about a server of ours: another one made the frames, or the one in the middle is recorded.
const ELSEWHERE: [&str; 7] = [
    "ttstream/cascade-cancel-ab.json",
    "ttstream/fake-frame-type.json",
    "ttstream/fake-meta-and-keys.json",
    "ttstream/fake-no-header.json",
    "ttstream/fake-rst.json",
    "ttstream/fake-second-header.json",
    "ttstream/fake-unknown-service.json",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_streams_get_the_recorded_answers() {
    let (mut running, mut failures) = (Vec::new(), Vec::new());
    let (mut replayed, mut different) = (0, 0);
    for vector in vectors() {
        let file = vector.file.as_str();
        if ELSEWHERE.contains(&file) {
            continue;
        }
        let ours = DIFFERENT.iter().find(|different| different.file == file);
        let is_same = vector.json["replay"] == true || REPLAYED_ALL_THE_SAME.contains(&file);
        assert!(is_same || ours.is_some(), "{file}: what do we do instead?");
        match ours {
            None => replayed += 1,
            Some(_) => different += 1,
        }
        running.push(tokio::spawn(async move {
            let outcome = replay(&vector, ours).await;
            outcome.map_err(|error| format!("{}: {error}\n  {}", vector.file, ours.map_or("", |ours| ours.why)))
        }));
    }
    for replay in running {
        failures.extend(replay.await.expect("a replay ends").err());
    }
    assert!(
        failures.is_empty(),
        "{} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert_eq!(
        (replayed, different),
        (REPLAYED, DIFFERENT.len()),
        "every file is accounted for"
    );
}

const REPLAYED: usize = 35;

/// All files with a stream over TTHeader.
fn vectors() -> impl Iterator<Item = Vector> {
    let is_stream = |vector: &Vector| {
        let steps = vector.json["connection"].as_array();
        vector.file.starts_with("ttstream/")
            || steps.is_some_and(|steps| steps.iter().any(|step| step["decoded"]["frame"] == "ttstream"))
    };
    let files = folder("ttstream").into_iter().chain(folder("services"));
    files.filter(is_stream)
}

/// Starts the server that was recorded.
async fn start(vector: &Vector) -> Running {
    if let Some(options) = vector.json.get("server_options") {
        return server::start(options).await;
    }
    let second = || Registration::from(tts::SecondServer::new(Recorded));
    let stream = || Registration::from(tts::StreamServer::new(Recorded));
    let meta = match vector.file.as_str() {
        "ttstream/unary-same-client.json" => Switch::Off,
        _ => Switch::On,
    };
    let server = Server::new(Tokio).meta(meta);
    server::run(match vector.file.as_str() {
        "ttstream/multi-service.json" => server.register(stream().fallback()).register(second()),
        "ttstream/unknown-service.json" => server.register(second()),
        _ => server.register(stream()),
    })
    .await
}

/// Sends what the client sent, in lockstep, and compares what comes with what came.
async fn replay(vector: &Vector, ours: Option<&Different>) -> Result<(), String> {
    let connection = &vector.connections()[0];
    let server = start(vector).await;
    let mut peer = Peer::connect(&server.address).await?;
    let mut listener = Listener::new(vector);
    let mut wanted = ours.map(|ours| ours.frames.chars());
    for step in &connection.steps {
        match (step.from, &step.bytes) {
            ("client", Some(bytes)) => peer.send(bytes).await?,
            ("server", Some(bytes)) => {
                let is_wanted = wanted.as_mut().is_none_or(|wanted| wanted.next() == Some('='));
                if is_wanted {
                    listener.expect(&mut peer, bytes).await?;
                }
            }
            ("server", None) => return peer.closed().await,
            _ => {}
        }
    }
    if let Some(wanted) = wanted {
        assert_eq!(wanted.as_str(), "", "{}: more frames than recorded", vector.file);
    }
    listener
        .finish(&mut peer, ours.map_or(&[], |ours| ours.besides))
        .await?;
    server.stop().await;
    Ok(())
}

/// What came that was not expected yet: streams do not wait for each other.
struct Listener {
    /// Frames that came too early.
    early: Vec<Vec<u8>>,
    /// How many messages of a flood come before it is stopped is nobody's promise.
    is_flood: bool,
}

impl Listener {
    fn new(vector: &Vector) -> Self {
        let varies = vector.json["varies"].as_array().into_iter().flatten();
        Self {
            early: Vec::new(),
            is_flood: varies.into_iter().any(|what| what == "number of server frames"),
        }
    }

    /// The next frame of that stream is this one.
    async fn expect(&mut self, peer: &mut Peer, expected: &[u8]) -> Result<(), String> {
        let early = self.early.iter().position(|frame| stream(frame) == stream(expected));
        let frame = match early {
            Some(place) => self.early.remove(place),
            None => loop {
                let frame = peer.frame().await?;
                if stream(&frame) == stream(expected) {
                    break frame;
                }
                self.early.push(frame);
            },
        };
        let (expected, got) = (expected, frame);
        compare::frames(expected, &got)
            .map_err(|error| format!("{error}\n  expected {}\n  got      {}", hex(expected), hex(&got)))
    }

    /// Nothing but `besides` is left.
    async fn finish(mut self, peer: &mut Peer, besides: &[&str]) -> Result<(), String> {
        let missing = besides.len().saturating_sub(self.early.len());
        for _ in 0..missing {
            self.early.push(peer.frame().await?);
        }
        peer.close().await;
        while let Ok(frame) = peer.frame().await {
            self.early.push(frame);
        }
        let left: Vec<String> = self.early.iter().map(|frame| summary(frame)).collect();
        let unexpected = left
            .iter()
            .find(|frame| !besides.contains(&frame.as_str()) && !self.may_flood(frame));
        match unexpected {
            Some(frame) => Err(format!("also sent: {frame}")),
            None => Ok(()),
        }
    }

    fn may_flood(&self, frame: &str) -> bool {
        self.is_flood && frame.contains(" data")
    }
}

/// The stream of a frame.
fn stream(frame: &[u8]) -> Option<&[u8]> {
    frame.get(8..12)
}

/// Stream, kind, and the exception's type and text.
fn summary(frame: &[u8]) -> String {
    let fields = match StreamFrame::decode(frame) {
        Ok(frame) => frame.describe(),
        Err(error) => return format!("{error}: {}", hex(frame)),
    };
    let kind = fields["frame_type"].as_str().unwrap_or_default();
    let body = fields.get("body").filter(|_| fields.contains_key("message"));
    let value = |id: i32| {
        let fields = body.and_then(|body| body.as_array()).into_iter().flatten();
        let mut found = fields.filter(|field| field["id"] == id);
        found.next().map(|field| field["value"].to_string()).unwrap_or_default()
    };
    let text = value(1);
    format!("{} {kind} {} {}", fields["seq"], value(2), text.trim_matches('"'))
        .trim_end()
        .to_owned()
}

/// A file that is gone, or stands in two tables, is a mistake in a table.
#[test]
fn tables_name_files() {
    let files: Vec<String> = vectors().map(|vector| vector.file).collect();
    let different = DIFFERENT.iter().map(|different| different.file);
    let mut named: Vec<&str> = different.chain(REPLAYED_ALL_THE_SAME).chain(ELSEWHERE).collect();
    for name in &named {
        assert!(files.iter().any(|file| file == name), "{name} is gone");
    }
    named.sort_unstable();
    let len = named.len();
    named.dedup();
    assert_eq!(named.len(), len, "a file stands in two tables");
}
