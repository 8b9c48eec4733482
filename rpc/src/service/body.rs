//! How message bodies are encoded and decoded.

use std::fmt;

use bytes::Bytes;
use kitewire_proto::buf::SHARE_FROM;
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
    fn decode_body(body: Received<'_>, max_depth: u16) -> Result<Self, DecodeError>;
}

/// A message of a stream as generated code names it. The values that handlers and callers see are the struct itself for
/// Thrift, the message inside for [`Protobuf`], and the bytes for [`RawBody`].
pub trait Message: Body + Send + 'static {
    /// What handlers and callers see.
    type Value: Send + 'static;

    /// The value of a decoded message.
    fn into_value(self) -> Self::Value;

    /// Appends the encoded message with this value.
    fn encode_value(value: &Self::Value, out: &mut Output);
}

/// An encoded body, in the block of memory that it was received in.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    bytes: &'a [u8],
    share: &'a dyn Fn() -> Bytes,
}

impl<'a> Received<'a> {
    /// The body `bytes`, of which `share` makes a handle that shares their memory.
    pub const fn new(bytes: &'a [u8], share: &'a dyn Fn() -> Bytes) -> Self {
        Self { bytes, share }
    }

    /// The bytes, where they are.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes to keep. Many share the received block; few are copied, so that they do not pin it.
    #[must_use]
    pub fn to_bytes(self) -> Bytes {
        if self.is_small() {
            Bytes::copy_from_slice(self.bytes)
        } else {
            (self.share)()
        }
    }

    const fn is_small(self) -> bool {
        self.bytes.len() < SHARE_FROM
    }
}

impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Received").field(&self.bytes).finish()
    }
}

impl<T: thrift::Struct> Body for T {
    const CODEC: Codec = Codec::Thrift;

    fn decode_body(body: Received<'_>, max_depth: u16) -> Result<Self, DecodeError> {
        // Only large binary values are shared, so a small body needs no handle.
        let shared;
        let mut reader = if body.is_small() {
            thrift::Reader::new(body.bytes, max_depth)
        } else {
            shared = body.to_bytes();
            thrift::Reader::shared(&shared, max_depth)
        };
        T::decode(&mut reader)
    }
}

impl<T: thrift::Struct + Send + 'static> Message for T {
    type Value = Self;

    fn into_value(self) -> Self {
        self
    }

    fn encode_value(value: &Self, out: &mut Output) {
        value.encode_body(out);
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

    fn decode_body(body: Received<'_>, _max_depth: u16) -> Result<Self, DecodeError> {
        Ok(Self(body.to_bytes()))
    }
}

impl Message for RawBody {
    type Value = Bytes;

    fn into_value(self) -> Bytes {
        self.0
    }

    fn encode_value(value: &Bytes, out: &mut Output) {
        out.put_shared(value);
    }
}

#[cfg(feature = "protobuf")]
pub use protobuf::Protobuf;

#[cfg(feature = "protobuf")]
mod protobuf {
    use kitewire_proto::wire::Codec;
    use kitewire_proto::{DecodeError, DecodeErrorKind, EncodeBody, EncodeError, Output};

    use super::{Body, Message, Received};

    /// A Protobuf message of prost's as a body.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Protobuf<M>(
        /// The message.
        pub M,
    );

    impl<M: prost::Message> EncodeBody for Protobuf<M> {
        fn encode_body(&self, out: &mut Output) {
            encode(&self.0, out);
        }
    }

    impl<M: prost::Message + Default + 'static> Message for Protobuf<M> {
        type Value = M;

        fn into_value(self) -> M {
            self.0
        }

        fn encode_value(value: &M, out: &mut Output) {
            encode(value, out);
        }
    }

    fn encode(message: &impl prost::Message, out: &mut Output) {
        if message.encode(out.arena()).is_err() {
            out.fail(EncodeError::LengthOverflow(message.encoded_len()));
        }
    }

    impl<M: prost::Message + Default> Body for Protobuf<M> {
        const CODEC: Codec = Codec::Protobuf;

        fn decode_body(body: Received<'_>, _max_depth: u16) -> Result<Self, DecodeError> {
            // `bytes` fields of a large message share the block that was read.
            let decoded = if body.is_small() {
                M::decode(body.bytes())
            } else {
                M::decode(body.to_bytes())
            };
            decoded
                .map(Self)
                .map_err(|_| DecodeError::new(DecodeErrorKind::InvalidMessage, 0))
        }
    }
}
