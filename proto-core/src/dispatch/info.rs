//! What a service declares.

use std::borrow::Cow;

use crate::wire::Codec;

/// What one method declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodInfo {
    /// The IDL's name, which is also the one on the wire.
    pub name: Cow<'static, str>,
    /// How messages flow.
    pub kind: MethodKind,
}

/// How messages of a method flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MethodKind {
    /// One request, one answer.
    Unary,
    /// One request, no answer.
    Oneway,
    /// Many requests, one answer.
    ClientStreaming,
    /// One request, many answers.
    ServerStreaming,
    /// Many requests, many answers.
    BidirectionalStreaming,
}

impl MethodKind {
    /// Whether the method is declared as a stream, so that ping-pong transports cannot carry it.
    #[must_use]
    pub const fn is_streaming(self) -> bool {
        matches!(
            self,
            Self::ClientStreaming | Self::ServerStreaming | Self::BidirectionalStreaming
        )
    }

    /// Whether a call has one request, and not a stream of them.
    #[must_use]
    pub const fn has_single_request(self) -> bool {
        matches!(self, Self::Unary | Self::Oneway | Self::ServerStreaming)
    }

    /// Whether a call has one answer at most, and not a stream of them.
    #[must_use]
    pub const fn has_single_answer(self) -> bool {
        matches!(self, Self::Unary | Self::Oneway | Self::ClientStreaming)
    }
}

impl MethodInfo {
    /// A method of the given kind.
    #[must_use]
    pub const fn new(name: &'static str, kind: MethodKind) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind,
        }
    }
}

/// What a service declares: its bare IDL name, codec and methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceInfo {
    /// The bare IDL name, without package or namespace.
    pub name: Cow<'static, str>,
    /// The package or namespace, empty if there is none. It is not part of the lookup key.
    pub package: Cow<'static, str>,
    /// How its messages are encoded.
    pub codec: Codec,
    /// Its methods.
    pub methods: Cow<'static, [MethodInfo]>,
    /// Whether it is the union of several services, reached under any service name.
    pub combine: bool,
}

impl ServiceInfo {
    /// A service in `package` (empty for none) with the given bare name, codec and methods.
    #[must_use]
    pub const fn new(package: &'static str, name: &'static str, codec: Codec, methods: &'static [MethodInfo]) -> Self {
        Self {
            name: Cow::Borrowed(name),
            package: Cow::Borrowed(package),
            codec,
            methods: Cow::Borrowed(methods),
            combine: false,
        }
    }

    /// The same service, marked as a combined one.
    #[must_use]
    pub const fn combined(mut self) -> Self {
        self.combine = true;
        self
    }
}
