//! States, ids, number and dependencies of streams (h2spec's `http2/5.1` to `5.3`).

use crate::case::{Case, Expect, PROTOCOL, REFUSED, STREAM_CLOSED};
use crate::wire::{self, END, END_HEADERS, WITH_PRIORITY, block};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "http2/5.1/1",
        // §6.1 alone would allow a stream error STREAM_CLOSED.
        rfc: "RFC 9113 §5.1",
        about: "idle: DATA",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.data(1, END, b"test");
        },
    },
    Case {
        id: "http2/5.1/2",
        rfc: "RFC 9113 §5.1",
        about: "idle: RST_STREAM",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.rst_stream(1, 0x8);
        },
    },
    Case {
        id: "http2/5.1/3",
        rfc: "RFC 9113 §5.1",
        about: "idle: WINDOW_UPDATE",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.window_update(1, 100);
        },
    },
    Case {
        id: "http2/5.1/4",
        rfc: "RFC 9113 §6.10",
        about: "idle: CONTINUATION",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.continuation(1, END_HEADERS, &block(&wire::GET));
        },
    },
    Case {
        id: "http2/5.1/5",
        rfc: "RFC 9113 §5.1",
        about: "half-closed (remote): DATA",
        expect: Expect::StreamError(1, STREAM_CLOSED),
        send: |peer| {
            peer.handshake();
            peer.hold_answers();
            peer.get(1);
            peer.data(1, END, b"test");
        },
    },
    Case {
        id: "http2/5.1/6",
        rfc: "RFC 9113 §5.1",
        about: "half-closed (remote): HEADERS",
        expect: Expect::StreamError(1, STREAM_CLOSED),
        send: |peer| {
            peer.handshake();
            peer.hold_answers();
            peer.get(1);
            peer.get(1);
        },
    },
    Case {
        id: "http2/5.1/7",
        // A connection error by this clause, whatever the stream's state.
        rfc: "RFC 9113 §6.10",
        about: "half-closed (remote): CONTINUATION",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.hold_answers();
            peer.get(1);
            peer.continuation(1, END_HEADERS, &block(&wire::GET));
        },
    },
    Case {
        id: "http2/5.1/8",
        // §6.1 asks for a stream error, §5.1 allows a connection error.
        rfc: "RFC 9113 §6.1",
        about: "closed: DATA after the peer's RST_STREAM",
        expect: Expect::Error(1, STREAM_CLOSED),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.rst_stream(1, 0x8);
            peer.data(1, END, b"test");
        },
    },
    Case {
        id: "http2/5.1/9",
        rfc: "RFC 9113 §5.1",
        about: "closed: HEADERS after the peer's RST_STREAM",
        expect: Expect::Error(1, STREAM_CLOSED),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.rst_stream(1, 0x8);
            peer.get(1);
        },
    },
    Case {
        id: "http2/5.1/10",
        rfc: "RFC 9113 §6.10",
        about: "closed: CONTINUATION after the peer's RST_STREAM",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.rst_stream(1, 0x8);
            peer.continuation(1, END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "http2/5.1/11",
        rfc: "RFC 9113 §6.1",
        about: "closed: DATA after both sides have ended the stream",
        expect: Expect::Error(1, STREAM_CLOSED),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.settle();
            peer.data(1, END, b"test");
        },
    },
    Case {
        id: "http2/5.1/12",
        rfc: "RFC 9113 §5.1",
        about: "closed: HEADERS after both sides have ended the stream",
        expect: Expect::ConnectionError(STREAM_CLOSED),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.settle();
            peer.get(1);
        },
    },
    Case {
        id: "http2/5.1/13",
        rfc: "RFC 9113 §6.10",
        about: "closed: CONTINUATION after both sides have ended the stream",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.settle();
            peer.continuation(1, END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "http2/5.1.1/1",
        rfc: "RFC 9113 §5.1.1",
        about: "a client opens a stream with an even id",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.get(2);
        },
    },
    Case {
        id: "http2/5.1.1/2",
        rfc: "RFC 9113 §5.1.1",
        about: "a client opens a stream below the last one",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.get(5);
            peer.get(3);
        },
    },
    Case {
        id: "http2/5.1.2/1",
        // PROTOCOL_ERROR is allowed too; REFUSED_STREAM tells the client that it can try again.
        rfc: "RFC 9113 §5.1.2",
        about: "one stream more than SETTINGS_MAX_CONCURRENT_STREAMS",
        expect: Expect::StreamError(201, REFUSED),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 0)]);
            let most = peer.announced(wire::MAX_CONCURRENT_STREAMS);
            peer.check(most == Some(100), "100 streams are announced");
            for id in (1..=201).step_by(2) {
                peer.get(id);
            }
        },
    },
    Case {
        id: "http2/5.3.1/1",
        // A rule of RFC 7540 §5.3.1 that RFC 9113 neither repeats nor forbids to keep.
        rfc: "RFC 9113 §5.3.2",
        about: "HEADERS that depends on its own stream",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            let payload = [wire::priority(1, 255), block(&wire::GET)].concat();
            peer.headers(1, END | WITH_PRIORITY, &payload);
        },
    },
    Case {
        id: "http2/5.3.1/2",
        // The stream is idle, and §6.4 has no RST_STREAM for those; §5.4.1 lets a receiver end the connection instead.
        rfc: "RFC 9113 §5.3.2",
        about: "PRIORITY that depends on its own stream",
        expect: Expect::Error(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.priority(1, 1, 255);
        },
    },
];
