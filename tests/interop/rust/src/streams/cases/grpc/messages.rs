//! Messages: many, large, empty, at once, from both halves of a stream, and after its end.

use super::{DONE, or_done, thrift_only, unary_only};
use crate::streams::cases::{
    Ask, Case, Setup, Step, answers, call, collect_only, fails, lines, owned, say, steps, talk_only, watch_only,
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
        call("method without streaming.mode", say("hi").to(Target::Plain))
            .gives(answers(&["hi"]))
            .unless(unary_only)
            .unless(thrift_only),
        call("void method", say("hi").to(Target::Quiet))
            .gives(answers(&["done"]))
            .unless(unary_only)
            .unless(thrift_only),
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
    // 40 answers of 100 KB wait in the server until the client reads them.
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
            "ping-pong calls beside it",
            Step::Beside(steps(
                "",
                &["send a", "recv", "sleep 300", "send b", "recv", "close", "recv"],
            )),
        )
        .on(Setup::Mixed)
        .gives(lines(&["got a", "got b", "end"]))
        .unless(talk_only),
        Case::new("500 errors on one connection", Step::Repeat(say("boom"), 500)).gives(fails(&[], BOOM)),
        Case::new(
            "500 early returns on one connection",
            Step::Repeat(steps("", &["send a; return", "recv", "recv"]), 500),
        )
        .gives(lines(&["got a", "end"]))
        .unless(talk_only),
        Case::new("120 calls at once", Step::AtOnce(120, 0)),
        Case::new("120 calls at once on one connection", Step::AtOnce(120, 1)),
        Case::new("40 calls at once, ten of which may run", Step::AtOnce(40, 1)).on(Setup::FewStreams),
    ]
}

fn long_pump() -> Ask {
    let pump = format!("pump 300 {}", "y".repeat(60_000));
    steps("", &[&pump, "count"])
}

fn early() -> Vec<Case> {
    vec![
        call("early return", say("a; return; b")).gives(answers(&["a"])),
        call(
            "early return while the client goes on",
            steps("", &["send a; return", "recv", "recv", "fail x", "recv", "close"]),
        )
        .gives(lines(&["got a", "end", DONE, "end"]))
        .unless(talk_only),
        call(
            "early answer while the client goes on",
            steps("", &["send a; return", "fail x", "finish"]),
        )
        .gives(lines(&[DONE, "got a"]))
        .unless(collect_only),
        call(
            "error while the client goes on",
            steps("", &["send a; boom", "recv", "recv", "fail x", "recv", "close", "recv"]),
        )
        .gives_by(|_, direction| {
            let send = or_done(&format!("send: error: {BOOM}"), direction);
            let error = format!("error: {BOOM}");
            lines(&["got a", &error, &send, &error, &error])
        })
        .unless(talk_only),
        call(
            "error before the client has sent everything",
            steps("", &["send boom", "fail x", "finish"]),
        )
        .gives_by(|_, direction| {
            let send = or_done(&format!("send: error: {BOOM}"), direction);
            lines(&[&send, &format!("error: {BOOM}")])
        })
        .unless(collect_only),
    ]
}

fn past_the_end() -> Vec<Case> {
    vec![
        call(
            "send after the half-close",
            steps("", &["send a", "close", "send x", "drain", "send y", "close"]),
        )
        .gives(lines(&[DONE, "got a", "end", DONE]))
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
            .gives_by(|_, _| {
                let error = format!("error: {BOOM}");
                lines(&["got a", &error, &error])
            })
            .unless(watch_only),
        Case::new("call after a panic", Step::Then(say("panic"), say("still there"))).gives(answers(&["still there"])),
        Case::new(
            "call after a call that was given up",
            Step::Then(say("sleep 200").within(50), say("still there")),
        )
        .gives(answers(&["still there"])),
    ]
}

const BOOM: &str = "rpc error: code = 13 desc = boom [biz error]";
const LARGE: usize = 6_000_000;
