//! The examples of RFC 7541 appendix C.

use super::*;
use crate::http::Sensitivity;
use crate::wire::hpack::integer;

/// A block, what it says, and the dynamic table after it, newest entry first, with its size.
struct Step {
    block: &'static str,
    fields: &'static [(&'static str, &'static str)],
    table: &'static [(&'static str, &'static str)],
    size: usize,
}

fn check(max_table_size: u32, steps: [Step; 3]) {
    let mut decoder = Decoder::new(max_table_size);
    // The examples take the size as agreed; in HTTP/2 the encoder says so.
    let mut agreement = Vec::new();
    integer::encode(&mut agreement, 0x20, 0x1f, max_table_size as usize);
    assert_eq!(decode(&mut decoder, &agreement), Ok(Fields::new()));
    let mut encoder = Encoder::new(max_table_size);
    let mut reader = Decoder::new(4096);
    for Step {
        block,
        fields,
        table,
        size,
    } in steps
    {
        let block = unhex(block);
        let fields = list(fields);
        assert_eq!(decode(&mut decoder, &block).as_ref(), Ok(&fields));
        let found = entries(&mut decoder);
        let found: Vec<_> = found.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        assert_eq!(found, table);
        assert_eq!(decoder.table().size(), size);

        // What our encoder makes of the same fields.
        let read = decode(&mut reader, &encode(&mut encoder, &fields)).unwrap();
        let text = |fields: &Fields| format!("{:?}", names_and_values(fields));
        assert_eq!(text(&read), text(&fields));
    }
}

fn names_and_values(fields: &Fields) -> Vec<(&[u8], &[u8])> {
    fields.iter().map(|field| (field.name, field.value)).collect()
}

#[test]
fn c1_integers() {
    for (bytes, mask, value) in [
        ("0a", 0x1f, 10),
        ("1f9a0a", 0x1f, 1337),
        ("2a", 0xff, 42),
        // The limits of a prefix, of one more byte and of 32 bits.
        ("1e", 0x1f, 30),
        ("1f00", 0x1f, 31),
        ("1f7f", 0x1f, 158),
        ("1f8001", 0x1f, 159),
        ("ff80feffff0f", 0xff, u32::MAX),
        ("7f80ffffff0f", 0x7f, u32::MAX),
    ] {
        let bytes = unhex(bytes);
        let mut rest = &bytes[1..];
        assert_eq!(integer::decode(bytes[0], mask, &mut rest), Ok(value));
        assert!(rest.is_empty());
        let mut out = Vec::new();
        integer::encode(&mut out, 0, mask, value as usize);
        assert_eq!(out, bytes);
    }
    // The bits above the prefix do not count; zeros may follow.
    assert_eq!(integer::decode(0xea, 0x1f, &mut &[][..]), Ok(10));
    assert_eq!(integer::decode(0x1f, 0x1f, &mut &unhex("9a8a8000")[..]), Ok(1337));
    for (bytes, error) in [
        ("", HpackError::Truncated),
        ("80", HpackError::Truncated),
        ("80808080", HpackError::Truncated),
        ("8080808010", HpackError::IntegerOverflow),
        ("e1ffffff0f", HpackError::IntegerOverflow),
        ("808080808000", HpackError::IntegerOverflow),
        ("ffffffffffffffffffffff", HpackError::IntegerOverflow),
    ] {
        assert_eq!(
            integer::decode(0x1f, 0x1f, &mut &unhex(bytes)[..]),
            Err(error),
            "{bytes}"
        );
    }
}

#[test]
fn c2_header_fields() {
    let mut decoder = Decoder::new(4096);
    let block = unhex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572");
    let expected = list(&[("custom-key", "custom-header")]);
    assert_eq!(decode(&mut decoder, &block), Ok(expected));
    assert_eq!(
        entries(&mut decoder),
        [("custom-key".to_owned(), "custom-header".to_owned())]
    );
    assert_eq!(decoder.table().size(), 55);

    let mut decoder = Decoder::new(4096);
    let block = unhex("040c 2f73 616d 706c 652f 7061 7468");
    assert_eq!(decode(&mut decoder, &block), Ok(list(&[(":path", "/sample/path")])));
    assert_eq!(decoder.table().len(), 0);

    let block = unhex("1008 7061 7373 776f 7264 0673 6563 7265 74");
    let fields = decode(&mut decoder, &block).unwrap();
    let field = fields.iter().next().unwrap();
    assert_eq!((field.name, field.value), (&b"password"[..], &b"secret"[..]));
    assert_eq!(field.sensitivity, Sensitivity::Sensitive);
    assert_eq!(decoder.table().len(), 0);

    assert_eq!(decode(&mut decoder, &[0x82]), Ok(list(&[(":method", "GET")])));
    assert_eq!(decoder.table().len(), 0);
}

