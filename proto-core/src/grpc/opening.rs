//! What the head of a stream asks for: a call, a plain request, or something to be refused.

use std::borrow::Cow;
use std::time::Duration;

use super::config::{Config, UnknownNames};
use super::gzip::Gzip;
use super::inbox::Encoding;
use super::incoming::knows_kitex;
use super::receive::unknown_encoding;
use crate::dispatch::{Lookup, MethodKind, Services};
use crate::http::Fields;
use crate::pingpong::Target;
use crate::wire::Codec;
use crate::wire::grpc::message::Compression;
use crate::wire::grpc::{Code, ContentType, Path, Status, metadata, timeout};

/// A call that a head asks for.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) target: Target,
    pub(super) kind: MethodKind,
    pub(super) codec: Codec,
    pub(super) timeout: Option<Duration>,
    /// Of the requests.
    pub(super) encoding: Encoding,
    /// Of the answers.
    pub(super) compression: Compression,
}

/// Why a head opens no call.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is a plain request.
    Plain,
    /// It is answered with an HTTP status.
    Http { status: u16, why: Cow<'static, str> },
    /// It is answered as a call.
    Status {
        status: Box<Status>,
        /// The encodings that would have been taken, where that was wrong.
        encodings: Option<&'static str>,
    },
}

/// The fields of a head that say something to gRPC.
#[derive(Default)]
struct Head<'a> {
    content_type: Option<&'a [u8]>,
    timeout: Option<&'a [u8]>,
    encoding: Option<&'a [u8]>,
    accept_encoding: Option<&'a [u8]>,
    user_agent: Option<&'a [u8]>,
}

impl Opening {
    /// Reads the head of a stream.
    pub(super) fn read(head: &Fields, services: &Services, config: &Config) -> Result<Self, Refusal> {
        let fields = Head::read(head);
        let Some(content_type) = fields.content_type.and_then(ContentType::parse) else {
            return Err(not_grpc(head, &fields));
        };
        if head.method() != b"POST" {
            let why = Cow::Borrowed("gRPC calls are POST requests");
            return Err(Refusal::Http { status: 405, why });
        }
        let timeout = fields.timeout()?;
        check_binary(head)?;
        let path = Path::parse(head.path()).map_err(|error| Refusal::status(error.into()))?;
        let codec = content_type.codec();
        let kitex = knows_kitex(codec, fields.user_agent);
        let (target, kind) = find(services, config, &path, codec, kitex)?;
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(Refusal::status(Status::deadline_exceeded()));
        }
        Ok(Self {
            target,
            kind,
            codec,
            timeout,
            encoding: fields.encoding(config, kitex)?,
            compression: fields.compression(config),
        })
    }
}

impl<'a> Head<'a> {
    fn read(head: &'a Fields) -> Self {
        let mut found = Self::default();
        for field in head {
            let place = match field.name {
                b"content-type" => &mut found.content_type,
                b"grpc-timeout" => &mut found.timeout,
                b"grpc-encoding" => &mut found.encoding,
                b"grpc-accept-encoding" => &mut found.accept_encoding,
                b"user-agent" => &mut found.user_agent,
                _ => continue,
            };
            *place = Some(field.value);
        }
        found
    }

    fn timeout(&self) -> Result<Option<Duration>, Refusal> {
        let decoded = self.timeout.map(timeout::decode).transpose();
        decoded.map_err(|error| {
            let text = format!("malformed grpc-timeout: {error}");
            Refusal::status(Status::new(Code::INTERNAL, text))
        })
    }

    fn encoding(&self, config: &Config, kitex: bool) -> Result<Encoding, Refusal> {
        match self.encoding {
            None | Some(b"" | b"identity") => Ok(Encoding::Identity),
            Some(b"gzip") if takes_gzip(config) => Ok(Encoding::Gzip),
            Some(other) => {
                let name = String::from_utf8_lossy(other);
                if kitex {
                    return Err(Refusal::status(unknown_encoding(&name)));
                }
                let text = format!("grpc-encoding {name:?} is not supported");
                Err(Refusal::Status {
                    status: Box::new(Status::new(Code::UNIMPLEMENTED, text)),
                    encodings: Some(if takes_gzip(config) {
                        "identity,gzip"
                    } else {
                        "identity"
                    }),
                })
            }
        }
    }

