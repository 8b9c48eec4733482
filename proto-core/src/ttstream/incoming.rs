//! A stream as a server's application sees it.

use super::streams::Stream;
use super::{StreamId, Strings};
use crate::dispatch::MethodKind;
use crate::metainfo::MetaInfo;
use crate::pingpong::Target;
use crate::wire::Codec;

/// A stream that was opened, as [`Connection::stream`](super::Connection::stream) shows it.
#[derive(Clone, Copy, Debug)]
pub struct IncomingStream<'a> {
    /// Where it goes.
    pub target: Target,
    /// How many messages each side sends.
    pub kind: MethodKind,
    /// How they are encoded.
    pub codec: Codec,
    stream: &'a Stream,
}

impl<'a> IncomingStream<'a> {
    pub(super) const fn new(stream: &'a Stream) -> Self {
        Self {
            target: stream.target,
            kind: stream.kind,
            codec: stream.codec,
            stream,
        }
    }

    /// The stream.
    #[must_use]
    pub const fn id(&self) -> StreamId {
        self.stream.id
    }

    /// The IDL service name on the wire, empty when there is none.
    #[must_use]
    pub fn service_name(&self) -> &'a str {
        self.stream.head.as_ref().map_or("", |head| &head.service)
    }

    /// The method name on the wire.
    #[must_use]
    pub fn method_name(&self) -> &'a str {
        self.stream.head.as_ref().map_or("", |head| &head.method)
    }

    /// The caller's service name, where it told one. Kitex tells none.
    #[must_use]
    pub fn caller_service(&self) -> Option<&'a str> {
        self.stream.head.as_ref()?.caller.as_deref()
    }

    /// The metainfo, as it is on the wire. A server calls [`MetaInfo::forward`] on it.
    #[must_use]
    pub fn meta_info(&self) -> MetaInfo {
        self.stream
            .head
            .as_ref()
            .map_or_else(MetaInfo::new, |head| head.meta.clone())
    }

    /// The other string entries of the header, but for the service's name.
    #[must_use]
    pub fn strings(&self) -> &'a Strings {
        static NONE: Strings = Strings::new();
        self.stream.head.as_ref().map_or(&NONE, |head| &head.strings)
    }
}
