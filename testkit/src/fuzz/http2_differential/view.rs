//! What shows of a connection from outside.

use std::collections::{BTreeMap, BTreeSet};

use kitewire_proto::wire::http2::{ErrorCode, FrameHead, HEAD_LEN, Payload, parse};

use crate::reference::Canonical;

/// Everything that the application and the peer have seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// What the application has received.
    pub(super) streams: BTreeMap<u32, Seen>,
    /// How many heads were sent on each stream.
    pub(super) answers: BTreeMap<u32, usize>,
    /// RST_STREAM frames sent: the first code for each stream.
    pub(super) resets: BTreeMap<u32, u32>,
    /// The code of a GOAWAY frame sent.
    pub(super) go_away: Option<u32>,
    /// SETTINGS frames acknowledged.
    pub(super) acknowledged: usize,
    /// PING frames answered.
    pub(super) pongs: Vec<[u8; 8]>,
}

/// What came on a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) interim: Vec<Canonical>,
    pub(super) head: Option<Canonical>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Option<Canonical>,
    pub(super) end: End,
}

/// How the receiving half of a stream has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Open,
    Complete,
    /// By this side, or with the connection.
    Failed,
    /// By the peer, with this code.
    Reset(u32),
}

/// Reads the frames that a connection sends.
#[derive(Debug, Default)]
pub(super) struct Sent {
    bytes: Vec<u8>,
}

impl View {
    /// Leaves streams out of the comparison, and what was answered beside the end of the connection.
    pub(super) fn forget(&mut self, streams: &BTreeSet<u32>) {
        if self.go_away.is_some() {
            self.acknowledged = 0;
            self.pongs.clear();
        }
        self.streams.retain(|id, _| !streams.contains(id));
        self.resets.retain(|id, _| !streams.contains(id));
        self.answers.retain(|id, _| !streams.contains(id));
    }

    /// How the receiving half of `stream` stands.
    pub(super) fn end(&self, stream: u32) -> Option<End> {
        self.streams.get(&stream).map(|seen| seen.end)
    }

    /// Where two views differ, in short.
    pub(super) fn gist(&self, other: &Self) -> String {
        let mut parts = Vec::new();
        if self.go_away != other.go_away {
            parts.push(format!("GOAWAY {} {}", code(self.go_away), code(other.go_away)));
        }
        let ids: BTreeSet<_> = [self, other].iter().flat_map(|view| view.resets.keys()).collect();
        for id in ids {
            let [a, b] = [self, other].map(|view| view.resets.get(id).copied());
            if a != b {
                parts.push(format!("RST_STREAM {} {}", code(a), code(b)));
            }
        }
        let ids: BTreeSet<_> = [self, other].iter().flat_map(|view| view.streams.keys()).collect();
        for id in ids {
            let [a, b] = [self, other].map(|view| view.streams.get(id).cloned().unwrap_or_default());
            if a.end != b.end {
                parts.push(format!("end {:?} {:?}", a.end, b.end));
            }
            let what = [
                ("interim", a.interim != b.interim),
                ("head", a.head != b.head),
                ("body", a.body != b.body),
                ("trailers", a.trailers != b.trailers),
            ];
            parts.extend(
                what.into_iter()
                    .filter(|(_, differs)| *differs)
                    .map(|(name, _)| name.to_owned()),
            );
        }
        if self.acknowledged != other.acknowledged || self.pongs != other.pongs {
            parts.push("acknowledgements".to_owned());
        }
        parts.join(", ")
    }

    fn note(&mut self, head: FrameHead, payload: &[u8]) {
        match parse(head, payload).expect("both write good frames") {
            Payload::Headers { .. } => *self.answers.entry(head.stream.get()).or_default() += 1,
            Payload::Reset(code) => {
                self.resets.entry(head.stream.get()).or_insert(code.0);
            }
            Payload::GoAway { code, .. } => {
                self.go_away.get_or_insert(code.0);
            }
            Payload::SettingsAck => self.acknowledged += 1,
            Payload::PingAck(payload) => self.pongs.push(payload),
            _ => {}
        }
    }
}

fn code(code: Option<u32>) -> String {
    code.map_or_else(|| "none".to_owned(), |code| ErrorCode(code).to_string())
}

impl Sent {
    /// Takes what a connection has sent and notes it in `view`.
    pub(super) fn take(&mut self, bytes: &[u8], view: &mut View) {
        self.bytes.extend_from_slice(bytes);
        loop {
            let Some(head) = FrameHead::parse(&self.bytes) else {
                return;
            };
            let end = HEAD_LEN + head.len as usize;
            let Some(payload) = self.bytes.get(HEAD_LEN..end) else {
                return;
            };
            view.note(head, payload);
            self.bytes.drain(..end);
        }
    }
}
