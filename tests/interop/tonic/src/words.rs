//! The lines that a client reads and prints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One call to make.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wish {
    pub(crate) id: u64,
    pub(crate) address: String,
    /// `unary`, `collect`, `watch`, `talk`, or `ended`: how the call named by the first script ended.
    pub(crate) method: String,
    pub(crate) says: Vec<Words>,
    pub(crate) metadata: Pairs,
    /// Compress the requests.
    pub(crate) compress: bool,
    /// Accept compressed answers.
    pub(crate) accept: bool,
    /// 0 is none.
    pub(crate) timeout_ms: u64,
    /// Give the call up: after the first answer where answers are a stream, else after a moment.
    pub(crate) leaves: bool,
    /// Do not say that all requests are sent before the call is over.
    pub(crate) holds: bool,
}

/// One message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Words {
    pub(crate) size: usize,
    pub(crate) script: Option<Script>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Script {
    pub(crate) call: String,
    pub(crate) answers: Vec<u32>,
    pub(crate) waits: bool,
    pub(crate) failure: Option<Failure>,
    pub(crate) ends: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) details: Vec<u8>,
}

/// What a call came to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Outcome {
    pub(crate) id: u64,
    /// Lengths of the payloads.
    pub(crate) answers: Vec<usize>,
    /// Metadata whose names begin with `head-` or `tail-`. With a single answer tonic tells the trailers as part of the header.
    pub(crate) header: Pairs,
    pub(crate) trailer: Pairs,
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) details: Vec<u8>,
    /// The call was given up, as wished.
    pub(crate) left: bool,
    /// For `ended`.
    pub(crate) text: String,
    pub(crate) elapsed_ms: u64,
}

/// Values by name; those of `-bin` fields in hexadecimal.
pub(crate) type Pairs = BTreeMap<String, Vec<String>>;
