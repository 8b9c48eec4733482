//! Plain requests: HTTP/1.1 connections against peers that send whatever they like, and HTTP/2 between both ends.

use std::sync::Arc;

use bytes::BytesMut;
use kitewire_proto::http::{Response, ServerEvent};
use kitewire_proto::http1::{Config, Connection};
use kitewire_proto::{Demand, Instant};
use kitewire_testkit::fuzz;
use proptest::collection::vec;
use proptest::prelude::*;

/// Parts of requests, good and bad.
const WORDS: [&str; 50] = [
    "GET / HTTP/1.1\r\n",
    "POST /a?b HTTP/1.1\r\n",
    "HEAD * HTTP/1.0\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "PUT http://h:1/ HTTP/1.1\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "Host: a\r\n",
    "Host: \r\n",
    "host: [::1]:80\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "content-length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding:",
    "Expect: 100-continue\r\n",
    "Expect: tea\r\n",
    "TE: trailers\r\n",
    "Upgrade: h2c\r\n",
    "X: y\r\n",
    " folded\r\n",
    "X : y\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    ":",
    "0",
    "3",
    "5;a=b",
    "ffffffffffffffff",
    "abc",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "0\r\nA: b\r\n\r\n",
    "HTTP/1.1",
    "\0",
    "\u{e9}",
    "/",
    "*",
];

fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        20 => (0..WORDS.len()).prop_map(|at| WORDS[at].as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(word, 0..12).prop_map(|words| words.concat())
}

/// A request with its body in chunks of these sizes, and extensions and trailers here and there.
fn chunked(pieces: &[Vec<u8>], decoration: u8) -> Vec<u8> {
    let mut request = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        let size = match decoration & 1 {
            0 => format!("{:x}\r\n", piece.len()),
            _ => format!("{:04X} ;n={}\r\n", piece.len(), piece[0]),
        };
        request.extend_from_slice(size.as_bytes());
        request.extend_from_slice(piece);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(match decoration & 2 {
        0 => b"0\r\n\r\n",
        _ => b"000\r\nX-Sum: 1\r\n\r\n",
    });
    request
}

/// The body of the one request in `stream`, which comes in pieces that end at `cuts`.
fn received(stream: &[u8], cuts: &[usize], max_body: usize) -> Vec<u8> {
    let mut config = Config::default();
    config.requests.max_body = max_body;
    let mut connection = Connection::server(Arc::new(config), Instant::ZERO);
    let mut input = BytesMut::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([stream.len()]) {
        assert_eq!(connection.read_demand(), Demand::Read);
        input.extend_from_slice(&stream[from..to]);
        let piece = to - from;
        from = to;
        connection.receive(Instant::ZERO, &mut input);
        assert!(connection.usage() <= max_body + piece + 1000, "{}", connection.usage());
    }
    let Some(ServerEvent::Request { id }) = connection.poll_event() else {
        panic!("the request is whole")
    };
    let body = connection.request(id).expect("it is open").body().to_vec();
    connection
        .respond(Instant::ZERO, id, &Response::new(204, ""))
        .expect("a good response");
    assert!(input.is_empty(), "nothing is left over");
    body
}

proptest! {
    #[test]
    fn any_bytes_pass(head: [u8; 5], stream in any_stream()) {
        fuzz::http1(&[&head, &stream[..]].concat());
    }

    #[test]
    fn plain_requests_over_http2_stay_whole(script in vec(any::<u8>(), 0..400)) {
        fuzz::http_exchanges(&script);
    }

    #[test]
    fn bytes_that_never_saw_a_browser_pass(head: [u8; 5], stream in vec(any::<u8>(), 0..200)) {
        fuzz::http1(&[&head, &stream[..]].concat());
    }

    #[test]
    fn bodies_in_chunks_come_whole(
        pieces in vec(vec(any::<u8>(), 0..300), 0..10),
        decoration: u8,
        cuts in vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let stream = chunked(&pieces, decoration);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.index(stream.len())).collect();
        cuts.sort_unstable();
        let body = pieces.concat();
        prop_assert_eq!(received(&stream, &cuts, body.len()), body);
    }
}
