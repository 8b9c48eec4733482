//! Constants as expressions.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::context::{Context, container};
use super::docs::docs;
use super::words::ident;
use crate::model::{Constant, Field, Presence, Strings, StructKind, Type, Value};

impl Context<'_> {
    /// A `const`, or a `static` if the value cannot be one.
    pub(super) fn constant(&self, constant: &Constant, name: &str) -> TokenStream {
        let docs = docs(&constant.head.docs, &format!("The constant `{}`.", constant.head.name));
        let name = ident(name);
        let resolved = self.model.resolved(&constant.ty);
        let (ty, value) = match (resolved, &constant.value) {
            (Type::Binary | Type::String(Strings::Bytes), Value::Text(text)) => {
                let bytes = Literal::byte_string(text.as_bytes());
                (quote!(&[u8]), quote!(#bytes))
            }
            (_, Value::Text(text)) => (quote!(&str), quote!(#text)),
            (Type::List(_) | Type::Set(..) | Type::Map(..) | Type::Struct(_), value) => {
                let (ty, value) = (self.ty(&constant.ty), self.value(&constant.ty, value));
                let lazy = self.std("LazyLock");
                return quote! {
                    #docs
                    pub static #name: #lazy<#ty> = #lazy::new(|| { #value });
                };
            }
            (_, value) => (self.ty(&constant.ty), self.value(&constant.ty, value)),
        };
        quote! {
            #docs
            pub const #name: #ty = #value;
        }
    }

    /// An expression that owns its value.
    pub(super) fn value(&self, ty: &Type, value: &Value) -> TokenStream {
        let resolved = self.model.resolved(ty);
        match (resolved, value) {
            (_, Value::Bool(value)) => quote!(#value),
            (_, Value::Int(value)) => {
                let digits = Literal::u64_unsuffixed(value.unsigned_abs());
                if *value < 0 { quote!(-#digits) } else { quote!(#digits) }
            }
            (_, Value::Double(value)) => {
                let digits = Literal::f64_unsuffixed(value.abs());
                if value.is_sign_negative() {
                    quote!(-#digits)
                } else {
                    quote!(#digits)
                }
            }
            (_, Value::Uuid(bytes)) => {
                let bytes = bytes.iter().map(|byte| Literal::u8_unsuffixed(*byte));
                quote!(thrift::Uuid([#(#bytes),*]))
            }
            (Type::Enum(index), Value::Enum(number)) => self.enum_value(*index, *number),
            (Type::Binary | Type::String(Strings::Bytes), Value::Text(text)) => {
                let bytes = Literal::byte_string(text.as_bytes());
                quote!(thrift::Bytes::from_static(#bytes))
            }
            (Type::String(Strings::Shared), Value::Text(text)) => quote!(thrift::Text::from_static(#text)),
            (_, Value::Text(text)) => quote!(#text.to_owned()),
            (Type::List(element), Value::List(items)) => {
                let vec = self.std("Vec");
                let values = items.iter().map(|item| self.value(element, item));
                match items.first() {
                    None => quote!(#vec::new()),
                    // Nested macros are not laid out.
                    Some(Value::List(_) | Value::Map(_) | Value::Struct(_)) => quote!(#vec::from([#(#values),*])),
                    Some(_) => quote!(vec![#(#values),*]),
                }
            }
            (Type::Set(kind, element), Value::List(items)) if !items.is_empty() => {
                let (set, items) = (
                    container(*kind, "Set"),
                    items.iter().map(|item| self.value(element, item)),
                );
                quote!(#set::from([#(#items),*]))
            }
            (Type::Map(kind, key, entry), Value::Map(entries)) if !entries.is_empty() => {
                let map = container(*kind, "Map");
                let entries = entries.iter().map(|(k, v)| {
                    let (k, v) = (self.value(key, k), self.value(entry, v));
                    quote!((#k, #v))
                });
                quote!(#map::from([#(#entries),*]))
            }
            (Type::Struct(index), Value::Struct(set)) => self.struct_value(*index, set),
            _ => {
                let default = self.std("Default");
                quote!(#default::default())
            }
        }
    }

    fn enum_value(&self, index: usize, number: i32) -> TokenStream {
        let path = self.ty(&Type::Enum(index));
        let names = &self.names.enums[index];
        let variants = &self.model.enums[index].variants;
        match variants.iter().position(|variant| variant.number == number) {
            Some(at) => {
                let variant = ident(&names.variants[at]);
                quote!(#path::#variant)
            }
            None => {
                let (other, number) = (ident(&names.other), self.value(&Type::I32, &Value::Int(number.into())));
                quote!(#path::#other(#number))
            }
        }
    }

    fn struct_value(&self, index: usize, set: &[(usize, Value)]) -> TokenStream {
        let item = &self.model.structs[index];
        let names = &self.names.structs[index];
        let path = self.ty(&Type::Struct(index));
        if item.kind == StructKind::Union {
            let Some((at, value)) = set.first() else {
                return quote!(#path::default());
            };
            let (variant, value) = (ident(&names.fields[*at]), self.boxed(&item.fields[*at], value));
            return quote!(#path::#variant(#value));
        }
        let values = set.iter().map(|(at, value)| {
            let field = &item.fields[*at];
            let name = ident(&names.fields[*at]);
            let value = self.field_value(field, value);
            quote!(#name: #value)
        });
        let default = self.std("Default");
        let complete = set.len() == item.fields.len() && !item.keep_unknown;
        let rest = (!complete).then(|| quote!(..#default::default()));
        quote!(#path { #(#values,)* #rest })
    }

    /// The value of a struct's field, in its option and box.
    pub(super) fn field_value(&self, field: &Field, value: &Value) -> TokenStream {
        let value = self.boxed(field, value);
        if field.presence == Presence::Optional {
            quote!(Some(#value))
        } else {
            value
        }
    }

    fn boxed(&self, field: &Field, value: &Value) -> TokenStream {
        let value = self.value(&field.ty, value);
        if !field.boxed {
            return value;
        }
        let boxed = self.std("Box");
        quote!(#boxed::new(#value))
    }

    /// Whether `value` is what [`Default`] gives for `ty` anyway.
    pub(super) fn is_zero(&self, ty: &Type, value: &Value) -> bool {
        match value {
            Value::Bool(value) => !value,
            Value::Int(value) => *value == 0,
            Value::Double(value) => *value == 0.0 && value.is_sign_positive(),
            Value::Text(text) => text.is_empty(),
            Value::Uuid(bytes) => *bytes == [0; 16],
            Value::Enum(number) => *number == 0,
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
            Value::Struct(set) => {
                set.is_empty()
                    && !matches!(self.model.resolved(ty), Type::Struct(index) if self.model.structs[*index].kind == StructKind::Union)
            }
        }
    }
}
