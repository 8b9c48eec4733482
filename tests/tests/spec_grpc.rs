//! What SPEC.md quotes about gRPC is what the code has.

use std::sync::Arc;
use std::time::Duration;

use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::http::{Field, Fields};
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::{
    CallDeadline, Code, GRACEFUL_SHUTDOWN, Outcome, Path, Status, message, metadata, percent, timeout,
};
use kitewire_proto::wire::http2::ErrorCode;
use kitewire_proto::{Instant, MetaInfo, Switch, Transmit, grpc};
use kitewire_tests::http2::{Content, Reader};
use kitewire_tests::spec::Spec;
use kitewire_tests::vectors::unhex;

const SPEC: &str = include_str!("../../SPEC.md");

#[test]
fn settings_have_their_defaults() {
    // Those of other tables are left out.
    let others = ["http2", "http", "user_agent"];
    let shown = format!("{:#?}", grpc::Config::default());
    let fields: Vec<[String; 2]> = shown
        .lines()
        .filter_map(|line| {
            line.strip_prefix("    ")
                .filter(|line| !line.starts_with([' ', '}', ')']))
        })
        .filter_map(|line| line.trim_end_matches(',').split_once(": "))
        .filter(|(field, _)| !others.contains(field))
        .map(|(field, default)| [format!("`{field}`"), format!("`{default}`")])
        .collect();
    assert_eq!(columns("gRPC settings"), fields);
    let default = grpc::Config::default();
    assert_eq!(default.http2.drain_code, GRACEFUL_SHUTDOWN);
    assert!(default.user_agent.starts_with("kitex/v0.16.3 kitewire/"));
    assert!(default.http.is_some());
}

#[test]
fn codes_have_their_names() {
    let named = (0..100).filter_map(|code| Some([code.to_string(), format!("`{}`", Code(code).name()?)]));
    assert_eq!(columns("gRPC codes"), named.collect::<Vec<_>>());
}

#[test]
fn codes_of_http_and_of_resets_are_the_codes_own() {
    let [(statuses, other), (resets, unknown)] = ["HTTP codes", "reset codes"].map(|table| {
        let mut rows = columns(table);
        let other = rows.pop().expect("rows").map(|cell| cell.parse::<i32>().ok());
        (rows, Code(other[1].expect("a number")))
    });
    let listed = |status: u16| {
        let row = statuses.iter().find(|[listed, _]| *listed == status.to_string());
        row.map(|[_, code]| Code(code.parse().expect("a number")))
    };
    for status in 100..600 {
        assert_eq!(Code::from_http(status), listed(status).unwrap_or(other), "{status}");
    }
    assert_eq!(statuses[0], ["none".to_owned(), Code::from_http(0).0.to_string()]);
    assert_eq!(other, Code::from_http(418));

    let codes = (0..=13).map(ErrorCode).chain([GRACEFUL_SHUTDOWN]);
    let rows: Vec<[String; 2]> = codes
        .map(|code| {
            let name = code.name().map_or_else(|| code.0.to_string(), str::to_owned);
            [name, Code::from_reset(code).0.to_string()]
        })
        .collect();
    assert_eq!(resets, rows);
    assert_eq!(Code::from_reset(ErrorCode(14)), unknown);
}

#[test]
fn reserved_fields_are_those_of_the_code() {
    let listed = Spec::parse(SPEC).table("reserved fields");
    let http = [
        "connection",
        "keep-alive",
        "transfer-encoding",
        "upgrade",
        "content-length",
    ];
    for row in &listed {
        assert!(metadata::is_reserved(row[0].trim_matches('`').as_bytes()), "{row:?}");
    }
    let free = [
        "grpc-accept-encoding",
        "grpc-previous-rpc-attempts",
        "biz-status",
        "source-service",
        "a",
    ];
    for name in free {
        assert!(!metadata::is_reserved(name.as_bytes()), "{name}");
    }
    assert!(http.iter().all(|name| metadata::is_reserved(name.as_bytes())));
    assert!(metadata::is_reserved(b":any"));
    let hidden = quoted("GMD-4");
    for name in hidden.split('`').filter(|name| metadata::is_reserved(name.as_bytes())) {
        let seen = ["content-type", "user-agent", ":authority"].contains(&name);
        assert_eq!(metadata::is_visible(name.as_bytes()), seen, "{name}");
    }
}

#[test]
fn texts_are_the_codes_own() {
    let path = Path::parse(b"/M").expect_err("no service");
    let source = Status::from_client_reset(ErrorCode::CANCEL, "<source>").message;
    let mut head = Fields::response(404);
    let no_type = Status::from_http(&head).message;
    head.push("content-type", "<value>");
    let bad_type = Status::from_http(&head).message;
    let reset = Status::from_reset(ErrorCode::CANCEL, CallDeadline::Passed);
    let too_large = grpc::OpenError::HeaderTooLarge {
        size: 0,
        limit: 987_654,
    }
    .to_string();
    assert_eq!(reset.code, Code::DEADLINE_EXCEEDED);
    for (clause, text) in [
        ("GRQ-3", format!("`{path}`")),
        ("ERR-11", too_large.replace("987654", "<n>")),
        (
            "GRS-11",
            bad_type.replace("Not Found: HTTP status code 404", "<reason>: HTTP status code <n>"),
        ),
        ("GRS-11", no_type.replace("Not Found: HTTP status code 404; ", "…; ")),
        ("GST-4", reset.message.replace("CANCEL", "<NAME>")),
        (
            "GST-4",
            Status::from_reset(GRACEFUL_SHUTDOWN, CallDeadline::Ahead).message,
        ),
        (
            "GST-3",
            Status::new(Code(0), "<text>")
                .to_string()
                .replace("code = 0", "code = <n>"),
        ),
    ] {
        assert!(quoted(clause).contains(&text), "{clause} does not quote {text}");
    }
    assert!(SPEC.contains(&format!("| `{source}` |")), "{source}");
    assert_eq!(percent::encode("é%".as_bytes()), &b"%C3%A9%25"[..]);
    assert_eq!(timeout::encode(Duration::ZERO).as_bytes(), b"0n");
}

