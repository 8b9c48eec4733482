//! A reader written from SPEC.md, area REC, gets through recordings.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeSet;

use kitewire_testkit::fuzz;
use kitewire_tests::spec::Spec;

const SPEC: &str = include_str!("../../SPEC.md");

/// What was read does not matter.
fn pass<T>(_: T) {}

/// What is left of a recording.
struct File<'a>(&'a [u8]);

impl<'a> File<'a> {
    fn raw(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.raw(1)[0]
    }

    /// SPEC REC-2.
    fn number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        number
    }

    fn bytes(&mut self) -> &'a [u8] {
        let len = self.number();
        self.raw(usize::try_from(len).unwrap())
    }

    fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap()
    }

    fn list(&mut self, mut item: impl FnMut(&mut Self)) {
        for _ in 0..self.number() {
            item(self);
        }
    }

    fn option(&mut self, value: impl FnOnce(&mut Self)) {
        if self.byte() == 1 {
            value(self);
        }
    }

    /// SPEC REC-4.
    fn digest(&mut self) {
        if self.number() > 0 {
            self.raw(4);
        }
    }

    fn pairs(&mut self) {
        self.list(|file| {
            file.bytes();
            file.bytes();
        });
    }

    fn fields(&mut self) {
        self.list(|file| {
            file.bytes();
            file.bytes();
            file.byte();
        });
    }

    fn business(&mut self) {
        self.number();
        self.text();
        self.pairs();
    }

    fn body(&mut self) {
        if self.byte() == 0 {
            self.bytes();
        }
    }

    fn meta(&mut self) {
        self.pairs();
        self.pairs();
    }

    fn exception(&mut self) {
        self.number();
        self.raw(2);
        self.text();
        self.text();
        self.option(|file| pass(file.number()));
    }

    /// Servers refuse to open calls, and record that.
    fn request(&mut self, subject: u8) {
        self.number();
        if subject == 3 {
            (0..3).for_each(|_| pass(self.text()));
            self.raw(2);
            self.text();
            self.text();
            self.option(|file| pass(file.number()));
            self.byte();
            self.fields();
            self.meta();
            return self.option(|file| (0..4).for_each(|_| pass(file.text())));
        }
        self.text();
        self.text();
        self.byte();
        self.option(|file| pass(file.number()));
        self.option(|file| pass(file.number()));
        self.meta();
        self.pairs();
        self.option(|file| pass(file.text()));
    }

    /// SPEC REC-6.
    fn services(&mut self) {
        self.raw(2);
        self.list(|file| {
            file.byte();
            file.text();
            file.text();
            file.raw(2);
            file.list(|file| {
                file.byte();
                file.text();
            });
        });
    }
}

/// The answer to a call over ping-pong.
fn answer(file: &mut File<'_>) {
    match file.byte() {
        0 => file.body(),
        1 => {
            file.business();
            file.option(File::body);
        }
        2 => pass((file.number(), file.text())),
        _ => {}
    }
    file.pairs();
    file.byte();
}

/// What the table says of a subject that is a server of calls.
fn step(file: &mut File<'_>, step: u8, subject: u8) {
    let call = |file: &mut File<'_>| {
        file.number();
        if subject == 1 {
            file.number();
        }
    };
    if matches!(step, 0x02..=0x05 | 0x07 | 0x11 | 0x12 | 0x27 | 0x30) {
        file.number();
    }
    if matches!(step, 0x11..=0x15 | 0x20..=0x26) {
        call(file);
    }
    match step {
        0x02 => pass((file.number(), file.bytes())),
        0x04 if subject == 1 => pass((file.number(), file.bytes())),
        0x03 => pass(file.byte()),
        0x05 => {
            file.number();
            file.digest();
        }
        0x06 => file.digest(),
        0x07 => file.option(|file| pass(file.number())),
        0x11 => answer(file),
        0x12 => pass((file.number(), file.text())),
        0x15 | 0x27 => file.exception(),
        0x16 => {
            file.request(subject);
            file.byte();
        }
        0x20 => {
            if file.byte() == 0 {
                file.digest();
            }
        }
        0x22 if subject == 3 => {
            file.fields();
            file.byte();
        }
        0x22 => {
            file.pairs();
            file.byte();
        }
        0x23 => {
            file.body();
            file.byte();
        }
        0x24 => pass(file.byte()),
        0x25 if subject == 3 => {
            file.number();
            file.text();
            file.list(|file| pass(file.bytes()));
            file.option(File::business);
            file.fields();
        }
        0x25 => {
            match file.byte() {
                0 => {}
                1 => file.business(),
                _ => pass((file.number(), file.text())),
            }
            file.pairs();
        }
        0x30 => {
            file.number();
            file.number();
            file.fields();
            file.bytes();
            file.byte();
        }
        0x04 | 0x08 | 0x13 | 0x21 | 0x26 => {}
        other => panic!("step {other:#04x} of subject {subject}"),
    }
}

#[test]
fn recordings_are_as_the_specification_has_them() {
    let spec = Spec::parse(SPEC);
    let rows = spec.table("recording steps").into_iter();
    let known: BTreeSet<u8> = rows
        .map(|row| u8::from_str_radix(row[0].trim_matches('`'), 16).unwrap())
        .collect();
    let mut seen = BTreeSet::new();
    for (kind, subject) in [(0, 1), (2, 3), (4, 5)] {
        for seed in 0..60 {
            let peer: Vec<u8> = (0..120u8).map(|at| at.wrapping_mul(seed | 1) ^ seed).collect();
            let script = [&[kind, 0, 0, 0, 0, seed], &peer[..]].concat();
            let recording = fuzz::recorded_session(&script).unwrap();
            let mut file = File(&recording);
            assert_eq!(file.raw(11), b"\x89kitewire\r\n");
            assert_eq!(file.number(), 1);
            assert_eq!(file.text(), env!("CARGO_PKG_VERSION"));
            assert_eq!(file.byte(), subject);
            file.number();
            file.bytes();
            file.services();
            loop {
                let kind = file.byte();
                if kind < 2 {
                    break;
                }
                assert!(known.contains(&kind), "step {kind:#04x} is not in the table");
                seen.insert(kind);
                step(&mut file, kind, subject);
            }
            assert_eq!(file.0.len(), 4, "the checksum of subject {subject}, seed {seed}");
        }
    }
    assert!(seen.len() > 12, "{seen:x?}");
}
