use super::*;
use crate::http::Sensitivity;

/// The first bytes of a literal with a new name that enters the table, then a name and a value in plain text.
fn indexed_literal(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0x40];
    for text in [name, value] {
        crate::wire::hpack::integer::encode(&mut block, 0, 0x7f, text.len());
        block.extend_from_slice(text.as_bytes());
    }
    block
}

#[test]
fn broken_blocks_are_refused() {
    for (block, error) in [
        ("80", HpackError::ZeroIndex),
        ("be", HpackError::UnknownIndex(62)),
        ("82 be", HpackError::UnknownIndex(62)),
        ("ff ff ff ff ff 0f", HpackError::IntegerOverflow),
        ("ff 80 ff ff ff 0f", HpackError::UnknownIndex(u32::MAX)),
        ("40 01 61 01 62 be bf", HpackError::UnknownIndex(63)),
        // As the index of a name.
        ("7e 01 61", HpackError::UnknownIndex(62)),
        ("0f 2f 01 61", HpackError::UnknownIndex(62)),
        ("1f 2f 01 61", HpackError::UnknownIndex(62)),
        // Cut short.
        ("ff", HpackError::Truncated),
        ("ff 80", HpackError::Truncated),
        ("0f", HpackError::Truncated),
        ("40", HpackError::Truncated),
        ("00", HpackError::Truncated),
        ("00 01 61", HpackError::Truncated),
        ("04", HpackError::Truncated),
        ("04 02 61", HpackError::Truncated),
        ("04 82 07", HpackError::Truncated),
        ("04 7f 80", HpackError::Truncated),
        ("3f", HpackError::Truncated),
        // Lengths.
        ("04 7f ff ff ff ff 0f", HpackError::IntegerOverflow),
        ("04 7f 80 ff ff ff 0f", HpackError::Truncated),
        // Strings in the Huffman code.
        ("04 81 06", HpackError::HuffmanPadding),
        ("04 82 07 ff", HpackError::HuffmanPaddingLength),
        ("04 84 ff ff ff ff", HpackError::HuffmanEos),
        ("00 81 06 00", HpackError::HuffmanPadding),
        ("40 81 07 81 06", HpackError::HuffmanPadding),
        // Table size updates.
        ("3f e2 1f", HpackError::SizeUpdateTooLarge(4097)),
        ("82 20", HpackError::LateSizeUpdate),
        ("20 82 20", HpackError::LateSizeUpdate),
        ("20 20 20", HpackError::TooManySizeUpdates),
    ] {
        let bytes = unhex(block);
        assert_eq!(decode(&mut Decoder::new(4096), &bytes), Err(error), "{block}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn a_lowered_size_has_to_be_signalled() {
    const MISSING: Result<Fields, HpackError> = Err(HpackError::MissingSizeUpdate);
    let get = || Ok(list(&[(":method", "GET")]));
    // Sizes that are acknowledged, then a block.
    for (sizes, block, expected) in [
        (&[100][..], "82", MISSING),
        (&[100], "", MISSING),
        (&[100], "3f 45 82", get()),
        (&[100], "20 82", get()),
        (&[100], "20 3f 45 82", get()),
        (&[100], "3f 46 82", Err(HpackError::SizeUpdateTooLarge(101))),
        // The lowest size first, whatever came after it.
        (&[100, 4096], "82", MISSING),
        (&[100, 4096], "3f e1 1f 82", MISSING),
        (&[100, 4096], "3f 45 82", get()),
        (&[100, 4096], "3f 45 3f e1 1f 82", get()),
        (&[100, 0, 200], "3f 45 82", MISSING),
        // Nothing to signal.
        (&[4096], "82", get()),
        (&[8192], "82", get()),
        (&[8192, 4096], "82", get()),
        (&[8192], "3f e1 3f 82", get()),
    ] {
        let mut decoder = Decoder::new(4096);
        sizes.iter().for_each(|size| decoder.set_max_table_size(*size));
        assert_eq!(decode(&mut decoder, &unhex(block)), expected, "{sizes:?} {block}");
        if expected.is_ok() {
            assert_eq!(decode(&mut decoder, &[0x82]), get(), "once is enough");
        }
    }

    // The encoder uses less already.
    let mut decoder = Decoder::new(4096);
    assert_eq!(decode(&mut decoder, &unhex("3f 13 82")), get());
    decoder.set_max_table_size(100);
    assert_eq!(decode(&mut decoder, &[0x82]), get());
    decoder.set_max_table_size(49);
    assert_eq!(decode(&mut decoder, &[0x82]), MISSING);
}

#[test]
fn the_initial_size_holds_until_another_is_acknowledged() {
    let mut decoder = Decoder::new(0);
    assert!(decode(&mut decoder, &indexed_literal("a", "b")).is_ok());
    assert_eq!(decode(&mut decoder, &[0xbe]), Ok(list(&[("a", "b")])));
    decoder.set_max_table_size(0);
    assert_eq!(decode(&mut decoder, &[0x20]), Ok(Fields::new()));
    assert_eq!(decode(&mut decoder, &[0xbe]), Err(HpackError::UnknownIndex(62)));
    assert!(decode(&mut decoder, &indexed_literal("a", "b")).is_ok());
    assert_eq!(decoder.table().len(), 0);

    // More than 1 GiB is not taken, whatever was announced.
    let mut decoder = Decoder::new(u32::MAX);
    let error = HpackError::SizeUpdateTooLarge((1 << 30) + 1);
    assert_eq!(decode(&mut decoder, &unhex("3f e2 ff ff ff 03")), Err(error));
    assert_eq!(decode(&mut decoder, &unhex("3f e1 ff ff ff 03")), Ok(Fields::new()));
}

#[test]
fn an_entry_may_take_the_name_of_one_that_is_evicted_for_it() {
    // RFC 7541 §4.4. Two entries of 40 + 2032 bytes do not fit beside each other and a third.
    let mut decoder = Decoder::new(4096);
    for value in ["a", "b"] {
        let block = indexed_literal("x-forty-b", &value.repeat(2000));
        assert!(decode(&mut decoder, &block).is_ok());
    }
    assert_eq!(decoder.table().len(), 2);
    // Index 63 is the older one; value of 2,000 bytes.
    let mut block = vec![0x7f, 0x00, 0x7f, 0xd1, 0x0e];
    block.extend([b'c'; 2000]);
    let fields = decode(&mut decoder, &block).unwrap();
    assert_eq!(fields.get("x-forty-b"), Some(&[b'c'; 2000][..]));
    assert_eq!(entries(&mut decoder)[0], ("x-forty-b".to_owned(), "c".repeat(2000)));
    assert_eq!(entries(&mut decoder)[1].1, "b".repeat(2000));

    // An entry above the size of the table empties it.
    let block = indexed_literal("x", &"d".repeat(4064));
    assert_eq!(decode(&mut decoder, &block).unwrap().get("x").unwrap().len(), 4064);
    assert_eq!((decoder.table().len(), decoder.table().size()), (0, 0));
    let block = indexed_literal("x", &"d".repeat(4063));
    assert!(decode(&mut decoder, &block).is_ok());
    assert_eq!((decoder.table().len(), decoder.table().size()), (1, 4096));
}

#[test]
fn kinds_are_told_once_and_kept() {
    let mut decoder = Decoder::new(4096);
    let mut block = Vec::new();
    let rows = [
        ("Upper", "a", FieldKind::InvalidName),
        ("x", "a\nb", FieldKind::InvalidValue),
        ("te", "trailers", FieldKind::TeTrailers),
        ("x-y", "a", FieldKind::Regular),
        (":z", "a", FieldKind::UnknownPseudo),
    ];
    rows.iter()
        .for_each(|(name, value, _)| block.extend(indexed_literal(name, value)));
    let kinds = |fields: &Fields| fields.iter().map(|field| field.kind).collect::<Vec<_>>();
    let expected = rows.map(|(_, _, kind)| kind);
    assert_eq!(kinds(&decode(&mut decoder, &block).unwrap()), expected);
    assert_eq!(
        kinds(&decode(&mut decoder, &unhex("c2 c1 c0 bf be")).unwrap()),
        expected
    );

    // The same names with other values: an ordinary one, one that is invalid, and one that matters to "te".
    for (value, expected) in [
        ("01 61", ["Inv", "Reg", "Con", "Reg", "Unk"]),
        ("01 0a", ["Inv", "Inv", "Inv", "Inv", "Inv"]),
        ("08 74 72 61 69 6c 65 72 73", ["Inv", "Reg", "TeT", "Reg", "Unk"]),
    ] {
        for pattern in [["0f 33", "0f 32", "0f 31", "0f 30", "0f 2f"], ["7f 03"; 5]] {
            let block: String = pattern.iter().map(|name| format!("{name} {value} ")).collect();
            let fields = decode(&mut decoder, &unhex(&block)).unwrap();
            let found: Vec<_> = kinds(&fields)
                .iter()
                .map(|kind| format!("{kind:?}")[..3].to_owned())
                .collect();
            assert_eq!(found, expected, "{block}");
        }
    }
}

#[test]
fn never_indexed_fields_are_marked() {
    let mut decoder = Decoder::new(4096);
    // A new name, a static one and a dynamic one.
    let block = unhex("40 01 61 01 62   10 01 61 01 63   14 01 64   1f 2f 01 65   00 01 61 01 66");
    let fields = decode(&mut decoder, &block).unwrap();
    let found: Vec<_> = fields
        .iter()
        .map(|field| (field.name, field.value, field.sensitivity))
        .collect();
    let expected: [(&[u8], &[u8], Sensitivity); 5] = [
        (b"a", b"b", Sensitivity::Ordinary),
        (b"a", b"c", Sensitivity::Sensitive),
        (b":path", b"d", Sensitivity::Sensitive),
        (b"a", b"e", Sensitivity::Sensitive),
        (b"a", b"f", Sensitivity::Ordinary),
    ];
    assert_eq!(found, expected);
    assert_eq!(decoder.table().len(), 1);
}

#[test]
fn lists_are_appended_and_limited() {
    let mut decoder = Decoder::new(4096);
    let mut fields = list(&[("before", "")]);
    // 42 + 43 bytes.
    let block = unhex("82 86");
    let mut at = |limit, fields: &mut Fields| decoder.decode(&block, limit, fields);
    assert_eq!(at(85, &mut fields), Ok(Decoded::Complete));
    assert_eq!(fields, list(&[("before", ""), (":method", "GET"), (":scheme", "http")]));
    assert_eq!(at(84, &mut fields), Ok(Decoded::TooLarge));
    assert!(fields.is_empty());
    assert_eq!(at(0, &mut fields), Ok(Decoded::TooLarge));
    assert_eq!(decoder.decode(&[], 0, &mut fields), Ok(Decoded::Complete));
}

#[test]
fn lists_above_the_limit_keep_the_table_in_step() {
    let mut decoder = Decoder::new(4096);
    let mut block = unhex("82");
    block.extend(indexed_literal("first", "1"));
    block.extend(unhex("04 01 61"));
    block.extend(indexed_literal("second", "2"));
    block.extend(unhex("be bf 7e 01 33"));
    let mut fields = Fields::new();
    assert_eq!(decoder.decode(&block, 40, &mut fields), Ok(Decoded::TooLarge));
    assert!(fields.is_empty());
    let entry = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let table = [entry("second", "3"), entry("second", "2"), entry("first", "1")];
    assert_eq!(entries(&mut decoder), table);
    // What is wrong is wrong above the limit too.
    assert_eq!(
        decoder.decode(&unhex("82 86 04 81 06"), 40, &mut fields),
        Err(HpackError::HuffmanPadding)
    );
}

#[test]
fn one_large_entry_in_many_fields_costs_no_memory() {
    let mut decoder = Decoder::new(4096);
    let mut block = indexed_literal("x", &"v".repeat(4000));
    block.resize(block.len() + 100_000, 0xbe);
    // And its name, in literals that do not enter the table.
    let mut fields = Fields::new();
    assert_eq!(decoder.decode(&block, 16 << 10, &mut fields), Ok(Decoded::TooLarge));
    assert!(fields.capacity() < 64 << 10, "{}", fields.capacity());
    assert!(decoder.capacity() < 16 << 10);
}

#[test]
fn memory_comes_with_the_first_entry_and_goes_with_the_size() {
    let mut decoder = Decoder::new(1 << 20);
    assert_eq!(decoder.capacity(), 0);
    decode(&mut decoder, &unhex("82 86 84")).unwrap();
    assert_eq!(decoder.capacity(), 0);
    decode(&mut decoder, &indexed_literal("grpc-status", "0")).unwrap();
    assert!(decoder.capacity() < 256, "{}", decoder.capacity());

    // Text that does not enter the table is not kept.
    let mut block = vec![0x00, 0x01, b'a', 0x7f, 0x81, 0xff, 0x03];
    block.resize(block.len() + 65_536, b'v');
    decode(&mut decoder, &unhex("3f e1 1f")).unwrap();
    decode(&mut decoder, &block).unwrap();
    assert!(decoder.capacity() < 3 * 4096, "{}", decoder.capacity());

    decode(&mut decoder, &unhex("3f e1 ff 3f")).unwrap();
    for number in 0..30_000 {
        decode(&mut decoder, &indexed_literal("n", &format!("{number}"))).unwrap();
    }
    assert!(decoder.table().size() > (1 << 20) - 64);
    assert!(decoder.capacity() < 3 << 20);
    decode(&mut decoder, &[0x20]).unwrap();
    assert!(decoder.capacity() < 512, "{}", decoder.capacity());
}

#[test]
fn runs_are_what_their_fields_are() {
    let mut decoder = Decoder::new(4096);
    let names: Vec<String> = (0..40).map(|number| format!("name-{number}")).collect();
    let mut block = Vec::new();
    for name in &names {
        block.extend(indexed_literal(name, "value"));
    }
    decode(&mut decoder, &block).unwrap();
    // The ring of records has wrapped around somewhere in here.
    for name in &names[..35] {
        decode(&mut decoder, &indexed_literal(name, "again")).unwrap();
    }
    let table = entries(&mut decoder);
    for first in 62..127_u8 {
        for count in [1, 2, 3, 7, 64, 70] {
            let block: Vec<u8> = (0..count)
                .map_while(|newer| first.checked_sub(newer))
                .map(|index| 0x80 | index)
                .collect();
            let dynamic = block.iter().filter(|byte| **byte >= 0xbe);
            let fields = decode(&mut decoder, &block).unwrap_or_default();
            let found: Vec<_> = fields
                .iter()
                .filter(|field| field.name.starts_with(b"name-"))
                .map(|field| {
                    (
                        field.name.escape_ascii().to_string(),
                        field.value.escape_ascii().to_string(),
                    )
                })
                .collect();
            let expected: Vec<_> = dynamic.map(|byte| table[usize::from(byte - 0xbe)].clone()).collect();
            if block.contains(&0x80) {
                continue;
            }
            assert_eq!(found, expected, "{count} from {first}");
        }
    }
}
