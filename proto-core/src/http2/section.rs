//! What a header or trailer section must be (RFC 9113 §8). The same rules hold for what is received and what is sent.

use crate::http::{FieldKind, Fields};

/// What a legal section says about the body behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Facts {
    /// `content-length`.
    pub(super) content_length: Option<u64>,
    /// `:status`; zero in a request.
    pub(super) status: u16,
    /// `:method` is HEAD.
    pub(super) is_head: bool,
}

/// Checks a request head (§8.3.1).
pub(super) fn request(fields: &Fields) -> Result<Facts, &'static str> {
    let mut pseudo = Pseudo::default();
    let mut host: Option<&[u8]> = None;
    let mut content_length = None;
    for field in fields {
        match field.kind {
            FieldKind::Method => pseudo.set(Pseudo::METHOD, field.value)?,
            FieldKind::Scheme => pseudo.set(Pseudo::SCHEME, field.value)?,
            FieldKind::Authority => pseudo.set(Pseudo::AUTHORITY, field.value)?,
            FieldKind::Path => pseudo.set(Pseudo::PATH, field.value)?,
            FieldKind::Status => return Err(":status in a request"),
            FieldKind::Protocol => return Err(":protocol without SETTINGS_ENABLE_CONNECT_PROTOCOL"),
            FieldKind::Host => {
                pseudo.end();
                if host.replace(field.value).is_some() {
                    return Err("more than one host field");
                }
            }
            kind => {
                pseudo.end();
                regular(kind, field.value, &mut content_length)?;
            }
        }
    }
    let method = pseudo.value(Pseudo::METHOD).ok_or("no :method")?;
    if method.is_empty() {
        return Err("empty :method");
    }
    let authority = pseudo.value(Pseudo::AUTHORITY);
    match method {
        b"CONNECT" => {
            if authority.is_none_or(<[u8]>::is_empty) {
                return Err("CONNECT without :authority");
            }
            if pseudo.value(Pseudo::SCHEME).is_some() || pseudo.value(Pseudo::PATH).is_some() {
                return Err("CONNECT with :scheme or :path");
            }
        }
        _ => target(method, &pseudo)?,
    }
    if let (Some(authority), Some(host)) = (authority, host)
        && !authority.eq_ignore_ascii_case(host)
    {
        return Err("host is not :authority");
    }
    if authority.is_some_and(|authority| authority.contains(&b'@')) {
        return Err(":authority with userinfo");
    }
    Ok(Facts {
        content_length,
        status: 0,
        is_head: method == b"HEAD",
    })
}

/// Checks a response head, interim or final (§8.3.2).
pub(super) fn response(fields: &Fields) -> Result<Facts, &'static str> {
    let mut pseudo = Pseudo::default();
    let mut content_length = None;
    for field in fields {
        match field.kind {
            FieldKind::Status => pseudo.set(Pseudo::METHOD, field.value)?,
            FieldKind::Method | FieldKind::Scheme | FieldKind::Authority | FieldKind::Path | FieldKind::Protocol => {
                return Err("a request pseudo-header field in a response");
            }
            // RFC 9113 §8.2.2 leaves it to requests.
            FieldKind::TeTrailers => return Err("te in a response"),
            kind => {
                pseudo.end();
                regular(kind, field.value, &mut content_length)?;
            }
        }
    }
    let status = match fields.status() {
        0 if pseudo.value(Pseudo::METHOD).is_none() => return Err("no :status"),
        0 => return Err(":status is not three digits"),
        101 => return Err(":status 101 is not part of HTTP/2"),
        status => status,
    };
    Ok(Facts {
        content_length,
        status,
        is_head: false,
    })
}

/// Checks a trailer section (§8.1).
pub(super) fn trailers(fields: &Fields) -> Result<(), &'static str> {
    let mut content_length = None;
    for field in fields {
        match field.kind {
            FieldKind::Method
            | FieldKind::Scheme
            | FieldKind::Authority
            | FieldKind::Path
            | FieldKind::Protocol
            | FieldKind::Status
            | FieldKind::UnknownPseudo => return Err("a pseudo-header field in trailers"),
            kind => regular(kind, field.value, &mut content_length)?,
        }
    }
    Ok(())
}

