//! Streams over TTHeader.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::ttstream::{
    Class, Config, Connection, Event, Exception, Outcome, Pull, Request, StreamId, Strings,
};
use kitewire_proto::wire::ttstream::{Frame, FrameType, read_exception};
use kitewire_proto::{Disconnect, Instant, Switch, Transmit};
use kitewire_tests::vectors::{Step, Vector, folder};

/// Recordings in which what the client printed depends on more than the frames, or is about something else.
const LEFT_OUT: [(&str, &str); 8] = [
    ("cancel-server-streaming", "the first message is not printed"),
    ("deadline", "the client's deadline comes first"),
    ("long-pool-reuse", "what is printed is of four connections"),
    ("message-5000", "of the message its length is printed"),
    ("recv-timeout", "the client's timer comes first"),
    ("recv-timeout-keep", "what is printed is of the client's timer"),
    ("unary-same-client", "no stream"),
    ("unknown-service", "the client's deadline comes first"),
];

/// Recordings whose client comes to another end than ours on purpose: file, reason, messages, ends.
const DIFFERENT: [(&str, &str, &[&str], &[&str]); 2] = [
    (
        "biz-error-after-queued-data",
        "a business error does not overtake messages (SPEC TSL-7)",
        &["m0", "m1", "m2"],
        &["biz error: code=404, msg=no"],
    ),
    (
        "fake-second-header",
        "a second header ends its stream alone (SPEC TSL-9)",
        &[],
        &["[ttstream error, code=12002] [client-side stream] stream[1] already set header PROTOCOL"],
    ),
];

/// What a client made of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Story {
    /// The messages, in the order in which they came.
    messages: Vec<String>,
    /// How the streams ended, in the order of their ids.
    ends: Vec<String>,
    /// Entries of the first stream's header and trailer.
    entries: BTreeMap<String, String>,
}

#[test]
fn recorded_answers_end_streams_as_recorded() {
    let mut compared = 0;
    for vector in folder("ttstream") {
        let name = vector.file.trim_start_matches("ttstream/").trim_end_matches(".json");
        let printed = printed(&vector);
        if printed.is_empty() || LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
            continue;
        }
        let (mut ours, mut recorded) = (replayed(&vector), recorded(&printed));
        if let Some((_, _, messages, ends)) = DIFFERENT.iter().find(|(file, ..)| *file == name) {
            recorded.messages = messages.iter().map(ToString::to_string).collect();
            recorded.ends = ends.iter().map(ToString::to_string).collect();
        }
        // Not every end, message and entry is printed.
        ours.ends.truncate(recorded.ends.len());
        if recorded.messages.is_empty() && !ours.messages.is_empty() {
            assert!(!printed.iter().any(|line| line.contains("recvd")), "{name}");
            ours.messages.clear();
        }
        ours.entries.retain(|key, _| recorded.entries.contains_key(key));
        assert_eq!(ours, recorded, "{}", vector.file);
        compared += 1;
    }
    assert_eq!(compared, 33, "every recording is accounted for");
}

/// What the recorded client printed.
fn printed(vector: &Vector) -> Vec<&str> {
    let lines = vector.json["observed"].as_array().into_iter().flatten();
    lines
        .map(|line| line.as_str().expect("lines are text"))
        .filter_map(|line| line.strip_prefix("client: "))
        .collect()
}

/// What those lines say.
fn recorded(printed: &[&str]) -> Story {
    let mut story = Story::default();
    for line in printed {
        let (what, result) = line.split_once(" -> ").unwrap_or((line, ""));
        if let Some(message) = line.strip_prefix("recvd ") {
            story.messages.push(message.trim_matches('"').to_owned());
        } else if let Some(message) = message(result) {
            story.messages.push(message.to_owned());
        } else if what.contains("recv") && !what.contains("again") {
            story.ends.extend(end(result));
        } else if let ("header" | "trailer", Some(entries)) = (what, result.strip_prefix('{')) {
            let (entries, _) = entries.rsplit_once('}').expect("entries end");
            let entries = entries.split(',').filter_map(|entry| entry.split_once('='));
            story
                .entries
                .extend(entries.map(|(key, value)| (key.to_owned(), value.to_owned())));
        }
    }
    story
}

/// The text of a message that came.
fn message(result: &str) -> Option<&str> {
    let text = result.strip_prefix("Resp({Msg:")?.strip_suffix(" N:<nil>}) nil")?;
    (!text.is_empty()).then_some(text)
}

/// An error's text and class.
fn end(result: &str) -> Option<String> {
    let (_, text) = result.split_once('"')?;
    let (text, rest) = text.rsplit_once('"')?;
    let class = rest
        .split_whitespace()
        .find(|word| word.chars().all(char::is_uppercase));
    Some(class.map_or_else(|| text.to_owned(), |class| format!("{text} {class}")))
}

