//! What a streaming method must look like.

use super::Checker;
use crate::model::{Method, Type};
use crate::report::Problem;
use crate::source::Span;
use crate::thrift::ast;

impl Checker<'_> {
    /// Every mode has one request. Exceptions are allowed.
    pub(super) fn check_streaming(&mut self, function: &ast::Function, mode: Span) {
        if function.parameters.len() != 1 {
            let count = function.parameters.len();
            let problem = Problem::new(
                function.name.span,
                format!("a method with `streaming.mode` has exactly one parameter, this one has {count}"),
            );
            self.problems.push(problem.note(mode, "the mode is set here"));
        }
    }

    /// The messages of a stream stand alone, so they are structs. `method` is `function`.
    pub(super) fn check_messages(&mut self, method: &Method, function: &ast::Function) {
        if !method.kind.is_streaming() {
            return;
        }
        if function.result.is_none() {
            self.problem(function.result_span, "a method that streams has a response");
        }
        let parameter = method.parameters.first().zip(function.parameters.first());
        let parameter = parameter.map(|(field, declared)| (&field.ty, declared.ty.span));
        let result = method.result.as_ref().map(|ty| (ty, function.result_span));
        for (ty, span) in parameter.into_iter().chain(result) {
            if !matches!(self.model.resolved(ty), Type::Struct(_)) {
                let problem = Problem::new(span, "a message of a stream is a struct, a union or an exception");
                self.problems.push(problem.help("put the value into a struct"));
            }
        }
    }
}
