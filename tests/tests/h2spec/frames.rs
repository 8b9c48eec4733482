//! Prefaces, frame format and sizes, connection errors, extensions (h2spec's `http2/3`, `4`, `5.4` and `5.5`).

use crate::case::{COMPRESSION, Case, Expect, FRAME_SIZE, PROTOCOL};
use crate::wire::{self, END, NONE, block};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "http2/3.5/1",
        rfc: "RFC 9113 §3.4",
        about: "SETTINGS are the first frame of a server",
        expect: Expect::Accepted,
        send: |peer| {
            peer.raw(wire::PREFACE);
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 65_535)]);
        },
    },
    Case {
        id: "http2/3.5/2",
        rfc: "RFC 9113 §3.4",
        about: "an invalid preface",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| peer.raw(b"INVALID CONNECTION PREFACE\r\n\r\n"),
    },
    Case {
        id: "http2/4.1/1",
        rfc: "RFC 9113 §4.1",
        about: "a frame of unknown type is discarded",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::UNKNOWN, NONE, 0, &[0; 8]);
            peer.ping(&[0; 8]);
        },
    },
    Case {
        id: "http2/4.1/2",
        rfc: "RFC 9113 §4.1",
        about: "undefined flags are ignored",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::PING, 0x16, 0, &[0; 8]);
        },
    },
    Case {
        id: "http2/4.1/3",
        rfc: "RFC 9113 §4.1",
        about: "the reserved bit of the stream id is ignored",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::PING, 0x16, 0x8000_0000, &[0; 8]);
        },
    },
    Case {
        id: "http2/4.2/1",
        rfc: "RFC 9113 §4.2",
        about: "DATA of 2^14 bytes",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.data(1, END, &[b'x'; 16_384]);
            peer.check_body(1, &[b'x'; 16_384]);
        },
    },
    Case {
        id: "http2/4.2/2",
        rfc: "RFC 9113 §4.2",
        about: "DATA above SETTINGS_MAX_FRAME_SIZE",
        expect: Expect::Error(1, FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            let most = peer.announced(wire::MAX_FRAME_SIZE).unwrap_or(16_384);
            peer.data(1, END, &vec![b'x'; most as usize + 1]);
        },
    },
    Case {
        id: "http2/4.2/3",
        rfc: "RFC 9113 §4.2",
        about: "HEADERS above SETTINGS_MAX_FRAME_SIZE",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.headers(1, END, &[block(&wire::GET), wire::large_fields()].concat());
        },
    },
    Case {
        id: "http2/4.3/1",
        rfc: "RFC 9113 §4.3",
        about: "a field block that ends inside a field",
        expect: Expect::ConnectionError(COMPRESSION),
        send: |peer| {
            peer.handshake();
            peer.headers(1, END, &[0x40]);
        },
    },
    Case {
        id: "http2/4.3/2",
        rfc: "RFC 9113 §4.3",
        about: "PRIORITY inside a field block",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::HEADERS, NONE, 1, &block(&wire::GET));
            peer.priority(1, 0, 255);
            peer.continuation(1, wire::END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "http2/4.3/3",
        rfc: "RFC 9113 §4.3",
        about: "HEADERS of another stream inside a field block",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::HEADERS, NONE, 1, &block(&wire::GET));
            peer.get(3);
            peer.continuation(1, wire::END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "http2/5.4.1/1",
        rfc: "RFC 9113 §5.4.1",
        about: "a connection error closes the connection",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::PING, NONE, 3, &[0; 8]);
        },
    },
    Case {
        id: "http2/5.4.1/2",
        rfc: "RFC 9113 §5.4.1",
        about: "a connection error is told by GOAWAY, with the last stream that was received",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.get(5);
            peer.settle();
            peer.frame(wire::PING, NONE, 3, &[0; 8]);
            peer.settle();
            let last = peer.of_kind(wire::GOAWAY).next().map(|frame| frame.word(0));
            peer.check(last == Some(5), "GOAWAY names stream 5");
        },
    },
    Case {
        id: "http2/5.5/1",
        rfc: "RFC 9113 §5.5",
        about: "a frame of an unknown extension",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::UNKNOWN, 0xff, 1, &[0; 8]);
            peer.ping(&[0; 8]);
        },
    },
    Case {
        id: "http2/5.5/2",
        rfc: "RFC 9113 §5.5",
        about: "a frame of an unknown extension inside a field block",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::HEADERS, END, 1, &block(&wire::GET));
            peer.frame(wire::UNKNOWN, NONE, 0, &[0; 8]);
        },
    },
];
