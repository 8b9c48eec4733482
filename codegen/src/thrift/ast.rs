//! What the parser makes: the IDL as it is written.

use crate::source::Span;

/// One IDL file.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) includes: Vec<Include>,
    pub(crate) definitions: Vec<Definition>,
}

/// `namespace scope name (annotations)`.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) scope: Name,
    pub(crate) name: Name,
    pub(crate) annotations: Vec<Annotation>,
}

/// `include "path"`.
#[derive(Debug)]
pub(crate) struct Include {
    pub(crate) path: String,
    pub(crate) span: Span,
}

/// An identifier where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// Anything with a name of its own at the top of a file.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) docs: Vec<String>,
    pub(crate) name: Name,
    pub(crate) kind: DefinitionKind,
    pub(crate) annotations: Vec<Annotation>,
}

#[derive(Debug)]
pub(crate) enum DefinitionKind {
    Const { ty: Type, value: Constant },
    Typedef(Type),
    Enum(Vec<Variant>),
    Struct(Vec<Field>),
    Union(Vec<Field>),
    Exception(Vec<Field>),
    Service(Service),
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) docs: Vec<String>,
    pub(crate) name: Name,
    pub(crate) number: Option<Number>,
    pub(crate) annotations: Vec<Annotation>,
}

/// A written integer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) value: i64,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) docs: Vec<String>,
    pub(crate) id: Option<Number>,
    pub(crate) requiredness: Requiredness,
    pub(crate) ty: Type,
    pub(crate) name: Name,
    pub(crate) default: Option<Constant>,
    pub(crate) annotations: Vec<Annotation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requiredness {
    Required,
    Optional,
    /// Neither is written.
    Default,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) parent: Option<Name>,
    pub(crate) functions: Vec<Function>,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) docs: Vec<String>,
    pub(crate) oneway: Option<Span>,
    /// `None` is void.
    pub(crate) result: Option<Type>,
    pub(crate) result_span: Span,
    pub(crate) name: Name,
    pub(crate) parameters: Vec<Field>,
    pub(crate) throws: Vec<Field>,
    pub(crate) annotations: Vec<Annotation>,
}

#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) kind: TypeKind,
    pub(crate) span: Span,
    pub(crate) annotations: Vec<Annotation>,
}

#[derive(Debug)]
pub(crate) enum TypeKind {
    Base(Base),
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Named(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    String,
    Binary,
    Uuid,
}

/// A constant's value or a field's default, as it is written.
#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) kind: ConstantKind,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum ConstantKind {
    Int(i64),
    Double(f64),
    Text(String),
    /// `true`, `false`, a constant or an enum value.
    Name(String),
    List(Vec<Constant>),
    Map(Vec<(Constant, Constant)>),
}

#[derive(Debug)]
pub(crate) struct Annotation {
    pub(crate) key: Name,
    /// `None`: only the key is written.
    pub(crate) value: Option<Name>,
}

impl Base {
    pub(crate) fn from_keyword(text: &str) -> Option<Self> {
        Some(match text {
            "bool" => Self::Bool,
            "byte" | "i8" => Self::I8,
            "i16" => Self::I16,
            "i32" => Self::I32,
            "i64" => Self::I64,
            "double" => Self::Double,
            "string" => Self::String,
            "binary" => Self::Binary,
            "uuid" => Self::Uuid,
            _ => return None,
        })
    }
}
