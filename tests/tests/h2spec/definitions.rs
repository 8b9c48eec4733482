//! Frame types but SETTINGS and WINDOW_UPDATE (h2spec's `http2/6.1` to `6.4`, `6.7`, `6.8` and `6.10`).

use crate::case::{Case, Expect, FRAME_SIZE, PROTOCOL, STREAM_CLOSED};
use crate::script::Script;
use crate::wire::{self, END, END_HEADERS, NONE, PADDED, block};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "http2/6.1/1",
        rfc: "RFC 9113 §6.1",
        about: "DATA on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.data(0, END, b"test");
        },
    },
    Case {
        id: "http2/6.1/2",
        rfc: "RFC 9113 §6.1",
        about: "DATA on a stream that is neither open nor half-closed (local)",
        expect: Expect::StreamError(1, STREAM_CLOSED),
        send: |peer| {
            peer.handshake();
            peer.hold_answers();
            peer.headers(1, END, &block(&wire::POST));
            peer.data(1, END, b"test");
        },
    },
    Case {
        id: "http2/6.1/3",
        rfc: "RFC 9113 §6.1",
        about: "DATA with more padding than payload",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.headers(1, NONE, &wire::block_with(&wire::POST, "content-length", "4"));
            peer.data(1, END | PADDED, b"\x06Test");
        },
    },
    Case {
        id: "http2/6.2/1",
        rfc: "RFC 9113 §6.2",
        about: "HEADERS without END_HEADERS, then PRIORITY",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::HEADERS, NONE, 1, &block(&wire::GET));
            peer.priority(1, 0, 255);
            peer.continuation(1, END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "http2/6.2/2",
        rfc: "RFC 9113 §6.2",
        about: "HEADERS without END_HEADERS, then HEADERS of another stream",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::HEADERS, NONE, 1, &block(&wire::GET));
            peer.get(3);
            peer.continuation(1, END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "http2/6.2/3",
        rfc: "RFC 9113 §6.2",
        about: "HEADERS on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.get(0);
        },
    },
    Case {
        id: "http2/6.2/4",
        rfc: "RFC 9113 §6.2",
        about: "HEADERS with more padding than payload",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            let block = block(&wire::GET);
            let padding = u8::try_from(block.len() + 1).expect("a short block");
            peer.headers(1, END | PADDED, &[&[padding], &block[..]].concat());
        },
    },
    Case {
        id: "http2/6.3/1",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.priority(0, 0, 255);
        },
    },
    Case {
        id: "http2/6.3/2",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY of other than 5 bytes",
        expect: Expect::StreamError(1, FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.hold_answers();
            peer.get(1);
            peer.frame(wire::PRIORITY, NONE, 1, b"\x80\0\0\x01");
        },
    },
    Case {
        id: "http2/6.4/1",
        rfc: "RFC 9113 §6.4",
        about: "RST_STREAM on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.rst_stream(0, 0x8);
        },
    },
    Case {
        id: "http2/6.4/2",
        rfc: "RFC 9113 §6.4",
        about: "RST_STREAM on an idle stream",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.rst_stream(1, 0x8);
        },
    },
    Case {
        id: "http2/6.4/3",
        rfc: "RFC 9113 §6.4",
        about: "RST_STREAM of other than 4 bytes",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.frame(wire::RST_STREAM, NONE, 1, &[0; 3]);
        },
    },
    Case {
        id: "http2/6.7/1",
        rfc: "RFC 9113 §6.7",
        about: "PING is answered with the same payload",
        expect: Expect::Pongs(&[*b"h2spec\0\0"]),
        send: |peer| {
            peer.handshake();
            peer.ping(b"h2spec\0\0");
        },
    },
    Case {
        id: "http2/6.7/2",
        rfc: "RFC 9113 §6.7",
        about: "a PING with ACK is not answered",
        expect: Expect::Pongs(&[*b"h2spec\0\0"]),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::PING, wire::ACK, 0, b"invalid\0");
            peer.ping(b"h2spec\0\0");
        },
    },
    Case {
        id: "http2/6.7/3",
        rfc: "RFC 9113 §6.7",
        about: "PING on a stream",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::PING, NONE, 1, &[0; 8]);
        },
    },
    Case {
        id: "http2/6.7/4",
        rfc: "RFC 9113 §6.7",
        about: "PING of other than 8 bytes",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::PING, NONE, 0, &[0; 6]);
        },
    },
    Case {
        id: "http2/6.8/1",
        rfc: "RFC 9113 §6.8",
        about: "GOAWAY on a stream",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::GOAWAY, NONE, 1, &[0; 8]);
        },
    },
    Case {
        id: "http2/6.10/1",
        rfc: "RFC 9113 §6.10",
        about: "several CONTINUATION frames",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::HEADERS, END, 1, &block(&wire::GET));
            peer.continuation(1, NONE, &wire::dummy_field());
            peer.continuation(1, END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "http2/6.10/2",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION without END_HEADERS, then DATA",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            begin_block(peer);
            peer.continuation(1, NONE, &wire::dummy_field());
            peer.data(1, END, b"test");
        },
    },
    Case {
        id: "http2/6.10/3",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            begin_block(peer);
            peer.continuation(0, END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "http2/6.10/4",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION behind HEADERS with END_HEADERS",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.continuation(1, END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "http2/6.10/5",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION behind CONTINUATION with END_HEADERS",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            begin_block(peer);
            peer.continuation(1, END_HEADERS, &wire::dummy_field());
            peer.continuation(1, END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "http2/6.10/6",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION behind DATA",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            begin_block(peer);
            peer.data(1, END, b"test");
            peer.continuation(1, NONE, &wire::dummy_field());
            peer.continuation(0, END_HEADERS, &wire::dummy_field());
        },
    },
];

/// HEADERS of stream 1 whose field block goes on.
fn begin_block(peer: &mut Script) {
    peer.handshake();
    peer.frame(wire::HEADERS, NONE, 1, &block(&wire::POST));
}
