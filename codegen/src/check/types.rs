//! Typedefs, enums and the types of everything.

use std::collections::BTreeMap;

use super::Checker;
use super::attributes::{Attributes, Place};
use super::recursion::components;
use super::scope::{Declared, Found};
use crate::model::{Container, Definition, Enum, Head, Strings, Type, Typedef, UnitModel, Variant};
use crate::report::Problem;
use crate::thrift::ast::Namespace;
use crate::thrift::{UnitId, ast, stem};

/// What strings and containers become, unless an annotation says otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    text: Strings,
    container: Container,
}

impl Checker<'_> {
    /// The files, enums, and what is known of the rest before its types are.
    pub(super) fn heads(&mut self) {
        let units = self.units;
        for (index, unit) in units.iter().enumerate() {
            let mut combine = false;
            for namespace in &unit.file.namespaces {
                combine |= self.attributes(&namespace.annotations, Place::Namespace).combine;
            }
            let mut counts = [0; 5];
            let definitions = unit.file.definitions.iter();
            let first = |list: &[Declared<'_>]| list.partition_point(|declared| declared.unit < UnitId(index));
            let bases = [
                first(&self.scope.typedefs),
                first(&self.scope.enums),
                first(&self.scope.structs),
                first(&self.scope.constants),
                first(&self.scope.services),
            ];
            let mut next = |kind: usize| {
                counts[kind] += 1;
                bases[kind] + counts[kind] - 1
            };
            let definitions = definitions
                .map(|definition| match definition.kind {
                    ast::DefinitionKind::Typedef(_) => Definition::Typedef(next(0)),
                    ast::DefinitionKind::Enum(_) => Definition::Enum(next(1)),
                    ast::DefinitionKind::Struct(_)
                    | ast::DefinitionKind::Union(_)
                    | ast::DefinitionKind::Exception(_) => Definition::Struct(next(2)),
                    ast::DefinitionKind::Const { .. } => Definition::Constant(next(3)),
                    ast::DefinitionKind::Service(_) => Definition::Service(next(4)),
                })
                .collect();
            let package = package(unit);
            self.model.units.push(UnitModel {
                path: unit.path.clone(),
                package,
                combine,
                definitions,
            });
        }
        for declared in self.scope.enums.clone() {
            let checked = self.checked_enum(declared);
            self.model.enums.push(checked);
        }
    }

    pub(super) fn head(&self, declared: Declared<'_>, attributes: &Attributes) -> Head {
        Head {
            unit: declared.unit,
            name: declared.definition.name.text.clone(),
            rename: attributes.rename.clone(),
            span: declared.definition.name.span,
            docs: declared.definition.docs.clone(),
        }
    }

    fn checked_enum(&mut self, declared: Declared<'_>) -> Enum {
        let attributes = self.attributes(&declared.definition.annotations, Place::Other);
        let mut variants: Vec<Variant> = Vec::new();
        let mut names = BTreeMap::new();
        let mut numbers = BTreeMap::new();
        let listed: &[ast::Variant] = match &declared.definition.kind {
            ast::DefinitionKind::Enum(variants) => variants,
            _ => &[],
        };
        for variant in listed {
            let next = variants.last().map_or(0, |last| i64::from(last.number) + 1);
            let number = variant.number.map_or(next, |number| number.value);
            let span = variant.number.map_or(variant.name.span, |number| number.span);
            if let Some(first) = names.insert(variant.name.text.as_str(), variant.name.span) {
                let message = format!("`{}` is defined twice", variant.name.text);
                self.problems
                    .push(Problem::new(variant.name.span, message).note(first, "first defined here"));
                continue;
            }
            let Ok(number) = i32::try_from(number) else {
                self.problem(span, format!("{number} does not fit an enum value, which has 32 bits"));
                continue;
            };
            if let Some(first) = numbers.insert(number, variant.name.span) {
                let message = format!("number {number} is given to two values");
                self.problems
                    .push(Problem::new(span, message).note(first, "the other one"));
                continue;
            }
            let rename = self.attributes(&variant.annotations, Place::Other).rename;
            variants.push(Variant {
                name: variant.name.text.clone(),
                rename,
                number,
                docs: variant.docs.clone(),
            });
        }
        Enum {
            head: self.head(declared, &attributes),
            variants,
        }
    }

    pub(super) fn typedefs(&mut self) {
        for declared in self.scope.typedefs.clone() {
            let attributes = self.attributes(&declared.definition.annotations, Place::Typedef);
            let style = self.style(&attributes);
            let ty = match &declared.definition.kind {
                ast::DefinitionKind::Typedef(ty) => self.ty(declared.unit, ty, style),
                _ => None,
            };
            let head = self.head(declared, &attributes);
            self.model.typedefs.push(Typedef {
                head,
                ty: ty.unwrap_or(Type::Bool),
            });
        }
        self.typedef_cycles();
    }

    /// Reports typedefs that lead back to themselves, and chains of containers that are too long, and cuts both.
    fn typedef_cycles(&mut self) {
        let edges: Vec<Vec<usize>> = self
            .model
            .typedefs
            .iter()
            .map(|typedef| mentioned(&typedef.ty))
            .collect();
        let component = components(&edges);
        let mut order: Vec<usize> = (0..edges.len()).collect();
        order.sort_by_key(|index| component[*index]);
        let mut depths = vec![0_usize; edges.len()];
        for index in order {
            let span = self.model.typedefs[index].head.span;
            let name = self.model.typedefs[index].head.name.clone();
            if edges[index].iter().any(|next| component[*next] == component[index]) {
                self.problem(span, format!("typedef `{name}` leads back to itself"));
                self.model.typedefs[index].ty = Type::Bool;
                continue;
            }
            depths[index] = 1 + edges[index].iter().map(|next| depths[*next]).max().unwrap_or_default();
            if depths[index] > MAX_TYPEDEFS {
                self.problem(span, format!("more than {MAX_TYPEDEFS} typedefs inside one another"));
                self.model.typedefs[index].ty = Type::Bool;
                depths[index] = 0;
            }
        }
    }

    pub(super) fn style(&self, attributes: &Attributes) -> Style {
        Style {
            text: attributes.text.unwrap_or(self.options.text()),
            container: attributes
                .container
                .map_or(self.options.container(), |(container, _)| container),
        }
    }

    /// The type that is written as `ty` in `unit`; `None` if it was reported to be none.
    pub(super) fn ty(&mut self, unit: UnitId, ty: &ast::Type, mut style: Style) -> Option<Type> {
        let attributes = self.attributes(&ty.annotations, Place::Type);
        style.text = attributes.text.unwrap_or(style.text);
        style.container = attributes.container.map_or(style.container, |(container, _)| container);
        Some(match &ty.kind {
            ast::TypeKind::Base(base) => base_type(*base, style),
            ast::TypeKind::List(element) => Type::List(Box::new(self.ty(unit, element, style)?)),
            ast::TypeKind::Set(element) => Type::Set(style.container, Box::new(self.ty(unit, element, style)?)),
            ast::TypeKind::Map(key, value) => {
                let (key, value) = (self.ty(unit, key, style), self.ty(unit, value, style));
                Type::Map(style.container, Box::new(key?), Box::new(value?))
            }
            ast::TypeKind::Named(name) => match self.find(unit, name) {
                Found::Definition(Definition::Typedef(index)) => Type::Typedef(index),
                Found::Definition(Definition::Enum(index)) => Type::Enum(index),
                Found::Definition(Definition::Struct(index)) => Type::Struct(index),
                Found::Definition(other @ (Definition::Constant(_) | Definition::Service(_))) => {
                    let there = self.scope.declared(other).definition.name.span;
                    let problem = Problem::new(ty.span, format!("`{name}` is not a type")).note(there, "defined here");
                    self.problems.push(problem);
                    return None;
                }
                Found::Missing => return None,
                Found::Nothing => {
                    self.unknown(unit, "type", name, ty.span);
                    return None;
                }
            },
        })
    }
}

