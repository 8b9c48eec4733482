//! HTTP/2 frames in what a proxy has carried: some things that a client does can only be seen there.

use std::time::Duration;

use crate::proxy::Proxy;

/// A frame that a client has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) payload: &'a [u8],
}

/// Waits until the client has sent such a frame.
pub(super) async fn sent(proxy: &Proxy, what: &str, is_it: impl Fn(Frame<'_>) -> bool) -> Result<(), String> {
    for _ in 0..1500 {
        if frames(&proxy.carried().requests).any(&is_it) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("no {what} was sent"))
}

/// The request of the first call has begun.
pub(super) fn is_first_header(frame: Frame<'_>) -> bool {
    frame.kind == HEADERS && frame.stream == 1
}

/// The first call was given up, with the code CANCEL.
pub(super) fn is_first_cancel(frame: Frame<'_>) -> bool {
    frame.kind == RST_STREAM && frame.stream == 1 && frame.payload == CANCEL
}

/// The frames of a client that are whole.
fn frames(bytes: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut rest = bytes.get(PREFACE..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (head, behind) = rest.split_first_chunk::<9>()?;
        let [a, b, c, kind, _flags, s @ ..] = *head;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
        let (payload, behind) = behind.split_at_checked(length)?;
        rest = behind;
        Some(Frame {
            kind,
            stream: u32::from_be_bytes(s),
            payload,
        })
    })
}

const PREFACE: usize = 24;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
