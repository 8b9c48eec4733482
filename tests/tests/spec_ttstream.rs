//! What SPEC.md quotes about streams over TTHeader is what the code has.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use kitewire_proto::ttstream::{
    Config, Connection, Ending, Event, Exception, Pull, Request, SendError, StreamId, Strings,
};
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::ttstream::{FC_ACK, FC_LIMIT, FC_SETTINGS, FlowFrame, Frame, FrameType};
use kitewire_proto::{ApplicationException, BusinessStatus, ExceptionType, Instant, Switch, Transmit};
use kitewire_tests::spec::{Spec, functions, sources};
use kitewire_tests::ttstream::StreamFrame;
use kitewire_tests::vectors::{hex, unhex};

const SPEC: &str = include_str!("../../SPEC.md");
const NOW: Instant = Instant::ZERO;

#[test]
fn limits_have_their_defaults() {
    let shown = format!("{:#?}", Config::default());
    let fields: Vec<[String; 2]> = shown
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
        .map(|(field, default)| [format!("`{field}`"), format!("`{default}`")])
        .collect();
    let listed = Spec::parse(SPEC).table("TTHeader streaming limits");
    let listed: Vec<[String; 2]> = listed
        .iter()
        .map(|row| [row[0].to_owned(), row[1].to_owned()])
        .collect();
    assert_eq!(listed, fields);
}

#[test]
fn frames_and_keys_have_their_numbers() {
    for kind in FrameType::ALL {
        let row = format!("| `{}` | {kind} |", char::from(kind.digit()));
        assert!(SPEC.contains(&row), "{row}");
    }
    for (key, name) in [(FC_SETTINGS, "FC_SETTINGS"), (FC_LIMIT, "FC_LIMIT"), (FC_ACK, "FC_ACK")] {
        let row = format!("| `{:04x}` | {name} |", key.0);
        assert!(SPEC.contains(&row), "{row}");
    }
}

#[test]
fn errors_have_their_numbers_texts_and_classes() {
    let rows = Spec::parse(SPEC).table("stream errors");
    let row = |number: i32| {
        let row = rows.iter().find(|row| row[0] == number.to_string());
        row.unwrap_or_else(|| panic!("{number} is not listed"))
    };
    let source = include_str!("../../proto-core/src/ttstream/exception.rs");
    let constants = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub const ")?.split_once(": i32 = "));
    let numbers: Vec<i32> = constants
        .map(|(_, number)| number.trim_end_matches(';').parse().expect("a number"))
        .collect();
    assert!(numbers.len() > 10, "{numbers:?}");
    for number in numbers {
        assert!(row(number).len() > 3);
    }

    let shown = |exception: &Exception| {
        let row = row(exception.code);
        assert_eq!(row[2], format!("{:?}", exception.class).to_lowercase(), "{exception}");
        (row[1].to_owned(), row[3].to_owned())
    };
    for exception in [
        Exception::canceled_by_user(),
        Exception::handler_returned(),
        Exception::canceled_with_connection(None),
        Exception::recv_timeout("{Timeout:<t> DisableCancelRemote:<b>}"),
    ] {
        assert_eq!(shown(&exception).0, format!("`{}`", exception.message));
    }
    let timeout = Exception::stream_timeout(Some(std::time::Duration::from_millis(50)));
    assert_eq!(
        shown(&timeout).0,
        format!("`{}`", timeout.message.replace("50ms", "<t>"))
    );
    let closed = Exception::closed_send();
    assert!(shown(&closed).1.contains(&format!("`{}`", closed.message)));
    shown(&Exception::foreign("why"));
    shown(&Exception::connection_closed("why"));
    shown(&Exception::illegal_frame("why"));
    let text = Exception::new(7, Exception::closed_send().class, "T").to_string();
    assert!(clause("TSE-1").contains(&text.replace("7] T", "<n>] ")), "{text}");
}

