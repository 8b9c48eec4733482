//! Tests of the Thrift runtime.

#![expect(clippy::disallowed_types, reason = "hash containers are tested too")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

use bytes::Bytes;

use super::*;
use crate::error::{DecodeErrorKind, EncodeError};
use crate::exception::{ApplicationException, ExceptionType};

#[test]
fn values_have_kitex_bytes() {
    check(&true, "01");
    check(&false, "00");
    check(&-2_i8, "fe");
    check(&-2_i16, "fffe");
    check(&0x0102_0304_i32, "01020304");
    check(&-1_i64, "ffffffffffffffff");
    check(&1.5_f64, "3ff8000000000000");
    check(&"hi".to_owned(), "00000002 6869");
    check(&Text::from("hi"), "00000002 6869");
    check(&Bytes::from_static(b"\xff"), "00000001 ff");
    check(&Uuid([7; 16]), "07070707070707070707070707070707");
    check(&vec![1_i32, 2], "08 00000002 00000001 00000002");
    check(&Vec::<String>::new(), "0b 00000000");
    check(&Set::from(["a".to_owned()]), "0b 00000001 00000001 61");
    check(
        &Map::from([(0.5_f64, vec![true])]),
        "04 0f 00000001 3fe0000000000000 02 00000001 01",
    );
    check(&HashMap::from([(1_i8, 2_i16)]), "03 06 00000001 01 0002");
    check(&HashSet::from([3_i8]), "03 00000001 03");
    check(&BTreeMap::from([(1_i8, Node::default())]), "03 0c 00000001 01 00");
}

#[test]
fn a_bool_other_than_one_is_false_as_in_kitex() {
    for (byte, expected) in [(0, false), (1, true), (2, false), (0xff, false)] {
        assert_eq!(bool::read(&mut Reader::new(&[byte], 1)), Ok(expected));
    }
}

#[test]
fn application_exceptions_are_read_in_any_order() {
    let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, "biz error: boom");
    let bytes = hex("0b0001 0000000f 62697a206572726f723a20626f6f6d 080002 00000006 00");
    assert_eq!(encode(&exception), bytes);
    for text in [
        "0b0001 0000000f 62697a206572726f723a20626f6f6d 080002 00000006 00",
        "080002 00000006 0b0001 0000000f 62697a206572726f723a20626f6f6d 00",
        "080001 00000009 0c0007 00 080002 00000006 0b0001 0000000f 62697a206572726f723a20626f6f6d 00",
    ] {
        assert_eq!(decode(&hex(text).into(), 8), Ok(exception.clone()));
    }
    let repaired: ApplicationException = decode(&hex("0b0001 00000001 ff 00").into(), 8).unwrap();
    assert_eq!(repaired, ApplicationException::new(ExceptionType::UNKNOWN, "\u{fffd}"));
}

#[test]
fn refusals_say_what_and_where() {
    use DecodeErrorKind::*;
    let rows: [(&str, DecodeErrorKind, u32); 14] = [
        ("", UnexpectedEnd, 0),
        ("0b", UnexpectedEnd, 1),
        ("0b00", UnexpectedEnd, 2),
        ("01 0001", UnknownType(1), 0),
        ("63 0001", UnknownType(0x63), 0),
        ("0b0001 ffffffff", NegativeLength(-1), 3),
        ("0b0001 00000003 6869", LengthTooLarge(3), 3),
        ("0b0001 00000001 ff", InvalidUtf8, 7),
        (
            "0f0002 0b 00000001 00000000",
            TypeMismatch {
                expected: 12,
                found: 11,
            },
            3,
        ),
        ("0f0002 01 00000001 00", UnknownType(1), 3),
        ("0f0002 0c 7fffffff 00", LengthTooLarge(0x7fff_ffff), 4),
        ("0f0002 0c fffffffe 00", NegativeLength(-2), 4),
        ("0d0063 0b63 00000001 0000000000", UnknownType(0x63), 4),
        ("0e0063 0a 7fffffff 00", LengthTooLarge(0x7fff_ffff), 4),
    ];
    for (text, kind, offset) in rows {
        let error = decode::<Node>(&hex(text).into(), 64).unwrap_err();
        assert_eq!((error.kind, error.offset), (kind, offset), "{text}: {error}");
    }
    let error = decode::<Node>(&hex("0f0002 0c 00000001 0b0001 00000001 ff").into(), 64).unwrap_err();
    assert_eq!(error.to_string(), "Node.label: string is not UTF-8 at offset 15");
    let error = Reader::new(&[], 1)
        .required(None::<i32>, &("Node", "label"))
        .unwrap_err();
    assert_eq!(error.to_string(), "Node.label: required field is not set at offset 0");
}

