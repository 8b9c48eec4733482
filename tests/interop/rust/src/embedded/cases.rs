//! The ways that calls take, and the calls.

use crate::streams::wish::Wish;

/// How a call travels.
pub(super) struct Lane {
    pub(super) name: &'static str,
    /// In the words of both clients.
    pub(super) transport: &'static str,
    pub(super) multiplexed: bool,
    /// Methods that stream can be called.
    pub(super) streams: bool,
}

pub(super) fn lanes() -> [Lane; 7] {
    let lane = |transport, streams| Lane {
        name: transport,
        transport,
        multiplexed: false,
        streams,
    };
    [
        lane("bare", false),
        lane("framed", false),
        lane("ttheader", false),
        lane("ttheader-framed", false),
        Lane {
            name: "mux",
            multiplexed: true,
            ..lane("ttheader-framed", false)
        },
        lane("grpc", true),
        lane("ttheader-streaming", true),
    ]
}

/// A call, or several alike, and what is told of each.
pub(super) struct Case {
    pub(super) name: &'static str,
    method: &'static str,
    texts: Vec<String>,
    /// What a Kitex client does, if not what the method is for.
    steps: Option<Vec<String>>,
    /// What the client of ours is told beside the method and the texts.
    options: Vec<String>,
    /// Calls at once, by a Kitex client.
    pub(super) at_once: usize,
    clients: Clients,
    want: Want,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clients {
    All,
    Kitex,
    Ours,
    /// Ours, of a Kitex server, whose handlers do more.
    OursToKitex,
}

enum Want {
    Lines(Vec<String>),
    /// An error with these words, after these lines.
    Error(Vec<String>, &'static str),
}

pub(super) fn cases() -> Vec<Case> {
    let large = "y".repeat(LARGE);
    let answer = format!("got {LARGE} bytes");
    let pieces = [large.as_str(); 40].join("; ");
    vec![
        call("plain", "plain", &["hello"]).gives(&["got hello"]),
        call("plain, large", "plain", &[&large]).gives(&[&answer]),
        call("plain, beyond ASCII", "plain", &["grüße, 世界"]).gives(&["got grüße, 世界"]),
        call("plain, handler error", "plain", &["boom"]).fails(&[], "boom"),
        call("plain, 50 at once", "plain", &["hello"])
            .gives(&["got hello"])
            .at_once(50),
        call("plain, 200 in turn", "plain", &["hello"])
            .gives(&["got hello"; 200])
            .with(&["--calls", "200"]),
        call("plain, deadline", "plain", &["sleep 3000"])
            .fails(&[], "")
            .with(&["--timeout-ms", "150"])
            .only_to_kitex(),
        call("unary", "unary", &["hello"]).gives(&["got hello"]),
        call("unary, handler error", "unary", &["boom"]).fails(&[], "boom"),
        call("unary, 50 at once", "unary", &["hello"])
            .gives(&["got hello"])
            .at_once(50),
        call("collect", "collect", &["a", "b", "c"]).gives(&["got a,b,c"]),
        call("collect, handler error", "collect", &["a", "boom"]).fails(&[], "boom"),
        call("collect, 1000 messages", "collect", &[])
            .gives(&["got 1999 bytes"])
            .steps(&["sends 1000 a", "finish"]),
        call("watch", "watch", &["a; b; c"]).gives(&["got a", "got b", "got c", "end"]),
        call("watch, handler error", "watch", &["boom"]).fails(&[], "boom"),
        call("watch, slow reader of 4 MB", "watch", &[&pieces])
            .gives(&["40 messages", "end"])
            .steps(&["sleep 150", "count"]),
        call("talk", "talk", &["a", "b"]).gives(&["got a", "got b", "end"]),
        call("talk, in turn", "talk", &[])
            .gives(&["got a", "got b", "end"])
            .steps(&["send a", "recv", "send b", "recv", "close", "recv"]),
        call("talk, handler error", "talk", &["a", "boom"]).fails(&["got a"], "boom"),
        call("talk, large both ways", "talk", &[&large, &large]).gives(&[&answer, &answer, "end"]),
        call("talk, 3000 messages each way", "talk", &[])
            .gives(&["3000 messages", "end"])
            .steps(&["pump 3000 a", "count"]),
        call("talk, 200 messages of 60 KB each way", "talk", &[])
            .gives(&["200 messages", "end"])
            .steps(&[&format!("pump 200 {}", "y".repeat(60_000)), "count"]),
        call("talk, 50 at once", "talk", &["a", "b"])
            .gives(&["got a", "got b", "end"])
            .at_once(50),
        call("talk, 50 in turn", "talk", &["a"])
            .gives(&["got a", "end"].repeat(50))
            .with(&["--calls", "50"]),
        call("talk, cancelled", "talk", &[])
            .fails(&["got a"], "")
            .steps(&["send a", "recv", "cancel", "recv"]),
    ]
}

fn call(name: &'static str, method: &'static str, texts: &[&str]) -> Case {
    Case {
        name,
        method,
        texts: owned(texts),
        steps: None,
        options: Vec::new(),
        at_once: 1,
        clients: Clients::All,
        want: Want::Lines(Vec::new()),
    }
}

impl Case {
    fn gives(mut self, lines: &[&str]) -> Self {
        self.want = Want::Lines(owned(lines));
        self
    }

