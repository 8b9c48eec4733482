//! Thrift services: arguments, results, errors, and the [`ServiceModel`].

use proc_macro2::TokenStream;
use quote::quote;

use super::context::Context;
use super::names::{MessageNames, ServiceNames, combined_methods};
use super::service::{Answer, CallModel, Combined, Flow, Markers, MethodModel, ServiceModel, service};
use super::streams::{StreamKind, StreamMessage, StreamModel};
use super::structs::Layout;
use super::words::{Taken, ident, snake};
use crate::Layer;
use crate::model::{Field, Method, MethodKind, Presence, Service, Type};

impl Context<'_> {
    pub(super) fn service(&self, index: usize) -> TokenStream {
        let item: &Service = &self.model.services[index];
        let names = &self.names.services[index];
        let own = item.methods.iter().filter(|method| !method.kind.is_streaming());
        let messages = own.map(|method| self.messages(item, names, method));
        let methods = self.model.methods(index);
        let model = self.service_model(names, &methods, &item.head.name, &item.head.docs, Combined::No);
        let service = service(&model);
        quote!(#service #(#messages)*)
    }

    /// The service that combines those of the main file.
    pub(super) fn combined(&self, names: &ServiceNames) -> TokenStream {
        let docs = ["All services of the file in one.".to_owned()];
        let methods = combined_methods(self.model);
        service(&self.service_model(names, &methods, "CombineService", &docs, Combined::Yes))
    }

    fn service_model(
        &self,
        names: &ServiceNames,
        methods: &[(usize, &Method)],
        name: &str,
        docs: &[String],
        combine: Combined,
    ) -> ServiceModel {
        ServiceModel {
            name: name.to_owned(),
            package: self.model.units[self.unit.0].package.clone(),
            codec: ident("Thrift"),
            combine,
            layer: self.layer,
            docs: docs.to_vec(),
            service: ident(&names.service),
            server: ident(&names.server),
            client: ident(&names.client),
            info: ident(&names.info),
            methods: methods
                .iter()
                .map(|(owner, method)| self.method_model(names, *owner, method))
                .collect(),
            result: self.std("Result"),
            boxed: self.std("Box"),
            vec: self.std("Vec"),
            markers: Markers {
                future: self.std("Future"),
                send: self.std("Send"),
                sync: self.std("Sync"),
            },
        }
    }

    fn method_model(&self, names: &ServiceNames, owner: usize, method: &Method) -> MethodModel {
        let streaming = match method.kind {
            MethodKind::Unary | MethodKind::Oneway => None,
            MethodKind::ClientStreaming => Some(StreamKind::Client),
            MethodKind::ServerStreaming => Some(StreamKind::Server),
            MethodKind::BidirectionalStreaming => Some(StreamKind::Bidirectional),
        };
        let flow = match streaming {
            Some(kind) => Flow::Stream(self.stream_model(kind, method)),
            None => {
                let messages = &self.names.services[owner].messages[&method.name];
                Flow::Call(self.call_model(owner, method, messages))
            }
        };
        MethodModel {
            name: method.name.clone(),
            ident: ident(&names.methods[&method.name]),
            docs: method.docs.clone(),
            flow,
        }
    }

    /// Messages of a stream are the bare structs of the IDL, neither arguments nor results.
    fn stream_model(&self, kind: StreamKind, method: &Method) -> StreamModel {
        let message = |ty: Option<&Type>| {
            let value = ty.map_or_else(|| quote!(()), |ty| self.ty(ty));
            StreamMessage {
                body: value.clone(),
                value,
            }
        };
        let name = |field: &Field| field.rename.clone().unwrap_or_else(|| snake(&field.name));
        let request = method.parameters.first().map_or_else(|| "request".to_owned(), name);
        StreamModel {
            kind,
            // Handlers have `call` before it and `out` behind it.
            request: ident(&Taken::new(&["call", "out"]).unique(&request, "_")),
            argument: message(method.parameters.first().map(|field| &field.ty)),
            result: message(method.result.as_ref()),
            unpack: quote!(request),
            wrap: quote!(outcome),
            throws: method.throws.iter().map(|field| self.thrown(field)).collect(),
        }
    }

    /// The IDL's name of a declared exception.
    fn thrown(&self, field: &Field) -> String {
        match self.model.resolved(&field.ty) {
            Type::Struct(index) => self.model.structs[*index].head.name.clone(),
            _ => field.name.clone(),
        }
    }

    fn call_model(&self, owner: usize, method: &Method, messages: &MessageNames) -> CallModel {
        let unit = self.model.services[owner].head.unit;
        let arguments = self.path(unit, &messages.arguments);
        let parameters: Vec<_> = messages.parameters.iter().map(|name| ident(name)).collect();
        let types = method.parameters.iter().map(|field| self.field_type(field));
        let (answer, result, wrap) = if method.kind == MethodKind::Oneway {
            let wrap = quote!(outcome.map(|()| kitewire::Oneway));
            (Answer::Never, quote!(kitewire::Oneway), wrap)
        } else {
            let result = self.path(unit, &messages.result);
            let wrap = quote!(#result::from_outcome(outcome));
            (Answer::One, result, wrap)
        };
        CallModel {
            answer,
            pack: quote!(#arguments { #(#parameters),* }),
            unpack: parameters.iter().map(|name| quote!(arguments.#name)).collect(),
            parameters: parameters.iter().cloned().zip(types).collect(),
            arguments,
            result,
            wrap,
            value: self.value_type(method),
            error: self.error_type(owner, messages),
        }
    }

    fn value_type(&self, method: &Method) -> TokenStream {
        method.result.as_ref().map_or_else(|| quote!(()), |ty| self.ty(ty))
    }

    fn error_type(&self, owner: usize, messages: &MessageNames) -> TokenStream {
        if messages.error.is_empty() {
            return quote!(kitewire::Error);
        }
        self.path(self.model.services[owner].head.unit, &messages.error)
    }

    /// What one method has of its own: arguments, and unless it is oneway, a result and maybe an error.
    fn messages(&self, service: &Service, names: &ServiceNames, method: &Method) -> TokenStream {
        let Some(messages) = names.messages.get(&method.name) else {
            return TokenStream::new();
        };
        let wire_name = format!("{}.{}", service.head.name, method.name);
        let of = match self.layer {
            Layer::Rpc => format!("[`{}::{}`]", names.service, names.methods[&method.name]),
            Layer::Core => format!("`{wire_name}`"),
        };
        let docs = format!(" The arguments of {of}.");
        let arguments = self.layout(&Layout {
            name: &messages.arguments,
            docs: quote!(#[doc = #docs]),
            wire_name: &wire_name,
            fields: &method.parameters,
            names: &messages.parameters,
            unknown: None,
        });
        if method.kind == MethodKind::Oneway {
            return arguments;
        }
        let result = self.result(method, messages, &wire_name, &of);
        if self.layer == Layer::Core {
            return quote!(#arguments #result);
        }
        let error = (!method.throws.is_empty()).then(|| self.error(method, messages, &of));
        quote!(#error #arguments #result)
    }

    fn result(&self, method: &Method, messages: &MessageNames, wire_name: &str, of: &str) -> TokenStream {
        let success = method.result.as_ref().map(|ty| Field {
            id: 0,
            name: "success".to_owned(),
            rename: None,
            span: method.span,
            ty: ty.clone(),
            presence: Presence::Optional,
            default: None,
            boxed: false,
            docs: vec!["The result.".to_owned()],
        });
        let is_void = success.is_none();
        let fields: Vec<Field> = success.into_iter().chain(method.throws.iter().cloned()).collect();
        let names = &messages.results[usize::from(is_void)..];
        let docs = format!(" The result of {of}, or one of its exceptions.");
        let docs = if method.throws.is_empty() {
            format!(" The result of {of}.")
        } else {
            docs
        };
        let layout = self.layout(&Layout {
            name: &messages.result,
            docs: quote!(#[doc = #docs]),
            wire_name,
            fields: &fields,
            names,
            unknown: None,
        });
        let conversions = (self.layer == Layer::Rpc).then(|| self.conversions(method, messages));
        quote!(#layout #conversions)
    }

    /// From what a handler gives to a result struct, and from there to what a caller gets.
    fn conversions(&self, method: &Method, messages: &MessageNames) -> TokenStream {
        let name = ident(&messages.result);
        let result = self.std("Result");
        let value = self.value_type(method);
        let error = if messages.error.is_empty() {
            quote!(kitewire::Error)
        } else {
            let error = ident(&messages.error);
            quote!(#error)
        };
        let thrown: Vec<_> = messages.results[1..].iter().map(|name| ident(name)).collect();
        let variants: Vec<_> = messages.errors.iter().map(|name| ident(name)).collect();
        let default = self.std("Default");
        let rest = (thrown.len() + usize::from(method.result.is_some()) > 1).then(|| quote!(..#default::default()));
        let (pattern, success) = match &method.result {
            Some(_) => (quote!(success), quote!(Self { success: Some(success), #rest })),
            None if thrown.is_empty() => (quote!(()), quote!(Self {})),
            None => (quote!(()), quote!(Self::default())),
        };
        let given = match &method.result {
            Some(_) if thrown.is_empty() => quote!(self.success.ok_or_else(kitewire::Error::missing_result)),
            Some(_) => quote!(self.success.ok_or_else(|| kitewire::Error::missing_result().into())),
            None => quote!(Ok(())),
        };
        let outcome = if thrown.is_empty() {
            quote!(outcome.map(|#pattern| #success))
        } else {
            quote! {
                match outcome {
                    Ok(#pattern) => Ok(#success),
                    #(Err(#error::#variants(thrown)) => Ok(Self { #thrown: Some(thrown), #rest }),)*
                    Err(#error::Error(error)) => Err(error),
                }
            }
        };
        quote! {
            impl #name {
                /// What a handler's outcome is on the wire.
                ///
                /// # Errors
                /// Those that the method does not declare: they are no result.
                pub fn from_outcome(outcome: #result<#value, #error>) -> #result<Self, kitewire::Error> {
                    #outcome
                }
            }
            impl kitewire::CallResult for #name {
                type Value = #value;
                type Error = #error;
                fn into_value(self) -> #result<Self::Value, Self::Error> {
                    #(if let Some(thrown) = self.#thrown {
                        return Err(#error::#variants(thrown));
                    })*
                    #given
                }
            }
        }
    }

    /// The enum of what a method can fail with.
    fn error(&self, method: &Method, messages: &MessageNames, of: &str) -> TokenStream {
        let name = ident(&messages.error);
        let from = self.std("From");
        let docs = format!(" What {of} fails with.");
        let variants: Vec<_> = messages.errors.iter().map(|name| ident(name)).collect();
        let types: Vec<TokenStream> = method.throws.iter().map(|field| self.ty(&field.ty)).collect();
        let variant_docs = method
            .throws
            .iter()
            .map(|field| super::docs::docs(&field.docs, &format!("Declared as `{}`.", field.name)));
        let known: Vec<&Type> = method
            .throws
            .iter()
            .map(|field| self.model.resolved(&field.ty))
            .collect();
        let conversions = known
            .iter()
            .enumerate()
            .filter(|(at, ty)| !known[..*at].contains(ty))
            .map(|(at, _)| {
                let (variant, ty) = (&variants[at], &types[at]);
                quote! {
                    impl #from<#ty> for #name {
                        fn from(thrown: #ty) -> Self {
                            Self::#variant(thrown)
                        }
                    }
                }
            });
        let option = self.std("Option");
        quote! {
            #[doc = #docs]
            #[derive(Debug)]
            pub enum #name {
                #(#variant_docs #variants(#types),)*
                /// Anything that is not declared.
                Error(kitewire::Error),
            }
            #(#conversions)*
            impl #from<kitewire::Error> for #name {
                fn from(error: kitewire::Error) -> Self {
                    Self::Error(error)
                }
            }
            impl std::fmt::Display for #name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    match self {
                        #(Self::#variants(thrown) => std::fmt::Display::fmt(thrown, f),)*
                        Self::Error(error) => std::fmt::Display::fmt(error, f),
                    }
                }
            }
            impl std::error::Error for #name {
                fn source(&self) -> #option<&(dyn std::error::Error + 'static)> {
                    match self {
                        #(Self::#variants(thrown) => Some(thrown),)*
                        Self::Error(error) => Some(error),
                    }
                }
            }
        }
    }
}