#[test]
fn empty_containers_may_have_any_element_type() {
    for text in ["00 00 00000000", "0b 00 00000000", "63 63 00000000"] {
        assert_eq!(Map::<i32, i32>::read(&mut Reader::new(&hex(text), 8)), Ok(Map::new()));
    }
    for text in ["00 00000000", "0c 00000000"] {
        assert_eq!(Vec::<i32>::read(&mut Reader::new(&hex(text), 8)), Ok(Vec::new()));
    }
    for body in ["0d0001 0000 00000000 00", "0f0001 00 00000000 00"] {
        assert_eq!(walk(&hex(body), 8), Ok(Some(hex(body).len())));
        assert_eq!(decode(&hex(body).into(), 8), Ok(Node::default()));
    }
}

#[test]
fn a_field_of_another_type_is_unknown() {
    let bytes = hex("080001 00000007 0b0002 00000001 61 00");
    assert_eq!(decode(&bytes.into(), 8), Ok(Node::default()));
}

#[test]
fn large_binary_is_shared_and_small_copied() {
    let mut out = Output::new();
    let large = Bytes::from(vec![7; 8192]);
    let mut writer = Writer::new(&mut out);
    writer.binary(&large);
    writer.binary(&Bytes::from_static(b"small"));
    writer.value(3, &Text::from("text"));
    let body = Bytes::from(out.to_vec());
    let within = |bytes: &[u8]| body.as_ptr_range().contains(&bytes.as_ptr());
    let mut reader = Reader::shared(&body, 8);
    let read = reader.binary().unwrap();
    assert!(within(&read) && read == large);
    let read = reader.binary().unwrap();
    assert!(!within(&read) && read == b"small"[..]);
    reader.field().unwrap();
    let read = reader.text().unwrap();
    assert!(within(read.as_bytes()) && read == "text");
    assert!(!within(&Reader::new(&body, 8).binary().unwrap()));
}

#[test]
fn unknown_fields_come_out_as_they_went_in() {
    let known = "0b0001 00000001 61";
    let unknown = [
        "0d0009 0b0c 00000001 00000001 6b 0c0001 00 00",
        "02ffff 01",
        "10012c 000102030405060708090a0b0c0d0e0f",
    ];
    let bytes = hex(&format!("{} {known} {} {} 00", unknown[0], unknown[1], unknown[2]));
    let mut reader = Reader::new(&bytes, 8);
    let mut kept = UnknownFields::new();
    reader.struct_begin().unwrap();
    while let Some(field) = reader.field().unwrap() {
        match field.id {
            1 => reader.skip(field.kind).unwrap(),
            _ => reader.skip_into(field, &mut kept).unwrap(),
        }
    }
    let ids: Vec<_> = kept
        .iter()
        .map(|(field, value)| (field.id, field.kind, value.len()))
        .collect();
    assert_eq!(ids, [(9, Type::Map, 16), (-1, Type::Bool, 1), (300, Type::Uuid, 16)]);
    let mut out = Output::new();
    kept.write(&mut Writer::new(&mut out));
    assert_eq!(out.to_vec(), hex(&unknown.concat()));
}

#[test]
fn skipping_finds_the_same_end_at_every_split() {
    for text in BODIES {
        let mut bytes = hex(text);
        let whole = bytes.len();
        bytes.extend_from_slice(b"next");
        assert_eq!(walk(&bytes, 64), Ok(Some(whole)), "{text}");
        assert_eq!(skip_all(&bytes, 64), Ok(whole), "{text}");
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let mut skipper = Skipper::new(64);
                for end in [first, second, bytes.len()] {
                    let found = skipper.advance(&bytes[..end]).unwrap();
                    assert_eq!(
                        found,
                        (end >= whole).then_some(whole),
                        "{text} cut at {first}, {second}"
                    );
                }
            }
        }
        let mut skipper = Skipper::new(64);
        for end in 0..whole {
            assert_eq!(skipper.advance(&bytes[..end]), Ok(None), "{text} byte by byte, {end}");
        }
        assert_eq!(skipper.advance(&bytes), Ok(Some(whole)));
        assert_eq!(skipper.advance(&bytes), Ok(Some(whole)), "asked again");
    }
}

