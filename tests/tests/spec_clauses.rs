//! SPEC.md says what the code does: its clauses are well-formed and cited by their right names, and what it quotes
//! (limits, exception numbers, texts, bytes) is what the code has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::BytesMut;
use kitewire_proto::dispatch::{
    MethodInfo, MethodKind, RegistrationProblem, ServiceInfo, ServiceRole, Services, Strictness,
};
use kitewire_proto::http::RequestLimits;
use kitewire_proto::stream::lifecycle::{self, Act, Arrival, Consequence, Receiving, Sending};
use kitewire_proto::wire::mesh::MeshHeader;
use kitewire_proto::wire::ttheader::{Flags, HeaderWriter, string_key};
use kitewire_proto::wire::{Codec, MessageType, Protocol, SequenceId, framed, kitex_protobuf, thrift_message};
use kitewire_proto::{
    ApplicationException, CallError, CloseReason, DecodeError, DecodeErrorKind, EncodeError, ExceptionType, Instant,
    Limits, Output, Refusal, RespondError, ServerConfig, ServerConnection, ServerEvent, http1, http2,
};
use kitewire_tests::message::Message;
use kitewire_tests::spec::{Spec, citations, functions, sources};
use kitewire_tests::vectors::{hex, unhex};

const SPEC: &str = include_str!("../../SPEC.md");

#[test]
fn clauses_are_numbered_without_gaps_and_say_where_they_come_from() {
    let spec = Spec::parse(SPEC);
    assert!(spec.clauses.len() > 100, "{} clauses", spec.clauses.len());
    let mut areas: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for clause in &spec.clauses {
        areas.entry(clause.area).or_default().push(clause.number);
        assert!(matches!(clause.origin, "K" | "O" | "F"), "{clause:?} has no origin");
        assert!(clause.text.ends_with('.'), "{clause:?} is no sentence");
    }
    for (area, numbers) in areas {
        let expected: Vec<u32> = (1..=u32::try_from(numbers.len()).unwrap()).collect();
        assert_eq!(numbers, expected, "clauses of {area}, each once and in order");
        assert!(
            SPEC.contains(&format!("({area})\n")),
            "no heading names the area {area}"
        );
    }
}

#[test]
fn whoever_cites_a_clause_cites_one_that_exists() {
    let spec = Spec::parse(SPEC);
    let known: BTreeSet<&str> = spec.clauses.iter().map(|clause| clause.id).collect();
    let inside: Vec<&str> = citations(SPEC, "").filter(|id| *id != "UTF-8").collect();
    assert!(inside.len() > spec.clauses.len(), "clauses refer to each other");
    for id in inside {
        assert!(known.contains(id), "SPEC.md refers to {id}");
    }
    for (file, text) in sources() {
        for id in citations(&text, "SPEC ") {
            assert!(known.contains(id), "{} cites {id}", file.display());
        }
    }
}

#[test]
fn every_limit_is_there_with_its_default() {
    let spec = Spec::parse(SPEC);
    let tables = [
        ("limits", format!("{:#?}", Limits::default())),
        ("HTTP/2 limits", format!("{:#?}", http2::Limits::default())),
        ("HTTP/1 limits", format!("{:#?}", http1::Limits::default())),
        ("request limits", format!("{:#?}", RequestLimits::default())),
    ];
    for (table, shown) in tables {
        let fields: Vec<(String, String)> = shown
            .lines()
            .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
            .map(|(field, default)| (format!("`{field}`"), format!("`{default}`")))
            .collect();
        let rows: Vec<(String, String)> = spec
            .table(table)
            .into_iter()
            .map(|row| (row[0].to_owned(), row[1].to_owned()))
            .collect();
        assert_eq!(rows, fields, "{table}");
    }
}

