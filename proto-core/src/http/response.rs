//! A plain response, and what every version of HTTP checks before it is sent.

use std::fmt;

use bytes::Bytes;

use super::{FieldKind, Fields, Sensitivity};

/// A whole response.
///
/// `content-length` is added where it is missing. The body is left out where HTTP has none: for `HEAD`, 204, 205 and
/// 304. There is no clock here, so a `date` is the caller's to add (RFC 9110 §6.6.1).
///
/// ```
/// use kitewire_proto::http::Response;
///
/// let mut page = Response::new(200, "<h1>It works</h1>");
/// page.fields.push("content-type", "text/html");
/// assert_eq!(Response::text(404, "no such page\n").fields.get("content-type"), Some(&b"text/plain; charset=utf-8"[..]));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// Status code, 200 to 599.
    pub status: u16,
    /// Fields without `:status` and without those that are about the connection.
    pub fields: Fields,
    /// The body, empty for none.
    pub body: Bytes,
}

/// How a response goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    /// The length to announce.
    pub(crate) content_length: Option<u64>,
    pub(crate) content: Content,
}

/// Whether a response has content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// The body, which may be empty.
    Sent,
    /// None, whatever the body is.
    Omitted,
}

/// Why a response was not sent. The request stays open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RespondError {
    /// No such request: it was answered before, or its connection is over.
    UnknownRequest,
    /// A status code outside 200 to 599.
    Status(u16),
    /// A field with a name or value that HTTP does not allow, a pseudo-header field, or a field about the connection.
    Field,
    /// A `content-length` that is not the body's.
    ContentLength,
    /// HTTP/2: a header section above what the peer takes.
    FieldsTooLarge {
        /// Its size.
        size: usize,
        /// The peer's limit.
        limit: u32,
    },
}

impl Response {
    /// A response without fields.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            fields: Fields::new(),
            body: body.into(),
        }
    }

    /// A text for people.
    #[must_use]
    pub fn text(status: u16, text: impl Into<Bytes>) -> Self {
        let mut response = Self::new(status, text);
        response.fields.push("content-type", "text/plain; charset=utf-8");
        response
    }

    /// What a request gets that reaches no handler.
    pub(crate) fn refusal(status: u16, why: &str) -> Self {
        Self::text(status, format!("{status} {}: {why}\n", reason_phrase(status)))
    }

    /// Writes the head of the response in answer to `method`, and gives the body that follows it.
    pub(crate) fn write_head(&self, method: &[u8], head: &mut Fields) -> Result<Bytes, RespondError> {
        let plan = self.plan(method)?;
        head.set_response(self.status);
        for field in &self.fields {
            if field.kind != FieldKind::ContentLength {
                head.push_known(field.name, field.value, field.kind, field.sensitivity);
            }
        }
        if let Some(length) = plan.content_length {
            let digits = length.to_string();
            let kind = FieldKind::ContentLength;
            head.push_known(b"content-length", digits.as_bytes(), kind, Sensitivity::Ordinary);
        }
        Ok(match plan.content {
            Content::Sent => self.body.clone(),
            Content::Omitted => Bytes::new(),
        })
    }

    /// Checks that the response can be sent in answer to `method`, and how.
    pub(crate) fn plan(&self, method: &[u8]) -> Result<Plan, RespondError> {
        if !(200..=599).contains(&self.status) {
            return Err(RespondError::Status(self.status));
        }
        let declared = self.declared_length()?;
        let length = self.body.len() as u64;
        let omitted = |content_length| Plan {
            content_length,
            content: Content::Omitted,
        };
        Ok(match self.status {
            // RFC 9110 §8.6: no content-length in a 204; §15.3.6: no content in a 205.
            204 => omitted(None),
            205 => omitted(Some(0)),
            // RFC 9110 §8.6: only the length that the answer to a GET would have.
            304 => omitted(declared),
            _ if method == b"HEAD" => omitted(declared.or((length > 0).then_some(length))),
            _ if declared.is_some_and(|declared| declared != length) => return Err(RespondError::ContentLength),
            _ => Plan {
                content_length: Some(length),
                content: Content::Sent,
            },
        })
    }

    /// Checks all fields. The caller's own `content-length`, if there is one.
    fn declared_length(&self) -> Result<Option<u64>, RespondError> {
        let mut declared = None;
        for field in &self.fields {
            match field.kind {
                FieldKind::ContentLength if declared.is_some() => return Err(RespondError::ContentLength),
                FieldKind::ContentLength => {
                    declared = Some(decimal(field.value).ok_or(RespondError::ContentLength)?);
                }
                FieldKind::ContentType | FieldKind::Host | FieldKind::Regular => {}
                FieldKind::Method
                | FieldKind::Scheme
                | FieldKind::Authority
                | FieldKind::Path
                | FieldKind::Status
                | FieldKind::Protocol
                | FieldKind::UnknownPseudo
                | FieldKind::TeTrailers
                | FieldKind::ConnectionSpecific
                | FieldKind::InvalidName
                | FieldKind::InvalidValue => return Err(RespondError::Field),
            }
        }
        Ok(declared)
    }
}

