//! How connections end: the server's graceful stop, also for who does not come to an end, its death, old age; and one that a ping keeps.

use crate::streams::cases::{Case, Setup, Step, answers, call, fails, leave_open, lines, say, steps, talk_only};
use crate::streams::expect::Want;
use crate::streams::lanes::Mode;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "graceful stop while a handler works",
            Step::StopWhileRunning(say("a; sleep 350; b")),
        )
        .gives(answers(&["a", "b"])),
        Case::new(
            "graceful stop of a live stream",
            Step::StopWhileRunning(steps(
                "",
                &["send a", "recv", "sleep 350", "send b", "recv", "close", "recv"],
            )),
        )
        .gives(lines(&["got a", "got b", "end"]))
        .unless(talk_only),
        Case::new(
            "stop that does not wait for the end",
            Step::StopExpires(leave_open("sleep 20000")),
        )
        .on(Setup::Impatient)
        .gives(fails(&[], "rpc error: code = 14 desc = graceful shutdown")),
        Case::new("connections that age", Step::Repeat(say("sleep 30; a"), 12))
            .on(Setup::Aging)
            .gives(answers(&["a"])),
        call(
            "quiet stream of a server that pings",
            steps("", &["send a", "recv", "sleep 3500", "send b", "recv", "close", "recv"]),
        )
        .on(Setup::Pinging)
        .gives(lines(&["got a", "got b", "end"]))
        .unless(talk_only),
        Case::new("server lost", Step::ServerLost(leave_open("wait"))).gives_by(|lane, _| {
            let words = if lane.mode == Mode::Unary {
                "remote or network error: "
            } else {
                ""
            };
            Want::Lines(vec![format!(
                "error: {words}connection error: desc = \"error reading from server, …"
            )])
        }),
    ]
}