#[test]
fn examples_are_what_the_code_writes() {
    let mut blocks = 0;
    for block in Spec::parse(SPEC).blocks("hex-grpc") {
        for line in block.lines() {
            let digits = line.split('#').next().unwrap_or("");
            let bytes = unhex(&digits.replace([' ', '|'], ""));
            let prefix = message::parse(&bytes, u32::MAX)
                .expect("no limit")
                .expect("a whole prefix");
            assert_eq!(prefix.length as usize, bytes.len() - message::PREFIX_SIZE, "{line}");
            blocks += 1;
        }
    }
    assert_eq!(blocks, 3);

    let mut meta = MetaInfo::new();
    meta.set_transient("hello_world", "1");
    let mut head = Fields::new();
    metadata::write(&mut head, &Fields::new(), &meta);
    assert_eq!(head.get("rpc-transit-hello-world"), Some(&b"1"[..]));
    assert_eq!(metadata::read_metainfo(&head).transient("HELLO_WORLD"), Some("1"));
    assert!(quoted("GMD-5").contains("`hello_world` and `HELLO-WORLD` arrive as `HELLO_WORLD`"));

    let mut trailers = Fields::new();
    let mut business = kitewire_proto::BusinessStatus {
        code: 404,
        message: "né".to_owned(),
        extra: Vec::new(),
    };
    business.extra.push(("k".to_owned(), "v<é>&".to_owned()));
    Outcome::from(business).write(&mut trailers);
    let written: Vec<String> = trailers
        .iter()
        .map(|field| {
            format!(
                "{} {}",
                String::from_utf8_lossy(field.name),
                String::from_utf8_lossy(field.value)
            )
        })
        .collect();
    assert!(written.iter().all(|field| SPEC.contains(field)), "{written:?}");
}

#[test]
fn requests_have_the_listed_fields_in_the_listed_order() {
    let now = Instant::ZERO;
    let mut metadata = Fields::new();
    metadata.push("k-one", "v1");
    let mut meta = MetaInfo::new();
    meta.set_transient("TRANS_ONE", "t1");
    let kind = MethodKind::Unary;
    let mut request = grpc::Request::new("wire", "WireService", "unary", Codec::Thrift, kind);
    request.deadline = Some(now + Duration::from_secs(3));
    request.gzip = Switch::On;
    request.metadata = &metadata;
    request.meta = &meta;
    request.names = Some(grpc::CallerNames {
        destination_service: "dest.svc",
        destination_method: "unary",
        source_service: "caller.svc",
        source_method: "caller",
    });
    let mut client = grpc::Connection::client(Arc::new(grpc::Config::default()), now);
    client.open(now, &request).expect("it can be opened");
    let (mut out, mut reader) = (Transmit::new(), Reader::new());
    client.poll_transmit(now, &mut out);
    let mut bytes = out.to_vec();
    let mut sent = Vec::new();
    while let Some((frame, length)) = reader.read(&bytes).expect("good frames") {
        bytes.drain(..length);
        if let Content::Headers(fields) = frame.content {
            let name = |field: Field<'_>| String::from_utf8(field.name.to_vec()).expect("names are text");
            sent = fields.iter().map(name).collect();
        }
    }
    assert_eq!(sent.split_off(sent.len() - 2), ["k-one", "rpc-transit-trans-one"]);
    let mut listed = columns("request fields");
    let last = listed.pop().expect("rows");
    assert_eq!(last[0], "metadata, then metainfo");
    let names = listed.iter().flat_map(|[names, _]| names.split(", "));
    assert_eq!(sent, names.map(|name| name.trim_matches('`')).collect::<Vec<_>>());
}

#[test]
fn tables_are_filled_in() {
    let spec = Spec::parse(SPEC);
    for (table, least) in [
        ("request fields", 12),
        ("unknown names", 2),
        ("gRPC outcomes", 8),
        ("ended calls", 7),
        ("bad input", 17),
    ] {
        let rows = spec.table(table);
        assert!(rows.len() >= least, "{table}: {} rows", rows.len());
        assert!(rows.iter().flatten().all(|cell| !cell.is_empty()), "{table}");
    }
}

/// The first two cells of each row.
fn columns(table: &str) -> Vec<[String; 2]> {
    let rows = Spec::parse(SPEC).table(table);
    rows.into_iter()
        .map(|row| [row[0].to_owned(), row[1].to_owned()])
        .collect()
}

/// The text of a clause.
fn quoted(id: &str) -> String {
    let spec = Spec::parse(SPEC);
    let clause = spec.clauses.iter().find(|clause| clause.id == id);
    clause.unwrap_or_else(|| panic!("no clause {id}")).text.to_owned()
}
