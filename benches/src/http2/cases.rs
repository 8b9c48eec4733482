//! What is measured.

use crate::aims::{Bound, HTTP2_MESSAGE, HTTP2_MESSAGE_ALLOCATIONS, HTTP2_UNARY};

/// One kind of work at one width.
pub(super) struct Case {
    /// Its name, which the programs understand.
    pub(super) name: &'static str,
    /// What it is, for people.
    pub(super) title: &'static str,
    /// How often it is done in the shorter of two runs.
    pub(super) iterations: u64,
    /// Figures are told for so many parts of one time.
    pub(super) parts: u64,
    /// Our instructions, divided by those of the h2 crate.
    pub(super) aim: Bound,
    /// Our allocations.
    pub(super) allocations: Option<Bound>,
}

impl Case {
    const fn unary(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            iterations: 5000,
            parts: 1,
            aim: HTTP2_UNARY,
            allocations: None,
        }
    }

    /// Two messages: there and back.
    const fn stream(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            iterations: 10_000,
            parts: 2,
            aim: HTTP2_MESSAGE,
            allocations: Some(HTTP2_MESSAGE_ALLOCATIONS),
        }
    }
}

pub(super) const CASES: [Case; 6] = [
    Case::unary("unary-1", "unary exchange, 1 in flight"),
    Case::unary("unary-100", "unary exchange, 100 in flight"),
    Case::stream("stream-16-1", "streamed message of 16 B, 1 stream"),
    Case::stream("stream-16-100", "streamed message of 16 B, 100 streams"),
    Case::stream("stream-1024-1", "streamed message of 1 KiB, 1 stream"),
    Case::stream("stream-1024-100", "streamed message of 1 KiB, 100 streams"),
];
