//! Streams that their caller gives up, or their handler too early.

use super::{CALLER, CANCELLED, RETURNED, gone, gone_sending, on_client, on_server, ours_only, sends_only};
use crate::lanes::Direction;
use crate::streams::cases::{Case, Step, call, collect_only, lines, steps, talk_only, watch_only};
use crate::streams::lanes::Lane;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = before_answers();
    cases.extend(after_answers());
    cases.extend(beside_a_receive());
    cases.extend(unwatched());
    cases.extend(left_behind());
    cases
}

fn cancelled() -> String {
    format!("error: {}", on_client(12007, CANCELLED))
}

fn seen() -> String {
    on_server(12007, CALLER, CANCELLED)
}

fn before_answers() -> Vec<Case> {
    vec![
        call(
            "cancel before the first message",
            steps("", &["await begun", "cancel", "recv", "recv"]),
        )
        .gives(lines(&[&cancelled(), &cancelled()]))
        .records_by(|_, _| format!("recv: {}", seen()))
        .unless(sends_only),
        call(
            "cancel after the request",
            steps("wait", &["await waits", "cancel", "recv", "class"]),
        )
        .gives(lines(&[&cancelled(), "class canceled"]))
        .records_as(gone(&seen()))
        .unless(watch_only),
        call(
            "cancel while the handler waits",
            steps("", &["send wait", "await waits", "cancel", "recv"]),
        )
        .gives(lines(&[&cancelled()]))
        .records_as(gone(&seen()))
        .unless(sends_only),
    ]
}

fn after_answers() -> Vec<Case> {
    vec![
        call(
            "cancel between messages",
            steps("", &["send a", "recv", "cancel", "recv", "class", "send x"]),
        )
        .gives_by(|_, _| {
            lines(&[
                "got a",
                &cancelled(),
                "class canceled",
                &format!("send: {}", cancelled()),
            ])
        })
        .records_by(|_, _| format!("recv: {}", seen()))
        .unless(talk_only),
        call(
            "cancel seen by a sending handler",
            steps("", &["send a; wait-send", "recv", "cancel", "recv"]),
        )
        .gives_by(|_, _| lines(&["got a", &cancelled()]))
        .records_as(gone_sending(&seen()))
        .unless(talk_only),
        call(
            "cancel after an answer",
            steps("a; wait-send", &["recv", "cancel", "recv"]),
        )
        .gives_by(|_, _| lines(&["got a", &cancelled()]))
        .records_as(gone_sending(&seen()))
        .unless(watch_only),
        call(
            "cancel after the half-close",
            steps("", &["send a; wait-send", "close", "recv", "cancel", "recv"]),
        )
        .gives_by(|_, _| lines(&["got a", &cancelled()]))
        .records_as(gone_sending(&seen()))
        .unless(talk_only),
        call(
            "cancel with answers queued",
            steps("a; b; c; wait-send", &["await waits", "sleep 500", "cancel", "drain"]),
        )
        .gives_by(|_, _| lines(&["got a", "got b", "got c", &cancelled()]))
        .records_as(gone_sending(&seen()))
        .unless(watch_only),
        Case::new(
            "500 cancels on one connection",
            Step::Repeat(steps("", &["send a", "recv", "cancel", "recv"]), 500),
        )
        .gives_by(|_, _| lines(&["got a", &cancelled()]))
        .unless(talk_only),
    ]
}

fn beside_a_receive() -> Vec<Case> {
    vec![
        call(
            "cancel of a receive",
            steps("", &["send wait", "cancel-when waits", "recv"]),
        )
        .gives(lines(&[&cancelled()]))
        .records_as(gone(&seen()))
        .unless(sends_only),
        call(
            "cancel of a receive of answers",
            steps("a; wait-send", &["recv", "cancel-when waits", "drain"]),
        )
        .gives_by(|_, _| lines(&["got a", &cancelled()]))
        .records_as(gone_sending(&seen()))
        .unless(watch_only),
        call(
            "cancel while the one answer is awaited",
            steps("", &["send a", "send wait", "cancel-when waits", "finish"]),
        )
        .gives(lines(&[&cancelled()]))
        .records_as(gone(&seen()))
        .unless(collect_only),
    ]
}

/// Nobody receives: a Kitex client finds out by a clock that ticks every five seconds, ours at once.
fn unwatched() -> Vec<Case> {
    vec![
        call("deferred cancel", steps("", &["send a", "recv"]))
            .gives(lines(&["got a"]))
            .records_by(|_, _| format!("recv: {}", seen()))
            .unless(talk_only),
        call("deferred cancel of answers", steps("a; wait-send", &["recv"]))
            .gives(lines(&["got a"]))
            .records_as(gone_sending(&seen()))
            .unless(watch_only),
        call(
            "deferred cancel before an answer",
            steps("", &["send wait", "await waits"]),
        )
        .gives(lines(&[]))
        .records_as(gone(&seen()))
        .unless(collect_only),
        call("drop between messages", steps("", &["send a", "recv", "drop"]))
            .gives(lines(&["got a"]))
            .records_by(|_, _| format!("recv: {}", seen()))
            .unless(talk_only)
            .unless(ours_only),
        call("drop after an answer", steps("a; wait-send", &["recv", "drop"]))
            .gives(lines(&["got a"]))
            .records_as(gone_sending(&seen()))
            .unless(watch_only)
            .unless(ours_only),
        call(
            "drop while the handler waits",
            steps("", &["send wait", "await waits", "drop"]),
        )
        .gives(lines(&[]))
        .records_as(gone(&seen()))
        .unless(collect_only)
        .unless(ours_only),
    ]
}

/// What goes on with a stream whose handler has returned is told so.
fn left_behind() -> Vec<Case> {
    let late = format!("late: [ttstream error, code=12012] [server-side stream] {RETURNED}");
    let by = |line: String| move |_: &Lane, _: Direction| line.clone();
    vec![
        call(
            "send after the handler's return",
            steps("", &["send linger; return", "recv"]),
        )
        .gives(lines(&["end"]))
        .records_by(by(late.clone()))
        .unless(talk_only),
        call(
            "send of answers after the handler's return",
            steps("linger; return", &["recv"]),
        )
        .gives(lines(&["end"]))
        .records_by(by(late.clone()))
        .unless(watch_only),
        call(
            "send after the handler's error",
            steps("", &["send linger; boom", "recv"]),
        )
        .gives(lines(&[&format!("error: {}", super::failed("boom"))]))
        .records_by(by(late.clone()))
        .unless(talk_only),
        // A client of ours half-closes a stream with one answer to receive it, which the handler may see first.
        call(
            "receive that outlives the handler",
            steps("", &["send linger-recv; return", "recv"]),
        )
        .gives(lines(&["end"]))
        .records_by(by(late))
        .unless(talk_only),
    ]
}
