//! The header compression of HTTP/2.

use kitewire_proto::http::{Fields, Sensitivity};
use kitewire_proto::wire::hpack::{Decoded, Decoder, Encoder};

/// Header blocks of one direction of a connection. A byte below 255 is the length of the block that follows it, 255 sets
/// the table size to the number in the next two bytes, divided by four.
///
/// Properties: no panic; a limit for lists changes nothing but what is handed out; what was decoded is the same after
/// our encoder, whose blocks are never longer than the limit rule says; memory within a multiple of the table size.
pub fn hpack(data: &[u8]) {
    let mut direction = Direction::new();
    let mut rest = data;
    while let Some((&length, tail)) = rest.split_first() {
        rest = match (length, tail) {
            (u8::MAX, [high, low, tail @ ..]) => {
                direction.set_size(u32::from(u16::from_be_bytes([*high, *low]) / 4));
                tail
            }
            _ => {
                let (block, tail) = tail.split_at(tail.len().min(usize::from(length)));
                if !direction.block(block) {
                    return;
                }
                tail
            }
        };
    }
}

struct Direction {
    /// Two decoders of the same blocks, the second with a smaller limit.
    generous: Decoder,
    strict: Decoder,
    /// The same fields on another connection.
    encoder: Encoder,
    reader: Decoder,
    /// The largest table that was in use on either connection.
    largest: usize,
}

impl Direction {
    fn new() -> Self {
        Self {
            generous: Decoder::new(4096),
            strict: Decoder::new(4096),
            encoder: Encoder::new(16_384),
            reader: Decoder::new(4096),
            largest: 4096,
        }
    }

    fn set_size(&mut self, size: u32) {
        for decoder in [&mut self.generous, &mut self.strict, &mut self.reader] {
            decoder.set_max_table_size(size);
        }
        self.encoder.set_peer_max_table_size(size);
        self.largest = self.largest.max(size as usize);
    }

    /// Whether the connection goes on behind a block.
    fn block(&mut self, block: &[u8]) -> bool {
        let (mut fields, mut few) = (Fields::new(), Fields::new());
        let decoded = self.generous.decode(block, GENEROUS, &mut fields);
        let strictly = self.strict.decode(block, STRICT, &mut few);
        self.check_memory();
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(error) => {
                assert_eq!(strictly, Err(error));
                assert!(!error.to_string().is_empty());
                return false;
            }
        };
        if decoded == Decoded::Complete && fields.size() <= STRICT {
            assert_eq!(strictly, Ok(Decoded::Complete));
            assert_eq!(few, fields);
        } else {
            assert_eq!(strictly, Ok(Decoded::TooLarge));
            assert!(few.is_empty());
        }
        assert!(fields.size() <= GENEROUS);
        self.check_encoded(&fields);
        true
    }

    fn check_encoded(&mut self, fields: &Fields) {
        for _ in 0..2 {
            let mut block = Vec::new();
            self.encoder.encode(fields, &mut block);
            assert!(block.len() <= fields.size() + SIZE_UPDATES);
            let mut again = Fields::new();
            let decoded = self.reader.decode(&block, usize::MAX, &mut again);
            assert_eq!(decoded, Ok(Decoded::Complete));
            assert_eq!(again.len(), fields.len());
            for (again, field) in again.iter().zip(fields) {
                assert_eq!((again.name, again.value), (field.name, field.value));
                assert!(field.sensitivity == Sensitivity::Ordinary || again.sensitivity == Sensitivity::Sensitive);
            }
        }
        self.check_memory();
    }

    fn check_memory(&self) {
        for decoder in [&self.generous, &self.strict, &self.reader] {
            assert!(decoder.capacity() <= 3 * self.largest + 512, "{decoder:?}");
        }
        assert!(self.encoder.capacity() <= 4 * self.largest + 512, "{:?}", self.encoder);
    }
}

/// Limits for header lists.
const GENEROUS: usize = 32 << 10;
const STRICT: usize = 200;

/// Two table size updates.
const SIZE_UPDATES: usize = 8;
