//! Services and clients that speak CloudWeGo Kitex's RPC protocols.

mod alarm;
mod buffers;
mod call;
mod client;
mod error;
mod hash;
mod server;
pub mod service;
mod text;

pub use bytes;
pub use kitewire_proto as proto;
pub use kitewire_proto::dispatch::{
    MethodInfo, MethodKind, RegistrationError, RegistrationProblem, ServiceInfo,
};
pub use kitewire_proto::thrift;
pub use kitewire_proto::wire::{Codec, Transport};
pub use kitewire_proto::{
    ApplicationException, BusinessStatus, CancelReason, CloseReason, ExceptionType, Instant, Limits, MetaInfo, Multiplex,
    Refusal, Switch,
};
pub use kitewire_runtime as runtime;
pub use kitewire_runtime::{Address, Runtime};
#[cfg(feature = "tokio")]
pub use kitewire_tokio::Tokio;
#[cfg(feature = "protobuf")]
pub use prost;

pub use call::{Call, Cancelled};
pub use client::{
    CallResult, Client, ClientBuilder, ClientCall, FullCall, Oneway, PoolOptions, Response,
};
pub use error::{Error, ErrorKind};
pub use server::{BindError, Bound, Notice, Server, ServerHandle, ServerStats, Unfinished};
#[cfg(feature = "protobuf")]
pub use service::Protobuf;
pub use service::{Dispatch, Registration, UnknownHandler};
