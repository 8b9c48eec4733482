//! Bodies with a length and bodies in chunks.

use super::*;

fn chunked(body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

#[test]
fn a_length_ends_a_body() {
    let stream = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nGET / HTTP/POST /2 HTTP/1.1\r\nHost: b\r\n\
        Content-Length: 1\r\n\r\nxGET /3 HTTP/1.1\r\nHost: c\r\n\r\n";
    let requests = accepted(&Config::default(), stream);
    let bodies: Vec<_> = requests.iter().map(|(_, body)| &body[..]).collect();
    assert_eq!(bodies, [&b"GET / HTTP/"[..], b"x", b""]);
}

#[test]
fn chunks_are_put_together() {
    let rows = [
        ("0\r\n\r\n", ""),
        ("3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"),
        (
            "A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n",
            "01234567890123456789",
        ),
        ("0000000000000003\r\n\r\n\r\r\n0\r\n\r\n", "\r\n\r"),
        // RFC 9112 §7.1.1: extensions are ignored, whatever they say.
        ("3;a\r\nabc\r\n0;b=c;d=\"e f\"\r\n\r\n", "abc"),
        ("3 ;\ta = \u{e9}\r\nabc\r\n0;\r\n\r\n", "abc"),
        // RFC 9112 §7.1.2.
        ("3\r\nabc\r\n0\r\nA: b\r\nx-Sum:\r\n\r\n", "abc"),
        ("0\r\nContent-Length: 5\r\n\r\n", ""),
    ];
    for (encoded, decoded) in rows {
        // A second request shows that the first ended where it should.
        let stream = chunked(encoded) + &get("");
        let requests = accepted(&Config::default(), &stream);
        let [(_, body), _] = &requests[..] else {
            panic!("{encoded:?}: {requests:?}")
        };
        assert_eq!(body, decoded.as_bytes(), "{encoded:?}");
        assert!(!requests[0].0.contains("x-sum"), "trailers are no fields");
    }
    // RFC 9112 §7: names of codings are case-insensitive.
    let request = chunked("1\r\nx\r\n0\r\n\r\n").replace("chunked", "cHUNked");
    assert_eq!(accepted(&Config::default(), request).len(), 1);
}

#[test]
fn malformed_chunks_are_refused() {
    let rows = [
        "\r\n",
        ";a\r\n",
        " 3\r\nabc\r\n",
        "3 \r\nabc\r\n",
        "3 a\r\nabc\r\n",
        "+3\r\nabc\r\n",
        "-3\r\nabc\r\n",
        "0x3\r\nabc\r\n",
        "g\r\n",
        "3\nabc\r\n",
        "3\rabc\r\n",
        "3;a\nabc\r\n",
        "3;a\rb\r\nabc\r\n",
        "3;\0\r\nabc\r\n",
        "3;\u{7f}\r\nabc\r\n",
        "3\r\nabcd\r\n",
        "3\r\nabc\n",
        "3\r\nabc\rx",
        "3\r\nabc0\r\n\r\n",
        "00000000000000003\r\nabc\r\n",
        "fffffffffffffffff\r\n",
        "0\r\n\n",
        "0\r\nA : b\r\n\r\n",
        "0\r\nA\r\n\r\n",
        "0\r\n A: b\r\n\r\n",
        "0\r\nA: b\r\n c\r\n\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\nA: \0\r\n\r\n",
        "0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for encoded in rows {
        assert_eq!(refused(&Config::default(), chunked(encoded)), 400, "{encoded:?}");
    }
}

#[test]
fn bodies_are_bounded() {
    let mut config = Config::default();
    config.requests.max_body = 10;
    config.limits.max_chunk_extensions = 8;
    config.limits.max_trailers = 20;
    config.limits.max_fields = 4;
    let length = |length: &str| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n0123456789");
    assert_eq!(accepted(&config, length("10")).len(), 1);
    for above in [
        "11",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999",
    ] {
        assert_eq!(refused(&config, length(above)), 413, "{above}");
    }
    assert_eq!(
        accepted(&config, chunked("5\r\n01234\r\n5\r\n01234\r\n0\r\n\r\n")).len(),
        1
    );
    for above in [
        "b\r\n",
        "ffffffffffffffff\r\n",
        "5\r\n01234\r\n6\r\n",
        "1\r\n0\r\nFFFFFFFFFFFFFFFF;",
    ] {
        assert_eq!(refused(&config, chunked(above)), 413, "{above}");
    }
    assert_eq!(
        accepted(&config, chunked("1;1234\r\n0\r\n1;1234\r\n0\r\n0\r\n\r\n")).len(),
        1
    );
    for above in ["1;123456789\r\n", "1;1234\r\n0\r\n1;12345\r\n", "1          ;\r\n"] {
        assert_eq!(refused(&config, chunked(above)), 400, "{above:?}");
    }
    assert_eq!(accepted(&config, chunked("0\r\nA: 2345678\r\nB: 12\r\n\r\n")).len(), 1);
    for above in [
        "0\r\nA: 2345678\r\nB: 123456\r\n\r\n",
        "0\r\nA: 345678901234567890\r\n\r\n",
        "0\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\n\r\n",
    ] {
        assert_eq!(refused(&config, chunked(above)), 431, "{above:?}");
    }
}

#[test]
fn a_client_that_waits_is_told_to_go_on() {
    // RFC 9110 §10.1.1.
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    let rows = [
        ("Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", true),
        (
            "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            true,
        ),
        ("Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", false),
        ("Expect: 100-continue\r\n\r\n", false),
    ];
    for (rest, told) in rows {
        let stream = format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}");
        let (seen, sent) = Server::every_split(&Config::default(), stream.as_bytes());
        assert_eq!(seen.len(), 1, "{rest:?}");
        assert_eq!(sent.starts_with(go_on), told, "{rest:?}");
        let old = stream.replace("HTTP/1.1", "HTTP/1.0");
        let (_, sent) = Server::every_split(&Config::default(), old.as_bytes());
        assert!(!sent.starts_with(go_on), "HTTP/1.0 does not wait");
    }
    let mut server = Server::new();
    server.feed(
        0,
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    );
    assert_eq!(server.sent(0), go_on, "before the body");
    assert_eq!(server.events(), []);
    server.feed(0, "hi");
    server.opened();
    for other in ["200-ok", "100-continue, x", ""] {
        let request = get(&format!("Expect: {other}\r\nContent-Length: 1\r\n"));
        assert_eq!(refused(&Config::default(), request), 417, "{other}");
    }
    let mut config = Config::default();
    config.requests.max_body = 1;
    let request = get("Expect: 100-continue\r\nContent-Length: 2\r\n");
    assert_eq!(refused(&config, &request), 413);
    let (_, sent) = Server::converse(&config, [request.as_bytes()]);
    assert!(!sent.starts_with(go_on), "no invitation for what is refused");
}

#[test]
fn memory_follows_the_bytes_that_came() {
    let mut config = Config::default();
    config.requests.max_body = 1 << 20;
    let mut server = Server::with(config);
    server.feed(0, chunked("100000\r\n"));
    let idle = server.connection.usage();
    assert!(idle < 4096, "{idle}: an announced length takes no memory");
    for sent in 1..=64usize {
        server.feed(0, vec![b'x'; 16 * 1024]);
        let usage = server.connection.usage();
        assert!(
            usage <= idle + 2 * sent * 16 * 1024 && usage <= idle + (1 << 20),
            "{usage} for {sent}"
        );
    }
    server.feed(0, "\r\n0\r\n\r\n");
    let id = server.opened();
    assert_eq!(server.connection.request(id).unwrap().body().len(), 1 << 20);
    server.respond(0, id, &Response::new(204, "")).unwrap();
    server.sent(0);
    server.connection.release_memory();
    assert_eq!(server.connection.usage(), 0);
}
