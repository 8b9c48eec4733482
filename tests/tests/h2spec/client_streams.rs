//! Streams and windows as a client must take them.

use kitewire_proto::http2::{Finish, Outcome};

use crate::case::{Case, Expect, FLOW_CONTROL, FRAME_SIZE, PROTOCOL, STREAM_CLOSED};
use crate::wire::{self, END, MAX_WINDOW, NONE, block};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "client/5.1/1",
        rfc: "RFC 9113 §5.1",
        about: "idle: DATA",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.data(1, END, b"test");
        },
    },
    Case {
        id: "client/5.1/2",
        rfc: "RFC 9113 §5.1",
        about: "idle: RST_STREAM",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.rst_stream(1, 0x8);
        },
    },
    Case {
        id: "client/5.1/3",
        rfc: "RFC 9113 §5.1",
        about: "idle: WINDOW_UPDATE",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.window_update(1, 100);
        },
    },
    Case {
        id: "client/5.1/4",
        rfc: "RFC 9113 §5.1.1",
        about: "HEADERS on a stream that the client has not opened",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.respond(id + 2);
        },
    },
    Case {
        id: "client/5.1/5",
        rfc: "RFC 9113 §5.1",
        about: "HEADERS on a stream of the server that was not promised",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.respond(2);
        },
    },
    Case {
        id: "client/5.1/6",
        rfc: "RFC 9113 §5.1",
        about: "half-closed (remote): DATA",
        expect: Expect::StreamError(1, STREAM_CLOSED),
        send: |peer| {
            let id = peer.ask("POST", Finish::Later);
            peer.respond(id);
            peer.data(id, END, b"test");
        },
    },
    Case {
        id: "client/5.1/7",
        rfc: "RFC 9113 §5.1",
        about: "half-closed (remote): HEADERS",
        expect: Expect::StreamError(1, STREAM_CLOSED),
        send: |peer| {
            let id = peer.ask("POST", Finish::Later);
            peer.respond(id);
            peer.headers(id, END, &block(&[("x-test", "ok")]));
        },
    },
    Case {
        id: "client/5.1/8",
        rfc: "RFC 9113 §6.1",
        about: "closed: DATA after the server's RST_STREAM",
        expect: Expect::Error(1, STREAM_CLOSED),
        send: |peer| {
            let id = peer.ask("POST", Finish::Later);
            peer.rst_stream(id, 0x8);
            peer.data(id, END, b"test");
        },
    },
    Case {
        id: "client/5.1/9",
        rfc: "RFC 9113 §5.1",
        about: "closed: HEADERS after the server's RST_STREAM",
        expect: Expect::Error(1, STREAM_CLOSED),
        send: |peer| {
            let id = peer.ask("POST", Finish::Later);
            peer.rst_stream(id, 0x8);
            peer.respond(id);
        },
    },
    Case {
        id: "client/5.1/10",
        rfc: "RFC 9113 §6.1",
        about: "closed: DATA after both sides have ended the stream",
        expect: Expect::Error(1, STREAM_CLOSED),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.respond(id);
            peer.settle();
            peer.data(id, END, b"test");
        },
    },
    Case {
        id: "client/5.1/11",
        rfc: "RFC 9113 §5.1",
        about: "closed: HEADERS after both sides have ended the stream",
        expect: Expect::ConnectionError(STREAM_CLOSED),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.respond(id);
            peer.settle();
            peer.respond(id);
        },
    },
    Case {
        id: "client/5.1/12",
        rfc: "RFC 9113 §5.1",
        about: "closed: WINDOW_UPDATE, RST_STREAM and PRIORITY after both sides have ended the stream",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.respond(id);
            peer.settle();
            peer.window_update(id, 1);
            peer.priority(id, 0, 255);
            // How a server asks for no more of a request that it has answered (§8.1).
            peer.rst_stream(id, 0);
            peer.ping(&[0; 8]);
        },
    },
    Case {
        id: "client/5.1/13",
        rfc: "RFC 9113 §5.1",
        about: "closed: whatever comes after our RST_STREAM is dropped, and its fields enter the table",
        expect: Expect::Accepted,
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.cancel(id);
            let incremental = [&[0x40][..], b"\x06x-test", b"\x06h2spec"].concat();
            peer.headers(id, NONE, &[block(&[(":status", "200")]), incremental].concat());
            peer.data(id, NONE, b"test");
            peer.window_update(id, 1);
            peer.headers(id, END, &block(&[("x-trailer", "ok")]));
            peer.rst_stream(id, 0x8);
            let next = peer.open("GET", Finish::Now);
            peer.headers(next, END, &[&block(&[(":status", "200")])[..], &[0x80 | 62]].concat());
            peer.check_field(next, "x-test", "h2spec");
        },
    },
    Case {
        id: "client/6.9/1",
        rfc: "RFC 9113 §6.9",
        about: "an increment of 0 for the connection",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.window_update(0, 0);
        },
    },
    Case {
        id: "client/6.9/2",
        rfc: "RFC 9113 §6.9",
        about: "an increment of 0 for a stream",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            let id = peer.ask("POST", Finish::Later);
            peer.window_update(id, 0);
        },
    },
    Case {
        id: "client/6.9/3",
        rfc: "RFC 9113 §6.9",
        about: "WINDOW_UPDATE of other than 4 bytes",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::WINDOW_UPDATE, NONE, 0, &[0, 0, 1]);
        },
    },
    Case {
        id: "client/6.9.1/1",
        rfc: "RFC 9113 §6.9.1",
        about: "the connection's window is raised above 2^31-1",
        expect: Expect::ConnectionError(FLOW_CONTROL),
        send: |peer| {
            peer.handshake();
            peer.window_update(0, MAX_WINDOW);
        },
    },
    Case {
        id: "client/6.9.1/2",
        rfc: "RFC 9113 §6.9.1",
        about: "a stream's window is raised above 2^31-1",
        expect: Expect::StreamError(1, FLOW_CONTROL),
        send: |peer| {
            let id = peer.ask("POST", Finish::Later);
            peer.window_update(id, MAX_WINDOW);
        },
    },
    Case {
        id: "client/6.9.1/3",
        rfc: "RFC 9113 §6.9.1",
        about: "DATA does not exceed a window of 1, nor one that became negative",
        expect: Expect::Data(1, &[1, 2, 1]),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 1)]);
            peer.settle();
            let id = peer.open("POST", Finish::Later);
            peer.push(id, b"kitewire");
            peer.settle();
            // 1 of 1 is used, then 1 of 3 and 3 of 3, then 3 of 2.
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 3)]);
            peer.settle();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 2)]);
            peer.settle();
            peer.window_update(id, 2);
        },
    },
    Case {
        id: "client/6.9.2/1",
        rfc: "RFC 9113 §6.9.2",
        about: "INITIAL_WINDOW_SIZE raises the window of an open stream above 2^31-1",
        expect: Expect::ConnectionError(FLOW_CONTROL),
        send: |peer| {
            let id = peer.ask("POST", Finish::Later);
            peer.window_update(id, MAX_WINDOW - 65_535);
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 65_536)]);
        },
    },
    Case {
        id: "client/6.9/4",
        rfc: "RFC 9113 §6.9",
        about: "a server sends more than a stream's window",
        expect: Expect::StreamError(1, FLOW_CONTROL),
        send: |peer| {
            let id = peer.ask_and_begin("GET", Finish::Now);
            let window = peer.announced(wire::INITIAL_WINDOW_SIZE).unwrap_or(65_535) as usize;
            peer.hold_reading();
            for _ in 0..window / 16_384 {
                peer.data(id, NONE, &[0; 16_384]);
            }
            peer.data(id, NONE, &vec![0; window % 16_384 + 1]);
            peer.settle();
            peer.wake();
        },
    },
    Case {
        id: "client/6.4/3",
        rfc: "RFC 9113 §8.7",
        about: "RST_STREAM with REFUSED_STREAM",
        expect: Expect::Accepted,
        send: |peer| {
            let id = peer.ask("GET", Finish::Now);
            peer.rst_stream(id, 0x7);
            peer.check_outcome(id, &Outcome::Refused);
        },
    },
];
