//! What headers and trailers carry: metadata of both ways, metainfo over one hop and two, who calls.

use super::unary_only;
use crate::lanes::{Direction, Side};
use crate::streams::cases::{Ask, Case, Setup, Step, answers, call, fails, lines, say, steps, talk_only, watch_only};
use crate::streams::expect::Want;
use crate::streams::lanes::{Idl, Lane, Mode};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = metadata();
    cases.extend(own_fields());
    cases.extend(early_header());
    cases.extend(metainfo());
    cases.extend(hops());
    cases
}

fn metadata() -> Vec<Case> {
    let told = ["header", "trailer"];
    vec![
        call("request metadata", tagged(say("metadata k-"))).gives(answers(&[
            "k-empty= k-one=1|2|3 k-raw-bin=00ff10|01 k-text=a b~%20",
        ])),
        call("no request metadata", say("metadata k-")).gives(answers(&[""])),
        call(
            "header and trailer metadata",
            say("header k-a 1; header k-a 2; header k-b-bin 00ff1e1f; header k-c x y; trailer k-t 1; trailer k-t 2; trailer k-z-bin ff; hi")
                .then(&told),
        )
        .gives(answers(&["hi"]))
        .after(&["header k-a=1|2 k-b-bin=00ff1e1f k-c=x y", "trailer k-t=1|2 k-z-bin=ff"]),
        large_metadata(),
        call("trailer metadata after answers", say("hi; trailer k-t 1").then(&told))
            .gives(answers(&["hi"]))
            .after(&["header ", "trailer k-t=1"]),
        call("trailer metadata alone", say("trailer k-t 1; boom").then(&told))
            .gives(fails(&[], BOOM))
            .after(&["header ", "trailer k-t=1"])
            .unless(metadata_of_a_failure),
        call("header and trailer metadata with an error", say("header k-h 1; trailer k-t 1; boom").then(&told))
            .gives(fails(&[], BOOM))
            .after(&["header k-h=1", "trailer k-t=1"])
            .unless(metadata_of_a_failure),
        call("header and trailer metadata with a business error", say("header k-h 1; trailer k-t 1; biz-plain").then(&told))
            .gives(Want::Ends(Vec::new(), r#"business -7 "" {} status 13"#.to_owned()))
            .after(&["header k-h=1", "trailer k-t=1"])
            .unless(metadata_of_a_failure),
    ]
}

fn metadata_of_a_failure(lane: &Lane, direction: Direction) -> Option<&'static str> {
    let ours = lane.mode == Mode::Unary && direction.client() == Side::Ours;
    ours.then_some("our client gives the metadata of answers, not of failed calls without a stream")
}

/// More than one frame of HTTP/2 holds.
fn large_metadata() -> Case {
    let value = "y".repeat(40_000);
    let ask = say(&format!("header k-big {value}; metadata k-"));
    call(
        "40 KB of metadata each way",
        ask.metadata("k-big", &value).then(&["header"]),
    )
    .gives(answers(&[&format!("k-big={value}")]))
    .after(&[&format!("header k-big={value}")])
}

fn own_fields() -> Vec<Case> {
    vec![
        call(
            "fields of gRPC itself",
            say("metadata content-type; metadata :authority; metadata user-agent"),
        )
        .gives_by(|lane, direction| {
            let content_type = match lane.idl {
                Idl::Thrift => "content-type=application/grpc+thrift",
                Idl::Protobuf => "content-type=application/grpc",
            };
            let user_agent = match direction.client() {
                Side::Kitex => "user-agent=kitex/v0.16.3".to_owned(),
                Side::Ours => format!("user-agent=kitex/v0.16.3 kitewire/{}", env!("CARGO_PKG_VERSION")),
            };
            answers(&[content_type, ":authority=interop.dest", &user_agent])
        }),
        call(
            "fields that the handler does not see",
            say("metadata te; metadata grpc-; metadata :m; metadata :p").within(5000),
        )
        .gives(answers(&["", "", "", ""])),
        call("header key in upper case", say("raw-header K-UPPER 1; hi"))
            .gives_by(|_, direction| upper_case(direction))
            .unless(unary_only)
            .unless(kitex_server),
        call("trailer key in upper case", say("raw-trailer K-UPPER 1; hi"))
            .gives_by(|_, direction| upper_case(direction))
            .unless(unary_only)
            .unless(kitex_server),
    ]
}

/// The client's own error, after which it resets the stream.
fn upper_case(direction: Direction) -> Want {
    let text = match direction.client() {
        Side::Kitex => r#"invalid header field name "K-UPPER""#,
        Side::Ours => "a field name with a forbidden character",
    };
    fails(&[], &format!("rpc error: code = 13 desc = {text}"))
}

fn kitex_server(_: &Lane, direction: Direction) -> Option<&'static str> {
    (direction.server() == Side::Ours).then_some("our server has lower-case keys only")
}