    fn fails(mut self, lines: &[&str], words: &'static str) -> Self {
        self.want = Want::Error(owned(lines), words);
        self
    }

    fn steps(mut self, steps: &[&str]) -> Self {
        self.steps = Some(owned(steps));
        self.clients = Clients::Kitex;
        self
    }

    fn at_once(mut self, calls: usize) -> Self {
        self.at_once = calls;
        self.clients = Clients::Kitex;
        self
    }

    fn with(mut self, options: &[&str]) -> Self {
        self.options = owned(options);
        self.clients = Clients::Ours;
        self
    }

    fn only_to_kitex(mut self) -> Self {
        self.clients = Clients::OursToKitex;
        self
    }

    /// Whether the peers can do it.
    pub(super) fn fits(&self, lane: &Lane, client_is_kitex: bool, server_is_kitex: bool) -> bool {
        let clients = match self.clients {
            Clients::All => true,
            Clients::Kitex => client_is_kitex,
            Clients::Ours => !client_is_kitex,
            Clients::OursToKitex => !client_is_kitex && server_is_kitex,
        };
        let carried = match self.method {
            "plain" => lane.name != "grpc" && lane.name != "ttheader-streaming",
            // Kitex has methods of this mode over gRPC alone.
            "unary" => lane.name == "grpc",
            _ => lane.streams,
        };
        // The client of ours makes one call at a time.
        clients && carried && (client_is_kitex || !lane.multiplexed)
    }

    /// The command line of the client of ours.
    pub(super) fn words(&self, lane: &Lane, address: &str) -> Vec<String> {
        let port = address.rsplit_once(':').map_or("0", |(_, port)| port);
        let mut words = owned(&["--port", port, "--transport", lane.transport]);
        words.extend(self.options.iter().cloned());
        words.push(self.method.to_owned());
        words.extend(self.texts.iter().cloned());
        words
    }

    /// The same for a Kitex client.
    pub(super) fn wish(&self, lane: &Lane, address: &str) -> Wish {
        let sends = self.texts.iter().map(|text| format!("send {text}"));
        let steps = match self.method {
            "plain" | "unary" => Vec::new(),
            "watch" => owned(&["drain"]),
            "collect" => sends.chain(owned(&["finish"])).collect(),
            _ => sends.chain(owned(&["close", "drain"])).collect(),
        };
        Wish {
            dial: lane.dial(address),
            service: "Streams",
            method: self.method,
            text: self.texts.first().cloned().unwrap_or_default(),
            steps: self.steps.clone().unwrap_or(steps),
            ..Wish::default()
        }
    }

    /// Compares what a client told.
    pub(super) fn check(&self, lines: &[String]) -> Result<String, String> {
        let lines: Vec<String> = lines.iter().map(|line| brief(line)).collect();
        let fits = match &self.want {
            Want::Lines(want) => lines == *want,
            Want::Error(want, words) => lines.split_last().is_some_and(|(last, before)| {
                // Which of its messages get out before a stream fails is not settled.
                want.starts_with(before) && last.starts_with("error: ") && last.contains(words)
            }),
        };
        let mut told = lines.join(", ");
        if told.chars().count() > 120 {
            told = told.chars().take(120).collect::<String>() + " …";
        }
        if fits { Ok(told) } else { Err(told) }
    }
}

/// A long text is told by its length, as Kitex clients do.
fn brief(line: &str) -> String {
    match line.strip_prefix("got ") {
        Some(text) if text.len() > 1000 => format!("got {} bytes", text.len()),
        _ => line.to_owned(),
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// As long as one word of a command line may well be.
const LARGE: usize = 100_000;
