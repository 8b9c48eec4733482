//! Request lines and header sections.

use super::*;

#[test]
fn a_head_becomes_fields() {
    let request = "POST /a/b?c=d HTTP/1.1\r\nHost: Stock:8888\r\nX-One:  1\t \r\nx-one:2\r\nEmpty:\r\nTE: Trailers\r\n\
        Cookie: a=b; c\r\nCONTENT-LENGTH: 2\r\n\r\nhi";
    let [(fields, body)] = &accepted(&Config::default(), request)[..] else {
        panic!()
    };
    assert_eq!(
        fields,
        "[:method: POST, :scheme: http, :authority: Stock:8888, :path: /a/b?c=d, x-one: 1, x-one: 2, empty: , \
         te: Trailers, cookie: a=b; c, content-length: 2]"
    );
    assert_eq!(body, b"hi");
}

#[test]
fn fields_about_the_connection_are_left_out() {
    // RFC 9113 §8.2.2 has the same list. An offer to upgrade is not taken (RFC 9110 §7.8).
    let request = get(
        "Connection: keep-alive, Upgrade, HTTP2-Settings, TE\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nTE: gzip\r\nAccept: */*\r\n",
    );
    let [(fields, _)] = &accepted(&Config::default(), request)[..] else {
        panic!()
    };
    assert_eq!(
        fields,
        "[:method: GET, :scheme: http, :authority: a, :path: /, accept: */*]"
    );
}

#[test]
fn the_target_may_name_the_host() {
    // RFC 9112 §3.2.2: it goes before the Host field.
    let request = "GET http://b:1?q HTTP/1.1\r\nHost: a\r\n\r\n";
    let [(fields, _)] = &accepted(&Config::default(), request)[..] else {
        panic!()
    };
    assert_eq!(fields, "[:method: GET, :scheme: http, :authority: b:1, :path: /?q]");
    let request = "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n";
    let [(fields, _)] = &accepted(&Config::default(), request)[..] else {
        panic!()
    };
    assert_eq!(fields, "[:method: OPTIONS, :scheme: http, :authority: a, :path: *]");
}

#[test]
fn the_transport_decides_the_scheme_that_no_target_names() {
    let secured = Config {
        secured: Switch::On,
        ..Config::default()
    };
    for (target, plain, safe) in [
        ("GET /", "http", "https"),
        ("OPTIONS *", "http", "https"),
        ("GET http://a/", "http", "http"),
        ("GET https://a/", "https", "https"),
    ] {
        let request = format!("{target} HTTP/1.1\r\nHost: a\r\n\r\n");
        for (config, expected) in [(&Config::default(), plain), (&secured, safe)] {
            let [(fields, _)] = &accepted(config, &request)[..] else {
                panic!()
            };
            assert!(fields.contains(&format!(":scheme: {expected},")), "{target}: {fields}");
        }
    }
}

#[test]
fn requests_that_are_fine() {
    let rows = [
        // RFC 9112 §2.2: empty lines in front.
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        // RFC 9112 §3.2: a URI without authority has an empty Host; HTTP/1.0 had none at all.
        "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        // RFC 9110 §9.1: methods are tokens, and a handler's business.
        "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "get / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        get("X: \u{e9}\r\n"),
        get("X: a\tb\r\n"),
        get("!#$%&'*+-.^_`|~: x\r\n"),
        get("Content-Length: 0\r\n"),
        get("Content-Length: 0000\r\n"),
        get("Expect:\r\n").replace("Expect:\r\n", ""),
    ];
    for request in rows {
        assert_eq!(accepted(&Config::default(), &request).len(), 1, "{request:?}");
    }
}