const REQUEST_1: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
];
const REQUEST_2: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
    ("cache-control", "no-cache"),
];
const REQUEST_3: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/index.html"),
    (":authority", "www.example.com"),
    ("custom-key", "custom-value"),
];
const REQUEST_TABLE: &[(&str, &str)] = &[
    ("custom-key", "custom-value"),
    ("cache-control", "no-cache"),
    (":authority", "www.example.com"),
];

fn requests(blocks: [&'static str; 3]) -> [Step; 3] {
    let [first, second, third] = blocks;
    [
        (first, REQUEST_1, &REQUEST_TABLE[2..], 57),
        (second, REQUEST_2, &REQUEST_TABLE[1..], 110),
        (third, REQUEST_3, REQUEST_TABLE, 164),
    ]
    .map(step)
}

const DATE_1: &str = "Mon, 21 Oct 2013 20:13:21 GMT";
const DATE_2: &str = "Mon, 21 Oct 2013 20:13:22 GMT";
const LOCATION: &str = "https://www.example.com";
const COOKIE: &str = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";

const RESPONSE_1: &[(&str, &str)] = &[
    (":status", "302"),
    ("cache-control", "private"),
    ("date", DATE_1),
    ("location", LOCATION),
];
const RESPONSE_2: &[(&str, &str)] = &[
    (":status", "307"),
    ("cache-control", "private"),
    ("date", DATE_1),
    ("location", LOCATION),
];
const RESPONSE_3: &[(&str, &str)] = &[
    (":status", "200"),
    ("cache-control", "private"),
    ("date", DATE_2),
    ("location", LOCATION),
    ("content-encoding", "gzip"),
    ("set-cookie", COOKIE),
];
const RESPONSE_TABLE: &[(&str, &str)] = &[
    (":status", "307"),
    ("location", LOCATION),
    ("date", DATE_1),
    ("cache-control", "private"),
    (":status", "302"),
];
const LAST_RESPONSE_TABLE: &[(&str, &str)] = &[("set-cookie", COOKIE), ("content-encoding", "gzip"), ("date", DATE_2)];

fn responses(blocks: [&'static str; 3]) -> [Step; 3] {
    let [first, second, third] = blocks;
    [
        (first, RESPONSE_1, &RESPONSE_TABLE[1..], 222),
        (second, RESPONSE_2, &RESPONSE_TABLE[..4], 222),
        (third, RESPONSE_3, LAST_RESPONSE_TABLE, 215),
    ]
    .map(step)
}

type Pairs = &'static [(&'static str, &'static str)];

fn step((block, fields, table, size): (&'static str, Pairs, Pairs, usize)) -> Step {
    Step {
        block,
        fields,
        table,
        size,
    }
}

#[test]
fn c3_requests() {
    check(
        4096,
        requests([
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ]),
    );
}

const REQUESTS_IN_HUFFMAN: [&str; 3] = [
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    "8286 84be 5886 a8eb 1064 9cbf",
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
];

#[test]
fn c4_requests_in_huffman() {
    check(4096, requests(REQUESTS_IN_HUFFMAN));
    // Our encoder does the same as the one of the examples.
    let mut encoder = Encoder::new(4096);
    for step in requests(REQUESTS_IN_HUFFMAN) {
        assert_eq!(encode(&mut encoder, &list(step.fields)), unhex(step.block));
    }
}

#[test]
fn c5_responses_with_eviction() {
    check(
        256,
        responses([
            "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 \
             474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "4803 3330 37c1 c0bf",
            "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 \
             666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 \
             3630 303b 2076 6572 7369 6f6e 3d31",
        ]),
    );
}

#[test]
fn c6_responses_in_huffman_with_eviction() {
    check(
        256,
        responses([
            "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 \
             63c7 8f0b 97c8 e9ae 82ae 43d3",
            "4883 640e ffc1 c0bf",
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 \
             b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        ]),
    );
}
