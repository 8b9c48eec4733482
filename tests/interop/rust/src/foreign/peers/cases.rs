//! The cases: a wish and what comes of it.

use kitewire::prost::Message as _;

use super::expect::{Amount, Expect, TIME, Wire};
use super::words::{Failure, Pairs, Script, Wish, Words};
use crate::foreign::generated::peers::{Detail, RpcStatus};
use crate::foreign::{Side, Way};

/// One call, or many at once.
pub(super) struct Case {
    pub(super) method: &'static str,
    name: &'static str,
    pub(super) wish: Wish,
    pub(super) expect: Expect,
    /// How the handler says that the call ended.
    pub(super) ending: Option<&'static str>,
    pub(super) count: usize,
}

impl Case {
    /// Between tonic's peers nobody looks at the deadline once the header of the answer is there.
    pub(super) fn missing(&self, way: Way) -> bool {
        let streams = ["watch", "talk"].contains(&self.method);
        streams && self.expect.is_deadline() && way.client == Side::Peer && way.server == Side::Peer
    }

    fn new(method: &'static str, name: &'static str, says: Vec<Words>, expect: Expect) -> Self {
        Self {
            method,
            name,
            wish: Wish {
                method,
                says,
                ..Wish::default()
            },
            expect,
            ending: None,
            count: 1,
        }
    }

    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.name)
    }

    /// Its name towards the server.
    pub(super) fn call(&self) -> String {
        self.name()
    }

    /// The handler of the last message remembers how it ended.
    fn ends(mut self, ending: &'static str) -> Self {
        let call = self.call();
        if let Some(script) = self.wish.says.last_mut().and_then(|words| words.script.as_mut()) {
            script.call = call;
        }
        self.ending = Some(ending);
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Wish)) -> Self {
        change(&mut self.wish);
        self
    }
}

/// Every case, mode by mode.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in METHODS {
        cases.extend(messages(method));
        cases.extend(failures(method));
        cases.extend(endings(method));
        cases.extend(early(method));
        cases.push(metadata(method));
        cases.extend(gzip(method));
        let (says, answers) = plain(method);
        cases.push(Case {
            count: 50,
            ..Case::new(method, "50 at once", says, Expect::answers(&answers))
        });
    }
    cases.extend((1..=16).map(|code| {
        let failure = failing(code, "told", Vec::new());
        let says = vec![say(1, failure)];
        Case::new(
            "unary",
            CODES[code.unsigned_abs() as usize - 1],
            says,
            Expect::status(code, "told"),
        )
    }));
    cases
}

fn messages(method: &'static str) -> Vec<Case> {
    let (says, answers) = plain(method);
    let mut cases = vec![Case::new(method, "ok", says, Expect::answers(&answers))];
    let (says, answers): (_, &[usize]) = match method {
        "unary" | "watch" => (vec![Words::default()], &[0]),
        "collect" => (vec![Words::default(); 3], &[0]),
        _ => (vec![Words::default(); 3], &[0, 0, 0]),
    };
    cases.push(Case::new(method, "empty messages", says, Expect::answers(answers)));
    match method {
        "collect" => cases.push(Case::new(method, "no messages", Vec::new(), Expect::answers(&[0]))),
        "talk" => cases.push(Case::new(method, "no messages", Vec::new(), Expect::answers(&[]))),
        _ => {}
    }
    let (says, answers): (_, &[usize]) = match method {
        "unary" => (vec![say(BIG, answering(&[BIG]))], &[BIG]),
        "collect" => (vec![say(BIG / 3, Script::default()); 3], &[BIG]),
        "watch" => (vec![say(1, answering(&[BIG; 3]))], &[BIG; 3]),
        _ => (vec![say(BIG, answering(&[BIG])); 2], &[BIG; 2]),
    };
    cases.push(Case::new(method, "big messages", says, Expect::answers(answers)));
    cases
}

/// Messages of several lengths.
fn plain(method: &str) -> (Vec<Words>, Vec<usize>) {
    match method {
        "unary" => (vec![say(1000, answering(&[2000]))], vec![2000]),
        "collect" => (
            vec![
                say(10, Script::default()),
                say(2000, Script::default()),
                say(300, Script::default()),
            ],
            vec![2310],
        ),
        "watch" => (
            vec![say(5, answering(&[31_415, 9, 2_653, 58_979]))],
            vec![31_415, 9, 2_653, 58_979],
        ),
        _ => (
            vec![
                say(10, answering(&[5])),
                say(2000, answering(&[1, 2])),
                say(300, answering(&[])),
                say(0, answering(&[70_000])),
            ],
            vec![5, 1, 2, 70_000],
        ),
    }
}

fn failures(method: &'static str) -> Vec<Case> {
    let details = details();
    let failing = || failing(9, MESSAGE, details.clone());
    let expect = || Expect::status(9, MESSAGE).details(&details);
    let mut cases = vec![Case::new(method, "error", vec![say(1, failing())], expect())];
    let says = match method {
        "collect" => vec![say(1, Script::default()), say(2, failing())],
        "watch" => vec![say(
            1,
            Script {
                answers: vec![7, 8],
                ..failing()
            },
        )],
        "talk" => vec![
            say(1, answering(&[7])),
            say(
                2,
                Script {
                    answers: vec![8],
                    ..failing()
                },
            ),
        ],
        _ => Vec::new(),
    };
    if !says.is_empty() {
        let answers: &[usize] = if method == "collect" { &[] } else { &[7, 8] };
        cases.push(Case::new(
            method,
            "error after messages",
            says,
            expect().and_answers(answers),
        ));
    }
    let says = vec![say(1, failing())];
    let case = Case::new(method, "error with trailers", says, expect().trailer(pairs("tail-")));
    cases.push(case.with(|wish| wish.metadata = pairs("tail-")));
    cases
}

