//! Streams and calls that end before their handler does: deadlines, recv timeouts, cancels.

use super::{or_done, unary_only};
use crate::lanes::{Direction, Side};
use crate::streams::cases::{
    Ask, Case, Setup, Step, answers, call, collect_only, fails, leave_open, lines, say, steps, talk_only, watch_only,
};
use crate::streams::lanes::{Lane, Mode};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = deadlines();
    cases.extend(recv_timeouts());
    cases.extend(cancels());
    cases
}

fn deadlines() -> Vec<Case> {
    vec![
        call("no deadline", say("deadline")).gives(answers(&["no deadline"])),
        call("deadline as the server sees it", say("deadline").within(9000)).gives(answers(&["deadline within 10s"])),
        call("far deadline as the server sees it", say("deadline").within(90_000))
            .gives(answers(&["deadline within 100s"])),
        call("deadline", steps("wait", &[]).within(SHORT))
            .gives(lines(&[&format!(
                "timeout || error: remote or network error: {DEADLINE} [biz error]"
            )]))
            .records("gone")
            .unless(unary_only),
        call("deadline of a stream", leave_open("wait").within(SHORT))
            // The handler's answer to its own deadline may come first.
            .gives(lines(&[&format!("error: {DEADLINE} || error: {DEADLINE} [biz error]")]))
            .records_by(|lane, _| alone(lane, DEADLINE))
            .unless(streams_only),
        call(
            "deadline after an answer",
            steps("", &["send a; wait", "recv", "recv", "recv", "fail x", "trailer"]).within(SHORT),
        )
        .gives_by(|_, direction| {
            let error = format!("error: {DEADLINE} || error: {DEADLINE} [biz error]");
            let send = format!("send: error: {DEADLINE} || send: error: {DEADLINE} [biz error]");
            lines(&["got a", &error, &error, &or_done(&send, direction), "trailer "])
        })
        .unless(talk_only),
        call("handler's own deadline error", say("a; status 4 too late"))
            .gives(fails(&["a"], "rpc error: code = 4 desc = too late [biz error]")),
    ]
}

fn recv_timeouts() -> Vec<Case> {
    vec![
        call("recv timeout", leave_open("wait").receives_within(SHORT))
            .gives(lines(&[&format!("error: {RECV_TIMEOUT}")]))
            .records_by(|lane, _| alone(lane, CANCELLED))
            .unless(streams_only),
        call(
            "recv timeout, then more",
            steps("", &["send wait", "recv", "recv", "fail x"]).receives_within(SHORT),
        )
        .gives_by(|_, _| {
            let error = format!("error: {RECV_TIMEOUT}");
            lines(&[&error, &error, &format!("send: {error}")])
        })
        .unless(talk_only),
        call(
            "recv in time",
            steps("", &["send sleep 30; a", "recv", "close", "recv"]).receives_within(LONG),
        )
        .gives(lines(&["got a", "end"]))
        .unless(talk_only),
        call(
            "recv timeout that leaves the stream alone",
            steps("", &["send sleep 2500", "recv", "close", "sleep 3000", "recv"])
                .receives_within(SHORT)
                .keeping_remote(),
        )
        .gives(lines(&[
            &format!("error: {}", RECV_TIMEOUT.replace("false", "true")),
            "end",
        ]))
        .records("recv: end")
        .unless(talk_only),
        call(
            "recv timeout before the deadline",
            steps("", &["send wait", "recv"]).receives_within(SHORT).within(LONG),
        )
        .gives(lines(&[&format!("error: {RECV_TIMEOUT}")]))
        .unless(talk_only),
        call(
            "deadline before the recv timeout",
            steps("", &["send wait", "recv"]).receives_within(LONG).within(SHORT),
        )
        .gives(lines(&[&format!("error: {DEADLINE}")]))
        .unless(talk_only),
    ]
}

