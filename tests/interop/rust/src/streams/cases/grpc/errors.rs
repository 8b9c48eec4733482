//! Errors and business errors of handlers, in every mode; names that the server does not know.

use super::{thrift_only, unary_only};
use crate::streams::cases::{Case, Setup, answers, call, ends, fails, say};
use crate::streams::lanes::{Idl, Lane, Mode, Target};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = errors();
    cases.extend(business());
    cases.extend(declared());
    cases.extend(unknown());
    cases.extend(handled());
    cases
}

fn errors() -> Vec<Case> {
    vec![
        call("handler error", say("boom")).gives(fails(&[], "rpc error: code = 13 desc = boom [biz error]")),
        call("handler error after answers", say("a; b; boom"))
            .gives(fails(&["a", "b"], "rpc error: code = 13 desc = boom [biz error]")),
        call("status", say("status 5 gone")).gives(fails(&[], "rpc error: code = 5 desc = gone [biz error]")),
        call("status without a text", say("status 7")).gives(fails(&[], "rpc error: code = 7 desc =  [biz error]")),
        call("status beyond ASCII", say("status 3 50% 你\tx")).gives(fails(
            &[],
            "rpc error: code = 3 desc = 50% 你\tx [biz error]",
        )),
        call("status with a number of its own", say("status 99 far"))
            .gives(fails(&[], "rpc error: code = 99 desc = far [biz error]")),
        call("status with details", say("a; details")).gives(fails(
            &["a"],
            "rpc error: code = 9 desc = no money [biz error] detail type.test/detail 010203",
        )),
        call("typed error", say("typed")).gives(fails(&[], "rpc error: code = 1234 desc = typed [biz error]")),
        call("handler panic", say("panic")).gives_by(|lane, _| {
            let place = lane.full_name();
            fails(
                &[],
                &format!(
                    "rpc error: code = 13 desc = panic: [happened in biz handler, method={place}, please check the panic at the server side] ouch"
                ),
            )
        }),
    ]
}

fn business() -> Vec<Case> {
    vec![
        call("business error with extra", say("biz")).gives(ends(&[], r#"business 404 "not found" {k=<v>} status 13"#)),
        call("business error after answers", say("a; biz"))
            .gives(ends(&["a"], r#"business 404 "not found" {k=<v>} status 13"#)),
        call("business error without extra", say("biz-plain")).gives(ends(&[], r#"business -7 "" {} status 13"#)),
        call("business error beyond ASCII", say("biz-utf8"))
            .gives(ends(&[], r#"business 7 "né 50%" {k=v<é>&} status 13"#)),
        call("business error with a status of its own", say("biz-status")).gives(ends(
            &[],
            r#"business 8 "no quota" {} status 8 detail type.test/detail 010203"#,
        )),
    ]
}

fn declared() -> Vec<Case> {
    vec![
        call("declared exception", say("declared").to(Target::Plain))
            .gives(ends(&[], r#"declared Refused 11 "busy""#))
            .unless(unary_only)
            .unless(thrift_only),
        call("declared exception not thrown", say("fine").to(Target::Plain))
            .gives(answers(&["fine"]))
            .unless(unary_only)
            .unless(thrift_only),
        call("error of a void method", say("boom").to(Target::Quiet))
            .gives(fails(&[], "rpc error: code = 13 desc = boom [biz error]"))
            .unless(unary_only)
            .unless(thrift_only),
    ]
}

fn unknown() -> Vec<Case> {
    vec![
        call("unknown method", say("hi").to(Target::StrangeMethod))
            .gives_by(|lane, _| {
                fails(
                    &[],
                    &format!("rpc error: code = 1 desc = unknown method {}", absent(lane)),
                )
            })
            .refused(),
        call("unknown service", say("hi").to(Target::StrangeService))
            .gives_by(|lane, _| {
                let service = if lane.idl == Idl::Thrift {
                    "Strangers"
                } else {
                    "StrangersPb"
                };
                fails(&[], &format!("rpc error: code = 20 desc = unknown service {service}"))
            })
            .refused(),
    ]
}

fn handled() -> Vec<Case> {
    vec![
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
    ]
}

fn absent(lane: &Lane) -> &'static str {
    match (lane.idl, lane.mode) {
        (Idl::Thrift, Mode::Unary) => "absent",
        (Idl::Thrift, Mode::Collect) => "absent_collect",
        (Idl::Thrift, Mode::Watch) => "absent_watch",
        (Idl::Thrift, Mode::Talk) => "absent_talk",
        (Idl::Protobuf, Mode::Unary) => "Absent",
        (Idl::Protobuf, Mode::Collect) => "AbsentCollect",
        (Idl::Protobuf, Mode::Watch) => "AbsentWatch",
        (Idl::Protobuf, Mode::Talk) => "AbsentTalk",
    }
}