/// Our client, and whose stream is whose.
struct Client {
    connection: Connection,
    /// Recorded ids, and ours.
    ids: BTreeMap<i32, StreamId>,
    story: Story,
    ends: BTreeMap<StreamId, String>,
}

/// What our client makes of the recorded bytes.
fn replayed(vector: &Vector) -> Story {
    let mut config = Config::default();
    config.flow_control = Switch::Off;
    let mut client = Client {
        connection: Connection::client(Arc::new(config), NOW),
        ids: BTreeMap::new(),
        story: Story::default(),
        ends: BTreeMap::new(),
    };
    let (mut input, mut out) = (BytesMut::new(), Transmit::new());
    for step in &vector.connections()[0].steps {
        match (step.from, &step.bytes) {
            ("client", _) => client.repeat(step),
            (_, Some(bytes)) => {
                input.extend_from_slice(&client.readdressed(bytes));
                client.connection.receive(NOW, &mut input);
            }
            (_, None) => client.connection.handle_disconnect(NOW, Disconnect::ReadEnd),
        }
        while client.connection.poll_transmit(NOW, &mut out) {
            out.advance(out.len());
        }
        client.listen();
    }
    client.story.ends = client.ends.into_values().collect();
    client.story
}

impl Client {
    /// Does what the recorded client did.
    fn repeat(&mut self, step: &Step<'_>) {
        let Some(bytes) = &step.bytes else { return };
        let frame = Frame::read(bytes, u32::MAX, 100).expect("a good frame").expect("whole");
        let payload = frame.payload(bytes);
        if frame.kind == FrameType::Header {
            let method = frame.method.map_or(&[][..], |span| span.of(bytes));
            let method = std::str::from_utf8(method).expect("names are text");
            let kind = match method {
                "cs" => MethodKind::ClientStreaming,
                "ss" => MethodKind::ServerStreaming,
                _ => MethodKind::BidirectionalStreaming,
            };
            let opened = self.connection.open(NOW, &Request::new("Stream", method, kind));
            self.ids.insert(frame.id.get(), opened.expect("it can be opened"));
            return;
        }
        let id = self.ids[&frame.id.get()];
        let mut sender = self.connection.sender(id).expect("not released");
        match frame.kind {
            FrameType::Data => {
                let sent = sender.send(&Bytes::copy_from_slice(payload));
                assert!(sent.is_ok(), "{}: {sent:?}", step.name);
            }
            // A stream that is over has had its trailer.
            FrameType::Trailer => drop(sender.finish()),
            FrameType::Rst => {
                let exception = read_exception(payload).expect("a good exception");
                let why = Exception::new(exception.kind.0, Class::Canceled, exception.message.as_ref());
                let why = why.on(kitewire_proto::ttstream::Side::Client);
                self.connection.cancel(id, &why);
            }
            FrameType::Header | FrameType::Meta => panic!("{}: {:?}", step.name, frame.kind),
        }
    }

    /// A server's frame, for our stream instead of the recorded one.
    fn readdressed(&self, frame: &[u8]) -> Vec<u8> {
        let mut frame = frame.to_vec();
        let id: [u8; 4] = frame[8..12].try_into().expect("four bytes");
        if let Some(ours) = self.ids.get(&i32::from_be_bytes(id)) {
            frame[8..12].copy_from_slice(&ours.get().to_be_bytes());
        }
        frame
    }

    fn listen(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            let (Event::Header { id } | Event::Readable { id } | Event::Ended { id }) = event else {
                continue;
            };
            while let Pull::Message(message) = self.connection.receiver(id).expect("not released").pull() {
                self.story.messages.push(text(message.bytes()));
            }
            if let Some(outcome) = self.connection.outcome(id) {
                self.ends.insert(id, told(outcome));
            }
            if id == StreamId::new(1) {
                let strings = self
                    .connection
                    .header(id)
                    .into_iter()
                    .chain(self.connection.trailer(id));
                let entries = strings.flat_map(Strings::iter);
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                self.story
                    .entries
                    .extend(entries.map(|(key, value)| (text(key), text(value))));
            }
        }
    }
}

/// The first field of a message.
fn text(message: &[u8]) -> String {
    let text = message.get(7..message.len() - 1).unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// An end as Go prints it.
fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ok => "EOF".to_owned(),
        Outcome::Business(status) => format!("biz error: code={}, msg={}", status.code, status.message),
        Outcome::Exception(exception) => {
            let class = match exception.class {
                Class::Application => "",
                Class::Protocol => " PROTOCOL",
                Class::Canceled => " CANCELED",
                Class::Timeout => " TIMEOUT",
            };
            format!("{exception}{class}")
        }
    }
}

const NOW: Instant = Instant::from_nanos(1);
