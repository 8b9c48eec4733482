//! What a client asks for.

use std::fmt;

use crate::config::Switch;
use crate::dispatch::MethodKind;
use crate::grpc::{Config, gzip::Gzip};
use crate::http::{FieldKind, Fields, Sensitivity};
use crate::http2;
use crate::metainfo::MetaInfo;
use crate::time::Instant;
use crate::wire::Codec;
use crate::wire::grpc::{Code, ContentType, DEADLINE_EXCEEDED, Path, Status, metadata, timeout};

/// A call to open.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The package of the service, empty for none: Protobuf's package, for Thrift the Go package's name.
    pub package: &'a str,
    /// The service's name in the IDL.
    pub service: &'a str,
    /// The method's name in the IDL.
    pub method: &'a str,
    /// How its messages are encoded.
    pub codec: Codec,
    /// How its messages flow.
    pub kind: MethodKind,
    /// `:authority`; for Kitex the name of the destination service. [`Self::new`] takes the service's name.
    pub authority: &'a str,
    /// `http`, or `https` over TLS. [`Self::new`] takes `http`.
    pub scheme: &'a str,
    /// When to give up. The server is told how long that is.
    pub deadline: Option<Instant>,
    /// Whether messages are compressed, and compressed answers asked for. Without this crate's feature `gzip` it
    /// changes nothing.
    pub gzip: Switch,
    /// The application's metadata. Binary values are the bytes themselves.
    pub metadata: &'a Fields,
    /// Metainfo to send along.
    pub meta: &'a MetaInfo,
    /// Who calls whom, for servers that want to know. `None`: they are not told.
    pub names: Option<CallerNames<'a>>,
}

/// Who calls whom: what Kitex's clients tell with the HTTP/2 meta handler. Empty names are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CallerNames<'a> {
    /// The name under which the caller knows the callee.
    pub destination_service: &'a str,
    /// The method that is called.
    pub destination_method: &'a str,
    /// The caller's own name.
    pub source_service: &'a str,
    /// The method that the caller itself is handling.
    pub source_method: &'a str,
}

/// Why a call could not be opened. Nothing of it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// As many calls are open as the server allows; wait for [`Event::Available`](crate::grpc::Event::Available).
    TooManyStreams,
    /// One side ends the connection; use another one.
    Draining,
    /// All stream ids are used up; use another connection.
    Exhausted,
    /// The connection is over; use another one.
    Closed,
    /// The deadline has passed already.
    DeadlinePassed,
    /// Only clients open calls.
    NotClient,
    /// A name, the authority or the scheme is not legal; the text says why.
    Malformed(&'static str),
    /// The request header is above what the server takes.
    HeaderTooLarge {
        /// Its size.
        size: usize,
        /// The server's limit.
        limit: u32,
    },
}

impl<'a> Request<'a> {
    /// A call of `method`, without deadline, metadata or compression.
    #[must_use]
    pub const fn new(package: &'a str, service: &'a str, method: &'a str, codec: Codec, kind: MethodKind) -> Self {
        Self {
            package,
            service,
            method,
            codec,
            kind,
            authority: service,
            scheme: "http",
            deadline: None,
            gzip: Switch::Off,
            metadata: &NO_METADATA,
            meta: &NO_META,
            names: None,
        }
    }

    /// Whether the messages of this side are compressed.
    pub(super) const fn is_compressed(&self) -> bool {
        self.gzip.is_on() && Gzip::IS_BUILT_IN
    }

    /// The request header, in the order of Kitex's. `head` is what the last call of `template` left there.
    pub(super) fn write(&self, head: &mut Fields, template: &mut Template, config: &Config, now: Instant) {
        if template.fits(self) && head.len() >= template.len {
            head.truncate(template.len);
        } else {
            self.write_fixed(head, config);
            template.set(self, head.len());
        }
        if let Some(deadline) = self.deadline {
            head.push("grpc-timeout", timeout::encode(deadline.saturating_since(now)));
        }
        if let Some(names) = &self.names {
            names.write(head);
        }
        metadata::write(head, self.metadata, self.meta);
    }

