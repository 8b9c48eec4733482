//! Between the messages of the `http` crate and those of the core.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, Response, Version};
use kitewire_proto::http as core;

/// The request as a handler gets it, without extensions. What the core takes and the `http` crate does not is named.
pub(crate) fn request(request: &core::Request<'_>, version: Version) -> Result<Request<Bytes>, &'static str> {
    let mut converted = Request::new(request.body().clone());
    *converted.method_mut() = Method::from_bytes(request.method()).map_err(|_| "invalid method")?;
    *converted.uri_mut() = uri(request)?;
    *converted.version_mut() = version;
    *converted.headers_mut() = headers(request.fields())?;
    Ok(converted)
}

/// The response as it is sent; fields that HTTP does not allow are refused there.
pub(super) fn response(response: Response<Bytes>) -> core::Response {
    let (head, body) = response.into_parts();
    let mut converted = core::Response::new(head.status.as_u16(), body);
    for (name, value) in &head.headers {
        if value.is_sensitive() {
            converted.fields.push_sensitive(name, value);
        } else {
            converted.fields.push(name, value);
        }
    }
    converted
}

/// The absolute URI where the host is known, so that a handler finds it at one place in every version.
fn uri(request: &core::Request<'_>) -> Result<Uri, &'static str> {
    let head = request.fields();
    let path = PathAndQuery::try_from(head.path()).map_err(|_| "invalid character in the request target")?;
    let authority = request.authority();
    if authority.is_empty() || path == "*" {
        return Ok(Uri::from(path));
    }
    Uri::builder()
        .scheme(Scheme::try_from(head.scheme()).map_err(|_| "invalid scheme")?)
        .authority(Authority::try_from(authority).map_err(|_| "invalid host")?)
        .path_and_query(path)
        .build()
        .map_err(|_| "invalid request target")
}

fn headers(fields: &core::Fields) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        if field.name.starts_with(b":") {
            continue;
        }
        let name = HeaderName::from_bytes(field.name).map_err(|_| "invalid field name")?;
        let mut value = HeaderValue::from_bytes(field.value).map_err(|_| "invalid character in a field")?;
        value.set_sensitive(field.sensitivity == core::Sensitivity::Sensitive);
        headers.try_append(name, value).map_err(|_| "too many fields")?;
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::BytesMut;
    use http::StatusCode;
    use kitewire_proto::{Instant, http1};

    use super::*;

    /// What becomes of an HTTP/1.1 request with this first line and these fields.
    fn converted(line: &str, fields: &str, body: &str) -> Result<Request<Bytes>, &'static str> {
        let mut connection = core::ServerConnection::http1(Arc::new(http1::Config::default()), Instant::ZERO);
        let mut input = BytesMut::from(format!("{line} HTTP/1.1\r\n{fields}\r\n{body}").as_bytes());
        connection.receive(Instant::ZERO, &mut input);
        let Some(core::ServerEvent::Request { id }) = connection.poll_event() else {
            panic!("not taken: {line}")
        };
        request(&connection.request(id).unwrap(), Version::HTTP_11)
    }

    #[test]
    fn the_host_stands_in_the_uri() {
        let rows = [
            ("GET /a/b?c=d", "Host: shop:80\r\n", "http://shop:80/a/b?c=d"),
            ("GET /", "Host: [::1]:8\r\n", "http://[::1]:8/"),
            ("GET https://other/x", "Host: other\r\n", "https://other/x"),
            ("GET /a", "Host:\r\n", "/a"),
            ("GET //a", "Host: shop\r\n", "http://shop//a"),
            ("GET /?", "Host: shop\r\n", "http://shop/?"),
            ("OPTIONS *", "Host: shop\r\n", "*"),
        ];
        for (line, fields, expected) in rows {
            let request = converted(line, fields, "").unwrap();
            assert_eq!(request.uri().to_string(), expected, "{line}");
        }
    }

    #[test]
    fn fields_keep_their_order_and_repeat() {
        let fields = "Host: a\r\nX-B: 1\r\nx-a: é\r\nX-b: 2\r\nContent-Length: 3\r\n";
        let request = converted("M-SEARCH /", fields, "abc").unwrap();
        assert_eq!(request.method(), "M-SEARCH");
        let all: Vec<_> = request.headers().get_all("x-b").iter().collect();
        assert_eq!(all, ["1", "2"]);
        assert_eq!(request.headers().len(), 4, "no host: it stands in the URI");
        assert_eq!(request.body(), "abc");
    }

    #[test]
    fn what_the_types_cannot_hold_is_named() {
        assert_eq!(
            converted("GET /a<b", "Host: a\r\n", "").unwrap_err(),
            "invalid character in the request target"
        );
    }

    #[test]
    fn responses_go_out_as_they_are() {
        let mut page = Response::new(Bytes::from_static(b"page"));
        *page.status_mut() = StatusCode::IM_A_TEAPOT;
        page.headers_mut().append("set-cookie", HeaderValue::from_static("a=1"));
        let mut secret = HeaderValue::from_static("b=2");
        secret.set_sensitive(true);
        page.headers_mut().append("set-cookie", secret);
        let converted = response(page);
        assert_eq!((converted.status, &converted.body[..]), (418, &b"page"[..]));
        let fields: Vec<_> = converted
            .fields
            .iter()
            .map(|field| (field.name, field.value, field.sensitivity))
            .collect();
        assert_eq!(
            fields,
            [
                (&b"set-cookie"[..], &b"a=1"[..], core::Sensitivity::Ordinary),
                (b"set-cookie", b"b=2", core::Sensitivity::Sensitive),
            ]
        );
    }
}
