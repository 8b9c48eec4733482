//! The head of a request: from bytes to fields and what they mean for the connection.

use std::mem::MaybeUninit;

use super::target::{Target, is_authority};
use crate::http::{FieldKind, Fields, Refusal, Sensitivity, decimal, is_continue};

/// What the connection has to know of a head; the rest is in [`Fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) version: Version,
    pub(super) persistence: Persistence,
    pub(super) framing: Framing,
    pub(super) expectation: Expectation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http10,
    Http11,
}

/// What the client wants to become of the connection (RFC 9112 §9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persistence {
    KeepAlive,
    Close,
}

/// How the body ends (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes; without a body, none.
    Length(u64),
    Chunked,
}

/// Whether the client waits before it sends the body (RFC 9110 §10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expectation {
    None,
    Continue,
}

/// Reads `bytes`, a whole head of `lines` lines, and fills `fields`. A target that names no scheme is one of `scheme`.
pub(super) fn parse_head(
    bytes: &[u8],
    lines: usize,
    scheme: &'static [u8],
    fields: &mut Fields,
) -> Result<Head, Refusal> {
    let mut few = [const { MaybeUninit::uninit() }; FEW];
    let mut many = Vec::new();
    let places = match few.get_mut(..lines) {
        Some(places) => places,
        None => {
            many.resize(lines, MaybeUninit::uninit());
            &mut many
        }
    };
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, places) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(Refusal::new(400, "invalid request")),
        Err(error) => return Err(refusal(error, bytes)),
    }
    let version = match request.version {
        Some(0) => Version::Http10,
        _ => Version::Http11,
    };
    let method = request.method.unwrap_or_default().as_bytes();
    let target = Target::parse(method, request.path.unwrap_or_default().as_bytes())?;
    let mut connection = ConnectionFields::default();
    for header in &*request.headers {
        connection.note(header.name.as_bytes(), header.value)?;
    }
    let host = connection.host(version)?;
    fields.clear();
    for (name, value, kind) in [
        (&b":method"[..], method, FieldKind::Method),
        (b":scheme", target.scheme.unwrap_or(scheme), FieldKind::Scheme),
        // RFC 9112 §3.2.2: a target in absolute form counts, not the Host.
        (b":authority", target.authority.unwrap_or(host), FieldKind::Authority),
        (b":path", &target.path, FieldKind::Path),
    ] {
        fields.push_known(name, value, kind, Sensitivity::Ordinary);
    }
    for header in &*request.headers {
        if !is_left_out(header.name.as_bytes(), header.value) {
            fields.push(header.name, header.value);
        }
    }
    Ok(Head {
        version,
        persistence: connection.persistence(version),
        framing: connection.framing(version)?,
        expectation: connection.expectation(version)?,
    })
}

/// Checks `bytes`, a whole trailer section of `lines` lines. Trailers are not handed on.
pub(super) fn check_trailers(bytes: &[u8], lines: usize) -> Result<(), Refusal> {
    let mut places = vec![httparse::EMPTY_HEADER; lines];
    match httparse::parse_headers(bytes, &mut places) {
        Ok(_) => Ok(()),
        Err(error) => Err(refusal(error, bytes)),
    }
}

#[cold]
fn refusal(error: httparse::Error, head: &[u8]) -> Refusal {
    match error {
        // RFC 9110 §15.6.6.
        httparse::Error::Version if names_a_version(head) => Refusal::new(505, "HTTP/1.1 and HTTP/2 are served here"),
        httparse::Error::Version => Refusal::new(400, "request line without an HTTP version"),
        // RFC 9112 §5.1: no space before the colon; §5.2: no folded lines.
        httparse::Error::HeaderName => Refusal::new(400, "invalid field name, or white space around it"),
        httparse::Error::HeaderValue => Refusal::new(400, "invalid character in a field value"),
        httparse::Error::TooManyHeaders => Refusal::new(431, "too many fields"),
        httparse::Error::NewLine | httparse::Error::Token | httparse::Error::Status => {
            Refusal::new(400, "invalid request line")
        }
    }
}

/// Whether the third and last word of the request line is an HTTP version (RFC 9112 §2.3).
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or(&[]);
    let version = line.splitn(3, |byte| *byte == b' ').nth(2).unwrap_or(&[]);
    matches!(version, [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'])
}

/// Whether handlers do not see a field: those about the connection, and Host, which is `:authority`.
fn is_left_out(name: &[u8], value: &[u8]) -> bool {
    if name.eq_ignore_ascii_case(b"te") {
        return !value.eq_ignore_ascii_case(b"trailers");
    }
    LEFT_OUT.iter().any(|left_out| name.eq_ignore_ascii_case(left_out))
}

/// What the fields say about the connection, gathered.
#[derive(Debug, Default)]
struct ConnectionFields<'a> {
    host: Option<&'a [u8]>,
    content_length: Option<&'a [u8]>,
    codings: Codings,
    has_transfer_encoding: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    expects_other: bool,
}

