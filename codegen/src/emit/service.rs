//! Service traits, servers and clients. The same for Thrift and Protobuf: both make a [`ServiceModel`] first.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use super::docs::{Side, docs};
use super::streams::{StreamKind, StreamModel};
use super::words::ident;
use crate::Layer;

/// A service, without what its codec is like.
pub(crate) struct ServiceModel {
    /// As in the IDL.
    pub(crate) name: String,
    pub(crate) package: String,
    /// A variant of `kitewire::Codec`.
    pub(crate) codec: Ident,
    pub(crate) combine: Combined,
    pub(crate) layer: Layer,
    pub(crate) docs: Vec<String>,
    pub(crate) service: Ident,
    pub(crate) server: Ident,
    pub(crate) client: Ident,
    pub(crate) info: Ident,
    pub(crate) methods: Vec<MethodModel>,
    /// What the file has to call them.
    pub(crate) result: TokenStream,
    pub(crate) boxed: TokenStream,
    pub(crate) vec: TokenStream,
    pub(crate) markers: Markers,
}

/// What a file has to call the traits of handlers' futures.
pub(crate) struct Markers {
    pub(crate) future: TokenStream,
    pub(crate) send: TokenStream,
    pub(crate) sync: TokenStream,
}

/// Whether a service combines others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combined {
    Yes,
    No,
}

/// A method of a service.
pub(crate) struct MethodModel {
    /// As in the IDL.
    pub(crate) name: String,
    /// In Rust.
    pub(crate) ident: Ident,
    pub(crate) docs: Vec<String>,
    pub(crate) flow: Flow,
}

/// How messages of a method flow.
pub(crate) enum Flow {
    Call(CallModel),
    Stream(StreamModel),
}

/// A method with one request and at most one answer.
pub(crate) struct CallModel {
    pub(crate) answer: Answer,
    pub(crate) parameters: Vec<(Ident, TokenStream)>,
    /// The message with the arguments.
    pub(crate) arguments: TokenStream,
    /// Makes `arguments` of the parameters.
    pub(crate) pack: TokenStream,
    /// Makes the parameters of `arguments`, one expression each.
    pub(crate) unpack: Vec<TokenStream>,
    /// The message with the result.
    pub(crate) result: TokenStream,
    /// Makes a `Result<result, kitewire::Error>` of the handler's `outcome`.
    pub(crate) wrap: TokenStream,
    /// What the method gives, and what it fails with.
    pub(crate) value: TokenStream,
    pub(crate) error: TokenStream,
}

/// Whether a call is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    One,
    Never,
}

pub(crate) fn service(model: &ServiceModel) -> TokenStream {
    if model.layer == Layer::Core {
        return info(model);
    }
    let (interface, info) = (interface(model), info(model));
    let (server, client) = (server(model), client(model));
    quote!(#interface #info #server #client)
}

fn interface(model: &ServiceModel) -> TokenStream {
    let docs = docs(&model.docs, &format!("The service `{}`.", model.name));
    let ServiceModel {
        service: name, result, ..
    } = model;
    let Markers { future, send, sync } = &model.markers;
    let methods = model.methods.iter().map(|method| {
        let docs = method.docs(&format!("The method `{}`.", method.name), Side::Server);
        let (parameters, value, error) = match &method.flow {
            Flow::Call(call) => (call.parameters(), call.value.clone(), call.error.clone()),
            Flow::Stream(stream) => (stream.handled(), stream.handler_value(), quote!(kitewire::Error)),
        };
        let name = &method.ident;
        quote! {
            #docs
            fn #name(
                &self,
                call: &kitewire::Call,
                #parameters
            ) -> impl #future<Output = #result<#value, #error>> + #send;
        }
    });
    quote! {
        #docs
        pub trait #name: #send + #sync + 'static {
            #(#methods)*
        }
    }
}