    fn compression(&self, config: &Config) -> Compression {
        let accepts = |list: &[u8]| list.split(|byte| *byte == b',').any(is_gzip);
        match self.accept_encoding {
            Some(list) if Gzip::IS_BUILT_IN && config.send_gzip.is_on() && accepts(list) => Compression::Compressed,
            _ => Compression::Identity,
        }
    }
}

impl Refusal {
    fn status(status: Status) -> Self {
        Self::Status {
            status: Box::new(status),
            encodings: None,
        }
    }
}

fn takes_gzip(config: &Config) -> bool {
    Gzip::IS_BUILT_IN && config.accept_gzip.is_on()
}

/// Whether an entry of `grpc-accept-encoding` is gzip; spaces around it and one semicolon behind it are passed over, as
/// Kitex does.
fn is_gzip(entry: &[u8]) -> bool {
    let entry = entry.trim_ascii();
    entry.strip_suffix(b";").unwrap_or(entry) == b"gzip"
}

/// A request whose content type is not gRPC's.
fn not_grpc(head: &Fields, fields: &Head<'_>) -> Refusal {
    // Nobody but a caller says that it takes trailers with what it posts.
    let is_caller = head.get("te").is_some() && head.method() == b"POST";
    match fields.content_type {
        Some(value) if is_caller || value.starts_with(b"application/grpc") => Refusal::Http {
            status: 415,
            why: format!(
                "content-type {} is not supported; calls have application/grpc, application/grpc+proto or \
                 application/grpc+thrift",
                value.escape_ascii()
            )
            .into(),
        },
        None if is_caller => Refusal::Http {
            status: 415,
            why: Cow::Borrowed("a call has a content-type: application/grpc or application/grpc+thrift"),
        },
        _ => Refusal::Plain,
    }
}

/// The binary fields of the protocol's own are base64.
fn check_binary(head: &Fields) -> Result<(), Refusal> {
    for field in head.iter().filter(|field| metadata::is_binary(field.name)) {
        if let Err(error) = metadata::read(field) {
            return Err(Refusal::status(Status::new(Code::INTERNAL, error.to_string())));
        }
    }
    Ok(())
}

fn find(
    services: &Services,
    config: &Config,
    path: &Path<'_>,
    codec: Codec,
    kitex: bool,
) -> Result<(Target, MethodKind), Refusal> {
    let unknown = |code: i32, what: &str, name: &[u8]| {
        let kitex = match config.unknown_names {
            UnknownNames::Auto => kitex,
            UnknownNames::Kitex => true,
            UnknownNames::Grpc => false,
        };
        let code = if kitex { Code(code) } else { Code::UNIMPLEMENTED };
        let text = format!("unknown {what} {}", String::from_utf8_lossy(name));
        Err(Refusal::status(Status::new(code, text)))
    };
    let method = match services.lookup_exact(path.service, path.method) {
        Lookup::Method(method) => method,
        Lookup::UnknownHandler => return Ok((Target::Unknown, MethodKind::BidirectionalStreaming)),
        Lookup::UnknownService | Lookup::NoServiceName => return unknown(20, "service", path.service),
        Lookup::UnknownMethod(_) => return unknown(1, "method", path.method),
    };
    let kind = match services.method(method) {
        Some((service, _)) if service.codec != codec => return Err(Refusal::status(wrong_codec(codec))),
        Some((_, info)) => info.kind,
        None => return unknown(1, "method", path.method),
    };
    Ok((Target::Method(method), kind))
}

/// A service that speaks the other codec, in Kitex's words.
fn wrong_codec(codec: Codec) -> Status {
    match codec {
        Codec::Thrift => Status::new(
            Code::FAILED_PRECONDITION,
            "decode failed, codec msg type not match with thriftCodec",
        ),
        Codec::Protobuf => Status::new(Code::INTERNAL, "grpc invalid payload"),
    }
}
