//! Services and clients that speak [CloudWeGo Kitex](https://github.com/cloudwego/kitex)'s RPC protocols, on any async
//! runtime.
//!
//! A service is a trait that `kitewire-build` generates from a Thrift or Protobuf IDL. [`Server`] runs any number of
//! them on one port, for every transport at once; [`Client`] calls them, over whichever transport and kind of connection
//! it is told to use. Below both are the sans-IO state machines of `kitewire-proto` ([`proto`]); the runtime comes in
//! through the traits of `kitewire-runtime` ([`runtime`]), which the features `tokio`, `smol` and `async-std` implement.
//!
//! # A complete example
//!
//! With `kitewire = { features = ["tokio"] }`, `kitewire_build::compile("idl/shop.thrift")` in `build.rs`, and
//! `kitewire::include_idl!("shop")` in a module of its own:
//!
//! ```
//! # mod shop { // What the generator would make of `service Cart { string add(1: string item) }`.
//! #     use std::{future::Future, sync::Arc};
//! #     use kitewire::{proto::DecodeError, thrift::{Reader, Struct, Type, Writer}, service::{method, Method, Service}};
//! #     use kitewire::{Call, CallResult, Client, ClientCall, Codec, Error, MethodInfo, MethodKind, ServiceInfo};
//! #     static METHODS: [MethodInfo; 1] = [MethodInfo::new("add", MethodKind::Unary)];
//! #     static CART: ServiceInfo = ServiceInfo::new("shop", "Cart", Codec::Thrift, &METHODS);
//! #     pub struct Text<const ID: i16>(Option<String>);
//! #     impl<const ID: i16> Struct for Text<ID> {
//! #         const NAME: &'static str = "Text";
//! #         fn encode(&self, out: &mut Writer<'_>) { out.optional(ID, &self.0); out.stop(); }
//! #         fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
//! #             let mut text = None;
//! #             input.struct_begin()?;
//! #             while let Some(field) = input.field()? {
//! #                 if field.id == ID && field.kind == Type::String { text = Some(input.string()?) } else { input.skip(field.kind)? }
//! #             }
//! #             Ok(Self(text))
//! #         }
//! #     }
//! #     impl CallResult for Text<0> {
//! #         type Value = String;
//! #         type Error = Error;
//! #         fn into_value(self) -> Result<String, Error> { self.0.ok_or_else(Error::missing_result) }
//! #     }
//! #     pub trait Cart: Send + Sync + 'static {
//! #         fn add(&self, call: &Call, item: String) -> impl Future<Output = Result<String, Error>> + Send;
//! #     }
//! #     pub struct CartServer(Vec<Box<dyn Method>>);
//! #     impl CartServer {
//! #         pub fn new(service: impl Cart) -> Self {
//! #             Self(vec![method(&Arc::new(service), |service, call, args: Text<1>| async move {
//! #                 let outcome = service.add(&call, args.0.unwrap_or_default()).await;
//! #                 call.finish(outcome.map(|text| Text::<0>(Some(text))))
//! #             })])
//! #         }
//! #     }
//! #     impl Service for CartServer {
//! #         fn info(&self) -> &ServiceInfo { &CART }
//! #         fn methods(&self) -> &[Box<dyn Method>] { &self.0 }
//! #     }
//! #     pub struct CartClient(Client);
//! #     impl CartClient {
//! #         pub fn new(client: Client) -> Self { Self(client) }
//! #         pub fn add(&self, item: impl Into<String>) -> ClientCall<'_, Text<1>, Text<0>> {
//! #             self.0.call(&CART, 0, Text(Some(item.into())))
//! #         }
//! #     }
//! # }
//! # use kitewire_tokio::Tokio;
//! # /*
//! use kitewire::Tokio;
//! # */
//! use std::time::Duration;
//! use kitewire::{Call, Client, Error, Server, Transport};
//! use shop::{Cart, CartClient, CartServer};
//!
//! struct MyCart;
//!
//! impl Cart for MyCart {
//!     async fn add(&self, call: &Call, item: String) -> Result<String, Error> {
//!         if item == "moon" {
//!             return Err(Error::business(404, "out of stock"));
//!         }
//!         Ok(format!("{item} for {}", call.persistent("user").unwrap_or("somebody")))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::new(Tokio).register(CartServer::new(MyCart)).bind("127.0.0.1:0").await?;
//! let address = server.local_addr()?;
//! let handle = server.handle();
//! let running = tokio::spawn(server.run());
//!
//! # let timeout = Duration::from_secs(2);
//! # /*
//! let timeout = Duration::from_millis(50);
//! # */
//! let client = Client::to(address).transport(Transport::TtHeader).connect_timeout(timeout).build(Tokio)?;
//! let cart = CartClient::new(client);
//! assert_eq!(cart.add("tea").await?, "tea for somebody");
//! assert_eq!(cart.add("tea").persistent("user", "7").timeout(timeout).await?, "tea for 7");
//! let error = cart.add("moon").await.unwrap_err();
//! assert_eq!(error.business_status().map(|status| status.code), Some(404));
//!
//! handle.shutdown(Duration::from_secs(5));
//! running.await??;
//! # Ok(()) }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | what a handler knows about its caller | [`Call`] |
//! | what a handler may answer, and what a caller may get | [`Error`] |
//! | options of a server, graceful stop | [`Server`], [`ServerHandle`] |
//! | streams, of handlers and of clients | [`Receiver`], [`Sender`]; [`ClientStream`], [`ServerStream`], [`BidiStream`] |
//! | header and trailer of streams, and of calls over gRPC | [`Metadata`] |
//! | options of a server for gRPC, for streams over TTHeader | [`GrpcConfig`], [`TtStreamConfig`] |
//! | plain HTTP requests on the same port | [`Server::http`], [`HttpHandler`] |
//! | recordings of live connections | [`Server::record`], [`Recording`] |
//! | options of a client, pools, multiplexing | [`Client`], [`ClientBuilder`] |
//! | how its streams travel | [`StreamTransport`], [`GrpcOptions`], [`TtStreamOptions`] |
//! | options of one call, of one stream | [`ClientCall`], [`StreamCall`] |
//! | tests without a socket | [`Client::in_process`] |
//! | services without generated code, bytes that are passed on | [`service`] |
//! | another runtime, a simulator | [`runtime`] |
//! | another event loop altogether | [`proto`] |
//!
//! # Features
//!
//! - `protobuf` (default): Protobuf services, with prost's messages.
//! - `tokio`: the adapter for tokio, as `Tokio`.
//! - `smol`: the adapter for smol, as `Smol`.
//! - `async-std`: the adapter for async-std, as `AsyncStd`.
//! - `tls`: TLS under any of them, as `tls::Tls`.

