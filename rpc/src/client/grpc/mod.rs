//! gRPC connections of a client: all its streams, and its calls where the transport is gRPC.

mod unary;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use kitewire_proto::grpc::OpenError;
use kitewire_proto::wire::grpc::Code;
use kitewire_runtime::Address;

pub(crate) use unary::{Beside, Besides, GrpcCall};

use super::connector::Connector;
use super::lane::{LaneConfig, LanePool, LaneProtocol, NotOpened, Refusal, Sharing};
use super::options::{GrpcOptions, authority_of};
use crate::Error;

/// Where calls and streams over gRPC find their connections.
pub(crate) struct Grpc {
    pool: LanePool,
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
        sharing: Sharing,
    ) -> Self {
        let config = Arc::new(LaneConfig {
            protocol: LaneProtocol::Grpc(Arc::new(options.to_config())),
            max_depth,
        });
        let name = options.authority.as_deref().unwrap_or(destination);
        let (authority, named) = match name {
            "" => (authority_of(address), Named::No),
            name => (name.to_owned(), Named::Yes),
        };
        Self {
            pool: LanePool::new(&config, connector, address.clone(), sharing),
            authority,
            named,
        }
    }

    pub(crate) const fn pool(&self) -> &LanePool {
        &self.pool
    }

    pub(crate) const fn connector(&self) -> &Arc<dyn Connector> {
        self.pool.connector()
    }

    /// What `:authority` says; `other` is where the call goes, if not to the client's own address.
    pub(crate) fn authority(&self, other: Option<&Address>) -> Cow<'_, str> {
        match other {
            Some(address) if self.named == Named::No => Cow::Owned(authority_of(address)),
            _ => Cow::Borrowed(&self.authority),
        }
    }
}

/// The error of a stream that could not be opened.
pub(crate) fn not_opened(why: NotOpened, service: &str, method: &str, address: &Address) -> Error {
    let late = || Error::status(Code::DEADLINE_EXCEEDED, "context deadline exceeded");
    let connect = |text: String| Error::connect(io::Error::other(text));
    let error = match why {
        NotOpened::TimedOut => return late().at(service, method, Some(address)),
        NotOpened::Connect(error) => return Error::connect(error).at(service, method, Some(address)),
        NotOpened::Refused(Refusal::Grpc(OpenError::HeaderTooLarge { limit, .. })) => connect(format!(
            "header list size to send violates the maximum size ({limit} bytes) set by server"
        )),
        NotOpened::Refused(Refusal::Grpc(error @ OpenError::Malformed(_))) => Error::configuration(error.to_string()),
        NotOpened::Refused(refusal) => connect(refusal.to_string()),
    };
    // Without an address: it is not the dial that failed.
    error.at(service, method, None)
}
