//! Messages: many, large, empty, from both halves of a stream, and after its end.

use super::{SENT_LATE, failed, on_client};
use crate::streams::cases::{
    Ask, Case, Setup, Step, answers, call, collect_only, lines, owned, say, steps, talk_only, watch_only,
};
use crate::streams::expect::Want;
use crate::streams::lanes::Target;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = plain();
    cases.extend(many());
    cases.extend(early());
    cases.extend(past_the_end());
    cases
}

fn plain() -> Vec<Case> {
    vec![
        call("echo", say("hello")).gives(answers(&["hello"])),
        call("empty message", say("")).gives(answers(&[""])),
        call("text beyond ASCII", say("grüße, 世界 🎏")).gives(answers(&["grüße, 世界 🎏"])),
        call("several answers", say("a; b; empty; c")).gives(answers(&["a", "b", "", "c"])),
        call("6 MB both ways", say(&"y".repeat(LARGE))).gives(Want::Answers(vec!["y".repeat(LARGE)])),
        call("second service of the port", say("hi").to(Target::Others)).gives(answers(&["other:hi"])),
        call(
            "in turn",
            steps("", &["send a", "recv", "send b; c", "recv", "recv", "close", "recv"]),
        )
        .gives(lines(&["got a", "got b", "got c", "end"]))
        .records("recv: end")
        .unless(talk_only),
        call("no message", steps("", &["close", "drain"]))
            .gives(lines(&["end"]))
            .records("recv: end")
            .unless(talk_only),
        call("no message, one answer", steps("", &["finish"]))
            .gives(lines(&["got "]))
            .records("recv: end")
            .unless(collect_only),
    ]
}

fn many() -> Vec<Case> {
    // 40 answers of 100 KB wait until the client reads them.
    let large = ["big 100000"; 40].join("; ");
    vec![
        call("5000 answers", steps("many 5000", &["count"]))
            .gives(lines(&["5000 messages", "end"]))
            .unless(watch_only),
        call("1000 messages", steps("", &["sends 1000 a", "finish"]))
            .gives(lines(&["got 1999 bytes"]))
            .unless(collect_only),
        call(
            "5000 messages each way, from two tasks",
            steps("", &["pump 5000 a", "count"]),
        )
        .gives(lines(&["5000 messages", "end"]))
        .unless(talk_only),
        call("300 messages of 60 KB each way, from two tasks", long_pump())
            .gives(lines(&["300 messages", "end"]))
            .unless(talk_only),
        call("slow reader of 4 MB", steps(&large, &["sleep 150", "count"]))
            .gives(lines(&["40 messages", "end"]))
            .unless(watch_only),
        call(
            "slow handler",
            steps("", &["send sleep 150; a", "sends 40 size 1234567890", "finish"]),
        )
        .gives_by(|_, _| {
            let sizes = ["10 bytes"; 40].join(",");
            Want::Answers(owned(&["a", &sizes]))
        })
        .unless(collect_only),
        Case::new(
            "ping-pong calls and a gRPC stream beside it",
            Step::Beside(steps(
                "",
                &["send a", "recv", "sleep 300", "send b", "recv", "close", "recv"],
            )),
        )
        .on(Setup::Mixed)
        .gives(lines(&["got a", "got b", "end"]))
        .unless(talk_only),
        Case::new("500 errors on one connection", Step::Repeat(say("boom"), 500))
            .gives(Want::Fails(Vec::new(), failed("boom"))),
        Case::new(
            "500 early returns on one connection",
            Step::Repeat(steps("", &["send a; return", "recv", "recv"]), 500),
        )
        .gives(lines(&["got a", "end"]))
        .unless(talk_only),
    ]
}

fn long_pump() -> Ask {
    let pump = format!("pump 300 {}", "y".repeat(60_000));
    steps("", &[&pump, "count"])
}

/// The handler returns while the client goes on.
fn early() -> Vec<Case> {
    let done = format!("send: error: {}", on_client(12005, SENT_LATE));
    let boom = format!("error: {}", failed("boom"));
    let late_boom = format!("send: {boom}");
    vec![
        call("early return", say("a; return; b")).gives(answers(&["a"])),
        call(
            "early return while the client goes on",
            steps(
                "",
                &[
                    "send a; return",
                    "recv",
                    "recv",
                    "fail x",
                    "class",
                    "recv",
                    "close",
                    "recv",
                ],
            ),
        )
        .gives(lines(&["got a", "end", &done, "class protocol", "end", "end"]))
        .unless(talk_only),
        call(
            "early answer while the client goes on",
            steps("", &["send a; return", "fail x", "finish"]),
        )
        .gives(lines(&[&done, "got a"]))
        .unless(collect_only),
        call(
            "error while the client goes on",
            steps("", &["send a; boom", "recv", "recv", "fail x", "recv", "close", "recv"]),
        )
        .gives(lines(&["got a", &boom, &late_boom, &boom, &boom]))
        .unless(talk_only),
        call(
            "error before the client has sent everything",
            steps("", &["send boom", "fail x", "finish"]),
        )
        .gives(lines(&[&late_boom, &boom]))
        .unless(collect_only),
    ]
}

fn past_the_end() -> Vec<Case> {
    let done = format!("send: error: {}", on_client(12005, SENT_LATE));
    let boom = format!("error: {}", failed("boom"));
    vec![
        call(
            "send after the half-close",
            steps("", &["send a", "close", "send x", "drain", "send y", "close"]),
        )
        .gives(lines(&[&done, "got a", "end", &done]))
        .unless(talk_only),
        call(
            "receive after the end",
            steps("", &["send a", "close", "drain", "recv", "recv"]),
        )
        .gives(lines(&["got a", "end", "end", "end"]))
        .unless(talk_only),
        call("receive after the last answer", steps("a", &["drain", "recv"]))
            .gives(lines(&["got a", "end", "end"]))
            .unless(watch_only),
        call("receive after an error", steps("a; boom", &["drain", "recv"]))
            .gives(lines(&["got a", &boom, &boom]))
            .unless(watch_only),
        Case::new("stream after a panic", Step::Then(say("panic"), say("still there")))
            .gives(answers(&["still there"])),
        Case::new(
            "stream after one that was given up",
            Step::Then(say("sleep 200").within(50), say("still there")),
        )
        .gives(answers(&["still there"])),
    ]
}

const LARGE: usize = 6_000_000;
