//! Which protocol the first bytes speak.
//!
//! A connection is looked at once ([`detect`]), each message of a ping-pong connection again ([`sniff`]), so that one
//! connection may mix TTHeader, framed and bare messages. All decisions need eight bytes, the fewest that any message
//! has.

use super::Protocol;
use crate::error::{DecodeError, DecodeErrorKind};

/// Bytes that every decision needs.
pub const PREFIX: usize = 8;

/// The answer of [`detect`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detection {
    /// Fewer than [`PREFIX`] bytes.
    NeedMore,
    /// What the connection speaks, for its whole life.
    Protocol(Protocol),
}

/// The answer of [`sniff`] and [`sniff_payload`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sniffed {
    /// Fewer than [`PREFIX`] bytes.
    NeedMore,
    /// A TTHeader ([`ttheader`](super::ttheader)).
    TtHeader,
    /// A mesh header ([`mesh`](super::mesh)).
    Mesh,
    /// A Thrift message without a length of its own.
    BareThrift,
    /// A four-byte length and a Thrift message.
    FramedThrift,
    /// A four-byte length and a KitexProtobuf message.
    FramedProtobuf,
    /// None of these: HTTP, TLS, Thrift compact, old Thrift without a version word, anything else.
    Unknown {
        /// Bytes 0 to 3, big-endian.
        first: u32,
        /// Bytes 4 to 7, big-endian.
        second: u32,
    },
}

impl Sniffed {
    /// The error that an unknown prefix is.
    #[must_use]
    pub fn error(self) -> Option<DecodeError> {
        match self {
            Self::Unknown { first, second } => {
                Some(DecodeError::new(DecodeErrorKind::UnknownProtocol { first, second }, 0))
            }
            Self::NeedMore
            | Self::TtHeader
            | Self::Mesh
            | Self::BareThrift
            | Self::FramedThrift
            | Self::FramedProtobuf => None,
        }
    }
}

/// What a new connection speaks. Everything that is neither HTTP nor TTHeader streaming is left to the ping-pong
/// engine, which refuses what it does not know.
#[must_use]
pub const fn detect(prefix: &[u8]) -> Detection {
    let Some(head) = prefix.first_chunk::<PREFIX>() else {
        return Detection::NeedMore;
    };
    Detection::Protocol(match head {
        b"PRI * HT" => Protocol::Http2,
        [_, _, _, _, 0x10, 0x00, _, flags] if *flags & 0x02 != 0 => Protocol::TtHeaderStreaming,
        // A length of four letters is above one gigabyte, but whoever allows that much shall have it.
        _ if matches!(sniff(head), Sniffed::Unknown { .. }) && begins_request(head) => Protocol::Http1,
        _ => Protocol::PingPong,
    })
}

/// Whether these can be the first bytes of an HTTP/1 request: a method in upper case, as far as it goes, and behind it
/// one space and the first byte of a request target.
const fn begins_request(head: &[u8; PREFIX]) -> bool {
    let mut rest: &[u8] = head;
    while let [b'A'..=b'Z' | b'-', after @ ..] = rest {
        rest = after;
    }
    let [first, ..] = head;
    first.is_ascii_uppercase() && matches!(rest, [] | [b' '] | [b' ', b'!'..=b'~', ..])
}

/// How the next message of a ping-pong connection is framed.
#[must_use]
#[inline]
pub const fn sniff(prefix: &[u8]) -> Sniffed {
    match prefix.first_chunk::<PREFIX>() {
        Some([_, _, _, _, 0x10, 0x00, _, _]) => Sniffed::TtHeader,
        Some([0xff, 0xaf, _, _, _, _, _, _]) => Sniffed::Mesh,
        _ => sniff_payload(prefix),
    }
}

