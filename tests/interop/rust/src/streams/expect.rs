//! What the lines of a client must be.

use super::lanes::{Lane, Mode};
use super::wish::Told;

/// The expected lines.
#[derive(Debug, Clone)]
pub(crate) enum Want {
    /// The step judges by itself.
    Anything,
    /// These answers of the handler, then the end.
    Answers(Vec<String>),
    /// These answers, then this error as `rpc error: …`, which a call without a stream prints with Kitex's words before it.
    Fails(Vec<String>, String),
    /// These answers, then this line, in every mode.
    Ends(Vec<String>, String),
    /// Exactly these lines.
    Lines(Vec<String>),
}

impl Want {
    /// The lines on this lane; `after` are those that come last.
    pub(crate) fn lines(&self, lane: &Lane, after: &[String]) -> Vec<String> {
        let mut lines = match self {
            Self::Anything => Vec::new(),
            Self::Answers(answers) => answered(lane, answers),
            Self::Fails(answers, error) => {
                let words = if lane.mode == Mode::Unary {
                    "remote or network error: "
                } else {
                    ""
                };
                ended(lane, answers, format!("error: {words}{error}"))
            }
            Self::Ends(answers, line) => ended(lane, answers, line.clone()),
            Self::Lines(lines) => lines.clone(),
        };
        lines.extend_from_slice(after);
        lines
    }
}

fn answered(lane: &Lane, answers: &[String]) -> Vec<String> {
    if lane.mode.answers_many() {
        ended(lane, answers, "end".to_owned())
    } else {
        vec![got(&answers.join(","))]
    }
}

fn ended(lane: &Lane, answers: &[String], end: String) -> Vec<String> {
    let answers = if lane.mode.answers_many() { answers } else { &[] };
    answers.iter().map(|text| got(text)).chain([end]).collect()
}

/// A long text is told by its length.
fn got(text: &str) -> String {
    if text.len() > LONG {
        format!("got {} bytes", text.len())
    } else {
        format!("got {text}")
    }
}

/// Texts beyond this many bytes are not shown.
pub(crate) const LONG: usize = 1000;

/// The difference, if there is one.
pub(crate) fn check(told: &Told, want: &[String]) -> Result<(), String> {
    let fits = told.lines.len() == want.len() && told.lines.iter().zip(want).all(|(line, want)| matches(line, want));
    if fits {
        Ok(())
    } else {
        Err(format!("got {:?}; want {want:?}", told.lines))
    }
}

/// `A || B` is one of the two, `A…` anything that begins so.
pub(crate) fn matches(line: &str, want: &str) -> bool {
    want.split(" || ").any(|want| match want.strip_suffix('…') {
        Some(start) => line.starts_with(start),
        None => line == want,
    })
}