fn info(model: &ServiceModel) -> TokenStream {
    let ServiceModel {
        name,
        package,
        codec,
        service,
        info,
        ..
    } = model;
    let docs = match model.layer {
        Layer::Rpc => {
            let docs = format!(" What [`{service}`] declares.");
            quote!(#[doc = #docs])
        }
        Layer::Core => docs(&model.docs, &format!("What the service `{name}` declares.")),
    };
    let (declared, codecs) = match model.layer {
        Layer::Rpc => (quote!(kitewire), quote!(kitewire)),
        Layer::Core => (quote!(kitewire_proto::dispatch), quote!(kitewire_proto::wire)),
    };
    let methods = model.methods.iter().map(|method| {
        let (name, kind) = (&method.name, method.kind());
        quote!(#declared::MethodInfo::new(#name, #declared::MethodKind::#kind))
    });
    let count = Literal::usize_unsuffixed(model.methods.len());
    let combined = (model.combine == Combined::Yes).then(|| quote!(.combined()));
    quote! {
        #docs
        pub static #info: #declared::ServiceInfo = {
            static METHODS: [#declared::MethodInfo; #count] = [#(#methods),*];
            #declared::ServiceInfo::new(#package, #name, #codecs::Codec::#codec, &METHODS) #combined
        };
    }
}

fn server(model: &ServiceModel) -> TokenStream {
    let ServiceModel {
        service,
        server,
        info,
        boxed,
        vec,
        ..
    } = model;
    let docs = format!(" Serves a [`{service}`]: to be registered with a server.");
    let text = server.to_string();
    let text = text.trim_start_matches("r#");
    let methods = model.methods.iter().map(|method| match &method.flow {
        Flow::Call(call) => call.served(service, &method.ident),
        Flow::Stream(stream) => stream.served(service, &method.ident),
    });
    let methods = if model.methods.is_empty() {
        quote!(new(_service: impl #service) -> Self { Self { methods: #vec::new() } })
    } else {
        quote! {
            new(service: impl #service) -> Self {
                let service = std::sync::Arc::new(service);
                Self { methods: #vec::from([#(#methods),*]) }
            }
        }
    };
    quote! {
        #[doc = #docs]
        pub struct #server {
            methods: #vec<#boxed<dyn kitewire::service::Method>>,
        }
        impl #server {
            /// A server whose calls `service` handles.
            pub fn #methods
            /// Makes it the service for requests that name none.
            pub fn fallback(self) -> kitewire::Registration {
                kitewire::Registration::new(self).fallback()
            }
            /// Sets where its handlers run first.
            pub fn dispatch(self, dispatch: kitewire::Dispatch) -> kitewire::Registration {
                kitewire::Registration::new(self).dispatch(dispatch)
            }
        }
        impl kitewire::service::Service for #server {
            fn info(&self) -> &kitewire::ServiceInfo {
                &#info
            }
            fn methods(&self) -> &[#boxed<dyn kitewire::service::Method>] {
                &self.methods
            }
        }
        impl std::fmt::Debug for #server {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(#text)
            }
        }
    }
}

fn client(model: &ServiceModel) -> TokenStream {
    let ServiceModel {
        service, client, info, ..
    } = model;
    let docs = format!(" Calls a [`{service}`].");
    let methods = model.methods.iter().enumerate().map(|(index, method)| {
        let docs = method.docs(&format!("Calls the method `{}`.", method.name), Side::Client);
        let index = Literal::usize_unsuffixed(index);
        let name = &method.ident;
        let (parameters, output, made) = match &method.flow {
            Flow::Call(call) => {
                let CallModel {
                    arguments,
                    pack,
                    result,
                    ..
                } = call;
                let output = quote!(kitewire::ClientCall<'_, #arguments, #result>);
                (call.parameters(), output, quote!(call(&#info, #index, #pack)))
            }
            Flow::Stream(stream) => (stream.called(), stream.call_type(), stream.opened(info, &index)),
        };
        quote! {
            #docs
            pub fn #name(&self, #parameters) -> #output {
                self.client.#made
            }
        }
    });
    quote! {
        #[doc = #docs]
        #[derive(Clone, Debug)]
        pub struct #client {
            client: kitewire::Client,
        }
        impl #client {
            /// Calls through `client`.
            pub const fn new(client: kitewire::Client) -> Self {
                Self { client }
            }
            #(#methods)*
        }
    }
}

impl MethodModel {
    /// The variant of `kitewire::MethodKind`.
    fn kind(&self) -> Ident {
        ident(match &self.flow {
            Flow::Call(call) if call.answer == Answer::Never => "Oneway",
            Flow::Call(_) => "Unary",
            Flow::Stream(stream) => match stream.kind {
                StreamKind::Client => "ClientStreaming",
                StreamKind::Server => "ServerStreaming",
                StreamKind::Bidirectional => "BidirectionalStreaming",
            },
        })
    }

    /// The IDL's documentation, or `otherwise`, and what the method's kind means for `side`.
    fn docs(&self, otherwise: &str, side: Side) -> TokenStream {
        let docs = docs(&self.docs, otherwise);
        let kind = match &self.flow {
            Flow::Call(call) if call.answer == Answer::One => return docs,
            Flow::Call(_) => " Oneway: there is no answer, and nothing tells what became of it.".to_owned(),
            Flow::Stream(stream) => stream.explained(side),
        };
        quote!(#docs #[doc = ""] #[doc = #kind])
    }
}

impl CallModel {
    fn parameters(&self) -> TokenStream {
        let parameters = self.parameters.iter().map(|(name, ty)| quote!(#name: #ty));
        quote!(#(#parameters),*)
    }

    /// The method as a server has it.
    fn served(&self, service: &Ident, name: &Ident) -> TokenStream {
        let Self {
            arguments,
            unpack,
            wrap,
            ..
        } = self;
        let given = if unpack.is_empty() {
            quote!(_)
        } else {
            quote!(arguments)
        };
        quote! {
            kitewire::service::method(&service, |service, call, #given: #arguments| async move {
                let outcome = #service::#name(&*service, &call, #(#unpack),*).await;
                call.finish(#wrap)
            })
        }
    }
}