fn cancels() -> Vec<Case> {
    let cancelled = |name, text, said| call(name, cancelling(text, said));
    vec![
        call("cancel", steps("wait", &[]).cancelled_when("waits"))
            // Our client's way to cancel a call is to drop it.
            .gives_by(|_, direction| match direction.client() {
                Side::Kitex => lines(&["timeout"]),
                Side::Ours => lines(&[]),
            })
            .records("gone")
            .unless(unary_only),
        cancelled("cancel after the opening", "", &["await begun"])
            .gives(lines(&[CONTEXT_CANCELLED]))
            .records_by(|_, _| format!("recv: {CANCELLED}"))
            .unless(|lane, _| {
                (!matches!(lane.mode, Mode::Talk | Mode::Collect)).then_some("the request goes with the opening")
            }),
        cancelled("cancel after the request", "wait", &["await waits"])
            .gives(lines(&[CONTEXT_CANCELLED]))
            .records("gone")
            .unless(watch_only),
        cancelled("cancel while the handler waits", "", &["send wait", "await waits"])
            .gives(lines(&[CONTEXT_CANCELLED]))
            .records_by(|_, _| format!("gone, recv: {CANCELLED}"))
            .unless(collect_only),
        cancelled("cancel between messages", "", &["send a", "recv"])
            .gives(lines(&["got a", CONTEXT_CANCELLED]))
            .records_by(|_, _| format!("recv: {CANCELLED}"))
            .unless(talk_only),
        Case::new(
            "500 cancels on one connection",
            Step::Repeat(cancelling("", &["send a", "recv"]), 500),
        )
        .gives(lines(&["got a", CONTEXT_CANCELLED]))
        .unless(talk_only),
        cancelled("cancel seen by a sending handler", "", &["send a; wait-send", "recv"])
            .gives(lines(&["got a", CONTEXT_CANCELLED]))
            .records_by(gone_sending)
            .unless(talk_only),
        cancelled("cancel after an answer", "a; wait-send", &["recv"])
            .gives(lines(&["got a", CONTEXT_CANCELLED]))
            .records_by(gone_sending)
            .unless(watch_only),
        cancelled(
            "cancel after the half-close",
            "",
            &["send a; wait-send", "close", "recv"],
        )
        .gives(lines(&["got a", CONTEXT_CANCELLED]))
        .records_by(gone_sending)
        .unless(talk_only),
        call(
            "cancel by a caller with a name",
            cancelling("", &["send a", "recv"]).named(),
        )
        .on(Setup::Names)
        .gives(lines(&["got a", CONTEXT_CANCELLED]))
        .records_by(|_, _| format!("recv: {CANCELLED}").replace("by ]", "by interop.caller]"))
        .unless(talk_only),
        call("drop between messages", steps("", &["send a", "recv", "drop"]))
            .gives(lines(&["got a"]))
            .records_by(|_, _| format!("recv: {CANCELLED}"))
            .unless(talk_only)
            .unless(ours_only),
        call("drop after an answer", steps("a; wait-send", &["recv", "drop"]))
            .gives(lines(&["got a"]))
            .records_by(gone_sending)
            .unless(watch_only)
            .unless(ours_only),
        call(
            "drop while the handler waits",
            steps("", &["send wait", "await waits", "drop"]),
        )
        .gives(lines(&[]))
        .records_by(|_, _| format!("gone, recv: {CANCELLED}"))
        .unless(collect_only)
        .unless(ours_only),
    ]
}

fn ours_only(_: &Lane, direction: Direction) -> Option<&'static str> {
    (direction.client() == Side::Kitex).then_some("a Kitex stream is cancelled, not dropped")
}

fn cancelling(text: &str, said: &[&str]) -> Ask {
    let mut all = said.to_vec();
    all.extend(["cancel", "recv"]);
    steps(text, &all)
}

/// What a handler records that is left alone: one that has nothing to receive from says less. The server's own clock and the client's reset
/// may each win, and our client half-closes a stream with one answer to receive that.
fn alone(lane: &Lane, error: &str) -> String {
    match lane.mode {
        Mode::Watch | Mode::Unary => "gone".to_owned(),
        Mode::Collect => format!("gone, recv: {error} || gone, recv: {CANCELLED} || gone, recv: end"),
        Mode::Talk => format!("gone, recv: {error} || gone, recv: {CANCELLED}"),
    }
}

/// A Kitex server's stream has its context cancelled a moment before it is marked as done (`closeStream` of `http2_server.go`): a handler may
/// send in between.
fn gone_sending(_: &Lane, direction: Direction) -> String {
    let seen = format!("gone, send: {CANCELLED}");
    match direction.server() {
        Side::Kitex => format!("{seen} || gone, send: nothing"),
        Side::Ours => seen,
    }
}

fn streams_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    (lane.mode == Mode::Unary).then_some("a call without a stream has no such option")
}

const DEADLINE: &str = "rpc error: code = 4 desc = context deadline exceeded";
const RECV_TIMEOUT: &str =
    "rpc error: code = 17 desc = stream Recv timeout, timeout config={Timeout:900ms DisableCancelRemote:false}";
/// Each call has long begun by then.
const SHORT: u64 = 900;
/// Nothing lasts as long.
const LONG: u64 = 12_000;
const CANCELLED: &str =
    "rpc error: code = 1 desc = transport: RSTStream Frame received with error code: CANCEL [triggered by ]";
const CONTEXT_CANCELLED: &str = "error: rpc error: code = 1 desc = context canceled";
