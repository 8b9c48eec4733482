//! The samples of `Everything.types` and `Proto.Types`: the Go program builds the same ones. `full` sets everything, `least` only what
//! must be there, `edges` takes each type to its ends.

use kitewire::Error;
use kitewire::bytes::Bytes;

use super::generated::interop::common::{Color, Key, Refused};
use super::generated::interop::{Choice, Defaults, Tree, Types};
use super::generated::interoppb;

pub(crate) fn types(name: &str) -> Result<Types, Error> {
    match name {
        "full" => Ok(full()),
        "least" => Ok(least()),
        "edges" => Ok(edges()),
        _ => Err(Error::new(format!("unknown sample {name:?}"))),
    }
}

/// What a peer sent must be the sample that it names.
pub(crate) fn same_types(got: &Types) -> Result<(), Error> {
    same(got, &types(&got.sample)?)
}

pub(crate) fn scalars(name: &str) -> Result<interoppb::Scalars, Error> {
    match name {
        "full" => Ok(full_scalars()),
        "least" => Ok(interoppb::Scalars {
            sample: "least".into(),
            ..Default::default()
        }),
        "edges" => Ok(edge_scalars()),
        "zero in a map" => Ok(interoppb::Scalars {
            sample: name.into(),
            m_string: [("zero".into(), 0)].into(),
            ..Default::default()
        }),
        _ => Err(Error::new(format!("unknown sample {name:?}"))),
    }
}

pub(crate) fn same_scalars(got: &interoppb::Scalars) -> Result<(), Error> {
    same(got, &scalars(&got.sample)?)
}

fn same<T: PartialEq + std::fmt::Debug>(got: &T, want: &T) -> Result<(), Error> {
    if got == want {
        return Ok(());
    }
    let (got, want) = (format!("{got:?}"), format!("{want:?}"));
    let at = got
        .bytes()
        .zip(want.bytes())
        .take_while(|(one, other)| one == other)
        .count();
    let around = |text: &str| text.chars().skip(at.saturating_sub(60)).take(120).collect::<String>();
    Err(Error::new(format!(
        "differs: got …{}, want …{}",
        around(&got),
        around(&want)
    )))
}

fn key(number: i32, word: &str) -> Key {
    Key {
        number,
        word: word.into(),
    }
}

fn tree(label: &str, kids: Option<Vec<Tree>>) -> Tree {
    Tree {
        label: label.into(),
        kids,
        ..Tree::default()
    }
}

fn least() -> Types {
    Types {
        sample: "least".into(),
        f_enum: Color::Red,
        f_union: Choice::Number(0),
        f_exception: Refused { code: 0, why: None },
        f_defaults: Defaults::default(),
        ..Types::default()
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one line for each field of the struct that has every type"
)]
fn full() -> Types {
    Types {
        sample: "full".into(),
        f_bool: true,
        f_byte: -5,
        f_i8: 6,
        f_i16: -1616,
        f_i32: 323_232,
        f_i64: -6_464_646_464,
        f_double: 2.5,
        f_string: "grüße, 世界 🎏".into(),
        f_binary: Bytes::from_static(&[0, 1, 0xfe, 0xff]),
        f_enum: Color::Blue,
        f_typedef: "name".into(),
        f_struct: key(7, "seven"),
        f_tree: Tree {
            label: "root".into(),
            kids: Some(vec![tree("left", Some(vec![tree("leaf", None)])), tree("right", None)]),
            next: Some(Box::new(tree("next", Some(vec![])))),
        },
        f_union: Choice::Word("chosen".into()),
        f_exception: Refused {
            code: 3,
            why: Some("why".into()),
        },
        f_defaults: Defaults {
            number: 8,
            word: Some("changed".into()),
            changed: Some(6),
            yes: false,
            half: 0.25,
            list: vec![4],
            map: [("c".into(), 3)].into(),
            color: Color::Red,
            plain: 9,
            text: "t".into(),
            maybe: Some(Color::Green),
        },
        l_bool: vec![true, false, true],
        l_byte: vec![1, -1, 0],
        l_i16: vec![16, -16],
        l_i32: vec![32, -32, 0],
        l_i64: vec![64, -64],
        l_double: vec![0.1, -1e300],
        l_string: vec!["a".into(), String::new(), "c".into()],
        l_binary: vec![Bytes::from_static(&[1, 2]), Bytes::new()],
        l_enum: vec![Color::Red, Color::Green],
        l_struct: vec![key(1, "x"), key(2, "y")],
        l_union: vec![Choice::Number(5), Choice::Key(key(6, "k")), Choice::List(vec![1, 2])],
        s_string: ["q".into(), "p".into()].into(),
        s_i64: [3, 1, 2].into(),
        s_struct: [key(2, "b"), key(1, "a")].into(),
        s_enum: [Color::Green, Color::Blue].into(),
        m_string: [("one".into(), 1), ("two".into(), 2)].into(),
        m_i32: [(-1, "minus".into()), (1, "plus".into())].into(),
        m_bool: [(true, 1), (false, 0)].into(),
        m_enum: [(Color::Red, 0.5), (Color::Blue, -0.5)].into(),
        m_struct: [(key(1, "k"), vec!["a".into(), "b".into()]), (key(2, "l"), vec![])].into(),
        m_to_struct: [(10, key(10, "ten"))].into(),
        m_byte: [(-8, Bytes::from_static(&[8]))].into(),
        m_i16: [(16, true)].into(),
        n_lists: vec![vec![1, 2], vec![], vec![3]],
        n_mixed: vec![[(1, ["x".into(), "y".into()].into())].into(), [].into()],
        n_maps: [(
            "m".into(),
            [(1, vec![Bytes::from_static(&[1]), Bytes::from_static(&[2, 3])])].into(),
        )]
        .into(),
        n_structs: [("s".into(), vec![key(4, "four")])].into(),
        o_bool: Some(false),
        o_byte: Some(0),
        o_i16: Some(0),
        o_i32: Some(0),
        o_i64: Some(0),
        o_double: Some(0.0),
        o_string: Some(String::new()),
        o_binary: Some(Bytes::new()),
        o_enum: Some(Color::Green),
        o_struct: Some(key(0, "o")),
        o_list: Some(vec![]),
        o_set: Some(["only".into()].into()),
        o_map: Some([].into()),
        o_union: Some(Choice::List(vec![])),
        r#type: Some("type".into()),
        self_: Some("self".into()),
        func: Some("func".into()),
        r#match: Some("match".into()),
        r#async: Some("async".into()),
        wide_id: Some(true),
        widest_id: Some(32767),
    }
}

