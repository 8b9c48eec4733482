//! What a client sends, and what each kind of answer becomes.

use std::time::Duration;

use bytes::Bytes;

use super::rig::{Rig, fields, frame, framed, ok, request, status};
use crate::config::Switch;
use crate::dispatch::MethodKind::{BidirectionalStreaming, Unary};
use crate::grpc::*;
use crate::http2::{self, ErrorCode};
use crate::metainfo::MetaInfo;
use crate::wire::Codec;
use crate::wire::http2::{Flags, FrameType};

#[test]
#[cfg_attr(not(feature = "gzip"), ignore = "gzip is not built in")]
fn the_request_header_is_in_kitex_order() {
    let mut rig = Rig::new();
    let metadata = fields(&[("k-one", "v1"), ("k-one", "v2"), ("raw-bin", "\0\x01"), ("te", "no")]);
    let mut meta = MetaInfo::new();
    meta.set_transient("TRANS_ONE", "t1");
    meta.set_persistent("PERS_ONE", "p1");
    let id = rig.open_with(&Request {
        authority: "dest.svc",
        deadline: Some(rig.now + Duration::from_secs(3)),
        gzip: Switch::On,
        metadata: &metadata,
        meta: &meta,
        names: Some(CallerNames {
            destination_service: "dest.svc",
            destination_method: "call",
            source_service: "caller.svc",
            source_method: "",
        }),
        ..request(Unary)
    });
    let user_agent = Config::default().user_agent;
    let expected = fields(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/wire.WireService/call"),
        (":authority", "dest.svc"),
        ("content-type", "application/grpc+thrift"),
        ("user-agent", &user_agent),
        ("te", "trailers"),
        ("grpc-encoding", "gzip"),
        ("grpc-accept-encoding", "gzip"),
        ("grpc-timeout", "3000000u"),
        ("destination-service", "dest.svc"),
        ("destination-method", "call"),
        ("source-service", "caller.svc"),
        ("k-one", "v1"),
        ("k-one", "v2"),
        ("raw-bin", "AAE"),
        ("rpc-persist-pers-one", "p1"),
        ("rpc-transit-trans-one", "t1"),
    ]);
    assert_eq!(rig.server.head(id), Some(&expected));
    assert!(user_agent.starts_with("kitex/v0.16.3 kitewire/"));
    let ended = rig.server.receiver(id).unwrap().is_whole();
    assert!(!ended, "a Kitex server does not see an end on the header");
}

#[test]
fn the_least_request_header() {
    let mut rig = Rig::new();
    let id = rig.open_with(&Request::new("", "Pb", "M", Codec::Protobuf, Unary));
    let user_agent = Config::default().user_agent;
    let expected = fields(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/Pb/M"),
        (":authority", "Pb"),
        ("content-type", "application/grpc"),
        ("user-agent", &user_agent),
        ("te", "trailers"),
    ]);
    assert_eq!(rig.server.head(id), Some(&expected));
}

