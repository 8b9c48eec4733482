//! What generated server code is made of: services, methods and the slots that handlers run in.
//!
//! A service is a [`ServiceInfo`] and one [`Method`] per entry of [`ServiceInfo::methods`], in the same order. Each
//! method is made by [`method`] from a function that takes the service, the [`Call`] and the decoded arguments;
//! [`client_streaming`], [`server_streaming`] and [`bidirectional`] make those with streams.
//!
//! ```
//! use std::sync::Arc;
//! use kitewire::service::{method, Method, Service};
//! use kitewire::{Call, Codec, Error, MethodInfo, MethodKind, ServiceInfo};
//! # use kitewire::service::RawBody;
//! # struct MyEcho;
//! # impl MyEcho { async fn echo(&self, _call: &Call, text: RawBody) -> Result<RawBody, Error> { Ok(text) } }
//!
//! static METHODS: [MethodInfo; 1] = [MethodInfo::new("echo", MethodKind::Unary)];
//! static ECHO: ServiceInfo = ServiceInfo::new("demo", "Echo", Codec::Thrift, &METHODS);
//!
//! struct EchoServer { methods: Vec<Box<dyn Method>> }
//!
//! impl EchoServer {
//!     fn new(service: MyEcho) -> Self {
//!         let service = Arc::new(service);
//!         Self {
//!             methods: vec![method(&service, |service, call, args: RawBody| async move {
//!                 let outcome = service.echo(&call, args).await;
//!                 call.finish(outcome)
//!             })],
//!         }
//!     }
//! }
//!
//! impl Service for EchoServer {
//!     fn info(&self) -> &ServiceInfo { &ECHO }
//!     fn methods(&self) -> &[Box<dyn Method>] { &self.methods }
//! }
//! # let _ = EchoServer::new(MyEcho);
//! ```

mod body;
mod kinds;
mod registration;
mod slot;

#[cfg(feature = "protobuf")]
pub use body::Protobuf;
pub use body::{Body, Message, RawBody, Received};
pub use kinds::{bidirectional, client_streaming, method, server_streaming};
pub(crate) use registration::Unknown;
pub use registration::{Dispatch, Registration, UnknownHandler};
pub(crate) use slot::Answer;
pub use slot::{Ended, Finished, Handler, Method, Running};

use kitewire_proto::dispatch::ServiceInfo;

#[expect(unused_imports, reason = "for the links in the text above")]
use crate::Call;

/// A service that a server can register: what it declares, and how its methods run.
///
/// Generated code implements it for `<Name>Server`.
pub trait Service: Send + Sync + 'static {
    /// What the service declares.
    fn info(&self) -> &ServiceInfo;

    /// Its methods, in the order of [`ServiceInfo::methods`].
    fn methods(&self) -> &[Box<dyn Method>];
}