mod alarm;
mod buffers;
mod call;
mod client;
mod error;
mod hash;
mod metadata;
mod server;
pub mod service;
mod stream;
mod transport;
mod waiting;
mod wakes;

pub use bytes;
pub use http;
#[cfg(feature = "async-std")]
pub use kitewire_async_std::AsyncStd;
pub use kitewire_proto as proto;
pub use kitewire_proto::dispatch::{MethodInfo, MethodKind, RegistrationError, RegistrationProblem, ServiceInfo};
pub use kitewire_proto::grpc::UnknownNames;
pub use kitewire_proto::thrift;
pub use kitewire_proto::ttstream::{
    Class as StreamExceptionClass, Config as TtStreamConfig, Exception as StreamException,
};
pub use kitewire_proto::wire::Codec;
pub use kitewire_proto::wire::grpc::{Code, Status};
pub use kitewire_proto::{
    ApplicationException, BusinessStatus, CancelReason, CloseReason, ExceptionType, Instant, Limits, MetaInfo,
    Multiplex, Refusal, Switch,
};
pub use kitewire_runtime as runtime;
pub use kitewire_runtime::{Address, PeerIdentity, Runtime};
#[cfg(feature = "smol")]
pub use kitewire_smol::Smol;
#[cfg(feature = "tls")]
pub use kitewire_tls as tls;
#[cfg(feature = "tokio")]
pub use kitewire_tokio::Tokio;
#[cfg(feature = "protobuf")]
pub use prost;

pub use call::{Call, Cancelled};
pub use client::{
    BidiStream, CallResult, Client, ClientBuilder, ClientCall, ClientStats, ClientStream, FullCall, GrpcOptions,
    HTTP_URL, Oneway, PoolOptions, RecvTimeout, Response, ServerStream, StreamCall, StreamOptions, StreamPool,
    StreamTransport, TtStreamOptions,
};
pub use error::{Error, ErrorKind};
pub use metadata::Metadata;
pub use server::{
    Accepted, BindError, Bound, GrpcConfig, HttpHandler, Notice, PeerAddress, Recording, Server, ServerHandle,
    ServerStats, Unfinished,
};
#[cfg(feature = "protobuf")]
pub use service::Protobuf;
pub use service::{Dispatch, Registration, UnknownHandler};
pub use stream::{Receiver, Sender};
pub use transport::Transport;

/// Includes the code that `kitewire-build` generated from an IDL file, named without directory and ending.
///
/// ```ignore
/// mod shop {
///     kitewire::include_idl!("shop");      // from idl/shop.thrift or idl/shop.proto
/// }
/// ```
#[macro_export]
macro_rules! include_idl {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
    };
}

/// The encoded `FileDescriptorSet` that `kitewire-build` wrote beside the code of Protobuf files, under the name that its
/// `Builder::file_descriptor_set` was given: a `&'static` array of bytes, for a reflection service.
///
/// ```ignore
/// const SHOP: &[u8] = kitewire::include_file_descriptor_set!("shop.bin");
/// ```
#[macro_export]
macro_rules! include_file_descriptor_set {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name))
    };
}
