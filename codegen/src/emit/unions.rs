//! Unions, enums and typedefs.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::context::Context;
use super::docs::docs;
use super::structs::id_literal;
use super::words::ident;
use crate::model::{Enum, Field, Typedef};

impl Context<'_> {
    pub(super) fn union(&self, index: usize) -> TokenStream {
        let item = &self.model.structs[index];
        let names = &self.names.structs[index];
        let (name, unknown) = (ident(&names.name), ident(&names.unknown));
        let (wire_name, result) = (&item.head.name, self.std("Result"));
        let docs = docs(&item.head.docs, &format!("The union `{wire_name}`."));
        let mut derives = vec![quote!(Clone), quote!(Debug), quote!(PartialEq)];
        derives.extend(item.hashable.then(|| quote!(Eq, Hash)));
        derives.extend(self.derives.iter().map(|path| quote!(#path)));
        let variants = item
            .fields
            .iter()
            .zip(&names.fields)
            .map(|(field, name)| self.union_variant(field, name));
        let writes = item.fields.iter().zip(&names.fields).map(|(field, name)| {
            let (name, id) = (ident(name), id_literal(field.id));
            quote!(Self::#name(value) => out.value(#id, value),)
        });
        let reads = item.fields.iter().zip(&names.fields).map(|(field, name)| {
            let (name, id, kind) = (ident(name), id_literal(field.id), self.wire_type(&field.ty));
            let field_name = &field.name;
            quote!((#id, #kind) => Self::#name(input.value(&(#wire_name, #field_name))?),)
        });
        let default = self.union_default(index);
        quote! {
            #docs
            #[derive(#(#derives),*)]
            pub enum #name {
                #(#variants)*
                /// No field is set, or one that the IDL does not know.
                #unknown(thrift::UnknownFields),
            }
            #default
            impl thrift::Struct for #name {
                const NAME: &'static str = #wire_name;
                fn encode(&self, out: &mut thrift::Writer<'_>) {
                    match self {
                        #(#writes)*
                        Self::#unknown(fields) => fields.write(out),
                    }
                    out.stop();
                }
                fn decode(input: &mut thrift::Reader<'_>) -> #result<Self, thrift::DecodeError> {
                    input.union(|input, field| {
                        Ok(match (field.id, field.kind) {
                            #(#reads)*
                            _ => Self::#unknown(input.unknown(field)?),
                        })
                    })
                }
            }
        }
    }

    fn union_variant(&self, field: &Field, name: &str) -> TokenStream {
        let docs = docs(&field.docs, &format!("Field {}.", field.id));
        let (name, mut ty) = (ident(name), self.ty(&field.ty));
        if field.boxed {
            let boxed = self.std("Box");
            ty = quote!(#boxed<#ty>);
        }
        quote! {
            #docs
            #name(#ty),
        }
    }

    fn union_default(&self, index: usize) -> TokenStream {
        let item = &self.model.structs[index];
        let names = &self.names.structs[index];
        let (name, unknown, default) = (ident(&names.name), ident(&names.unknown), self.std("Default"));
        let with_default = item.fields.iter().zip(&names.fields).find_map(|(field, name)| {
            let value = self.value(&field.ty, field.default.as_ref()?);
            let name = ident(name);
            Some(quote!(Self::#name(#value)))
        });
        let value = with_default.unwrap_or_else(|| quote!(Self::#unknown(thrift::UnknownFields::new())));
        quote! {
            impl #default for #name {
                fn default() -> Self {
                    #value
                }
            }
        }
    }

    pub(super) fn enumeration(&self, index: usize) -> TokenStream {
        let item: &Enum = &self.model.enums[index];
        let names = &self.names.enums[index];
        let (name, other, wire_name) = (ident(&names.name), ident(&names.other), &item.head.name);
        let (from, result, default) = (self.std("From"), self.std("Result"), self.std("Default"));
        let docs = docs(&item.head.docs, &format!("The enum `{wire_name}`."));
        let has_zero = item.variants.iter().any(|variant| variant.number == 0);
        let extra = self.derives.iter().map(|path| quote!(#path));
        let zero = has_zero.then(|| quote!(Default,));
        let variants = item.variants.iter().zip(&names.variants).map(|(variant, name)| {
            let docs = super::docs::docs(
                &variant.docs,
                &format!("`{}`, number {}.", variant.name, variant.number),
            );
            let (name, zero) = (ident(name), (variant.number == 0).then(|| quote!(#[default])));
            quote! {
                #docs
                #zero
                #name,
            }
        });
        let idents: Vec<_> = names.variants.iter().map(|name| ident(name)).collect();
        let numbers: Vec<TokenStream> = item.variants.iter().map(|variant| number(variant.number)).collect();
        let default = (!has_zero).then(|| {
            quote! {
                impl #default for #name {
                    fn default() -> Self {
                        Self::#other(0)
                    }
                }
            }
        });
        quote! {
            #docs
            #[derive(Clone, Copy, Debug, #zero PartialEq, Eq, Hash, PartialOrd, Ord #(, #extra)*)]
            pub enum #name {
                #(#variants)*
                /// A number that the IDL does not know.
                #other(i32),
            }
            #default
            impl #name {
                /// The number on the wire.
                #[must_use]
                pub const fn number(self) -> i32 {
                    match self {
                        #(Self::#idents => #numbers,)*
                        Self::#other(number) => number,
                    }
                }
            }
            impl #from<i32> for #name {
                fn from(number: i32) -> Self {
                    match number {
                        #(#numbers => Self::#idents,)*
                        _ => Self::#other(number),
                    }
                }
            }
            impl thrift::Value for #name {
                const TYPE: thrift::Type = thrift::Type::I32;
                fn write(&self, out: &mut thrift::Writer<'_>) {
                    out.i32(self.number());
                }
                fn read(input: &mut thrift::Reader<'_>) -> #result<Self, thrift::DecodeError> {
                    input.i32().map(Self::from)
                }
            }
        }
    }

    pub(super) fn typedef(&self, typedef: &Typedef, name: &str) -> TokenStream {
        let docs = docs(&typedef.head.docs, &format!("The typedef `{}`.", typedef.head.name));
        let (name, ty) = (ident(name), self.ty(&typedef.ty));
        quote! {
            #docs
            pub type #name = #ty;
        }
    }
}

fn number(number: i32) -> TokenStream {
    let digits = Literal::u32_unsuffixed(number.unsigned_abs());
    if number < 0 { quote!(-#digits) } else { quote!(#digits) }
}
