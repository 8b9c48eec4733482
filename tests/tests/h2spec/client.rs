//! Frames as a client must take them: the twins of h2spec's server cases.

use kitewire_proto::http2::{Finish, Outcome};

use crate::case::{COMPRESSION, Case, Expect, FRAME_SIZE, PROTOCOL};
use crate::script::BODY;
use crate::wire::{self, END, END_HEADERS, NONE, PADDED, block};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "client/3.4/1",
        rfc: "RFC 9113 §3.4",
        about: "the server's first frame is not SETTINGS",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| peer.ping(&[0; 8]),
    },
    Case {
        id: "client/3.4/2",
        rfc: "RFC 9113 §3.4",
        about: "the server speaks HTTP/1.1",
        // Its first nine bytes, read as a frame head, are above the frame size; but it is no HTTP/2 at all.
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| peer.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    },
    Case {
        id: "client/4.1/1",
        rfc: "RFC 9113 §4.1",
        about: "unknown frame types, undefined flags and the reserved bit are ignored",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::UNKNOWN, 0xff, 0, &[0; 8]);
            peer.frame(wire::PING, 0x16, 0x8000_0000, &[0; 8]);
        },
    },
    Case {
        id: "client/4.2/1",
        rfc: "RFC 9113 §4.2",
        about: "DATA of 2^14 bytes",
        expect: Expect::Accepted,
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            peer.data(id, END, &[b'x'; 16_384]);
            peer.check_body(id, &[b'x'; 16_384]);
        },
    },
    Case {
        id: "client/4.2/2",
        rfc: "RFC 9113 §4.2",
        about: "DATA above SETTINGS_MAX_FRAME_SIZE",
        expect: Expect::Error(1, FRAME_SIZE),
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            peer.data(id, END, &[b'x'; 16_385]);
        },
    },
    Case {
        id: "client/4.2/3",
        rfc: "RFC 9113 §4.2",
        about: "HEADERS above SETTINGS_MAX_FRAME_SIZE",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &[block(&[(":status", "200")]), wire::large_fields()].concat());
        },
    },
    Case {
        id: "client/4.3/1",
        rfc: "RFC 9113 §4.3",
        about: "a field block that ends inside a field",
        expect: Expect::ConnectionError(COMPRESSION),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END, &[0x40]);
        },
    },
    Case {
        id: "client/4.3/2",
        rfc: "RFC 9113 §4.3",
        about: "HEADERS of another stream inside a field block",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            let other = peer.open("GET", Finish::Now);
            peer.frame(wire::HEADERS, NONE, id, &block(&[(":status", "200")]));
            peer.respond(other);
        },
    },
    Case {
        id: "client/5.4/1",
        rfc: "RFC 9113 §5.4.1",
        about: "a connection error ends the open requests",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.frame(wire::PING, NONE, 3, &[0; 8]);
            peer.check_outcome(id, &Outcome::ConnectionLost);
        },
    },
    Case {
        id: "client/5.5/1",
        rfc: "RFC 9113 §5.5",
        about: "a frame of an unknown extension inside a field block",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.frame(wire::HEADERS, END, id, &block(&[(":status", "200")]));
            peer.frame(wire::UNKNOWN, NONE, 0, &[0; 8]);
        },
    },
    Case {
        id: "client/6.1/1",
        rfc: "RFC 9113 §6.1",
        about: "DATA on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.data(0, END, b"test");
        },
    },
    Case {
        id: "client/6.1/2",
        rfc: "RFC 9113 §6.1",
        about: "DATA with more padding than payload",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            peer.data(id, END | PADDED, b"\x06Test");
        },
    },
    Case {
        id: "client/6.1/3",
        rfc: "RFC 9113 §6.1",
        about: "DATA with padding",
        expect: Expect::Accepted,
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            peer.data(id, END | PADDED, &wire::padded(b"test", 5));
            peer.check_body(id, b"test");
        },
    },
    Case {
        id: "client/6.2/1",
        rfc: "RFC 9113 §6.2",
        about: "HEADERS on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.respond(0);
        },
    },
    Case {
        id: "client/6.2/2",
        rfc: "RFC 9113 §6.2",
        about: "HEADERS with more padding than payload",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.headers(id, END | PADDED, &[&[200], &block(&[(":status", "200")])[..]].concat());
        },
    },
    Case {
        id: "client/6.3/1",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.priority(0, 0, 255);
        },
    },
    Case {
        id: "client/6.3/2",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY of other than 5 bytes",
        expect: Expect::StreamError(1, FRAME_SIZE),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.frame(wire::PRIORITY, NONE, id, b"\x80\0\0\x01");
        },
    },
    Case {
        id: "client/6.4/1",
        rfc: "RFC 9113 §6.4",
        about: "RST_STREAM on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.rst_stream(0, 0x8);
        },
    },
    Case {
        id: "client/6.4/2",
        rfc: "RFC 9113 §6.4",
        about: "RST_STREAM of other than 4 bytes",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.frame(wire::RST_STREAM, NONE, id, &[0; 3]);
        },
    },
    Case {
        id: "client/6.6/1",
        rfc: "RFC 9113 §6.6",
        about: "PUSH_PROMISE where push is off",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            let off = peer.announced(wire::ENABLE_PUSH) == Some(0);
            peer.check(off, "the client has announced ENABLE_PUSH 0");
            let payload = [&2_u32.to_be_bytes(), &block(&wire::GET)[..]].concat();
            peer.frame(wire::PUSH_PROMISE, END_HEADERS, id, &payload);
        },
    },
    Case {
        id: "client/6.6/2",
        rfc: "RFC 9113 §6.6",
        about: "PUSH_PROMISE on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            let payload = [&2_u32.to_be_bytes(), &block(&wire::GET)[..]].concat();
            peer.frame(wire::PUSH_PROMISE, END_HEADERS, 0, &payload);
        },
    },
    Case {
        id: "client/6.7/1",
        rfc: "RFC 9113 §6.7",
        about: "PING is answered, an ACK that nobody asked for is not",
        expect: Expect::Pongs(&[*b"h2spec\0\0"]),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::PING, wire::ACK, 0, b"invalid\0");
            peer.ping(b"h2spec\0\0");
        },
    },
    Case {
        id: "client/6.7/2",
        rfc: "RFC 9113 §6.7",
        about: "PING on a stream",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::PING, NONE, 1, &[0; 8]);
        },
    },
    Case {
        id: "client/6.7/3",
        rfc: "RFC 9113 §6.7",
        about: "PING of other than 8 bytes",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::PING, NONE, 0, &[0; 6]);
        },
    },
    Case {
        id: "client/6.10/1",
        rfc: "RFC 9113 §6.10",
        about: "several CONTINUATION frames",
        expect: Expect::Answer(1),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            let block = block(&[(":status", "200")]);
            peer.frame(wire::HEADERS, NONE, id, &block[..3]);
            peer.continuation(id, NONE, &block[3..]);
            peer.continuation(id, NONE, b"");
            peer.continuation(id, END_HEADERS, &wire::dummy_field());
            peer.data(id, END, BODY);
        },
    },
    Case {
        id: "client/6.10/2",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION on an idle stream",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.continuation(1, END_HEADERS, &block(&[(":status", "200")]));
        },
    },
    Case {
        id: "client/6.10/3",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION on stream 0",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.frame(wire::HEADERS, NONE, id, &block(&[(":status", "200")]));
            peer.continuation(0, END_HEADERS, &wire::dummy_field());
        },
    },
    Case {
        id: "client/6.10/4",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION without END_HEADERS, then DATA",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.frame(wire::HEADERS, NONE, id, &block(&[(":status", "200")]));
            peer.continuation(id, NONE, &wire::dummy_field());
            peer.data(id, END, b"test");
        },
    },
    Case {
        id: "client/6.10/5",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION behind HEADERS with END_HEADERS",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            peer.continuation(id, END_HEADERS, &wire::dummy_field());
        },
    },
];
