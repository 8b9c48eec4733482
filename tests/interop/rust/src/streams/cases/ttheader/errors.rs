//! Errors, panics and business errors of handlers.

use super::{failed, on_client};
use crate::lanes::{Direction, Side};
use crate::streams::cases::{Case, call, collect_only, ends, fails, lines, say, steps, talk_only, watch_only};
use crate::streams::expect::Want;
use crate::streams::lanes::Lane;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = errors();
    cases.extend(business());
    cases
}

/// Whatever a handler returns, its text is what goes out.
fn errors() -> Vec<Case> {
    let cases = [
        ("handler error", "boom", "boom"),
        ("handler error after answers", "a; b; boom", "boom"),
        ("application exception", "a; typed", "typed"),
        ("status", "status 5 gone", "rpc error: code = 5 desc = gone"),
        (
            "status beyond ASCII",
            "status 3 50% 你\tx",
            "rpc error: code = 3 desc = 50% 你\tx",
        ),
        (
            "status with details",
            "a; details",
            "rpc error: code = 9 desc = no money",
        ),
    ];
    let mut cases: Vec<Case> = cases
        .into_iter()
        .map(|(name, text, error)| {
            let answers: Vec<&str> = text.split("; ").take_while(|word| word.len() == 1).collect();
            call(name, say(text)).gives(fails(&answers, &failed(error)))
        })
        .collect();
    cases.extend([
        call("declared exception", say("a; declared-bare")).gives_by(|_, direction| {
            let text = match direction.server() {
                Side::Kitex => "Refused({Code:12 Why:<nil>})",
                Side::Ours => "Refused { code: 12, why: None }",
            };
            fails(&["a"], &failed(text))
        }),
        call("handler panic", say("a; panic")).gives_by(|lane, _| {
            let place = lane.full_name();
            let text = format!(
                "panic: [happened in biz handler, method={place}, please check the panic at the server side] ouch"
            );
            fails(&["a"], &on_client(12001, &text))
        }),
        call("class of a handler's error", steps("", &["send boom", "recv", "class"]))
            .gives(lines(&[&format!("error: {}", failed("boom")), "class none"]))
            .unless(talk_only),
    ]);
    cases
}

fn business() -> Vec<Case> {
    vec![
        call("business error with extra", say("biz")).gives(ends(&[], NOT_FOUND)),
        call("business error without extra", say("biz-plain")).gives(ends(&[], r#"business -7 "" {}"#)),
        call("business error with an empty extra", say("biz-empty")).gives(ends(&[], r#"business 5 "empty" {}"#)),
        call("business error beyond ASCII", say("biz-utf8")).gives(ends(&[], r#"business 7 "né 50%" {k=v<é>&}"#)),
        call("business error with a status of its own", say("biz-status"))
            .gives(ends(&[], r#"business 8 "no quota" {}"#)),
        call(
            "business error in turn",
            steps("", &["send a", "recv", "send biz", "recv", "recv", "class"]),
        )
        .gives(lines(&["got a", NOT_FOUND, NOT_FOUND, "class none"]))
        .unless(talk_only),
        call(
            "business error after queued answers",
            steps("a; b; biz", &["sleep 1000", "drain", "recv"]),
        )
        .gives_by(|_, direction| queued(direction))
        .unless(watch_only),
        call(
            "business error after queued answers of a stream both ways",
            steps("", &["send a; b; biz", "sleep 1000", "drain", "recv"]),
        )
        .gives_by(|_, direction| queued(direction))
        .unless(talk_only),
        call(
            "business error instead of the one answer",
            steps("", &["send a", "send biz", "sleep 1000", "finish"]),
        )
        .gives(lines(&[NOT_FOUND]))
        .unless(collect_only),
        call(
            "trailer after the one answer",
            steps("", &["send a; reply; sleep 60; trailer k-t 1", "finish", "trailer"]),
        )
        .gives(lines(&["got a", "trailer k-t=1"]))
        .unless(collect_only)
        .unless(kitex_server),
        call("answers before an error", steps("a; b; boom", &["sleep 1000", "drain"]))
            .gives(lines(&["got a", "got b", &format!("error: {}", failed("boom"))]))
            .unless(watch_only),
    ]
}

fn kitex_server(_: &Lane, direction: Direction) -> Option<&'static str> {
    (direction.server() == Side::Ours).then_some("a handler of ours has given its answer when it returns")
}

/// A Kitex client loses what is queued before a business error; ours gives it first (TSL-7).
fn queued(direction: Direction) -> Want {
    match direction.client() {
        Side::Kitex => lines(&[NOT_FOUND, NOT_FOUND]),
        Side::Ours => lines(&["got a", "got b", NOT_FOUND, NOT_FOUND]),
    }
}

const NOT_FOUND: &str = r#"business 404 "not found" {k=<v>}"#;
