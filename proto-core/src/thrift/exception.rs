//! The application exception's Thrift form.

use std::borrow::Cow;

use super::{Reader, Struct, Type, Writer};
use crate::error::DecodeError;
use crate::exception::{ApplicationException, ExceptionType};

/// Written as Kitex does, the message first; read in any order. A message that is not UTF-8 is repaired, so that the
/// exception itself is never lost.
impl Struct for ApplicationException {
    const NAME: &'static str = "TApplicationException";

    fn encode(&self, out: &mut Writer<'_>) {
        out.field(Type::String, 1);
        out.string(&self.message);
        out.value(2, &self.kind.0);
        out.stop();
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut message = Cow::Borrowed("");
        let mut kind = ExceptionType::UNKNOWN;
        input.struct_begin()?;
        while let Some(field) = input.field()? {
            match (field.id, field.kind) {
                (1, Type::String) => {
                    message = Cow::Owned(String::from_utf8_lossy(input.bytes()?).into_owned());
                }
                (2, Type::I32) => kind = ExceptionType(input.i32()?),
                _ => input.skip(field.kind)?,
            }
        }
        Ok(Self { kind, message })
    }
}
