//! Definitions and fields.

use super::super::ast::{Constant, Definition, DefinitionKind, Field, File, Number, Requiredness, Type, Variant};
use super::super::lexer::TokenKind;
use super::{HEADERS, KEYWORDS, Parsed, Parser, Stop};
use crate::report::Problem;

impl Parser<'_> {
    pub(super) fn definitions(&mut self, file: &mut File) {
        while !self.at_end() && !self.problems.is_full() {
            let start = self.span();
            match self.definition() {
                Ok(definition) => file.definitions.push(definition),
                Err(Stop) => {
                    self.skip_to_definition(start);
                    if HEADERS.contains(&self.word()) {
                        self.headers(file);
                    }
                }
            }
        }
    }

    fn definition(&mut self) -> Parsed<Definition> {
        let docs = self.docs();
        let keyword = self.word().to_owned();
        if !KEYWORDS.contains(&keyword.as_str()) {
            return Err(self.not_a_definition(&keyword));
        }
        self.advance();
        let (name, kind) = match keyword.as_str() {
            "const" => self.constant()?,
            "typedef" => {
                let ty = self.ty()?;
                (self.name("the new type's name")?, DefinitionKind::Typedef(ty))
            }
            "enum" => {
                let name = self.name("the enum's name")?;
                (name, DefinitionKind::Enum(self.variants()?))
            }
            "service" => self.service()?,
            "struct" => (self.name("the struct's name")?, DefinitionKind::Struct(self.body()?)),
            "union" => (self.name("the union's name")?, DefinitionKind::Union(self.body()?)),
            _ => (
                self.name("the exception's name")?,
                DefinitionKind::Exception(self.body()?),
            ),
        };
        let annotations = self.annotations()?;
        self.separator();
        Ok(Definition {
            docs,
            name,
            kind,
            annotations,
        })
    }

    fn not_a_definition(&mut self, word: &str) -> Stop {
        let span = self.span();
        let problem = match word {
            "senum" => Problem::new(span, "`senum` is no longer part of Thrift").help("use an `enum`, or a `string`"),
            "interaction" | "performs" | "package" => Problem::new(span, format!("`{word}` is not supported")),
            word if HEADERS.contains(&word) => {
                Problem::new(span, format!("`{word}` must stand before all definitions"))
            }
            _ => return self.expected("a definition"),
        };
        self.problems.push(problem);
        Stop
    }

    fn constant(&mut self) -> Parsed<(super::super::ast::Name, DefinitionKind)> {
        let ty = self.ty()?;
        let name = self.name("the constant's name")?;
        self.expect('=')?;
        let value = self.value()?;
        Ok((name, DefinitionKind::Const { ty, value }))
    }

    fn variants(&mut self) -> Parsed<Vec<Variant>> {
        self.list('{', '}', Self::variant)
    }

    fn variant(&mut self) -> Parsed<Variant> {
        let docs = self.docs();
        let name = self.name("an enum value or `}`")?;
        let number = if self.mark('=') {
            Some(self.integer("the value's number")?)
        } else {
            None
        };
        let annotations = self.annotations()?;
        self.separator();
        let docs = if docs.is_empty() { self.trailing_docs() } else { docs };
        Ok(Variant {
            docs,
            name,
            number,
            annotations,
        })
    }

    fn body(&mut self) -> Parsed<Vec<Field>> {
        self.list('{', '}', Self::field)
    }

    /// Everything between `open` and `close`. A mistake in one item does not end the list.
    pub(super) fn list<T>(&mut self, open: char, close: char, item: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect(open)?;
        let mut items = Vec::new();
        loop {
            if self.mark(close) {
                return Ok(items);
            }
            let lost = self.at_end() || self.sees('}') || self.begins_definition() || self.problems.is_full();
            if lost {
                return Err(self.expected(&format!("`{close}`")));
            }
            let start = self.span();
            match item(self) {
                Ok(item) => items.push(item),
                Err(Stop) => self.skip_to_next(start, close),
            }
        }
    }

    pub(super) fn field(&mut self) -> Parsed<Field> {
        let docs = self.docs();
        let id = if matches!(self.token().kind, TokenKind::Int(_)) {
            let id = self.integer("a field id")?;
            self.expect(':')?;
            Some(id)
        } else {
            None
        };
        let requiredness = if self.keyword("required") {
            Requiredness::Required
        } else if self.keyword("optional") {
            Requiredness::Optional
        } else {
            Requiredness::Default
        };
        let ty: Type = self.ty()?;
        let name = self.name("the field's name")?;
        let default: Option<Constant> = if self.mark('=') { Some(self.value()?) } else { None };
        let annotations = self.annotations()?;
        self.separator();
        let docs = if docs.is_empty() { self.trailing_docs() } else { docs };
        Ok(Field {
            docs,
            id,
            requiredness,
            ty,
            name,
            default,
            annotations,
        })
    }

    fn integer(&mut self, expected: &str) -> Parsed<Number> {
        let span = self.span();
        match self.token().kind {
            TokenKind::Int(value) => {
                self.advance();
                Ok(Number { value, span })
            }
            _ => Err(self.expected(expected)),
        }
    }
}