/// Calls whose callers do not wait for the end.
fn endings(method: &'static str) -> Vec<Case> {
    let streams = ["watch", "talk"].contains(&method);
    let waiting = || Script {
        waits: true,
        answers: if streams { vec![3] } else { Vec::new() },
        ..Script::default()
    };
    let answers: &[usize] = if streams { &[3] } else { &[] };
    let cancel = Case::new(method, "cancel", vec![say(1, waiting())], Expect::left(answers));
    let deadline = Case::new(method, "deadline", vec![say(1, waiting())], Expect::deadline(answers));
    vec![
        cancel.with(|wish| wish.leaves = true).ends("gone"),
        deadline.with(|wish| wish.timeout_ms = TIME).ends("gone"),
    ]
}

/// Calls that the server ends while its client could still send.
fn early(method: &'static str) -> Vec<Case> {
    let answers: &[usize] = match method {
        "collect" => &[10],
        "talk" => &[5],
        _ => return Vec::new(),
    };
    let ending = Script {
        ends: true,
        ..answering(answers)
    };
    let answer = Case::new(method, "early answer", vec![say(10, ending)], Expect::answers(answers));
    let failing = vec![say(1, failing(9, MESSAGE, Vec::new()))];
    let error = Case::new(method, "early error", failing, Expect::status(9, MESSAGE));
    vec![
        answer.with(|wish| wish.holds = true),
        error.with(|wish| wish.holds = true),
    ]
}

fn metadata(method: &'static str) -> Case {
    let (says, answers) = plain(method);
    let expect = Expect::answers(&answers).header(pairs("head-")).trailer(pairs("tail-"));
    let case = Case::new(method, "metadata", says, expect);
    case.with(|wish| wish.metadata = pairs("head-").into_iter().chain(pairs("tail-")).collect())
}

fn gzip(method: &'static str) -> Vec<Case> {
    let ways = [
        ("gzip requests", true, false),
        ("gzip answers", false, true),
        ("gzip both", true, true),
    ];
    ways.into_iter()
        .map(|(name, compress, accept)| {
            let (says, answers): (_, &[usize]) = match method {
                "unary" => (vec![say(LONG, answering(&[LONG]))], &[LONG]),
                "collect" => (vec![say(LONG, answering(&[])); 3], &[LONG * 3]),
                "watch" => (vec![say(LONG, answering(&[LONG; 3]))], &[LONG; 3]),
                _ => (vec![say(LONG, answering(&[LONG])); 2], &[LONG; 2]),
            };
            let wire = Wire {
                up: Amount::of(compress),
                down: Amount::of(accept),
            };
            let case = Case::new(method, name, says, Expect::answers(answers).wire(wire));
            case.with(|wish| {
                (wish.compress, wish.accept) = (compress, accept);
                if !accept {
                    // Our client accepts gzip where it compresses.
                    wish.metadata.insert("plain".to_owned(), vec!["1".to_owned()]);
                }
            })
        })
        .collect()
}

fn say(size: usize, script: Script) -> Words {
    Words {
        size,
        script: Some(script),
    }
}

fn answering(sizes: &[usize]) -> Script {
    Script {
        answers: sizes.iter().filter_map(|size| u32::try_from(*size).ok()).collect(),
        ..Script::default()
    }
}

fn failing(code: i32, message: &str, details: Vec<u8>) -> Script {
    Script {
        failure: Some(Failure {
            code,
            message: message.to_owned(),
            details,
        }),
        ..Script::default()
    }
}

/// Text and bytes, one value and several.
fn pairs(prefix: &str) -> Pairs {
    let pair = |name: &str, values: &[&str]| {
        (
            format!("{prefix}{name}"),
            values.iter().map(ToString::to_string).collect(),
        )
    };
    Pairs::from([
        pair("one", &["a value; with = signs, and \"quotes\""]),
        pair("many", &["second", "first", "second"]),
        pair("raw-bin", &["00ff10802c", "", "6869"]),
    ])
}

/// The status once more, with two details, as `grpc-status-details-bin` has it.
fn details() -> Vec<u8> {
    let detail = |name: &str, value: &[u8]| Detail {
        type_url: format!("type.googleapis.com/{name}"),
        value: value.to_vec(),
    };
    let status = RpcStatus {
        code: 9,
        message: MESSAGE.to_owned(),
        details: vec![detail("kitewire.A", &[8, 150, 1]), detail("kitewire.B", &[])],
    };
    status.encode_to_vec()
}

const METHODS: [&str; 4] = ["unary", "collect", "watch", "talk"];
/// Needs percent-encoding.
const MESSAGE: &str = "\t50% of \"it\"\r\n你好 😈 %41 é\n";
/// Just below what tonic takes by default.
const BIG: usize = 3 * 1024 * 1024;
const LONG: usize = 100_000;
const CODES: [&str; 16] = [
    "code 1", "code 2", "code 3", "code 4", "code 5", "code 6", "code 7", "code 8", "code 9", "code 10", "code 11",
    "code 12", "code 13", "code 14", "code 15", "code 16",
];
