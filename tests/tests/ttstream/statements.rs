//! SPEC.md lists the statements; every test that it names is here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kitewire_tests::spec::Spec;

const SPEC: &str = include_str!("../../../SPEC.md");

#[test]
fn every_statement_is_shown_or_explained() {
    let mut tests = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let here = fs::read_dir(folder.join("ttstream"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for file in here.chain([folder.join("one_port.rs")]) {
        let text = fs::read_to_string(file).unwrap();
        let names = text
            .lines()
            .filter_map(|line| line.trim_start_matches("async ").strip_prefix("fn "));
        tests.extend(names.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
    }
    let rows = Spec::parse(SPEC).table("stream statements");
    for row in &rows {
        let shown = row[2]
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.matches('_').count() > 1);
        for name in shown {
            assert!(tests.contains(name), "{}: no test {name}", row[0]);
        }
        let explained = ["with middleware", "not applicable: "]
            .iter()
            .any(|why| row[2].starts_with(why));
        assert!(explained || row[2].starts_with('`'), "{row:?}");
    }
    assert_eq!(numbers(&rows, 'A'), (1..=46).collect::<Vec<_>>());
    assert_eq!(numbers(&rows, 'M'), (1..=9).collect::<Vec<_>>());
    assert_eq!(numbers(&rows, 'G'), (1..=12).collect::<Vec<_>>());
}

/// The statements of this letter that have a row, in order of number.
fn numbers(rows: &[Vec<&str>], letter: char) -> Vec<u32> {
    let mut found = BTreeSet::new();
    for part in rows.iter().flat_map(|row| row[0].split(", ")) {
        let (first, last) = part.split_once('–').unwrap_or((part, part));
        let number = |text: &str| text.strip_prefix(letter).and_then(|digits| digits.parse::<u32>().ok());
        if let Some((first, last)) = number(first).zip(number(last)) {
            found.extend(first..=last);
        }
    }
    found.into_iter().collect()
}
