//! Plain HTTP requests on the port that answers calls, over HTTP/1.1 and HTTP/2.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::Arc;

use common::site::{run_site, server, site, told};
use common::web::{Http1, Http2};
use common::{EchoClient, EchoServer, bounded, handler, patient, run};
use kitewire::bytes::Bytes;
use kitewire::http::{Request, Response};
use kitewire::{Client, Server, Switch, Transport};
use kitewire_tokio::Tokio;

#[tokio::test]
async fn one_port_answers_calls_and_pages() {
    let (server, _controls) = run_site().await;
    let base = || patient(Client::to(&server.address));
    let clients = [
        base(),
        base().multiplexed(1),
        base().transport(Transport::Framed),
        base().transport(Transport::Bare),
    ]
    .map(|builder| EchoClient(builder.build(Tokio).unwrap()));
    let mut http1 = Http1::connect(&server.address).await;
    let mut http2 = Http2::connect(&server.address).await;
    for turn in 0..3 {
        for client in &clients {
            assert_eq!(bounded(client.echo(turn.to_string())).await.unwrap(), turn.to_string());
        }
        assert_eq!(http1.get("/hello").await.text(), "hello");
        assert_eq!(http2.get("/hello").await.text(), "hello");
    }
}

#[tokio::test]
async fn http1_requests_sent_ahead_are_answered_in_order() {
    let (server, controls) = run_site().await;
    let mut client = Http1::connect(&server.address).await;
    let paths = ["/hello", "/yield", "/wait", "/hello", "/nothing"];
    let ahead: String = paths
        .iter()
        .map(|path| format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n"))
        .collect();
    client.send(ahead).await;
    controls.gate.add_permits(1);
    for (status, body) in [
        (200, "hello"),
        (200, "yielded"),
        (200, "waited"),
        (200, "hello"),
        (404, "nothing here"),
    ] {
        let page = client.answer().await;
        assert_eq!((page.status, page.text()), (status, body));
        assert_eq!(page.field("connection"), None);
    }
    client
        .send("GET /hello HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        .await;
    let last = client.answer().await;
    assert_eq!(last.field("connection"), Some("close"));
    assert_eq!(client.end().await, b"");
}

#[tokio::test]
async fn http2_requests_run_at_once() {
    let (server, mut controls) = run_site().await;
    let mut client = Http2::connect(&server.address).await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(client.open("GET", "/wait", &[], b"").await);
        assert_eq!(controls.seen().await, "waiting");
    }
    assert_eq!(client.get("/yield").await.text(), "yielded");
    assert_eq!(client.get("/hello").await.text(), "hello");
    assert_eq!(server.handle.stats().calls, 20);
    assert_eq!(server.handle.stats().connections, 1);
    controls.gate.add_permits(20);
    for id in waiting {
        assert_eq!(client.answer(id).await.unwrap().text(), "waited");
    }
    client.get("/hello").await;
    assert_eq!(server.handle.stats().calls, 0);
}

#[tokio::test]
async fn a_handler_sees_the_whole_request() {
    let (server, _controls) = run_site().await;
    let mut http1 = Http1::connect(&server.address).await;
    let mut http2 = Http2::connect(&server.address).await;
    let large: Vec<u8> = (0..1024 * 1024u32).map(|i| i.to_le_bytes()[1]).collect();
    for body in [&b""[..], b"body", &large] {
        let head = format!(
            "PATCH /echo?a=b HTTP/1.1\r\nHost: shop\r\nX: 1\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        http1.send(head).await;
        http1.send(body).await;
        let page = http1.answer().await;
        assert_eq!(
            page.field("saw"),
            Some("PATCH http://shop/echo?a=b HTTP/1.1 x=1 peer=true")
        );
        assert!(page.body == body);
        let id = http2.open("PATCH", "/echo?a=b", &[("x", "1")], body).await;
        let page = http2.answer(id).await.unwrap();
        assert_eq!(
            page.field("saw"),
            Some("PATCH http://shop/echo?a=b HTTP/2.0 x=1 peer=true")
        );
        assert!(page.body == body);
    }
}

#[tokio::test]
async fn a_closure_is_a_handler() {
    let greeting = Arc::new("good morning".to_owned());
    let server = run(server(move |request: Request<Bytes>| {
        let greeting = Arc::clone(&greeting);
        async move { Response::new(format!("{greeting}, {}", request.uri().path()).into()) }
    }))
    .await;
    let mut client = Http1::connect(&server.address).await;
    assert_eq!(client.get("/you").await.text(), "good morning, /you");
}

#[tokio::test]
async fn a_handler_that_fails_is_answered_for() {
    let (site, _controls) = site();
    let (server, mut notices) = told(server(site));
    let server = run(server).await;
    let mut http1 = Http1::connect(&server.address).await;
    let mut http2 = Http2::connect(&server.address).await;
    for (path, why) in [
        ("/panic", "500 the handler panicked"),
        ("/late-panic", "500 the handler panicked"),
        (
            "/rude",
            "500 the response cannot be sent: a field that a response must not have",
        ),
    ] {
        for page in [http1.get(path).await, http2.get(path).await] {
            assert_eq!(
                (page.status, page.text()),
                (500, "500 Internal Server Error\n"),
                "{path}"
            );
            assert_eq!(bounded(notices.recv()).await.unwrap(), why);
        }
        assert_eq!(http1.get("/hello").await.status, 200);
        assert_eq!(http2.get("/hello").await.status, 200);
    }
}

#[tokio::test]
async fn what_the_types_of_requests_cannot_hold_is_refused() {
    let (server, _controls) = run_site().await;
    let mut http1 = Http1::connect(&server.address).await;
    let page = http1.get("/a<b").await;
    assert_eq!(
        (page.status, page.text()),
        (400, "400 Bad Request: invalid character in the request target\n")
    );
    let mut http2 = Http2::connect(&server.address).await;
    let id = http2.open("GET", "/hello", &[("x", "a\x01b")], b"").await;
    let page = http2.answer(id).await.unwrap();
    assert_eq!(
        (page.status, page.text()),
        (400, "400 Bad Request: invalid character in a field\n")
    );
    assert_eq!(http1.get("/hello").await.status, 200);
    assert_eq!(http2.get("/hello").await.status, 200);
}

#[tokio::test]
async fn without_a_handler_a_browser_is_told_where_it_is() {
    let page = "404 Not Found: this port serves Kitex RPC; plain HTTP requests have no handler here.\n";
    let (echo, _controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(echo))).await;
    let mut http1 = Http1::connect(&server.address).await;
    let mut http2 = Http2::connect(&server.address).await;
    for path in ["/", "/index.html", "/test.Echo/echo"] {
        for found in [http1.get(path).await, http2.get(path).await] {
            assert_eq!((found.status, found.text()), (404, page));
            assert_eq!(found.field("content-type"), Some("text/plain; charset=utf-8"));
        }
    }
    let id = http2.open("POST", "/", &[], b"body").await;
    assert_eq!(http2.answer(id).await.unwrap().text(), page);
    http1.send("HEAD / HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    let head = http1.head().await;
    assert_eq!((head.status, head.field("content-length")), (404, Some("85")));
    assert_eq!(http1.get("/").await.text(), page, "the head had no body behind it");

    let (echo, _controls) = handler();
    let server = run(Server::new(Tokio)
        .register(EchoServer::new(echo))
        .disclose_services(Switch::On))
    .await;
    let open = Http1::connect(&server.address).await.get("/").await;
    assert_eq!(open.text(), format!("{page}\nServices:\n  Echo\n"));
}

#[tokio::test]
async fn calls_are_told_from_plain_requests_by_their_content_type() {
    let (server, _controls) = run_site().await;
    let mut client = Http2::connect(&server.address).await;
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc;x=y"] {
        let fields = [("content-type", content_type), ("te", "trailers")];
        let id = client.open("POST", "/shop.Other/hello", &fields, b"\0\0\0\0\0").await;
        let page = client.answer(id).await.unwrap();
        assert_eq!(page.status, 200);
        assert_eq!(page.field("grpc-status"), Some("12"), "{content_type}");
        assert_eq!(page.field("grpc-message"), Some("unknown service Other"));
        assert_eq!(page.body, b"");
    }
    let fields = [("content-type", "application/grpc-web"), ("te", "trailers")];
    let id = client.open("POST", "/hello", &fields, b"\0\0\0\0\0").await;
    assert_eq!(client.answer(id).await.unwrap().status, 415);
    let fields = [("content-type", "application/json")];
    let id = client.open("POST", "/hello", &fields, b"{}").await;
    assert_eq!(client.answer(id).await.unwrap().text(), "hello");
    let mut http1 = Http1::connect(&server.address).await;
    http1
        .send("GET /hello HTTP/1.1\r\nHost: shop\r\nContent-Type: application/grpc\r\n\r\n")
        .await;
    assert_eq!(http1.answer().await.text(), "hello", "gRPC is spoken over HTTP/2 alone");
}

#[tokio::test]
async fn a_body_is_asked_for_and_comes_in_pieces() {
    let (server, _controls) = run_site().await;
    let mut client = Http1::connect(&server.address).await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status, 100);
    client.send("3\r\nabc\r\n").await;
    client.send("4\r\ndefg\r\n0\r\n\r\n").await;
    assert_eq!(client.answer().await.text(), "abcdefg");
}

#[tokio::test]
async fn who_does_not_speak_http_after_all_is_answered_as_http() {
    let (server, _controls) = run_site().await;
    let mut client = Http1::connect(&server.address).await;
    client.send("GET /hello\r\n\r\n").await;
    let page = client.answer().await;
    assert_eq!(page.status, 400);
    assert_eq!(page.field("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(page.field("connection"), Some("close"));
    assert_eq!(client.end().await, b"");
}
