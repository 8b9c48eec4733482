//! Ends of plain HTTP requests: clients that go, servers that stop, limits and deadlines.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use common::site::{run_site, server, site, told};
use common::web::{Http1, Http2};
use common::{bounded, run};
use kitewire::proto::http::RequestLimits;
use kitewire::proto::http2::{self, ErrorCode, Outcome};
use kitewire::proto::wire::grpc::GRACEFUL_SHUTDOWN;
use kitewire::proto::{TimerKind, http1};
use kitewire::{CloseReason, Limits, Notice, Switch};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

#[tokio::test]
async fn a_client_that_goes_takes_its_handlers_along() {
    let (server, mut controls) = run_site().await;
    let mut http1 = Http1::connect(&server.address).await;
    http1.send("GET /forever HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    assert_eq!(controls.seen().await, "waiting");
    drop(http1);
    assert_eq!(controls.seen().await, "dropped");
    // One that closes its sending half cannot be told from one that has gone.
    let mut http1 = Http1::connect(&server.address).await;
    http1
        .send("GET /hello HTTP/1.1\r\nHost: shop\r\n\r\nGET /forever HTTP/1.1\r\nHost: shop\r\n\r\n")
        .await;
    http1.socket.shutdown().await.unwrap();
    assert_eq!(http1.answer().await.text(), "hello");
    assert_eq!(controls.seen().await, "waiting");
    assert_eq!(controls.seen().await, "dropped");
    assert_eq!(http1.answer().await.status, 499);
    assert_eq!(http1.end().await, b"");

    let mut http2 = Http2::connect(&server.address).await;
    let given_up = http2.open("GET", "/forever", &[], b"").await;
    assert_eq!(controls.seen().await, "waiting");
    http2.open("GET", "/forever", &[], b"").await;
    assert_eq!(controls.seen().await, "waiting");
    http2.release(given_up).await;
    assert_eq!(controls.seen().await, "dropped");
    assert_eq!(http2.get("/hello").await.text(), "hello");
    assert_eq!(server.handle.stats().calls, 1, "the one that still waits");
    drop(http2);
    assert_eq!(controls.seen().await, "dropped");
    bounded(async {
        while server.handle.stats().connections > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_stopping_server_answers_what_it_has_read() {
    let (server, mut controls) = run_site().await;
    let mut idle = Http1::connect(&server.address).await;
    idle.get("/hello").await;
    let mut http1 = Http1::connect(&server.address).await;
    http1.send("GET /wait HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    assert_eq!(controls.seen().await, "waiting");
    let mut http2 = Http2::connect(&server.address).await;
    let first = http2.open("GET", "/wait", &[], b"").await;
    assert_eq!(controls.seen().await, "waiting");
    let mut idle2 = Http2::connect(&server.address).await;
    idle2.get("/hello").await;

    server.handle.shutdown(Duration::from_secs(4));
    assert_eq!(idle.end().await, b"");
    idle2.end().await;
    assert!(idle2.draining);
    // A request that crosses the announcement is answered, too.
    let crossing = http2.open("GET", "/hello", &[], b"").await;
    assert_eq!(http2.answer(crossing).await.unwrap().text(), "hello");
    assert!(http2.draining);
    assert!(TcpStream::connect(server.address.to_string()).await.is_err());

    controls.gate.add_permits(2);
    let last = http1.answer().await;
    assert_eq!((last.text(), last.field("connection")), ("waited", Some("close")));
    assert_eq!(http1.end().await, b"");
    assert_eq!(http2.answer(first).await.unwrap().text(), "waited");
    http2.end().await;
    bounded(server.ended).await.unwrap().expect("nothing was cut off");
}

#[tokio::test]
async fn a_stop_ends_when_patience_does() {
    for patience in [60, 0] {
        let (server, mut controls) = run_site().await;
        let mut http1 = Http1::connect(&server.address).await;
        http1.send("GET /forever HTTP/1.1\r\nHost: shop\r\n\r\n").await;
        assert_eq!(controls.seen().await, "waiting");
        let mut http2 = Http2::connect(&server.address).await;
        let running = http2.open("GET", "/forever", &[], b"").await;
        assert_eq!(controls.seen().await, "waiting");
        server.handle.shutdown(Duration::from_millis(patience));
        assert_eq!(controls.seen().await, "dropped");
        assert_eq!(controls.seen().await, "dropped");
        let outcome = http2.answer(running).await.unwrap_err();
        assert!(
            matches!(
                outcome,
                Outcome::Reset {
                    code: GRACEFUL_SHUTDOWN,
                    ..
                } | Outcome::ConnectionLost
            ),
            "{outcome:?}"
        );
        assert_eq!(http1.end().await, b"");
        let unfinished = bounded(server.ended).await.unwrap().unwrap_err();
        assert_eq!(unfinished.calls, 2, "patience {patience}");
    }
}

#[tokio::test]
async fn switched_off_nothing_is_served() {
    let (site, _controls) = site();
    let (server, mut notices) = told(server(site).serve_http(Switch::Off));
    let server = run(server).await;
    let mut http1 = Http1::connect(&server.address).await;
    http1.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    assert_eq!(http1.end().await, b"");
    assert_eq!(
        bounded(notices.recv()).await.unwrap(),
        "closed: protocol not served here: HTTP/1"
    );
    let mut http2 = Http2::connect(&server.address).await;
    let id = http2.open("GET", "/", &[], b"").await;
    let page = http2.answer(id).await.unwrap();
    assert_eq!(
        (page.status, page.text()),
        (404, "404 Not Found: plain requests are not served here\n")
    );
}

#[tokio::test]
async fn limits_are_the_servers_to_set() {
    let (site, _controls) = site();
    let mut requests = RequestLimits::default();
    requests.max_body = 10;
    let mut http1 = http1::Limits::default();
    http1.max_head = 200;
    let mut http2 = http2::Config::default();
    http2.limits.max_header_list = 1000;
    let (server, mut notices) = told(
        server(site)
            .request_limits(requests)
            .http1_limits(http1)
            .http2_config(http2),
    );
    let server = run(server).await;
    let mut notice = async || bounded(notices.recv()).await.unwrap();

    let mut client = Http1::connect(&server.address).await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: shop\r\nContent-Length: 11\r\n\r\n01234567890")
        .await;
    assert_eq!(client.answer().await.status, 413);
    assert_eq!(client.end().await, b"");
    assert_eq!(notice().await, "413 body too large");
    assert_eq!(notice().await, "closed: closed after a refused call");
    let mut client = Http1::connect(&server.address).await;
    let long = "a".repeat(300);
    client
        .send(format!("GET / HTTP/1.1\r\nHost: shop\r\nX: {long}\r\n\r\n"))
        .await;
    assert_eq!(client.answer().await.status, 431);
    assert!(notice().await.starts_with("431 "));
    drop(client);
    assert_eq!(notice().await, "closed: closed after a refused call");

    let mut client = Http2::connect(&server.address).await;
    let id = client.open("POST", "/echo", &[], b"01234567890").await;
    assert_eq!(client.answer(id).await.unwrap().status, 413);
    assert_eq!(notice().await, "413 body too large");
    // Not known to the client before the server's SETTINGS are there.
    let mut client = Http2::connect(&server.address).await;
    let id = client.open("GET", "/", &[("x", &"a".repeat(2000))], b"").await;
    let outcome = client.answer(id).await.unwrap_err();
    assert!(
        matches!(
            outcome,
            Outcome::Reset {
                code: ErrorCode::ENHANCE_YOUR_CALM,
                ..
            }
        ),
        "{outcome:?}"
    );
    assert!(notice().await.starts_with("ENHANCE_YOUR_CALM "));
}

#[tokio::test]
async fn a_client_that_takes_small_header_sections_gets_small_answers() {
    let (server, _controls) = run_site().await;
    // The handler's answer, the page for a failure, a bare status, and nothing at all.
    for (limit, path, expected) in [
        (1000, "/echo", Some((200, ""))),
        (160, "/echo", Some((500, "500 Internal Server Error\n"))),
        (100, "/echo", Some((500, ""))),
        (50, "/echo", None),
    ] {
        let mut config = http2::Config::default();
        config.limits.max_header_list = limit;
        let mut client = Http2::connect_with(&server.address, config).await;
        let id = client.open("GET", path, &[], b"").await;
        match (client.answer(id).await, expected) {
            (Ok(page), Some(expected)) => assert_eq!((page.status, page.text()), expected, "{limit}"),
            (Err(_), None) => client.end().await,
            (answer, _) => panic!("{limit}: {answer:?}"),
        }
    }
    bounded(async {
        while server.handle.stats().calls > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_protocol_shows_within_its_deadline() {
    let (site, _controls) = site();
    let mut limits = Limits::default();
    limits.detection_timeout = Duration::from_millis(100);
    let (sender, mut notices) = mpsc::unbounded_channel();
    let server = server(site).limits(limits).observe(move |notice| {
        if let Notice::Closed { reason, .. } = notice {
            let _ = sender.send((*reason).clone());
        }
    });
    let server = run(server).await;
    let mut slow = Http1::connect(&server.address).await;
    slow.send("GET /he").await;
    assert_eq!(slow.end().await, b"");
    assert_eq!(
        bounded(notices.recv()).await.unwrap(),
        CloseReason::TimedOut(TimerKind::Detection)
    );
    let mut early = Http1::connect(&server.address).await;
    early.send("GET /").await;
    early.socket.shutdown().await.unwrap();
    assert_eq!(early.end().await, b"");
    assert_eq!(bounded(notices.recv()).await.unwrap(), CloseReason::PeerClosedMidway);
    // Byte by byte is fine.
    let (server, _controls) = run_site().await;
    let mut client = Http1::connect(&server.address).await;
    client.socket.set_nodelay(true).unwrap();
    for byte in b"GET /hello HTTP/1.1\r\nHost: shop\r\n\r\n" {
        client.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.answer().await.text(), "hello");
}
