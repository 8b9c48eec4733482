//! What header and trailer carry: strings of both ways, metainfo over one hop and two.

use super::failed;
use crate::lanes::{Direction, Side};
use crate::streams::cases::{
    Ask, Case, Setup, Step, answers, call, ends, fails, lines, say, steps, talk_only, watch_only,
};
use crate::streams::lanes::Lane;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = strings();
    cases.extend(without_strings());
    cases.extend(early_header());
    cases.extend(entries());
    cases.extend(metainfo());
    cases.extend(hops());
    cases
}

fn strings() -> Vec<Case> {
    let told = ["header", "trailer"];
    let value = "y".repeat(40_000);
    vec![
        call(
            "header and trailer",
            say("header K-One 1; header k-two x y; trailer K-T é; trailer k-z 2; hi").then(&told),
        )
        .gives(answers(&["hi"]))
        .after(&["header K-One=1 k-two=x y", "trailer K-T=é k-z=2"]),
        call(
            "header and trailer with strange keys",
            say("header k-ü,/ 1; trailer K-É 2; hi").then(&told),
        )
        .gives(answers(&["hi"]))
        .after(&["header k-ü,/=1", "trailer K-É=2"])
        .unless(|_, direction| {
            (direction.server() == Side::Ours).then_some("a server of ours has the keys of metadata over gRPC")
        }),
        call(
            "header and trailer of the same key twice",
            say("header k-a 1; header k-a 2; trailer k-t 1; trailer k-t 2; hi").then(&told),
        )
        .gives(answers(&["hi"]))
        .after(&["header k-a=2", "trailer k-t=2"]),
        call(
            "bytes in header and trailer",
            say("header k-b-bin 00ff1e1f; trailer k-z-bin ff; hi").then(&told),
        )
        .gives(answers(&["hi"]))
        .after(&["header k-b-bin=00ff1e1f", "trailer k-z-bin=ff"]),
        call(
            "40 KB of header",
            say(&format!("header k-big {value}; hi")).then(&["header"]),
        )
        .gives(answers(&["hi"]))
        .after(&[&format!("header k-big={value}")]),
        call("trailer after answers", say("hi; trailer k-t 1").then(&["trailer"]))
            .gives(answers(&["hi"]))
            .after(&["trailer k-t=1"]),
        call("trailer with an error", say("trailer k-t 1; boom").then(&told))
            .gives(fails(&[], &failed("boom")))
            .after(&["header ", "trailer k-t=1"]),
        call(
            "header and trailer with an error",
            say("header k-h 1; trailer k-t 1; boom").then(&told),
        )
        .gives(fails(&[], &failed("boom")))
        .after(&["header k-h=1", "trailer k-t=1"]),
        call(
            "header and trailer with a business error",
            say("header k-h 1; trailer k-t 1; biz-plain").then(&told),
        )
        .gives(ends(&[], r#"business -7 "" {}"#))
        .after(&["header k-h=1", "trailer k-t=1"]),
    ]
}

/// A Kitex client takes a trailer without entries for the lack of one.
fn without_strings() -> Vec<Case> {
    let empty = |_: &Lane, direction: Direction| match direction.client() {
        Side::Kitex => lines(&["got hi", "end", "header ", "trailer: error: stream is closed"]),
        Side::Ours => lines(&["got hi", "end", "header ", "trailer "]),
    };
    vec![
        call("empty header", say("hi").then(&["header"]))
            .gives(answers(&["hi"]))
            .after(&["header "]),
        call(
            "empty trailer",
            steps("", &["send hi", "close", "drain", "header", "trailer"]),
        )
        .gives_by(empty)
        .unless(talk_only),
        call("empty trailer of answers", steps("hi", &["drain", "header", "trailer"]))
            .gives_by(empty)
            .unless(watch_only),
        call(
            "header of a stream without answers",
            steps("", &["close", "drain", "header"]),
        )
        .gives(lines(&["end", "header "]))
        .unless(talk_only),
    ]
}

fn early_header() -> Vec<Case> {
    let late = format!("error: {}", failed("stream header already sent"));
    vec![
        call(
            "header before the first answer",
            steps(
                "",
                &[
                    "send header K-a 1; send-header",
                    "header",
                    "send hi",
                    "recv",
                    "close",
                    "recv",
                ],
            ),
        )
        .gives(lines(&["header K-a=1", "got hi", "end"]))
        .unless(talk_only),
        call(
            "header before the first answer of many",
            steps("header k-a 1; send-header; sleep 50; hi", &["header", "drain"]),
        )
        .gives(lines(&["header k-a=1", "got hi", "end"]))
        .unless(watch_only),
        call("header after the header", steps("hi; header k-a 1", &["drain"]))
            .gives(lines(&["got hi", &late]))
            .unless(watch_only),
        call("header sent twice", steps("send-header; send-header", &["drain"]))
            .gives(lines(&[&late]))
            .unless(watch_only),
    ]
}

/// What a caller says for itself in the first frame; Kitex has header handlers for that.
fn entries() -> Vec<Case> {
    let entered = |text| say(text).through_header_handler();
    vec![
        call(
            "caller's entries",
            entered("metadata k-")
                .metadata("K-One", "1")
                .metadata("k-two", "x y")
                .metadata("k-b-bin", "00ff"),
        )
        .on(Setup::Entries)
        .gives(answers(&["K-One=1 k-b-bin=00ff k-two=x y"])),
        call(
            "caller's entry of the same key twice",
            entered("metadata k-").metadata("k-two", "x").metadata("k-two", "y"),
        )
        .on(Setup::Entries)
        .gives(answers(&["k-two=y"])),
        call("no entries", entered("metadata k-"))
            .on(Setup::Entries)
            .gives(answers(&[""])),
        call("caller's name", entered("metadata int-3; who"))
            .on(Setup::Entries)
            .gives_by(|lane, _| {
                let (service, method) = lane.full_name().split_once('.').unwrap_or_default();
                // Kitex shows it to header handlers alone (TSM-8).
                answers(&[
                    "int-3=interop.caller",
                    &format!("from -/- service {service} method {method}"),
                ])
            })
            .unless(|_, direction| {
                (direction != Direction::OursToKitex).then_some("ours tells its name, Kitex shows the key")
            }),
        call(
            "name that a header handler tells",
            entered("who").metadata("int-3", "fancy"),
        )
        .on(Setup::Entries)
        .gives_by(|lane, _| {
            let (service, method) = lane.full_name().split_once('.').unwrap_or_default();
            answers(&[&format!("from fancy/- service {service} method {method}")])
        })
        .unless(|_, direction| {
            (direction != Direction::KitexToOurs).then_some("a Kitex header handler tells it, ours shows it")
        }),
    ]
}

fn metainfo() -> Vec<Case> {
    vec![
        call("no metainfo", say("meta")).gives(answers(&["P  T "])),
        call("metainfo in every spelling", spelled(say("meta"))).gives(answers(&[
            "P Foo=5,HY-PHEN=3,PER_K=6,a b=7,ü=8 T HELLO_WORLD=1,lower_case=2",
        ])),
        call(
            "GDPR token",
            say("meta").transient("gdpr-token", "secret").transient("other", "1"),
        )
        .gives(answers(&["P  T gdpr-token=secret,other=1"])),
        call("60 KB of metainfo", long_metainfo()).gives_by(|_, _| {
            let value = "v".repeat(60_000);
            answers(&[&format!("P long={value} T ")])
        }),
        // Nothing of that kind can be sent; a Kitex client gives the connection up.
        Case::new(
            "stream after metainfo that is too long",
            Step::Then(say("meta").persistent("long", &"v".repeat(70_000)), say("still there")),
        )
        .gives(answers(&["still there"])),
        call("no backward metainfo", say("backward back val; hi")).gives(answers(&["hi"])),
    ]
}

fn long_metainfo() -> Ask {
    say("meta").persistent("long", &"v".repeat(60_000))
}

/// A sends values to B, which calls C. A Kitex B sends transient values on, as it has always done; ours does so on no transport.
fn hops() -> Vec<Case> {
    let ask = |text| say(text).persistent("PER_K", "1").transient("TRA_K", "2");
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

fn spelled(ask: Ask) -> Ask {
    ask.transient("HELLO_WORLD", "1")
        .transient("lower_case", "2")
        .persistent("HY-PHEN", "3")
        .persistent("a b", "7")
        .persistent("ü", "8")
        .persistent("Foo", "5")
        .persistent("PER_K", "6")
}