#[test]
fn what_a_call_leaves_behind_is_not_in_the_next_header() {
    let mut rig = Rig::new();
    let metadata = fields(&[("k", "v")]);
    let changes: [fn(&mut Request<'_>); 7] = [
        |_| {},
        |request| request.method = "other",
        |request| request.service = "Other",
        |request| request.package = "other",
        |request| request.authority = "other",
        |request| request.scheme = "https",
        |request| request.codec = Codec::Protobuf,
    ];
    for change in changes {
        let mut plain = request(BidirectionalStreaming);
        change(&mut plain);
        let rich = Request {
            deadline: Some(rig.now + Duration::from_secs(1)),
            metadata: &metadata,
            ..plain
        };
        let ids = [plain, rich, rich, plain].map(|request| rig.open_with(&request));
        let mut expected = fields(&[(":method", "POST"), (":scheme", plain.scheme)]);
        let path = format!("/{}.{}/{}", plain.package, plain.service, plain.method);
        expected.push(":path", path);
        expected.push(":authority", plain.authority);
        let thrift = plain.codec == Codec::Thrift;
        let content_type = if thrift {
            "application/grpc+thrift"
        } else {
            "application/grpc"
        };
        expected.push("content-type", content_type);
        expected.push("user-agent", Config::default().user_agent);
        expected.push("te", "trailers");
        assert_eq!(rig.server.head(ids[0]), Some(&expected));
        assert_eq!(rig.server.head(ids[3]), Some(&expected));
        expected.push("grpc-timeout", "1000000u");
        expected.push("k", "v");
        assert_eq!(rig.server.head(ids[1]), Some(&expected));
        assert_eq!(rig.server.head(ids[2]), Some(&expected));
        rig.client.release_memory();
        let id = rig.open_with(&rich);
        assert_eq!(rig.server.head(id), Some(&expected));
    }
}

#[test]
fn the_timeout_is_what_is_left_when_the_call_is_opened() {
    let mut rig = Rig::new();
    let deadline = rig.now + Duration::from_millis(100);
    rig.now += Duration::from_millis(40);
    let id = rig.open_with(&Request {
        deadline: Some(deadline),
        ..request(Unary)
    });
    let head = rig.server.head(id).unwrap();
    assert_eq!(head.get("grpc-timeout"), Some(&b"60000000n"[..]));
    rig.now = deadline;
    let late = Request {
        deadline: Some(deadline),
        ..request(Unary)
    };
    let error = rig.client.open(rig.now, &late).unwrap_err();
    assert_eq!(error, OpenError::DeadlinePassed);
    assert_eq!(
        error.status().to_string(),
        "rpc error: code = 4 desc = context deadline exceeded"
    );
}

#[test]
fn the_end_goes_with_the_last_message_or_alone() {
    let mut rig = Rig::new();
    let id = rig.open(BidirectionalStreaming);
    let mut sender = rig.client.sender(id).unwrap();
    sender.send(&Bytes::from_static(b"one")).unwrap();
    rig.carry();
    assert_eq!(rig.server.receiver(id).unwrap().chunk(), framed(0, b"one"));
    assert!(!rig.server.receiver(id).unwrap().is_whole());
    let mut sender = rig.client.sender(id).unwrap();
    sender.finish().unwrap();
    assert_eq!(sender.finish(), Err(SendError::Finished));
    assert_eq!(sender.send(&Bytes::new()), Err(SendError::Finished));
    assert_eq!(SendError::Finished.to_string(), "the stream is done");
    rig.carry();
    assert!(rig.server.receiver(id).unwrap().is_whole());
}

/// What the story of a call is after its response, and the code that the client resets the stream with.
type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<ErrorCode>);