#[test]
fn the_lifecycle_tables_are_those_of_the_code() {
    let spec = Spec::parse(SPEC);
    let receiving: Vec<Vec<String>> = Receiving::ALL
        .into_iter()
        .flat_map(|state| Arrival::ALL.map(|arrival| (state, arrival)))
        .map(|(state, arrival)| {
            let rule = lifecycle::receiving(state, arrival);
            vec![
                format!("{state:?}"),
                format!("{arrival:?}"),
                format!("{:?}", rule.next),
                format!("{:?}", rule.shows),
                rule.http2.to_string(),
                rule.ttheader.to_string(),
            ]
        })
        .collect();
    assert_eq!(spec.table("receiving half"), receiving);
    let sending: Vec<Vec<String>> = Sending::ALL
        .into_iter()
        .flat_map(|state| Act::ALL.map(|act| (state, act)))
        .map(|(state, act)| {
            let leads_to = match lifecycle::sending(state, act) {
                Consequence::Done(next) => format!("{next:?}"),
                Consequence::Nothing => "nothing".to_owned(),
                Consequence::HeadMissing => format!("refused: {}", http2::SendError::HeadMissing),
                Consequence::HeadSent => format!("refused: {}", http2::SendError::HeadSent),
                Consequence::Finished => format!("refused: {}", http2::SendError::Finished),
                Consequence::Closed => format!("refused: {}", http2::SendError::Closed),
            };
            vec![format!("{state:?}"), format!("{act:?}"), leads_to]
        })
        .collect();
    assert_eq!(spec.table("sending half"), sending);
}

