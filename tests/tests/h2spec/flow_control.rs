//! WINDOW_UPDATE and flow control (h2spec's `http2/6.9`).

use crate::case::{Case, Expect, FLOW_CONTROL, FRAME_SIZE, PROTOCOL};
use crate::wire::{self, MAX_WINDOW, NONE};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "http2/6.9/1",
        rfc: "RFC 9113 §6.9",
        about: "an increment of 0 for the connection",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.window_update(0, 0);
        },
    },
    Case {
        id: "http2/6.9/2",
        rfc: "RFC 9113 §6.9",
        about: "an increment of 0 for a stream",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.window_update(1, 0);
        },
    },
    Case {
        id: "http2/6.9/3",
        rfc: "RFC 9113 §6.9",
        about: "WINDOW_UPDATE of other than 4 bytes",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::WINDOW_UPDATE, NONE, 0, &[0, 0, 1]);
        },
    },
    Case {
        id: "http2/6.9.1/1",
        rfc: "RFC 9113 §6.9.1",
        about: "DATA does not exceed a window of 1",
        expect: Expect::Data(1, &[1]),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 1)]);
            peer.settle();
            peer.get(1);
        },
    },
    Case {
        id: "http2/6.9.1/2",
        rfc: "RFC 9113 §6.9.1",
        about: "the connection's window is raised above 2^31-1",
        expect: Expect::ConnectionError(FLOW_CONTROL),
        send: |peer| {
            peer.handshake();
            peer.window_update(0, MAX_WINDOW);
            peer.window_update(0, MAX_WINDOW);
        },
    },
    Case {
        id: "http2/6.9.1/3",
        rfc: "RFC 9113 §6.9.1",
        about: "a stream's window is raised above 2^31-1",
        expect: Expect::StreamError(1, FLOW_CONTROL),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.window_update(1, MAX_WINDOW);
            peer.window_update(1, MAX_WINDOW);
        },
    },
    Case {
        id: "http2/6.9.2/1",
        rfc: "RFC 9113 §6.9.2",
        about: "a new INITIAL_WINDOW_SIZE changes the windows of open streams",
        expect: Expect::Data(1, &[1]),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 0)]);
            peer.settle();
            peer.get(1);
            peer.settle();
            let data = peer.of_kind(wire::DATA).count();
            peer.check(data == 0, "a window of 0 lets nothing through");
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 1)]);
        },
    },
    Case {
        id: "http2/6.9.2/2",
        rfc: "RFC 9113 §6.9.2",
        about: "a window that became negative",
        expect: Expect::Data(1, &[3, 1]),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 3)]);
            peer.settle();
            peer.get(1);
            peer.settle();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 2)]);
            peer.settle();
            peer.window_update(1, 2);
        },
    },
    Case {
        id: "http2/6.9.2/3",
        rfc: "RFC 9113 §6.9.2",
        about: "an INITIAL_WINDOW_SIZE above 2^31-1",
        expect: Expect::ConnectionError(FLOW_CONTROL),
        send: |peer| {
            peer.handshake();
            peer.raw(b"\0\0\x06\x04\0\0\0\0\0\0\x04\x80\0\0\0");
        },
    },
];