#[test]
fn texts_are_the_codes_own() {
    let sources = sources();
    let core = sources
        .iter()
        .filter(|(path, _)| path.to_string_lossy().contains("proto-core/src/"));
    let core: Vec<&str> = core.map(|(_, text)| text.as_str()).collect();
    for (id, text) in [
        ("TSI-4", "was opened again while it is live"),
        ("TSI-3", "the handler of an earlier stream with this id still runs"),
        ("TSE-7", "too many streams on this connection"),
        ("TSE-7", "the headers of this connection hold too much memory"),
        ("TSE-7", "the server is shutting down"),
        ("TSE-9", "non-ttstream path"),
        ("TSC-7", "the request did not come in time"),
        ("TSC-7", "biz error: EOF"),
        ("TSF-8", "thrift message type want Exception, but got "),
        ("TSF-8", "rst"),
        ("TSF-10", "decode failed, codec msg type not match with thriftCodec"),
        ("TSM-6", "malformed header info, extra: "),
        ("TFC-16", "flow control: stream limit exceeded"),
        ("TFC-16", "flow control: connection limit exceeded"),
        ("TFC-20", "stream 0 is the connection itself"),
        ("TFC-25", "flow control: its messages hold too much memory"),
    ] {
        assert!(clause(id).contains(text), "{id} does not quote {text}");
        assert!(
            core.iter().any(|source| source.contains(text)),
            "the code has no {text}"
        );
    }
}

#[test]
fn tables_are_filled_in() {
    let spec = Spec::parse(SPEC);
    for (table, rows) in [
        ("TTHeader client", 21),
        ("TTHeader server", 17),
        ("streaming differences", 18),
    ] {
        let found = spec.table(table);
        let numbers: Vec<String> = found.iter().map(|row| row[0].to_owned()).collect();
        assert_eq!(
            numbers,
            (1..=rows).map(|number| number.to_string()).collect::<Vec<_>>(),
            "{table}"
        );
        assert!(found.iter().flatten().all(|cell| !cell.is_empty()), "{table}");
    }
}

/// Each difference has a test, and each test that a row names is there.
#[test]
fn every_difference_is_shown() {
    let tests = functions();
    for row in Spec::parse(SPEC).table("streaming differences") {
        let shown: Vec<&str> = row[4].split('`').skip(1).step_by(2).collect();
        assert!(!shown.is_empty(), "{row:?}");
        for test in shown {
            assert!(tests.contains(test), "{}: no test {test}", row[0]);
        }
    }
}

/// One side of a connection, and what has gone out.
struct End {
    connection: Connection,
    sent: Vec<Vec<u8>>,
}

impl End {
    fn client(config: Config) -> Self {
        let connection = Connection::client(Arc::new(config), NOW);
        let sent = Vec::new();
        Self { connection, sent }
    }

    fn server(config: Config) -> Self {
        static METHODS: [MethodInfo; 1] = [MethodInfo::new("bidi", MethodKind::BidirectionalStreaming)];
        let mut services = Services::builder();
        let info = ServiceInfo::new("", "Stream", Codec::Thrift, &METHODS[..]);
        services.add(info, ServiceRole::Ordinary);
        let services = Arc::new(services.build().expect("one service is fine"));
        let connection = Connection::server(services, Arc::new(config), NOW);
        let sent = Vec::new();
        Self { connection, sent }
    }

    fn open(&mut self) -> StreamId {
        let request = Request::new("Stream", "bidi", MethodKind::BidirectionalStreaming);
        self.connection.open(NOW, &request).expect("it can be opened")
    }

    fn send(&mut self, id: StreamId, message: &[u8]) -> Result<(), SendError> {
        let message = Bytes::copy_from_slice(message);
        self.connection.sender(id).expect("not released").send(&message)
    }

    /// Sends what there is to `other`.
    fn carry(&mut self, other: &mut Self) {
        let mut out = Transmit::new();
        while self.connection.poll_transmit(NOW, &mut out) {
            let bytes = out.to_vec();
            out.advance(out.len());
            other.connection.receive(NOW, &mut BytesMut::from(&bytes[..]));
            let mut rest = &bytes[..];
            while let Some(frame) = Frame::read(rest, u32::MAX, 10).expect("good frames") {
                let (frame, later) = rest.split_at(frame.header.frame_len());
                self.sent.push(frame.to_vec());
                rest = later;
            }
        }
    }

    /// What was said about flow control since the last time.
    fn flow(&mut self) -> Vec<(StreamId, FlowFrame)> {
        let frames = std::mem::take(&mut self.sent);
        let read = |bytes: &Vec<u8>| {
            let frame = Frame::read(bytes, u32::MAX, 10).expect("good frames").expect("whole");
            Some((frame.id, frame.flow?))
        };
        frames.iter().filter_map(read).collect()
    }
}

