//! From tokens to a syntax tree, by recursive descent.
//!
//! The grammar is the one that Kitex's tool takes, in which words are keywords only where they are expected. After a
//! mistake the parser goes on at the next thing that looks like a beginning, so that one run finds many.

mod definition;
mod service;
mod value;

#[cfg(test)]
mod tests;

use super::ast::{Annotation, File, Include, Name, Namespace};
use super::lexer::{Token, TokenKind, Tokens, tokens};
use crate::report::{Problem, Problems};
use crate::source::{FileId, Sources, Span};

/// Parses one file. What is wrong goes to `problems`; what is right is in the tree.
pub(crate) fn parse(file: FileId, sources: &Sources, problems: &mut Problems) -> File {
    let source = sources.get(file);
    let tokens = tokens(file, source, problems);
    let mut parser = Parser {
        source,
        tokens,
        at: 0,
        depth: 0,
        problems,
    };
    let mut parsed = File::default();
    parser.headers(&mut parsed);
    parser.definitions(&mut parsed);
    parsed
}

/// A mistake that has been reported; the caller looks for a place to go on.
struct Stop;

type Parsed<T> = Result<T, Stop>;

struct Parser<'a> {
    source: &'a crate::source::Source,
    tokens: Tokens,
    at: usize,
    /// Types and values that are open.
    depth: usize,
    problems: &'a mut Problems,
}