fn base_type(base: ast::Base, style: Style) -> Type {
    match base {
        ast::Base::Bool => Type::Bool,
        ast::Base::I8 => Type::I8,
        ast::Base::I16 => Type::I16,
        ast::Base::I32 => Type::I32,
        ast::Base::I64 => Type::I64,
        ast::Base::Double => Type::Double,
        ast::Base::String => Type::String(style.text),
        ast::Base::Binary => Type::Binary,
        ast::Base::Uuid => Type::Uuid,
    }
}

/// The typedefs that `ty` mentions.
fn mentioned(ty: &Type) -> Vec<usize> {
    match ty {
        Type::Typedef(index) => vec![*index],
        Type::List(element) | Type::Set(_, element) => mentioned(element),
        Type::Map(_, key, value) => [mentioned(key), mentioned(value)].concat(),
        _ => Vec::new(),
    }
}

/// What Kitex calls the package of an IDL: the last part of the first Go namespace, without one of the last namespace for
/// all languages, without one of the file's name; in lower case.
fn package(unit: &crate::thrift::Unit) -> String {
    let mut scopes = unit.file.namespaces.iter();
    let of = |namespace: &Namespace, scope| namespace.scope.text == scope;
    let namespace = scopes
        .clone()
        .find(|namespace| of(namespace, "go"))
        .or_else(|| scopes.rfind(|namespace| of(namespace, "*")));
    let name = namespace.map_or_else(|| stem(&unit.path), |namespace| namespace.name.text.clone());
    name.rsplit('.').next().unwrap_or_default().to_lowercase()
}

/// Typedefs inside one another.
const MAX_TYPEDEFS: usize = 64;
