use super::*;
use crate::http::Sensitivity;

/// Encodes with one and decodes with the other, and tells the block.
fn check(encoder: &mut Encoder, decoder: &mut Decoder, fields: &Fields) -> Vec<u8> {
    let block = encode(encoder, fields);
    let decoded = decode(decoder, &block).unwrap();
    let pairs = |fields: &Fields| {
        fields
            .iter()
            .map(|field| (field.name.to_vec(), field.value.to_vec()))
            .collect::<Vec<_>>()
    };
    assert_eq!(pairs(&decoded), pairs(fields));
    assert_eq!(entries_of(encoder), entries(decoder));
    block
}

fn entries_of(encoder: &mut Encoder) -> Vec<(String, String)> {
    let table = encoder.table();
    let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let entries = (0..table.len()).map(|age| table.entry(age).unwrap());
    entries.map(|entry| (text(entry.name), text(entry.value))).collect()
}

fn request(path: &str, timeout: &str) -> Fields {
    list(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "stock.svc"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-timeout", timeout),
        ("user-agent", "kitewire"),
    ])
}

#[test]
fn what_comes_again_is_an_index() {
    let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
    let request = request("/shop.Stock/take", "100m");
    let first = check(&mut encoder, &mut decoder, &request);
    assert!(first.len() > 60);
    for _ in 0..3 {
        let block = check(&mut encoder, &mut decoder, &request);
        assert_eq!(block, unhex("83 86 c3 c2 c1 c0 bf be"));
    }
    // Other lists with some of the fields, in other orders and neighbourhoods.
    let shorter = list(&[
        ("te", "trailers"),
        ("user-agent", "kitewire"),
        (":authority", "stock.svc"),
    ]);
    assert_eq!(check(&mut encoder, &mut decoder, &shorter), unhex("c0 be c2"));
    assert_eq!(check(&mut encoder, &mut decoder, &shorter), unhex("c0 be c2"));
    assert_eq!(
        check(&mut encoder, &mut decoder, &request),
        unhex("83 86 c3 c2 c1 c0 bf be")
    );
}

#[test]
fn runs_end_where_something_differs() {
    let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
    check(&mut encoder, &mut decoder, &request("/a", "100m"));
    // A timeout of the same length: a literal with the name's index, and the run goes on behind it.
    for timeout in ["101m", "102m", "103m"] {
        let block = check(&mut encoder, &mut decoder, &request("/a", timeout));
        assert_eq!(block[..8], unhex("83 86 c3 c2 c1 c0 0f 30"));
        assert_eq!(block.last(), Some(&0xbe));
    }
    // Paths of the same length take turns.
    for _ in 0..4 {
        for path in ["/a", "/b", "/c", "/d", "/e"] {
            check(&mut encoder, &mut decoder, &request(path, "100m"));
        }
    }
    let block = check(&mut encoder, &mut decoder, &request("/e", "100m"));
    assert_eq!(block, unhex("83 86 be c6 c5 c4 c3 c2"));
}

#[test]
fn fields_are_represented_by_policy() {
    // The first bits of a field's representation, the first time and the second time.
    let (index, literal, indexed_literal, never) = ("index", "literal", "indexed literal", "never");
    let long = "v".repeat(3072);
    let rows = [
        (":method", "GET", [index, index]),
        (":method", "PUT", [indexed_literal, index]),
        (":path", "/a/b", [indexed_literal, index]),
        (":status", "404", [index, index]),
        (":status", "418", [indexed_literal, index]),
        ("accept-encoding", "gzip, deflate", [index, index]),
        ("accept-encoding", "gzip", [indexed_literal, index]),
        ("content-type", "application/grpc", [indexed_literal, index]),
        ("x-any", "", [indexed_literal, index]),
        ("authorization", "Bearer 7", [never, never]),
        ("proxy-authorization", "Bearer 7", [never, never]),
        ("set-cookie", "a=b", [never, never]),
        ("cookie", "a=012345678901234567", [indexed_literal, index]),
        ("cookie", "a=01234567890123456", [never, never]),
        ("content-length", "7", [literal, literal]),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT", [literal, literal]),
        // Once for its name.
        ("grpc-timeout", "1S", [indexed_literal, index]),
        // Too large: 1 + 3,072 - 33 + 32 bytes are three quarters of the table.
        ("x", &long[33..], [indexed_literal, index]),
        ("x", &long[32..], [literal, literal]),
    ];
    for (name, value, expected) in rows {
        let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
        for expected in expected {
            let fields = list(&[(name, value)]);
            let block = check(&mut encoder, &mut decoder, &fields);
            let found = match block[0] {
                0x80.. => index,
                0x40.. => indexed_literal,
                0x20.. => "size update",
                0x10.. => never,
                _ => literal,
            };
            assert_eq!(found, expected, "{name}: {value}");
        }
    }
}

