//! A plain request, as a handler sees it.

use std::time::Duration;

use bytes::Bytes;

use super::Fields;

/// A request of one connection, unique for the connection's life.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RequestId(pub(crate) u64);

/// A whole request: the same for every version of HTTP.
///
/// Host and request target of HTTP/1 stand in the pseudo-header fields, names are in lower case, and fields that are
/// about one connection only are left out.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    head: &'a Fields,
    body: &'a Bytes,
}

impl<'a> Request<'a> {
    pub(crate) const fn new(head: &'a Fields, body: &'a Bytes) -> Self {
        Self { head, body }
    }

    /// The method; names of methods are case-sensitive (RFC 9110 §9.1).
    #[must_use]
    pub fn method(&self) -> &'a [u8] {
        self.head.method()
    }

    /// The path without the query; `*` for the server as a whole (RFC 9110 §7.1).
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        self.split_target().0
    }

    /// What stands behind the first question mark of the target, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&'a [u8]> {
        self.split_target().1
    }

    /// Host and port that the request is for, empty where the client named none.
    #[must_use]
    pub fn authority(&self) -> &'a [u8] {
        match self.head.authority() {
            // RFC 9113 §8.3.1: a request that came by way of HTTP/1 may have the field instead.
            [] => self.head.get("host").unwrap_or(&[]),
            authority => authority,
        }
    }

    /// All fields, pseudo-header fields first.
    #[must_use]
    pub const fn fields(&self) -> &'a Fields {
        self.head
    }

    /// The whole body. Trailers are not part of a plain request.
    #[must_use]
    pub const fn body(&self) -> &'a Bytes {
        self.body
    }

    fn split_target(&self) -> (&'a [u8], Option<&'a [u8]>) {
        let target = self.head.path();
        let mut parts = target.splitn(2, |byte| *byte == b'?');
        (parts.next().unwrap_or(&[]), parts.next())
    }
}

/// Bounds on plain requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestLimits {
    /// Largest body of a request; a larger one is answered with 413. Default 4 MiB.
    pub max_body: usize,
    /// Most bytes of bodies that one HTTP/2 connection holds for its requests together, until they are answered; a
    /// request that would go above is answered with 503. (Over HTTP/1 there is one request at a time.) Default 32 MiB.
    pub max_bodies: usize,
    /// From the head of a request until its body is whole, anew with each 64 KiB of it; then 408. Default 30 s.
    pub body_timeout: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            max_body: 4 * 1024 * 1024,
            max_bodies: 32 * 1024 * 1024,
            body_timeout: Duration::from_secs(30),
        }
    }
}

/// Whether all expectations of an `expect` field are that the server asks for the body (RFC 9110 §10.1.1).
pub(crate) fn is_continue(expect: &[u8]) -> bool {
    expect
        .split(|byte| *byte == b',')
        .all(|expectation| expectation.trim_ascii().eq_ignore_ascii_case(b"100-continue"))
}

/// Bytes of a body that start its deadline anew.
pub(crate) const PROGRESS: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_told_apart() {
        let rows = [
            ("/a/b", "/a/b", None),
            ("/a?", "/a", Some("")),
            ("/?x=1?y", "/", Some("x=1?y")),
            ("*", "*", None),
        ];
        for (target, path, query) in rows {
            let head = Fields::request("GET", "http", "", target);
            let body = Bytes::new();
            let request = Request::new(&head, &body);
            assert_eq!(request.path(), path.as_bytes());
            assert_eq!(request.query(), query.map(str::as_bytes));
        }
    }

    #[test]
    fn the_host_field_stands_in_for_the_authority() {
        let mut head = Fields::new();
        head.push("host", "a:1");
        let body = Bytes::new();
        assert_eq!(Request::new(&head, &body).authority(), b"a:1");
        let mut head = Fields::request("GET", "http", "b", "/");
        head.push("host", "a:1");
        assert_eq!(Request::new(&head, &body).authority(), b"b");
    }
}