#[test]
fn examples_are_what_the_code_writes() {
    let lines = Spec::parse(SPEC).blocks("hex-ttstream").join("\n");
    let examples: Vec<Vec<u8>> = lines.lines().map(|line| unhex(&line.replace([' ', '|'], ""))).collect();
    for example in &examples {
        let frame = StreamFrame::decode(example).unwrap_or_else(|error| panic!("{error}: {}", hex(example)));
        assert_eq!(hex(&frame.encode()), hex(example));
    }
    let mut silent = Config::default();
    silent.flow_control = Switch::Off;
    silent.service_name = "B".to_owned();
    let (mut client, mut server) = (End::client(silent), End::server(Config::default()));
    let business = BusinessStatus {
        code: 404,
        message: "no".to_owned(),
        extra: vec![("k".to_owned(), "v".to_owned())],
    };
    let boom = ApplicationException::new(ExceptionType::INTERNAL_ERROR, "biz error: boom");
    for ending in [Ending::Business(business), Ending::Exception(boom)] {
        // Every stream of the examples is the first of its connection.
        let (mut client, mut server) = (End::client(Config::default()), End::server(Config::default()));
        let id = client.open();
        client.carry(&mut server);
        server.connection.finish(id, &ending, &Strings::new());
        server.carry(&mut client);
        let trailer = sorted(server.sent.last().expect("a trailer"));
        assert!(examples.iter().any(|example| sorted(example) == trailer), "{trailer:?}");
        assert!(client.sent.contains(&examples[7]), "the offer");
    }
    let id = client.open();
    client.send(id, b"\x0b\0\x01\0\0\0\x01a\0").expect("there is room");
    client
        .connection
        .sender(id)
        .expect("not released")
        .finish()
        .expect("it is open");
    client.connection.cancel(id, &Exception::handler_returned());
    client.carry(&mut server);
    let written: Vec<String> = client.sent.iter().map(|frame| hex(frame)).collect();
    let listed: Vec<String> = [0, 1, 2, 6].map(|at: usize| hex(&examples[at])).into();
    assert_eq!(written, listed);
    let (client, mut server) = (&mut End::client(Config::default()), End::server(Config::default()));
    let id = client.open();
    client.carry(&mut server);
    server
        .connection
        .sender(id)
        .expect("open")
        .send_header(&Strings::new())
        .expect("not sent");
    server.carry(client);
    assert!(server.sent.contains(&examples[3]), "the header");
}

/// A frame with its entries in one order.
fn sorted(frame: &[u8]) -> String {
    let frame = StreamFrame::decode(frame).expect("a good frame").describe();
    serde_json::to_string(&frame).expect("JSON")
}

#[test]
fn the_example_of_flow_control_goes_as_it_is_told() {
    let mut config = Config::default();
    config.connection_window = 1000;
    config.stream_window = 400;
    let (mut client, mut server) = (End::client(Config::default()), End::server(config));
    let (id, message) = (client.open(), [0; 150 - 64]);
    (0..2).for_each(|_| client.send(id, &message).expect("not known yet"));
    client.carry(&mut server);
    server.carry(&mut client);
    client.carry(&mut server);
    assert_eq!(client.flow()[1..], [(StreamId::CONNECTION, FlowFrame::Ack(1))]);
    client.send(id, &message).expect("300 of 400");
    assert_eq!(client.send(id, &message), Err(SendError::Full));
    client.carry(&mut server);
    assert_eq!(server.flow().len(), 1, "the answer");
    for _ in 0..2 {
        assert!(matches!(
            server.connection.receiver(id).expect("open").pull(),
            Pull::Message(_)
        ));
    }
    server.carry(&mut client);
    assert_eq!(server.flow(), [(id, FlowFrame::Limit(700))]);
    (0..2).for_each(|_| client.send(id, &message).expect("450 and 600 of 700"));
    assert_eq!(client.send(id, &message), Err(SendError::Full));
    client.carry(&mut server);
    server.carry(&mut client);
    assert_eq!(server.flow(), []);
    client.connection.release(id);
    client.carry(&mut server);
    assert!(std::iter::from_fn(|| server.connection.poll_event()).any(|event| event == Event::Ended { id }));
    server.connection.finish(id, &Ending::Ok, &Strings::new());
    server.carry(&mut client);
    assert_eq!(server.flow(), [(StreamId::CONNECTION, FlowFrame::Limit(1750))]);
}

/// The text of a clause.
fn clause(id: &str) -> String {
    let spec = Spec::parse(SPEC);
    let clause = spec.clauses.iter().find(|clause| clause.id == id);
    clause.unwrap_or_else(|| panic!("no clause {id}")).text.to_owned()
}