const TRAILERS: [Row<'static>; 13] = [
    (&[("grpc-status", "0"), ("grpc-message", "")], "ended 0 ", None),
    (
        &[("grpc-status", "5"), ("grpc-message", "50%25 %E4%BD%A0")],
        "ended 5 50% 你",
        None,
    ),
    (&[("grpc-status", "-7")], "ended -7 ", None),
    (
        &[("grpc-status", "20"), ("grpc-message", "unknown service x")],
        "ended 20 unknown service x",
        None,
    ),
    (&[("x", "y")], "ended 2 ", None),
    (
        &[
            ("grpc-status", "13"),
            ("grpc-message", "m"),
            ("biz-status", "404"),
            ("biz-extra", r#"{"k":"v"}"#),
        ],
        r#"ended 13 m business 404 [("k", "v")]"#,
        None,
    ),
    (&[("grpc-status", "0"), ("biz-status", "404")], "ended 0 ", None),
    (
        &[
            ("grpc-status", "13"),
            ("grpc-message", "a"),
            ("grpc-status-details-bin", "CAUSA2Vycg=="),
        ],
        "ended 5 err",
        None,
    ),
    (
        &[("grpc-status", "x")],
        r#"ended 13 transport: malformed grpc-status: strconv.Atoi: parsing "x": invalid syntax"#,
        Some(ErrorCode::PROTOCOL_ERROR),
    ),
    (
        &[("grpc-status", "1"), ("biz-status", "1.5")],
        r#"ended 13 transport: malformed biz-status: strconv.ParseInt: parsing "1.5": invalid syntax"#,
        Some(ErrorCode::PROTOCOL_ERROR),
    ),
    (
        &[("grpc-status", "1"), ("biz-extra", "{")],
        "ended 13 transport: malformed biz-extra: not a JSON object of strings",
        Some(ErrorCode::PROTOCOL_ERROR),
    ),
    (
        &[("grpc-status", "1"), ("grpc-status-details-bin", "!")],
        "ended 13 transport: malformed grpc-status-details-bin: illegal base64 data at input byte 0",
        Some(ErrorCode::PROTOCOL_ERROR),
    ),
    (&[("grpc-status", "17")], "ended 17 ", None),
];

#[test]
fn trailers_become_outcomes() {
    for (list, expected, reset) in TRAILERS {
        let trailers = fields(list);
        let mut rig = Rig::new();
        let id = rig.open(BidirectionalStreaming);
        rig.respond(id, &ok());
        rig.push(id, &framed(0, b"first"));
        rig.end(id, &trailers);
        assert_eq!(rig.story(), ["header", "first", expected]);
        assert_eq!(rig.client.header(id), Some(&ok()));
        assert_eq!(rig.client.trailer(id), Some(&trailers));
        assert_eq!(
            rig.reset_seen(),
            Some(reset.unwrap_or(ErrorCode::NO_ERROR)),
            "{expected}"
        );

        // The same as a response that has nothing else.
        let mut head = ok();
        for field in &trailers {
            head.push(field.name, field.value);
        }
        let id = rig.open(BidirectionalStreaming);
        rig.respond_only(id, &head);
        assert_eq!(rig.story(), [expected]);
        assert_eq!(rig.client.header(id), None);
        assert_eq!(rig.client.trailer(id), Some(&head));
        assert_eq!(
            rig.reset_seen(),
            Some(reset.unwrap_or(ErrorCode::NO_ERROR)),
            "{expected}"
        );
    }
}

#[test]
fn an_end_without_trailers_is_an_error() {
    let mut rig = Rig::new();
    let id = rig.open(BidirectionalStreaming);
    rig.respond(id, &ok());
    rig.push(id, &framed(0, b"first"));
    rig.server.sender(id).unwrap().finish().unwrap();
    rig.carry();
    let expected = "ended 13 server closed the stream without sending trailers";
    assert_eq!(rig.story(), ["header", "first", expected]);

    // Also where nothing lies between the header and the end, however it was cut.
    let id = rig.open(BidirectionalStreaming);
    rig.server
        .sender(id)
        .unwrap()
        .respond(&ok(), http2::Finish::Later)
        .unwrap();
    rig.server.sender(id).unwrap().finish().unwrap();
    rig.carry();
    assert_eq!(rig.story(), ["header", expected]);
    assert_eq!(rig.client.trailer(id), None);
}

#[test]
fn a_response_that_is_not_grpc_becomes_a_status() {
    let unexpected = "transport: received the unexpected content-type \"text/html\"";
    let missing = "transport: missing content-type field";
    let rows = [
        (
            400,
            Some("text/html"),
            format!("ended 13 Bad Request: HTTP status code 400; {unexpected}"),
        ),
        (
            401,
            None,
            format!("ended 16 Unauthorized: HTTP status code 401; {missing}"),
        ),
        (403, None, format!("ended 7 Forbidden: HTTP status code 403; {missing}")),
        (
            404,
            Some("text/html"),
            format!("ended 12 Not Found: HTTP status code 404; {unexpected}"),
        ),
        (
            429,
            None,
            format!("ended 14 Too Many Requests: HTTP status code 429; {missing}"),
        ),
        (
            502,
            None,
            format!("ended 14 Bad Gateway: HTTP status code 502; {missing}"),
        ),
        (
            503,
            None,
            format!("ended 14 Service Unavailable: HTTP status code 503; {missing}"),
        ),
        (
            504,
            None,
            format!("ended 14 Gateway Timeout: HTTP status code 504; {missing}"),
        ),
        (
            500,
            None,
            format!("ended 2 Internal Server Error: HTTP status code 500; {missing}"),
        ),
        (200, None, format!("ended 2 OK: HTTP status code 200; {missing}")),
    ];
    for (http, content_type, expected) in rows {
        let mut head = Fields::response(http);
        if let Some(value) = content_type {
            head.push("content-type", value);
        }
        head.push("grpc-status", "0");
        let mut rig = Rig::new();
        let id = rig.open(Unary);
        rig.respond(id, &head);
        assert_eq!(rig.story(), [expected.as_str()]);
        assert_eq!(rig.reset_seen(), Some(ErrorCode::PROTOCOL_ERROR));
        assert_eq!((rig.client.header(id), rig.client.trailer(id)), (None, None));

        let id = rig.ask(Unary);
        rig.respond_only(id, &head);
        assert_eq!(rig.story(), [expected]);
        assert_eq!((rig.client.header(id), rig.client.trailer(id)), (None, None));
        assert_eq!(rig.reset_seen(), None, "there is nothing left to reset");
    }
}

#[test]
fn a_status_other_than_200_is_passed_over_where_the_type_is_grpc() {
    let mut rig = Rig::new();
    let id = rig.ask(Unary);
    let mut head = Fields::response(404);
    head.push("content-type", "application/grpc;x");
    rig.respond(id, &head);
    rig.push(id, &framed(0, b"yes"));
    rig.end(id, &status("0", ""));
    assert_eq!(rig.story(), ["header", "yes", "ended 0 "]);
}

#[test]
fn interim_responses_mean_nothing() {
    let mut rig = Rig::new();
    let id = rig.ask(Unary);
    for code in [100, 103] {
        rig.server.sender(id).unwrap().interim(&Fields::response(code)).unwrap();
        rig.carry();
        assert_eq!(rig.story(), [""; 0]);
        assert_eq!(rig.client.header(id), None);
    }
    rig.respond(id, &ok());
    rig.push(id, &framed(0, b"yes"));
    rig.end(id, &status("0", ""));
    assert_eq!(rig.story(), ["header", "yes", "ended 0 "]);
}

#[test]
fn a_breach_of_http2_ends_the_call_and_no_other() {
    let mut head_again = Vec::new();
    crate::wire::hpack::Encoder::new(0).encode(&ok(), &mut head_again);
    let upper_case = b"\x00\x05HELLO\x01v";
    let rows: [(FrameType, Flags, &[u8], &str); 3] = [
        (
            FrameType::HEADERS,
            Flags::END_HEADERS,
            &head_again,
            "ended 13 a HEADERS frame cannot appear in the middle of a stream",
        ),
        (
            FrameType::HEADERS,
            Flags::END_HEADERS.with(Flags::END_STREAM),
            upper_case,
            "ended 13 a field name with a forbidden character",
        ),
        (
            FrameType::WINDOW_UPDATE,
            Flags::NONE,
            &[0; 4],
            "ended 13 WINDOW_UPDATE by 0",
        ),
    ];
    for (frame_type, flags, payload, expected) in rows {
        let mut rig = Rig::new();
        let id = rig.open(BidirectionalStreaming);
        let other = rig.open(BidirectionalStreaming);
        rig.respond(id, &ok());
        rig.push(id, &framed(0, b"first"));
        rig.inject(&frame(frame_type, flags, id, payload));
        assert_eq!(rig.story(), ["header", "first", expected]);
        assert_eq!(rig.client.trailer(id), None);
        assert_eq!(rig.reset_seen(), Some(ErrorCode::PROTOCOL_ERROR));
        rig.respond_only(
            other,
            &fields(&[
                (":status", "200"),
                ("content-type", "application/grpc"),
                ("grpc-status", "0"),
            ]),
        );
        assert_eq!(rig.story(), ["ended 0 "]);
    }
}
