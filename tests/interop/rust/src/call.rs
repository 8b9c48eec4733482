//! The words that the runner and the peers speak: the same for the Go program, which reads and prints them as JSON lines, and for the
//! Rust peers, which run inside the runner.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Texts by key, in key order.
pub(crate) type Pairs = BTreeMap<String, String>;

/// How a client reaches a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(crate) struct Dial {
    pub(crate) address: String,
    pub(crate) transport: &'static str,
    /// Of streams over TTHeader: `multiplexed`, `long` or `short`.
    pub(crate) pool: &'static str,
    /// Of streams over TTHeader: a Kitex client sends metadata through its header handler, and not without it.
    pub(crate) header_handler: bool,
    /// Connections of a multiplexed client; 0 is a client with a pool.
    pub(crate) mux: u32,
    /// Connections over gRPC or of a multiplexed pool of streams; 0 is the client's own choice.
    pub(crate) connections: u32,
    pub(crate) ttheader_meta: bool,
    /// Over gRPC: the names of caller and callee go with the request.
    pub(crate) http2_meta: bool,
    pub(crate) crc32c: bool,
    pub(crate) timeout_ms: u64,
    /// The caller's name; empty is the usual one.
    pub(crate) caller: &'static str,
    /// Secures the connections.
    pub(crate) tls: Option<TlsFiles>,
    /// Protobuf without a header: our client alone can do that.
    #[serde(skip)]
    pub(crate) protobuf: bool,
}

/// One call that a client is told to make.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) dial: Dial,
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
    pub(crate) text: String,
    pub(crate) persistent: Pairs,
    pub(crate) transient: Pairs,
    pub(crate) timeout_ms: u64,
}

/// What a call came to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Outcome {
    pub(crate) id: u64,
    /// `value`, `nothing`, `declared`, `business`, `exception`, `timeout`, `failed` or `stuck`.
    pub(crate) kind: String,
    pub(crate) text: String,
    /// The error as the client prints it.
    pub(crate) error: String,
    pub(crate) name: String,
    pub(crate) code: i32,
    pub(crate) extra: Pairs,
    pub(crate) backward: Pairs,
    pub(crate) elapsed_ms: u64,
}

impl Outcome {
    /// One line for a report.
    pub(crate) fn brief(&self) -> String {
        let text: String = self.text.chars().take(160).collect();
        let mut line = format!("{} {}", self.kind, quoted(&text));
        if !self.name.is_empty() {
            line += &format!(" name {}", self.name);
        }
        if self.code != 0 {
            line += &format!(" code {}", self.code);
        }
        if !self.extra.is_empty() {
            line += &format!(" extra {:?}", self.extra);
        }
        if !self.backward.is_empty() {
            line += &format!(" backward {:?}", self.backward);
        }
        line
    }
}

/// What a server serves; the Go program gets it as its argument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(crate) struct ServerConfig {
    pub(crate) services: Vec<&'static str>,
    pub(crate) fallback: &'static str,
    pub(crate) refuse_traffic_without_service_name: bool,
    pub(crate) unknown_handler: bool,
    pub(crate) multiplex_only: bool,
    pub(crate) ttheader_meta: bool,
    pub(crate) crc32c: bool,
    pub(crate) deadline_from_header: bool,
    pub(crate) http2_meta: bool,
    /// Of streams over TTHeader: a Kitex server shows the caller's own entries as metadata.
    pub(crate) header_handler: bool,
    /// How long a stop waits for handlers; 0 is the server's own choice.
    pub(crate) exit_wait_ms: u64,
    /// Over gRPC, 0 being the server's own choice: streams at once, time after which a quiet client is pinged, age of a connection.
    pub(crate) max_streams: u32,
    pub(crate) keep_alive_ms: u64,
    pub(crate) max_age_ms: u64,
    /// Over gRPC: answers compressed. A Kitex server is another program then.
    #[serde(skip)]
    pub(crate) gzip: bool,
    /// Over gRPC: does not read compressed requests, as a Kitex server of the usual program.
    #[serde(skip)]
    pub(crate) no_gzip: bool,
    /// The next server, for the texts `hop`, `hop-stream`, `relay` and `abandon`.
    pub(crate) next: Option<Dial>,
    /// Secures the connections. A Kitex server takes ping-pong calls alone then.
    pub(crate) tls: Option<TlsFiles>,
}

/// PEM files of whom a side trusts and what it shows, each of which may be empty. A server with a `ca` wants its clients to
/// show a certificate of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(crate) struct TlsFiles {
    pub(crate) ca: String,
    pub(crate) cert: String,
    pub(crate) key: String,
}

/// What a graceful stop came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopped {
    pub(crate) elapsed_ms: u64,
    pub(crate) error: String,
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
