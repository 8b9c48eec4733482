//! SETTINGS and GOAWAY as a client must take them.

use kitewire_proto::http2::{Finish, Outcome};

use crate::case::{Case, Expect, FLOW_CONTROL, FRAME_SIZE, PROTOCOL};
use crate::script::BODY;
use crate::wire::{self, MAX_WINDOW, NONE};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "client/6.5/1",
        rfc: "RFC 9113 §6.5",
        about: "an acknowledgement with a payload",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::SETTINGS, wire::ACK, 0, &[0]);
        },
    },
    Case {
        id: "client/6.5/2",
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
        id: "client/6.5/3",
        rfc: "RFC 9113 §6.5",
        about: "SETTINGS whose length is no multiple of 6",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::SETTINGS, NONE, 0, &[0, 3, 0]);
        },
    },
    Case {
        id: "client/6.5.2/1",
        rfc: "RFC 9113 §6.5.2",
        about: "a server announces ENABLE_PUSH 1",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::ENABLE_PUSH, 1)]);
        },
    },
    Case {
        id: "client/6.5.2/2",
        rfc: "RFC 9113 §6.5.2",
        about: "ENABLE_PUSH other than 0 or 1",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::ENABLE_PUSH, 2)]);
        },
    },
    Case {
        id: "client/6.5.2/3",
        rfc: "RFC 9113 §6.5.2",
        about: "INITIAL_WINDOW_SIZE above 2^31-1",
        expect: Expect::ConnectionError(FLOW_CONTROL),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, MAX_WINDOW + 1)]);
        },
    },
    Case {
        id: "client/6.5.2/4",
        rfc: "RFC 9113 §6.5.2",
        about: "MAX_FRAME_SIZE below 2^14",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::MAX_FRAME_SIZE, 16_383)]);
        },
    },
    Case {
        id: "client/6.5.2/5",
        rfc: "RFC 9113 §6.5.2",
        about: "MAX_FRAME_SIZE above 2^24-1",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::MAX_FRAME_SIZE, 16_777_216)]);
        },
    },
    Case {
        id: "client/6.5.2/6",
        rfc: "RFC 9113 §6.5.2",
        about: "legal values and an unknown parameter",
        expect: Expect::SettingsAcks(2),
        send: |peer| {
            peer.handshake();
            peer.settings(&[
                (wire::HEADER_TABLE_SIZE, 0),
                (wire::ENABLE_PUSH, 0),
                (wire::MAX_FRAME_SIZE, 16_777_215),
                (wire::MAX_HEADER_LIST_SIZE, 1000),
                (0xff, 1),
            ]);
        },
    },
    Case {
        id: "client/6.5.2/7",
        rfc: "RFC 9113 §5.1.2",
        about: "MAX_CONCURRENT_STREAMS is not exceeded",
        expect: Expect::Accepted,
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::MAX_CONCURRENT_STREAMS, 1)]);
            peer.settle();
            let id = peer.open("GET", Finish::Now);
            peer.check_no_stream_is_free();
            peer.respond(id);
            peer.settle();
        },
    },
    Case {
        id: "client/6.8/1",
        rfc: "RFC 9113 §6.8",
        about: "GOAWAY on a stream",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::GOAWAY, NONE, 1, &[0; 8]);
        },
    },
    Case {
        id: "client/6.8/2",
        rfc: "RFC 9113 §4.2",
        about: "GOAWAY of less than 8 bytes",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::GOAWAY, NONE, 0, &[0; 7]);
        },
    },
    Case {
        id: "client/6.8/3",
        rfc: "RFC 9113 §6.8",
        about: "streams above the last one of GOAWAY were not processed, those below go on",
        expect: Expect::PongsOrEnd(&[]),
        send: |peer| {
            let first = peer.ask("GET", Finish::Now);
            let second = peer.open("GET", Finish::Now);
            peer.goaway(first, 0, b"h2spec");
            peer.respond(first);
            peer.check_outcome(second, &Outcome::Refused);
            peer.check_body(first, BODY);
            peer.check_outcome(first, &Outcome::Complete);
        },
    },
    Case {
        id: "client/6.8/4",
        rfc: "RFC 9113 §7",
        about: "GOAWAY with an unknown code",
        expect: Expect::PongsOrEnd(&[*b"h2spec\0\0"]),
        send: |peer| {
            peer.handshake();
            peer.goaway(0, 0xff, b"");
            peer.ping(b"h2spec\0\0");
        },
    },
];
