//! Annotations that mean something here.

use super::Checker;
use crate::model::{Container, MethodKind, Strings};
use crate::report::Problem;
use crate::source::Span;
use crate::thrift::ast::{Annotation, Name};

/// What the annotations of one thing say. Those of other tools are ignored.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    pub(super) rename: Option<String>,
    pub(super) text: Option<Strings>,
    pub(super) container: Option<(Container, Span)>,
    pub(super) keep_unknown: Option<bool>,
    pub(super) combine: bool,
    pub(super) streaming: Option<(MethodKind, Span)>,
}

/// What the annotations stand behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Namespace,
    Type,
    Typedef,
    Field,
    Struct,
    Function,
    /// A constant, an enum, an enum value or a service.
    Other,
}

impl Checker<'_> {
    pub(super) fn attributes(&mut self, annotations: &[Annotation], place: Place) -> Attributes {
        let mut attributes = Attributes::default();
        for (index, annotation) in annotations.iter().enumerate() {
            let key = annotation.key.text.as_str();
            if key != STREAMING && !key.starts_with("kitewire.") {
                continue;
            }
            if let Some(first) = annotations[..index].iter().find(|earlier| earlier.key.text == key) {
                let problem = Problem::new(annotation.key.span, format!("`{key}` is given twice"))
                    .note(first.key.span, "first given here");
                self.problems.push(problem);
                continue;
            }
            if !self.has_effect(annotation, place) {
                continue;
            }
            self.attribute(annotation, &mut attributes);
        }
        attributes
    }

    fn has_effect(&mut self, annotation: &Annotation, place: Place) -> bool {
        let key = annotation.key.text.as_str();
        let effective = match key {
            "kitewire.name" => !matches!(place, Place::Namespace | Place::Type),
            "kitewire.string" | "kitewire.bytes" | "kitewire.container" => {
                matches!(place, Place::Type | Place::Typedef | Place::Field)
            }
            "kitewire.keep_unknown" => place == Place::Struct,
            "kitewire.combine" => place == Place::Namespace,
            STREAMING => place == Place::Function,
            _ => {
                let problem = Problem::new(annotation.key.span, format!("unknown annotation `{key}`")).help(
                    "there are `kitewire.name`, `kitewire.string`, `kitewire.bytes`, `kitewire.container`, \
                     `kitewire.keep_unknown` and `kitewire.combine`",
                );
                self.problems.push(problem);
                return false;
            }
        };
        if !effective && key != STREAMING {
            self.problem(annotation.key.span, format!("`{key}` has no effect here"));
        }
        effective
    }

    fn attribute(&mut self, annotation: &Annotation, attributes: &mut Attributes) {
        match annotation.key.text.as_str() {
            "kitewire.name" => attributes.rename = self.rename(annotation),
            "kitewire.bytes" => attributes.text = self.flag(annotation).then_some(Strings::Bytes),
            "kitewire.string" => {
                let choices = [
                    ("string", Strings::Owned),
                    ("text", Strings::Shared),
                    ("bytes", Strings::Bytes),
                ];
                attributes.text = self.choice(annotation, &choices);
            }
            "kitewire.container" => {
                let choices = [
                    ("ordered", Container::Ordered),
                    ("hash", Container::Hash),
                    ("btree", Container::BTree),
                ];
                attributes.container = self
                    .choice(annotation, &choices)
                    .map(|kind| (kind, annotation.key.span));
            }
            "kitewire.keep_unknown" => attributes.keep_unknown = Some(self.flag(annotation)),
            "kitewire.combine" => attributes.combine = self.flag(annotation),
            _ => {
                let choices = [
                    ("unary", MethodKind::Unary),
                    ("client", MethodKind::ClientStreaming),
                    ("server", MethodKind::ServerStreaming),
                    ("bidirectional", MethodKind::BidirectionalStreaming),
                ];
                attributes.streaming = self
                    .choice(annotation, &choices)
                    .map(|kind| (kind, annotation.key.span));
            }
        }
    }

    fn rename(&mut self, annotation: &Annotation) -> Option<String> {
        let (text, span) = value(annotation);
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if first && text != "_" && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Some(text.to_owned());
        }
        self.problem(span, format!("`{text}` is not a Rust identifier"));
        None
    }

    /// `(key)`, `(key = "true")` and `(key = "1")` are yes.
    fn flag(&mut self, annotation: &Annotation) -> bool {
        annotation.value.is_none()
            || self.choice(
                annotation,
                &[("true", true), ("1", true), ("false", false), ("0", false)],
            ) == Some(true)
    }

    fn choice<T: Copy>(&mut self, annotation: &Annotation, choices: &[(&str, T)]) -> Option<T> {
        let (text, span) = value(annotation);
        let found = choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            let message = format!("`{text}` is not a value of `{}`", annotation.key.text);
            self.problems
                .push(Problem::new(span, message).help(format!("the values are {}", names.join(", "))));
        }
        found
    }
}

fn value(annotation: &Annotation) -> (&str, Span) {
    annotation
        .value
        .as_ref()
        .map_or(("", annotation.key.span), |Name { text, span }| (text, *span))
}

/// Kitex's annotation for streaming methods.
const STREAMING: &str = "streaming.mode";
