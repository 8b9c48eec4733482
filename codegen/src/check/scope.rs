//! Names and what they stand for.

use std::collections::BTreeMap;

use super::Checker;
use crate::model::Definition;
use crate::report::Problem;
use crate::source::Span;
use crate::thrift::{UnitId, ast};

/// All names of all files, and all definitions by kind. Indices are those of the model.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    /// For each file, what its names stand for.
    pub(super) names: Vec<BTreeMap<&'a str, Definition>>,
    pub(super) typedefs: Vec<Declared<'a>>,
    pub(super) enums: Vec<Declared<'a>>,
    pub(super) structs: Vec<Declared<'a>>,
    pub(super) constants: Vec<Declared<'a>>,
    pub(super) services: Vec<Declared<'a>>,
}

/// A definition and the file it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared<'a> {
    pub(super) unit: UnitId,
    pub(super) definition: &'a ast::Definition,
}

impl Scope<'_> {
    pub(super) fn declared(&self, definition: Definition) -> Declared<'_> {
        match definition {
            Definition::Typedef(index) => self.typedefs[index],
            Definition::Enum(index) => self.enums[index],
            Definition::Struct(index) => self.structs[index],
            Definition::Constant(index) => self.constants[index],
            Definition::Service(index) => self.services[index],
        }
    }
}

/// What a name was found to be.
pub(super) enum Found {
    Definition(Definition),
    /// Nothing, and that has been reported already: it is from a file that could not be read.
    Missing,
    Nothing,
}

impl Checker<'_> {
    /// What `name` stands for in `unit`: something of its own, or of an include after the include's name and a dot.
    pub(super) fn find(&self, unit: UnitId, name: &str) -> Found {
        if let Some(definition) = self.scope.names[unit.0].get(name) {
            return Found::Definition(*definition);
        }
        let Some((include, inner)) = name.rsplit_once('.') else {
            return Found::Nothing;
        };
        let unit = &self.units[unit.0];
        if unit.missing.contains(include) {
            return Found::Missing;
        }
        match unit
            .includes
            .get(include)
            .and_then(|unit| self.scope.names[unit.0].get(inner))
        {
            Some(definition) => Found::Definition(*definition),
            None => Found::Nothing,
        }
    }

    /// Reports that `name` stands for nothing.
    pub(super) fn unknown(&mut self, unit: UnitId, kind: &str, name: &str, span: Span) {
        let mut problem = Problem::new(span, format!("unknown {kind} `{name}`"));
        let include = name.rsplit_once('.').map(|(include, _)| include);
        problem = match include {
            Some(include) if !self.units[unit.0].includes.contains_key(include) => {
                problem.label(format!("no file called `{include}` is included"))
            }
            Some(include) => problem.label(format!("`{include}` does not define it")),
            None => problem.label("not defined in this file"),
        };
        let inner = name.rsplit('.').next().unwrap_or(name);
        let similar = self.units[unit.0]
            .includes
            .iter()
            .map(|(include, unit)| (format!("{include}."), *unit))
            .chain([(String::new(), unit)])
            .find_map(|(prefix, unit)| {
                let names = self.scope.names[unit.0].keys();
                let known = names.copied().find(|known| known.eq_ignore_ascii_case(inner))?;
                Some(format!("{prefix}{known}"))
            });
        if let Some(similar) = similar {
            problem = problem.help(format!("there is `{similar}`"));
        }
        self.problems.push(problem);
    }
}