#[test]
fn nesting_is_limited_in_structs_and_containers() {
    for (deep, level) in [
        ("0c0001", 1),
        ("0f0001 0f00000001 0c00000001", 3),
        ("0d0001 0b0d00000001 00000000 0b0c00000001 00000000", 3),
    ] {
        let (level, deep): (usize, String) = (level, deep.repeat(200));
        let bytes = hex(&deep);
        let error = walk(&bytes, 64).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::DepthExceeded(64), "{level}");
        assert_eq!(skip_all(&bytes, 64).unwrap_err(), error);
    }
    let chain = |levels: usize| hex(&format!("{}{}", "0c0001".repeat(levels - 1), "00".repeat(levels)));
    assert_eq!(walk(&chain(64), 64), Ok(Some(chain(64).len())));
    assert_eq!(
        walk(&chain(65), 64).unwrap_err().kind,
        DecodeErrorKind::DepthExceeded(64)
    );
    assert_eq!(walk(&chain(65), 65), Ok(Some(chain(65).len())));
    let nested = |levels: usize| {
        hex(&format!(
            "{}{}",
            "0f0002 0c00000001".repeat(levels),
            "00".repeat(levels + 1)
        ))
    };
    assert!(decode::<Node>(&nested(3).into(), 7).is_ok());
    assert_eq!(
        decode::<Node>(&nested(3).into(), 6).unwrap_err().kind,
        DecodeErrorKind::DepthExceeded(6)
    );
    assert!(Skipper::new(0).advance(&[0]).is_err());
}

#[test]
fn a_limited_skipper_refuses_early() {
    let text = hex("0b0001 00010000");
    assert_eq!(Skipper::new(64).advance(&text), Ok(None));
    let error = Skipper::new(64).limit(65_536).advance(&text).unwrap_err();
    assert_eq!((error.kind, error.offset), (DecodeErrorKind::LengthTooLarge(65_536), 3));
    let list = hex("0f0001 0a 00010000");
    assert!(Skipper::new(64).limit(524_288).advance(&list).is_err());
    assert!(Skipper::new(64).limit(524_296).advance(&list).is_ok());
}

#[test]
fn random_bytes_never_panic_and_both_walks_agree() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..40_000 {
        let mut bytes = match round % 3 {
            0 => vec![0; random.below(40)],
            _ => hex(BODIES[random.below(BODIES.len())]),
        };
        for byte in bytes.iter_mut() {
            if round % 3 == 0 || random.below(12) == 0 {
                let range = if random.below(4) == 0 { 256 } else { 17 };
                *byte = u8::try_from(random.below(range)).unwrap();
            }
        }
        let whole = skip_all(&bytes, 8);
        let grown = {
            let mut skipper = Skipper::new(8);
            (0..=bytes.len())
                .map(|end| skipper.advance(&bytes[..end]))
                .find(|step| *step != Ok(None))
        };
        match (whole, grown) {
            (Ok(length), grown) => assert_eq!(grown, Some(Ok(Some(length)))),
            (Err(_), Some(Err(_)) | None) => {}
            (whole, grown) => panic!("{bytes:?}: {whole:?} but {grown:?}"),
        }
        let body = Bytes::from(bytes);
        if let Ok(node) = decode::<Node>(&body, 8) {
            assert_eq!(decode(&encode(&node).into(), 8), Ok(node));
        }
        let _ = decode::<ApplicationException>(&body, 8);
        let _ = Map::<String, Vec<Set<i32>>>::read(&mut Reader::new(&body, 8));
    }
}

