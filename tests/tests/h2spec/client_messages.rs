//! HTTP messages as a client must take them.

use kitewire_proto::http2::{Finish, Outcome};

use crate::case::{Case, Expect, PROTOCOL};
use crate::script::{BODY, Script};
use crate::wire::{self, END, NONE, block};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "client/8.1/1",
        rfc: "RFC 9113 §8.1",
        about: "a response with a body",
        expect: Expect::Answer(1),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.respond(id);
        },
    },
    Case {
        id: "client/8.1/2",
        rfc: "RFC 9113 §8.1",
        about: "a response with trailers",
        expect: Expect::Answer(1),
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            peer.data(id, NONE, BODY);
            peer.headers(id, END, &block(&[("grpc-status", "0")]));
            peer.check_trailer(id, "grpc-status", "0");
        },
    },
    Case {
        id: "client/8.1/3",
        rfc: "RFC 9113 §8.1",
        about: "trailers without END_STREAM",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            peer.data(id, NONE, BODY);
            peer.headers(id, NONE, &block(&[("grpc-status", "0")]));
        },
    },
    Case {
        id: "client/8.1/4",
        rfc: "RFC 9113 §8.1",
        about: "a second final head",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            peer.headers(id, NONE, &block(&[(":status", "200")]));
        },
    },
    Case {
        id: "client/8.1/5",
        rfc: "RFC 9113 §8.1",
        about: "DATA before the head",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.data(id, END, BODY);
        },
    },
    Case {
        id: "client/8.1/6",
        rfc: "RFC 9113 §8.1",
        about: "1xx responses before the final one",
        expect: Expect::Answer(1),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            for status in ["100", "103"] {
                peer.headers(id, NONE, &block(&[(":status", status)]));
            }
            peer.respond(id);
            peer.settle();
            let interims = peer.streams.get(&id).map(|seen| seen.interims.clone());
            peer.check(interims == Some(vec![100, 103]), "both are told");
        },
    },
    Case {
        id: "client/8.1/7",
        rfc: "RFC 9113 §8.1",
        about: "a 1xx response that ends the stream",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &block(&[(":status", "100")]));
        },
    },
    Case {
        id: "client/8.1/8",
        rfc: "RFC 9113 §8.1",
        about: "DATA behind a 1xx response",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, NONE, &block(&[(":status", "100")]));
            peer.data(id, END, BODY);
        },
    },
    Case {
        id: "client/8.1/9",
        rfc: "RFC 9113 §8.1",
        about: "RST_STREAM with NO_ERROR behind a complete response to an unfinished request",
        expect: Expect::Accepted,
        send: |peer| {
            let id = peer.ask("POST", Finish::Later);
            peer.respond(id);
            peer.rst_stream(id, 0);
            peer.check_body(id, BODY);
        },
    },
    Case {
        id: "client/8.1.1/1",
        rfc: "RFC 9113 §8.1.1",
        about: "more body than content-length",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "content-length", "7"),
    },
    Case {
        id: "client/8.1.1/2",
        rfc: "RFC 9113 §8.1.1",
        about: "less body than content-length",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "content-length", "9"),
    },
    Case {
        id: "client/8.1.1/3",
        rfc: "RFC 9113 §8.1.1",
        about: "as much body as content-length",
        expect: Expect::Answer(1),
        send: |peer| respond_with(peer, "content-length", "8"),
    },
    Case {
        id: "client/8.1.1/4",
        rfc: "RFC 9113 §8.1.1",
        about: "content-length is no number",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "content-length", "8a"),
    },
    Case {
        id: "client/8.1.1/5",
        rfc: "RFC 9113 §8.1.1",
        about: "content-length without a body in the answer to HEAD",
        expect: Expect::Accepted,
        send: |peer| {
            let id = peer.ask("HEAD", Finish::Now);
            peer.headers(id, END, &block(&[(":status", "200"), ("content-length", "8")]));
            peer.check_outcome(id, &Outcome::Complete);
        },
    },
    Case {
        id: "client/8.1.1/6",
        rfc: "RFC 9113 §8.1.1",
        about: "content-length without a body in a 304 response",
        expect: Expect::Accepted,
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &block(&[(":status", "304"), ("content-length", "8")]));
            peer.check_outcome(id, &Outcome::Complete);
        },
    },
    Case {
        id: "client/8.1.1/7",
        rfc: "RFC 9113 §8.1.1",
        about: "content-length without a body in a 200 response",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &block(&[(":status", "200"), ("content-length", "8")]));
        },
    },
    Case {
        id: "client/8.2.1/1",
        rfc: "RFC 9113 §8.2.1",
        about: "a field name in upper case",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "X-Test", "ok"),
    },
    Case {
        id: "client/8.2.1/2",
        rfc: "RFC 9113 §8.2.1",
        about: "a field name with a space",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "x test", "ok"),
    },
    Case {
        id: "client/8.2.1/3",
        rfc: "RFC 9113 §8.2.1",
        about: "a field name with a colon inside",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "x:test", "ok"),
    },
    Case {
        id: "client/8.2.1/4",
        rfc: "RFC 9113 §8.2.1",
        about: "an empty field name",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "", "ok"),
    },
    Case {
        id: "client/8.2.1/5",
        rfc: "RFC 9113 §8.2.1",
        about: "a field value with NUL",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "x-test", "o\0k"),
    },
    Case {
        id: "client/8.2.1/6",
        rfc: "RFC 9113 §8.2.1",
        about: "a field value with CR",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "x-test", "o\rk"),
    },
    Case {
        id: "client/8.2.1/7",
        rfc: "RFC 9113 §8.2.1",
        about: "a field value with LF",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "x-test", "o\nk"),
    },
    Case {
        id: "client/8.2.1/8",
        rfc: "RFC 9113 §8.2.1",
        about: "a field name in upper case in trailers",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            peer.data(id, NONE, BODY);
            peer.headers(id, END, &block(&[("X-Test", "ok")]));
        },
    },
    Case {
        id: "client/8.2.2/1",
        rfc: "RFC 9113 §8.2.2",
        about: "a connection-specific field: connection",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "connection", "close"),
    },
    Case {
        id: "client/8.2.2/2",
        rfc: "RFC 9113 §8.2.2",
        about: "a connection-specific field: proxy-connection",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "proxy-connection", "close"),
    },
    Case {
        id: "client/8.2.2/3",
        rfc: "RFC 9113 §8.2.2",
        about: "a connection-specific field: keep-alive",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "keep-alive", "5"),
    },
    Case {
        id: "client/8.2.2/4",
        rfc: "RFC 9113 §8.2.2",
        about: "a connection-specific field: transfer-encoding",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "transfer-encoding", "chunked"),
    },
    Case {
        id: "client/8.2.2/5",
        rfc: "RFC 9113 §8.2.2",
        about: "a connection-specific field: upgrade",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, "upgrade", "h2c"),
    },
    Case {
        id: "client/8.3/1",
        rfc: "RFC 9113 §8.3",
        about: "an unknown pseudo-header field",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, ":test", "ok"),
    },
    Case {
        id: "client/8.3/2",
        rfc: "RFC 9113 §8.3",
        about: "a pseudo-header field of requests",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, ":path", "/"),
    },
    Case {
        id: "client/8.3/3",
        rfc: "RFC 9113 §8.3",
        about: "a pseudo-header field behind a regular one",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &block(&[("x-test", "ok"), (":status", "200")]));
        },
    },
    Case {
        id: "client/8.3/4",
        rfc: "RFC 9113 §8.3",
        about: "a pseudo-header field in trailers",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            peer.data(id, NONE, BODY);
            peer.headers(id, END, &block(&[(":status", "200")]));
        },
    },
    Case {
        id: "client/8.3/5",
        rfc: "RFC 9113 §8.3",
        about: ":status twice",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| respond_with(peer, ":status", "200"),
    },
    Case {
        id: "client/8.3.2/1",
        rfc: "RFC 9113 §8.3.2",
        about: "no :status",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &block(&[("x-test", "ok")]));
        },
    },
    Case {
        id: "client/8.3.2/2",
        rfc: "RFC 9113 §8.3.2",
        about: ":status is \"20\"",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &block(&[(":status", "20")]));
        },
    },
    Case {
        id: "client/8.3.2/3",
        rfc: "RFC 9113 §8.3.2",
        about: ":status is \"2000\"",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &block(&[(":status", "2000")]));
        },
    },
    Case {
        id: "client/8.3.2/4",
        rfc: "RFC 9113 §8.3.2",
        about: ":status is \"2xx\"",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &block(&[(":status", "2xx")]));
        },
    },
    Case {
        id: "client/8.3.2/5",
        rfc: "RFC 9113 §8.3.2",
        about: ":status is \"\"",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &block(&[(":status", "")]));
        },
    },
    Case {
        id: "client/8.6/1",
        rfc: "RFC 9113 §8.6",
        about: ":status 101",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, NONE, &block(&[(":status", "101")]));
        },
    },
];

/// A response with one more field.
fn respond_with(peer: &mut Script, name: &str, value: &str) {
    let id = peer.ask("GET", Finish::Now);
    peer.headers(id, NONE, &wire::block_with(&[(":status", "200")], name, value));
    peer.data(id, END, BODY);
}
