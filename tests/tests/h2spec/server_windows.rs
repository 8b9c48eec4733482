//! Flow control as a server must do it, beyond what h2spec checks.

use crate::case::{Case, Expect, FLOW_CONTROL, PROTOCOL};
use crate::script::Script;
use crate::wire::{self, END, NONE, PADDED};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "server/5.1/6",
        rfc: "RFC 9113 §5.1",
        about: "DATA behind our RST_STREAM counts for the connection's window and is given back",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.headers(1, NONE, &wire::block_with(&wire::POST, "connection", "close"));
            for _ in 0..160 {
                peer.data(1, NONE, &[0; 16_384]);
            }
            peer.settle();
            let given = updates(peer, 0) - RAISED;
            peer.check(given > 2_000_000, "the connection's window is open");
        },
    },
    Case {
        id: "server/5.1/7",
        rfc: "RFC 9113 §5.1",
        about: "the same where the stream had been opened",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.headers(1, NONE, &wire::block_with(&wire::POST, "content-length", "4"));
            for _ in 0..160 {
                peer.data(1, NONE, &[0; 16_384]);
            }
            peer.settle();
            let given = updates(peer, 0) - RAISED;
            peer.check(given > 2_000_000, "the connection's window is open");
        },
    },
    Case {
        id: "server/6.1/1",
        rfc: "RFC 9113 §6.1",
        about: "padding counts in flow control",
        expect: Expect::StreamError(1, FLOW_CONTROL),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            for _ in 0..600 {
                peer.data(1, PADDED, &wire::padded(b"x", 255));
            }
            peer.settle();
            peer.hold_reading();
            let left = window(peer) + updates(peer, 1) as usize - 257 * 600;
            fill(peer, 1, left - 1);
            // One byte is left; the frame has none of content and two of padding.
            peer.data(1, PADDED, &[1, 0]);
            peer.settle();
            peer.wake();
        },
    },
    Case {
        id: "server/6.1/2",
        rfc: "RFC 9113 §6.9.1",
        about: "padding is given back as content is",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            for _ in 0..2100 {
                peer.data(1, PADDED, &wire::padded(b"x", 255));
                peer.settle();
            }
            peer.data(1, END, b"");
            peer.check_body(1, &[b'x'; 2100]);
            let given: u32 = updates(peer, 1);
            // More than the window was sent, and less than half of it is not given back yet.
            peer.check(given > 257 * 2100 - 131_072, "the window is open");
        },
    },
    Case {
        id: "server/6.9/1",
        rfc: "RFC 9113 §6.9",
        about: "a client sends more than a stream's window",
        expect: Expect::StreamError(1, FLOW_CONTROL),
        send: |peer| {
            peer.handshake();
            peer.hold_reading();
            peer.post(1);
            fill(peer, 1, window(peer) - 1);
            peer.data(1, NONE, &[0; 2]);
            peer.settle();
            peer.wake();
        },
    },
    Case {
        id: "server/6.9/2",
        rfc: "RFC 9113 §6.9",
        about: "a client sends more than the connection's window",
        expect: Expect::ConnectionError(FLOW_CONTROL),
        send: |peer| {
            peer.handshake();
            peer.hold_reading();
            let opened = peer
                .of_kind(wire::WINDOW_UPDATE)
                .map(|frame| frame.word(0))
                .sum::<u32>();
            let streams = (65_535 + opened as usize) / window(peer);
            for id in (1..).step_by(2).take(streams + 1) {
                peer.post(id);
                fill(peer, id, window(peer));
            }
        },
    },
    Case {
        id: "server/6.9/3",
        rfc: "RFC 9113 §6.9.1",
        about: "what the application takes opens the stream's window again",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            for _ in 0..64 {
                peer.data(1, NONE, &[0; 16_384]);
                peer.settle();
            }
            peer.data(1, END, b"");
        },
    },
    Case {
        id: "server/6.9/4",
        rfc: "RFC 9113 §6.9",
        about: "the reserved bit of an increment is ignored",
        expect: Expect::Data(1, &[1]),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 0)]);
            peer.get(1);
            peer.window_update(1, 0x8000_0001);
        },
    },
    Case {
        id: "server/6.9/5",
        rfc: "RFC 9113 §6.9",
        about: "an increment of 0 with the reserved bit",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.window_update(1, 0x8000_0000);
        },
    },
    Case {
        id: "server/6.9.2/1",
        rfc: "RFC 9113 §6.9.2",
        about: "INITIAL_WINDOW_SIZE raises the window of an open stream above 2^31-1",
        expect: Expect::ConnectionError(FLOW_CONTROL),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.window_update(1, wire::MAX_WINDOW - 65_535);
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 65_536)]);
        },
    },
    Case {
        id: "server/8.1/4",
        rfc: "RFC 9113 §6.9",
        about: "the body of malformed requests is given back to the connection's window",
        expect: Expect::PongsOrEnd(&[]),
        send: |peer| {
            peer.handshake();
            for n in 0..160 {
                peer.headers(2 * n + 1, NONE, &wire::block_with(&wire::POST, "content-length", "4"));
                peer.data(2 * n + 1, NONE, &[0; 16_384]);
                peer.settle();
            }
            let given = updates(peer, 0) - RAISED;
            peer.check(given > 2_000_000, "the connection's window is open");
        },
    },
];

/// What the connection's window is raised by at the beginning: from 65,535 to 4 MiB.
const RAISED: u32 = 4_194_304 - 65_535;

/// What WINDOW_UPDATE has added on a stream, or on the connection.
fn updates(peer: &Script, id: u32) -> u32 {
    let updates = peer.of_stream(id).filter(|frame| frame.kind == wire::WINDOW_UPDATE);
    updates.map(|frame| frame.word(0)).sum()
}

/// The announced window of a stream.
fn window(peer: &Script) -> usize {
    peer.announced(wire::INITIAL_WINDOW_SIZE).unwrap_or(65_535) as usize
}

/// Sends `len` bytes of body.
fn fill(peer: &mut Script, id: u32, len: usize) {
    for _ in 0..len / 16_384 {
        peer.data(id, NONE, &[0; 16_384]);
    }
    peer.data(id, NONE, &vec![0; len % 16_384]);
}
