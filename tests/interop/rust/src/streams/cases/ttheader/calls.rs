//! Streams and calls at once; names that the server does not know.

use super::{multiplexed_only, on_client};
use crate::lanes::{Direction, Side};
use crate::streams::cases::{Ask, Case, Setup, Step, answers, call, say, talk_only};
use crate::streams::expect::Want;
use crate::streams::lanes::{Lane, Mode, Target};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("1000 streams at once", Step::AtOnce(1000, 0)).unless(multiplexed_only),
        Case::new("1000 streams at once on one connection", Step::AtOnce(1000, 1)).unless(multiplexed_only),
        Case::new("200 streams at once", Step::AtOnce(200, 0)),
        // A Kitex server takes whatever comes (TSE-7).
        Case::new("40 streams at once, ten of which the server takes", Step::TooMany(40))
            .on(Setup::FewStreams)
            .unless(multiplexed_only),
        call("unknown method", patient(say("hi").to(Target::StrangeMethod)))
            .gives_by(|lane, direction| {
                let method = match lane.mode {
                    Mode::Collect => "absent_collect",
                    Mode::Watch => "absent_watch",
                    Mode::Unary | Mode::Talk => "absent_talk",
                };
                unknown(direction, &format!("unknown method {method} (service Streams)"))
            })
            .refused(),
        call("unknown service", patient(say("hi").to(Target::StrangeService)))
            .gives_by(|lane, direction| {
                let (_, method) = lane.place(Target::StrangeService);
                unknown(direction, &format!("unknown service Strangers, method {method}"))
            })
            .refused(),
        // A Kitex server panics in its generated code.
        call("method without a stream", say("hi").to(Target::NoStream))
            .gives_by(|_, direction| {
                let text = match direction.server() {
                    Side::Kitex => "panic: [happened in biz handler, method=Streams.plain, …",
                    Side::Ours => "unknown method plain (service Streams)",
                };
                Want::Fails(Vec::new(), on_client(12001, text))
            })
            .refused()
            .unless(talk_only),
        call(
            "unknown method, with a handler for it",
            say("hi").to(Target::StrangeMethod),
        )
        .on(Setup::Unknown)
        .gives(answers(&["hi"])),
        call(
            "unknown service, with a handler for it",
            say("hi").to(Target::StrangeService),
        )
        .on(Setup::Unknown)
        .gives(answers(&["hi"])),
        call("stream of a client without options", say("hi").without_options())
            .gives(answers(&["hi"]))
            .unless(multiplexed_only)
            .unless(|_, direction| (direction.client() == Side::Ours).then_some("about Kitex's generated code")),
        call("who calls what", say("who")).gives_by(|lane, direction| {
            // Ours tells the name (TSM-8), which Kitex neither sends nor reads.
            let caller = match direction {
                Direction::OursToOurs => super::CALLER,
                _ => "-",
            };
            answers(&[&names(caller, lane)])
        }),
    ]
}

/// A Kitex server says nothing at all; ours says at once what it does not know (TSE-7).
fn unknown(direction: Direction, text: &str) -> Want {
    let error = match direction.server() {
        Side::Kitex => on_client(12015, "stream timeout, timeout in ctx: …"),
        Side::Ours => on_client(12001, text),
    };
    Want::Fails(Vec::new(), error)
}

fn patient(ask: Ask) -> Ask {
    ask.within(900)
}

fn names(caller: &str, lane: &Lane) -> String {
    let (service, method) = lane.full_name().split_once('.').unwrap_or_default();
    format!("from {caller}/- service {service} method {method}")
}
