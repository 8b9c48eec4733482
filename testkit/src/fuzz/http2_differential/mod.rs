//! The same bytes to the `h2` crate and to us.

mod case;
mod differences;
mod ours;
mod theirs;
mod view;

use std::collections::BTreeSet;

use case::Case;
use differences::{DIFFERENCES, Difference, Ends};
use kitewire_proto::wire::http2::PREFACE;
use ours::Ours;
use theirs::Theirs;
use view::View;

use super::http2_script::{Script, Side, Step, frame};

/// A peer to the `h2` crate's connection and to ours, frame by frame: heads, bodies, trailers, resets and the end of
/// the connection agree after each frame, or [the list of differences](http2_differences) names why not.
///
/// The first byte chooses whether the peer is a client.
pub fn http2_differential(data: &[u8]) {
    run(data);
}

/// Names and RFC clauses of all known differences.
pub fn http2_differences() -> impl Iterator<Item = (&'static str, &'static str)> {
    DIFFERENCES
        .iter()
        .map(|difference| (difference.name, difference.clause))
}

/// The names of the differences that `data` shows.
#[must_use]
pub fn http2_differences_of(data: &[u8]) -> BTreeSet<&'static str> {
    run(data)
}

fn run(data: &[u8]) -> BTreeSet<&'static str> {
    let mut met = BTreeSet::new();
    let Some((choice, bytes)) = data.split_first() else {
        return met;
    };
    let side = if choice & 1 == 0 { Side::Client } else { Side::Server };
    let (mut ours, mut theirs) = (Ours::new(side), Theirs::new(side));
    let script = Script::new(side, if side == Side::Server { REQUESTS } else { 0 }, bytes);
    let mut case = Case::new(side);
    let mut excluded = BTreeSet::new();
    for step in prologue(side).into_iter().chain(script).take(MOST_STEPS) {
        case.begin(&step);
        if !case.is_comparable() {
            break;
        }
        let mut views = [ours.take(&step), theirs.take(&step)];
        views.iter_mut().for_each(|view| view.forget(&excluded));
        if views[0] != views[1] {
            // A stream that only one of them still has counts in its limit, and what comes on it is judged by that.
            let about_excluded = case.stream().is_some_and(|stream| excluded.contains(&stream));
            if about_excluded || !excluded.is_empty() && views.iter().any(|view| case.is_refusal(view)) {
                break;
            }
            case.complaint = ours.complaint(case.stream().unwrap_or(0));
            let difference = named(&case, &views);
            met.insert(difference.name);
            match difference.ends {
                Ends::Comparison => return met,
                Ends::Stream => excluded.extend(case.stream()),
            }
        }
        if ours.is_over() || case.self_dependent {
            break;
        }
        let [view, _] = &mut views;
        view.forget(&excluded);
        case.end(view);
    }
    met
}

fn named(case: &Case, [ours, theirs]: &[View; 2]) -> &'static Difference {
    let verdicts = (case.verdict(ours), case.verdict(theirs));
    let found = DIFFERENCES
        .iter()
        .find(|difference| (difference.applies)(case, verdicts.0, verdicts.1));
    found.unwrap_or_else(|| {
        let gist = ours.gist(theirs);
        panic!("no name for a difference {case}, {verdicts:?}\n{gist}\n{case:?}\nours   {ours:?}\ntheirs {theirs:?}")
    })
}

/// What each side says first, as if it had read the other's SETTINGS.
fn prologue(side: Side) -> Vec<Step> {
    let mut first = Vec::new();
    if side == Side::Client {
        first.extend(PREFACE);
    }
    first.extend(frame(0x4, 0, 0, &[]));
    vec![Step::Frame(first), Step::Frame(frame(0x4, 1, 0, &[]))]
}

/// Streams that a client has open when a script begins: a whole GET, a POST without its body, a whole HEAD.
const REQUESTS: u32 = 3;
/// Short enough that neither side counts it as abuse.
const MOST_STEPS: usize = 60;