fn early_header() -> Vec<Case> {
    vec![
        call(
            "header before the first answer",
            steps(
                "",
                &[
                    "send header k-a 1; send-header",
                    "header",
                    "send hi",
                    "recv",
                    "close",
                    "recv",
                ],
            ),
        )
        .gives(lines(&["header k-a=1", "got hi", "end"]))
        .unless(talk_only),
        call(
            "header before the first answer of many",
            steps("header k-a 1; send-header; sleep 50; hi", &["header", "drain"]),
        )
        .gives(lines(&["header k-a=1", "got hi", "end"]))
        .unless(watch_only),
        call(
            "header metadata after the header",
            steps("hi; header k-a 1", &["drain"]),
        )
        .gives(lines(&["got hi", &format!("error: {LATE_HEADER}")]))
        .unless(watch_only),
        call("header sent twice", steps("send-header; send-header", &["drain"]))
            .gives(lines(&[&format!("error: {HEADER_TWICE}")]))
            .unless(watch_only),
    ]
}

fn metainfo() -> Vec<Case> {
    vec![
        call("no metainfo", say("meta")).gives(answers(&["P  T "])),
        call("metainfo in every spelling", spelled(say("meta")))
            .gives(answers(&["P FOO=5,PER_K=6 T HELLO_WORLD=1,HY_PHEN=3,LOWER_CASE=2"])),
        call("no backward metainfo", say("backward back val; hi").then(&["backward"]))
            .gives(answers(&["hi"]))
            .after(&["backward "])
            .unless(unary_only),
        call("caller and service names", say("who").named())
            .on(Setup::Names)
            .gives_by(|lane, _| answers(&[&names("interop.caller", lane)])),
        call("no caller name", say("who"))
            .on(Setup::Names)
            .gives_by(|lane, _| answers(&[&names("-", lane)])),
    ]
}

/// A sends values to B, which calls C. A Kitex B sends transient values on, as it has always done; ours does so on no transport. Metadata
/// stays with B.
fn hops() -> Vec<Case> {
    let ask = |text| {
        say(text)
            .persistent("PER_K", "1")
            .transient("TRA_K", "2")
            .metadata("k-one", "1")
    };
    let mut cases = Vec::new();
    for (next, unary, stream) in [
        (
            Side::Kitex,
            "two hops, then Kitex",
            "two hops over a stream, then Kitex",
        ),
        (Side::Ours, "two hops, then ours", "two hops over a stream, then ours"),
    ] {
        cases.push(Case::new(unary, Step::Hop(next, ask("hop"))).gives_by(|_, direction| {
            let second = second_hop(direction);
            answers(&[&format!("B P PER_K=1 T TRA_K=2 C got P PER_K=1 T {second},")])
        }));
        cases.push(
            Case::new(stream, Step::Hop(next, ask("hop-stream"))).gives_by(|_, direction| {
                let second = second_hop(direction);
                answers(&[&format!("B P PER_K=1 T TRA_K=2 C got P PER_K=1 T {second} got  end")])
            }),
        );
    }
    cases
}

fn second_hop(direction: Direction) -> &'static str {
    match direction.server() {
        Side::Kitex => "TRA_K=2",
        Side::Ours => "",
    }
}

fn tagged(ask: Ask) -> Ask {
    ask.metadata("k-one", "1")
        .metadata("K-One", "2")
        .metadata("k-raw-bin", "00ff10")
        .metadata("k-one", "3")
        .metadata("k-raw-bin", "01")
        .metadata("k-empty", "")
        .metadata("k-text", "a b~%20")
}

fn spelled(ask: Ask) -> Ask {
    ask.transient("HELLO_WORLD", "1")
        .transient("lower_case", "2")
        .transient("HY-PHEN", "3")
        .transient("a b", "4")
        .persistent("Foo", "5")
        .persistent("PER_K", "6")
}

fn names(caller: &str, lane: &Lane) -> String {
    let (service, method) = lane.full_name().split_once('.').unwrap_or_default();
    format!("from {caller}/- service {service} method {method}")
}

const BOOM: &str = "rpc error: code = 13 desc = boom [biz error]";
const HEADER_TWICE: &str = "rpc error: code = 13 desc = transport: the stream is done or WriteHeader was already called [triggered by handler side] [biz error]";
const LATE_HEADER: &str =
    "rpc error: code = 13 desc = transport: the stream is done or WriteHeader was already called [biz error]";