#[test]
fn every_exception_type_is_there_with_its_text() {
    let source = include_str!("../../proto-core/src/exception.rs");
    let constants: Vec<[String; 3]> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub const ")?.split_once(": Self = Self("))
        .map(|(name, number)| {
            let number: i32 = number.trim_end_matches(");").parse().expect("a number");
            let text = match ExceptionType(number).default_text() {
                "" => "–".to_owned(),
                text => format!("`{text}`"),
            };
            [number.to_string(), format!("`{name}`"), text]
        })
        .collect();
    assert!(constants.len() >= 13, "{constants:?}");
    let rows: Vec<[String; 3]> = Spec::parse(SPEC)
        .table("exceptions")
        .into_iter()
        .map(|row| [row[0].to_owned(), row[1].to_owned(), row[2].to_owned()])
        .collect();
    assert_eq!(rows, constants);
}

#[test]
fn tables_are_filled_in() {
    let spec = Spec::parse(SPEC);
    for (table, least) in [
        ("refusals", 12),
        ("outcomes", 7),
        ("server connection", 15),
        ("client connection", 7),
        ("dispatch", 7),
        ("differences", 20),
        ("budgets", 6),
    ] {
        let rows = spec.table(table);
        assert!(rows.len() >= least, "{table}: {} rows", rows.len());
        for row in rows {
            assert!(row.iter().all(|cell| !cell.is_empty()), "{table}: {row:?}");
        }
    }
}

/// Each statement of the user's document has a row, and each test that a row names is there.
#[test]
fn every_promise_is_shown_or_explained() {
    let tests = functions();
    let (mut next, mut missing) = (1, Vec::new());
    for row in Spec::parse(SPEC).table("promises") {
        let (first, last) = row[0].split_once('–').unwrap_or((row[0], row[0]));
        let [first, last] = [first, last].map(|number| number.parse::<u32>().expect("a number"));
        assert_eq!(first, next, "statements in order, each once");
        next = last + 1;
        let shown: Vec<&str> = row[2].split('`').skip(1).step_by(2).collect();
        let is_test = |name: &&str| name.contains('_');
        missing.extend(
            shown
                .iter()
                .copied()
                .filter(is_test)
                .filter(|name| !tests.contains(*name)),
        );
        let own = format!("{first:02}");
        let has_own = shown
            .iter()
            .any(|name| name.starts_with("promise") && name.split('_').any(|part| part == own));
        assert_eq!(has_own, SHOWN.contains(&first), "{first}: {}", row[2]);
    }
    assert_eq!(next, 94);
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

/// The statements that a test of their own shows.
const SHOWN: [u32; 37] = [
    4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 62, 63, 85,
    86, 87, 88, 89, 91, 92, 93,
];

#[test]
fn bytes_are_those_of_messages() {
    let spec = Spec::parse(SPEC);
    let messages = spec.blocks("hex");
    assert!(messages.len() >= 10);
    for block in messages {
        let bytes = bytes_of(&block);
        let message = Message::decode(&bytes).unwrap_or_else(|error| panic!("{error}: {block}"));
        assert_eq!(hex(&message.encode()), hex(&bytes));
    }
    for block in spec.blocks("hex-mesh") {
        let bytes = bytes_of(&block);
        let header = MeshHeader::parse(&bytes, &Limits::default());
        assert_eq!(header.unwrap().unwrap().payload_start(), bytes.len());
    }
}

#[test]
fn texts_of_refusals_are_the_codes_own() {
    static MAIN: [MethodInfo; 2] = [
        MethodInfo::new("known", MethodKind::Unary),
        MethodInfo::new("<method>", MethodKind::ServerStreaming),
    ];
    let thrift = |strictness| services(ServiceInfo::new("", "<service>", Codec::Thrift, &MAIN[..]), strictness);
    let protobuf = services(
        ServiceInfo::new("", "<service>", Codec::Protobuf, &MAIN[..1]),
        Strictness::Lenient,
    );
    let lenient = thrift(Strictness::Lenient);
    let other = services(
        ServiceInfo::new("", "Other", Codec::Thrift, &MAIN[..1]),
        Strictness::Lenient,
    );
    let strict = thrift(Strictness::RefuseWithoutServiceName);
    let rows = [
        (&other, call(Codec::Thrift, "<service>", "<method>"), 20),
        (&strict, call(Codec::Thrift, "", "<method>"), 20),
        (&lenient, call(Codec::Thrift, "<service>", "<method>"), 1),
        (
            &services(
                ServiceInfo::new("", "<service>", Codec::Thrift, &MAIN[..1]),
                Strictness::Lenient,
            ),
            call(Codec::Thrift, "<service>", "<method>"),
            1,
        ),
        (&protobuf, call(Codec::Thrift, "<service>", "known"), 9),
        (&lenient, call(Codec::Protobuf, "<service>", "known"), 9),
    ];
    for (services, frame, number) in rows {
        let exception = refusal(services, &frame);
        assert_eq!(exception.kind, ExceptionType(number));
        let row = format!("type {number}, `{}`", exception.message);
        assert!(SPEC.contains(&row), "{row}");
    }
}

#[test]
fn texts_of_errors_are_the_codes_own() {
    let kinds = [
        DecodeErrorKind::UnexpectedEnd,
        DecodeErrorKind::NegativeLength(-1),
        DecodeErrorKind::LengthTooLarge(9),
        DecodeErrorKind::LengthTooSmall(9),
        DecodeErrorKind::InvalidUtf8,
        DecodeErrorKind::UnknownType(9),
        DecodeErrorKind::TypeMismatch {
            expected: 12,
            found: 11,
        },
        DecodeErrorKind::DepthExceeded(64),
        DecodeErrorKind::MissingField,
        DecodeErrorKind::InvalidUnion(2),
        DecodeErrorKind::BadMagic(0x8002_0001),
        DecodeErrorKind::BadMessageType(6),
        DecodeErrorKind::EmptyMethodName,
        DecodeErrorKind::UnsupportedProtocolId(2),
        DecodeErrorKind::UnknownInfoId(2),
        DecodeErrorKind::TooManyTransforms(9),
        DecodeErrorKind::TooManyEntries(Limits::default().max_header_entries),
        DecodeErrorKind::UnknownProtocol { first: 0, second: 0 },
        DecodeErrorKind::ChecksumMismatch,
        DecodeErrorKind::CodecMismatch,
        DecodeErrorKind::InvalidMessage,
    ];
    for kind in kinds {
        quoted(&format!("| `{kind}` |"));
    }
    let unknown = DecodeErrorKind::UnknownProtocol {
        first: 0x4745_5420,
        second: 0x2f20_4854,
    };
    quoted(&format!("`{unknown}`"));
    quoted(&format!("`{}`", DecodeError::new(DecodeErrorKind::InvalidMessage, 0)));
    for error in [
        EncodeError::LengthOverflow(N),
        EncodeError::HeaderStringTooLong(N),
        EncodeError::HeaderTooLarge(N),
        EncodeError::FrameTooLarge(N),
        EncodeError::NoWireForm("<what>"),
        EncodeError::MethodName(N),
    ] {
        quoted(&format!("`{}`", error.to_string().replace(&N.to_string(), "<n>")));
    }
    let why = RespondError::Encode(EncodeError::NoWireForm("<why>")).to_string();
    quoted(&format!("`{}`", why.replace(" has no wire form", "")));
}

#[test]
fn texts_of_failed_calls_are_the_codes_own() {
    let order = CallError::OutOfOrderSequence {
        method: "echo".to_owned(),
        expected: SequenceId(1),
        received: SequenceId(2),
    };
    let wrong = CallError::WrongMethod {
        expected: "echo".to_owned(),
        actual: "other".to_owned(),
    };
    for error in [
        order,
        wrong,
        CallError::InvalidMessageType(1),
        CallError::Closed(CloseReason::PeerClosed),
    ] {
        let origin = if error.exception_type().is_some() {
            "[remote]"
        } else {
            ""
        };
        quoted(&format!("`remote or network error{origin}: {error}`"));
    }
    quoted(&format!("`{}`", CloseReason::SocketFailed));
    let not_served = CloseReason::ProtocolNotServed(Protocol::Http2).to_string();
    quoted(&format!("`{}`", not_served.replace("HTTP/2", "<protocol>")));
}

#[test]
fn texts_of_registration_problems_are_the_codes_own() {
    let name = |name: &str| format!("<{name}>");
    for problem in [
        RegistrationProblem::NoService,
        RegistrationProblem::EmptyName { service: String::new() },
        RegistrationProblem::EmptyName {
            service: name("service"),
        },
        RegistrationProblem::DuplicateService {
            service: name("service"),
        },
        RegistrationProblem::DuplicateMethod {
            service: name("service"),
            method: name("method"),
        },
        RegistrationProblem::MultipleFallbacks {
            first: name("first"),
            second: name("second"),
        },
        RegistrationProblem::CombineWithOthers {
            combine: name("combine"),
            others: vec![name("others")],
        },
        RegistrationProblem::CombineWithUnknownHandler {
            combine: name("combine"),
        },
        RegistrationProblem::MethodConflict {
            method: name("method"),
            services: vec![name("services")],
        },
        RegistrationProblem::MultipleUnknownHandlers,
    ] {
        quoted(&format!("| `{problem}` |"));
    }
}

fn quoted(text: &str) {
    assert!(SPEC.contains(text), "SPEC.md does not quote {text}");
}

fn bytes_of(block: &str) -> Vec<u8> {
    let digits: String = block
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""))
        .flat_map(str::chars)
        .filter(char::is_ascii_hexdigit)
        .collect();
    unhex(&digits)
}

