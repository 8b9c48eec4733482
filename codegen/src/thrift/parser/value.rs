//! Types and constant values.

use super::super::ast::{Base, Constant, ConstantKind, Type, TypeKind};
use super::super::lexer::TokenKind;
use super::{Parsed, Parser, Stop};
use crate::report::Problem;

impl Parser<'_> {
    pub(super) fn ty(&mut self) -> Parsed<Type> {
        self.nested(Self::ty_here)
    }

    fn ty_here(&mut self) -> Parsed<Type> {
        let start = self.span();
        let word = self.word().to_owned();
        let kind = match word.as_str() {
            "list" => {
                self.advance();
                self.cpp_type()?;
                self.expect('<')?;
                let element = self.ty()?;
                self.expect('>')?;
                self.cpp_type()?;
                TypeKind::List(Box::new(element))
            }
            "set" => {
                self.advance();
                self.cpp_type()?;
                self.expect('<')?;
                let element = self.ty()?;
                self.expect('>')?;
                TypeKind::Set(Box::new(element))
            }
            "map" => {
                self.advance();
                self.cpp_type()?;
                self.expect('<')?;
                let key = self.ty()?;
                self.expect(',')?;
                let value = self.ty()?;
                self.expect('>')?;
                TypeKind::Map(Box::new(key), Box::new(value))
            }
            "slist" => return Err(self.legacy("slist", "use `string`")),
            "void" => return Err(self.legacy("void", "`void` is for functions without a result")),
            _ => {
                let name = self.dotted("a type")?;
                match Base::from_keyword(&name.text) {
                    Some(base) => TypeKind::Base(base),
                    None => TypeKind::Named(name.text),
                }
            }
        };
        let span = start.to(self.previous());
        let annotations = self.annotations()?;
        Ok(Type {
            kind,
            span,
            annotations,
        })
    }

    fn legacy(&mut self, word: &str, help: &str) -> Stop {
        let problem = Problem::new(self.span(), format!("`{word}` is not a type")).help(help);
        self.problems.push(problem);
        Stop
    }

    /// `cpp_type "…"`, which means nothing here.
    fn cpp_type(&mut self) -> Parsed<()> {
        if self.keyword("cpp_type") {
            self.literal("a C++ type in quotes")?;
        }
        Ok(())
    }

    pub(super) fn value(&mut self) -> Parsed<Constant> {
        self.nested(Self::value_here)
    }

    fn value_here(&mut self) -> Parsed<Constant> {
        let start = self.span();
        let kind = match &self.token().kind {
            TokenKind::Int(value) => ConstantKind::Int(*value),
            TokenKind::Double(value) => ConstantKind::Double(*value),
            TokenKind::Literal(text) => ConstantKind::Text(text.clone()),
            TokenKind::Name => ConstantKind::Name(self.word().to_owned()),
            TokenKind::Mark('[') => return self.list_value(),
            TokenKind::Mark('{') => return self.map_value(),
            TokenKind::Mark(_) | TokenKind::End => return Err(self.expected("a value")),
        };
        self.advance();
        Ok(Constant { kind, span: start })
    }

    fn list_value(&mut self) -> Parsed<Constant> {
        let start = self.expect('[')?;
        let mut items = Vec::new();
        while !self.mark(']') {
            items.push(self.value()?);
            self.separator();
        }
        Ok(Constant {
            kind: ConstantKind::List(items),
            span: start.to(self.previous()),
        })
    }

    fn map_value(&mut self) -> Parsed<Constant> {
        let start = self.expect('{')?;
        let mut entries = Vec::new();
        while !self.mark('}') {
            let key = self.value()?;
            self.expect(':')?;
            let value = self.value()?;
            entries.push((key, value));
            self.separator();
        }
        Ok(Constant {
            kind: ConstantKind::Map(entries),
            span: start.to(self.previous()),
        })
    }
}
