//! gRPC.

use std::sync::Arc;

use bytes::BytesMut;
use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::grpc::{Config, Connection, Event, Pull, Request};
use kitewire_proto::wire::Codec;
use kitewire_proto::{Disconnect, Instant, Transmit};
use kitewire_tests::vectors::{Step, Vector, folder};

/// Recordings that the client ended, or in which what it did depends on more than the server's bytes.
const LEFT_OUT: [(&str, &str); 10] = [
    ("cancel-after-half-close", "the client cancels"),
    ("cancel-after-open", "the client cancels"),
    ("cancel-idle-sweep", "the client cancels"),
    ("cancel-mid-stream", "the client cancels"),
    ("conn-age-live-stream", "the client lives on in the recording"),
    ("deadline-stream", "the client's deadline comes first"),
    ("deadline-unary", "the client's deadline comes first"),
    (
        "header-list-too-big",
        "the client opens a call before it knows the limit",
    ),
    ("max-streams", "the server takes calls above its limit"),
    ("recv-timeout", "the client cancels"),
];

/// How calls ended, and how many messages came.
#[derive(Debug, PartialEq, Eq, Default)]
struct Story {
    messages: usize,
    end: String,
}

#[test]
fn recorded_answers_end_calls_as_recorded() {
    let mut compared = 0;
    for vector in folder("grpc") {
        let is_left_out = LEFT_OUT
            .iter()
            .any(|(name, _)| vector.file == format!("grpc/{name}.json"));
        let printed = printed(&vector);
        if is_left_out || printed.is_empty() {
            continue;
        }
        assert_eq!(replayed(&vector), recorded(&printed), "{}", vector.file);
        compared += 1;
    }
    assert_eq!(compared, 41, "every recording is accounted for");
}

/// What the recorded client printed.
fn printed(vector: &Vector) -> Vec<&str> {
    let lines = vector.json["printed"]["client"].as_array();
    lines
        .into_iter()
        .flatten()
        .map(|line| line.as_str().expect("lines are text"))
        .collect()
}

/// What those lines say.
fn recorded(printed: &[&str]) -> Story {
    let mut story = Story::default();
    for line in printed {
        let Some(told) = ["client Recv", "client got", "client CloseAndRecv", "reply", "EOF"]
            .into_iter()
            .find(|word| line.starts_with(word))
        else {
            continue;
        };
        let ok = "0 ".to_owned();
        if let Some((_, status)) = line.split_once("rpc error: code = ") {
            story.end = status.replacen("desc = ", "", 1);
        } else if let Some((_, business)) = line.split_once("biz error: code=") {
            let (business, _) = business.split_once(" [biz ").expect("the error is printed twice");
            story.end = format!("business {}", business.replacen(", msg=", " ", 1));
        } else if let Some((_, status)) = line.split_once(" code ").filter(|_| told == "reply") {
            let (code, rest) = status.split_once(' ').expect("the name follows");
            let message = rest.split('"').nth(1).expect("the message follows");
            story.end = format!("{code} {message}");
            story.messages += usize::from(code == "0");
        } else if line.ends_with("EOF") {
            story.end = ok;
        } else {
            story.messages += 1;
            if told != "client Recv" {
                story.end = ok;
            }
        }
    }
    story
}

/// What our client makes of the recorded bytes.
fn replayed(vector: &Vector) -> Story {
    let now = Instant::from_nanos(1);
    let mut client = Connection::client(Arc::new(Config::default()), now);
    let mut story = Story::default();
    let (mut input, mut out) = (BytesMut::new(), Transmit::new());
    for connection in vector.connections() {
        for step in &connection.steps {
            match (step.from, &step.bytes) {
                ("client", _) => repeat(&mut client, now, step),
                (_, Some(bytes)) => {
                    input.extend_from_slice(bytes);
                    client.receive(now, &mut input);
                }
                (_, None) => client.handle_disconnect(now, Disconnect::ReadEnd),
            }
            while client.poll_transmit(now, &mut out) {
                out.advance(out.len());
            }
            listen(&mut client, &mut story, vector);
        }
    }
    story
}

/// Does what the recorded client did, as far as it is about calls.
fn repeat(client: &mut Connection, now: Instant, step: &Step<'_>) {
    let Some(frame) = step.decoded else { return };
    let path = frame["headers"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|field| field[0] == ":path");
    if let Some(path) = path {
        let path = path[1].as_str().expect("a path is text");
        let (_, method) = path.rsplit_once('/').expect("a path has a method");
        let kind = match method.to_ascii_lowercase().as_str() {
            "serverstream" => MethodKind::ServerStreaming,
            "clientstream" => MethodKind::ClientStreaming,
            "bidi" => MethodKind::BidirectionalStreaming,
            _ => MethodKind::Unary,
        };
        let request = Request::new("package", "Service", method, Codec::Thrift, kind);
        let opened = client.open(now, &request);
        assert!(
            opened.is_ok() || client.close_reason().is_some(),
            "{}: {opened:?}",
            step.name
        );
    }
}

fn listen(client: &mut Connection, story: &mut Story, vector: &Vector) {
    while let Some(event) = client.poll_event() {
        let (Event::Readable { id } | Event::Ended { id }) = event else {
            continue;
        };
        while let Pull::Message(_) = client.receiver(id).expect("the call is there").pull() {
            story.messages += 1;
        }
        let Some(outcome) = client.outcome(id) else { continue };
        // grpc-go knows nothing of business errors.
        let of_kitex = vector.json["client"]
            .as_str()
            .is_some_and(|peer| peer.starts_with("kitex"));
        story.end = match &outcome.business {
            Some(business) if of_kitex => format!("business {} {}", business.code, business.message),
            _ => format!("{} {}", outcome.status.code.0, outcome.status.message),
        };
    }
}
