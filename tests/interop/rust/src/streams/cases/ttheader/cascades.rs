//! A calls B, whose handler opens a stream on C for that: what ends the one ends the other, with its own words. B is of the server's side.

use super::{CALLER, CANCELLED, RETURNED, failed, multiplexed_only, on_client, on_server};
use crate::lanes::Side;
use crate::streams::cases::{
    Ask, Back, Cascade, Case, Front, Step, ends, fails, lines, say, steps, talk_only, watch_only,
};
use crate::streams::steps::MIDDLE;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for next in [Side::Kitex, Side::Ours] {
        cases.extend(errors(next));
        cases.extend(given_up(next));
        cases.extend(foreign(next));
        cases.extend(left(next));
        cases.extend(over_grpc(next));
    }
    cases
}

fn cascade(name: [&'static str; 2], next: Side, ask: Ask) -> Case {
    through(Front::Lane, name, next, ask)
}

fn through(front: Front, [kitex, ours]: [&'static str; 2], next: Side, ask: Ask) -> Case {
    let name = match next {
        Side::Kitex => kitex,
        Side::Ours => ours,
    };
    let back = Back::Lane;
    Case::new(name, Step::Cascade(Cascade { next, ask, front, back }))
}

/// Each hop wraps the text once more; a business error passes as it is.
fn errors(next: Side) -> Vec<Case> {
    let inner = failed("boom");
    let place = "panic: [happened in biz handler, method=Streams.talk, please check the panic at the server side] ouch";
    vec![
        cascade(
            ["error of the third, Kitex", "error of the third, ours"],
            next,
            say("relay a | boom"),
        )
        .gives(fails(&["a"], &failed(&inner)))
        .records_by(move |_, _| format!("relay: {inner}")),
        cascade(
            ["panic of the third, Kitex", "panic of the third, ours"],
            next,
            say("relay a | panic"),
        )
        .gives(fails(&["a"], &failed(&on_client(12001, place)))),
        cascade(
            [
                "business error of the third, Kitex",
                "business error of the third, ours",
            ],
            next,
            say("relay biz"),
        )
        .gives(ends(&[], r#"business 404 "not found" {k=<v>}"#)),
    ]
}

fn given_up(next: Side) -> Vec<Case> {
    let both = format!("{CALLER} -> {MIDDLE}");
    let passed = |code, text: &str| {
        let line =
            format!("relay: [ttstream error, code={code}] [client-side stream] [canceled path: {CALLER}] {text}");
        move |_: &_, _: _| line.clone()
    };
    let seen = |code, text: &str| format!("gone, recv: {}", on_server(code, &both, text));
    let error = |code, text: &str| format!("error: {}", on_client(code, text));
    let deadline = "stream timeout, timeout in ctx: …";
    let recv_timeout = "stream Recv timeout, timeout config={Timeout:900ms DisableCancelRemote:false}";
    vec![
        cascade(
            [
                "cancel through Kitex or ours to Kitex",
                "cancel through Kitex or ours to ours",
            ],
            next,
            steps("", &["send relay a | wait", "recv", "cancel-when waits", "recv"]),
        )
        .gives(lines(&["got a", &error(12007, CANCELLED)]))
        .records_by(passed(12007, CANCELLED))
        .next_records(seen(12007, CANCELLED))
        .unless(talk_only),
        cascade(
            ["cancel of answers to Kitex", "cancel of answers to ours"],
            next,
            steps("relay a | wait", &["recv", "cancel-when waits", "recv"]),
        )
        .gives(lines(&["got a", &error(12007, CANCELLED)]))
        .records_by(passed(12007, CANCELLED))
        .next_records(seen(12007, CANCELLED))
        .unless(watch_only),
        cascade(
            ["deadline through to Kitex", "deadline through to ours"],
            next,
            steps("", &["send relay a | wait", "recv", "recv"]).within(900),
        )
        .gives(lines(&["got a", &error(12015, deadline)]))
        .records_by(passed(12015, deadline))
        .next_records(seen(12015, deadline))
        .unless(talk_only),
        cascade(
            ["recv timeout through to Kitex", "recv timeout through to ours"],
            next,
            steps("", &["send relay a | wait", "recv", "recv"]).receives_within(900),
        )
        .gives(lines(&["got a", &error(12014, recv_timeout)]))
        .records_by(passed(12014, recv_timeout))
        .next_records(seen(12014, recv_timeout))
        .unless(talk_only),
    ]
}

/// Something else than a stream over TTHeader ends the call at B: one over gRPC, or the connection.
fn foreign(next: Side) -> Vec<Case> {
    let lost = "canceled by connection closed";
    vec![
        through(
            Front::Grpc,
            ["cancel over gRPC, then to Kitex", "cancel over gRPC, then to ours"],
            next,
            steps("", &["send relay a | wait", "recv", "cancel-when waits", "recv"]),
        )
        .gives(lines(&["got a", "error: rpc error: code = 1 desc = context canceled"]))
        .records_by(move |_, _| format!("relay: {}", on_client(12011, RESET)))
        .next_records(format!(
            "gone, recv: {}",
            on_server(12011, &format!("non-ttstream path -> {MIDDLE}"), RESET)
        ))
        .unless(talk_only)
        .unless(multiplexed_only),
        through(
            Front::Cut,
            ["connection lost, then to Kitex", "connection lost, then to ours"],
            next,
            steps("", &["send relay a | wait", "recv", "recv"]),
        )
        .gives_by(|_, direction| lines(&["got a", &super::connections::lost(direction)]))
        .records_by(move |_, _| format!("relay: [ttstream error, code=12013] [client-side stream] {lost}"))
        .next_records(format!("gone, recv: {}", on_server(12013, MIDDLE, lost)))
        .unless(talk_only),
    ]
}

/// B's handler returns and leaves its stream to C open.
fn left(next: Side) -> Vec<Case> {
    let seen = format!("gone, recv: {}", on_server(12012, MIDDLE, RETURNED));
    let left = |_: &_, _: _| format!("abandoned: {}", on_client(12012, RETURNED));
    vec![
        cascade(
            ["return before the third, Kitex", "return before the third, ours"],
            next,
            steps("", &["send abandon a | wait; return", "recv"]),
        )
        .gives(lines(&["end"]))
        .records_by(left)
        .next_records(seen.clone())
        .unless(talk_only),
        cascade(
            [
                "return of answers before the third, Kitex",
                "return of answers before the third, ours",
            ],
            next,
            steps("abandon a | wait; return", &["recv"]),
        )
        .gives(lines(&["end"]))
        .records_by(left)
        .next_records(seen.clone())
        .unless(watch_only),
        cascade(
            ["error before the third, Kitex", "error before the third, ours"],
            next,
            steps("", &["send abandon a | wait; boom", "recv"]),
        )
        .gives(lines(&[&format!("error: {}", failed("boom"))]))
        .records_by(left)
        .next_records(seen)
        .unless(talk_only),
    ]
}

/// The stream to C is gRPC's. What B's handler is told of it is an unexpected error for Kitex.
fn over_grpc(next: Side) -> Vec<Case> {
    let to_grpc = |kitex, ours, ask| {
        let (front, back) = (Front::Lane, Back::Grpc);
        let name = if next == Side::Kitex { kitex } else { ours };
        Case::new(name, Step::Cascade(Cascade { next, ask, front, back }))
            .records("relay: rpc error: code = …")
            .next_records(format!("gone, recv: {RESET}"))
            .unless(talk_only)
            .unless(multiplexed_only)
    };
    let error = |code, text: &str| format!("error: {}", on_client(code, text));
    vec![
        to_grpc(
            "cancel, then over gRPC to Kitex",
            "cancel, then over gRPC to ours",
            steps("", &["send relay a | wait", "recv", "cancel-when waits", "recv"]),
        )
        .gives(lines(&["got a", &error(12007, CANCELLED)])),
        to_grpc(
            "deadline, then over gRPC to Kitex",
            "deadline, then over gRPC to ours",
            steps("", &["send relay a | wait", "recv", "recv"]).within(900),
        )
        .gives(lines(&["got a", &error(12015, "stream timeout, timeout in ctx: …")])),
    ]
}

const RESET: &str =
    "rpc error: code = 1 desc = transport: RSTStream Frame received with error code: CANCEL [triggered by ]";
