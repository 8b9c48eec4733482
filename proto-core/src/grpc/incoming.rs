//! A call as the server's application sees it.

use super::calls::Call;
use super::{Connection, StreamId};
use crate::dispatch::MethodKind;
use crate::http::Fields;
use crate::metainfo::MetaInfo;
use crate::pingpong::Target;
use crate::time::Instant;
use crate::wire::Codec;
use crate::wire::grpc::{Path, metadata};

/// A call, as [`Connection::call`] shows it: a view of its request header; nothing was copied.
#[derive(Clone, Copy, Debug)]
pub struct IncomingCall<'a> {
    /// Where it goes.
    pub target: Target,
    /// How its messages flow. Calls for the unknown-service handler count as bidirectional.
    pub kind: MethodKind,
    /// How its messages are encoded.
    pub codec: Codec,
    /// When the caller will have given up.
    pub deadline: Option<Instant>,
    header: &'a Fields,
}

impl<'a> IncomingCall<'a> {
    /// The request header as received, pseudo-header fields included.
    #[must_use]
    pub const fn header(&self) -> &'a Fields {
        self.header
    }

    /// The bare service name on the wire, without its package. Bytes that are not UTF-8 read as an empty name.
    #[must_use]
    pub fn service_name(&self) -> &'a str {
        self.path().map_or("", |path| text(path.service))
    }

    /// The package in front of it; no part of the lookup.
    #[must_use]
    pub fn package(&self) -> &'a str {
        self.path().map_or("", |path| text(path.package))
    }

    /// The method name on the wire.
    #[must_use]
    pub fn method_name(&self) -> &'a str {
        self.path().map_or("", |path| text(path.method))
    }

    /// The caller's service name (`source-service`), where it told one.
    #[must_use]
    pub fn source_service(&self) -> Option<&'a str> {
        self.header.get("source-service").map(text)
    }

    /// The method that the caller itself was handling (`source-method`), where it told one.
    #[must_use]
    pub fn source_method(&self) -> Option<&'a str> {
        self.header.get("source-method").map(text)
    }

    /// The metainfo that came with the call, as it was on the wire; see [`MetaInfo::forward`].
    #[must_use]
    pub fn meta_info(&self) -> MetaInfo {
        metadata::read_metainfo(self.header)
    }

    /// Whether the caller knows Kitex's ways: it speaks Thrift, or its user agent says that it is Kitex. Other callers
    /// take what a plain gRPC server would say.
    #[must_use]
    pub fn is_from_kitex(&self) -> bool {
        knows_kitex(self.codec, self.header.get("user-agent"))
    }

    fn path(&self) -> Option<Path<'a>> {
        Path::parse(self.header.path()).ok()
    }
}

impl Connection {
    /// Server: whether a call has one answer at most, and has had it.
    pub(crate) fn is_answered(&self, id: StreamId) -> bool {
        self.calls.get(id).is_some_and(|call| call.answered)
    }

    /// Server: a call that is not released.
    #[must_use]
    pub fn call(&self, id: StreamId) -> Option<IncomingCall<'_>> {
        let Call {
            kind,
            codec,
            target,
            deadline,
            ..
        } = *self.calls.get(id)?;
        let header = self.http2.head(id)?;
        Some(IncomingCall {
            target,
            kind,
            codec,
            deadline,
            header,
        })
    }
}

/// Whether a caller knows Kitex's ways.
pub(super) fn knows_kitex(codec: Codec, user_agent: Option<&[u8]>) -> bool {
    codec == Codec::Thrift || user_agent.is_some_and(|agent| agent.starts_with(b"kitex/"))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("")
}
