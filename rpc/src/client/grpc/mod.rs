//! gRPC connections of a client: all its streams, and its calls where the transport is gRPC.

mod lane;
mod opening;
mod queue;
mod unary;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use kitewire_proto::grpc::OpenError;
use kitewire_proto::wire::grpc::Code;
use kitewire_runtime::Address;

pub(crate) use lane::{GrpcLane, LaneConfig};
pub(crate) use opening::{Begun, NotOpened, Opening, Wanted};
pub(crate) use unary::{Beside, Besides, GrpcCall};

use super::connector::Connector;
use super::lanes::Lanes;
use super::options::{GrpcOptions, authority_of};
use super::pooled::Keep;
use crate::Error;

/// Where calls and streams over gRPC find their connections.
pub(crate) struct Grpc {
    lanes: Lanes<GrpcLane>,
    connector: Arc<dyn Connector>,
    keep: Keep,
    /// What `:authority` says for calls to the client's own address.
    authority: String,
    /// Whether it says the same for calls to other addresses.
    named: Named,
}

/// Whether `:authority` is a name that was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Yes,
    No,
}

impl Grpc {
    pub(crate) fn new(
        options: &GrpcOptions,
        connector: &Arc<dyn Connector>,
        address: &Address,
        destination: &str,
        max_depth: u16,
        keep: Keep,
    ) -> Self {
        let config = Arc::new(LaneConfig {
            grpc: Arc::new(options.to_config()),
            max_depth,
        });
        let name = options.authority.as_deref().unwrap_or(destination);
        let (authority, named) = match name {
            "" => (authority_of(address), Named::No),
            name => (name.to_owned(), Named::Yes),
        };
        Self {
            lanes: Lanes::new(&config, connector, address.clone(), options.connections),
            connector: Arc::clone(connector),
            keep,
            authority,
            named,
        }
    }

    pub(crate) const fn connector(&self) -> &Arc<dyn Connector> {
        &self.connector
    }

    /// What `:authority` says; `other` is where the call goes, if not to the client's own address.
    pub(crate) fn authority(&self, other: Option<&Address>) -> Cow<'_, str> {
        match other {
            Some(address) if self.named == Named::No => Cow::Owned(authority_of(address)),
            _ => Cow::Borrowed(&self.authority),
        }
    }
}

impl NotOpened {
    /// Why a connection did not take a call.
    pub(crate) const fn of(error: OpenError) -> Self {
        match error {
            OpenError::DeadlinePassed => Self::TimedOut,
            error => Self::Refused(error),
        }
    }

    /// The error of a stream that could not be opened.
    pub(crate) fn into_error(self, service: &str, method: &str, address: &Address) -> Error {
        let late = || Error::status(Code::DEADLINE_EXCEEDED, "context deadline exceeded");
        match self {
            Self::TimedOut => late().at(service, method, Some(address)),
            Self::Connect(error) => Error::connect(error).at(service, method, Some(address)),
            Self::Refused(error) => {
                let connect = |text: String| Error::connect(io::Error::other(text));
                let error = match error {
                    OpenError::HeaderTooLarge { limit, .. } => connect(format!(
                        "header list size to send violates the maximum size ({limit} bytes) set by server"
                    )),
                    OpenError::Malformed(_) => Error::configuration(error.to_string()),
                    error => connect(error.to_string()),
                };
                // Without an address: it is not the dial that failed.
                error.at(service, method, None)
            }
        }
    }
}
