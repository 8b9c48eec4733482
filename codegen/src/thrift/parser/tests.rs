//! Tests of the parser: what it makes of what is right. Mistakes are in the crate's `tests/reports.rs`.

use super::super::ast::{Base, ConstantKind, Definition, DefinitionKind, File, Requiredness, TypeKind};
use super::parse;
use crate::report::Problems;
use crate::source::Sources;

#[test]
fn headers_are_kept_in_order() {
    let file =
        parsed("include 'a/b.thrift', cpp_include \"x\";\nnamespace go a.b (c = \"d\")\nnamespace * e\ninclude \"f\"");
    let includes: Vec<&str> = file.includes.iter().map(|include| include.path.as_str()).collect();
    assert_eq!(includes, ["a/b.thrift", "f"]);
    let namespaces: Vec<_> = file
        .namespaces
        .iter()
        .map(|namespace| (&*namespace.scope.text, &*namespace.name.text))
        .collect();
    assert_eq!(namespaces, [("go", "a.b"), ("*", "e")]);
    assert_eq!(file.namespaces[0].annotations[0].value.as_ref().unwrap().text, "d");
}

#[test]
fn fields_have_ids_requiredness_types_and_defaults() {
    let file = parsed(
        "struct A { 1: required i32 a; 0x10: optional list<string (x)> cpp_type \"v\" b = [\"x\"; 'y'], -3: A c\n byte d (e = \"f\", g) }",
    );
    let DefinitionKind::Struct(fields) = &only(&file).kind else {
        panic!("no struct")
    };
    let ids: Vec<Option<i64>> = fields.iter().map(|field| field.id.map(|id| id.value)).collect();
    assert_eq!(ids, [Some(1), Some(16), Some(-3), None]);
    let requiredness: Vec<Requiredness> = fields.iter().map(|field| field.requiredness).collect();
    use Requiredness::{Default, Optional, Required};
    assert_eq!(requiredness, [Required, Optional, Default, Default]);
    assert!(matches!(&fields[0].ty.kind, TypeKind::Base(Base::I32)));
    assert!(matches!(&fields[1].ty.kind, TypeKind::List(element) if element.annotations[0].key.text == "x"));
    assert!(matches!(&fields[2].ty.kind, TypeKind::Named(name) if name == "A"));
    assert!(matches!(&fields[1].default.as_ref().unwrap().kind, ConstantKind::List(items) if items.len() == 2));
    assert_eq!(fields[3].annotations.len(), 2);
    assert!(fields[3].annotations[1].value.is_none());
}

#[test]
fn words_are_keywords_only_where_they_are_expected() {
    let file = parsed(
        "struct struct { 1: required required required 2: i32 list 3: optional optional optional\n service service\n enum e }",
    );
    let DefinitionKind::Struct(fields) = &only(&file).kind else {
        panic!("no struct")
    };
    let names: Vec<&str> = fields.iter().map(|field| field.name.text.as_str()).collect();
    assert_eq!(names, ["required", "list", "optional", "service", "e"]);
}

#[test]
fn constants_have_values_of_all_kinds() {
    let file = parsed(
        "const map<string, list<double>> A = {'a': [1, -2.5e3, .5, +7, 0xFF, 0o17], B: {}, \"c\\n\\\"\\x\": [d.E]}",
    );
    let DefinitionKind::Const { value, .. } = &only(&file).kind else {
        panic!("no constant")
    };
    let ConstantKind::Map(entries) = &value.kind else {
        panic!("no map")
    };
    assert!(matches!(&entries[2].0.kind, ConstantKind::Text(text) if text == "c\n\"\\x"));
    assert!(matches!(&entries[1].0.kind, ConstantKind::Name(name) if name == "B"));
    let ConstantKind::List(items) = &entries[0].1.kind else {
        panic!("no list")
    };
    let numbers: Vec<f64> = items
        .iter()
        .map(|item| match item.kind {
            ConstantKind::Int(value) => i32::try_from(value).unwrap().into(),
            ConstantKind::Double(value) => value,
            _ => panic!("no number"),
        })
        .collect();
    assert_eq!(numbers, [1.0, -2500.0, 0.5, 7.0, 255.0, 15.0]);
}

#[test]
fn functions_have_all_their_parts() {
    let file = parsed(
        "service S extends base.P { oneway void a(), map<i32, T> b(1: i32 x, T y = 3) throws (1: E e; 2: F f) (g = \"h\");\n void c() }",
    );
    let DefinitionKind::Service(service) = &only(&file).kind else {
        panic!("no service")
    };
    assert_eq!(service.parent.as_ref().unwrap().text, "base.P");
    let [a, b, c] = &service.functions[..] else {
        panic!("not three")
    };
    assert!(a.oneway.is_some() && a.result.is_none() && c.oneway.is_none());
    assert!(matches!(b.result.as_ref().unwrap().kind, TypeKind::Map(..)));
    assert_eq!((b.parameters.len(), b.throws.len(), b.annotations.len()), (2, 2, 1));
}

#[test]
fn comments_go_with_what_they_stand_at() {
    let file = parsed(
        "// A licence.\n\n// Of A,\n# on two lines.\nstruct A { // not of x\n  1: i32 x // of x\n  /**\n   * Of y:\n   *   * a list\n   */\n  2: i32 y /* not of y */\n  3: i32 z\n} // not of B\nenum B {\n  C, // of C\n  /* of D */ D\n}",
    );
    assert_eq!(file.definitions[0].docs, ["Of A,", "on two lines."]);
    let DefinitionKind::Struct(fields) = &file.definitions[0].kind else {
        panic!("no struct")
    };
    assert_eq!(fields[0].docs, ["of x"]);
    assert_eq!(fields[1].docs, ["Of y:", "  * a list"]);
    assert!(fields[2].docs.is_empty());
    assert!(file.definitions[1].docs.is_empty());
    let DefinitionKind::Enum(variants) = &file.definitions[1].kind else {
        panic!("no enum")
    };
    assert_eq!(
        (&variants[0].docs[..], &variants[1].docs[..]),
        (&["of C".to_owned()][..], &["of D".to_owned()][..])
    );
}

#[test]
fn after_a_mistake_the_rest_is_read() {
    let mut sources = Sources::default();
    let text = "struct A { 1: }\nstruct B { 1: i32 a\n 2: [ b\n 3: i32 c }\nnonsense\nservice S { void f()\n 5 g()\n void h() }\nenum E {";
    let file = sources.add("a.thrift".to_owned(), text.to_owned());
    let mut problems = Problems::default();
    let parsed = parse(file, &sources, &mut problems);
    let names: Vec<&str> = parsed
        .definitions
        .iter()
        .map(|definition| definition.name.text.as_str())
        .collect();
    assert_eq!(names, ["A", "B", "S"]);
    let DefinitionKind::Struct(fields) = &parsed.definitions[1].kind else {
        panic!("no struct")
    };
    assert_eq!(fields.len(), 2);
    let report = problems.render(&sources);
    assert_eq!(report.matches("error: ").count(), 5, "{report}");
}

fn parsed(text: &str) -> File {
    let mut sources = Sources::default();
    let file = sources.add("test.thrift".to_owned(), text.to_owned());
    let mut problems = Problems::default();
    let parsed = parse(file, &sources, &mut problems);
    assert!(problems.is_empty(), "{}", problems.render(&sources));
    parsed
}

fn only(file: &File) -> &Definition {
    assert_eq!(file.definitions.len(), 1);
    &file.definitions[0]
}
