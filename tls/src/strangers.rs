//! Those who do not speak TLS, told by their first bytes.

use kitewire_proto::wire::Protocol;
use kitewire_proto::wire::detect::{Detection, Sniffed, detect, sniff};

/// Whether `first` begins a record of a handshake or an alert, of any version.
pub(crate) const fn begins_like_tls(first: &[u8]) -> bool {
    matches!(first, [21 | 22, 3, ..])
}

/// What begins with `first`, be it a client or a server.
pub(crate) fn name(first: &[u8]) -> Option<&'static str> {
    match first {
        [b'H', b'T', b'T', b'P', b'/', b'1', ..] => return Some("plain HTTP/1"),
        // SETTINGS, of which a server may have many, on stream 0.
        [0, 0, _, 4, 0, 0, 0, 0] => return Some("plain HTTP/2"),
        _ => {}
    }
    let Detection::Protocol(protocol) = detect(first) else {
        return None;
    };
    match protocol {
        Protocol::Http1 => Some("plain HTTP/1"),
        Protocol::Http2 => Some("plain HTTP/2"),
        Protocol::TtHeaderStreaming => Some("plain TTHeader streaming"),
        Protocol::PingPong => match sniff(first) {
            Sniffed::TtHeader => Some("plain TTHeader"),
            Sniffed::Mesh => Some("a plain mesh header"),
            Sniffed::BareThrift => Some("plain Thrift"),
            Sniffed::FramedThrift => Some("plain framed Thrift"),
            Sniffed::FramedProtobuf => Some("plain framed Protobuf"),
            Sniffed::NeedMore | Sniffed::Unknown { .. } => None,
        },
    }
}
