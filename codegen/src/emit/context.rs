//! What every part of the emitter needs: types and paths as seen from one file.

use proc_macro2::TokenStream;
use quote::quote;

use super::names::Names;
use super::words::ident;
use crate::Layer;
use crate::model::{Container, Model, Strings, Type};
use crate::thrift::UnitId;

/// The view from one file of the IDL.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) model: &'a Model,
    pub(super) names: &'a Names,
    pub(super) unit: UnitId,
    pub(super) derives: &'a [syn::Path],
    pub(super) layer: Layer,
}

impl Context<'_> {
    /// The type of a value.
    pub(super) fn ty(&self, ty: &Type) -> TokenStream {
        match ty {
            Type::Bool => quote!(bool),
            Type::I8 => quote!(i8),
            Type::I16 => quote!(i16),
            Type::I32 => quote!(i32),
            Type::I64 => quote!(i64),
            Type::Double => quote!(f64),
            Type::String(Strings::Owned) => self.std("String"),
            Type::String(Strings::Shared) => quote!(thrift::Text),
            Type::String(Strings::Bytes) | Type::Binary => quote!(thrift::Bytes),
            Type::Uuid => quote!(thrift::Uuid),
            Type::List(element) => {
                let (vec, element) = (self.std("Vec"), self.ty(element));
                quote!(#vec<#element>)
            }
            Type::Set(kind, element) => {
                let (set, element) = (container(*kind, "Set"), self.ty(element));
                quote!(#set<#element>)
            }
            Type::Map(kind, key, value) => {
                let (map, key, value) = (container(*kind, "Map"), self.ty(key), self.ty(value));
                quote!(#map<#key, #value>)
            }
            Type::Typedef(index) => self.path(self.model.typedefs[*index].head.unit, &self.names.typedefs[*index]),
            Type::Enum(index) => self.path(self.model.enums[*index].head.unit, &self.names.enums[*index].name),
            Type::Struct(index) => self.path(self.model.structs[*index].head.unit, &self.names.structs[*index].name),
        }
    }

    /// The wire type as a pattern.
    pub(super) fn wire_type(&self, ty: &Type) -> TokenStream {
        match self.model.resolved(ty) {
            Type::Bool => quote!(thrift::Type::Bool),
            Type::I8 => quote!(thrift::Type::Byte),
            Type::I16 => quote!(thrift::Type::I16),
            Type::I32 | Type::Enum(_) => quote!(thrift::Type::I32),
            Type::I64 => quote!(thrift::Type::I64),
            Type::Double => quote!(thrift::Type::Double),
            Type::String(_) | Type::Binary => quote!(thrift::Type::String),
            Type::Uuid => quote!(thrift::Type::Uuid),
            Type::List(_) => quote!(thrift::Type::List),
            Type::Set(..) => quote!(thrift::Type::Set),
            Type::Map(..) => quote!(thrift::Type::Map),
            Type::Struct(_) | Type::Typedef(_) => quote!(thrift::Type::Struct),
        }
    }

    /// Something that `unit` defines.
    pub(super) fn path(&self, unit: UnitId, name: &str) -> TokenStream {
        let name = ident(name);
        if unit == self.unit {
            return quote!(#name);
        }
        let module = ident(&self.names.units[unit.0]);
        match (self.unit.0, unit.0) {
            (0, _) => quote!(#module::#name),
            (_, 0) => quote!(super::#name),
            _ => quote!(super::#module::#name),
        }
    }

    /// Something of the standard prelude, or imported into every file that needs it; with its whole path where the file
    /// has something else of that name.
    pub(super) fn std(&self, name: &str) -> TokenStream {
        let short = ident(name);
        if !self.names.taken[self.unit.0].holds(name) {
            return quote!(#short);
        }
        match name {
            "Option" => quote!(std::option::Option),
            "Vec" => quote!(std::vec::Vec),
            "String" => quote!(std::string::String),
            "Box" => quote!(std::boxed::Box),
            "Default" => quote!(std::default::Default),
            "Result" => quote!(std::result::Result),
            "From" => quote!(std::convert::From),
            "LazyLock" => quote!(std::sync::LazyLock),
            "Future" => quote!(std::future::Future),
            _ => quote!(std::marker::#short),
        }
    }
}

/// The path of a set or map.
pub(super) fn container(kind: Container, name: &str) -> TokenStream {
    let prefix = match kind {
        Container::Ordered => "",
        Container::Hash => "Hash",
        Container::BTree => "BTree",
    };
    let name = ident(&format!("{prefix}{name}"));
    match kind {
        Container::Ordered => quote!(thrift::#name),
        Container::Hash | Container::BTree => quote!(std::collections::#name),
    }
}
