//! What any server accepts (h2spec's `generic`, but for field compression).

use crate::case::{Case, Expect};
use crate::wire::{self, END, NONE, PADDED, WITH_PRIORITY, block};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "generic/1/1",
        rfc: "RFC 9113 §3.4",
        about: "the client's preface is answered with SETTINGS",
        expect: Expect::SettingsAcks(1),
        send: |peer| {
            peer.raw(wire::PREFACE);
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 65_535)]);
        },
    },
    Case {
        id: "generic/2/1",
        rfc: "RFC 9113 §5.1",
        about: "PRIORITY on an idle stream",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.priority(1, 0, 255);
            peer.ping(&[0; 8]);
        },
    },
    Case {
        id: "generic/2/2",
        rfc: "RFC 9113 §5.1",
        about: "WINDOW_UPDATE on a half-closed (remote) stream",
        expect: Expect::Data(1, &[1]),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 0)]);
            peer.get(1);
            peer.window_update(1, 1);
        },
    },
    Case {
        id: "generic/2/3",
        rfc: "RFC 9113 §5.1",
        about: "PRIORITY on a half-closed (remote) stream",
        expect: Expect::Data(1, &[1]),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 0)]);
            peer.get(1);
            peer.priority(1, 0, 255);
            peer.window_update(1, 1);
        },
    },
    Case {
        id: "generic/2/4",
        rfc: "RFC 9113 §5.1",
        about: "RST_STREAM on a half-closed (remote) stream",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.hold_answers();
            peer.get(1);
            peer.rst_stream(1, 0x8);
            peer.ping(&[0; 8]);
            peer.settle();
            let quiet = peer.of_stream(1).next().is_none();
            peer.check(quiet, "nothing is sent on a stream that was reset");
        },
    },
    Case {
        id: "generic/2/5",
        rfc: "RFC 9113 §5.1",
        about: "PRIORITY on a closed stream",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.settle();
            peer.priority(1, 0, 255);
            peer.ping(&[0; 8]);
        },
    },
    Case {
        id: "generic/3.1/1",
        rfc: "RFC 9113 §6.1",
        about: "one DATA frame",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.data(1, END, b"test");
            peer.check_body(1, b"test");
        },
    },
    Case {
        id: "generic/3.1/2",
        rfc: "RFC 9113 §6.1",
        about: "several DATA frames",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.data(1, NONE, b"test");
            peer.data(1, END, b"test");
            peer.check_body(1, b"testtest");
        },
    },
    Case {
        id: "generic/3.1/3",
        rfc: "RFC 9113 §6.1",
        about: "DATA with padding",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.data(1, END | PADDED, &wire::padded(b"test", 5));
            peer.check_body(1, b"test");
        },
    },
    Case {
        id: "generic/3.2/1",
        rfc: "RFC 9113 §6.2",
        about: "HEADERS",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.get(1);
        },
    },
    Case {
        id: "generic/3.2/2",
        rfc: "RFC 9113 §6.2",
        about: "HEADERS with padding",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.headers(1, END | PADDED, &wire::padded(&block(&wire::GET), 8));
        },
    },
    Case {
        id: "generic/3.2/3",
        rfc: "RFC 9113 §6.2",
        about: "HEADERS with a priority",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            let payload = [wire::priority(0, 255), block(&wire::GET)].concat();
            peer.headers(1, END | WITH_PRIORITY, &payload);
        },
    },
    Case {
        id: "generic/3.3/1",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY with weight 1",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.priority(1, 0, 0);
            peer.get(1);
        },
    },
    Case {
        id: "generic/3.3/2",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY with weight 256",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.priority(1, 0, 255);
            peer.get(1);
        },
    },
    Case {
        id: "generic/3.3/3",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY that depends on another stream",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.priority(3, 1, 0);
            peer.get(1);
        },
    },
    Case {
        id: "generic/3.3/4",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY with the exclusive bit",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.priority(1, 0x8000_0000, 0);
            peer.get(1);
        },
    },
    Case {
        id: "generic/3.3/5",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY on an idle stream does not close those below it",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.priority(3, 0, 255);
            peer.get(1);
        },
    },
    Case {
        id: "generic/3.4/1",
        rfc: "RFC 9113 §6.4",
        about: "RST_STREAM",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.rst_stream(1, 0x8);
            peer.ping(&[0; 8]);
        },
    },
    Case {
        id: "generic/3.5/1",
        rfc: "RFC 9113 §6.5",
        about: "SETTINGS with every parameter",
        expect: Expect::SettingsAcks(2),
        send: |peer| {
            peer.handshake();
            peer.settings(&[
                (wire::HEADER_TABLE_SIZE, 4096),
                (wire::ENABLE_PUSH, 1),
                (wire::MAX_CONCURRENT_STREAMS, 100),
                (wire::INITIAL_WINDOW_SIZE, 65_535),
                (wire::MAX_FRAME_SIZE, 16_384),
                (wire::MAX_HEADER_LIST_SIZE, 100),
            ]);
        },
    },
    Case {
        id: "generic/3.7/1",
        rfc: "RFC 9113 §6.7",
        about: "PING",
        expect: Expect::Pongs(&[*b"h2spec\0\0"]),
        send: |peer| {
            peer.handshake();
            peer.ping(b"h2spec\0\0");
        },
    },
    Case {
        id: "generic/3.8/1",
        rfc: "RFC 9113 §6.8",
        about: "GOAWAY",
        expect: Expect::PongsOrEnd(&[*b"h2spec\0\0"]),
        send: |peer| {
            peer.handshake();
            peer.goaway(0, 0, b"h2spec");
            peer.ping(b"h2spec\0\0");
        },
    },
    Case {
        id: "generic/3.9/1",
        rfc: "RFC 9113 §6.9",
        about: "WINDOW_UPDATE of the connection",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.window_update(0, 1);
            peer.ping(&[0; 8]);
        },
    },
    Case {
        id: "generic/3.9/2",
        rfc: "RFC 9113 §6.9",
        about: "WINDOW_UPDATE of a stream",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.window_update(1, 1);
        },
    },
    Case {
        id: "generic/3.10/1",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            let block = block(&wire::GET);
            peer.frame(wire::HEADERS, END, 1, &block[..5]);
            peer.continuation(1, wire::END_HEADERS, &block[5..]);
        },
    },
    Case {
        id: "generic/3.10/2",
        rfc: "RFC 9113 §6.10",
        about: "several CONTINUATION frames",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            let block = block(&wire::GET);
            peer.frame(wire::HEADERS, END, 1, &block[..5]);
            peer.continuation(1, NONE, &block[5..10]);
            peer.continuation(1, wire::END_HEADERS, &block[10..]);
        },
    },
    Case {
        id: "generic/4/1",
        rfc: "RFC 9113 §8.1",
        about: "a GET request",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.check_field(1, ":method", "GET");
        },
    },
    Case {
        id: "generic/4/2",
        rfc: "RFC 9113 §8.1",
        about: "a HEAD request",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            let mut head = wire::GET;
            head[0].1 = "HEAD";
            peer.headers(1, END, &block(&head));
        },
    },
    Case {
        id: "generic/4/3",
        rfc: "RFC 9113 §8.1",
        about: "a POST request",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.data(1, END, b"test");
            peer.check_body(1, b"test");
        },
    },
    Case {
        id: "generic/4/4",
        rfc: "RFC 9113 §8.1",
        about: "a POST request with trailers",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.headers(1, NONE, &wire::block_with(&wire::POST, "trailer", "x-test"));
            peer.data(1, NONE, b"test");
            peer.headers(1, END, &block(&[("x-test", "ok")]));
            peer.check_body(1, b"test");
            peer.check_trailer(1, "x-test", "ok");
        },
    },
];
