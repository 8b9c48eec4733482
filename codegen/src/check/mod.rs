//! From syntax trees to a [`Model`]: names are resolved and everything is checked that can be wrong in an IDL.
//!
//! The steps each walk all files, so that one mistake does not hide another: names are declared, types resolved, then
//! constants and defaults evaluated (they may refer to each other), then what concerns whole types is checked
//! (recursion, hash keys), then services.

mod attributes;
mod constants;
mod declare;
mod recursion;
mod scope;
mod services;
mod streaming;
mod structs;
mod types;

use crate::Builder;
use crate::model::Model;
use crate::report::{Problem, Problems};
use crate::source::Span;
use crate::thrift::Unit;

use scope::Scope;

/// Checks the units. The model is of use only if `problems` stays empty.
pub(crate) fn check(units: &[Unit], options: &Builder, problems: &mut Problems) -> Model {
    let scope = declare::declare(units, problems);
    let mut checker = Checker {
        units,
        scope,
        options,
        problems,
        model: Model::default(),
    };
    checker.heads();
    checker.typedefs();
    checker.structs();
    checker.constants();
    checker.recursion();
    checker.containers();
    checker.services();
    checker.model
}

struct Checker<'a> {
    units: &'a [Unit],
    scope: Scope<'a>,
    options: &'a Builder,
    problems: &'a mut Problems,
    model: Model,
}

impl Checker<'_> {
    fn problem(&mut self, span: Span, message: impl Into<String>) {
        self.problems.push(Problem::new(span, message));
    }
}
