//! Thrift values without an IDL.

use kitewire_proto::DecodeError;
use kitewire_proto::DecodeErrorKind;
use kitewire_proto::thrift::{Reader, Struct, Type, Uuid, Writer};

/// Any struct: its fields in wire order.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields(pub Vec<(i16, Dynamic)>);

/// Any value. Encoding gives the bytes that it was decoded from (a bool byte above 1 aside).
#[derive(Clone, Debug, PartialEq)]
pub enum Dynamic {
    /// A bool.
    Bool(bool),
    /// A byte.
    Byte(i8),
    /// A double, as its bits, so that every NaN equals itself.
    Double(u64),
    /// An i16.
    I16(i16),
    /// An i32 or enum.
    I32(i32),
    /// An i64.
    I64(i64),
    /// A string or binary.
    String(Vec<u8>),
    /// A struct.
    Struct(Fields),
    /// Entries, with the type ids that the header names: ids need not exist where there is no entry.
    Map(u8, u8, Vec<(Self, Self)>),
    /// Elements, with their type id.
    Set(u8, Vec<Self>),
    /// Elements, with their type id.
    List(u8, Vec<Self>),
    /// A UUID.
    Uuid(Uuid),
}

impl Struct for Fields {
    const NAME: &'static str = "Fields";

    fn encode(&self, out: &mut Writer<'_>) {
        for (id, value) in &self.0 {
            out.field(value.kind(), *id);
            value.encode(out);
        }
        out.stop();
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut fields = Vec::new();
        input.struct_begin()?;
        while let Some(field) = input.field()? {
            fields.push((field.id, Dynamic::decode(field.kind, input)?));
        }
        Ok(Self(fields))
    }
}

impl Dynamic {
    /// Its wire type.
    #[must_use]
    pub const fn kind(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Byte(_) => Type::Byte,
            Self::Double(_) => Type::Double,
            Self::I16(_) => Type::I16,
            Self::I32(_) => Type::I32,
            Self::I64(_) => Type::I64,
            Self::String(_) => Type::String,
            Self::Struct(_) => Type::Struct,
            Self::Map(..) => Type::Map,
            Self::Set(..) => Type::Set,
            Self::List(..) => Type::List,
            Self::Uuid(_) => Type::Uuid,
        }
    }

    fn encode(&self, out: &mut Writer<'_>) {
        match self {
            Self::Bool(value) => out.bool(*value),
            Self::Byte(value) => out.i8(*value),
            Self::Double(bits) => out.double(f64::from_bits(*bits)),
            Self::I16(value) => out.i16(*value),
            Self::I32(value) => out.i32(*value),
            Self::I64(value) => out.i64(*value),
            Self::String(bytes) => out.bytes(bytes),
            Self::Struct(fields) => fields.encode(out),
            Self::Uuid(value) => out.uuid(value),
            Self::Set(kind, elements) | Self::List(kind, elements) => match Type::from_id(*kind) {
                Some(kind) => {
                    out.list_begin(kind, elements.len());
                    elements.iter().for_each(|element| element.encode(out));
                }
                None => out.raw(&vec![*kind, 0, 0, 0, 0].into()),
            },
            Self::Map(key, value, entries) => match (Type::from_id(*key), Type::from_id(*value)) {
                (Some(key), Some(value)) => {
                    out.map_begin(key, value, entries.len());
                    for (key, value) in entries {
                        key.encode(out);
                        value.encode(out);
                    }
                }
                _ => out.raw(&vec![*key, *value, 0, 0, 0, 0].into()),
            },
        }
    }

    fn decode(kind: Type, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match kind {
            Type::Bool => Self::Bool(input.bool()?),
            Type::Byte => Self::Byte(input.i8()?),
            Type::Double => Self::Double(input.double()?.to_bits()),
            Type::I16 => Self::I16(input.i16()?),
            Type::I32 => Self::I32(input.i32()?),
            Type::I64 => Self::I64(input.i64()?),
            Type::String => Self::String(input.bytes()?.to_vec()),
            Type::Struct => Self::Struct(Fields::decode(input)?),
            Type::Uuid => Self::Uuid(input.uuid()?),
            Type::Map => Self::decode_map(input)?,
            Type::Set => {
                let (kind, elements) = Self::decode_elements(input)?;
                Self::Set(kind, elements)
            }
            Type::List => {
                let (kind, elements) = Self::decode_elements(input)?;
                Self::List(kind, elements)
            }
        })
    }

    fn decode_elements(input: &mut Reader<'_>) -> Result<(u8, Vec<Self>), DecodeError> {
        let id = input.clone().i8()? as u8;
        let (kind, unknown) = known(id);
        let count = input.list_begin(kind)?;
        if unknown && count > 0 {
            return Err(input.error(DecodeErrorKind::UnknownType(id)));
        }
        let elements = (0..count)
            .map(|_| Self::decode(kind, input))
            .collect::<Result<_, _>>()?;
        input.end();
        Ok((id, elements))
    }

    fn decode_map(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut ahead = input.clone();
        let ids = [ahead.i8()? as u8, ahead.i8()? as u8];
        let [(key, unknown_key), (value, unknown_value)] = ids.map(known);
        let count = input.map_begin(key, value)?;
        if (unknown_key || unknown_value) && count > 0 {
            let [key, value] = ids;
            let id = if unknown_key { key } else { value };
            return Err(input.error(DecodeErrorKind::UnknownType(id)));
        }
        let entries = (0..count)
            .map(|_| Ok((Self::decode(key, input)?, Self::decode(value, input)?)))
            .collect::<Result<_, _>>()?;
        input.end();
        let [key, value] = ids;
        Ok(Self::Map(key, value, entries))
    }
}

/// The type with an id, or any type if there is none; and whether there is none.
fn known(id: u8) -> (Type, bool) {
    Type::from_id(id).map_or((Type::Byte, true), |kind| (kind, false))
}
