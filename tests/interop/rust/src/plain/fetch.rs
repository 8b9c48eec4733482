//! The words of `tests/interop/plainhttp`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::go::Numbered;

/// Which HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

impl Version {
    /// As Go names it.
    pub(crate) fn proto(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.proto())
    }
}

/// One request.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Fetch {
    id: u64,
    http2: bool,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    headers: BTreeMap<&'static str, &'static str>,
    size: usize,
    chunked: bool,
    expect: bool,
    timeout_ms: u64,
}

impl Fetch {
    pub(crate) fn new(method: &'static str, path: &'static str) -> Self {
        Self {
            method,
            path,
            ..Self::default()
        }
    }

    pub(crate) fn get(path: &'static str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With a body of so many bytes.
    pub(crate) fn of(mut self, size: usize) -> Self {
        self.size = size;
        self
    }

    /// The body's length is not told before it ends.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// The server has to ask for the body.
    pub(crate) fn expecting(mut self) -> Self {
        self.expect = true;
        self
    }

    pub(crate) fn within(mut self, timeout_ms: u64) -> Self {
        self.timeout_ms = timeout_ms;
        self
    }

    pub(crate) fn over(&self, version: Version) -> Self {
        Self {
            http2: version == Version::Http2,
            ..self.clone()
        }
    }
}

/// What a request came to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Page {
    id: u64,
    pub(crate) proto: String,
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) length: usize,
    pub(crate) same: bool,
    pub(crate) text: String,
    pub(crate) continued: bool,
    pub(crate) reused: bool,
    pub(crate) local: String,
    pub(crate) error: String,
}

impl Page {
    /// One line for a report.
    pub(crate) fn brief(&self) -> String {
        format!("{} with {} bytes", self.status, self.length)
    }
}

impl Numbered for Fetch {
    fn id(&mut self) -> &mut u64 {
        &mut self.id
    }
}

impl Numbered for Page {
    fn id(&mut self) -> &mut u64 {
        &mut self.id
    }
}