fn regular(kind: FieldKind, value: &[u8], content_length: &mut Option<u64>) -> Result<(), &'static str> {
    match kind {
        FieldKind::ContentLength => {
            let length = number(value).ok_or("content-length is not a number")?;
            if content_length.replace(length).is_some_and(|before| before != length) {
                return Err("content-length fields that differ");
            }
            Ok(())
        }
        FieldKind::ConnectionSpecific => Err("a connection-specific field"),
        FieldKind::InvalidName => Err("a field name with a forbidden character"),
        FieldKind::InvalidValue => Err("a field value with a forbidden character"),
        FieldKind::UnknownPseudo => Err("an unknown pseudo-header field"),
        _ => Ok(()),
    }
}

/// `:scheme` and `:path` of a method other than CONNECT.
fn target(method: &[u8], pseudo: &Pseudo<'_>) -> Result<(), &'static str> {
    let scheme = pseudo.value(Pseudo::SCHEME).ok_or("no :scheme")?;
    if scheme.is_empty() {
        return Err("empty :scheme");
    }
    match pseudo.value(Pseudo::PATH) {
        None => Err("no :path"),
        Some(b"") => Err("empty :path"),
        Some(b"*") if method == b"OPTIONS" => Ok(()),
        Some([b'/', ..]) => Ok(()),
        Some(_) if scheme == b"http" || scheme == b"https" => Err(":path does not begin with a slash"),
        Some(_) => Ok(()),
    }
}

/// A decimal number of at most 19 digits.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    value.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte & 0x0f))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// The pseudo-header fields seen so far.
#[derive(Default)]
struct Pseudo<'a> {
    values: [Option<&'a [u8]>; 4],
    ended: bool,
}

impl<'a> Pseudo<'a> {
    const METHOD: usize = 0;
    const SCHEME: usize = 1;
    const AUTHORITY: usize = 2;
    const PATH: usize = 3;

    #[inline]
    fn set(&mut self, which: usize, value: &'a [u8]) -> Result<(), &'static str> {
        if self.ended {
            return Err("a pseudo-header field after a regular one");
        }
        match self.values.get_mut(which) {
            Some(Some(_)) => Err("a pseudo-header field twice"),
            Some(slot) => {
                *slot = Some(value);
                Ok(())
            }
            None => Ok(()),
        }
    }

    const fn end(&mut self) {
        self.ended = true;
    }

    fn value(&self, which: usize) -> Option<&'a [u8]> {
        self.values.get(which).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in list {
            fields.push(name, value);
        }
        fields
    }

    const GET: [(&str, &str); 4] = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
    ];

    #[test]
    fn legal_requests() {
        let extra: [&[(&str, &str)]; 6] = [
            &[],
            &[("te", "trailers")],
            &[("host", "A")],
            &[("content-length", "7"), ("content-length", "7")],
            &[("x", "n\u{e9}")],
            &[("cookie", "a"), ("cookie", "b")],
        ];
        for extra in extra {
            let list: Vec<_> = GET.iter().chain(extra).copied().collect();
            request(&fields(&list)).unwrap();
        }
        request(&fields(&[(":method", "CONNECT"), (":authority", "a:1")])).unwrap();
        request(&fields(&[(":method", "OPTIONS"), (":scheme", "http"), (":path", "*")])).unwrap();
        let facts = request(&fields(&[
            (":method", "HEAD"),
            (":scheme", "http"),
            (":path", "/"),
            ("content-length", "5"),
        ]));
        assert_eq!(
            facts,
            Ok(Facts {
                content_length: Some(5),
                status: 0,
                is_head: true
            })
        );
    }

    #[test]
    fn illegal_requests_name_what_is_wrong() {
        let added = [
            (":method", "GET", "a pseudo-header field twice"),
            (":status", "200", ":status in a request"),
            (":nonsense", "", "an unknown pseudo-header field"),
            (
                ":protocol",
                "websocket",
                ":protocol without SETTINGS_ENABLE_CONNECT_PROTOCOL",
            ),
            ("connection", "close", "a connection-specific field"),
            ("transfer-encoding", "chunked", "a connection-specific field"),
            ("te", "gzip", "a connection-specific field"),
            ("content-length", "-1", "content-length is not a number"),
            ("content-length", "+1", "content-length is not a number"),
            ("content-length", "", "content-length is not a number"),
            (
                "content-length",
                "99999999999999999999",
                "content-length is not a number",
            ),
            ("a b", "", "a field name with a forbidden character"),
            ("x", "a\r\nb", "a field value with a forbidden character"),
            ("host", "b", "host is not :authority"),
        ];
        for (name, value, text) in added {
            let list: Vec<_> = GET.iter().copied().chain([(name, value)]).collect();
            assert_eq!(request(&fields(&list)), Err(text), "{name}: {value}");
        }
        let whole: [(&[(&str, &str)], &str); 12] = [
            (&[], "no :method"),
            (&[(":method", "")], "empty :method"),
            (&[(":method", "GET"), (":path", "/")], "no :scheme"),
            (&[(":method", "GET"), (":scheme", ""), (":path", "/")], "empty :scheme"),
            (&[(":method", "GET"), (":scheme", "http")], "no :path"),
            (&[(":method", "GET"), (":scheme", "http"), (":path", "")], "empty :path"),
            (
                &[(":method", "GET"), (":scheme", "http"), (":path", "x")],
                ":path does not begin with a slash",
            ),
            (
                &[(":method", "GET"), (":scheme", "http"), (":path", "*")],
                ":path does not begin with a slash",
            ),
            (
                &[("x", ""), (":method", "GET")],
                "a pseudo-header field after a regular one",
            ),
            (&[(":method", "CONNECT")], "CONNECT without :authority"),
            (
                &[(":method", "CONNECT"), (":authority", "a"), (":path", "/")],
                "CONNECT with :scheme or :path",
            ),
            (
                &[
                    (":method", "GET"),
                    (":scheme", "http"),
                    (":path", "/"),
                    ("content-length", "1"),
                    ("content-length", "2"),
                ],
                "content-length fields that differ",
            ),
        ];
        for (list, text) in whole {
            assert_eq!(request(&fields(list)), Err(text), "{list:?}");
        }
        let user = [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "u@h"),
        ];
        assert_eq!(request(&fields(&user)), Err(":authority with userinfo"));
    }

    #[test]
    fn responses_and_trailers() {
        assert_eq!(
            response(&fields(&[(":status", "204")])).map(|facts| facts.status),
            Ok(204)
        );
        let rows: [(&[(&str, &str)], &str); 7] = [
            (&[], "no :status"),
            (&[(":status", "20")], ":status is not three digits"),
            (&[(":status", "101")], ":status 101 is not part of HTTP/2"),
            (&[(":status", "200"), (":status", "200")], "a pseudo-header field twice"),
            (
                &[(":status", "200"), (":path", "/")],
                "a request pseudo-header field in a response",
            ),
            (
                &[("x", ""), (":status", "200")],
                "a pseudo-header field after a regular one",
            ),
            (&[(":status", "200"), ("te", "trailers")], "te in a response"),
        ];
        for (list, text) in rows {
            assert_eq!(response(&fields(list)), Err(text), "{list:?}");
        }
        assert_eq!(trailers(&fields(&[("grpc-status", "0")])), Ok(()));
        for (name, text) in [
            (":status", "a pseudo-header field in trailers"),
            (":x", "a pseudo-header field in trailers"),
            ("upgrade", "a connection-specific field"),
        ] {
            assert_eq!(trailers(&fields(&[(name, "200")])), Err(text));
        }
    }
}
