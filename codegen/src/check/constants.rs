//! Constants and defaults.

use super::Checker;
use super::attributes::Place;
use super::scope::Found;
use crate::model::{Constant, Definition, Field, StructKind, Type, Value};
use crate::report::Problem;
use crate::source::Span;
use crate::thrift::{UnitId, ast};

impl Checker<'_> {
    pub(super) fn constants(&mut self) {
        for (index, declared) in self.scope.constants.clone().into_iter().enumerate() {
            let attributes = self.attributes(&declared.definition.annotations, Place::Other);
            let head = self.head(declared, &attributes);
            let ast::DefinitionKind::Const { ty, value } = &declared.definition.kind else {
                continue;
            };
            let style = self.style(&attributes);
            let ty = self.ty(declared.unit, ty, style).unwrap_or(Type::Bool);
            let mut evaluation = Evaluation {
                open: vec![index],
                nodes: 0,
            };
            let value = self
                .evaluate(declared.unit, value, &ty, &mut evaluation)
                .unwrap_or(Value::Bool(false));
            self.model.constants.push(Constant { head, ty, value });
        }
        for (index, declared) in self.scope.structs.clone().into_iter().enumerate() {
            let (ast::DefinitionKind::Struct(fields)
            | ast::DefinitionKind::Union(fields)
            | ast::DefinitionKind::Exception(fields)) = &declared.definition.kind
            else {
                continue;
            };
            let mut checked = std::mem::take(&mut self.model.structs[index].fields);
            // The struct's own fields must be there for a default that names them.
            self.model.structs[index].fields.clone_from(&checked);
            self.defaults(declared.unit, fields, &mut checked);
            if self.model.structs[index].kind == StructKind::Union {
                self.single_default(&checked);
            }
            self.model.structs[index].fields = checked;
        }
    }

    /// Evaluates the defaults of `checked`, which are the resolved `fields`.
    pub(super) fn defaults(&mut self, unit: UnitId, fields: &[ast::Field], checked: &mut [Field]) {
        for field in fields {
            let Some(default) = &field.default else { continue };
            let Some(place) = checked.iter_mut().find(|place| place.span == field.name.span) else {
                continue;
            };
            place.default = self.evaluate(unit, default, &place.ty, &mut Evaluation::default());
        }
    }

    fn single_default(&mut self, fields: &[Field]) {
        let mut defaults = fields.iter().filter(|field| field.default.is_some());
        if let Some(first) = defaults.next() {
            for other in defaults {
                let problem = Problem::new(other.span, "only one field of a union can have a default");
                self.problems.push(problem.note(first.span, "the other one"));
            }
        }
    }

    /// The value of `constant` as a `ty`; `None` if it was reported to be none.
    fn evaluate(
        &mut self,
        unit: UnitId,
        constant: &ast::Constant,
        ty: &Type,
        evaluation: &mut Evaluation,
    ) -> Option<Value> {
        evaluation.nodes += 1;
        if evaluation.nodes > MAX_NODES {
            if evaluation.nodes == MAX_NODES + 1 {
                self.problem(constant.span, format!("constant has more than {MAX_NODES} parts"));
            }
            return None;
        }
        let resolved = self.model.resolved(ty).clone();
        if let ast::ConstantKind::Name(name) = &constant.kind {
            return self.named(unit, name, constant.span, ty, &resolved, evaluation);
        }
        let value = match (&resolved, &constant.kind) {
            (Type::Bool, ast::ConstantKind::Int(value @ (0 | 1))) => Some(Value::Bool(*value == 1)),
            (Type::I8 | Type::I16 | Type::I32 | Type::I64, ast::ConstantKind::Int(value)) => {
                return self.integer(*value, &resolved, constant.span);
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "an integer given for a double means the nearest one"
            )]
            (Type::Double, ast::ConstantKind::Int(value)) => Some(Value::Double(*value as f64)),
            (Type::Double, ast::ConstantKind::Double(value)) => Some(Value::Double(*value)),
            (Type::String(_) | Type::Binary, ast::ConstantKind::Text(text)) => Some(Value::Text(text.clone())),
            (Type::Uuid, ast::ConstantKind::Text(text)) => return self.uuid(text, constant.span),
            (Type::Enum(_), ast::ConstantKind::Int(value)) => match i32::try_from(*value) {
                Ok(number) => Some(Value::Enum(number)),
                Err(_) => return self.integer(*value, &Type::I32, constant.span),
            },
            (Type::List(element) | Type::Set(_, element), ast::ConstantKind::List(items)) => {
                let items: Vec<Option<Value>> = items
                    .iter()
                    .map(|item| self.evaluate(unit, item, element, evaluation))
                    .collect();
                return items.into_iter().collect::<Option<_>>().map(Value::List);
            }
            (Type::Set(..), ast::ConstantKind::Map(entries)) if entries.is_empty() => Some(Value::List(Vec::new())),
            (Type::Map(..), ast::ConstantKind::List(items)) if items.is_empty() => Some(Value::Map(Vec::new())),
            (Type::Map(_, key, value), ast::ConstantKind::Map(entries)) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(k, v)| {
                        let k = self.evaluate(unit, k, key, evaluation);
                        let v = self.evaluate(unit, v, value, evaluation);
                        Some((k?, v?))
                    })
                    .collect();
                return entries.into_iter().collect::<Option<_>>().map(Value::Map);
            }
            (Type::Struct(index), ast::ConstantKind::Map(entries)) => {
                return self.structure(unit, *index, entries, constant.span, evaluation);
            }
            _ => None,
        };
        if value.is_none() {
            let message = format!("{} is no {}", shown(constant), self.described(ty));
            self.problem(constant.span, message);
        }
        value
    }

    /// The value that a name stands for: `true`, `false`, an enum value or another constant.
    fn named(
        &mut self,
        unit: UnitId,
        name: &str,
        span: Span,
        ty: &Type,
        resolved: &Type,
        evaluation: &mut Evaluation,
    ) -> Option<Value> {
        if let (Type::Bool, "true" | "false") = (resolved, name) {
            return Some(Value::Bool(name == "true"));
        }
        match self.find(unit, name) {
            Found::Definition(Definition::Constant(index)) => {
                return self.referred(index, span, ty, evaluation);
            }
            Found::Missing => return None,
            Found::Definition(_) | Found::Nothing => {}
        }
        let found = self.enum_value(unit, name, resolved);
        match (found, resolved) {
            (Some((owner, number)), Type::Enum(wanted)) if owner == *wanted => Some(Value::Enum(number)),
            (Some((_, number)), Type::I8 | Type::I16 | Type::I32 | Type::I64) => {
                self.integer(i64::from(number), resolved, span)
            }
            (Some((owner, _)), _) => {
                let owner = &self.model.enums[owner].head;
                let problem = Problem::new(span, format!("`{name}` is no {}", self.described(ty)))
                    .note(owner.span, format!("it is a value of `{}`", owner.name));
                self.problems.push(problem);
                None
            }
            (None, _) => {
                if !self.include_is_missing(unit, name) {
                    self.unknown(unit, "constant or enum value", name, span);
                }
                None
            }
        }
    }

    /// The value of another constant, read as a `ty`.
    fn referred(&mut self, index: usize, span: Span, ty: &Type, evaluation: &mut Evaluation) -> Option<Value> {
        let declared = self.scope.constants[index];
        let ast::DefinitionKind::Const { value, .. } = &declared.definition.kind else {
            return None;
        };
        let there = declared.definition.name.span;
        if evaluation.open.contains(&index) {
            let problem = Problem::new(span, "constant refers back to itself").note(there, "by way of this one");
            self.problems.push(problem);
            return None;
        }
        if evaluation.open.len() >= MAX_REFERENCES {
            self.problem(
                span,
                format!("more than {MAX_REFERENCES} constants refer to one another"),
            );
            return None;
        }
        evaluation.open.push(index);
        let found = self.evaluate(declared.unit, value, ty, evaluation);
        evaluation.open.pop();
        found
    }

    /// An enum value: `Enum.VALUE`, the same behind an include's name, or bare where the enum is expected.
    fn enum_value(&self, unit: UnitId, name: &str, resolved: &Type) -> Option<(usize, i32)> {
        let number = |owner: usize, value: &str| {
            let variants = &self.model.enums[owner].variants;
            let found = variants.iter().find(|variant| variant.name == value)?;
            Some((owner, found.number))
        };
        if let Some((owner, value)) = name.rsplit_once('.') {
            return match self.find(unit, owner) {
                Found::Definition(Definition::Enum(owner)) => number(owner, value),
                Found::Definition(Definition::Typedef(index)) => match self.model.resolved(&Type::Typedef(index)) {
                    Type::Enum(owner) => number(*owner, value),
                    _ => None,
                },
                _ => None,
            };
        }
        match resolved {
            Type::Enum(owner) => number(*owner, name),
            _ => None,
        }
    }

    fn include_is_missing(&self, unit: UnitId, name: &str) -> bool {
        let missing = &self.units[unit.0].missing;
        missing.iter().any(|include| {
            name.strip_prefix(include.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        })
    }

    fn integer(&mut self, value: i64, ty: &Type, span: Span) -> Option<Value> {
        let bits = match ty {
            Type::I8 => 8,
            Type::I16 => 16,
            Type::I32 => 32,
            _ => 64,
        };
        let spare = 64 - bits;
        if (value << spare) >> spare == value {
            return Some(Value::Int(value));
        }
        self.problem(span, format!("{value} does not fit {bits} bits"));
        None
    }

    fn uuid(&mut self, text: &str, span: Span) -> Option<Value> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
        let dashes: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
        let nibble = |byte: &u8| {
            char::from(*byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let nibbles: Option<Vec<u8>> = digits.iter().map(nibble).collect();
        let bytes = nibbles.filter(|_| dashes == [8, 13, 18, 23]).map(|nibbles| {
            let bytes = nibbles
                .chunks(2)
                .map(|pair| pair.iter().fold(0, |high, low| high << 4 | low));
            bytes.collect::<Vec<u8>>()
        });
        let uuid = bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        if uuid.is_none() {
            self.problem(span, format!("\"{text}\" is no uuid"));
        }
        uuid.map(Value::Uuid)
    }

    fn structure(
        &mut self,
        unit: UnitId,
        index: usize,
        entries: &[(ast::Constant, ast::Constant)],
        span: Span,
        evaluation: &mut Evaluation,
    ) -> Option<Value> {
        let name = self.model.structs[index].head.name.clone();
        let mut set = Vec::new();
        for (key, value) in entries {
            let (ast::ConstantKind::Text(field) | ast::ConstantKind::Name(field)) = &key.kind else {
                self.problem(key.span, format!("{} is no field of `{name}`", shown(key)));
                return None;
            };
            let fields = &self.model.structs[index].fields;
            let Some(at) = fields.iter().position(|known| known.name == *field) else {
                self.problem(key.span, format!("`{name}` has no field `{field}`"));
                return None;
            };
            let ty = fields[at].ty.clone();
            set.push((at, self.evaluate(unit, value, &ty, evaluation)?));
        }
        if self.model.structs[index].kind == StructKind::Union && set.len() != 1 {
            self.problem(span, format!("a value of the union `{name}` sets exactly one field"));
            return None;
        }
        Some(Value::Struct(set))
    }

    /// `ty` for people.
    fn described(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::I8 => "i8".to_owned(),
            Type::I16 => "i16".to_owned(),
            Type::I32 => "i32".to_owned(),
            Type::I64 => "i64".to_owned(),
            Type::Double => "double".to_owned(),
            Type::String(_) => "string".to_owned(),
            Type::Binary => "binary".to_owned(),
            Type::Uuid => "uuid".to_owned(),
            Type::List(_) => "list".to_owned(),
            Type::Set(..) => "set".to_owned(),
            Type::Map(..) => "map".to_owned(),
            Type::Typedef(index) => format!("`{}`", self.model.typedefs[*index].head.name),
            Type::Enum(index) => format!("`{}`", self.model.enums[*index].head.name),
            Type::Struct(index) => format!("`{}`", self.model.structs[*index].head.name),
        }
    }
}

/// What is under way while one constant is evaluated.
#[derive(Debug, Default)]
struct Evaluation {
    /// Constants that are being evaluated.
    open: Vec<usize>,
    /// Values met so far. Constants that refer to constants can double with each step.
    nodes: usize,
}

fn shown(constant: &ast::Constant) -> String {
    match &constant.kind {
        ast::ConstantKind::Int(value) => value.to_string(),
        ast::ConstantKind::Double(value) => format!("{value:?}"),
        ast::ConstantKind::Text(_) => "a string".to_owned(),
        ast::ConstantKind::Name(name) => format!("`{name}`"),
        ast::ConstantKind::List(_) => "a list".to_owned(),
        ast::ConstantKind::Map(_) => "a map".to_owned(),
    }
}

/// Values in one constant.
const MAX_NODES: usize = 65_536;
/// Constants that refer to each other in a row.
const MAX_REFERENCES: usize = 32;
