//! Request targets (RFC 9112 §3.2) and hosts.

use std::borrow::Cow;

use crate::http::Refusal;

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// If the target names one.
    pub(super) scheme: Option<&'static [u8]>,
    /// Host and port, if the target names them.
    pub(super) authority: Option<&'a [u8]>,
    pub(super) path: Cow<'a, [u8]>,
}

impl<'a> Target<'a> {
    pub(super) fn parse(method: &[u8], target: &'a [u8]) -> Result<Self, Refusal> {
        if method == b"CONNECT" {
            return Err(Refusal::new(501, "no tunnels here"));
        }
        // RFC 3986 §2: a target is visible ASCII; a fragment is not sent (RFC 9112 §3.2.1).
        if !target.iter().all(|byte| matches!(byte, b'!'..=b'~') && *byte != b'#') {
            return Err(Refusal::new(400, "invalid character in the request target"));
        }
        match target {
            [b'/', ..] => Ok(Self::local(target)),
            b"*" if method == b"OPTIONS" => Ok(Self::local(target)),
            _ => Self::absolute(method, target).ok_or(Refusal::new(400, "invalid request target")),
        }
    }

    /// The origin form and the asterisk form.
    const fn local(path: &'a [u8]) -> Self {
        Self {
            scheme: None,
            authority: None,
            path: Cow::Borrowed(path),
        }
    }

    /// The absolute form, which every server has to take (RFC 9112 §3.2.2).
    fn absolute(method: &[u8], target: &'a [u8]) -> Option<Self> {
        let (scheme, rest) = [&b"http"[..], b"https"].into_iter().find_map(|scheme| {
            let (prefix, rest) = target.split_at_checked(scheme.len())?;
            let rest = rest.strip_prefix(b"://")?;
            prefix.eq_ignore_ascii_case(scheme).then_some((scheme, rest))
        })?;
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
        let (authority, path) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        // RFC 9110 §4.2.1: no URI without a host; §4.2.4: none with a user.
        if authority.first().is_none_or(|first| *first == b':') || !is_authority(authority) {
            return None;
        }
        let path = match path {
            [b'/', ..] => Cow::Borrowed(path),
            // RFC 9112 §3.2.4: an empty path asks for the server as a whole.
            [] if method == b"OPTIONS" => Cow::Borrowed(&b"*"[..]),
            _ => Cow::Owned([b"/", path].concat()),
        };
        Some(Self {
            scheme: Some(scheme),
            authority: Some(authority),
            path,
        })
    }
}

/// Whether this is `uri-host [ ":" port ]` (RFC 9110 §7.2). Empty is: a URI without authority has an empty Host.
pub(super) fn is_authority(text: &[u8]) -> bool {
    let (host_is_good, rest) = match text {
        [b'[', literal @ ..] => {
            let end = literal.iter().position(|byte| *byte == b']').unwrap_or(literal.len());
            let (inside, rest) = literal.split_at_checked(end).unwrap_or_default();
            let is_good = !inside.is_empty() && inside.iter().all(|byte| is_literal_byte(*byte));
            (is_good && !rest.is_empty(), rest.get(1..).unwrap_or(&[]))
        }
        _ => {
            let end = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end).unwrap_or_default();
            (is_registered_name(name), rest)
        }
    };
    host_is_good
        && match rest {
            [] => true,
            [b':', port @ ..] => port.len() <= MAX_PORT_DIGITS && port.iter().all(u8::is_ascii_digit),
            _ => false,
        }
}

/// `reg-name` of RFC 3986 §3.2.2; IPv4 addresses look like one.
fn is_registered_name(mut name: &[u8]) -> bool {
    loop {
        match name {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => name = rest,
            [byte, rest @ ..] if is_unreserved(*byte) || is_sub_delimiter(*byte) => name = rest,
            _ => return false,
        }
    }
}

/// What may stand in the brackets of an `IP-literal` (RFC 3986 §3.2.2).
const fn is_literal_byte(byte: u8) -> bool {
    is_unreserved(byte) || is_sub_delimiter(byte) || byte == b':'
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn is_sub_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    )
}

const MAX_PORT_DIGITS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_four_forms() {
        let rows = [
            ("GET", "/", Ok((None, None, "/"))),
            ("GET", "/a?b=c", Ok((None, None, "/a?b=c"))),
            ("GET", "//a", Ok((None, None, "//a"))),
            ("GET", "/a|{}\"", Ok((None, None, "/a|{}\""))),
            ("OPTIONS", "*", Ok((None, None, "*"))),
            ("GET", "*", Err(400)),
            ("OPTIONS", "**", Err(400)),
            ("GET", "http://h/a", Ok((Some("http"), Some("h"), "/a"))),
            ("GET", "HTTP://h:80/a", Ok((Some("http"), Some("h:80"), "/a"))),
            ("GET", "https://h", Ok((Some("https"), Some("h"), "/"))),
            ("GET", "http://h?q", Ok((Some("http"), Some("h"), "/?q"))),
            ("GET", "http://[::1]:8/", Ok((Some("http"), Some("[::1]:8"), "/"))),
            ("OPTIONS", "http://h", Ok((Some("http"), Some("h"), "*"))),
            ("OPTIONS", "http://h/", Ok((Some("http"), Some("h"), "/"))),
            ("GET", "http://", Err(400)),
            ("GET", "http:///a", Err(400)),
            ("GET", "http://:80/a", Err(400)),
            ("GET", "http://user@h/a", Err(400)),
            ("GET", "ftp://h/a", Err(400)),
            ("GET", "http:/h", Err(400)),
            ("GET", "a", Err(400)),
            ("GET", "h:80", Err(400)),
            ("GET", "/a#b", Err(400)),
            ("GET", "/\u{e9}", Err(400)),
            ("CONNECT", "h:443", Err(501)),
        ];
        for (method, target, expected) in rows {
            let found = Target::parse(method.as_bytes(), target.as_bytes());
            let expected = expected.map(|(scheme, authority, path)| {
                let bytes = |text: Option<&'static str>| text.map(str::as_bytes);
                (bytes(scheme), bytes(authority), path.as_bytes())
            });
            let found = found
                .as_ref()
                .map(|found| (found.scheme, found.authority, &found.path[..]));
            assert_eq!(found.map_err(|refusal| refusal.status), expected, "{method} {target}");
        }
    }

    #[test]
    fn hosts_are_names_addresses_and_ports() {
        let good = [
            "", "a", "a.b-c_d~", "10.0.0.1", "a:1", "a:", "a:65535", ":80", "[::1]", "[::1]:2", "[v1.x]", "a%2Fb",
            "a,b",
        ];
        let bad = [
            "a b", "a/b", "a@b", "a:b", "a:1:2", "a:123456", "[", "[]", "[::1", "[::1]x", "::1", "a%2", "a%zz", "a?b",
            "\u{e9}", "a\tb", "a<", "a\\b", "a:-1", "a:+1",
        ];
        for text in good {
            assert!(is_authority(text.as_bytes()), "{text}");
        }
        for text in bad {
            assert!(!is_authority(text.as_bytes()), "{text}");
        }
    }
}
