//! Values of generated types, there and back.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

use kitewire::bytes::Bytes;
use kitewire::proto::{DecodeErrorKind, Output};
use kitewire::thrift::{self, DecodeError, Field, Map, Set, Struct, Type, UnknownFields, Uuid, Writer};
use kitewire_build_generated::everything::base::{self, Color, Refused};
use kitewire_build_generated::everything::{self, Choice, Containers, Defaults, Empty, Everything, Keeper, Preset};
use kitewire_build_generated::{everything_in_trees, pingpong, pingpong_shared};

#[test]
fn everything_goes_there_and_back() {
    let value = sample();
    there_and_back(&value);
    there_and_back(&Everything::default());
    there_and_back(&Everything {
        negative: Some(0),
        wide: None,
        ..sample()
    });
    let body = encode(&value);
    for cut in 0..body.len() {
        assert!(
            thrift::decode::<Everything>(&body.slice(..cut), 64).is_err(),
            "cut at {cut}"
        );
    }
}

#[test]
fn fields_are_written_as_kitex_writes_them() {
    let message = pingpong::Refused {
        code: 11,
        why: Some("busy".to_owned()),
    };
    assert_eq!(encode(&message), b"\x08\0\x01\0\0\0\x0b\x0b\0\x02\0\0\0\x04busy\0"[..]);
    let all = pingpong::All {
        optional_default: None,
        optional_default_changed: Some(0),
        ..Default::default()
    };
    let read: pingpong::All = decode(&encode(&all)).unwrap();
    assert_eq!(
        read.optional_default.as_deref(),
        Some("dflt"),
        "what is absent has its default"
    );
    assert_eq!(
        (read.optional_default_changed, read.with_default, read.plain),
        (Some(0), 7, 0)
    );
}

#[test]
fn defaults_are_those_of_the_idl() {
    let value = Defaults::default();
    assert_eq!(
        (value.number, value.text.as_str(), &value.numbers),
        (16, "say \"hi\"\n\\o/", &vec![1, 16, 3])
    );
    assert_eq!(
        (value.point.clone(), value.plain_point.clone()),
        (point(7, 16), point(0, 16))
    );
    assert_eq!((value.color, value.yes, value.plain), (Color::Azure, true, 0));
    assert_eq!(value.plain_choice, Choice::Unknown(UnknownFields::new()));
    assert_eq!(value.preset, Preset::Number(3));
    assert_eq!((value.maybe, value.maybe_text.as_deref()), (Some(5), Some("dflt")));
    assert_eq!(value.maybe_point, Some(point(0, 16)));
    assert_eq!(decode::<Defaults>(&Bytes::from_static(b"\0")).unwrap(), value);
    let written = encode(&value);
    assert!(
        !written
            .windows(3)
            .any(|bytes| matches!(bytes, [8, 0, 20] | [11, 0, 21 | 22])),
        "defaults are not written"
    );
    there_and_back(&value);
    there_and_back(&Defaults {
        maybe: Some(6),
        maybe_text: Some(String::new()),
        maybe_list: Some(Vec::new()),
        maybe_map: Some(Map::from([("a".to_owned(), 1)])),
        maybe_point: Some(point(1, 1)),
        ..Defaults::default()
    });
    let unset = Defaults {
        maybe: None,
        maybe_list: None,
        ..Defaults::default()
    };
    assert_eq!(decode::<Defaults>(&encode(&unset)).unwrap(), Defaults::default());
}

