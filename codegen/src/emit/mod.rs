//! From a checked model to Rust.

mod context;
mod docs;
mod layout;
mod messages;
mod names;
mod service;
mod streams;
mod structs;
mod unions;
mod values;
mod words;

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Definition, Model, StructKind};
use crate::thrift::UnitId;
use crate::{Builder, Error, Layer};

use context::Context;
use names::Names;

pub(crate) use layout::formatted;
#[cfg(feature = "protobuf")]
pub(crate) use service::{Answer, CallModel, Combined, Flow, Markers, MethodModel, ServiceModel, service};
#[cfg(feature = "protobuf")]
pub(crate) use streams::{StreamKind, StreamMessage, StreamModel};
pub(crate) use words::ident;
#[cfg(feature = "protobuf")]
pub(crate) use words::{Taken, screaming, snake};

/// The code for a Thrift IDL file and all it includes.
pub(crate) fn thrift(model: &Model, options: &Builder) -> Result<String, Error> {
    let combined = model.units.first().is_some_and(|main| main.combine) || options.combines();
    let names = Names::new(model, combined);
    let derives = options.extra_derives()?;
    let units: Vec<TokenStream> = (0..model.units.len())
        .map(|unit| {
            Context {
                model,
                names: &names,
                unit: UnitId(unit),
                derives: &derives,
                layer: options.stands_on(),
            }
            .unit()
        })
        .collect();
    let (main, included) = units
        .split_first()
        .map_or((TokenStream::new(), &[][..]), |(main, rest)| (main.clone(), rest));
    let modules = included
        .iter()
        .zip(model.units.iter().zip(&names.units).skip(1))
        .map(|(code, (unit, name))| {
            let file = unit.path.file_name().unwrap_or_default().to_string_lossy();
            let (docs, name) = (format!(" Definitions of `{file}`."), ident(name));
            quote! {
                #[doc = #docs]
                pub mod #name {
                    #code
                }
            }
        });
    let file = model
        .units
        .first()
        .and_then(|unit| unit.path.file_name())
        .unwrap_or_default()
        .to_string_lossy();
    formatted(&file, &layout::wrapped(&quote!(#main #(#modules)*)))
}

impl Context<'_> {
    /// Everything that the file defines.
    fn unit(&self) -> TokenStream {
        let definitions = &self.model.units[self.unit.0].definitions;
        let items = definitions.iter().map(|definition| match *definition {
            Definition::Typedef(index) => self.typedef(&self.model.typedefs[index], &self.names.typedefs[index]),
            Definition::Enum(index) => self.enumeration(index),
            Definition::Struct(index) if self.model.structs[index].kind == StructKind::Union => self.union(index),
            Definition::Struct(index) => self.structure(index),
            Definition::Constant(index) => self.constant(&self.model.constants[index], &self.names.constants[index]),
            Definition::Service(index) => self.service(index),
        });
        let items = quote!(#(#items)*);
        let combined = self
            .names
            .combined
            .as_ref()
            .filter(|_| self.unit.0 == 0)
            .map(|names| self.combined(names));
        let thrift = layout::mentions(&items, "thrift").then(|| match self.layer {
            Layer::Rpc => quote!(
                use kitewire::thrift;
            ),
            Layer::Core => quote!(
                use kitewire_proto::thrift;
            ),
        });
        let missing = |name| layout::mentions(&items, name) && !self.names.taken[self.unit.0].holds(name);
        // In the prelude since edition 2024 only.
        let future = missing("Future").then(|| {
            quote!(
                use std::future::Future;
            )
        });
        let lazy = missing("LazyLock").then(|| {
            quote!(
                use std::sync::LazyLock;
            )
        });
        quote!(#future #lazy #thrift #items #combined)
    }
}
