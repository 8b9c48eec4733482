//! Requirements on servers that h2spec does not check.

use kitewire_proto::http2::{ErrorCode, Initiator, Outcome};

use crate::case::{COMPRESSION, Case, Expect, FRAME_SIZE, PROTOCOL, STREAM_CLOSED};
use crate::script::Script;
use crate::wire::{self, END, NONE, PADDED, WITH_PRIORITY, block};

pub(crate) const CASES: &[Case] = &[
    Case {
        id: "server/3.4/1",
        rfc: "RFC 9113 §3.4",
        about: "the first frame is not SETTINGS",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.raw(wire::PREFACE);
            peer.get(1);
        },
    },
    Case {
        id: "server/3.4/2",
        rfc: "RFC 9113 §3.4",
        about: "the first frame acknowledges SETTINGS",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.raw(wire::PREFACE);
            peer.frame(wire::SETTINGS, wire::ACK, 0, &[]);
        },
    },
    Case {
        id: "server/3.4/3",
        rfc: "RFC 9113 §3.4",
        about: "requests do not wait for the server's SETTINGS",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.raw(wire::PREFACE);
            peer.settings(&[]);
            peer.get(1);
        },
    },
    Case {
        id: "server/4.2/1",
        rfc: "RFC 9113 §4.2",
        about: "HEADERS too short for its priority",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.headers(1, END | WITH_PRIORITY, &[0; 4]);
        },
    },
    Case {
        id: "server/4.2/2",
        rfc: "RFC 9113 §4.2",
        about: "padded DATA too short for its pad length",
        expect: Expect::Error(1, FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.data(1, END | PADDED, &[]);
        },
    },
    Case {
        id: "server/4.2/3",
        rfc: "RFC 9113 §4.2",
        about: "GOAWAY of less than 8 bytes",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::GOAWAY, NONE, 0, &[0; 7]);
        },
    },
    Case {
        id: "server/4.3.1/1",
        rfc: "RFC 9113 §4.3.1",
        about: "a smaller HEADER_TABLE_SIZE is declared at the start of the next block",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::HEADER_TABLE_SIZE, 0)]);
            peer.settings(&[(wire::HEADER_TABLE_SIZE, 100)]);
            peer.get(1);
            peer.settle();
            let head = peer.of_stream(1).next().map(|frame| frame.payload.clone());
            // The smallest size and the last one (RFC 7541 §4.2): 0, then 31 and 69 more.
            let declared = head.is_some_and(|block| block.starts_with(&[0x20, 0x3f, 69]));
            peer.check(declared, "the block begins with both sizes");
        },
    },
    Case {
        id: "server/5.1/1",
        rfc: "RFC 9113 §5.1",
        about: "closed: WINDOW_UPDATE, RST_STREAM and PRIORITY after both sides have ended the stream",
        expect: Expect::Pongs(&[[0; 8]]),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.settle();
            peer.window_update(1, 1);
            peer.priority(1, 0, 255);
            peer.rst_stream(1, 0x8);
            peer.ping(&[0; 8]);
        },
    },
    Case {
        id: "server/5.1/2",
        rfc: "RFC 9113 §5.1",
        about: "closed: whatever comes after our RST_STREAM is dropped",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.headers(1, NONE, &wire::block_with(&wire::POST, "connection", "close"));
            peer.data(1, NONE, b"test");
            peer.window_update(1, 1);
            peer.headers(1, END, &block(&[("x-test", "ok")]));
            peer.rst_stream(1, 0x8);
        },
    },
    Case {
        id: "server/5.1/3",
        rfc: "RFC 9113 §4.3",
        about: "fields of a request that is refused enter the table",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            let incremental = [&[0x40][..], b"\x06x-test", b"\x06h2spec"].concat();
            let malformed = wire::block_with(&wire::GET, "connection", "close");
            peer.headers(1, END, &[malformed, incremental].concat());
            peer.headers(3, END, &[&block(&wire::GET)[..], &[0x80 | 62]].concat());
            peer.check_field(3, "x-test", "h2spec");
        },
    },
    Case {
        id: "server/5.1/4",
        rfc: "RFC 9113 §6.4",
        about: "nothing is sent on a stream that the peer has reset",
        expect: Expect::Accepted,
        send: |peer| {
            peer.handshake();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 3)]);
            peer.get(1);
            peer.settle();
            peer.rst_stream(1, 0x8);
            peer.settle();
            let sent = peer.of_stream(1).count();
            peer.settings(&[(wire::INITIAL_WINDOW_SIZE, 65_535)]);
            peer.settle();
            let quiet = peer.of_stream(1).count() == sent;
            peer.check(quiet, "the rest of the answer is dropped");
        },
    },
    Case {
        id: "server/5.1/5",
        rfc: "RFC 9113 §6.1",
        about: "half-closed (remote): empty DATA",
        expect: Expect::StreamError(1, STREAM_CLOSED),
        send: |peer| {
            peer.handshake();
            peer.hold_answers();
            peer.get(1);
            peer.data(1, NONE, b"");
        },
    },
    Case {
        id: "server/5.1.1/1",
        rfc: "RFC 9113 §5.1.1",
        about: "HEADERS on a stream of the server",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.get(2);
        },
    },
    Case {
        id: "server/6.2/1",
        rfc: "RFC 9113 §6.2",
        about: "padding that reaches into the priority of HEADERS",
        expect: Expect::ConnectionError(&[ErrorCode::PROTOCOL_ERROR, ErrorCode::FRAME_SIZE_ERROR]),
        send: |peer| {
            peer.handshake();
            peer.headers(1, END | PADDED | WITH_PRIORITY, &[2, 0, 0, 0, 0, 0, 0]);
        },
    },
    Case {
        id: "server/6.3/1",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY of other than 5 bytes on a stream that is closed",
        // No RST_STREAM on a closed stream (§5.1), yet the code is to be sent (§4.2).
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.get(1);
            peer.settle();
            peer.frame(wire::PRIORITY, NONE, 1, &[0; 4]);
        },
    },
    Case {
        id: "server/6.3/2",
        rfc: "RFC 9113 §6.3",
        about: "PRIORITY of other than 5 bytes on an idle stream",
        expect: Expect::ConnectionError(FRAME_SIZE),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::PRIORITY, NONE, 1, &[0; 4]);
        },
    },
    Case {
        id: "server/6.4/1",
        rfc: "RFC 9113 §6.4",
        about: "RST_STREAM ends a request whose body has not ended",
        expect: Expect::Accepted,
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.data(1, NONE, b"test");
            peer.rst_stream(1, 0x8);
            let (code, by) = (ErrorCode::CANCEL, Initiator::Peer);
            peer.check_outcome(1, &Outcome::Reset { code, by });
        },
    },
    Case {
        id: "server/6.10/1",
        rfc: "RFC 9113 §6.10",
        about: "empty fragments",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::HEADERS, END, 1, b"");
            peer.continuation(1, NONE, b"");
            peer.continuation(1, wire::END_HEADERS, &block(&wire::GET));
        },
    },
    Case {
        id: "server/6.10/2",
        rfc: "RFC 9113 §6.10",
        about: "CONTINUATION of another stream",
        expect: Expect::ConnectionError(PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.frame(wire::HEADERS, END, 1, &block(&wire::GET));
            peer.continuation(3, wire::END_HEADERS, b"");
        },
    },
    Case {
        id: "server/7541-5.1/1",
        rfc: "RFC 7541 §5.1",
        about: "an integer that does not end",
        expect: Expect::ConnectionError(COMPRESSION),
        send: |peer| {
            peer.handshake();
            peer.headers(1, END, &[&[0xff], &[0xff; 16][..], &[0x7f]].concat());
        },
    },
    Case {
        id: "server/8.1/1",
        rfc: "RFC 9113 §8.1.1",
        about: "content-length without a body",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, "content-length", "4"),
    },
    Case {
        id: "server/8.1/2",
        rfc: "RFC 9113 §8.1.1",
        about: "content-length and trailers instead of a body",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.headers(1, NONE, &wire::block_with(&wire::POST, "content-length", "4"));
            peer.headers(1, END, &block(&[("x-test", "ok")]));
        },
    },
    Case {
        id: "server/8.1/3",
        rfc: "RFC 9113 §8.1.1",
        about: "padding is no part of content-length",
        expect: Expect::Answer(1),
        send: |peer| {
            peer.handshake();
            peer.headers(1, NONE, &wire::block_with(&wire::POST, "content-length", "4"));
            peer.data(1, END | PADDED, &wire::padded(b"test", 9));
        },
    },
    Case {
        id: "server/8.2.1/1",
        rfc: "RFC 9113 §8.2.1",
        about: "a field value with CR and LF",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, "x-test", "a\r\nb: c"),
    },
    Case {
        id: "server/8.2.1/2",
        rfc: "RFC 9113 §8.2.1",
        about: "a pseudo-header field with a forbidden character",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            let mut fields = wire::GET;
            fields[2].1 = "/\0";
            peer.headers(1, END, &block(&fields));
        },
    },
    Case {
        id: "server/8.2.2/1",
        rfc: "RFC 9113 §8.2.2",
        about: "te: trailers",
        expect: Expect::Answer(1),
        send: |peer| get_with(peer, "te", "trailers"),
    },
    Case {
        id: "server/8.2.2/2",
        rfc: "RFC 9113 §8.2.2",
        about: "a connection-specific field in trailers",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            peer.post(1);
            peer.headers(1, END, &block(&[("transfer-encoding", "chunked")]));
        },
    },
    Case {
        id: "server/8.3.1/1",
        rfc: "RFC 9113 §8.3.1",
        about: "host that differs from :authority",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, "host", "elsewhere"),
    },
    Case {
        id: "server/8.3.1/2",
        rfc: "RFC 9113 §8.3",
        about: ":authority twice",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| get_with(peer, ":authority", "127.0.0.1"),
    },
    Case {
        id: "server/8.5/1",
        rfc: "RFC 9113 §8.5",
        about: "CONNECT with :scheme and :path",
        expect: Expect::StreamError(1, PROTOCOL),
        send: |peer| {
            peer.handshake();
            let mut fields = wire::GET;
            fields[0].1 = "CONNECT";
            peer.headers(1, END, &block(&fields));
        },
    },
];

/// A request with one more field.
fn get_with(peer: &mut Script, name: &str, value: &str) {
    peer.handshake();
    peer.headers(1, END, &wire::block_with(&wire::GET, name, value));
}