#[test]
fn constants_are_those_of_the_idl() {
    use everything::*;
    assert_eq!((YES, ONE, SMALL, SHORT, LARGE), (true, true, -128, 15, i64::MIN));
    assert_eq!((HALF, EXPONENT, WHOLE), (0.5, -0.001, 2.0));
    assert_eq!((GREETING, QUOTED, MAGIC), ("say \"hi\"\n\\o/", "it's", &b"\\x"[..]));
    assert_eq!(
        (FAVOURITE, BARE, ODD, BORROWED, FROM_ENUM),
        (Color::Green, Color::Red, Color::Unknown(77), 16, -3)
    );
    assert_eq!(ID.to_string(), "01234567-89ab-cdef-0123-456789abcdef");
    assert_eq!(NUMBERS[..], [1, 16, 3]);
    assert!(WORDS.contains("b") && TABLE.get("one").is_some_and(|row| row == &[1.0]));
    assert_eq!(PATH[..], [point(0, 16), point(1, 2)]);
    assert_eq!(*CHOSEN, Choice::Text(GREETING.to_owned()));
    assert_eq!(PALETTE.get(&Color::Green), Some(&Set::new()));
    assert_eq!(base::HEIGHT, 1.5);
}

#[test]
fn an_absent_required_field_is_named() {
    assert_eq!(
        text(decode::<base::Point>(&Bytes::from_static(b"\0"))),
        "Point.x: required field is not set at offset 1"
    );
    let half = Bytes::from_static(b"\x08\0\x01\0\0\0\x01\x0b\0\x02\0\0\0\0\0");
    assert_eq!(
        text(decode::<base::Point>(&half)),
        "Point.y: required field is not set at offset 15"
    );
    let inner = Bytes::from_static(b"\x0c\0\x04\0\0");
    assert_eq!(
        text(decode::<Defaults>(&inner)),
        "Point.x: required field is not set at offset 4"
    );
}

#[test]
fn strings_are_checked_unless_they_are_bytes() {
    let invalid = Bytes::from_static(b"\x0b\0\x01\0\0\0\x01\xff\0");
    assert_eq!(
        text(decode::<pingpong::Msg>(&invalid)),
        "Msg.text: string is not UTF-8 at offset 7"
    );
    assert_eq!(
        text(decode::<pingpong_shared::Msg>(&invalid)),
        "Msg.text: string is not UTF-8 at offset 7"
    );
    let bytes: everything_in_trees::WithMessage = decode(&invalid).unwrap();
    assert_eq!(bytes.message, b"\xff"[..]);
    let strings = everything::Strings {
        as_bytes: Bytes::from_static(b"\xff"),
        as_text: "t".into(),
        ..Default::default()
    };
    assert_eq!(strings.text_default.as_deref(), Some("t"));
    assert_eq!(strings.bytes_default.as_deref(), Some(&b"b"[..]));
    there_and_back(&strings);
    let shared = encode(&pingpong_shared::Msg {
        text: "shared".into(),
        ..Default::default()
    });
    let read: pingpong_shared::Msg = decode(&shared).unwrap();
    assert!(shared.as_ptr_range().contains(&read.text.as_bytes().as_ptr()));
}

#[test]
fn unknown_fields_are_kept_where_that_is_asked_for() {
    let body = Bytes::from_static(b"\x0b\0\x01\0\0\0\x01a\x0f\0\x09\x0b\0\0\0\x01\0\0\0\x01b\x02\0\x01\x01\0");
    let keeper: Keeper = decode(&body).unwrap();
    assert_eq!((keeper.known.as_str(), keeper.unknown_fields_2.len()), ("a", 2));
    assert_eq!(encode(&keeper), body);
    let kept: pingpong_shared::Msg = decode(&body).unwrap();
    assert_eq!(encode(&kept), body);
    let skipped: pingpong::Msg = decode(&body).unwrap();
    assert_eq!(
        encode(&skipped),
        body.slice(..8).iter().chain(b"\0").copied().collect::<Bytes>()
    );
}

