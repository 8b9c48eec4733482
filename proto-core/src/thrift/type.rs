//! Wire type ids.

/// A value's type on the wire.
///
/// The id 0 is no type but the end of a struct.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Type {
    /// One byte; 1 is true, anything else is false.
    Bool = 2,
    /// A signed byte.
    Byte = 3,
    /// An IEEE 754 double.
    Double = 4,
    /// Two bytes.
    I16 = 6,
    /// Four bytes; enums too.
    I32 = 8,
    /// Eight bytes.
    I64 = 10,
    /// Length and bytes: strings and binary.
    String = 11,
    /// Fields up to a stop byte: structs, unions and exceptions.
    Struct = 12,
    /// Key type, value type, count, entries.
    Map = 13,
    /// Element type, count, elements.
    Set = 14,
    /// Element type, count, elements.
    List = 15,
    /// 16 bytes. Kitex has no such type and reads the id as another one: for peers of one's own only.
    Uuid = 16,
}

impl Type {
    /// The type with this id.
    #[must_use]
    #[inline]
    pub const fn from_id(id: u8) -> Option<Self> {
        Some(match id {
            2 => Self::Bool,
            3 => Self::Byte,
            4 => Self::Double,
            6 => Self::I16,
            8 => Self::I32,
            10 => Self::I64,
            11 => Self::String,
            12 => Self::Struct,
            13 => Self::Map,
            14 => Self::Set,
            15 => Self::List,
            16 => Self::Uuid,
            _ => return None,
        })
    }

    /// The id on the wire.
    #[must_use]
    #[inline]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// Bytes of every value of this type, if they all have the same size.
    #[must_use]
    #[inline]
    pub const fn fixed_size(self) -> Option<usize> {
        Some(match self {
            Self::Bool | Self::Byte => 1,
            Self::I16 => 2,
            Self::I32 => 4,
            Self::I64 | Self::Double => 8,
            Self::Uuid => 16,
            Self::String | Self::Struct | Self::Map | Self::Set | Self::List => return None,
        })
    }

    /// Bytes of the smallest value of this type.
    #[must_use]
    #[inline]
    pub const fn min_size(self) -> usize {
        match self {
            Self::Bool | Self::Byte | Self::Struct => 1,
            Self::I16 => 2,
            Self::I32 | Self::String => 4,
            Self::Set | Self::List => 5,
            Self::Map => 6,
            Self::I64 | Self::Double => 8,
            Self::Uuid => 16,
        }
    }
}
