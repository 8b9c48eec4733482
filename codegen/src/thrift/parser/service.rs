//! Services.

use super::super::ast::{DefinitionKind, Field, Function, Name, Service};
use super::{Parsed, Parser};
use crate::report::Problem;

impl Parser<'_> {
    pub(super) fn service(&mut self) -> Parsed<(Name, DefinitionKind)> {
        let name = self.name("the service's name")?;
        let parent = if self.keyword("extends") {
            Some(self.dotted("the parent service's name")?)
        } else {
            None
        };
        let functions = self.list('{', '}', Self::function)?;
        Ok((name, DefinitionKind::Service(Service { parent, functions })))
    }

    fn function(&mut self) -> Parsed<Function> {
        let docs = self.docs();
        let oneway = if self.keyword("oneway") {
            Some(self.previous())
        } else if self.word() == "async" {
            let problem = Problem::new(self.span(), "`async` is no longer part of Thrift").help("write `oneway`");
            self.problems.push(problem);
            self.advance();
            Some(self.previous())
        } else {
            None
        };
        let result_span = self.span();
        let result = if self.keyword("void") { None } else { Some(self.ty()?) };
        let name = self.name("the function's name")?;
        let parameters = self.list('(', ')', Self::field)?;
        let throws: Vec<Field> = if self.keyword("throws") {
            self.list('(', ')', Self::field)?
        } else {
            Vec::new()
        };
        let annotations = self.annotations()?;
        self.separator();
        let docs = if docs.is_empty() { self.trailing_docs() } else { docs };
        let result_span = result.as_ref().map_or(result_span, |ty| ty.span);
        Ok(Function {
            docs,
            oneway,
            result,
            result_span,
            name,
            parameters,
            throws,
            annotations,
        })
    }
}
