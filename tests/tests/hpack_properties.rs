//! HPACK on arbitrary lists and arbitrary blocks.

use kitewire_proto::http::{Fields, Sensitivity};
use kitewire_proto::wire::hpack::{Decoded, Decoder, Encoder, HpackError};
use kitewire_testkit::fuzz;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What happens in one direction of a connection.
#[derive(Clone, Debug)]
enum Step {
    /// The peer sets the table size, and it is acknowledged.
    Size(u32),
    /// Names, values, and whether they are sensitive.
    List(Vec<(Vec<u8>, Vec<u8>, bool)>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => prop_oneof![select(&[0, 31, 32, 100, 4096][..]), 0_u32..20_000].prop_map(Step::Size),
        6 => vec(field(), 0..20).prop_map(Step::List),
    ];
    vec(step, 1..30)
}

fn field() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, bool)> {
    // Few of them, so that they come again.
    let name = prop_oneof![
        6 => select(&NAMES[..]).prop_map(|name| name.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ];
    let value = prop_oneof![
        4 => select(&VALUES[..]).prop_map(|value| value.as_bytes().to_vec()),
        1 => "[0-9]{1,9}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..100),
        1 => (any::<u8>(), 0_usize..5000).prop_map(|(byte, len)| vec![byte; len]),
    ];
    (name, value, proptest::bool::weighted(0.1))
}

const NAMES: [&str; 16] = [
    ":method",
    ":path",
    ":status",
    ":authority",
    "accept-encoding",
    "authorization",
    "content-length",
    "content-type",
    "cookie",
    "grpc-message",
    "grpc-status",
    "grpc-timeout",
    "te",
    "x-a",
    "x-bb",
    "x-ccc",
];

const VALUES: [&str; 8] = ["", "0", "200", "GET", "POST", "/", "application/grpc", "trailers"];

fn list(fields: &[(Vec<u8>, Vec<u8>, bool)]) -> Fields {
    let mut list = Fields::new();
    for (name, value, sensitive) in fields {
        if *sensitive {
            list.push_sensitive(name, value);
        } else {
            list.push(name, value);
        }
    }
    list
}

fn encode(encoder: &mut Encoder, fields: &Fields) -> Vec<u8> {
    let mut block = Vec::new();
    encoder.encode(fields, &mut block);
    block
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, HpackError> {
    let mut fields = Fields::new();
    let decoded = decoder.decode(block, usize::MAX, &mut fields)?;
    assert_eq!(decoded, Decoded::Complete);
    Ok(fields)
}

proptest! {
    #[test]
    fn lists_come_through_whatever_the_table_sizes(cap in 0_u32..10_000, steps in steps()) {
        let (mut encoder, mut decoder) = (Encoder::new(cap), Decoder::new(4096));
        let mut largest = 4096;
        for step in &steps {
            match step {
                Step::Size(size) => {
                    encoder.set_peer_max_table_size(*size);
                    decoder.set_max_table_size(*size);
                    largest = largest.max(*size as usize);
                }
                Step::List(fields) => {
                    let fields = list(fields);
                    let decoded = decode(&mut decoder, &encode(&mut encoder, &fields)).unwrap();
                    prop_assert_eq!(decoded.len(), fields.len());
                    for (decoded, field) in decoded.iter().zip(&fields) {
                        prop_assert_eq!((decoded.name, decoded.value), (field.name, field.value));
                        let kept = field.sensitivity == Sensitivity::Ordinary
                            || decoded.sensitivity == Sensitivity::Sensitive;
                        prop_assert!(kept, "{:?} became {:?}", field, decoded);
                    }
                }
            }
            prop_assert!(encoder.capacity() <= 4 * (cap as usize) + 512);
            prop_assert!(decoder.capacity() <= 3 * largest + 512);
        }
    }

    #[test]
    fn a_list_above_the_limit_leaves_the_table_in_step(steps in steps(), limits in vec(0_usize..2000, 1..5)) {
        let (mut encoder, mut strict, mut generous) = (Encoder::new(8192), Decoder::new(4096), Decoder::new(4096));
        for (step, limit) in steps.iter().zip(limits.iter().cycle()) {
            match step {
                Step::Size(size) => {
                    encoder.set_peer_max_table_size(*size);
                    strict.set_max_table_size(*size);
                    generous.set_max_table_size(*size);
                }
                Step::List(fields) => {
                    let block = encode(&mut encoder, &list(fields));
                    let all = decode(&mut generous, &block).unwrap();
                    let mut few = Fields::new();
                    let decoded = strict.decode(&block, *limit, &mut few).unwrap();
                    let expected = if all.size() <= *limit { Decoded::Complete } else { Decoded::TooLarge };
                    prop_assert_eq!(decoded, expected);
                    match decoded {
                        Decoded::Complete => prop_assert_eq!(few, all),
                        Decoded::TooLarge => prop_assert!(few.is_empty()),
                    }
                }
            }
        }
        // Signals the last size.
        let block = encode(&mut encoder, &Fields::new());
        prop_assert_eq!(decode(&mut strict, &block), Ok(Fields::new()));
        prop_assert_eq!(decode(&mut generous, &block), Ok(Fields::new()));
        prop_assert_eq!(table(&mut strict), table(&mut generous));
    }

    #[test]
    fn any_block_is_decoded_or_refused(
        steps in steps(),
        changes in vec((any::<Index>(), any::<Index>(), any::<u8>()), 0..6),
        tail in vec(any::<u8>(), 0..200),
    ) {
        let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
        let lists = steps.iter().filter_map(|step| match step {
            Step::List(fields) => Some(list(fields)),
            Step::Size(_) => None,
        });
        let mut blocks: Vec<Vec<u8>> = lists.map(|fields| encode(&mut encoder, &fields)).collect();
        for (block, place, byte) in changes {
            if !blocks.is_empty() {
                let block = block.get_mut(&mut blocks);
                if !block.is_empty() {
                    *place.get_mut(block) = byte;
                }
            }
        }
        blocks.push(tail);
        for block in blocks {
            let mut fields = Fields::new();
            let decoded = decoder.decode(&block, 16 << 10, &mut fields);
            prop_assert!(decoder.capacity() <= 3 * 4096 + 512);
            prop_assert!(decoded.is_err() || fields.size() <= 16 << 10);
        }
    }

    #[test]
    fn any_bytes_hold(data in vec(any::<u8>(), 0..600)) {
        fuzz::hpack(&data);
    }
}

/// What a decoder's table holds.
fn table(decoder: &mut Decoder) -> Vec<Fields> {
    let entries = (62..127_u8).map(|index| decode(decoder, &[0x80 | index]));
    entries.map_while(Result::ok).collect()
}
