//! What a TTHeader carries: business errors, metainfo, deadline, checksum, caller and service names.

use super::{Ask, Case, End, Setup, Step, needs_header, needs_meta, say, thrift};
use crate::expect::{Expect, business, exception, value};
use crate::lanes::Side;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = business_errors();
    cases.extend(values());
    cases.extend(hops());
    cases.extend(deadlines());
    cases.extend(checksums());
    cases
}

fn business_errors() -> Vec<Case> {
    vec![
        call("business error with extra", say("biz"))
            .gives(business(404, "not found", &[("k", "<v>")]))
            .unless(needs_meta),
        call("business error without extra", say("biz-plain"))
            .gives(business(-7, "", &[]))
            .unless(needs_meta),
        call("business error 0", say("biz-zero"))
            .gives_by(|lane, _| if lane.protobuf { value("") } else { Expect::Nothing })
            .unless(needs_meta),
        call(
            "business error of a void method",
            thrift("Everything", "nothing", "biz"),
        )
        .gives(business(404, "not found", &[("k", "<v>")]))
        .unless(needs_meta),
    ]
}

fn values() -> Vec<Case> {
    vec![
        call("caller and service names", say("who"))
            .gives_by(|lane, _| {
                value(if lane.protobuf {
                    "from interop.caller/- service Proto method Say"
                } else {
                    "from interop.caller/- service Everything method say"
                })
            })
            .unless(needs_meta),
        call("persistent, transient and backward values", carried(say("meta")))
            .gives(
                value("P Per_K=p1,lower-k=p2 T gdpr-token=tok,tra-K=t1")
                    .and_backward(&[("back", "val"), ("Back_2", "")]),
            )
            .unless(needs_header),
        call("backward value with an exception", say("metaboom"))
            .gives(exception(6, "biz error: boom").and_backward(&[("back", "val")]))
            .unless(needs_header),
        call("values without a header", carried(say("meta")))
            .gives(value("P  T "))
            .unless(|lane, _| {
                lane.has_header()
                    .then_some("a header carries them: see persistent values")
            }),
    ]
}

fn carried(ask: Ask) -> Ask {
    ask.persistent("Per_K", "p1")
        .persistent("lower-k", "p2")
        .transient("tra-K", "t1")
        .transient("gdpr-token", "tok")
}

/// A sends persistent and transient values to B, which calls C. C must see the persistent ones alone; its backward value must end at B,
/// whose own goes to A.
fn hops() -> Vec<Case> {
    let mut cases = Vec::new();
    for (next, plain, changed) in [
        (Side::Kitex, "two hops, then Kitex", "two hops with changes, then Kitex"),
        (Side::Ours, "two hops, then ours", "two hops with changes, then ours"),
    ] {
        let ask = |text| {
            say(text)
                .persistent("keep", "1")
                .persistent("drop", "2")
                .transient("tra-K", "t1")
        };
        cases.push(
            Case::new(plain, Step::Hop(next, ask("hop")))
                .gives(value("B P drop=2,keep=1 T tra-K=t1 C P drop=2,keep=1 T  BACK back=val"))
                .unless(needs_meta),
        );
        cases.push(
            Case::new(changed, Step::Hop(next, ask("hopset")))
                .gives(value(
                    "B P drop=2,keep=1 T tra-K=t1 C P keep=1 T tra-K=own BACK back=val",
                ))
                .unless(needs_meta),
        );
    }
    cases
}

fn deadlines() -> Vec<Case> {
    vec![
        call("no server deadline by default", say("deadline").within(5000)).gives(value("no deadline")),
        call("server deadline from the header", say("deadline").within(9000))
            .on(Setup::Deadline)
            .gives(value("deadline within 10s"))
            .unless(needs_meta),
        call(
            "server deadline from a header of another length",
            say("deadline").within(90_000),
        )
        .on(Setup::Deadline)
        .gives(value("deadline within 100s"))
        .unless(needs_meta),
        call("no server deadline without a header", say("deadline").within(5000))
            .on(Setup::Deadline)
            .gives(value("no deadline"))
            .unless(|lane, _| lane.meta.then_some("a header carries it: see server deadline")),
        call("handler that waits for the deadline", say("wait").within(500))
            .on(Setup::Deadline)
            // Client and server wait equally long: the answer may come just in time.
            .gives(Expect::Timeout(8000).or(exception(6, "biz error: context deadline exceeded")))
            .unless(needs_meta),
    ]
}

fn checksums() -> Vec<Case> {
    let checked = |name, step| Case::new(name, step).on(Setup::Checksum).unless(needs_header);
    vec![
        checked("CRC32C on both sides", Step::ChecksumSeen),
        checked("CRC32C of a changed payload", Step::ChecksumBroken).gives(Expect::Unanswered),
        checked("CRC32C at the server alone", Step::ChecksumOneSided(End::Server)).gives(value("checked")),
        Case::new("CRC32C at the client alone", Step::ChecksumOneSided(End::Client))
            .gives(value("checked"))
            .unless(needs_header),
    ]
}

fn call(name: &'static str, ask: Ask) -> Case {
    Case::new(name, Step::Call(ask))
}
