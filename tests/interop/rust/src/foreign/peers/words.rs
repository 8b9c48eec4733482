//! What a client is told and tells, the same for tonic's program, which reads and prints it as JSON lines, and for ours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::go::Numbered;

/// One call to make.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Wish {
    pub(super) id: u64,
    pub(super) address: String,
    pub(super) method: &'static str,
    pub(super) says: Vec<Words>,
    pub(super) metadata: Pairs,
    /// Compress the requests.
    pub(super) compress: bool,
    /// Accept compressed answers.
    pub(super) accept: bool,
    /// 0 is none.
    pub(super) timeout_ms: u64,
    /// Give the call up: after the first answer where answers are a stream, else after a moment.
    pub(super) leaves: bool,
    /// Do not say that all requests are sent before the call is over.
    pub(super) holds: bool,
}

/// One message.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Words {
    pub(super) size: usize,
    pub(super) script: Option<Script>,
}

/// What the handler does with it.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Script {
    pub(super) call: String,
    pub(super) answers: Vec<u32>,
    pub(super) waits: bool,
    pub(super) failure: Option<Failure>,
    pub(super) ends: bool,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Failure {
    pub(super) code: i32,
    pub(super) message: String,
    /// An encoded `google.rpc.Status`, or nothing.
    pub(super) details: Vec<u8>,
}

/// What a call came to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    pub(super) id: u64,
    /// Lengths of the payloads.
    pub(super) answers: Vec<usize>,
    pub(super) header: Pairs,
    pub(super) trailer: Pairs,
    pub(super) code: i32,
    pub(super) message: String,
    pub(super) details: Vec<u8>,
    /// The call was given up, as wished.
    pub(super) left: bool,
    /// For `ended`.
    pub(super) text: String,
    pub(super) elapsed_ms: u64,
}

/// Values by name; those of `-bin` fields in hexadecimal.
pub(super) type Pairs = BTreeMap<String, Vec<String>>;

impl Numbered for Wish {
    fn id(&mut self) -> &mut u64 {
        &mut self.id
    }
}

impl Numbered for Outcome {
    fn id(&mut self) -> &mut u64 {
        &mut self.id
    }
}
