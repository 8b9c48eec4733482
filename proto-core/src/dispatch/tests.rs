use super::*;
use crate::wire::Codec;

const fn unary(name: &'static str) -> MethodInfo {
    MethodInfo::new(name, MethodKind::Unary)
}

static A: [MethodInfo; 2] = [unary("Echo1"), unary("EchoA")];
static B: [MethodInfo; 2] = [unary("Echo2"), unary("EchoB")];
static C: [MethodInfo; 2] = [unary("Echo1"), unary("EchoC")];

fn service(name: &'static str, methods: &'static [MethodInfo]) -> ServiceInfo {
    ServiceInfo::new("", name, Codec::Thrift, methods)
}

fn three() -> ServicesBuilder {
    let mut builder = Services::builder();
    builder
        .add(service("A", &A), ServiceRole::Ordinary)
        .add(service("B", &B), ServiceRole::Ordinary)
        .add(service("C", &C), ServiceRole::Fallback);
    builder
}

fn method(service: u16, method: u16) -> Lookup {
    Lookup::Method(MethodRef { service, method })
}

#[test]
fn lookup_order_without_and_with_names() {
    let table = three().build().unwrap();
    let rows = [
        ("", "Echo1", method(2, 0)),
        ("", "EchoA", method(0, 1)),
        ("", "Nope", Lookup::UnknownService),
        ("A", "Echo1", method(0, 0)),
        ("A", "Echo2", Lookup::UnknownMethod(0)),
        ("Nope", "Echo2", method(1, 0)),
        ("Nope", "Echo1", Lookup::UnknownService),
        ("Nope", "Nope", Lookup::UnknownService),
    ];
    for (service, name, expected) in rows {
        assert_eq!(table.lookup(service, name), expected, "{service}.{name}");
    }
}

#[test]
fn named_services_are_found_by_name_alone() {
    let mut builder = Services::builder();
    builder
        .add(service("A", &A), ServiceRole::Ordinary)
        .add(service("C", &C), ServiceRole::Named);
    let table = builder.build().expect("`Echo1` is the business of `A` alone");
    let rows = [
        ("", "Echo1", method(0, 0)),
        ("", "EchoC", Lookup::UnknownService),
        ("Nope", "Echo1", method(0, 0)),
        ("Nope", "EchoC", Lookup::UnknownService),
        ("C", "Echo1", method(1, 0)),
        ("C", "EchoA", Lookup::UnknownMethod(1)),
    ];
    for (service, name, expected) in rows {
        assert_eq!(table.lookup(service, name), expected, "{service}.{name}");
    }
    assert_eq!(table.lookup_exact("C", "EchoC"), method(1, 1));

    let mut builder = Services::builder();
    builder
        .add(service("All", &A).combined(), ServiceRole::Ordinary)
        .add(service("C", &C), ServiceRole::Named);
    let table = builder.build().expect("beside a combined service");
    for (service, name, expected) in [
        ("", "Echo1", method(0, 0)),
        ("A", "Echo1", method(0, 0)),
        ("A", "EchoC", Lookup::UnknownMethod(0)),
        ("C", "Echo1", method(1, 0)),
    ] {
        assert_eq!(table.lookup(service, name), expected, "{service}.{name}");
    }
}

#[test]
fn refusing_traffic_asks_for_the_exact_name() {
    let mut builder = Services::builder();
    builder
        .add(service("A", &A), ServiceRole::Ordinary)
        .add(service("C", &C), ServiceRole::Ordinary)
        .strictness(Strictness::RefuseWithoutServiceName);
    let table = builder
        .build()
        .expect("conflicts are allowed when every request names its service");
    assert_eq!(table.lookup("", "EchoA"), Lookup::NoServiceName);
    assert_eq!(table.lookup("Nope", "EchoA"), Lookup::UnknownService);
    assert_eq!(table.lookup("A", "Echo1"), method(0, 0));
    assert_eq!(table.lookup("A", "EchoC"), Lookup::UnknownMethod(0));
}

#[test]
fn the_unknown_handler_takes_what_nobody_owns() {
    let mut builder = Services::builder();
    builder.add(service("A", &A), ServiceRole::Ordinary).unknown_handler();
    let table = builder.build().unwrap();
    assert_eq!(table.lookup("", "Nope"), Lookup::UnknownHandler);
    assert_eq!(table.lookup("A", "Nope"), Lookup::UnknownHandler);
    assert_eq!(table.lookup("Nope", "Nope"), Lookup::UnknownHandler);
    assert_eq!(table.lookup("Nope", "EchoA"), method(0, 1), "a unique owner still wins");
    builder.strictness(Strictness::RefuseWithoutServiceName);
    assert_eq!(builder.build().unwrap().lookup("", "EchoA"), Lookup::UnknownHandler);
}

#[test]
fn a_combine_service_answers_under_any_name() {
    let mut builder = Services::builder();
    builder
        .add(service("CombineService", &A).combined(), ServiceRole::Ordinary)
        .strictness(Strictness::RefuseWithoutServiceName);
    let table = builder.build().unwrap();
    assert_eq!(table.lookup("", "Echo1"), method(0, 0));
    assert_eq!(table.lookup("CombA", "EchoA"), method(0, 1));
    assert_eq!(table.lookup("CombA", "Nope"), Lookup::UnknownMethod(0));
}

#[test]
fn every_problem_is_named_at_once() {
    static TWICE: [MethodInfo; 3] = [unary("Echo1"), unary("Echo1"), unary("")];
    let mut builder = Services::builder();
    builder
        .add(service("A", &A), ServiceRole::Ordinary)
        .add(service("A", &B), ServiceRole::Fallback)
        .add(service("C", &TWICE), ServiceRole::Fallback)
        .add(service("Comb", &[]).combined(), ServiceRole::Ordinary)
        .unknown_handler()
        .unknown_handler();
    let error = builder.build().unwrap_err();
    let text = error.to_string();
    for part in [
        "service [A] has already been registered",
        "multiple fallback services cannot be registered. [A] is already registered as a fallback service",
        "method [Echo1] stands twice in service [C]",
        "a method of service [C] has an empty name",
        "combine service doesn't support multi services",
        "only one service can be registered when registering combined service",
        "combine service doesn't support unknown service",
        "multiple unknown services cannot be registered",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
}

#[test]
fn conflicts_name_their_owners_unless_the_fallback_owns_the_method() {
    let mut builder = Services::builder();
    builder
        .add(service("A", &A), ServiceRole::Ordinary)
        .add(service("C", &C), ServiceRole::Ordinary)
        .add(service("B", &B), ServiceRole::Fallback);
    let error = builder.build().unwrap_err();
    assert_eq!(
        error.problems,
        [RegistrationProblem::MethodConflict {
            method: "Echo1".into(),
            services: vec!["A".into(), "C".into()]
        }]
    );
    assert!(
        error
            .to_string()
            .starts_with("method name [Echo1] is conflicted between services but no fallback service is specified")
    );
    assert!(three().build().is_ok());
}

#[test]
fn nothing_to_serve_is_a_problem() {
    let error = Services::builder().build().unwrap_err();
    assert_eq!(error.to_string(), "run: no service. Use RegisterService to set one");
    assert!(Services::builder().unknown_handler().build().is_ok());
}
