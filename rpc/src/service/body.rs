//! How message bodies are encoded and decoded.

use bytes::Bytes;
use kitewire_proto::thrift;
use kitewire_proto::wire::Codec;
use kitewire_proto::{DecodeError, EncodeBody, Output};

/// A message body: an argument or result struct of a method.
///
/// Every Thrift struct is one, and so is [`Protobuf`] around a message of prost's. [`RawBody`] leaves the bytes as they
/// are.
pub trait Body: EncodeBody + Sized {
    /// How it is encoded.
    const CODEC: Codec;

    /// Decodes a whole body. Structs nested deeper than `max_depth` are refused.
    ///
    /// # Errors
    /// A [`DecodeError`] that says what was wrong, where, and in which field.
    fn decode_body(body: &Bytes, max_depth: u16) -> Result<Self, DecodeError>;
}

impl<T: thrift::Struct> Body for T {
    const CODEC: Codec = Codec::Thrift;

    fn decode_body(body: &Bytes, max_depth: u16) -> Result<Self, DecodeError> {
        thrift::decode(body, max_depth)
    }
}

/// A body that stays as it is: for handlers and calls that pass on what they do not know.
///
/// For Thrift these are the bytes of the whole argument or result struct of the method, field headers included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawBody(pub Bytes);

impl EncodeBody for RawBody {
    fn encode_body(&self, out: &mut Output) {
        out.put_shared(&self.0);
    }
}

impl Body for RawBody {
    /// Nominal: raw bytes take the codec of the method they are for.
    const CODEC: Codec = Codec::Thrift;

    fn decode_body(body: &Bytes, _max_depth: u16) -> Result<Self, DecodeError> {
        Ok(Self(body.clone()))
    }
}

#[cfg(feature = "protobuf")]
pub use protobuf::Protobuf;

#[cfg(feature = "protobuf")]
mod protobuf {
    use bytes::Bytes;
    use kitewire_proto::buf::SHARE_FROM;
    use kitewire_proto::wire::Codec;
    use kitewire_proto::{DecodeError, DecodeErrorKind, EncodeBody, EncodeError, Output};

    use super::Body;

    /// A Protobuf message of prost's as a body.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Protobuf<M>(
        /// The message.
        pub M,
    );

    impl<M: prost::Message> EncodeBody for Protobuf<M> {
        fn encode_body(&self, out: &mut Output) {
            if self.0.encode(out.arena()).is_err() {
                out.fail(EncodeError::LengthOverflow(self.0.encoded_len()));
            }
        }
    }

    impl<M: prost::Message + Default> Body for Protobuf<M> {
        const CODEC: Codec = Codec::Protobuf;

        fn decode_body(body: &Bytes, _max_depth: u16) -> Result<Self, DecodeError> {
            // `bytes` fields of a large message share the block that was read; a small message does not pin it.
            let decoded = if body.len() < SHARE_FROM {
                M::decode(&body[..])
            } else {
                M::decode(body.clone())
            };
            decoded
                .map(Self)
                .map_err(|_| DecodeError::new(DecodeErrorKind::InvalidMessage, 0))
        }
    }
}