#[test]
fn unions_hold_one_field_or_one_unknown() {
    for choice in [
        Choice::Number(1),
        Choice::Text("x".to_owned()),
        Choice::List(vec![Choice::Number(2), Choice::default()]),
        Choice::Choice(Box::new(Choice::Point(point(1, 2)))),
        Choice::default(),
    ] {
        there_and_back(&choice);
    }
    let unknown = Bytes::from_static(b"\x02\0\x63\x01\0");
    let read: Choice = decode(&unknown).unwrap();
    let Choice::Unknown(fields) = &read else {
        panic!("{read:?}")
    };
    let id = fields.iter().next().map(|(field, _)| field);
    assert_eq!(
        id,
        Some(Field {
            id: 99,
            kind: Type::Bool
        })
    );
    assert_eq!(encode(&read), unknown);
    let two = Bytes::from_static(b"\x08\0\x01\0\0\0\x01\x0b\0\x02\0\0\0\0\0");
    assert_eq!(
        decode::<Choice>(&two).unwrap_err().kind,
        DecodeErrorKind::InvalidUnion(2)
    );
    assert_eq!(decode::<Preset>(&Bytes::from_static(b"\0")).unwrap(), Preset::Number(3));
    assert_eq!(
        Preset::Unknown("the IDL's own".to_owned()),
        decode(&Bytes::from_static(b"\x0b\0\x02\0\0\0\x0dthe IDL's own\0")).unwrap()
    );
}

#[test]
fn enums_know_other_numbers() {
    assert_eq!(
        (Color::from(-3), Color::from(9), Color::default()),
        (Color::Azure, Color::Unknown(9), Color::Unknown(0))
    );
    assert_eq!((Color::Azure.number(), Color::Unknown(9).number()), (-3, 9));
    let units = everything::Unit::from(5);
    assert_eq!(
        (units, everything::Unit::default()),
        (everything::Unit::Other(5), everything::Unit::Unknown)
    );
}

#[test]
fn recursive_types_are_boxed_and_limited() {
    let leaf = everything::Tree {
        label: "leaf".to_owned(),
        ..Default::default()
    };
    let mut tree = everything::Tree {
        kids: Some(vec![leaf.clone()]),
        ..leaf.clone()
    };
    for _ in 0..20 {
        tree = everything::Tree {
            next: Some(Box::new(tree)),
            ..leaf.clone()
        };
    }
    there_and_back(&tree);
    for _ in 0..50 {
        tree = everything::Tree {
            next: Some(Box::new(tree)),
            ..leaf.clone()
        };
    }
    assert_eq!(
        decode::<everything::Tree>(&encode(&tree)).unwrap_err().kind,
        DecodeErrorKind::DepthExceeded(64)
    );
    let forest = everything::Forest::default();
    assert_eq!((forest.leaf.tree, forest.leaf.other.value), (None, 0));
}

#[test]
fn containers_are_those_that_were_asked_for() {
    let value = Containers {
        hashed: HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]),
        hashed_set: HashSet::from([point(1, 2)]),
        sorted: BTreeMap::from([("z".to_owned(), vec![[3, 1].into()])]),
        ordered: Map::from([(1.5, 1), (0.5, 2)]),
        inner: vec![HashMap::from([(1, "one".to_owned())])],
        of_typedef: HashMap::from([("n".to_owned(), everything::Color2::B)]),
    };
    there_and_back(&value);
    let keys: Vec<f64> = decode::<Containers>(&encode(&value))
        .unwrap()
        .ordered
        .keys()
        .copied()
        .collect();
    assert_eq!(keys, [1.5, 0.5], "the order of the wire");
    let shared = pingpong_shared::All {
        f_map: HashMap::from([("k".into(), 1)]),
        ..Default::default()
    };
    there_and_back(&shared);
}

#[test]
fn names_that_rust_keeps_for_itself_can_be_used() {
    let value = everything::Type {
        r#type: Some("a".to_owned()),
        self_: Some("b".to_owned()),
        self_2: Some("c".to_owned()),
        r#match: Some("d".to_owned()),
        r#async: Some(1),
        foo_bar: Some(2),
        foo_bar_2: Some(3),
        input: Some(4),
        value: Some(5),
        seen: Some(6),
        field: Some(7),
        call: Some(8),
        blank: Some("e".to_owned()),
    };
    there_and_back(&value);
    there_and_back(&everything::Vec {
        options: vec![everything::Option {
            text: Some("x".to_owned()),
        }],
    });
    there_and_back(&everything::Box {
        r#box: Some(Box::new(everything::Box::default())),
    });
    assert_eq!(everything::String::default().text, "s");
}

