//! What connections and streams hold while nothing happens.

use serde_json::Value;

use super::programs::{Implementation, Programs};
use super::{figure, print_head, print_row};
use crate::Failure;
use crate::aims::{Bound, HTTP2_IDLE_CONNECTION, HTTP2_IDLE_STREAM};
use crate::summary::Thousands;

pub(super) fn print(programs: &Programs) -> Result<(), Failure> {
    let mut found = Vec::new();
    for implementation in Implementation::ALL {
        found.push(programs.heap(&["memory", implementation.name()])?);
    }
    for (side, head) in [
        ("server", "Heap bytes of the server"),
        ("client", "Heap bytes of the client"),
    ] {
        print_head(head);
        for state in &STATES {
            print_state(&found, state, side)?;
        }
    }
    Ok(())
}

fn print_state(found: &[Value], state: &State, side: &str) -> Result<(), Failure> {
    let figures = Implementation::ALL.map(|implementation| {
        let of = found
            .get(implementation as usize)
            .ok_or("an implementation is missing")?;
        figure(&of[state.name][side])
    });
    let row = print_row(state.title, figures, |figure| Thousands(figure).to_string())?;
    if let Some(aim) = state.aim {
        println!("    aim: {aim}: {}", aim.verdict(row.ours));
    }
    Ok(())
}

struct State {
    name: &'static str,
    title: &'static str,
    aim: Option<Bound>,
}

impl State {
    const fn new(name: &'static str, title: &'static str, aim: Option<Bound>) -> Self {
        Self { name, title, aim }
    }
}

const STATES: [State; 7] = [
    State::new("connected", "connection, settings exchanged", None),
    State::new("exchanged", "after one exchange", None),
    State::new("idle", "after that, idle", Some(HTTP2_IDLE_CONNECTION)),
    State::new("burst", "after 100 exchanges at once", None),
    State::new("idle_after_burst", "after that, idle", None),
    State::new("stream", "each of 100 open streams, idle", None),
    State::new(
        "stream_beyond_fields",
        "the same, beyond the header fields held",
        Some(HTTP2_IDLE_STREAM),
    ),
];