#[test]
fn sensitive_fields_are_never_indexed() {
    let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
    let mut fields = list(&[("x-token", "7")]);
    check(&mut encoder, &mut decoder, &fields);
    fields.clear();
    // Even where an entry is there, and between fields that make a run.
    fields.push_sensitive("x-token", "7");
    fields.push_sensitive(":method", "GET");
    fields.push_sensitive("x-new", "7");
    let block = encode(&mut encoder, &fields);
    let decoded = decode(&mut decoder, &block).unwrap();
    assert_eq!(decoded, fields);
    assert!(decoded.iter().all(|field| field.sensitivity == Sensitivity::Sensitive));
    assert_eq!(decoder.table().len(), 1);
    // The names of entries are no secret.
    assert_eq!(block[..2], [0x1f, 0x2f]);
}

#[test]
fn size_changes_are_signalled_once() {
    // Settings of the peer, and what the next block begins with.
    for (cap, sizes, expected) in [
        (4096, &[][..], "82"),
        (4096, &[4096], "82"),
        (4096, &[100_000], "82"),
        (4096, &[100], "3f 45 82"),
        (4096, &[0], "20 82"),
        (4096, &[100, 50, 200], "3f 13 3f a9 01 82"),
        (4096, &[0, 4096], "20 3f e1 1f 82"),
        (4096, &[0, 100_000], "20 3f e1 1f 82"),
        // Our own limit, above and below the initial size.
        (8192, &[], "82"),
        (8192, &[100_000], "3f e1 3f 82"),
        (100, &[], "3f 45 82"),
        (100, &[4096], "3f 45 82"),
        (100, &[50], "3f 13 82"),
        (100, &[50, 4096], "3f 13 3f 45 82"),
        (0, &[], "20 82"),
    ] {
        let mut encoder = Encoder::new(cap);
        sizes.iter().for_each(|size| encoder.set_peer_max_table_size(*size));
        let fields = list(&[(":method", "GET")]);
        assert_eq!(encode(&mut encoder, &fields), unhex(expected), "{cap} {sizes:?}");
        assert_eq!(encode(&mut encoder, &fields), [0x82]);
    }
    // Size zero and back, with entries on both sides of it.
    let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
    check(&mut encoder, &mut decoder, &list(&[("a", "b")]));
    encoder.set_peer_max_table_size(0);
    decoder.set_max_table_size(0);
    for _ in 0..2 {
        let block = check(&mut encoder, &mut decoder, &list(&[("a", "b")]));
        assert!(block.ends_with(&unhex("00 01 61 01 62")));
    }
    encoder.set_peer_max_table_size(64);
    decoder.set_max_table_size(64);
    check(&mut encoder, &mut decoder, &list(&[("c", "d"), ("e", "f")]));
    assert_eq!(check(&mut encoder, &mut decoder, &list(&[("e", "f")])), [0xbe]);
}

#[test]
fn numbers_wrap_around() {
    let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
    encoder.table().age_numbers();
    decoder.table().age_numbers();
    for round in 0..60 {
        let name = format!("name-{}", round % 40);
        let fields = list(&[(&name, "value"), ("b", "c"), (&name, &"v".repeat(round)), ("d", "e")]);
        check(&mut encoder, &mut decoder, &fields);
        check(&mut encoder, &mut decoder, &fields);
    }
}

#[test]
fn tables_stay_equal_while_everything_changes() {
    let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
    let mut state = 7_u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % bound
    };
    for _ in 0..3000 {
        if below(20) == 0 {
            let size = [0, 40, 100, 300, 1000, 4096][below(6)];
            encoder.set_peer_max_table_size(size);
            decoder.set_max_table_size(size);
        }
        let mut fields = Fields::new();
        for _ in 0..below(12) {
            let name = format!("name-{}", below(12));
            let value = "v".repeat(below(40)) + &below(30).to_string();
            match below(10) {
                0 => fields.push_sensitive(name, value),
                1 => fields.push("grpc-timeout", value),
                _ => fields.push(name, value),
            }
        }
        check(&mut encoder, &mut decoder, &fields);
    }
    assert!(encoder.capacity() < 4 * 4096 + 1024);
    encoder.set_peer_max_table_size(0);
    assert!(encoder.capacity() < 1024, "{}", encoder.capacity());
}

#[test]
fn nothing_is_held_before_the_first_entry() {
    let mut encoder = Encoder::new(1 << 20);
    encode(
        &mut encoder,
        &list(&[(":method", "GET"), ("content-length", "7"), ("authorization", "a")]),
    );
    assert_eq!(encoder.capacity(), 0);
}

#[test]
fn equal_hashes_cost_a_bounded_search() {
    let (mut encoder, mut decoder) = (Encoder::new(1 << 20), Decoder::new(1 << 20));
    encoder.set_peer_max_table_size(1 << 20);
    // The hash looks at the beginning, the middle and the end.
    let value = |number: usize| format!("12345678{number:08}12345678{}12345678", "-".repeat(8));
    for _ in 0..2 {
        for number in 0..1000 {
            let fields = list(&[("x", &value(number))]);
            let block = encode(&mut encoder, &fields);
            assert_eq!(decode(&mut decoder, &block), Ok(fields));
        }
    }
    assert_eq!(check(&mut encoder, &mut decoder, &list(&[("x", &value(999))])), [0xbe]);
}
