//! The Thrift binary protocol: values, structs and how they are read and written.
//!
//! Generated code implements [`Struct`]; [`Value`] is everything that can stand in a field. Reading trusts nothing: each
//! length is checked against the bytes that are left before anything is reserved, strings are checked for UTF-8, nesting
//! is limited, and every refusal is a [`DecodeError`] with an offset.
//!
//! ```
//! use kitewire_proto::thrift::{self, Reader, Struct, Type, Writer};
//! use kitewire_proto::{DecodeError, Output};
//!
//! #[derive(Debug, PartialEq)]
//! struct Msg {
//!     text: String,
//! }
//!
//! impl Struct for Msg {
//!     const NAME: &'static str = "Msg";
//!
//!     fn encode(&self, out: &mut Writer<'_>) {
//!         out.value(1, &self.text);
//!         out.stop();
//!     }
//!
//!     fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
//!         let mut text = None;
//!         input.struct_begin()?;
//!         while let Some(field) = input.field()? {
//!             match (field.id, field.kind) {
//!                 (1, Type::String) => text = Some(input.value(&("Msg", "text"))?),
//!                 _ => input.skip(field.kind)?,
//!             }
//!         }
//!         Ok(Self { text: input.required(text, &("Msg", "text"))? })
//!     }
//! }
//!
//! let mut out = Output::new();
//! Msg { text: "hi".to_owned() }.encode(&mut Writer::new(&mut out));
//! assert_eq!(out.to_vec(), b"\x0b\0\x01\0\0\0\x02hi\0");
//! let read: Msg = thrift::decode(&out.to_vec().into(), 64)?;
//! assert_eq!(read.text, "hi");
//! # Ok::<(), DecodeError>(())
//! ```

mod collections;
mod exception;
mod reader;
mod skip;
mod standard;
mod text;
mod r#type;
mod unknown;
mod uuid;
mod value;
mod writer;

#[cfg(test)]
mod tests;

use crate::buf::Output;
use crate::pingpong::EncodeBody;

#[doc(no_inline)]
pub use crate::error::DecodeError;
#[doc(no_inline)]
pub use bytes::Bytes;
pub use collections::{Map, Set};
pub use reader::{Field, FieldName, Reader};
pub use skip::Skipper;
pub use text::Text;
pub use r#type::Type;
pub use unknown::UnknownFields;
pub use uuid::{InvalidUuid, Uuid};
pub use value::Value;
pub use writer::Writer;

/// A struct, union, exception, argument list or result of an IDL.
pub trait Struct: Sized {
    /// The IDL's name, for error texts.
    const NAME: &'static str;

    /// Writes all fields and the stop byte. What has no wire form is reported with [`Writer::fail`].
    fn encode(&self, out: &mut Writer<'_>);

    /// Reads all fields up to the stop byte.
    ///
    /// # Errors
    /// A [`DecodeError`] that says what is wrong and where, with the innermost field's name if it is known.
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// Reads a struct from the start of `body`; large binary values share its memory. Bytes behind the struct are ignored.
///
/// # Errors
/// As [`Struct::decode`].
#[inline]
pub fn decode<T: Struct>(body: &Bytes, max_depth: u16) -> Result<T, DecodeError> {
    T::decode(&mut Reader::shared(body, max_depth))
}

impl<T: Struct> Struct for Box<T> {
    const NAME: &'static str = T::NAME;

    #[inline]
    fn encode(&self, out: &mut Writer<'_>) {
        T::encode(self, out);
    }

    #[inline]
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::decode(input).map(Self::new)
    }
}

impl<T: Struct> EncodeBody for T {
    #[inline]
    fn encode_body(&self, out: &mut Output) {
        self.encode(&mut Writer::new(out));
    }
}
