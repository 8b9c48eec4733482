//! Deadlines of streams and of receives.

use super::{CALLER, gone, gone_sending, on_client, on_server};
use crate::streams::cases::{Case, answers, call, collect_only, leave_open, lines, say, steps, talk_only, watch_only};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = deadlines();
    cases.extend(recv_timeouts());
    cases.extend(both());
    cases
}

fn deadlines() -> Vec<Case> {
    let error = format!("error: {}", on_client(12015, DEADLINE));
    let seen = on_server(12015, CALLER, DEADLINE);
    vec![
        call("deadline as the server sees it", say("deadline").within(5000)).gives(answers(&["no deadline"])),
        call("deadline", leave_open("wait").within(SHORT))
            .gives(lines(&[&error]))
            .records_as(gone(&seen)),
        call(
            "deadline of a sending handler",
            steps("a; wait-send", &["drain"]).within(SHORT),
        )
        .gives(lines(&["got a", &error]))
        .records_as(gone_sending(&seen))
        .unless(watch_only),
        call(
            "deadline after an answer",
            steps("", &["send a; wait", "recv", "recv", "recv", "class", "fail x"]).within(SHORT),
        )
        .gives(lines(&[
            "got a",
            &error,
            &error,
            "class timeout",
            &format!("send: {error}"),
        ]))
        .records_as(gone(&seen))
        .unless(talk_only),
        call(
            "deadline after the half-close",
            steps("", &["send a; wait-send", "close", "recv", "recv"]).within(SHORT),
        )
        .gives(lines(&["got a", &error]))
        .records_as(gone_sending(&seen))
        .unless(talk_only),
        call(
            "deadline while the one answer is awaited",
            steps("", &["send wait", "finish"]).within(SHORT),
        )
        .gives(lines(&[&error]))
        .unless(collect_only),
    ]
}

fn recv_timeouts() -> Vec<Case> {
    let error = format!("error: {}", recv_timeout("false"));
    let seen = on_server(12014, CALLER, &timeout_text("false"));
    vec![
        call("recv timeout", leave_open("wait").receives_within(SHORT))
            .gives(lines(&[&error]))
            .records_as(gone(&seen)),
        call(
            "recv timeout, then more",
            steps("", &["send wait", "recv", "class", "recv", "fail x"]).receives_within(SHORT),
        )
        .gives(lines(&[&error, "class timeout", &error, &format!("send: {error}")]))
        .unless(talk_only),
        call(
            "recv in time",
            steps("", &["send sleep 30; a", "recv", "close", "recv"]).receives_within(LONG),
        )
        .gives(lines(&["got a", "end"]))
        .unless(talk_only),
        call(
            "recv timeout that leaves the stream alone",
            steps(
                "",
                &[
                    "send sleep 2500; a",
                    "recv",
                    "class",
                    "sleep 3000",
                    "recv",
                    "close",
                    "recv",
                ],
            )
            .receives_within(SHORT)
            .keeping_remote(),
        )
        .gives(lines(&[
            &format!("error: {}", recv_timeout("true")),
            "class timeout",
            "got a",
            "end",
        ]))
        .records("recv: end")
        .unless(talk_only),
        call(
            "recv timeout of answers that leaves the stream alone",
            steps("sleep 2500; a", &["recv", "sleep 3000", "drain"])
                .receives_within(SHORT)
                .keeping_remote(),
        )
        .gives(lines(&[&format!("error: {}", recv_timeout("true")), "got a", "end"]))
        .unless(watch_only),
    ]
}

fn both() -> Vec<Case> {
    vec![
        call(
            "recv timeout before the deadline",
            steps("", &["send wait", "recv"]).receives_within(SHORT).within(LONG),
        )
        .gives(lines(&[&format!("error: {}", recv_timeout("false"))]))
        .unless(talk_only),
        call(
            "deadline before the recv timeout",
            steps("", &["send wait", "recv"]).receives_within(LONG).within(SHORT),
        )
        .gives(lines(&[&format!("error: {}", on_client(12015, DEADLINE))]))
        .unless(talk_only),
    ]
}

fn recv_timeout(kept: &str) -> String {
    on_client(12014, &timeout_text(kept))
}

fn timeout_text(kept: &str) -> String {
    format!("stream Recv timeout, timeout config={{Timeout:900ms DisableCancelRemote:{kept}}}")
}

/// Kitex tells what was left when the stream was made.
const DEADLINE: &str = "stream timeout, timeout in ctx: …";
/// Each stream has long begun by then.
const SHORT: u64 = 900;
/// Nothing lasts as long.
const LONG: u64 = 12_000;