    /// The fields that are the same for all calls of a method.
    fn write_fixed(&self, head: &mut Fields, config: &Config) {
        head.clear();
        push_known(head, ":method", "POST", FieldKind::Method);
        head.push(":scheme", self.scheme);
        head.push(":path", Path::build(self.package, self.service, self.method));
        head.push(":authority", self.authority);
        let content_type = ContentType::of_request(self.codec);
        push_known(head, ContentType::NAME, content_type, FieldKind::ContentType);
        head.push("user-agent", &config.user_agent);
        push_known(head, "te", "trailers", FieldKind::TeTrailers);
        if self.is_compressed() {
            push_known(head, "grpc-encoding", "gzip", FieldKind::Regular);
            if config.accept_gzip.is_on() {
                push_known(head, "grpc-accept-encoding", "gzip", FieldKind::Regular);
            }
        }
    }
}

/// What the first fields of a request header were made from. Calls of one method often follow each other.
#[derive(Debug, Default)]
pub(in crate::grpc) struct Template {
    package: String,
    service: String,
    method: String,
    authority: String,
    scheme: String,
    codec: Option<Codec>,
    compressed: bool,
    /// How many fields that are.
    len: usize,
}

impl Template {
    fn fits(&self, request: &Request<'_>) -> bool {
        self.method == request.method
            && self.service == request.service
            && self.package == request.package
            && self.authority == request.authority
            && self.scheme == request.scheme
            && self.codec == Some(request.codec)
            && self.compressed == request.is_compressed()
    }

    fn set(&mut self, request: &Request<'_>, len: usize) {
        let texts = [
            (&mut self.package, request.package),
            (&mut self.service, request.service),
            (&mut self.method, request.method),
            (&mut self.authority, request.authority),
            (&mut self.scheme, request.scheme),
        ];
        for (kept, text) in texts {
            kept.clear();
            kept.push_str(text);
        }
        self.codec = Some(request.codec);
        self.compressed = request.is_compressed();
        self.len = len;
    }
}

impl CallerNames<'_> {
    fn write(&self, head: &mut Fields) {
        let names = [
            ("destination-service", self.destination_service),
            ("destination-method", self.destination_method),
            ("source-service", self.source_service),
            ("source-method", self.source_method),
        ];
        for (field, name) in names {
            if !name.is_empty() {
                head.push(field, name);
            }
        }
    }
}

fn push_known(head: &mut Fields, name: &str, value: &str, kind: FieldKind) {
    head.push_known(name.as_bytes(), value.as_bytes(), kind, Sensitivity::Ordinary);
}

impl OpenError {
    /// What the call ended with, if it is not tried on another connection: code and text are those that Kitex's client
    /// reports.
    #[must_use]
    pub fn status(&self) -> Status {
        let code = match self {
            Self::TooManyStreams => Code::RESOURCE_EXHAUSTED,
            Self::Draining | Self::Exhausted | Self::Closed => Code::UNAVAILABLE,
            Self::DeadlinePassed => Code::DEADLINE_EXCEEDED,
            Self::NotClient | Self::Malformed(_) | Self::HeaderTooLarge { .. } => Code::INTERNAL,
        };
        Status::new(code, self.to_string())
    }
}

impl From<http2::OpenError> for OpenError {
    fn from(error: http2::OpenError) -> Self {
        match error {
            http2::OpenError::TooManyStreams => Self::TooManyStreams,
            http2::OpenError::Draining => Self::Draining,
            http2::OpenError::Exhausted => Self::Exhausted,
            http2::OpenError::Closed => Self::Closed,
            http2::OpenError::NotClient => Self::NotClient,
            http2::OpenError::Malformed(text) => Self::Malformed(text),
            http2::OpenError::HeadersTooLarge { size, limit } => Self::HeaderTooLarge { size, limit },
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("package", &self.package)
            .field("service", &self.service)
            .field("method", &self.method)
            .field("codec", &self.codec)
            .field("kind", &self.kind)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyStreams => f.write_str("as many calls are open as the server allows"),
            Self::Draining | Self::Exhausted => f.write_str(DRAINING),
            Self::Closed => f.write_str(CLOSING),
            Self::DeadlinePassed => f.write_str(DEADLINE_EXCEEDED),
            Self::NotClient => f.write_str("a server opens no calls"),
            Self::Malformed(text) => write!(f, "malformed request header: {text}"),
            Self::HeaderTooLarge { limit, .. } => {
                write!(
                    f,
                    "header list size to send violates the maximum size ({limit} bytes) set by server"
                )
            }
        }
    }
}

impl std::error::Error for OpenError {}

// Kitex's texts.
pub(super) const DRAINING: &str = "the connection is draining";
pub(super) const CLOSING: &str = "connection error: desc = \"transport is closing\"";

static NO_METADATA: Fields = Fields::new();
static NO_META: MetaInfo = MetaInfo::new();
