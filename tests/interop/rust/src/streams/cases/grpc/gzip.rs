//! Gzip of requests and answers, seen on the wire. A Kitex program that links its gzip package answers compressed to everyone who accepts that.

use crate::lanes::Side;
use crate::streams::cases::{Case, Setup, Size, Sizes, Step, answers, fails, say};
use crate::streams::expect::Want;
use crate::streams::lanes::Mode;

pub(super) fn cases() -> Vec<Case> {
    let text = "y".repeat(TEXT);
    let both = Sizes {
        requests: Size::Small,
        answers: Size::Small,
    };
    let none = Sizes {
        requests: Size::Full,
        answers: Size::Full,
    };
    let requests = Sizes {
        answers: Size::Full,
        ..both
    };
    let measured =
        |name, ask, sizes| Case::new(name, Step::Measured(ask, sizes)).gives(Want::Answers(vec!["y".repeat(TEXT)]));
    vec![
        measured("gzip both ways", say(&text).compressed(), both).on(Setup::Gzip),
        measured("gzip of the request alone", say(&text).compressed(), requests).unless(|_, direction| {
            (direction.server() == Side::Kitex).then_some("a Kitex server that reads gzip answers in gzip")
        }),
        measured(
            "gzip of the answer alone",
            say(&text),
            Sizes {
                requests: Size::Full,
                ..both
            },
        )
        .on(Setup::Gzip)
        .unless(|_, _| Some("clients of both sides accept gzip only when they send gzip")),
        measured("no gzip, which the server has", say(&text), none).on(Setup::Gzip),
        measured("no gzip", say(&text), none),
        Case::new(
            "gzip of a request to a peer without it",
            Step::Call(say("hi").compressed()),
        )
        .on(Setup::NoGzip)
        .gives_by(|lane, direction| {
            // A Kitex handler that receives or sends hands on what it got; ours does not run.
            let runs = lane.mode != Mode::Unary && direction.server() == Side::Kitex;
            let suffix = if runs { " [biz error]" } else { "" };
            let error = "rpc error: code = 13 desc = no kitex compressor registered found for:gzip";
            fails(&[], &format!("{error}{suffix}"))
        })
        .refused(),
        Case::new(
            "gzip of many small messages",
            Step::Call(say("many 200; a; ; b").compressed()),
        )
        .on(Setup::Gzip)
        .gives_by(|_, _| {
            let numbers = (0..200).map(|number: u32| number.to_string());
            Want::Answers(numbers.chain(["a", "", "b"].map(str::to_owned)).collect())
        }),
        Case::new("gzip and a handler error", Step::Call(say("a; boom").compressed()))
            .on(Setup::Gzip)
            .gives(fails(&["a"], "rpc error: code = 13 desc = boom [biz error]")),
        Case::new("gzip of an empty message", Step::Call(say("").compressed()))
            .on(Setup::Gzip)
            .gives(answers(&[""])),
    ]
}

pub(crate) const TEXT: usize = 100_000;
