//! What handlers answer and fail with.

use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::{Call, Code, Error, ExceptionType, MetaInfo, Status};

use crate::desk::{DeskSayError, Reply};
use crate::parcels::Parcel;

/// Fails as `word` says, if it says so.
pub(super) fn fail(word: &str) -> Result<(), Error> {
    Err(match word {
        "boom" => Error::new("boom"),
        "typed" => Error::application(ExceptionType(1234), "typed"),
        "biz" => Error::business(404, "né").with_extra("k", "v<é>"),
        "nil" => Error::reply_empty(),
        "overdue" => Error::deadline_exceeded(),
        "status" => Error::status(Code(5), "gone"),
        "details" => {
            let mut status = Status::new(Code::NOT_FOUND, "gone");
            status.details.push(b"\x0a\x03a/b\x12\x01x");
            status.into()
        }
        "panic" => panic!("{PANIC}"),
        _ => return Ok(()),
    })
}

/// An error whose declared exception is none where it goes.
pub(super) fn undeclared(error: DeskSayError) -> Error {
    match error {
        DeskSayError::Refused(refused) => Error::new(refused),
        DeskSayError::Error(error) => error,
    }
}

pub(super) fn who(call: &Call) -> String {
    format!(
        "{}.{} by {}.{} over {} in {}, peer {}",
        call.service(),
        call.method(),
        call.caller_service().unwrap_or("-"),
        call.caller_method().unwrap_or("-"),
        call.transport(),
        call.codec(),
        if call.peer().is_some() { "known" } else { "unknown" },
    )
}

/// Metainfo in the order of its keys.
pub(super) fn carried(meta: &MetaInfo) -> String {
    let list = |values: Vec<(&str, &str)>| {
        let mut values: Vec<_> = values.iter().map(|(key, value)| format!("{key}={value}")).collect();
        values.sort_unstable();
        values.join(",")
    };
    let (persistent, transient) = (meta.persistents().collect(), meta.received_transients().collect());
    format!("P {} T {}", list(persistent), list(transient))
}

pub(crate) fn reply(text: &str) -> Reply {
    Reply {
        text: text.into(),
        payload: Bytes::new(),
    }
}

pub(crate) fn parcel(label: &str) -> Parcel {
    Parcel {
        label: label.into(),
        payload: Vec::new(),
    }
}

/// Bytes that are not all the same.
pub(crate) fn pattern(length: usize) -> Bytes {
    (0..length)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect::<Vec<_>>()
        .into()
}

pub(super) fn millis(text: &str) -> Duration {
    Duration::from_millis(text.parse().unwrap())
}

/// What handlers panic with that are told to.
pub(crate) const PANIC: &str = "as you wish";
/// What streams carry that are to be held up.
pub(crate) const BLOCK: usize = 32 * 1024;
