//! Values, declared exceptions, oneway, handler failures, timeouts: what every transport carries.

use super::{Ask, Case, Setup, Step, either, needs_header, proto, say, thrift, thrift_only};
use crate::expect::{Expect, declared, exception, value};
use crate::lanes::{Direction, Lane, Side};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = values();
    cases.extend(exceptions());
    cases.extend(failures());
    cases.extend(connections());
    cases
}

fn values() -> Vec<Case> {
    vec![
        call("echo", say("hello")).gives(value("hello")),
        call("empty text", say("")).gives(value("")),
        call("text beyond ASCII", say("grüße, 世界 🎏")).gives(value("grüße, 世界 🎏")),
        call("transport as the handler sees it", say("transport")).gives_by(|lane, _| value(lane.seen_as)),
        call("every type, all set", types("full")).gives(value("same")),
        call("every type, least", types("least")).gives(value("same")),
        call("every type, edges", types("edges")).gives(value("same")),
        call(
            "zero as the value of a map entry",
            proto("Proto", "Types", "zero in a map"),
        )
        .gives(value("same"))
        .unless(|_, direction| {
            matches!(direction, Direction::KitexToOurs | Direction::OursToKitex)
                .then_some("prost leaves the zero out, and Kitex's Protobuf runtime does not read such an entry")
        }),
        call("inherited method", thrift("Everything", "inherited", "up")).gives(value("up")),
        call("two parameters", thrift("Everything", "sum", "-40 2000000000000")).gives(value("1999999999960")),
        call("map as parameter and result", thrift("Everything", "swap", "a=b,c=d")).gives(value("b=a,d=c")),
        call("void", thrift("Everything", "nothing", "quiet")).gives(value("done")),
        call("void without parameters", thrift("Everything", "ping", "")).gives(value("done")),
        call("request of 300 KB", say(&"r".repeat(300_000))).gives(Expect::Bytes(300_000)),
        call("answer of 1 MiB", say("big 1048576")).gives(Expect::Bytes(1 << 20)),
    ]
}

fn exceptions() -> Vec<Case> {
    vec![
        call("declared exception", thrift("Everything", "fails", "refused")).gives(declared("Refused", 11, "busy")),
        call("declared exception, field unset", thrift("Everything", "fails", "bare"))
            .gives(declared("Refused", 12, "")),
        call("second declared exception", thrift("Everything", "fails", "other")).gives(declared("Other", 0, "o")),
        call("declared exception not thrown", thrift("Everything", "fails", "fine")).gives(value("fine")),
        call(
            "declared exception of a void method",
            thrift("Everything", "refuses", "refused"),
        )
        .gives(declared("Refused", 12, "no")),
        call("void method that could throw", thrift("Everything", "refuses", "fine")).gives(value("done")),
    ]
}

fn failures() -> Vec<Case> {
    vec![
        call("handler error", say("boom")).gives(exception(6, "biz error: boom")),
        call(
            "handler error of a void method",
            thrift("Everything", "nothing", "boom"),
        )
        .gives(exception(6, "biz error: boom")),
        call("typed error", say("typed")).gives(exception(1234, "typed [biz error]")),
        call("handler panic", say("panic")).gives_by(|lane, _| exception(6, &panic_text(lane))),
        call("no result", say("nil")).gives_by(|lane, _| empty_result(lane)),
        call("business error without a header", say("biz"))
            .gives_by(|lane, _| empty_result(lane))
            .unless(|lane, _| lane.meta.then_some("a header carries it: see business error")),
        call(
            "unknown method",
            either(("stranger.Everything", "absent"), ("strangerpb.Proto", "Absent"), "x"),
        )
        .gives_by(|lane, _| unknown_method(lane)),
        call(
            "unknown service",
            either(("stranger.Stranger", "absent"), ("strangerpb.Stranger", "Absent"), "x"),
        )
        .gives_by(|lane, _| unknown_service(lane)),
        Case::new(
            "echo after an unknown method",
            Step::Then(
                either(("stranger.Everything", "absent"), ("strangerpb.Proto", "Absent"), "x"),
                say("still there"),
            ),
        )
        .gives(value("still there")),
        Case::new(
            "echo after a handler panic",
            Step::Then(say("panic"), say("still there")),
        )
        .gives(value("still there")),
    ]
}

fn connections() -> Vec<Case> {
    vec![
        Case::new("oneway", Step::Oneway("token")).unless(thrift_only),
        Case::new("oneway whose handler fails", Step::Oneway("boom")).unless(thrift_only),
        Case::new("oneway whose handler panics", Step::Oneway("panic")).unless(thrift_only),
        Case::new("100 calls in sequence", Step::Sequence(100)),
        Case::new("16 calls at once", Step::AtOnce(16)),
        call("client's timeout", say("sleep 9000").within(150)).gives(Expect::Timeout(8000)),
        Case::new(
            "echo after a timeout",
            Step::Then(say("sleep 300").within(50), say("still there")),
        )
        .gives(value("still there")),
        Case::new("16 calls at once, multiplexed only", Step::AtOnce(16))
            .on(Setup::MultiplexOnly)
            .unless(needs_header),
        call("cut off by a server that only multiplexes", say("hello").within(1500))
            .on(Setup::MultiplexOnly)
            .gives(Expect::Unanswered)
            .unless(|lane, _| lane.has_header().then_some("a header is what such a server takes")),
        Case::new("5 calls in sequence, server that does not multiplex", Step::Sequence(5))
            .on(Setup::Single)
            .unless(|lane, direction| match (lane.multiplexed, direction.server()) {
                (false, _) => Some("not a multiplexed connection"),
                (true, Side::Ours) => Some("our server multiplexes by default"),
                (true, Side::Kitex) => None,
            }),
    ]
}

fn call(name: &'static str, ask: Ask) -> Case {
    Case::new(name, Step::Call(ask))
}

fn types(sample: &str) -> Ask {
    either(("Everything", "types"), ("Proto", "Types"), sample)
}

fn panic_text(lane: &Lane) -> String {
    let method = if lane.protobuf { "Proto.Say" } else { "Everything.say" };
    format!("panic: [happened in biz handler, method={method}, please check the panic at the server side] ouch")
}

/// An absent Protobuf message is the one with every default.
fn empty_result(lane: &Lane) -> Expect {
    if lane.protobuf { value("") } else { Expect::Nothing }
}

fn unknown_method(lane: &Lane) -> Expect {
    match (lane.meta, lane.protobuf) {
        (true, false) => exception(1, "unknown method absent (service Everything)"),
        (true, true) => exception(1, "unknown method Absent (service Proto)"),
        (false, false) => exception(20, "unknown service , method absent"),
        (false, true) => exception(20, "unknown service , method Absent"),
    }
}

fn unknown_service(lane: &Lane) -> Expect {
    let method = if lane.protobuf { "Absent" } else { "absent" };
    let service = if lane.meta { "Stranger" } else { "" };
    exception(20, &format!("unknown service {service}, method {method}"))
}