impl Parser<'_> {
    fn headers(&mut self, file: &mut File) {
        loop {
            let start = self.span();
            let header = match self.word() {
                "include" => self.include().map(|include| file.includes.push(include)),
                "cpp_include" | "hs_include" => self.foreign_include(),
                "namespace" => self.namespace().map(|namespace| file.namespaces.push(namespace)),
                "php_namespace" | "cpp_namespace" | "py_module" | "perl_package" | "ruby_namespace"
                | "java_package" | "xsd_namespace" | "csharp_namespace" | "delphi_namespace" | "cocoa_prefix"
                | "smalltalk_category" | "smalltalk_prefix" => {
                    let old = self.word().to_owned();
                    let problem = Problem::new(start, format!("`{old}` is no longer part of Thrift"))
                        .help("write `namespace <language> <name>`");
                    self.problems.push(problem);
                    Err(Stop)
                }
                _ => return,
            };
            if header.is_err() {
                self.skip_to_definition(start);
            }
        }
    }

    fn include(&mut self) -> Parsed<Include> {
        self.advance();
        let span = self.span();
        let path = self.literal("the path of an IDL file in quotes")?;
        self.separator();
        Ok(Include { path, span })
    }

    fn foreign_include(&mut self) -> Parsed<()> {
        self.advance();
        self.literal("a path in quotes")?;
        self.separator();
        Ok(())
    }

    fn namespace(&mut self) -> Parsed<Namespace> {
        self.advance();
        let scope = if self.mark('*') {
            Name {
                text: "*".to_owned(),
                span: self.previous(),
            }
        } else {
            self.dotted("a language or `*`")?
        };
        let name = self.dotted("a namespace")?;
        let annotations = self.annotations()?;
        self.separator();
        Ok(Namespace {
            scope,
            name,
            annotations,
        })
    }

    /// `(key = "value", key)`, or nothing.
    fn annotations(&mut self) -> Parsed<Vec<Annotation>> {
        let mut annotations = Vec::new();
        if !self.mark('(') {
            return Ok(annotations);
        }
        while !self.mark(')') {
            let key = self.dotted("an annotation's name or `)`")?;
            let value = if self.mark('=') {
                let span = self.span();
                Some(Name {
                    text: self.literal("the annotation's value in quotes")?,
                    span,
                })
            } else {
                None
            };
            annotations.push(Annotation { key, value });
            self.separator();
        }
        Ok(annotations)
    }

    /// A name that something gets here: without dots.
    fn name(&mut self, expected: &str) -> Parsed<Name> {
        let name = self.dotted(expected)?;
        if name.text.contains('.') {
            let message = format!("`{}` cannot be a name, it has a dot", name.text);
            self.problems.push(Problem::new(name.span, message));
        }
        Ok(name)
    }

    /// A name that may have dots.
    fn dotted(&mut self, expected: &str) -> Parsed<Name> {
        let (text, span) = (self.word().to_owned(), self.span());
        if text.is_empty() {
            return Err(self.expected(expected));
        }
        self.advance();
        Ok(Name { text, span })
    }

    fn literal(&mut self, expected: &str) -> Parsed<String> {
        match &self.token().kind {
            TokenKind::Literal(text) => {
                let text = text.clone();
                self.advance();
                Ok(text)
            }
            _ => Err(self.expected(expected)),
        }
    }

    fn expect(&mut self, mark: char) -> Parsed<Span> {
        if self.mark(mark) {
            Ok(self.previous())
        } else {
            Err(self.expected(&format!("`{mark}`")))
        }
    }

    fn mark(&mut self, mark: char) -> bool {
        let found = self.sees(mark);
        if found {
            self.advance();
        }
        found
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.word() == keyword;
        if found {
            self.advance();
        }
        found
    }

    /// `,` or `;`, which may stand behind most things.
    fn separator(&mut self) {
        if !self.mark(',') {
            self.mark(';');
        }
    }

    fn expected(&mut self, what: &str) -> Stop {
        if self.at_end() && self.tokens.cut {
            return Stop;
        }
        if self.sees('@') {
            self.problems
                .push(Problem::new(self.span(), "structured annotations are not supported"));
            return Stop;
        }
        let found = match &self.token().kind {
            TokenKind::End => "the end of the file".to_owned(),
            TokenKind::Literal(_) => "a string".to_owned(),
            TokenKind::Name | TokenKind::Int(_) | TokenKind::Double(_) | TokenKind::Mark(_) => {
                format!("`{}`", self.source.slice(self.span()))
            }
        };
        let problem = Problem::new(self.span(), format!("expected {what}, found {found}"));
        self.problems.push(problem);
        Stop
    }

    /// Runs `parse` one level deeper, if that is allowed.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            self.problems.push(Problem::new(self.span(), message));
            return Err(Stop);
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// After a mistake in what began at `start`: to the next line that begins like a header or definition.
    fn skip_to_definition(&mut self, start: Span) {
        if self.span() == start {
            self.advance();
        }
        while !self.at_end() {
            let begins = self.begins_line() && (KEYWORDS.contains(&self.word()) || HEADERS.contains(&self.word()));
            if begins {
                return;
            }
            self.advance();
        }
    }

    /// After a mistake inside braces or parentheses, in what began at `start`: to the next line, to what follows a
    /// separator, or to `close`.
    fn skip_to_next(&mut self, start: Span, close: char) {
        if self.span() == start {
            self.advance();
        }
        let mut open = 0_usize;
        while !self.at_end() {
            let ended = open == 0 && (self.sees(close) || self.sees('}') || self.begins_line());
            if ended || self.begins_field() || self.begins_definition() {
                return;
            }
            match self.token().kind {
                TokenKind::Mark('(' | '[' | '{') => open += 1,
                TokenKind::Mark(')' | ']' | '}') => open = open.saturating_sub(1),
                TokenKind::Mark(',' | ';') if open == 0 => return self.advance(),
                _ => {}
            }
            self.advance();
        }
    }

    /// The comment in front of the present token, or none.
    fn docs(&self) -> Vec<String> {
        let first = self
            .at
            .checked_sub(1)
            .map_or(0, |previous| self.tokens.tokens[previous].comments);
        let previous_line = self
            .at
            .checked_sub(1)
            .map(|previous| self.line(self.tokens.tokens[previous].span.end));
        let mut next_line = self.line(self.span().start);
        let mut docs: Vec<&[String]> = Vec::new();
        for comment in self.tokens.comments[first..self.token().comments].iter().rev() {
            let trails = Some(comment.first_line) == previous_line;
            if trails || comment.last_line + 1 < next_line {
                break;
            }
            next_line = comment.first_line;
            docs.push(&comment.lines);
        }
        docs.into_iter().rev().flatten().cloned().collect()
    }

    /// The comment behind the previous token, on its line.
    fn trailing_docs(&self) -> Vec<String> {
        let Some(previous) = self.at.checked_sub(1).map(|previous| &self.tokens.tokens[previous]) else {
            return Vec::new();
        };
        let line = self.line(previous.span.end);
        let behind = &self.tokens.comments[previous.comments..self.token().comments];
        behind
            .first()
            .filter(|comment| comment.first_line == line)
            .map_or_else(Vec::new, |comment| comment.lines.clone())
    }

    fn line(&self, offset: u32) -> usize {
        self.source.line_of(offset)
    }

    fn begins_line(&self) -> bool {
        let Some(previous) = self.at.checked_sub(1) else {
            return true;
        };
        self.line(self.tokens.tokens[previous].span.start) < self.line(self.span().start)
    }

    /// Whether a line begins here with a field id.
    fn begins_field(&self) -> bool {
        self.begins_line() && matches!(self.token().kind, TokenKind::Int(_)) && self.ahead(1) == &TokenKind::Mark(':')
    }

    /// Whether a line begins here that can only be a definition, and no field of a type that is called like a keyword.
    fn begins_definition(&self) -> bool {
        let named = self.begins_line() && KEYWORDS.contains(&self.word()) && self.ahead(1) == &TokenKind::Name;
        named
            && match self.word() {
                "const" => self.ahead(3) == &TokenKind::Mark('='),
                "service" if self.ahead(2) == &TokenKind::Name => self.ahead(4) == &TokenKind::Mark('{'),
                _ => self.ahead(2) == &TokenKind::Mark('{'),
            }
    }

    /// The kind of the token `count` tokens on.
    fn ahead(&self, count: usize) -> &TokenKind {
        self.tokens
            .tokens
            .get(self.at + count)
            .map_or(&TokenKind::End, |token| &token.kind)
    }

    /// The present token's text, if it is a name; else nothing.
    fn word(&self) -> &str {
        match self.token().kind {
            TokenKind::Name => self.source.slice(self.span()),
            _ => "",
        }
    }

    fn sees(&self, mark: char) -> bool {
        self.token().kind == TokenKind::Mark(mark)
    }

    fn at_end(&self) -> bool {
        self.token().kind == TokenKind::End
    }

    fn token(&self) -> &Token {
        &self.tokens.tokens[self.at]
    }

    fn span(&self) -> Span {
        self.token().span
    }

    /// The span of the token before the present one.
    fn previous(&self) -> Span {
        self.tokens.tokens[self.at.saturating_sub(1)].span
    }

    /// To the next token; stays at the end.
    fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.tokens.len() - 1);
    }
}

/// What begins a definition.
const KEYWORDS: [&str; 7] = ["const", "typedef", "enum", "struct", "union", "exception", "service"];
/// What begins a header.
const HEADERS: [&str; 3] = ["include", "namespace", "cpp_include"];
/// Types or values inside one another.
const MAX_DEPTH: usize = 64;
