//! Metadata: the header and trailer fields that are the application's, and metainfo among them.
//!
//! Names are lower case on the wire. The value of a name that ends in `-bin` is any bytes, as base64; other values are
//! text. A name that repeats has several values. Metainfo travels in request headers as `rpc-transit-` and
//! `rpc-persist-` fields, its keys with hyphens and in lower case; what was read has underscores and is in upper case,
//! so that `hello_world` arrives as `HELLO_WORLD`.

use std::borrow::Cow;
use std::fmt;

use super::base64::{self, Base64Error};
use crate::http::{Field, Fields, Sensitivity};
use crate::metainfo::MetaInfo;

/// Prefix of the fields that carry transient metainfo.
pub const TRANSIENT_PREFIX: &str = "rpc-transit-";
/// Prefix of the fields that carry persistent metainfo.
pub const PERSISTENT_PREFIX: &str = "rpc-persist-";

/// Metadata that cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MetadataError {
    /// A name that the protocol keeps for itself ([`is_reserved`]).
    Reserved,
    /// A name that is empty or not a token (RFC 9110 §5.6.2).
    Name,
    /// A value with a control character, where the name does not end in `-bin`.
    Value,
}

/// A field of the protocol's own that is not base64. The stream is reset with INTERNAL_ERROR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MalformedBinary {
    /// The field's name.
    pub name: &'static str,
    /// What is wrong.
    pub error: Base64Error,
}

/// Whether a field of this name, which is in lower case, is never sent from the application's metadata: those of
/// Kitex's list, and those that HTTP keeps for itself (RFC 9113 §8.2.2, RFC 9110 §8.6).
#[must_use]
pub fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(b":") || is_grpc_field(name) || is_http_field(name)
}

/// Whether the receiving application sees a field of this name, which is in lower case.
#[must_use]
pub fn is_visible(name: &[u8]) -> bool {
    match name {
        b"content-type" | b":authority" | b"user-agent" => true,
        b"grpc-accept-encoding" | b"biz-status" | b"biz-extra" => false,
        [b':', ..] => false,
        _ => !is_grpc_field(name),
    }
}

/// Whether a field of this name has base64 for a value.
#[must_use]
pub fn is_binary(name: &[u8]) -> bool {
    name.ends_with(b"-bin")
}

/// Whether [`write()`] sends this. Capitals in the name are taken and sent as small letters.
///
/// # Errors
/// Why it does not.
pub fn check(name: &[u8], value: &[u8]) -> Result<(), MetadataError> {
    check_lower_case(&name.to_ascii_lowercase(), value)
}

/// Appends the application's metadata and what the next hop gets of `meta`. Binary values in `metadata` are the bytes
/// themselves.
///
/// Metadata that [`check`] refuses is left out. A field of metainfo replaces metadata of the same name; of metainfo
/// keys that become the same name one is sent. A key that is no token or a value with control characters is left out.
///
/// ```
/// use kitewire_proto::MetaInfo;
/// use kitewire_proto::http::Fields;
/// use kitewire_proto::wire::grpc::metadata;
///
/// let (mut user, mut meta, mut head) = (Fields::new(), MetaInfo::new(), Fields::new());
/// user.push("raw-bin", [0, 1, 0xfe]);
/// meta.set_transient("HELLO_WORLD", "1");
/// metadata::write(&mut head, &user, &meta);
/// assert_eq!(head.get("raw-bin"), Some(&b"AAH+"[..]));
/// assert_eq!(head.get("rpc-transit-hello-world"), Some(&b"1"[..]));
/// assert_eq!(metadata::read_metainfo(&head).transient("HELLO_WORLD"), Some("1"));
/// ```
pub fn write(out: &mut Fields, metadata: &Fields, meta: &MetaInfo) {
    let metainfo = metainfo_fields(meta);
    let is_replaced = |name: &[u8]| {
        metainfo
            .binary_search_by(|(replacing, _)| replacing.as_slice().cmp(name))
            .is_ok()
    };
    for field in metadata {
        if check_lower_case(field.name, field.value).is_ok() && !is_replaced(field.name) {
            put(out, field.name, field.value, field.sensitivity);
        }
    }
    for (name, value) in &metainfo {
        put(out, name, value.as_bytes(), Sensitivity::Ordinary);
    }
}