/// How the message behind a TTHeader or mesh header is framed. Headers do not nest: a second one is
/// [`Sniffed::Unknown`].
#[must_use]
#[inline]
pub const fn sniff_payload(prefix: &[u8]) -> Sniffed {
    match prefix.first_chunk::<PREFIX>() {
        None => Sniffed::NeedMore,
        Some([0x80, 0x01, _, _, _, _, _, _]) => Sniffed::BareThrift,
        Some([_, _, _, _, 0x80, 0x01, _, _]) => Sniffed::FramedThrift,
        Some([_, _, _, _, 0x90, 0x01, _, _]) => Sniffed::FramedProtobuf,
        Some([a, b, c, d, e, f, g, h]) => Sniffed::Unknown {
            first: u32::from_be_bytes([*a, *b, *c, *d]),
            second: u32::from_be_bytes([*e, *f, *g, *h]),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    #[test]
    fn a_connection_is_known_by_eight_bytes() {
        let rows = [
            ("50 52 49 20 2a 20 48 54", Protocol::Http2),
            ("00 00 00 2c 10 00 00 02", Protocol::TtHeaderStreaming),
            ("00 00 00 2c 10 00 ff ff", Protocol::TtHeaderStreaming),
            ("00 00 00 2c 10 00 00 01", Protocol::PingPong),
            ("00 00 00 2c 10 00 02 00", Protocol::PingPong),
            ("80 01 00 01 00 00 00 04", Protocol::PingPong),
            // PRI * HU, GET / HT, POST /a., PUT http, A /bcdef, OPTIONS and a space, PROPFIND, M-SEARCH.
            ("50 52 49 20 2a 20 48 55", Protocol::Http1),
            ("47 45 54 20 2f 20 48 54", Protocol::Http1),
            ("50 4f 53 54 20 2f 61 2e", Protocol::Http1),
            ("50 55 54 20 68 74 74 70", Protocol::Http1),
            ("41 20 2f 62 63 64 65 66", Protocol::Http1),
            ("4f 50 54 49 4f 4e 53 20", Protocol::Http1),
            ("50 52 4f 50 46 49 4e 44", Protocol::Http1),
            ("4d 2d 53 45 41 52 43 48", Protocol::Http1),
            // Lower case, no space, no target, two spaces, a dash in front, a digit; TLS.
            ("67 65 74 20 2f 20 48 54", Protocol::PingPong),
            ("47 45 54 2f 2f 20 48 54", Protocol::PingPong),
            ("47 45 54 20 0d 0a 0d 0a", Protocol::PingPong),
            ("47 45 54 20 20 2f 20 48", Protocol::PingPong),
            ("2d 47 45 54 20 2f 20 48", Protocol::PingPong),
            ("47 45 54 32 20 2f 20 48", Protocol::PingPong),
            ("20 2f 20 48 54 54 50 2f", Protocol::PingPong),
            ("16 03 01 02 00 01 00 01", Protocol::PingPong),
            // Framed messages and a TTHeader of a length that reads "GET " or "AB /".
            ("47 45 54 20 80 01 00 01", Protocol::PingPong),
            ("41 42 20 2f 80 01 00 01", Protocol::PingPong),
            ("41 42 20 2f 90 01 00 01", Protocol::PingPong),
            ("41 42 20 2f 10 00 00 00", Protocol::PingPong),
        ];
        for (bytes, expected) in rows {
            let bytes = hex(bytes);
            assert_eq!(detect(&bytes), Detection::Protocol(expected), "{bytes:?}");
            for cut in 0..bytes.len() {
                assert_eq!(detect(&bytes[..cut]), Detection::NeedMore);
            }
        }
    }

    #[test]
    fn a_message_is_known_by_eight_bytes() {
        let unknown = |first, second| Sniffed::Unknown { first, second };
        let rows = [
            ("00 00 00 2c 10 00 00 00", Sniffed::TtHeader, unknown(0x2c, 0x1000_0000)),
            ("80 01 00 01 10 00 00 00", Sniffed::TtHeader, Sniffed::BareThrift),
            ("ff af 00 14 00 01 00 03", Sniffed::Mesh, unknown(0xffaf_0014, 0x1_0003)),
            ("80 01 00 01 00 00 00 04", Sniffed::BareThrift, Sniffed::BareThrift),
            ("00 00 00 1e 80 01 00 01", Sniffed::FramedThrift, Sniffed::FramedThrift),
            (
                "00 00 00 16 90 01 00 01",
                Sniffed::FramedProtobuf,
                Sniffed::FramedProtobuf,
            ),
            (
                "47 45 54 20 2f 20 48 54",
                unknown(0x4745_5420, 0x2f20_4854),
                unknown(0x4745_5420, 0x2f20_4854),
            ),
            ("00 00 00 00 00 00 00 00", unknown(0, 0), unknown(0, 0)),
        ];
        for (bytes, message, payload) in rows {
            let bytes = hex(bytes);
            assert_eq!(sniff(&bytes), message, "{bytes:?}");
            assert_eq!(sniff_payload(&bytes), payload, "{bytes:?}");
            for cut in 0..bytes.len() {
                assert_eq!(sniff(&bytes[..cut]), Sniffed::NeedMore);
                assert_eq!(sniff_payload(&bytes[..cut]), Sniffed::NeedMore);
            }
        }
    }

    #[test]
    fn an_unknown_prefix_has_kitex_text() {
        let error = sniff(b"GET / HTTP/1.1").error().unwrap();
        assert_eq!(
            error.to_string(),
            "invalid payload (first4Bytes=0x47455420, second4Bytes=0x2f204854) at offset 0"
        );
        assert_eq!(sniff(b"").error(), None);
    }
}
