//! A checked IDL, all names resolved: what the emitter works from.

use std::path::PathBuf;

use crate::source::Span;
use crate::thrift::UnitId;

/// Everything that a main IDL file and its includes define.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The first one is the main file.
    pub(crate) units: Vec<UnitModel>,
    pub(crate) typedefs: Vec<Typedef>,
    pub(crate) enums: Vec<Enum>,
    pub(crate) structs: Vec<Struct>,
    pub(crate) constants: Vec<Constant>,
    pub(crate) services: Vec<Service>,
}

/// One IDL file.
#[derive(Debug)]
pub(crate) struct UnitModel {
    pub(crate) path: PathBuf,
    /// The package that Kitex derives from the namespace.
    pub(crate) package: String,
    /// The file asks for a service that combines its services.
    pub(crate) combine: bool,
    /// In the order of the file.
    pub(crate) definitions: Vec<Definition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Definition {
    Typedef(usize),
    Enum(usize),
    Struct(usize),
    Constant(usize),
    Service(usize),
}

/// What every definition has.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) unit: UnitId,
    /// As in the IDL.
    pub(crate) name: String,
    /// The name to use in Rust in place of the derived one.
    pub(crate) rename: Option<String>,
    pub(crate) span: Span,
    pub(crate) docs: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Typedef {
    pub(crate) head: Head,
    pub(crate) ty: Type,
}

#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) head: Head,
    pub(crate) variants: Vec<Variant>,
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) rename: Option<String>,
    pub(crate) number: i32,
    pub(crate) docs: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) head: Head,
    pub(crate) kind: StructKind,
    /// By id.
    pub(crate) fields: Vec<Field>,
    pub(crate) keep_unknown: bool,
    /// Its values can be compared exactly and hashed.
    pub(crate) hashable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StructKind {
    Struct,
    Union,
    Exception,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) id: i16,
    pub(crate) name: String,
    pub(crate) rename: Option<String>,
    pub(crate) span: Span,
    pub(crate) ty: Type,
    pub(crate) presence: Presence,
    pub(crate) default: Option<Value>,
    /// The type leads back to its struct.
    pub(crate) boxed: bool,
    pub(crate) docs: Vec<String>,
}

/// Whether a field has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Absent is an error.
    Required,
    /// Always written; absent means the default.
    Always,
    /// `Option`.
    Optional,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    String(Strings),
    Binary,
    Uuid,
    List(Box<Self>),
    Set(Container, Box<Self>),
    Map(Container, Box<Self>, Box<Self>),
    Typedef(usize),
    Enum(usize),
    Struct(usize),
}

/// What a `string` is in Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strings {
    Owned,
    Shared,
    Bytes,
}

/// What a `set` or `map` is in Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Ordered,
    Hash,
    BTree,
}

#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) head: Head,
    pub(crate) ty: Type,
    pub(crate) value: Value,
}

/// A constant that fits its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Uuid([u8; 16]),
    /// Number of an enum value.
    Enum(i32),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    /// Index of each field that is set, and its value.
    Struct(Vec<(usize, Self)>),
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) head: Head,
    /// Its own methods, without those of its parents.
    pub(crate) methods: Vec<Method>,
    pub(crate) parent: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: String,
    pub(crate) rename: Option<String>,
    pub(crate) span: Span,
    pub(crate) docs: Vec<String>,
    pub(crate) kind: MethodKind,
    pub(crate) parameters: Vec<Field>,
    pub(crate) result: Option<Type>,
    pub(crate) throws: Vec<Field>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MethodKind {
    Unary,
    Oneway,
    ClientStreaming,
    ServerStreaming,
    BidirectionalStreaming,
}

impl Model {
    /// `ty` with typedefs resolved, at the outside.
    pub(crate) fn resolved<'a>(&'a self, mut ty: &'a Type) -> &'a Type {
        while let Type::Typedef(index) = ty {
            ty = &self.typedefs[*index].ty;
        }
        ty
    }

    /// The service and its parents, the service first.
    pub(crate) fn lineage(&self, service: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(service), |service| self.services[*service].parent)
    }

    /// All methods of a service with the service that declares each, those of the furthest parent first.
    pub(crate) fn methods(&self, service: usize) -> Vec<(usize, &Method)> {
        let mut lineage: Vec<usize> = self.lineage(service).collect();
        lineage.reverse();
        lineage
            .into_iter()
            .flat_map(|owner| self.services[owner].methods.iter().map(move |method| (owner, method)))
            .collect()
    }

    /// Whether values of `ty` can be compared exactly and hashed.
    pub(crate) fn hashable(&self, ty: &Type) -> bool {
        match self.resolved(ty) {
            Type::Double | Type::Map(..) | Type::Set(..) => false,
            Type::List(element) => self.hashable(element),
            Type::Struct(index) => self.structs[*index].hashable,
            _ => true,
        }
    }

    /// Whether values of `ty` have an order.
    pub(crate) fn ordered(&self, ty: &Type) -> bool {
        match self.resolved(ty) {
            Type::Double | Type::Map(..) | Type::Set(..) | Type::Struct(_) => false,
            Type::List(element) => self.ordered(element),
            _ => true,
        }
    }
}

impl MethodKind {
    pub(crate) fn is_streaming(self) -> bool {
        !matches!(self, Self::Unary | Self::Oneway)
    }
}