/// `1*DIGIT` (RFC 9110 §8.6) and nothing else; numbers above `u64::MAX` are capped.
pub(crate) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit & 0x0f))
    }))
}

/// The phrases of RFC 9110 §15 and RFC 6585, empty for other codes.
pub(crate) const fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

impl fmt::Display for RespondError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRequest => f.write_str("no such request is open"),
            Self::Status(status) => write!(f, "status {status} is not one of a final response"),
            Self::Field => f.write_str("a field that a response must not have"),
            Self::ContentLength => f.write_str("content-length is not the body's"),
            Self::FieldsTooLarge { size, limit } => {
                write!(f, "header section of {size} bytes, the peer takes {limit}")
            }
        }
    }
}

impl std::error::Error for RespondError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(status: u16, method: &str, declared: Option<&str>, body: &'static str) -> Result<Plan, RespondError> {
        let mut response = Response::new(status, body);
        if let Some(declared) = declared {
            response.fields.push("Content-Length", declared);
        }
        response.plan(method.as_bytes())
    }

    #[test]
    fn lengths_and_content_are_as_http_has_them() {
        let sent = |length| {
            Ok(Plan {
                content_length: Some(length),
                content: Content::Sent,
            })
        };
        let omitted = |content_length| {
            Ok(Plan {
                content_length,
                content: Content::Omitted,
            })
        };
        let rows = [
            (200, "GET", None, "abc", sent(3)),
            (200, "GET", None, "", sent(0)),
            (200, "GET", Some("3"), "abc", sent(3)),
            (200, "GET", Some("4"), "abc", Err(RespondError::ContentLength)),
            (200, "GET", Some("+3"), "abc", Err(RespondError::ContentLength)),
            (404, "HEAD", None, "abc", omitted(Some(3))),
            (200, "HEAD", Some("7"), "", omitted(Some(7))),
            (200, "HEAD", None, "", omitted(None)),
            (200, "head", None, "abc", sent(3)),
            (204, "GET", Some("3"), "abc", omitted(None)),
            (205, "GET", None, "abc", omitted(Some(0))),
            (304, "GET", Some("9"), "", omitted(Some(9))),
            (304, "GET", None, "abc", omitted(None)),
            (100, "GET", None, "", Err(RespondError::Status(100))),
            (600, "GET", None, "", Err(RespondError::Status(600))),
        ];
        for (status, method, declared, body, expected) in rows {
            assert_eq!(planned(status, method, declared, body), expected, "{status} {method}");
        }
    }

    #[test]
    fn fields_that_would_break_the_message_are_refused() {
        let rows = [
            ("x", "a\r\nset-cookie: b"),
            ("x\r\ny", "a"),
            ("", "a"),
            (":status", "200"),
            (":path", "/"),
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "h2c"),
        ];
        for (name, value) in rows {
            let mut response = Response::new(200, "");
            response.fields.push(name, value);
            assert_eq!(response.plan(b"GET"), Err(RespondError::Field), "{name:?}");
        }
        let mut response = Response::new(200, "");
        response.fields.push("content-length", "0");
        response.fields.push("content-length", "0");
        assert_eq!(response.plan(b"GET"), Err(RespondError::ContentLength));
    }

    #[test]
    fn numbers_are_digits_alone() {
        let rows: [(&[u8], Option<u64>); 9] = [
            (b"0", Some(0)),
            (b"0017", Some(17)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"99999999999999999999999", Some(u64::MAX)),
            (b"", None),
            (b"-1", None),
            (b"+1", None),
            (b"1 1", None),
            (b"0x1", None),
        ];
        for (text, number) in rows {
            assert_eq!(decimal(text), number, "{}", text.escape_ascii());
        }
    }
}
