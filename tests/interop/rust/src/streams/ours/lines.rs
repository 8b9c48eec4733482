//! The messages of both IDLs, and how messages, metadata and errors are told: in the words of the Go program.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kitewire::{Error, Metadata, Status};

use super::generated::{strangestreams, strangestreamspb, streams, streamspb};
use crate::call::Pairs;
use crate::streams::expect::LONG;

/// A message that has a text and nothing else.
pub(super) trait Line: Send + Sync + 'static {
    fn wrap(text: String) -> Self;
    fn into_text(self) -> String;
}

macro_rules! line {
    ($($message:path),+) => {
        $(impl Line for $message {
            fn wrap(text: String) -> Self {
                Self { text }
            }

            fn into_text(self) -> String {
                self.text
            }
        })+
    };
}

line!(
    streams::Line,
    strangestreams::streams::Line,
    streamspb::Line,
    strangestreamspb::Line
);

/// What a receive came to; `None` is the end.
pub(super) fn received(result: Result<Option<String>, Error>) -> String {
    match result {
        Ok(Some(text)) if text.len() > LONG => format!("got {} bytes", text.len()),
        Ok(Some(text)) => format!("got {text}"),
        Ok(None) => "end".to_owned(),
        Err(error) => error.told(),
    }
}

/// An error as its caller tells it.
pub(super) trait Told {
    fn told(&self) -> String;
}

impl Told for Error {
    fn told(&self) -> String {
        if let Some(business) = self.business_status() {
            let extra: Pairs = business.extra.iter().cloned().collect();
            let (code, message, extra) = (business.code, &business.message, pairs(&extra));
            let details = self.grpc_status().map(details).unwrap_or_default();
            return format!(
                "business {code} {message:?} {{{extra}}} status {}{details}",
                self.code().0
            );
        }
        let text = self.to_string();
        if text.starts_with("rpc timeout: ") {
            return "timeout".to_owned();
        }
        let details = self.grpc_status().map(details).unwrap_or_default();
        format!("error: {text}{details}")
    }
}

impl Told for streams::StreamsPlainError {
    fn told(&self) -> String {
        match self {
            Self::Refused(refused) => {
                let why = refused.why.as_deref().unwrap_or_default();
                format!("declared Refused {} {why:?}", refused.code)
            }
            Self::Error(error) => error.told(),
        }
    }
}

/// The one detail that the handlers know, encoded.
pub(super) fn detail() -> Vec<u8> {
    let mut any = vec![0x0a, u8::try_from(TYPE.len()).unwrap_or_default()];
    any.extend_from_slice(TYPE.as_bytes());
    any.extend_from_slice(&[0x12, 3, 1, 2, 3]);
    any
}

const TYPE: &str = "type.test/detail";

fn details(status: &Status) -> String {
    status.details.iter().fold(String::new(), |mut text, any| {
        if any == detail() {
            let _ = write!(text, " detail {TYPE} 010203");
        } else {
            let _ = write!(text, " detail {}", hex(any));
        }
        text
    })
}

/// The metadata whose keys have the prefix in whatever case, sorted by key; `-bin` values in hex.
pub(super) fn shown(metadata: &Metadata, prefix: &str) -> String {
    let mut keys: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, value) in metadata
        .iter()
        .filter(|(key, _)| key.to_lowercase().starts_with(prefix))
    {
        let value = if key.ends_with("-bin") {
            hex(value)
        } else {
            String::from_utf8_lossy(value).into_owned()
        };
        keys.entry(key).or_default().push(value);
    }
    let words: Vec<String> = keys
        .iter()
        .map(|(key, values)| format!("{key}={}", values.join("|")))
        .collect();
    words.join(" ")
}

/// The words as `k=v,k=v`.
pub(super) fn pairs(words: &Pairs) -> String {
    let words: Vec<String> = words.iter().map(|(key, value)| format!("{key}={value}")).collect();
    words.join(",")
}

/// The bytes of a metadata value: those of a `-bin` key are written in hex.
pub(super) fn raw(key: &str, value: &str) -> Vec<u8> {
    if !key.to_ascii_lowercase().ends_with("-bin") {
        return value.as_bytes().to_vec();
    }
    let digits = value.as_bytes().chunks(2);
    digits
        .filter_map(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
