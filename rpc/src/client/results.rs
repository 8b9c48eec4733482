//! What calls give.

use bytes::Bytes;
use kitewire_proto::wire::Codec;
use kitewire_proto::{DecodeError, EncodeBody, Output};

use crate::service::{Body, RawBody, Received};
use crate::{Error, Metadata};

/// A result struct on the caller's side: what the answer means.
///
/// Generated result structs implement it, and so does [`Protobuf`](crate::Protobuf).
pub trait CallResult: Body {
    /// What the call gives.
    type Value;
    /// What it fails with: [`Error`], or an enum of the declared exceptions and it.
    type Error: From<Error>;

    /// The value, or the declared exception.
    ///
    /// # Errors
    /// A declared exception, or [`Error::missing_result`] when none of the declared results is there.
    fn into_value(self) -> Result<Self::Value, Self::Error>;
}

/// The answer to a call: its value, and what came beside it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Response<T> {
    /// The value.
    pub value: T,
    /// Backward metainfo, in wire order: every string that the answer's header had. None over gRPC.
    pub backward: Vec<(String, String)>,
    /// Metadata that the answer began with, over gRPC.
    pub header: Metadata,
    /// Metadata that the answer ended with, over gRPC.
    pub trailer: Metadata,
}

impl<T> Response<T> {
    /// A backward metainfo value. Where a key repeats, the last one counts.
    #[must_use]
    pub fn backward(&self, key: &str) -> Option<&str> {
        self.backward
            .iter()
            .rev()
            .find(|(present, _)| present == key)
            .map(|(_, value)| value.as_str())
    }
}

/// The result of a oneway call: there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oneway;

impl EncodeBody for Oneway {
    fn encode_body(&self, _out: &mut Output) {}
}

impl Body for Oneway {
    const CODEC: Codec = Codec::Thrift;

    fn decode_body(_body: Received<'_>, _max_depth: u16) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}

impl CallResult for Oneway {
    type Value = ();
    type Error = Error;

    fn into_value(self) -> Result<(), Error> {
        Ok(())
    }
}

impl CallResult for RawBody {
    type Value = Bytes;
    type Error = Error;

    fn into_value(self) -> Result<Bytes, Error> {
        Ok(self.0)
    }
}

#[cfg(feature = "protobuf")]
impl<M: prost::Message + Default> CallResult for crate::Protobuf<M> {
    type Value = M;
    type Error = Error;

    fn into_value(self) -> Result<M, Error> {
        Ok(self.0)
    }
}
