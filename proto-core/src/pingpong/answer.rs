//! A reply as the client's application sees it.

use bytes::Bytes;

use super::frame::{Frame, Prefix};
use super::header::Header;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::exception::ApplicationException;
use crate::status::BusinessStatus;
use crate::thrift;
use crate::wire::ttheader::HeaderView;
use crate::wire::{Codec, MessageType, business, kitex_protobuf};

/// The answer to a call, taken out of its connection with
/// [`ClientConnection::take_answer`](crate::ClientConnection::take_answer).
#[derive(Debug)]
pub struct Answer {
    pub(super) frame: Frame,
    /// Whether header keys beyond backward metainfo are looked at.
    pub(super) meta: crate::Switch,
    pub(super) max_depth: u16,
}

impl Answer {
    /// [`MessageType::Reply`] or [`MessageType::Exception`].
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        match self.frame.layout.message_type {
            MessageType::Exception => MessageType::Exception,
            _ => MessageType::Reply,
        }
    }

    /// How the body is encoded.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.frame.layout.codec
    }

    /// The encoded result, or exception.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.frame.body()
    }

    /// The encoded result as a slice that shares the received block.
    #[must_use]
    pub fn shared_body(&self) -> Bytes {
        self.frame.bytes.slice(self.frame.layout.body.range())
    }

    /// The header as received; transports without a header have none.
    #[must_use]
    pub fn header(&self) -> Header<'_> {
        self.frame.header()
    }

    /// The exception, if the answer is one.
    ///
    /// # Errors
    /// A [`DecodeError`] when its body cannot be decoded.
    pub fn exception(&self) -> Result<Option<ApplicationException>, DecodeError> {
        if self.message_type() != MessageType::Exception {
            return Ok(None);
        }
        match self.codec() {
            Codec::Thrift => {
                let mut reader = thrift::Reader::new(self.body(), self.max_depth);
                <ApplicationException as thrift::Struct>::decode(&mut reader).map(Some)
            }
            Codec::Protobuf => kitex_protobuf::parse_exception(self.body()).map(Some),
        }
    }

    /// The business status, if the header has one that counts: a decimal number that is not 0.
    ///
    /// Unlike Kitex, a status on an exception counts too (Volo sends it so), and a `biz-extra` that is no JSON object of
    /// strings costs the extra, not the whole status.
    #[must_use]
    pub fn business_status(&self) -> Option<BusinessStatus> {
        match self.frame.layout.prefix {
            Prefix::TtHeader(header, info) if self.meta.is_on() && info.has_business_status => {
                business::read(&HeaderView::new(&self.frame.bytes, header))
            }
            _ => None,
        }
    }

    /// Every string entry of the header, which is how backward metainfo travels; entries with the prefix
    /// `RPC_BACKWARD_` (Volo) come without it.
    pub fn backward(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.header()
            .strings()
            .map(|(key, value)| (key.strip_prefix(b"RPC_BACKWARD_".as_slice()).unwrap_or(key), value))
    }

    /// Checks that the body is in `codec`.
    ///
    /// # Errors
    /// [`DecodeErrorKind::CodecMismatch`] when it is not.
    pub fn expect_codec(&self, codec: Codec) -> Result<(), DecodeError> {
        if self.codec() == codec {
            Ok(())
        } else {
            Err(DecodeError::new(DecodeErrorKind::CodecMismatch, 0))
        }
    }
}
