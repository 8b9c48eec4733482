//! Streaming methods of services.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use super::docs::Side;

/// A method that streams.
pub(crate) struct StreamModel {
    pub(crate) kind: StreamKind,
    /// What the one request of server streaming is called.
    pub(crate) request: Ident,
    /// What the client sends.
    pub(crate) argument: StreamMessage,
    /// What the server sends.
    pub(crate) result: StreamMessage,
    /// Makes the one request's value of the message `request`.
    pub(crate) unpack: TokenStream,
    /// Makes a `Result<result, kitewire::Error>` of a client-streaming handler's `outcome`.
    pub(crate) wrap: TokenStream,
    /// Names of the declared exceptions.
    pub(crate) throws: Vec<String>,
}

/// Which side sends any number of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamKind {
    Client,
    Server,
    Bidirectional,
}

/// A message of a stream.
pub(crate) struct StreamMessage {
    /// As handlers and callers have it.
    pub(crate) value: TokenStream,
    /// As a `kitewire::service::Message`.
    pub(crate) body: TokenStream,
}

impl StreamModel {
    /// The handler's parameters behind the call.
    pub(super) fn handled(&self) -> TokenStream {
        let (name, argument, result) = (&self.request, &self.argument.value, &self.result.value);
        match self.kind {
            StreamKind::Client => quote!(requests: kitewire::Receiver<#argument>),
            StreamKind::Server => quote!(#name: #argument, out: kitewire::Sender<#result>),
            StreamKind::Bidirectional => quote! {
                requests: kitewire::Receiver<#argument>,
                out: kitewire::Sender<#result>
            },
        }
    }

    /// What the handler gives.
    pub(super) fn handler_value(&self) -> TokenStream {
        match self.kind {
            StreamKind::Client => self.result.value.clone(),
            StreamKind::Server | StreamKind::Bidirectional => quote!(()),
        }
    }

    /// The method as a server has it.
    pub(super) fn served(&self, service: &Ident, name: &Ident) -> TokenStream {
        let (argument, result) = (&self.argument.body, &self.result.body);
        let (flow, given) = match self.kind {
            StreamKind::Client => (quote!(client_streaming), quote!(requests)),
            StreamKind::Server => (quote!(server_streaming), quote!(request, out)),
            StreamKind::Bidirectional => (quote!(bidirectional), quote!(requests, out)),
        };
        let unpack = &self.unpack;
        let (taken, wrap) = match self.kind {
            StreamKind::Client => (given.clone(), self.wrap.clone()),
            StreamKind::Server => (quote!(#unpack, out), quote!(outcome)),
            StreamKind::Bidirectional => (given.clone(), quote!(outcome)),
        };
        quote! {
            kitewire::service::#flow::<_, #argument, #result, _, _>(&service, |service, call, #given| async move {
                let outcome = #service::#name(&*service, &call, #taken).await;
                call.finish(#wrap)
            })
        }
    }

    /// The parameters of the client's method.
    pub(super) fn called(&self) -> TokenStream {
        let (name, argument) = (&self.request, &self.argument.value);
        match self.kind {
            StreamKind::Server => quote!(#name: #argument),
            StreamKind::Client | StreamKind::Bidirectional => TokenStream::new(),
        }
    }

    /// What the client's method gives.
    pub(super) fn call_type(&self) -> TokenStream {
        let (argument, result) = (&self.argument.value, &self.result.value);
        let stream = match self.kind {
            StreamKind::Client => quote!(ClientStream<#argument, #result>),
            StreamKind::Server => quote!(ServerStream<#result>),
            StreamKind::Bidirectional => quote!(BidiStream<#argument, #result>),
        };
        quote!(kitewire::StreamCall<'_, kitewire::#stream>)
    }

    /// Opens the stream, on a `kitewire::Client`.
    pub(super) fn opened(&self, info: &Ident, index: &Literal) -> TokenStream {
        let (argument, result) = (&self.argument.body, &self.result.body);
        let name = &self.request;
        match self.kind {
            StreamKind::Client => quote!(client_streaming::<#argument, #result>(&#info, #index)),
            StreamKind::Server => quote!(server_streaming::<#argument, #result>(&#info, #index, #name)),
            StreamKind::Bidirectional => quote!(bidirectional::<#argument, #result>(&#info, #index)),
        }
    }

    /// A paragraph on what the kind means for `side`.
    pub(super) fn explained(&self, side: Side) -> String {
        let mut text = String::from(match (self.kind, side) {
            (StreamKind::Client, Side::Server) => {
                " Client streaming: `requests` gives what the client sends, until it has said everything; the result is the \
                 one answer."
            }
            (StreamKind::Server, Side::Server) => {
                " Server streaming: one request, and any number of answers through `out`. To return ends the stream."
            }
            (StreamKind::Bidirectional, Side::Server) => {
                " Bidirectional streaming: `requests` gives what the client sends, `out` sends to it, each at its own pace. \
                 To return ends the stream."
            }
            (StreamKind::Client, Side::Client) => {
                " Client streaming: opens a stream that sends any number of requests; to finish it gives the one answer."
            }
            (StreamKind::Server, Side::Client) => {
                " Server streaming: sends the one request and opens a stream that receives any number of answers."
            }
            (StreamKind::Bidirectional, Side::Client) => {
                " Bidirectional streaming: opens a stream that sends requests and receives answers, each at its own pace."
            }
        });
        if !self.throws.is_empty() {
            let names: Vec<String> = self.throws.iter().map(|name| format!("`{name}`")).collect();
            text.push_str(&format!(
                " What it declares to throw ({}) has no place in a stream: the other side gets the text of the error.",
                names.join(", ")
            ));
        }
        text
    }
}
