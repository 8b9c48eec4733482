//! Which IDL is accepted, beside another parser.

use kitewire_build::Builder;
use pilota_thrift_parser::{FileParser, FileSource};

#[test]
fn both_parsers_take_and_refuse_the_same() {
    for idl in BOTH {
        assert!(ours(idl), "refused here: {idl}");
        assert!(theirs(idl), "refused there: {idl}");
    }
    for idl in NEITHER {
        assert!(!ours(idl), "accepted here: {idl}");
        assert!(!theirs(idl), "accepted there: {idl}");
    }
}

#[test]
fn what_only_one_takes_is_known() {
    for idl in ONLY_OURS {
        assert!(ours(idl), "refused here: {idl}");
        assert!(!theirs(idl), "accepted there too, move it: {idl}");
    }
}

#[test]
fn shared_idl_files_are_taken_by_both() {
    for name in [
        "pingpong",
        "multi",
        "comb",
        "NoNamespace",
        "wire",
        "ttstream",
        "streams",
    ] {
        let text = std::fs::read_to_string(format!("tests/idl/{name}.thrift")).unwrap();
        assert!(ours(&text), "{name}");
        assert!(theirs(&text), "{name}");
    }
}

const BOTH: [&str; 26] = [
    "struct A {}",
    "namespace go a.b.c\nnamespace * x\nstruct A {}",
    "namespace rs a\n// c\n# d\n/* e */\nstruct A {}",
    "struct A { 1: required i32 a, 2: optional string b; 3: double c }",
    "struct A { 1: i32 a = 3, 2: string b = \"x\", 3: list<i32> c = [1, 2], 4: map<string, i32> d = {\"a\": 1} }",
    "struct A { 1: list<set<map<i32, list<string>>>> a }",
    "struct A { 1: i32 a (x = \"y\", z.w = 'v') } (b = \"c\")",
    "struct A { -1: i32 a }",
    "typedef i64 Time\nstruct A { 1: Time t }",
    "typedef map<string, list<i32>> M (a = \"b\")",
    "enum E { A, B = 5, C; D = 0x10 }",
    "enum E { A = -1 (x = \"y\") B }",
    "const i32 A = -5",
    "const double A = 1.5e3",
    "const double A = -.5",
    "const bool A = true",
    "const string A = 'it is \"so\"'",
    "const list<string> A = [\"a\", 'b',]",
    "const map<string, list<i32>> A = {\"a\": [1], \"b\": []}",
    "enum E { A }\nconst E B = E.A",
    "union U { 1: i32 a; 2: string b }",
    "exception E { 1: string message }\nservice S { void f() throws (1: E e) }",
    "service S { oneway void f(1: i32 a), i32 g(); string h(1: string a, 2: i32 b) (x = \"y\") }",
    "service A { void f() }\nservice B extends A { void g() }",
    "struct A { 1: string a (streaming.mode.not = \"x\") }",
    "struct A {}\nservice S { A f(1: A a) (streaming.mode = \"server\") }",
];

const NEITHER: [&str; 13] = [
    "struct",
    "struct A",
    "struct A {",
    "struct A { 1: }",
    "struct A { 1: i32 }",
    "struct A { 1: map<i32> a }",
    "enum E { 1 }",
    "const i32 A =",
    "const i32 A",
    "service S { f() }",
    "service S { void f( }",
    "typedef i32",
    "nonsense",
];

/// Fields without ids, and what else Kitex's tool takes.
const ONLY_OURS: [&str; 2] = ["struct A { string a }", "service S { void f(i32 a, i32 b) }"];

fn ours(idl: &str) -> bool {
    Builder::new()
        .file("main.thrift", idl)
        .generate_to_string("main.thrift")
        .is_ok()
}

fn theirs(idl: &str) -> bool {
    std::panic::catch_unwind(|| FileParser::new(FileSource::new(idl)).parse().is_ok()).unwrap_or(false)
}
