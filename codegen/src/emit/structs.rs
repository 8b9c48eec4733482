//! Structs and exceptions, and what has the same shape: arguments and results.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use super::context::Context;
use super::docs::docs;
use super::words::ident;
use crate::model::{Field, Presence, Strings, Struct, StructKind, Type, Value};

/// A struct to be written.
pub(super) struct Layout<'a> {
    pub(super) name: &'a str,
    pub(super) docs: TokenStream,
    /// In error texts.
    pub(super) wire_name: &'a str,
    pub(super) fields: &'a [Field],
    pub(super) names: &'a [String],
    /// The field for unknown fields, if they are kept.
    pub(super) unknown: Option<&'a str>,
}

impl Context<'_> {
    pub(super) fn structure(&self, index: usize) -> TokenStream {
        let item: &Struct = &self.model.structs[index];
        let names = &self.names.structs[index];
        let kind = if item.kind == StructKind::Exception {
            "exception"
        } else {
            "struct"
        };
        let layout = Layout {
            name: &names.name,
            docs: docs(&item.head.docs, &format!("The {kind} `{}`.", item.head.name)),
            wire_name: &item.head.name,
            fields: &item.fields,
            names: &names.fields,
            unknown: item.keep_unknown.then_some(names.unknown.as_str()),
        };
        let structure = self.layout(&layout);
        let error = (item.kind == StructKind::Exception).then(|| self.error_impls(item, &names.name, &names.fields));
        quote!(#structure #error)
    }

    pub(super) fn layout(&self, layout: &Layout<'_>) -> TokenStream {
        let name = ident(layout.name);
        let docs = &layout.docs;
        let plain = layout.fields.iter().all(|field| self.default_of(field).is_none());
        let hashable = layout.fields.iter().all(|field| self.model.hashable(&field.ty));
        let mut derives = vec![quote!(Clone), quote!(Debug)];
        derives.extend(plain.then(|| quote!(Default)));
        derives.push(quote!(PartialEq));
        derives.extend(hashable.then(|| quote!(Eq, Hash)));
        derives.extend(self.derives.iter().map(|path| quote!(#path)));
        let fields = layout
            .fields
            .iter()
            .zip(layout.names)
            .map(|(field, name)| self.field(field, name));
        let unknown = layout.unknown.map(|name| {
            let name = ident(name);
            quote! {
                /// Fields that the IDL does not know.
                pub #name: thrift::UnknownFields,
            }
        });
        let default = (!plain).then(|| self.default_impl(layout));
        let wire_name = layout.wire_name;
        let (encode, decode) = (self.encode(layout), self.decode(layout));
        quote! {
            #docs
            #[derive(#(#derives),*)]
            pub struct #name {
                #(#fields)*
                #unknown
            }
            #default
            impl thrift::Struct for #name {
                const NAME: &'static str = #wire_name;
                #encode
                #decode
            }
        }
    }

    fn field(&self, field: &Field, name: &str) -> TokenStream {
        let requiredness = match field.presence {
            Presence::Required => ", required",
            Presence::Always => "",
            Presence::Optional => ", optional",
        };
        let docs = docs(&field.docs, &format!("Field {}{requiredness}.", field.id));
        let (name, ty) = (ident(name), self.field_type(field));
        quote! {
            #docs
            pub #name: #ty,
        }
    }

    pub(super) fn field_type(&self, field: &Field) -> TokenStream {
        let mut ty = self.ty(&field.ty);
        if field.boxed {
            let boxed = self.std("Box");
            ty = quote!(#boxed<#ty>);
        }
        if field.presence == Presence::Optional {
            let option = self.std("Option");
            ty = quote!(#option<#ty>);
        }
        ty
    }

    /// The field's default, if it is not what [`Default`] gives anyway.
    fn default_of<'a>(&self, field: &'a Field) -> Option<&'a Value> {
        let always = field.presence == Presence::Optional;
        field
            .default
            .as_ref()
            .filter(|value| always || !self.is_zero(&field.ty, value))
    }

    fn default_impl(&self, layout: &Layout<'_>) -> TokenStream {
        let name = ident(layout.name);
        let default = self.std("Default");
        let fields = layout.fields.iter().zip(layout.names).map(|(field, name)| {
            let name = ident(name);
            let value = match self.default_of(field) {
                Some(value) => self.field_value(field, value),
                None => self.zero(field),
            };
            quote!(#name: #value)
        });
        let unknown = layout.unknown.map(|name| {
            let name = ident(name);
            quote!(#name: thrift::UnknownFields::new())
        });
        quote! {
            /// The IDL's defaults.
            impl #default for #name {
                fn default() -> Self {
                    Self { #(#fields,)* #unknown }
                }
            }
        }
    }

    fn zero(&self, field: &Field) -> TokenStream {
        if field.presence == Presence::Optional {
            return quote!(None);
        }
        match self.model.resolved(&field.ty) {
            Type::Bool => quote!(false),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => quote!(0),
            Type::Double => quote!(0.0),
            Type::String(Strings::Owned) | Type::List(_) => {
                let ty = self.std(if matches!(self.model.resolved(&field.ty), Type::List(_)) {
                    "Vec"
                } else {
                    "String"
                });
                quote!(#ty::new())
            }
            _ => {
                let default = self.std("Default");
                quote!(#default::default())
            }
        }
    }

    fn encode(&self, layout: &Layout<'_>) -> TokenStream {
        let fields = layout.fields.iter().zip(layout.names).map(|(field, name)| {
            let name = ident(name);
            let id = id_literal(field.id);
            if field.presence != Presence::Optional {
                return quote!(out.value(#id, &self.#name););
            }
            match field.default.as_ref().map(|value| self.differs(field, &name, value)) {
                Some(condition) => quote! {
                    if #condition {
                        out.optional(#id, &self.#name);
                    }
                },
                None => quote!(out.optional(#id, &self.#name);),
            }
        });
        let unknown = layout.unknown.map(|name| {
            let name = ident(name);
            quote!(self.#name.write(out);)
        });
        quote! {
            fn encode(&self, out: &mut thrift::Writer<'_>) {
                #(#fields)*
                #unknown
                out.stop();
            }
        }
    }

    /// Whether the field is something else than its default.
    fn differs(&self, field: &Field, name: &Ident, value: &Value) -> TokenStream {
        match (self.model.resolved(&field.ty), value) {
            (Type::Binary | Type::String(Strings::Bytes), Value::Text(text)) => {
                let bytes = Literal::byte_string(text.as_bytes());
                quote!(self.#name.as_deref() != Some(#bytes.as_slice()))
            }
            (_, Value::Text(text)) => quote!(self.#name.as_deref() != Some(#text)),
            (_, Value::List(_) | Value::Map(_) | Value::Struct(_)) => {
                let value = self.value(&field.ty, value);
                quote!(self.#name.as_ref() != Some(&#value))
            }
            (_, value) => {
                let value = self.value(&field.ty, value);
                quote!(self.#name != Some(#value))
            }
        }
    }

    fn decode(&self, layout: &Layout<'_>) -> TokenStream {
        let result = self.std("Result");
        let required: Vec<&Field> = layout
            .fields
            .iter()
            .filter(|field| field.presence == Presence::Required)
            .collect();
        let wire_name = layout.wire_name;
        let arms = layout.fields.iter().zip(layout.names).map(|(field, name)| {
            let (id, kind, name) = (id_literal(field.id), self.wire_type(&field.ty), ident(name));
            let field_name = &field.name;
            let value = quote!(input.value(&(#wire_name, #field_name))?);
            match field.presence {
                Presence::Optional => quote!((#id, #kind) => value.#name = Some(#value),),
                Presence::Always => quote!((#id, #kind) => value.#name = #value,),
                Presence::Required => {
                    let place = required
                        .iter()
                        .position(|known| known.id == field.id)
                        .unwrap_or_default();
                    let place = Literal::usize_unsuffixed(place);
                    quote! {
                        (#id, #kind) => {
                            value.#name = #value;
                            seen[#place] = true;
                        }
                    }
                }
            }
        });
        let skip = match layout.unknown.map(ident) {
            Some(name) => quote!(input.skip_into(field, &mut value.#name)?),
            None => quote!(input.skip(field.kind)?),
        };
        let body = if layout.fields.is_empty() {
            quote!(#skip;)
        } else {
            quote! {
                match (field.id, field.kind) {
                    #(#arms)*
                    _ => #skip,
                }
            }
        };
        let mutable = (!layout.fields.is_empty() || layout.unknown.is_some()).then(|| quote!(mut));
        let count = Literal::usize_unsuffixed(required.len());
        let names = required.iter().map(|field| &field.name);
        let (seen, check) = if required.is_empty() {
            (None, None)
        } else {
            let check = quote!(input.require(seen, [#(&(#wire_name, #names)),*])?;);
            (Some(quote!(let mut seen = [false; #count];)), Some(check))
        };
        quote! {
            fn decode(input: &mut thrift::Reader<'_>) -> #result<Self, thrift::DecodeError> {
                let #mutable value = Self::default();
                #seen
                input.struct_begin()?;
                while let Some(field) = input.field()? {
                    #body
                }
                #check
                Ok(value)
            }
        }
    }

    /// Exceptions are errors. One with a message shows that.
    fn error_impls(&self, item: &Struct, name: &str, names: &[String]) -> TokenStream {
        let is_message = |field: &Field| {
            let text = matches!(
                self.model.resolved(&field.ty),
                Type::String(Strings::Owned | Strings::Shared)
            );
            let message = ["message", "msg", "reason"].contains(&field.name.to_ascii_lowercase().as_str());
            text && message && field.presence != Presence::Optional
        };
        let wire_name = &item.head.name;
        let message = item.fields.iter().position(is_message);
        let write = match message {
            Some(at) => {
                let (field, format) = (ident(&names[at]), format!("{wire_name}: {{}}"));
                quote!(write!(f, #format, self.#field))
            }
            None => quote!(write!(f, "{self:?}")),
        };
        let name = ident(name);
        quote! {
            impl std::fmt::Display for #name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    #write
                }
            }
            impl std::error::Error for #name {}
        }
    }
}

/// A field id as a pattern or expression.
pub(super) fn id_literal(id: i16) -> TokenStream {
    let digits = Literal::u16_unsuffixed(id.unsigned_abs());
    if id < 0 { quote!(-#digits) } else { quote!(#digits) }
}