fn edges() -> Types {
    let mut deep = tree("bottom", None);
    for _ in 0..30 {
        deep = Tree {
            next: Some(Box::new(deep)),
            ..tree("level", None)
        };
    }
    Types {
        sample: "edges".into(),
        f_byte: i8::MIN,
        f_i8: i8::MAX,
        f_i16: i16::MIN,
        f_i32: i32::MAX,
        f_i64: i64::MIN,
        f_double: f64::NEG_INFINITY,
        f_string: "long ".repeat(5000),
        f_binary: [0, 0xff].repeat(10_000).into(),
        f_enum: Color::Unknown(77),
        f_tree: deep,
        l_i64: vec![i64::MAX, i64::MIN],
        l_double: vec![-0.0, f64::MAX, f64::from_bits(1)],
        l_i32: (0..3000).map(|number| number * number).collect(),
        m_string: (0..200).map(|number| (format!("key-{number}"), number)).collect(),
        o_i64: Some(i64::MAX),
        o_enum: Some(Color::Unknown(-1000)),
        ..least()
    }
}

fn key_pb(number: i32, word: &str) -> interoppb::Key {
    interoppb::Key {
        number,
        word: word.into(),
    }
}

fn full_scalars() -> interoppb::Scalars {
    interoppb::Scalars {
        sample: "full".into(),
        f_bool: true,
        f_int32: -32,
        f_int64: -64,
        f_uint32: 32,
        f_uint64: 64,
        f_sint32: -33,
        f_sint64: -65,
        f_fixed32: 132,
        f_fixed64: 164,
        f_sfixed32: -132,
        f_sfixed64: -164,
        f_float: 1.5,
        f_double: -2.5,
        f_bytes: vec![0, 0xff],
        f_enum: interoppb::Hue::Blue.into(),
        f_message: Some(key_pb(7, "seven")),
        f_tree: Some(interoppb::Tree {
            label: "root".into(),
            kids: vec![interoppb::Tree {
                label: "leaf".into(),
                kids: vec![],
            }],
        }),
        r_int32: vec![1, -1, 0],
        r_string: vec!["a".into(), String::new()],
        r_message: vec![key_pb(1, "x"), key_pb(0, "")],
        r_enum: vec![interoppb::Hue::Red.into(), interoppb::Hue::None.into()],
        m_string: [("one".into(), 1), ("two".into(), 2)].into(),
        m_message: [(5, key_pb(5, "five"))].into(),
        o_int32: Some(0),
        o_string: Some(String::new()),
        pick: Some(interoppb::scalars::Pick::Number(28)),
        r_double: vec![0.5, -0.5],
        r_bytes: vec![vec![1], vec![2, 3]],
    }
}

fn edge_scalars() -> interoppb::Scalars {
    interoppb::Scalars {
        sample: "edges".into(),
        f_int32: i32::MIN,
        f_int64: i64::MIN,
        f_uint32: u32::MAX,
        f_uint64: u64::MAX,
        f_sint32: i32::MIN,
        f_sint64: i64::MAX,
        f_fixed32: u32::MAX,
        f_fixed64: u64::MAX,
        f_sfixed32: i32::MIN,
        f_sfixed64: i64::MIN,
        f_float: f32::INFINITY,
        f_double: f64::from_bits(1),
        f_bytes: [0, 0xff].repeat(10_000),
        f_enum: 77,
        r_int32: (0..3000).map(|number| number * number).collect(),
        pick: Some(interoppb::scalars::Pick::Key(key_pb(29, &"long ".repeat(5000)))),
        ..Default::default()
    }
}