fn services(info: ServiceInfo, strictness: Strictness) -> Arc<Services> {
    let mut builder = Services::builder();
    builder.add(info, ServiceRole::Ordinary).strictness(strictness);
    Arc::new(builder.build().expect("one service is fine"))
}

/// A call of sequence id 1 under TTHeader, with a length of its own and an empty struct for a body.
fn call(codec: Codec, service: &str, method: &str) -> Vec<u8> {
    let mut out = Output::new();
    let mut writer = HeaderWriter::begin(&mut out, Flags::NONE, SequenceId(1));
    if !service.is_empty() {
        writer.string(string_key::SERVICE_NAME, service);
    }
    let frame = writer.end();
    let message = framed::begin(&mut out);
    match codec {
        Codec::Thrift => thrift_message::write_envelope(&mut out, MessageType::Call, method, SequenceId(1)),
        Codec::Protobuf => kitex_protobuf::write_envelope(&mut out, MessageType::Call, method, SequenceId(1)),
    }
    out.put_u8(0);
    framed::finish(&mut out, message, u32::MAX);
    frame.finish(&mut out, u32::MAX);
    out.to_vec()
}

fn refusal(services: &Arc<Services>, frame: &[u8]) -> ApplicationException {
    let config = Arc::new(ServerConfig::default());
    let mut server = ServerConnection::new(Arc::clone(services), config, Instant::ZERO);
    server.receive(Instant::ZERO, &mut BytesMut::from(frame));
    match server.poll_event() {
        Some(ServerEvent::Refused(refusal)) => match *refusal {
            Refusal::Exception { exception, .. } => exception,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Stands for any number in a text.
const N: usize = 987_654;
