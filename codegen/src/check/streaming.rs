//! What a streaming method must look like.

use super::Checker;
use crate::report::Problem;
use crate::source::Span;
use crate::thrift::ast;

impl Checker<'_> {
    /// One request, one response type; exceptions are allowed.
    pub(super) fn check_streaming(&mut self, function: &ast::Function, mode: Span) {
        if function.parameters.len() != 1 {
            let count = function.parameters.len();
            let problem = Problem::new(
                function.name.span,
                format!("a method with `streaming.mode` has exactly one parameter, this one has {count}"),
            );
            self.problems.push(problem.note(mode, "the mode is set here"));
        }
        if function.result.is_none() {
            let problem = Problem::new(function.result_span, "a method with `streaming.mode` has a response")
                .note(mode, "the mode is set here");
            self.problems.push(problem);
        }
    }
}
