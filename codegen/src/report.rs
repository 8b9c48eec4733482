//! What is wrong with an IDL, said like rustc says it.

use std::fmt::Write as _;

use crate::source::{Sources, Span};

/// Everything that is wrong. Collected, so that one run reports it all.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    message: String,
    span: Span,
    /// What stands behind the carets.
    label: String,
    notes: Vec<(Span, String)>,
    help: Option<String>,
}

impl Problem {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            span,
            label: String::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// What is to be said about the marked piece itself.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Another place that matters.
    pub(crate) fn note(mut self, span: Span, text: impl Into<String>) -> Self {
        self.notes.push((span, text.into()));
        self
    }

    /// What to do about it.
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    fn render(&self, sources: &Sources, out: &mut String) {
        let _ = writeln!(out, "error: {}", self.message);
        mark(sources, self.span, '^', &self.label, out);
        for (span, text) in &self.notes {
            let _ = writeln!(out, "note: {text}");
            mark(sources, *span, '-', "", out);
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "help: {help}");
        }
    }
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether so much is wrong that looking on is of no use.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= MAX_PROBLEMS
    }

    /// The whole report, in the order of the files.
    pub(crate) fn render(mut self, sources: &Sources) -> String {
        self.list.sort_by_key(|problem| problem.span);
        let mut out = String::new();
        for problem in &self.list {
            if !out.is_empty() {
                out.push('\n');
            }
            problem.render(sources, &mut out);
        }
        out
    }
}

/// Shows the line that holds `span`, and `mark` under it.
fn mark(sources: &Sources, span: Span, mark: char, label: &str, out: &mut String) {
    let source = sources.get(span.file);
    let place = source.location(span.start);
    let line = source.line(place.line - 1);
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    let _ = writeln!(out, "{margin}--> {}:{}:{}", source.name, place.line, place.column);
    let _ = writeln!(out, "{margin} |");
    let (from, shown) = excerpt(line, place.column - 1);
    let _ = writeln!(out, "{number} | {shown}");
    let before: String = shown
        .chars()
        .take(place.column - 1 - from)
        .map(|character| if character == '\t' { '\t' } else { ' ' })
        .collect();
    let left = shown.chars().count().saturating_sub(place.column - 1 - from);
    let width = source
        .slice(span)
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        .min(left)
        .max(1);
    let carets: String = std::iter::repeat_n(mark, width).collect();
    let _ = writeln!(out, "{margin} | {}", format!("{before}{carets} {label}").trim_end());
}

/// The part of a long line around the character at `column`, and the column it begins at.
fn excerpt(line: &str, column: usize) -> (usize, String) {
    if line.len() <= MAX_LINE {
        return (0, line.to_owned());
    }
    let from = column.saturating_sub(MAX_LINE / 2);
    (from, line.chars().skip(from).take(MAX_LINE).collect())
}

/// More would help nobody.
const MAX_PROBLEMS: usize = 64;
/// Characters of a line that are shown.
const MAX_LINE: usize = 240;