/// The transfer codings of a request, in the order they were applied.
#[derive(Debug, Default)]
struct Codings {
    chunked: usize,
    other: bool,
    empty: bool,
    chunked_is_last: bool,
}

impl<'a> ConnectionFields<'a> {
    fn note(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Refusal> {
        if name.eq_ignore_ascii_case(b"host") {
            // RFC 9112 §3.2: more than one line, or an invalid value.
            if self.host.replace(value).is_some() {
                return Err(Refusal::new(400, "more than one Host"));
            }
            if !is_authority(value) {
                return Err(Refusal::new(400, "invalid Host"));
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            // RFC 9110 §8.6 lets a recipient refuse repeated values, even if they are equal.
            if self.content_length.replace(value).is_some() {
                return Err(Refusal::new(400, "more than one Content-Length"));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.has_transfer_encoding = true;
            elements(value).for_each(|coding| self.codings.note(coding));
        } else if name.eq_ignore_ascii_case(b"connection") {
            for option in elements(value) {
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if name.eq_ignore_ascii_case(b"expect") {
            self.expects_continue = true;
            self.expects_other |= !is_continue(value);
        }
        Ok(())
    }

    fn host(&self, version: Version) -> Result<&'a [u8], Refusal> {
        match (self.host, version) {
            (Some(host), _) => Ok(host),
            (None, Version::Http10) => Ok(&[]),
            (None, Version::Http11) => Err(Refusal::new(400, "no Host")),
        }
    }

    const fn persistence(&self, version: Version) -> Persistence {
        match version {
            _ if self.close => Persistence::Close,
            Version::Http10 if !self.keep_alive => Persistence::Close,
            Version::Http10 | Version::Http11 => Persistence::KeepAlive,
        }
    }

    /// The message body's length by RFC 9112 §6.3, and nothing where two readers could find two lengths.
    fn framing(&self, version: Version) -> Result<Framing, Refusal> {
        if !self.has_transfer_encoding {
            return match self.content_length.map(decimal) {
                None => Ok(Framing::Length(0)),
                Some(Some(length)) => Ok(Framing::Length(length)),
                Some(None) => Err(Refusal::new(400, "invalid Content-Length")),
            };
        }
        // RFC 9112 §6.1: an attempt at smuggling, or a broken intermediary.
        if self.content_length.is_some() {
            return Err(Refusal::new(400, "both Transfer-Encoding and Content-Length"));
        }
        if version == Version::Http10 {
            return Err(Refusal::new(400, "Transfer-Encoding in HTTP/1.0"));
        }
        match self.codings {
            Codings { empty: true, .. } => Err(Refusal::new(400, "invalid Transfer-Encoding")),
            Codings { chunked: 2.., .. } => Err(Refusal::new(400, "chunked more than once")),
            // RFC 9112 §6.3: the length is unknown, which goes before the unknown coding of §6.1.
            Codings {
                chunked_is_last: false, ..
            } => Err(Refusal::new(400, "chunked is not the last transfer coding")),
            Codings { other: true, .. } => Err(Refusal::new(501, "unknown transfer coding")),
            Codings { .. } => Ok(Framing::Chunked),
        }
    }

    fn expectation(&self, version: Version) -> Result<Expectation, Refusal> {
        match version {
            // RFC 9110 §10.1.1: clients of HTTP/1.0 do not wait.
            Version::Http10 => Ok(Expectation::None),
            Version::Http11 if self.expects_other => Err(Refusal::new(417, "unknown expectation")),
            Version::Http11 if self.expects_continue => Ok(Expectation::Continue),
            Version::Http11 => Ok(Expectation::None),
        }
    }
}

impl Codings {
    fn note(&mut self, coding: &[u8]) {
        // RFC 9112 §7.1: chunked has no parameters.
        self.chunked_is_last = coding.eq_ignore_ascii_case(b"chunked");
        if self.chunked_is_last {
            self.chunked = self.chunked.saturating_add(1);
        } else if coding.is_empty() {
            self.empty = true;
        } else {
            self.other = true;
        }
    }
}

/// The elements of a list (RFC 9110 §5.6.1), empty ones included.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Fields for which no memory is taken.
const FEW: usize = 64;

/// `http2-settings` goes with `upgrade: h2c`, which is not served (RFC 9113 §3.1).
const LEFT_OUT: [&[u8]; 7] = [
    b"host",
    b"connection",
    b"proxy-connection",
    b"keep-alive",
    b"transfer-encoding",
    b"upgrade",
    b"http2-settings",
];