/// The value of a received field as the application sees it: binary ones decoded. `None`: it does not see the field,
/// or the value is not the base64 that its name promises.
///
/// # Errors
/// One of the three binary fields of the protocol is not base64: `grpc-tags-bin`, `grpc-trace-bin`,
/// `grpc-status-details-bin`.
pub fn read(field: Field<'_>) -> Result<Option<Cow<'_, [u8]>>, MalformedBinary> {
    let own = OWN_BINARY.iter().find(|name| name.as_bytes() == field.name);
    match (decoded(field), own) {
        (Ok(value), _) => Ok(is_visible(field.name).then_some(value)),
        (Err(error), Some(name)) => Err(MalformedBinary { name, error }),
        (Err(_), None) => Ok(None),
    }
}

/// The metainfo of a request, as it is on the wire. A server calls [`MetaInfo::forward`] on it. The first value of a
/// name counts; empty ones are skipped.
#[must_use]
pub fn read_metainfo(head: &Fields) -> MetaInfo {
    let (mut transient, mut persistent) = (Vec::new(), Vec::new());
    for field in head {
        let (values, key) = if let Some(key) = field.name.strip_prefix(TRANSIENT_PREFIX.as_bytes()) {
            (&mut transient, key)
        } else if let Some(key) = field.name.strip_prefix(PERSISTENT_PREFIX.as_bytes()) {
            (&mut persistent, key)
        } else {
            continue;
        };
        if let Ok(value) = decoded(field) {
            values.push((metainfo_key(key), value));
        }
    }
    let mut meta = MetaInfo::new();
    for (key, value) in first_of_each(&mut transient) {
        meta.set_transient(key, value);
    }
    for (key, value) in first_of_each(&mut persistent) {
        meta.set_persistent(key, value);
    }
    meta
}

fn check_lower_case(name: &[u8], value: &[u8]) -> Result<(), MetadataError> {
    if is_reserved(name) {
        return Err(MetadataError::Reserved);
    }
    if !is_token(name) {
        return Err(MetadataError::Name);
    }
    if !is_binary(name) && !is_text(value) {
        return Err(MetadataError::Value);
    }
    Ok(())
}

/// Fields of gRPC itself: Kitex's list. `grpc-accept-encoding` and `grpc-previous-rpc-attempts` are not on it.
fn is_grpc_field(name: &[u8]) -> bool {
    matches!(
        name,
        b"content-type"
            | b"user-agent"
            | b"te"
            | b"grpc-message-type"
            | b"grpc-encoding"
            | b"grpc-message"
            | b"grpc-status"
            | b"grpc-timeout"
            | b"grpc-status-details-bin"
    )
}

fn is_http_field(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade" | b"content-length"
    )
}

/// Binary fields of the protocol's own: when one is broken, so is the section.
const OWN_BINARY: [&str; 3] = ["grpc-tags-bin", "grpc-trace-bin", "grpc-status-details-bin"];

fn put(out: &mut Fields, name: &[u8], value: &[u8], sensitivity: Sensitivity) {
    let mut text = Cow::Borrowed(value);
    if is_binary(name) {
        let mut encoded = Vec::new();
        base64::encode(value, &mut encoded);
        text = Cow::Owned(encoded);
    }
    match sensitivity {
        Sensitivity::Ordinary => out.push(name, text),
        Sensitivity::Sensitive => out.push_sensitive(name, text),
    }
}

fn decoded(field: Field<'_>) -> Result<Cow<'_, [u8]>, Base64Error> {
    if !is_binary(field.name) {
        return Ok(Cow::Borrowed(field.value));
    }
    let mut value = Vec::new();
    base64::decode(field.value, &mut value)?;
    Ok(Cow::Owned(value))
}

/// Names and values of what the next hop gets, by name.
fn metainfo_fields(meta: &MetaInfo) -> Vec<(Vec<u8>, &str)> {
    let transient = meta.transients().map(|(key, value)| (TRANSIENT_PREFIX, key, value));
    let persistent = meta.persistents().map(|(key, value)| (PERSISTENT_PREFIX, key, value));
    let mut fields: Vec<_> = transient
        .chain(persistent)
        .filter(|(_, key, value)| is_token(key.as_bytes()) && is_text(value.as_bytes()))
        .map(|(prefix, key, value)| (metainfo_name(prefix, key), value))
        .collect();
    fields.sort_by(|(left, _), (right, _)| left.cmp(right));
    fields.dedup_by(|(left, _), (right, _)| left == right);
    fields
}

fn metainfo_name(prefix: &str, key: &str) -> Vec<u8> {
    let hyphened = key.bytes().map(|byte| match byte {
        b'_' => b'-',
        byte => byte.to_ascii_lowercase(),
    });
    prefix.bytes().chain(hyphened).collect()
}

fn metainfo_key(name: &[u8]) -> String {
    let mut key = String::from_utf8_lossy(name).replace('-', "_");
    key.make_ascii_uppercase();
    key
}

/// Keys in order, each with the value that came first; in order so that setting them is cheap.
fn first_of_each(values: &mut Vec<(String, Cow<'_, [u8]>)>) -> impl Iterator<Item = (String, String)> {
    values.sort_by(|(left, _), (right, _)| left.cmp(right));
    values.dedup_by(|(later, _), (first, _)| later == first);
    values
        .drain(..)
        .map(|(key, value)| (key, String::from_utf8_lossy(&value).into_owned()))
}

fn is_token(name: &[u8]) -> bool {
    let is_token_byte = |byte: &u8| {
        matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~'
        )
    };
    !name.is_empty() && name.iter().all(is_token_byte)
}

/// Whether a value is legal in a field (RFC 9110 §5.5): no control characters but the tab.
fn is_text(value: &[u8]) -> bool {
    value.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t')
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserved => "the name is reserved for the protocol",
            Self::Name => "the name is not a token",
            Self::Value => "the value has control characters, and the name does not end in -bin",
        })
    }
}

impl std::error::Error for MetadataError {}

impl fmt::Display for MalformedBinary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transport: malformed {}: {}", self.name, self.error)
    }
}

impl std::error::Error for MalformedBinary {}

#[cfg(test)]
mod tests;
