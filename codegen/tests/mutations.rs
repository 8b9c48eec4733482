//! Broken IDL never panics, and always ends soon with code or a report.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use kitewire_build::Builder;

#[test]
fn mutated_idl_gives_code_or_a_report() {
    let texts: Vec<String> = ["everything", "pingpong", "multi", "ttstream"]
        .iter()
        .map(|name| std::fs::read_to_string(format!("tests/idl/{name}.thrift")).unwrap())
        .collect();
    let base = std::fs::read_to_string("tests/idl/shared/base.thrift").unwrap();
    let units = std::fs::read_to_string("tests/idl/shared/units.thrift").unwrap();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for round in 0..400 {
        let text = mutated(&texts[random.below(texts.len())], &mut random);
        let builder = Builder::new()
            .file("main.thrift", &text)
            .file(
                "shared/base.thrift",
                if round % 4 == 0 {
                    mutated(&base, &mut random)
                } else {
                    base.clone()
                },
            )
            .file("shared/units.thrift", &units);
        let start = Instant::now();
        match builder.generate_to_string("main.thrift") {
            Ok(code) => assert!(!code.is_empty()),
            Err(error) => assert!(error.to_string().contains("--> "), "{error}\n{text}"),
        }
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{:?} for {text}",
            start.elapsed()
        );
    }
}

#[test]
fn random_text_gives_a_report() {
    let mut random = Random(7);
    for _ in 0..3000 {
        let count = random.below(60);
        let text: String = (0..count).map(|_| WORDS[random.below(WORDS.len())]).collect();
        let _ = Builder::new()
            .file("main.thrift", &text)
            .generate_to_string("main.thrift");
    }
    for _ in 0..2000 {
        let count = random.below(80);
        let text: String = (0..count)
            .map(|_| char::from_u32(u32::try_from(random.below(0x250)).unwrap()).unwrap())
            .collect();
        let _ = Builder::new()
            .file("main.thrift", &text)
            .generate_to_string("main.thrift");
    }
}

#[test]
fn bombs_are_refused_in_time() {
    let start = Instant::now();
    let doubling: String = (0..30)
        .map(|n| format!("const list<list<i32>> C{n} = [C{m}, C{m}]\n", m = n + 1))
        .collect::<String>();
    let chain = (0..20_000)
        .map(|n| format!("typedef T{} T{n}\n", n + 1))
        .collect::<String>()
        + "typedef i32 T20000";
    let containers = (0..200)
        .map(|n| format!("typedef list<L{}> L{n}\n", n + 1))
        .collect::<String>()
        + "typedef i32 L200";
    let constants = (0..5000)
        .map(|n| format!("const i32 C{n} = C{}\n", n + 1))
        .collect::<String>()
        + "const i32 C5000 = 1";
    for text in [
        format!(
            "struct A {{ 1: {}i32{} a }}",
            "list<".repeat(100_000),
            ">".repeat(100_000)
        ),
        format!("const i32 A = {}", "[".repeat(100_000)),
        format!("const i32 A = {}", "{1:".repeat(100_000)),
        format!("struct A {}", "(".repeat(100_000)),
        "struct A { 1: i32 a ".repeat(20_000),
        "\"".repeat(100_000),
        "/*".repeat(100_000),
        "// x\n".repeat(100_000),
        doubling,
        chain,
        containers,
        constants,
    ] {
        let result = Builder::new()
            .file("main.thrift", &text)
            .generate_to_string("main.thrift");
        if let Err(error) = result {
            assert!(error.to_string().len() < 200_000);
        }
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

fn mutated(text: &str, random: &mut Random) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(3) {
        let at = random.below(text.len());
        let end = (at + random.below(12)).min(text.len());
        match random.below(5) {
            0 => drop(text.drain(at..end)),
            1 => text[at] = MARKS[random.below(MARKS.len())],
            2 => text.insert(at, MARKS[random.below(MARKS.len())]),
            3 => text.truncate(at.max(1)),
            _ => {
                let copy: Vec<char> = text[at..end].to_vec();
                let place = random.below(text.len());
                text.splice(place..place, copy);
            }
        }
        if text.is_empty() {
            break;
        }
    }
    text.into_iter().collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

const MARKS: [char; 24] = [
    '{', '}', '(', ')', '<', '>', '[', ']', ',', ';', ':', '=', '"', '\'', '/', '*', '.', '-', '0', 'é', '\n', ' ',
    '\0', '#',
];
const WORDS: [&str; 40] = [
    "struct ",
    "union ",
    "enum ",
    "exception ",
    "service ",
    "const ",
    "typedef ",
    "include ",
    "namespace ",
    "oneway ",
    "void ",
    "throws ",
    "extends ",
    "required ",
    "optional ",
    "list",
    "map",
    "set",
    "string ",
    "i32 ",
    "A ",
    "B ",
    "A.B ",
    "1",
    "-",
    ":",
    "{",
    "}",
    "(",
    ")",
    "<",
    ">",
    "=",
    ",",
    ";",
    "\"x\"",
    "[",
    "]",
    "1.5",
    "\n",
];
