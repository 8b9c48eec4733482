//! The requirements that h2spec 2.6 checks of a server, as raw frames to the connection itself, and what corresponds to
//! them on a client. The expectations are narrower than h2spec's: the very code and the scope that RFC 9113 and RFC 7541
//! name, and a connection that goes on where only a stream is at fault.

mod case;
mod checks;
mod client;
mod client_messages;
mod client_settings;
mod client_streams;
mod definitions;
mod flow_control;
mod frames;
mod generic;
mod hpack;
mod messages;
mod script;
mod server;
mod server_windows;
mod settings;
mod streams;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use case::Case;
use script::Role;

/// The sections of h2spec 2.6 and the number of cases in each.
const SECTIONS: [(&str, usize); 49] = [
    ("generic/1", 1),
    ("generic/2", 5),
    ("generic/3.1", 3),
    ("generic/3.2", 3),
    ("generic/3.3", 5),
    ("generic/3.4", 1),
    ("generic/3.5", 1),
    ("generic/3.7", 1),
    ("generic/3.8", 1),
    ("generic/3.9", 2),
    ("generic/3.10", 2),
    ("generic/4", 4),
    ("generic/5", 15),
    ("http2/3.5", 2),
    ("http2/4.1", 3),
    ("http2/4.2", 3),
    ("http2/4.3", 3),
    ("http2/5.1", 13),
    ("http2/5.1.1", 2),
    ("http2/5.1.2", 1),
    ("http2/5.3.1", 2),
    ("http2/5.4.1", 2),
    ("http2/5.5", 2),
    ("http2/6.1", 3),
    ("http2/6.2", 4),
    ("http2/6.3", 2),
    ("http2/6.4", 3),
    ("http2/6.5", 3),
    ("http2/6.5.2", 5),
    ("http2/6.5.3", 2),
    ("http2/6.7", 4),
    ("http2/6.8", 1),
    ("http2/6.9", 3),
    ("http2/6.9.1", 3),
    ("http2/6.9.2", 3),
    ("http2/6.10", 6),
    ("http2/7", 2),
    ("http2/8.1", 1),
    ("http2/8.1.2", 1),
    ("http2/8.1.2.1", 4),
    ("http2/8.1.2.2", 2),
    ("http2/8.1.2.3", 7),
    ("http2/8.1.2.6", 2),
    ("http2/8.2", 1),
    ("hpack/2.3.3", 2),
    ("hpack/4.2", 1),
    ("hpack/5.2", 3),
    ("hpack/6.1", 1),
    ("hpack/6.3", 1),
];

/// The tables of h2spec's own cases.
fn server_cases() -> impl Iterator<Item = &'static Case> {
    let tables = [
        generic::CASES,
        frames::CASES,
        streams::CASES,
        definitions::CASES,
        settings::CASES,
        flow_control::CASES,
        messages::CASES,
        hpack::CASES,
    ];
    tables.into_iter().flatten()
}

/// What it does not check of servers.
fn further_server_cases() -> impl Iterator<Item = &'static Case> {
    server::CASES.iter().chain(server_windows::CASES)
}

fn client_cases() -> impl Iterator<Item = &'static Case> {
    let tables = [
        client::CASES,
        client_streams::CASES,
        client_settings::CASES,
        client_messages::CASES,
    ];
    tables.into_iter().flatten()
}

#[test]
fn cases_have_ids_and_clauses() {
    let mut ids = BTreeSet::new();
    for case in server_cases().chain(further_server_cases()).chain(client_cases()) {
        assert!(ids.insert(case.id), "{} is there once", case.id);
        let cites = case.rfc.starts_with("RFC 9113 §") || case.rfc.starts_with("RFC 7541 §");
        assert!(cites, "{}: {}", case.id, case.rfc);
    }
}

#[test]
fn every_case_of_h2spec_has_its_twin() {
    let mut found: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for case in server_cases() {
        let (section, number) = case.id.rsplit_once('/').expect("a number behind the section");
        let number = number.parse().expect("a number");
        found.entry(section).or_default().insert(number);
    }
    for (section, count) in SECTIONS {
        let numbers = found.remove(section).unwrap_or_default();
        let all = numbers.into_iter().eq(1..=count);
        assert!(all, "{section} has the cases 1 to {count}");
    }
    assert!(found.is_empty(), "sections that h2spec has not: {found:?}");
    assert_eq!(SECTIONS.iter().map(|(_, count)| count).sum::<usize>(), 147);
}

#[test]
fn servers_meet_every_requirement() {
    run(server_cases(), Role::Server);
}

#[test]
fn servers_meet_what_h2spec_does_not_check() {
    run(further_server_cases(), Role::Server);
}

#[test]
fn clients_meet_what_corresponds() {
    run(client_cases(), Role::Client);
}

fn run(cases: impl Iterator<Item = &'static Case>, role: Role) {
    let failures: Vec<String> = cases.flat_map(|case| case.run(role)).collect();
    let count = failures.len();
    assert!(failures.is_empty(), "{count} failures\n{}", failures.join("\n"));
}
