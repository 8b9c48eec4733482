//! What a client is told to do over gRPC, and what it tells of it: the JSON lines of `peer streams`.

use serde::{Deserialize, Serialize};

use crate::call::{Dial, Pairs};
use crate::go::Numbered;

/// One call; `tests/interop/streams_client.go` has the words of the steps.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Wish {
    pub(crate) id: u64,
    pub(crate) dial: Dial,
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
    pub(crate) text: String,
    pub(crate) steps: Vec<String>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) persistent: Pairs,
    pub(crate) transient: Pairs,
    pub(crate) timeout_ms: u64,
    pub(crate) recv_timeout_ms: u64,
    pub(crate) keep_remote: bool,
    pub(crate) gzip: bool,
    pub(crate) cancel_when: &'static str,
    pub(crate) awaits: Option<Dial>,
}

/// A line for each step that had something to tell.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    pub(crate) id: u64,
    pub(crate) lines: Vec<String>,
    pub(crate) elapsed_ms: u64,
}

impl Told {
    /// One line for a report.
    pub(crate) fn brief(&self) -> String {
        let mut text = self.lines.join(", ");
        if text.chars().count() > 200 {
            text = text.chars().take(200).collect::<String>() + " …";
        }
        text
    }
}

impl Told {
    /// The same without what a refusal said to a send, and as if it had not met the opening.
    pub(crate) fn without_refused_sends(&self) -> Self {
        let lines = self.lines.iter().filter(|line| !line.starts_with("send: "));
        Self {
            lines: lines.map(|line| line.trim_start_matches("open: ").to_owned()).collect(),
            ..*self
        }
    }
}

impl Numbered for Wish {
    fn id(&mut self) -> &mut u64 {
        &mut self.id
    }
}

impl Numbered for Told {
    fn id(&mut self) -> &mut u64 {
        &mut self.id
    }
}