#[test]
fn fields_without_ids_count_from_the_one_before() {
    let value = everything::ImplicitIds {
        second: Some(2),
        ..Default::default()
    };
    assert_eq!(
        encode(&value),
        b"\x0b\0\x01\0\0\0\0\x08\0\x02\0\0\0\x02\x08\0\x07\0\0\0\0\x08\0\x08\0\0\0\0\0"[..]
    );
}

#[test]
fn exceptions_are_errors() {
    let with_message = everything::WithMessage {
        message: "no".to_owned(),
    };
    let error: &dyn std::error::Error = &with_message;
    assert_eq!(error.to_string(), "WithMessage: no");
    assert_eq!(
        Refused { code: 1, why: None }.to_string(),
        "Refused { code: 1, why: None }"
    );
}

#[test]
fn random_bytes_never_panic() {
    let body = encode(&sample());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % u64::try_from(end).unwrap()).unwrap()
    };
    for _ in 0..30_000 {
        let mut bytes = body.to_vec();
        for _ in 0..=below(4) {
            let at = below(bytes.len());
            bytes[at] = u8::try_from(below(256)).unwrap();
        }
        if let Ok(value) = decode::<Everything>(&bytes.into()) {
            // Not a number is not itself.
            let again: Everything = decode(&encode(&value)).unwrap();
            assert_eq!(format!("{again:?}"), format!("{value:?}"));
        }
    }
}

fn sample() -> Everything {
    Everything {
        f_bool: true,
        f_byte: -1,
        f_i8: 2,
        f_i16: -3,
        f_i32: 4,
        f_i64: -5,
        f_double: 6.5,
        f_string: "größe".to_owned(),
        f_binary: Bytes::from_static(b"\0\xff"),
        f_uuid: Uuid([9; 16]),
        f_enum: Color::Azure,
        f_typedef: "name".to_owned(),
        f_list: vec![true, false],
        f_set: Set::from([2.5, 1.5]),
        f_map: Map::from([(0.5, "half".to_owned())]),
        f_nested: Map::from([(point(1, 2), vec![Map::from([("a".to_owned(), Set::from([1, 2]))])])]),
        f_list_keys: Map::from([(vec![1, 2], point(3, 4))]),
        f_palette: Map::from([(Color::Unknown(9), Set::from([0.25]))]),
        f_choice: Choice::List(vec![Choice::Number(7)]),
        f_exception: Refused {
            code: 8,
            why: Some("why".to_owned()),
        },
        f_empty: Empty {},
        negative: Some(-10),
        wide: Some(false),
        widest: Some(11),
    }
}

fn point(x: i32, y: i32) -> base::Point {
    base::Point { x, y }
}

fn there_and_back<T: Struct + PartialEq + Debug>(value: &T) {
    let body = encode(value);
    assert_eq!(&decode::<T>(&body).unwrap(), value);
    let mut skipper = thrift::Skipper::new(64);
    assert_eq!(skipper.advance(&body), Ok(Some(body.len())), "{value:?}");
}

fn encode(value: &impl Struct) -> Bytes {
    let mut out = Output::new();
    value.encode(&mut Writer::new(&mut out));
    assert_eq!(out.take_error(), None);
    out.to_vec().into()
}

fn decode<T: Struct>(body: &Bytes) -> Result<T, DecodeError> {
    thrift::decode(body, 64)
}

fn text<T: Debug>(result: Result<T, DecodeError>) -> String {
    result.unwrap_err().to_string()
}
