//! SETTINGS (h2spec's `http2/6.5`).

use crate::case::{Case, Expect, FLOW_CONTROL, FRAME_SIZE, PROTOCOL};
use crate::wire::{self, NONE};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "http2/6.5/1",
        rfc: "RFC 9113 §6.5",
        about: "an acknowledgement with a payload",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::SETTINGS, wire::ACK, 0, &[0]);
        },
    },
    Case {
        id: "http2/6.5/2",
        rfc: "RFC 9113 §6.5",
        about: "SETTINGS on a stream",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            let payload = wire::settings(&[(wire::MAX_CONCURRENT_STREAMS, 100)]);
            peer.frame(wire::SETTINGS, NONE, 1, &payload);
        },
    },
    Case {
        id: "http2/6.5/3",
        rfc: "RFC 9113 §6.5",
        about: "SETTINGS whose length is no multiple of 6",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::SETTINGS, NONE, 0, &[0, 3, 0]);
        },
    },
    Case {
        id: "http2/6.5.2/1",
        rfc: "RFC 9113 §6.5.2",
        about: "ENABLE_PUSH other than 0 or 1",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::ENABLE_PUSH, 2)]);
        },
    },
    Case {
        id: "http2/6.5.2/2",
        rfc: "RFC 9113 §6.5.2",
        about: "INITIAL_WINDOW_SIZE above 2^31-1",
        expect: Expect::ConnectionError(FLOW_CONTROL),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, wire::MAX_WINDOW + 1)]);
        },
    },
    Case {
        id: "http2/6.5.2/3",
        rfc: "RFC 9113 §6.5.2",
        about: "MAX_FRAME_SIZE below 2^14",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::MAX_FRAME_SIZE, 16_383)]);
        },
    },
    Case {
        id: "http2/6.5.2/4",
        rfc: "RFC 9113 §6.5.2",
        about: "MAX_FRAME_SIZE above 2^24-1",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::MAX_FRAME_SIZE, 16_777_216)]);
        },
    },
    Case {
        id: "http2/6.5.2/5",
        rfc: "RFC 9113 §6.5.2",
        about: "an unknown parameter is ignored",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(0xff, 1)]);
            peer.ping(&[0; 8]);
            peer.settle();
            let acks = peer.settings_acks();
            peer.check(acks == 2, "they are acknowledged");
        },
    },
    Case {
        id: "http2/6.5.3/1",
        rfc: "RFC 9113 §6.5.3",
        about: "two values of one parameter count in their order",
        expect: Expect::Data(1, &[1]),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 100), (wire::INITIAL_WINDOW_SIZE, 1)]);
            peer.settle();
            let acks = peer.settings_acks();
            peer.check(acks == 2, "they are acknowledged");
            peer.get(1);
        },
    },
    Case {
        id: "http2/6.5.3/2",
        rfc: "RFC 9113 §6.5.3",
        about: "SETTINGS are acknowledged at once",
        expect: Expect::SettingsAcks(2),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::ENABLE_PUSH, 0)]);
        },
    },
];
