//! How many connections there are, how they end, and what each costs.

use super::{gone, gone_sending, multiplexed_only, on_client};
use crate::lanes::{Direction, Side};
use crate::streams::cases::{
    Ask, Case, Megabytes, Race, Recorded, Setup, Step, answers, collect_only, leave_open, lines, say, steps, talk_only,
    watch_only,
};
use crate::streams::lanes::{Carrier, Pool};

pub(super) fn cases() -> Vec<Case> {
    let mut cases =
        vec![Case::new("connections of a pool", Step::Connections(say("sleep 1000; a"))).gives(answers(&["a"]))];
    cases.extend(stops());
    cases.extend(losses());
    cases.extend(races());
    cases.extend(memory());
    cases
}

fn stops() -> Vec<Case> {
    vec![
        Case::new(
            "graceful stop while a handler works",
            Step::StopWhileRunning(say("a; sleep 600; b")),
        )
        .on(Setup::Patient)
        .gives(answers(&["a", "b"])),
        Case::new(
            "graceful stop of a live stream",
            Step::StopWhileRunning(steps(
                "",
                &["send a", "recv", "sleep 600", "send b", "recv", "close", "recv"],
            )),
        )
        .on(Setup::Patient)
        .gives(lines(&["got a", "got b", "end"]))
        .unless(talk_only),
        Case::new(
            "stream that begins during the stop",
            Step::StopRefuses(
                steps("", &["send a", "recv", "sleep 1500", "send b", "recv", "close", "recv"]).on_one_connection(),
            ),
        )
        .on(Setup::Patient)
        .gives(lines(&["got a", "got b", "end"]))
        .unless(talk_only)
        .unless(multiplexed_only),
        Case::new(
            "stop that does not wait for the end",
            Step::StopExpires(leave_open("sleep 20000")),
        )
        .on(Setup::Impatient)
        .gives_by(|_, direction| lines(&[&ended(direction)]))
        .unless(|_, direction| {
            (direction.server() == Side::Kitex).then_some("a Kitex process ends its streams with itself, not before")
        }),
    ]
}

fn losses() -> Vec<Case> {
    vec![
        Case::new("server lost", Step::ServerLost(leave_open("wait")))
            .gives_by(|_, direction| lines(&[&ended(direction)])),
        Case::new(
            "server lost after answers",
            // The answers are sent some time before the loss, and taken some time after it.
            Step::ServerLost(steps("a; b; sleep 500; wait", &["sleep 2000", "drain"])),
        )
        .gives_by(|_, direction| lines(&["got a", "got b", &ended(direction)]))
        .unless(watch_only),
        Case::new("connection lost", Step::Cut(leave_open("wait")))
            .gives_by(|_, direction| lines(&[&lost(direction)]))
            .records_as(told(gone)),
        Case::new(
            "connection lost while the handler sends",
            Step::Cut(steps("wait-send", &["recv"])),
        )
        .gives_by(|_, direction| lines(&[&lost(direction)]))
        .records_as(told(gone_sending))
        .unless(watch_only),
    ]
}

/// What a handler records whose connection is lost. A Kitex server has two texts for that: which one depends on who notices first, its
/// connection or its stream.
fn told(record: fn(&str) -> Recorded) -> Recorded {
    let (ours, kitex) = (record(LOST), record(LOST_READING));
    Box::new(move |lane, direction| match direction.server() {
        Side::Kitex => format!("{} || {}", ours(lane, direction), kitex(lane, direction)),
        Side::Ours => ours(lane, direction),
    })
}

/// As clients tell a lost connection: Kitex what it read, ours what it means (TSE-3).
pub(super) fn lost(direction: Direction) -> String {
    match direction.client() {
        Side::Kitex => "error: [ttstream error, code=12004] EOF peer close".to_owned(),
        Side::Ours => "error: [ttstream error, code=12006] connection closed by peer".to_owned(),
    }
}

/// A server of ours has time to say why (TSC-5).
fn ended(direction: Direction) -> String {
    match direction.server() {
        Side::Kitex => lost(direction),
        Side::Ours => format!("error: {}", on_client(12013, "canceled by connection closed")),
    }
}

/// A cancel that meets the first header may cost a Kitex client its connection; see [`Race`].
fn races() -> Vec<Case> {
    let race = |name, within_micros, text, lost| {
        let race = Race {
            cancels: 300,
            within_micros,
            text,
            lost,
        };
        Case::new(name, Step::Race(race))
            .unless(talk_only)
            .unless(multiplexed_only)
            .alone()
    };
    vec![
        race("300 cancels at once", 0, "wait-end", 3),
        race("300 cancels of a handler that ends then", 500, "wait-end", 3),
        race("300 cancels of a handler that fails then", 500, "wait-fail", 3),
        race("300 cancels about the first answer", 3000, "soon 500; wait-end", 3),
        // Each header is under way before its cancel comes, which no server can help.
        race(
            "300 cancels about a header sent at once",
            600,
            "send-header; wait-end",
            15,
        ),
    ]
}

/// 94 MB that nobody takes for a while. A connection of ours may hold 32 MB; then a server pauses it, for two seconds at most, and a client
/// whose streams share connections gives the stream up. Kitex holds whatever comes.
fn memory() -> Vec<Case> {
    let held = |name, ask: Ask| {
        let ask = ask.on_one_connection();
        Case::new(name, Step::Memory(ask, Megabytes(75)))
            .alone()
            .unless(|_, _| (!cfg!(target_os = "linux")).then_some("memory is read from /proc"))
    };
    let sends = format!("sends 1500 size {}", "y".repeat(65_536));
    let taken = lines(&["got 17999 bytes"]);
    let all = taken.clone();
    vec![
        held(
            "94 MB to a slow handler",
            steps("", &["send sleep 1200", &sends, "finish"]),
        )
        .gives(taken)
        .unless(collect_only)
        .unless(multiplexed_only),
        held(
            "94 MB to a stopped handler",
            steps("", &["send sleep 3000", &sends, "finish"]),
        )
        .gives_by(move |_, direction| match direction {
            Direction::KitexToOurs => lines(&[&format!("send: {GIVEN_UP}"), GIVEN_UP]),
            _ => all.clone(),
        })
        .unless(collect_only)
        .unless(multiplexed_only),
        held(
            "94 MB for a slow reader",
            steps("flood 1500 65536", &["sleep 1200", "count"]),
        )
        .gives_by(|lane, direction| match direction {
            Direction::OursToKitex if lane.carrier == Carrier::TtHeader(Pool::Multiplexed) => lines(&["…", GIVEN_UP]),
            _ => lines(&["1500 messages", "end"]),
        })
        .unless(watch_only)
        .unless(|lane, _| {
            (lane.carrier == Carrier::TtHeader(Pool::Short)).then_some("as on a long-lived connection of its own")
        }),
    ]
}

const GIVEN_UP: &str = "error: [ttstream error, code=12011] [client-side stream] …";
const LOST: &str = "[ttstream error, code=12013] canceled by connection closed";
const LOST_READING: &str = "[ttstream error, code=12013] [ttstream error, code=12004] EOF peer close";
