//! The same over HTTP/1.1 and HTTP/2.

use super::*;

/// What a handler saw of the request, and what the client got.
#[derive(Debug, PartialEq, Eq)]
struct Exchange {
    seen: String,
    status: u16,
    fields: String,
    body: Vec<u8>,
}

fn handle(server: &ServerConnection, id: RequestId) -> String {
    let request = server.request(id).unwrap();
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    format!(
        "{} {} {} {:?} {} {:?}",
        text(request.method()),
        text(request.authority()),
        text(request.path()),
        request.query().map(text),
        text(request.body()),
        request.fields()
    )
}

fn over_http2(head: &Fields, body: &[u8], response: &Response) -> Exchange {
    let mut pair = Pair::new();
    let stream = if body.is_empty() {
        pair.open(head, Finish::Now)
    } else {
        pair.send(head, body)
    };
    pair.carry();
    let id = pair.opened();
    let seen = handle(&pair.server, id);
    pair.respond(id, response);
    let (head, body) = pair.answer(stream);
    assert_eq!(pair.outcome(stream), Some(Outcome::Complete));
    assert_eq!(pair.server.open_requests(), 0);
    let fields = head.iter().skip(1).map(|field| format!("{field:?}\r\n")).collect();
    Exchange {
        seen,
        status: head.status(),
        fields,
        body,
    }
}

fn over_http1(head: &Fields, body: &[u8], response: &Response) -> Exchange {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut request = format!(
        "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive\r\n",
        text(head.method()),
        text(head.path()),
        text(head.authority())
    );
    for field in head.iter().skip(4) {
        request += &format!("{}: {}\r\n", text(field.name), text(field.value));
    }
    let mut input = BytesMut::from((request + "\r\n").as_bytes());
    input.extend_from_slice(body);
    let mut server = ServerConnection::http1(Arc::new(http1::Config::default()), at(0));
    server.receive(at(0), &mut input);
    let Some(ServerEvent::Request { id }) = server.poll_event() else {
        panic!("a whole request")
    };
    let seen = handle(&server, id);
    assert_eq!(server.open_requests(), 1);
    server.respond(at(0), id, response).unwrap();
    assert_eq!(server.open_requests(), 0);
    let mut out = Transmit::new();
    assert!(server.poll_transmit(at(0), &mut out));
    let sent = text(&out.to_vec());
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    let (line, fields) = head.split_once("\r\n").unwrap_or((head, ""));
    Exchange {
        seen,
        status: line[9..12].parse().unwrap(),
        fields: fields
            .split_inclusive("\r\n")
            .map(|line| line.trim().to_owned() + "\r\n")
            .collect(),
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn a_handler_cannot_tell_the_version() {
    let mut form = post();
    form.push("Content-Type", "text/plain");
    form.push("content-length", "5");
    form.push("x", "1");
    form.push("x", "2");
    form.push("te", "trailers");
    let mut page = Response::text(200, "hello");
    page.fields.push("X-Y", "z");
    let mut sized = Response::new(200, "");
    sized.fields.push("content-length", "77");
    let rows = [
        (get("/a/b?c"), "", page.clone()),
        (form, "12345", Response::new(404, "")),
        (Fields::request("HEAD", "http", "a:1", "/"), "", page),
        (Fields::request("HEAD", "http", "a:1", "/"), "", sized),
        (
            Fields::request("OPTIONS", "http", "a", "*"),
            "",
            Response::new(204, "ignored"),
        ),
        (get("/"), "", Response::new(304, "ignored")),
        (get("/"), "", Response::new(205, "ignored")),
    ];
    for (head, body, response) in rows {
        let http1 = over_http1(&head, body.as_bytes(), &response);
        let http2 = over_http2(&head, body.as_bytes(), &response);
        assert_eq!(http1, http2);
        assert_eq!(http1.status, response.status);
    }
}

#[test]
fn a_bad_response_leaves_the_request_open() {
    let mut pair = Pair::new();
    pair.open(&get("/"), Finish::Now);
    pair.carry();
    let over_http2 = pair.opened();
    let mut plain = ServerConnection::http1(Arc::new(http1::Config::default()), at(0));
    plain.receive(at(0), &mut BytesMut::from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    let Some(ServerEvent::Request { id: over_http1 }) = plain.poll_event() else {
        panic!("a whole request")
    };
    for (server, id) in [(&mut pair.server, over_http2), (&mut plain, over_http1)] {
        let mut bad = Response::new(200, "");
        bad.fields.push("Connection", "close");
        assert_eq!(server.respond(at(0), id, &bad), Err(RespondError::Field));
        assert_eq!(
            server.respond(at(0), id, &Response::new(199, "")),
            Err(RespondError::Status(199))
        );
        bad.fields.clear();
        bad.fields.push("content-length", "1");
        assert_eq!(server.respond(at(0), id, &bad), Err(RespondError::ContentLength));
        assert!(server.request(id).is_some());
        server.respond(at(0), id, &Response::new(200, "")).unwrap();
        assert_eq!(
            server.respond(at(0), id, &Response::new(200, "")),
            Err(RespondError::UnknownRequest)
        );
        assert!(server.request(id).is_none());
        let other = RequestId(u64::MAX);
        assert_eq!(
            server.respond(at(0), other, &Response::new(200, "")),
            Err(RespondError::UnknownRequest)
        );
    }
}
