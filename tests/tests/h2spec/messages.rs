//! Error codes and HTTP messages (h2spec's `http2/7` and `http2/8`).

use kitewire_proto::http2::{ErrorCode, Initiator, Outcome};

use crate::case::{Case, Expect, PROTOCOL};
use crate::script::Script;
use crate::wire::{self, END, NONE, block};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "http2/7/1",
        rfc: "RFC 9113 §7",
        about: "GOAWAY with an unknown code",
        expect: Expect::PongsOrEnd(&[*b"h2spec\0\0"]),
        send: |peer| {
            peer.handshake();
            peer.goaway(0, 0xff, b"");
            peer.ping(b"h2spec\0\0");
        },
    },
    Case {
        id: "http2/7/2",
        rfc: "RFC 9113 §7",
        about: "RST_STREAM with an unknown code",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.rst_stream(1, 0xff);
            peer.ping(&[0; 8]);
            let (code, by) = (ErrorCode(0xff), Initiator::Peer);
            peer.check_outcome(1, &Outcome::Reset { code, by });
        },
    },
    Case {
        id: "http2/8.1/1",
        rfc: "RFC 9113 §8.1",
        about: "trailers without END_STREAM",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.data(1, NONE, b"test");
            peer.headers(1, NONE, &block(&[("x-test", "ok")]));
        },
    },
    Case {
        id: "http2/8.1.2/1",
        rfc: "RFC 9113 §8.2.1",
        about: "a field name in upper case",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, "X-TEST", "ok"),
    },
    Case {
        id: "http2/8.1.2.1/1",
        rfc: "RFC 9113 §8.3",
        about: "an unknown pseudo-header field",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, ":test", "ok"),
    },
    Case {
        id: "http2/8.1.2.1/2",
        rfc: "RFC 9113 §8.3",
        about: "a pseudo-header field of responses",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, ":status", "200"),
    },
    Case {
        id: "http2/8.1.2.1/3",
        rfc: "RFC 9113 §8.1",
        about: "a pseudo-header field in trailers",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.data(1, NONE, b"test");
            // h2spec leaves END_STREAM out, which is an error of its own.
            peer.headers(1, END, &block(&[(":method", "POST")]));
        },
    },
    Case {
        id: "http2/8.1.2.1/4",
        rfc: "RFC 9113 §8.3",
        about: "a pseudo-header field behind a regular one",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            let fields = [block(&[("x-test", "ok")]), block(&wire::GET)].concat();
            peer.headers(1, END, &fields);
        },
    },
    Case {
        id: "http2/8.1.2.2/1",
        rfc: "RFC 9113 §8.2.2",
        about: "a connection-specific field",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, "connection", "keep-alive"),
    },
    Case {
        id: "http2/8.1.2.2/2",
        rfc: "RFC 9113 §8.2.2",
        about: "te with more than \"trailers\"",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, "te", "trailers, deflate"),
    },
    Case {
        id: "http2/8.1.2.3/1",
        rfc: "RFC 9113 §8.3.1",
        about: "an empty :path",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            let mut fields = wire::GET;
            fields[2].1 = "";
            peer.headers(1, END, &block(&fields));
        },
    },
    Case {
        id: "http2/8.1.2.3/2",
        rfc: "RFC 9113 §8.3.1",
        about: "no :method",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_without(peer, 0),
    },
    Case {
        id: "http2/8.1.2.3/3",
        rfc: "RFC 9113 §8.3.1",
        about: "no :scheme",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_without(peer, 1),
    },
    Case {
        id: "http2/8.1.2.3/4",
        rfc: "RFC 9113 §8.3.1",
        about: "no :path",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_without(peer, 2),
    },
    Case {
        id: "http2/8.1.2.3/5",
        rfc: "RFC 9113 §8.3",
        about: ":method twice",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, ":method", "GET"),
    },
    Case {
        id: "http2/8.1.2.3/6",
        rfc: "RFC 9113 §8.3",
        about: ":scheme twice",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, ":scheme", "http"),
    },
    Case {
        id: "http2/8.1.2.3/7",
        rfc: "RFC 9113 §8.3",
        about: ":path twice",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, ":path", "/"),
    },
    Case {
        id: "http2/8.1.2.6/1",
        rfc: "RFC 9113 §8.1.1",
        about: "content-length is not the length of the body",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.headers(1, NONE, &wire::block_with(&wire::POST, "content-length", "1"));
            peer.data(1, END, b"test");
        },
    },
    Case {
        id: "http2/8.1.2.6/2",
        rfc: "RFC 9113 §8.1.1",
        about: "content-length is not the length of a body of two frames",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.headers(1, NONE, &wire::block_with(&wire::POST, "content-length", "1"));
            peer.data(1, NONE, b"test");
            peer.data(1, END, b"test");
        },
    },
    Case {
        id: "http2/8.2/1",
        rfc: "RFC 9113 §8.4",
        about: "a client sends PUSH_PROMISE",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            let payload = [&3_u32.to_be_bytes(), &block(&wire::GET)[..]].concat();
            peer.frame(wire::PUSH_PROMISE, wire::END_HEADERS, 1, &payload);
        },
    },
];

/// A request with one more field.
fn get_with(peer: &mut Script, name: &str, value: &str) {
    peer.handshake();
    peer.headers(1, END, &wire::block_with(&wire::GET, name, value));
}

/// A request that lacks one of its four fields.
fn get_without(peer: &mut Script, index: usize) {
    peer.handshake();
    let mut fields = wire::GET.to_vec();
    fields.remove(index);
    peer.headers(1, END, &block(&fields));
}
