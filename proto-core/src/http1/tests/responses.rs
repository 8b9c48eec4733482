//! Answers.

use bytes::Bytes;

use super::*;

fn answered(request: &str, response: &Response) -> String {
    let mut server = Server::new();
    server.feed(0, request);
    let id = server.opened();
    server.respond(0, id, response).unwrap();
    server.sent(0)
}

#[test]
fn a_response_has_a_length() {
    let mut response = Response::text(200, "hello");
    response.fields.push("X-A", "b");
    assert_eq!(
        answered(&get(""), &response),
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\nx-a: b\r\ncontent-length: 5\r\n\r\nhello"
    );
    response.fields.push("Content-Length", "5");
    assert_eq!(
        answered(&get(""), &response).matches("content-length: 5\r\n").count(),
        1
    );
    assert_eq!(
        answered(&get(""), &Response::new(299, "")),
        "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n"
    );
}

#[test]
fn some_responses_have_no_body() {
    let head = get("").replace("GET", "HEAD");
    assert_eq!(
        answered(&head, &Response::new(200, "hello")),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    );
    assert_eq!(
        answered(&get(""), &Response::new(204, "hello")),
        "HTTP/1.1 204 No Content\r\n\r\n"
    );
    assert_eq!(
        answered(&get(""), &Response::new(304, "hello")),
        "HTTP/1.1 304 Not Modified\r\n\r\n"
    );
    assert_eq!(
        answered(&get(""), &Response::new(205, "hello")),
        "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n"
    );
}

#[test]
fn large_bodies_go_out_whole() {
    let body = Bytes::from(vec![b'x'; 100_000]);
    let sent = answered(&get(""), &Response::new(200, body.clone()));
    assert_eq!(
        sent.len(),
        "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".len() + body.len()
    );
}

#[test]
fn a_bad_response_leaves_the_request_open() {
    let mut server = Server::new();
    server.feed(0, get(""));
    let id = server.opened();
    let mut bad = Response::new(200, "");
    bad.fields.push("x", "a\r\n\r\nb");
    assert_eq!(server.respond(0, id, &bad), Err(RespondError::Field));
    assert_eq!(
        server.respond(0, id, &Response::new(42, "")),
        Err(RespondError::Status(42))
    );
    assert_eq!(server.sent(0), "");
    assert!(server.connection.request(id).is_some());
    server.respond(0, id, &Response::new(500, "")).unwrap();
    assert_eq!(
        server.respond(0, id, &Response::new(500, "")),
        Err(RespondError::UnknownRequest)
    );
    assert!(server.connection.request(id).is_none());
}

#[test]
fn a_connection_is_kept_as_the_client_asks() {
    // RFC 9112 §9.3; kept, and what the answer says about it.
    let rows = [
        ("HTTP/1.1", "", true, None),
        ("HTTP/1.1", "close", false, Some("close")),
        ("HTTP/1.1", "Close", false, Some("close")),
        ("HTTP/1.1", "x, close", false, Some("close")),
        ("HTTP/1.1", "keep-alive", true, None),
        ("HTTP/1.1", "keep-alive, close", false, Some("close")),
        ("HTTP/1.0", "", false, Some("close")),
        ("HTTP/1.0", "keep-alive", true, Some("keep-alive")),
        ("HTTP/1.0", "Keep-Alive", true, Some("keep-alive")),
        ("HTTP/1.0", "keep-alive, close", false, Some("close")),
        ("HTTP/1.0", "close", false, Some("close")),
    ];
    for (version, option, kept, said) in rows {
        let request = get(&format!("Connection: {option}\r\n")).replace("HTTP/1.1", version);
        // A second request is answered if the connection is kept, and not looked at if it is not (RFC 9112 §9.6).
        let (seen, sent) = Server::every_split(&Config::default(), format!("{request}{request}").as_bytes());
        let answers = sent.matches("HTTP/1.1 200 OK\r\n").count();
        assert_eq!(answers, if kept { 2 } else { 1 }, "{version} {option}");
        assert_eq!(
            seen.contains(&Seen::Closed(CloseReason::PeerDrained)),
            !kept,
            "{version} {option}"
        );
        let said = said.map_or(0, |said| sent.matches(&format!("connection: {said}\r\n")).count());
        assert_eq!(
            said,
            if version == "HTTP/1.1" && kept { 0 } else { answers },
            "{version} {option}"
        );
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut server = Server::new();
    let stream: String = (1..=3)
        .map(|n| get("").replace("GET /", &format!("GET /{n}")))
        .collect();
    server.feed(0, stream);
    for n in 1..=3 {
        let id = server.opened();
        assert_eq!(
            server.connection.request(id).unwrap().path(),
            format!("/{n}").as_bytes()
        );
        assert_eq!(server.connection.open_requests(), 1);
        assert_eq!(
            server.connection.read_demand(),
            Demand::Read,
            "to see the end of the connection"
        );
        server.respond(0, id, &Response::new(200, n.to_string())).unwrap();
        let left = server.connection.read_demand() == Demand::Receive;
        assert_eq!(left, n < 3);
        server.connection.receive(at(0), &mut server.input);
    }
    let sent = server.sent(0);
    let bodies: Vec<_> = sent.split("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n").collect();
    assert_eq!(bodies, ["", "1", "2", "3"]);
}

#[test]
fn what_is_sent_ahead_is_bounded() {
    let mut config = Config::default();
    config.limits.max_pipelined = 100;
    let mut server = Server::with(config);
    server.feed(0, get(""));
    let id = server.opened();
    server.feed(0, "x".repeat(99));
    assert_eq!(server.connection.read_demand(), Demand::Read);
    server.feed(0, "x");
    assert_eq!(server.connection.read_demand(), Demand::Pause);
    assert!(server.connection.usage() >= 100);
    server.respond(0, id, &Response::new(200, "")).unwrap();
    assert_eq!(server.connection.read_demand(), Demand::Receive);
}

#[test]
fn a_client_that_does_not_read_gets_no_more_answers() {
    let mut config = Config::default();
    config.limits.max_unsent = 1000;
    let mut server = Server::with(config);
    server.feed(0, get("").repeat(2));
    let id = server.opened();
    server.respond(0, id, &Response::new(200, "x".repeat(1000))).unwrap();
    server.connection.receive(at(0), &mut server.input);
    assert_eq!(server.events(), []);
    assert_eq!(server.connection.read_demand(), Demand::Pause);
    server.sent(0);
    assert_eq!(server.connection.read_demand(), Demand::Receive);
    server.connection.receive(at(0), &mut server.input);
    server.opened();
}
