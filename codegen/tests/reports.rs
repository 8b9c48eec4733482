//! What is said about an IDL that is wrong: texts, places and marks.

use kitewire_build::{Builder, Combine, Containers};

/// One IDL, the first line of what is said about it, and where.
#[test]
fn each_mistake_has_its_text_and_place() {
    let mut wrong = Vec::new();
    for (idl, text, place) in MISTAKES {
        let report = report(idl);
        let begins = format!("error: {text}\n --> main.thrift:{place}\n");
        if !report.starts_with(&begins) || report.matches("error: ").count() != 1 {
            wrong.push(format!("{idl}\nexpected\n{begins}got\n{report}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} reports:\n{}",
        wrong.len(),
        wrong.join("\n-----\n")
    );
}

const MISTAKES: [(&str, &str, &str); 89] = [
    // Tokens.
    (
        "struct A { 1: string a = \"x }",
        "the string has no closing quote",
        "1:26",
    ),
    ("/* never closed", "the comment has no end", "1:1"),
    ("struct A {} $", "unexpected character `$`", "1:13"),
    ("@Tag struct A {}", "structured annotations are not supported", "1:1"),
    (
        "const i32 A = 99999999999999999999",
        "number does not fit 64 bits",
        "1:15",
    ),
    ("const i32 A = 0x", "malformed number", "1:15"),
    ("const double A = 1.2.3", "malformed number", "1:18"),
    ("const double A = 1e999", "number is too large for a double", "1:18"),
    (
        "const i32 A = 010",
        "a leading zero means octal to some tools and nothing to others",
        "1:15",
    ),
    // Grammar.
    ("struct", "expected the struct's name, found the end of the file", "1:7"),
    ("struct A", "expected `{`, found the end of the file", "1:9"),
    ("struct A {", "expected `}`, found the end of the file", "1:11"),
    ("struct A { 1 string a }", "expected `:`, found `string`", "1:14"),
    ("struct A { 1: string }", "expected the field's name, found `}`", "1:22"),
    ("struct A { 1: list<> a }", "expected a type, found `>`", "1:20"),
    ("struct A { 1: map<i32> a }", "expected `,`, found `>`", "1:22"),
    ("struct a.b {}", "`a.b` cannot be a name, it has a dot", "1:8"),
    ("enum A { 1 }", "expected an enum value or `}`, found `1`", "1:10"),
    ("enum A { B = C }", "expected the value's number, found `C`", "1:14"),
    ("const i32 A 3", "expected `=`, found `3`", "1:13"),
    ("const i32 A = )", "expected a value, found `)`", "1:15"),
    (
        "typedef i32",
        "expected the new type's name, found the end of the file",
        "1:12",
    ),
    ("service A { void f }", "expected `(`, found `}`", "1:20"),
    ("service A { void f( }", "expected `)`, found `}`", "1:21"),
    (
        "service A extends { }",
        "expected the parent service's name, found `{`",
        "1:19",
    ),
    (
        "struct A { 1: i32 a (b = c) }",
        "expected the annotation's value in quotes, found `c`",
        "1:26",
    ),
    ("function A {}", "expected a definition, found `function`", "1:1"),
    (
        "namespace",
        "expected a language or `*`, found the end of the file",
        "1:10",
    ),
    (
        "struct A {}\ninclude \"b.thrift\"",
        "`include` must stand before all definitions",
        "2:1",
    ),
    // What used to be Thrift.
    ("senum A { \"a\" }", "`senum` is no longer part of Thrift", "1:1"),
    (
        "php_namespace a.b",
        "`php_namespace` is no longer part of Thrift",
        "1:1",
    ),
    ("struct A { 1: slist a }", "`slist` is not a type", "1:15"),
    ("struct A { 1: void a }", "`void` is not a type", "1:15"),
    (
        "service A { async void f() }",
        "`async` is no longer part of Thrift",
        "1:13",
    ),
    // Names.
    ("struct A {}\nenum A {}", "`A` is defined twice", "2:6"),
    ("struct string {}", "`string` has a meaning in Thrift already", "1:8"),
    ("struct A { 1: B b }", "unknown type `B`", "1:15"),
    ("struct A { 1: b.B b }", "unknown type `b.B`", "1:15"),
    (
        "include \"b.thrift\"",
        "cannot find the included file `b.thrift`",
        "1:9",
    ),
    ("include \"main.thrift\"", "include cycle", "1:9"),
    ("const i32 A = 1\nstruct B { 1: A a }", "`A` is not a type", "2:15"),
    ("struct A { 1: i32 a 2: i32 a }", "`a` is defined twice", "1:28"),
    ("enum A { B C B }", "`B` is defined twice", "1:14"),
    ("service A { void f() void f() }", "method `f` is defined twice", "1:27"),
    (
        "service A { void f() }\nservice B extends A { void f() }",
        "method `f` is defined twice",
        "2:28",
    ),
    (
        "service A { void f(1: i32 a, 2: i32 a) }",
        "`a` is defined twice",
        "1:37",
    ),
    ("service A extends B {}", "unknown service `B`", "1:19"),
    ("struct B {}\nservice A extends B {}", "`B` is not a service", "2:19"),
    ("typedef A A", "typedef `A` leads back to itself", "1:11"),
    ("typedef list<A> A", "typedef `A` leads back to itself", "1:17"),
    ("service A extends A {}", "service extends itself", "1:9"),
    // Numbers.
    (
        "struct A { 1: i32 a 1: i32 b }",
        "field id 1 is given to two fields",
        "1:21",
    ),
    (
        "struct A { 3: i32 a i32 b 4: i32 c }",
        "field id 4 is given to two fields",
        "1:27",
    ),
    (
        "struct A { 32768: i32 a }",
        "32768 does not fit a field id, which has 16 bits",
        "1:12",
    ),
    (
        "struct A { 32767: i32 a i32 b }",
        "32768 does not fit a field id, which has 16 bits",
        "1:29",
    ),
    ("enum A { B = 1 C = 1 }", "number 1 is given to two values", "1:20"),
    (
        "enum A { B = 2147483648 }",
        "2147483648 does not fit an enum value, which has 32 bits",
        "1:14",
    ),
    // Values.
    ("const byte A = 128", "128 does not fit 8 bits", "1:16"),
    ("const i16 A = -32769", "-32769 does not fit 16 bits", "1:15"),
    ("const string A = 1", "1 is no string", "1:18"),
    ("const i32 A = \"1\"", "a string is no i32", "1:15"),
    ("const bool A = 2", "2 is no bool", "1:16"),
    ("const list<i32> A = {1: 2}", "a map is no list", "1:21"),
    ("const list<i32> A = [1, \"b\"]", "a string is no i32", "1:25"),
    ("const uuid A = \"x\"", "\"x\" is no uuid", "1:16"),
    ("const i32 A = B", "unknown constant or enum value `B`", "1:15"),
    ("const i32 A = A", "constant refers back to itself", "1:15"),
    ("enum E { A }\nenum F { A }\nconst E X = F.A", "`F.A` is no `E`", "3:13"),
    (
        "struct A { 1: i32 a }\nconst A X = {\"b\": 1}",
        "`A` has no field `b`",
        "2:14",
    ),
    (
        "union A { 1: i32 a 2: i32 b }\nconst A X = {}",
        "a value of the union `A` sets exactly one field",
        "2:13",
    ),
    (
        "union A { 1: i32 a = 1 2: i32 b = 2 }",
        "only one field of a union can have a default",
        "1:31",
    ),
    // Types that cannot be.
    (
        "struct A { 1: required A a }",
        "`A` contains itself and can have no value",
        "1:26",
    ),
    (
        "struct A { 1: A a = {} }",
        "a field by which its struct contains itself cannot have a default",
        "1:17",
    ),
    // Methods.
    ("service A { oneway i32 f() }", "a oneway method has no result", "1:20"),
    (
        "exception E {} service A { oneway void f() throws (1: E e) }",
        "a oneway method cannot throw",
        "1:55",
    ),
    (
        "struct E {} service A { void f() throws (1: E e) }",
        "only exceptions can be thrown",
        "1:45",
    ),
    (
        "exception E {} service A { void f() throws (0: E e) }",
        "field id 0 is the result's and cannot be an exception's",
        "1:45",
    ),
    (
        "service A { i32 f(1: i32 a) (streaming.mode = \"duplex\") }",
        "`duplex` is not a value of `streaming.mode`",
        "1:47",
    ),
    (
        "struct B {} service A { B f() (streaming.mode = \"client\") }",
        "a method with `streaming.mode` has exactly one parameter, this one has 0",
        "1:27",
    ),
    (
        "service A { i32 f(1: i32 a, 2: i32 b) (streaming.mode = \"unary\") }",
        "a method with `streaming.mode` has exactly one parameter, this one has 2",
        "1:17",
    ),
    (
        "service A { i32 f(1: i32 a) (streaming.mode = \"unary\", streaming.mode = \"unary\") }",
        "`streaming.mode` is given twice",
        "1:56",
    ),
    (
        "service A { i32 f(1: i32 a) (streaming.mode) }",
        "`` is not a value of `streaming.mode`",
        "1:30",
    ),
    (
        "struct B {} service A { void f(1: B b) (streaming.mode = \"server\") }",
        "a method that streams has a response",
        "1:25",
    ),
    (
        "struct B {} service A { B f(1: list<B> b) (streaming.mode = \"client\") }",
        "a message of a stream is a struct, a union or an exception",
        "1:32",
    ),
    (
        "struct B {} typedef i32 C service A { C f(1: B b) (streaming.mode = \"bidirectional\") }",
        "a message of a stream is a struct, a union or an exception",
        "1:39",
    ),
    (
        "service A { oneway void f(1: i32 a) (streaming.mode = \"unary\") }",
        "a oneway method cannot stream",
        "1:38",
    ),
    // Annotations.
    (
        "struct A { 1: i32 a (kitewire.nmae = \"b\") }",
        "unknown annotation `kitewire.nmae`",
        "1:22",
    ),
    (
        "struct A { 1: i32 a (kitewire.name = \"1\") }",
        "`1` is not a Rust identifier",
        "1:38",
    ),
    (
        "struct A {} (kitewire.combine)",
        "`kitewire.combine` has no effect here",
        "1:14",
    ),
];

#[test]
fn containers_are_checked_where_they_are_asked_for() {
    for (idl, text, place) in [
        (
            "struct A { 1: map<double, i32> a (kitewire.container = \"hash\") }",
            "a hash container needs elements without doubles, sets and maps",
            "1:35",
        ),
        (
            "struct B { 1: i32 b }\nstruct A { 1: list<set<B> (kitewire.container = \"btree\")> a }",
            "a tree needs elements without doubles, sets, maps and structs",
            "2:28",
        ),
        (
            "struct A { 1: i32 a (kitewire.container = \"hash\") }",
            "`kitewire.container` is for sets and maps",
            "1:22",
        ),
        (
            "service A { void f(1: set<double> a (kitewire.container = \"hash\")) }",
            "a hash container needs elements without doubles, sets and maps",
            "1:38",
        ),
    ] {
        let report = report(idl);
        assert!(
            report.starts_with(&format!("error: {text}\n --> main.thrift:{place}\n")),
            "{report}"
        );
    }
    // What the options ask for in vain is no mistake.
    let builder = Builder::new().file("main.thrift", "struct A { 1: map<double, i32> a }");
    let code = builder
        .containers(Containers::Hash)
        .generate_to_string("main.thrift")
        .unwrap();
    assert!(code.contains("pub a: thrift::Map<f64, i32>"));
}

#[test]
fn combining_needs_different_names() {
    let idl = "service A { void f() void g() }\nservice B { void f() }\nservice C extends A {}";
    let builder = Builder::new().file("main.thrift", idl).combine_service(Combine::On);
    let report = builder.generate_to_string("main.thrift").unwrap_err().to_string();
    let expected = "\
error: cannot combine `A` and `B`: both have a method `f`
 --> main.thrift:2:18
  |
2 | service B { void f() }
  |                  ^
note: the one of `A`
 --> main.thrift:1:18
  |
1 | service A { void f() void g() }
  |                  -
";
    assert_eq!(report, expected);
    let idl = "namespace * a (kitewire.combine)\nservice CombineService { void f() }";
    assert!(self::report(idl).starts_with("error: `CombineService` is the name of the combined service\n"));
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let main = "\
include \"base.thrift\"

struct Item {
\t1: Name name
\t2: base.point at
\t3: list<string tags
\t4: i8 size = 300   // größer
}

service Shop {
  oneway i32 sell(1: Item item)
}";
    let base = "struct Point { 1: i32 x 1: i32 y }";
    let builder = Builder::new().file("shop.thrift", main).file("base.thrift", base);
    let report = builder.generate_to_string("shop.thrift").unwrap_err().to_string();
    let expected = "\
error: unknown type `Name`
 --> shop.thrift:4:5
  |
4 | \t1: Name name
  | \t   ^^^^ not defined in this file

error: unknown type `base.point`
 --> shop.thrift:5:5
  |
5 | \t2: base.point at
  | \t   ^^^^^^^^^^ `base` does not define it
help: there is `base.Point`

error: expected `>`, found `tags`
 --> shop.thrift:6:17
  |
6 | \t3: list<string tags
  | \t               ^^^^

error: 300 does not fit 8 bits
 --> shop.thrift:7:15
  |
7 | \t4: i8 size = 300   // größer
  | \t             ^^^

error: a oneway method has no result
  --> shop.thrift:11:10
   |
11 |   oneway i32 sell(1: Item item)
   |          ^^^ must be `void`
note: it is oneway
  --> shop.thrift:11:3
   |
11 |   oneway i32 sell(1: Item item)
   |   ------

error: field id 1 is given to two fields
 --> base.thrift:1:25
  |
1 | struct Point { 1: i32 x 1: i32 y }
  |                         ^
note: the other one
 --> base.thrift:1:23
  |
1 | struct Point { 1: i32 x 1: i32 y }
  |                       -
";
    assert_eq!(report, expected);
}

#[test]
fn includes_are_followed_and_checked() {
    let files = |main: &str| {
        Builder::new()
            .file("idl/main.thrift", main)
            .file("idl/a.thrift", "include \"sub/a.thrift\"\nstruct A { 1: a.B b }")
            .file("idl/sub/a.thrift", "struct B {}")
            .file("idl/back.thrift", "include \"./main.thrift\"")
            .file("lib/far.thrift", "struct Far {}")
            .include("lib")
    };
    let code = files("include \"far.thrift\"\ninclude \"a.thrift\"\nstruct M { 1: a.A a 2: far.Far f }")
        .generate_to_string("idl/main.thrift")
        .unwrap();
    for expected in [
        "pub mod far {",
        "pub mod a {",
        "pub mod a_2 {",
        "pub a: a::A",
        "pub b: super::a_2::B",
    ] {
        assert!(code.contains(expected), "{expected}\n{code}");
    }
    let report = files("include \"back.thrift\"")
        .generate_to_string("idl/main.thrift")
        .unwrap_err()
        .to_string();
    assert!(
        report.starts_with("error: include cycle\n --> idl/back.thrift:1:9\n"),
        "{report}"
    );
    let report = files("include \"a.thrift\"\ninclude \"sub/a.thrift\"").generate_to_string("idl/main.thrift");
    assert!(
        report
            .unwrap_err()
            .to_string()
            .starts_with("error: two included files are both called `a`\n")
    );
    let missing = Builder::new()
        .generate_to_string("no/such.thrift")
        .unwrap_err()
        .to_string();
    assert!(missing.starts_with("error: cannot read no/such.thrift: "), "{missing}");
    assert!(!missing.ends_with("\n\n"));
}

#[test]
fn a_missing_include_is_one_mistake() {
    let report = report("include \"b.thrift\"\nconst i32 A = b.C\nstruct S { 1: b.T t }\nservice V extends b.S {}");
    assert_eq!(report.matches("error: ").count(), 1, "{report}");
}

#[test]
fn long_lines_are_cut_around_the_mark() {
    let idl = format!(
        "struct A {{ {} 999: Foo x }}",
        (1..300).map(|id| format!("{id}: i32 f{id} ")).collect::<String>()
    );
    let report = report(&idl);
    assert!(report.lines().all(|line| line.len() < 260), "{report}");
    let mark = report.lines().nth(4).unwrap().find('^').unwrap();
    assert!(report.lines().nth(3).unwrap()[mark..].starts_with("Foo x"), "{report}");
}

#[cfg(feature = "protobuf")]
#[test]
fn protobuf_mistakes_say_where() {
    let folder = std::env::temp_dir().join("kitewire-build-reports");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("bad.proto");
    std::fs::write(&path, "syntax = \"proto3\";\nmessage A {\n  Missing b = 1;\n}\n").unwrap();
    let report = Builder::new()
        .generate_protos(&[&path], &[&folder])
        .unwrap_err()
        .to_string();
    assert!(
        report.contains("Missing") && report.contains("bad.proto:3:3"),
        "{report}"
    );
}

fn report(idl: &str) -> String {
    let builder = Builder::new().file("main.thrift", idl);
    match builder.generate_to_string("main.thrift") {
        Ok(_) => panic!("accepted: {idl}"),
        Err(error) => error.to_string(),
    }
}
