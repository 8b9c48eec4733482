//! A stream as it came in to a server, whatever its connection speaks.

use std::time::Duration;

use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::timeout;
use kitewire_proto::{Instant, MetaInfo, Target, grpc, ttstream};

use crate::Metadata;

/// A stream that came in: a view of its header.
#[derive(Clone, Copy)]
pub(crate) enum Incoming<'a> {
    Grpc(grpc::IncomingCall<'a>),
    TtHeader(ttstream::IncomingStream<'a>),
}

impl<'a> Incoming<'a> {
    /// Where it goes.
    pub(crate) const fn target(&self) -> Target {
        match self {
            Self::Grpc(call) => call.target,
            Self::TtHeader(stream) => stream.target,
        }
    }

    pub(crate) const fn kind(&self) -> MethodKind {
        match self {
            Self::Grpc(call) => call.kind,
            Self::TtHeader(stream) => stream.kind,
        }
    }

    pub(crate) const fn codec(&self) -> Codec {
        match self {
            Self::Grpc(call) => call.codec,
            Self::TtHeader(stream) => stream.codec,
        }
    }

    /// When the caller will have given up. TTHeader streams do not tell.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Grpc(call) => call.deadline,
            Self::TtHeader(_) => None,
        }
    }

    /// Service and method on the wire.
    pub(crate) fn names(&self) -> (&'a str, &'a str) {
        match self {
            Self::Grpc(call) => (call.service_name(), call.method_name()),
            Self::TtHeader(stream) => (stream.service_name(), stream.method_name()),
        }
    }

    /// The caller's whole time, where it told one.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        match self {
            Self::Grpc(call) => timeout::decode(call.header().get(timeout::NAME)?).ok(),
            Self::TtHeader(_) => None,
        }
    }

    pub(crate) fn meta_info(&self) -> MetaInfo {
        match self {
            Self::Grpc(call) => call.meta_info(),
            Self::TtHeader(stream) => stream.meta_info(),
        }
    }

    /// What the application sees of the header.
    pub(crate) fn metadata(&self) -> Metadata {
        match self {
            Self::Grpc(call) => Metadata::received(call.header()),
            Self::TtHeader(stream) => Metadata::from_strings(stream.strings()),
        }
    }

    /// The caller's service, and the method that it was handling, where it told them. Streams over TTHeader have no place
    /// for the method.
    pub(crate) fn caller(&self) -> (Option<&'a str>, Option<&'a str>) {
        match self {
            Self::Grpc(call) => (call.source_service(), call.source_method()),
            Self::TtHeader(stream) => (stream.caller_service(), None),
        }
    }
}