#[test]
fn maps_and_sets_keep_order_and_compare_without_it() {
    let mut map = Map::from([("b", 1), ("a", 2)]);
    assert_eq!(map, Map::from([("a", 2), ("b", 1)]));
    assert_ne!(map, Map::from([("a", 2), ("b", 2)]));
    assert_eq!(map.insert("b", 3), Some(1));
    map.push("b", 4);
    assert_eq!((map.get("b"), map.get("z")), (Some(&4), None));
    assert_eq!(map.keys().copied().collect::<String>(), "bab");
    assert_eq!(format!("{map:?}"), r#"{"b": 3, "a": 2, "b": 4}"#);
    let mut set = Set::from([2, 1]);
    assert!(set.insert(3) && !set.insert(3) && set.contains(&1));
    assert_eq!(set, Set::from([1, 2, 3]));
    assert_eq!(set.into_iter().collect::<Vec<_>>(), [2, 1, 3]);
}

#[test]
fn a_text_hashes_as_its_str() {
    let map = HashMap::from([(Text::from("key"), 1)]);
    assert_eq!(map.get("key"), Some(&1));
}

#[test]
fn unions_have_at_most_one_field() {
    let read = |text: &str| {
        Reader::new(&hex(text), 4).union(|input, field| match field.id {
            1 => input.i8(),
            _ => input.skip(field.kind).map(|()| -1),
        })
    };
    assert_eq!(read("00"), Ok(0));
    assert_eq!(read("030001 07 00"), Ok(7));
    assert_eq!(read("020002 01 00"), Ok(-1));
    let error = read("030001 07 020002 01 00").unwrap_err();
    assert_eq!((error.kind, error.offset), (DecodeErrorKind::InvalidUnion(2), 9));
}

#[test]
fn the_first_missing_field_is_named() {
    let reader = Reader::new(&[], 1);
    let names: [FieldName; 2] = [&("Msg", "a"), &("Msg", "b")];
    assert_eq!(reader.require([true, true], names), Ok(()));
    let error = reader.require([true, false], names).unwrap_err();
    assert_eq!(error.to_string(), "Msg.b: required field is not set at offset 0");
}

#[test]
fn uuids_have_a_text_form() {
    let text = "01234567-89ab-cdef-0123-456789abcdef";
    let uuid: Uuid = text.to_uppercase().parse().unwrap();
    assert_eq!((uuid.0[0], uuid.0[15], uuid.to_string().as_str()), (1, 0xef, text));
    for wrong in [
        "",
        "01234567-89ab-cdef-0123-456789abcde",
        "0123456789abcdef0123456789abcdef",
        "é1234567-89ab-cdef-0123-456789abcdef",
    ] {
        assert_eq!(wrong.parse::<Uuid>(), Err(InvalidUuid), "{wrong}");
    }
}

#[test]
fn a_failed_write_sticks() {
    let mut out = Output::new();
    Writer::new(&mut out).fail(EncodeError::NoWireForm("Union"));
    assert_eq!(out.take_error(), Some(EncodeError::NoWireForm("Union")));
}

/// A recursive struct as the generator writes it.
#[derive(Debug, Default, PartialEq)]
struct Node {
    label: Option<String>,
    kids: Vec<Self>,
}

impl Struct for Node {
    const NAME: &'static str = "Node";

    fn encode(&self, out: &mut Writer<'_>) {
        out.optional(1, &self.label);
        if !self.kids.is_empty() {
            out.value(2, &self.kids);
        }
        out.stop();
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut value = Self::default();
        input.struct_begin()?;
        while let Some(field) = input.field()? {
            match (field.id, field.kind) {
                (1, Type::String) => value.label = Some(input.value(&("Node", "label"))?),
                (2, Type::List) => value.kids = input.value(&("Node", "kids"))?,
                _ => input.skip(field.kind)?,
            }
        }
        Ok(value)
    }
}

/// Bytes from hex digits; spaces are for the eye.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|digit| *digit != ' ')
        .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Small and quick; the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

fn check<T: Value + PartialEq + Debug>(value: &T, text: &str) {
    let mut out = Output::new();
    value.write(&mut Writer::new(&mut out));
    let bytes = hex(text);
    assert_eq!(out.to_vec(), bytes, "{value:?}");
    let mut reader = Reader::new(&bytes, 8);
    assert_eq!(T::read(&mut reader).as_ref(), Ok(value));
    assert_eq!((reader.remaining(), reader.position()), (0, bytes.len()));
    for cut in 0..bytes.len() {
        assert!(
            T::read(&mut Reader::new(&bytes[..cut], 8)).is_err(),
            "{value:?} cut at {cut}"
        );
    }
    let mut reader = Reader::new(&bytes, 8);
    reader.skip(T::TYPE).unwrap();
    assert_eq!(reader.remaining(), 0, "skipping {value:?}");
}

fn encode<T: Struct>(value: &T) -> Vec<u8> {
    let mut out = Output::new();
    value.encode(&mut Writer::new(&mut out));
    out.to_vec()
}

/// The end of a struct, found in growing input.
fn walk(bytes: &[u8], max_depth: u16) -> Result<Option<usize>, DecodeError> {
    Skipper::new(max_depth).advance(bytes)
}

/// The end of a struct, found by the reader.
fn skip_all(bytes: &[u8], max_depth: u16) -> Result<usize, DecodeError> {
    let mut reader = Reader::new(bytes, max_depth);
    reader.skip(Type::Struct)?;
    Ok(reader.position())
}

/// Structs that hold every kind of value.
const BODIES: [&str; 9] = [
    "00",
    "0c0001 0b0001 00000002 6869 00 00",
    "020001 01 030002 ff 060003 0102 080004 01020304 0a0005 0102030405060708 040006 3ff8000000000000 00",
    "100007 000102030405060708090a0b0c0d0e0f 0b0008 00000000 00",
    "0f0001 0b 00000002 00000001 61 00000000 0e0002 0c 00000002 00 0c0001 00 00 00",
    "0d0001 080a 00000002 00000001 0000000000000001 00000002 0000000000000002 00",
    "0d0001 0c0f 00000002 00 08 00000001 00000007 080001 00000001 00 0b 00000000 00",
    "0f0001 0f 00000002 0d 00000001 0b02 00000001 00000001 6b 01 0d 00000000 00",
    "0b0001 00000001 61 0f0002 0c 00000002 0b0001 00000001 62 00 0f0002 0c 00000001 00 00 00",
];
