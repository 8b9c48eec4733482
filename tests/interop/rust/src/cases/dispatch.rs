//! Which service answers: with and without the service name, fallback, refused traffic, unknown-service handler, combine service.

use super::{Ask, Case, Setup, Step, either, needs_meta, proto, thrift};
use crate::expect::{Expect, exception, value};
use crate::lanes::{Direction, Lane, Side};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = main();
    cases.extend(fallback());
    cases.extend(refuse());
    cases.extend(unknown());
    cases.extend(combine());
    cases.extend(two_codecs());
    cases
}

fn main() -> Vec<Case> {
    vec![
        on(
            Setup::Main,
            "shared method, named or fallback",
            thrift("Second", "say", "x"),
        )
        .gives_by(|lane, _| value(if lane.meta { "second:x" } else { "x" })),
        on(
            Setup::Main,
            "method of one service",
            thrift("Second", "only_second", "x"),
        )
        .gives(value("x")),
        on(
            Setup::Main,
            "unknown service, one owner of the method",
            either(
                ("stranger.Stranger", "only_second"),
                ("strangerpb.Stranger", "OnlyProto"),
                "x",
            ),
        )
        .gives(value("x")),
        on(
            Setup::Main,
            "known service, method of another",
            thrift("stranger.Everything", "only_second", "x"),
        )
        .gives_by(|lane, _| {
            if lane.meta {
                exception(1, "unknown method only_second (service Everything)")
            } else {
                value("x")
            }
        }),
    ]
}

fn fallback() -> Vec<Case> {
    let setup = Setup::Fallback;
    vec![
        on(setup, "fallback: A.Echo1", thrift("ServiceA", "Echo1", "x"))
            .gives_by(|lane, _| value(if lane.meta { "A:x" } else { "C:x" })),
        on(setup, "fallback: B.Echo2", thrift("ServiceB", "Echo2", "x")).gives(value("B:x")),
        on(setup, "fallback: C.Echo1", thrift("ServiceC", "Echo1", "x")).gives(value("C:x")),
        on(setup, "fallback: A.EchoA", thrift("ServiceA", "EchoA", "x")).gives(value("A:x")),
        on(
            setup,
            "fallback: unknown service, one owner",
            thrift("stranger.Stranger", "Echo2", "x"),
        )
        .gives(value("B:x")),
        on(
            setup,
            "fallback: unknown service, two owners",
            thrift("stranger.Stranger", "Echo1", "x"),
        )
        .gives_by(|lane, _| {
            if lane.meta {
                exception(20, "unknown service Stranger, method Echo1")
            } else {
                value("C:x")
            }
        }),
        on(
            setup,
            "fallback: known service, method of another",
            thrift("stranger.ServiceA", "EchoB", "x"),
        )
        .gives_by(|lane, _| {
            if lane.meta {
                exception(1, "unknown method EchoB (service ServiceA)")
            } else {
                value("B:x")
            }
        }),
    ]
}

fn refuse() -> Vec<Case> {
    let setup = Setup::Refuse;
    vec![
        on(setup, "refuse: named", thrift("ServiceA", "Echo1", "x")).gives_by(|lane, direction| {
            if lane.meta {
                value("A:x")
            } else {
                refused("Echo1", direction)
            }
        }),
        on(setup, "refuse: method of one service", thrift("ServiceB", "Echo2", "x")).gives_by(|lane, direction| {
            if lane.meta {
                value("B:x")
            } else {
                refused("Echo2", direction)
            }
        }),
        on(setup, "refuse: Protobuf", proto("PbA", "EchoP", "x")).gives_by(|lane, direction| {
            if lane.meta {
                value("PbA:x")
            } else {
                refused("EchoP", direction)
            }
        }),
        on(setup, "refuse: wrong name", thrift("stranger.Stranger", "Echo2", "x"))
            .gives(exception(20, "unknown service Stranger, method Echo2"))
            .unless(needs_meta),
    ]
}

fn unknown() -> Vec<Case> {
    let setup = Setup::Unknown;
    vec![
        on(
            setup,
            "unknown handler: method",
            either(("stranger.Everything", "absent"), ("strangerpb.Proto", "Absent"), "hi"),
        )
        .gives_by(|lane, _| handled("Everything", "Proto", lane)),
        on(
            setup,
            "unknown handler: service",
            either(("stranger.Stranger", "absent"), ("strangerpb.Stranger", "Absent"), "hi"),
        )
        .gives_by(|lane, _| handled("Stranger", "Stranger", lane)),
        on(
            setup,
            "unknown handler: one owner of the method",
            either(
                ("stranger.Stranger", "only_second"),
                ("strangerpb.Stranger", "OnlyProto"),
                "hi",
            ),
        )
        .gives(value("hi")),
        on(setup, "unknown handler: known call", super::say("hi")).gives(value("hi")),
    ]
}

fn combine() -> Vec<Case> {
    let setup = Setup::Combine;
    vec![
        on(setup, "combine: CombA.Echo1", thrift("CombA", "Echo1", "x")).gives(value("comb:x")),
        on(setup, "combine: CombB.Echo2", thrift("CombB", "Echo2", "x")).gives(value("comb:x")),
        on(setup, "combine: combine client", thrift("CombineService", "Echo2", "x")).gives(value("comb:x")),
        on(
            setup,
            "combine: another service's name",
            thrift("ServiceA", "Echo1", "x"),
        )
        .gives(value("comb:x")),
        on(
            setup,
            "combine: unknown method",
            thrift("stranger.ServiceA", "absent", "x"),
        )
        .gives_by(combine_unknown),
    ]
}

fn two_codecs() -> Vec<Case> {
    let setup = Setup::TwoCodecs;
    vec![
        on(setup, "two codecs: Thrift", thrift("ServiceA", "Echo1", "x")).gives(value("A:x")),
        on(setup, "two codecs: Protobuf", proto("PbA", "EchoP", "x")).gives(value("PbA:x")),
        on(setup, "two codecs: shared method", proto("PbA", "Echo1", "x")).gives_by(|lane, _| {
            if lane.meta {
                value("PbA:x")
            } else {
                exception(9, "decode failed, codec msg type not match with protobufCodec")
            }
        }),
    ]
}

fn on(setup: Setup, name: &'static str, ask: Ask) -> Case {
    Case::new(name, Step::Call(ask)).on(setup)
}

/// Ours says after Kitex's text what the documents promise.
fn refused(method: &str, direction: Direction) -> Expect {
    let text = format!("unknown service , method {method}");
    match direction.server() {
        Side::Kitex => exception(20, &text),
        Side::Ours => exception(
            20,
            &format!("{text}: no service name while the server has WithRefuseTrafficWithoutServiceName option enabled"),
        ),
    }
}

/// The answer of the unknown-service handler; the sizes are those of the arguments {1: {1: "hi"}} and of the message {1: "hi"}.
fn handled(thrift: &str, protobuf: &str, lane: &Lane) -> Expect {
    let name = |known| if lane.meta { known } else { "-" };
    if lane.protobuf {
        value(&format!("unknown {} Absent protobuf 4", name(protobuf)))
    } else {
        value(&format!("unknown {} absent thrift 14", name(thrift)))
    }
}

/// A combine service answers to every name, so that its methods can only be unknown in the service that was asked for.
fn combine_unknown(lane: &Lane, _: Direction) -> Expect {
    let name = if lane.meta { "ServiceA" } else { "" };
    exception(1, &format!("unknown method absent (service {name})"))
}
