//! `content-type`: whether it is gRPC, and what its messages are.

use std::borrow::Cow;

use crate::wire::Codec;

const BASE: &str = "application/grpc";
const THRIFT: &str = "application/grpc+thrift";
const PROTOBUF: &str = "application/grpc+proto";

/// A content type of gRPC: `application/grpc`, alone or followed by `+` or `;` and a sub-type, in exactly these
/// letters.
///
/// ```
/// use kitewire_proto::wire::Codec;
/// use kitewire_proto::wire::grpc::ContentType;
///
/// let thrift = ContentType::parse(b"application/grpc+thrift").unwrap();
/// assert_eq!(thrift.codec(), Codec::Thrift);
/// assert_eq!(ContentType::parse(b"application/json"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContentType<'a> {
    subtype: &'a [u8],
}

impl<'a> ContentType<'a> {
    /// The field's name.
    pub const NAME: &'static str = "content-type";

    /// Reads a value. `None`: not gRPC.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        match value.strip_prefix(BASE.as_bytes())? {
            [] => Some(Self { subtype: &[] }),
            [b'+' | b';', subtype @ ..] => Some(Self { subtype }),
            _ => None,
        }
    }

    /// The value in a client's requests. Protobuf is not named.
    #[must_use]
    pub const fn of_request(codec: Codec) -> &'static str {
        match codec {
            Codec::Thrift => THRIFT,
            Codec::Protobuf => BASE,
        }
    }

    /// What is behind the `+` or `;`, all of it; may be empty.
    #[must_use]
    pub const fn subtype(&self) -> &'a [u8] {
        self.subtype
    }

    /// What the messages are: the sub-type `thrift` is Thrift, every other one is Protobuf.
    #[must_use]
    pub fn codec(&self) -> Codec {
        match self.subtype {
            b"thrift" => Codec::Thrift,
            _ => Codec::Protobuf,
        }
    }

    /// The value in the response to a request with this one: the sub-type comes back behind a `+`.
    #[must_use]
    pub fn of_response(&self) -> Cow<'static, [u8]> {
        match self.subtype {
            b"" => Cow::Borrowed(BASE.as_bytes()),
            b"thrift" => Cow::Borrowed(THRIFT.as_bytes()),
            b"proto" => Cow::Borrowed(PROTOBUF.as_bytes()),
            other => Cow::Owned([BASE.as_bytes(), b"+", other].concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_of_grpc() {
        let rows = [
            ("application/grpc", "", Codec::Protobuf, "application/grpc"),
            ("application/grpc+", "", Codec::Protobuf, "application/grpc"),
            ("application/grpc;", "", Codec::Protobuf, "application/grpc"),
            (
                "application/grpc+proto",
                "proto",
                Codec::Protobuf,
                "application/grpc+proto",
            ),
            (
                "application/grpc+thrift",
                "thrift",
                Codec::Thrift,
                "application/grpc+thrift",
            ),
            (
                "application/grpc;thrift",
                "thrift",
                Codec::Thrift,
                "application/grpc+thrift",
            ),
            (
                "application/grpc+Thrift",
                "Thrift",
                Codec::Protobuf,
                "application/grpc+Thrift",
            ),
            (
                "application/grpc+json",
                "json",
                Codec::Protobuf,
                "application/grpc+json",
            ),
            (
                "application/grpc+thrift;v=1",
                "thrift;v=1",
                Codec::Protobuf,
                "application/grpc+thrift;v=1",
            ),
        ];
        for (value, subtype, codec, response) in rows {
            let content_type = ContentType::parse(value.as_bytes()).unwrap();
            assert_eq!(content_type.subtype(), subtype.as_bytes(), "{value}");
            assert_eq!(content_type.codec(), codec, "{value}");
            assert_eq!(content_type.of_response(), response.as_bytes(), "{value}");
        }
        for codec in [Codec::Thrift, Codec::Protobuf] {
            let value = ContentType::of_request(codec);
            assert_eq!(ContentType::parse(value.as_bytes()).unwrap().codec(), codec);
        }
    }

    #[test]
    fn others_are_not_grpc() {
        for value in [
            "",
            "application/grp",
            "application/grpc-web",
            "application/grpcx",
            "application/grpc +proto",
            "Application/grpc",
            " application/grpc",
            "text/plain",
        ] {
            assert_eq!(ContentType::parse(value.as_bytes()), None, "{value}");
        }
    }
}
