//! The IDL compiler on IDL that is broken in every way.

use kitewire_testkit::fuzz;
use kitewire_tests::vectors::root;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const FILES: [&str; 3] = ["pingpong.thrift", "multi.thrift", "comb.thrift"];

/// Pieces that mean something, to be put anywhere.
const PIECES: &[&str] = &[
    "struct S {",
    "}",
    "{",
    "(",
    ")",
    "<",
    ">",
    "list<",
    "map<i32,",
    "1:",
    "-1:",
    "1",
    "=",
    "\"",
    "'",
    "/*",
    "//",
    "\n",
    ",",
    ";",
    "include \"base.thrift\"",
    "const i32 X =",
    "enum E",
    "union U {",
    "service V {",
    "extends V",
    "oneway",
    "throws (",
    "optional",
    "required",
    "Msg",
    "PingPong",
    "\u{fffd}",
    "0x",
    "1e99",
    "9223372036854775808",
    "typedef",
    "namespace *",
    "(a = \"b\")",
    "void",
    ".",
    "base.Item",
];

fn edit() -> impl Strategy<Value = (Index, usize, &'static str)> {
    (
        any::<Index>(),
        prop_oneof![Just(0), 0_usize..30],
        prop_oneof![Just(""), select(PIECES)],
    )
}

/// A real file with some pieces cut out or put in.
fn broken_file() -> impl Strategy<Value = String> {
    (select(&FILES[..]), vec(edit(), 1..8)).prop_map(|(file, edits)| {
        let path = root().join("idl").join(file);
        let mut text = std::fs::read_to_string(path).expect("the IDL is there");
        for (place, length, piece) in edits {
            let start = floor(&text, place.index(text.len() + 1));
            let end = floor(&text, (start + length).min(text.len()));
            text.replace_range(start..end, piece);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn broken_files_are_reported(text in broken_file()) {
        fuzz::idl_parser(text.as_bytes());
    }

    #[test]
    fn arbitrary_pieces_are_reported(pieces in vec(select(PIECES), 0..40)) {
        fuzz::idl_parser(pieces.join(" ").as_bytes());
        fuzz::idl_parser(pieces.concat().as_bytes());
    }
}

#[test]
fn deep_nesting_is_reported() {
    for (open, close) in [("list<", ">"), ("map<i32,", ">"), ("set<", ">")] {
        let deep = format!("struct S {{ 1: {}i32{} a }}", open.repeat(20_000), close.repeat(20_000));
        fuzz::idl_parser(deep.as_bytes());
    }
    let constant = format!("const list<i32> X = {}1{}", "[".repeat(20_000), "]".repeat(20_000));
    fuzz::idl_parser(constant.as_bytes());
    fuzz::idl_parser("{".repeat(20_000).as_bytes());
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
