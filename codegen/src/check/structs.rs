//! Structs, unions, exceptions, and lists of parameters and exceptions.

use std::collections::BTreeMap;

use super::Checker;
use super::attributes::{Attributes, Place};
use crate::model::{Container, Field, Presence, Struct, StructKind, Type};
use crate::report::Problem;
use crate::source::Span;
use crate::thrift::{UnitId, ast};

/// What a list of fields belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Struct,
    Union,
    Parameters,
    Throws,
}

impl Checker<'_> {
    pub(super) fn structs(&mut self) {
        for declared in self.scope.structs.clone() {
            let attributes = self.attributes(&declared.definition.annotations, Place::Struct);
            let (kind, role, fields): (_, _, &[ast::Field]) = match &declared.definition.kind {
                ast::DefinitionKind::Union(fields) => (StructKind::Union, Role::Union, fields),
                ast::DefinitionKind::Exception(fields) => (StructKind::Exception, Role::Struct, fields),
                ast::DefinitionKind::Struct(fields) => (StructKind::Struct, Role::Struct, fields),
                _ => (StructKind::Struct, Role::Struct, &[]),
            };
            let fields = self.fields(declared.unit, fields, role);
            self.model.structs.push(Struct {
                head: self.head(declared, &attributes),
                kind,
                fields,
                keep_unknown: attributes.keep_unknown.unwrap_or(self.options.keeps_unknown()),
                hashable: false,
            });
        }
    }

    /// Resolves fields, without their defaults, and sorts them by id.
    pub(super) fn fields(&mut self, unit: UnitId, fields: &[ast::Field], role: Role) -> Vec<Field> {
        let mut checked: Vec<Field> = Vec::new();
        let mut names = BTreeMap::new();
        let mut ids = BTreeMap::new();
        let mut previous = 0;
        for field in fields {
            let span = field.name.span;
            if let Some(first) = names.insert(field.name.text.as_str(), span) {
                let problem = Problem::new(span, format!("`{}` is defined twice", field.name.text));
                self.problems.push(problem.note(first, "first defined here"));
            }
            let Some(id) = self.field_id(field, previous) else {
                continue;
            };
            previous = i64::from(id);
            if let Some(first) = ids.insert(id, span) {
                let place = field.id.map_or(span, |id| id.span);
                let problem = Problem::new(place, format!("field id {id} is given to two fields"));
                self.problems.push(problem.note(first, "the other one"));
            }
            if id == 0 && role == Role::Throws {
                let place = field.id.map_or(span, |id| id.span);
                self.problem(place, "field id 0 is the result's and cannot be an exception's");
            }
            let attributes = self.attributes(&field.annotations, Place::Field);
            let style = self.style(&attributes);
            let Some(ty) = self.ty(unit, &field.ty, style) else {
                continue;
            };
            self.check_throws(role, &ty, field.ty.span);
            checked.push(Field {
                id,
                name: field.name.text.clone(),
                rename: attributes.rename,
                span,
                presence: self.presence(role, field.requiredness, &ty),
                ty,
                default: None,
                boxed: false,
                docs: field.docs.clone(),
            });
        }
        checked.sort_by_key(|field| field.id);
        checked
    }

    /// The id that is written, or as Kitex's tool counts, one more than the previous field's; the first one is 1.
    fn field_id(&mut self, field: &ast::Field, previous: i64) -> Option<i16> {
        let (id, span) = field
            .id
            .map_or((previous + 1, field.name.span), |id| (id.value, id.span));
        let checked = i16::try_from(id).ok();
        if checked.is_none() {
            self.problem(span, format!("{id} does not fit a field id, which has 16 bits"));
        }
        checked
    }

    fn presence(&self, role: Role, requiredness: ast::Requiredness, ty: &Type) -> Presence {
        match (role, requiredness) {
            (Role::Union | Role::Throws, _) | (Role::Struct | Role::Parameters, ast::Requiredness::Optional) => {
                Presence::Optional
            }
            (_, ast::Requiredness::Required) => Presence::Required,
            // A parameter that is a struct has no sensible zero: absent is an error.
            (Role::Parameters, _) if matches!(self.model.resolved(ty), Type::Struct(_)) => Presence::Required,
            _ => Presence::Always,
        }
    }

    fn check_throws(&mut self, role: Role, ty: &Type, span: Span) {
        let exception = match self.model.resolved(ty) {
            // While structs are being collected nothing is thrown, so the index is a known one.
            Type::Struct(index) if role == Role::Throws => self.model.structs[*index].kind == StructKind::Exception,
            _ => role != Role::Throws,
        };
        if !exception {
            self.problem(span, "only exceptions can be thrown");
        }
    }

    /// Checks what annotations asked of containers, and gives those up that the options asked for in vain.
    pub(super) fn containers(&mut self) {
        for index in 0..self.scope.typedefs.len() {
            self.model.typedefs[index].ty = self.fitted(&self.model.typedefs[index].ty);
        }
        for index in 0..self.model.structs.len() {
            for at in 0..self.model.structs[index].fields.len() {
                self.model.structs[index].fields[at].ty = self.fitted(&self.model.structs[index].fields[at].ty);
            }
        }
        for index in 0..self.model.constants.len() {
            self.model.constants[index].ty = self.fitted(&self.model.constants[index].ty);
        }
        for declared in self.scope.typedefs.clone() {
            if let ast::DefinitionKind::Typedef(ty) = &declared.definition.kind {
                self.demanded(declared.unit, ty, &declared.definition.annotations);
            }
        }
        for declared in self.scope.structs.clone() {
            if let ast::DefinitionKind::Struct(fields)
            | ast::DefinitionKind::Union(fields)
            | ast::DefinitionKind::Exception(fields) = &declared.definition.kind
            {
                fields
                    .iter()
                    .for_each(|field| self.demanded(declared.unit, &field.ty, &field.annotations));
            }
        }
    }

    /// `ty` with containers that their elements allow.
    pub(super) fn fitted(&self, ty: &Type) -> Type {
        match ty {
            Type::List(element) => Type::List(Box::new(self.fitted(element))),
            Type::Set(kind, element) => Type::Set(self.allowed(*kind, element), Box::new(self.fitted(element))),
            Type::Map(kind, key, value) => {
                let kind = self.allowed(*kind, key);
                Type::Map(kind, Box::new(self.fitted(key)), Box::new(self.fitted(value)))
            }
            other => other.clone(),
        }
    }

    fn allowed(&self, kind: Container, key: &Type) -> Container {
        match kind {
            Container::Hash if self.model.hashable(key) => Container::Hash,
            Container::BTree if self.model.ordered(key) => Container::BTree,
            _ => Container::Ordered,
        }
    }

    /// Reports an annotation that asks for a container which the keys do not allow. `annotations` are the field's.
    pub(super) fn demanded(&mut self, unit: UnitId, ty: &ast::Type, annotations: &[ast::Annotation]) {
        let demand = annotations
            .iter()
            .chain(&ty.annotations)
            .rfind(|demand| demand.key.text == "kitewire.container");
        match &ty.kind {
            ast::TypeKind::Base(_) | ast::TypeKind::Named(_) => {
                if let Some(demand) = demand {
                    self.problem(demand.key.span, "`kitewire.container` is for sets and maps");
                }
            }
            ast::TypeKind::List(element) => self.demanded(unit, element, annotations),
            ast::TypeKind::Set(element) => {
                self.demanded_of(unit, element, demand);
                self.demanded(unit, element, &[]);
            }
            ast::TypeKind::Map(key, value) => {
                self.demanded_of(unit, key, demand);
                self.demanded(unit, key, &[]);
                self.demanded(unit, value, &[]);
            }
        }
    }

    fn demanded_of(&mut self, unit: UnitId, key: &ast::Type, demand: Option<&ast::Annotation>) {
        let Some(demand) = demand else { return };
        // Resolved once more; what is wrong with it has been reported.
        let reported = std::mem::take(self.problems);
        let style = self.style(&Attributes::default());
        let resolved = self.ty(unit, key, style);
        *self.problems = reported;
        let Some(key) = resolved else { return };
        let wanted = demand.value.as_ref().map_or("", |value| value.text.as_str());
        let message = match wanted {
            "hash" if !self.model.hashable(&key) => "a hash container needs elements without doubles, sets and maps",
            "btree" if !self.model.ordered(&key) => "a tree needs elements without doubles, sets, maps and structs",
            _ => return,
        };
        self.problem(demand.key.span, message);
    }
}