#[test]
fn malformed_heads_are_refused() {
    let rows = [
        // Request line: RFC 9112 §3, one space and no other white space.
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        ("GET /\r\nHost: a\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTX/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/11\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
        // RFC 9110 §15.6.6.
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        // Targets: RFC 9112 §3.2.
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501),
        // Host: RFC 9112 §3.2.
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
        ("GET http://b/ HTTP/1.1\r\n\r\n", 400),
        // Fields: RFC 9112 §5.1 and §5.2.
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n:path: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nnone\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX y: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX(: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{1}b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{7f}\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", 400),
        // Line ends: RFC 9112 §2.2.
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n", 400),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ];
    for (request, status) in rows {
        assert_eq!(refused(&Config::default(), request), status, "{request:?}");
    }
}

#[test]
fn ambiguous_lengths_are_refused() {
    let rows = [
        // RFC 9112 §6.1 and §6.3.
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Content-Length: 5\r\ncontent-length: 5\r\n", 400),
        ("Content-Length: 5, 5\r\n", 400),
        ("Content-Length: 5,6\r\n", 400),
        ("Content-Length:\r\n", 400),
        ("Content-Length: +5\r\n", 400),
        ("Content-Length: -5\r\n", 400),
        ("Content-Length: 5 5\r\n", 400),
        ("Content-Length: 0x5\r\n", 400),
        ("Content-Length: 5.0\r\n", 400),
        ("Content-Length: \u{665}\r\n", 400),
        ("Content-Length : 5\r\n", 400),
        ("Transfer-Encoding:\r\n", 400),
        ("Transfer-Encoding: gzip\r\n", 400),
        ("Transfer-Encoding: identity\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n", 400),
        ("Transfer-Encoding: chunked;a=b\r\n", 400),
        ("Transfer-Encoding: \"chunked\"\r\n", 400),
        ("Transfer-Encoding: chunked, gzip\r\n", 400),
        ("Transfer-Encoding: chunked, chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", 400),
        ("Transfer-Encoding: , chunked\r\n", 400),
        ("Transfer-Encoding: chunked,\r\n", 400),
        ("Transfer-Encoding: \u{b}chunked\r\n", 400),
        ("Transfer-Encoding : chunked\r\n", 400),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: identity, chunked\r\n", 501),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501),
    ];
    for (fields, status) in rows {
        assert_eq!(refused(&Config::default(), get(fields)), status, "{fields:?}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(refused(&Config::default(), old), 400);
}

#[test]
fn heads_are_bounded() {
    let mut config = Config::default();
    config.limits.max_request_line = 40;
    config.limits.max_head = 80;
    config.limits.max_fields = 3;
    let line = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length - 14));
    assert_eq!(accepted(&config, line(40)).len(), 1);
    assert_eq!(refused(&config, line(41)), 414);
    assert_eq!(refused(&config, "x".repeat(41)), 414);
    let head = |length: usize| get(&format!("X: {}\r\n", "x".repeat(length - 30)));
    assert_eq!(accepted(&config, head(80)).len(), 1);
    assert_eq!(refused(&config, head(81)), 431);
    assert_eq!(refused(&config, get("A:\r\nB:\r\nC:\r\n")), 431);
    assert_eq!(accepted(&config, get("A:\r\nB:\r\n")).len(), 1);
}

#[test]
fn more_fields_than_usual_are_a_matter_of_the_limit() {
    let mut config = Config::default();
    let many: String = (0..99).map(|number| format!("x{number}: {number}\r\n")).collect();
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n");
    let (seen, _) = Server::converse(&config, [request.as_bytes()]);
    let [Seen::Request { fields, .. }] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert!(fields.ends_with("x97: 97, x98: 98]"));
    config.limits.max_fields = 99;
    let (seen, _) = Server::converse(&config, [request.as_bytes()]);
    assert_eq!(seen[0], Seen::Refused(431));
}

#[test]
fn a_refused_head_request_gets_no_body() {
    // RFC 9110 §9.3.2.
    for request in [
        "HEAD / HTTP/1.1\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx",
    ] {
        let (seen, sent) = Server::every_split(&Config::default(), request.as_bytes());
        assert_eq!(seen[0], Seen::Refused(400));
        assert!(sent.contains("content-length: "), "{sent}");
        assert!(sent.ends_with("\r\n\r\n"), "{sent}");
    }
}
