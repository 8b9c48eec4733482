//! How results are written down, the same on every runtime.

use std::error::Error as StdError;
use std::io;

use kitewire::{Error, ErrorKind, Metadata, Response};
use kitewire_tls::TlsError;

use crate::desk::{Ask, DeskSayError, Reply};
use crate::parcels::Parcel;
use crate::stranger;

/// Something that a call gives or fails with.
pub(crate) trait Shown {
    fn shown(&self) -> String;
}

impl<T: Shown, E: Shown> Shown for Result<T, E> {
    fn shown(&self) -> String {
        match self {
            Ok(value) => format!("ok {}", value.shown()),
            Err(error) => error.shown(),
        }
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "end".to_owned(), Shown::shown)
    }
}

impl<T: Shown + ?Sized> Shown for &T {
    fn shown(&self) -> String {
        (**self).shown()
    }
}

impl Shown for () {
    fn shown(&self) -> String {
        "nothing".to_owned()
    }
}

impl Shown for i64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for str {
    fn shown(&self) -> String {
        short(self)
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        short(self)
    }
}

impl Shown for [u8] {
    fn shown(&self) -> String {
        bytes(self)
    }
}

impl Shown for Reply {
    fn shown(&self) -> String {
        with_payload(&self.text, &self.payload)
    }
}

impl Shown for Ask {
    fn shown(&self) -> String {
        with_payload(&self.text, &self.payload)
    }
}

impl Shown for stranger::Reply {
    fn shown(&self) -> String {
        with_payload(&self.text, &self.payload)
    }
}

impl Shown for Parcel {
    fn shown(&self) -> String {
        with_payload(&self.label, &self.payload)
    }
}

impl<T: Shown> Shown for Response<T> {
    fn shown(&self) -> String {
        let mut text = self.value.shown();
        if !self.backward.is_empty() {
            text += &format!(" backward {:?}", self.backward);
        }
        for (part, metadata) in [("header", &self.header), ("trailer", &self.trailer)] {
            if !metadata.is_empty() {
                text += &format!(" {part} {}", metadata.shown());
            }
        }
        text
    }
}

/// Only what an application has set: its keys begin with `x-` here.
impl Shown for Metadata {
    fn shown(&self) -> String {
        let own = self
            .iter()
            .filter(|(key, _)| key.to_ascii_lowercase().starts_with("x-"));
        let own: Vec<String> = own
            .map(|(key, value)| format!("{key}={}", value.escape_ascii()))
            .collect();
        format!("[{}]", own.join(", "))
    }
}

impl Shown for Error {
    fn shown(&self) -> String {
        if self.kind() == ErrorKind::Connect {
            // The rest is the words of an operating system.
            let why = tls_word(self).unwrap_or_else(|| format!("{:?}", io_kind(self)));
            return format!("Connect {why}");
        }
        let mut text = format!("{:?} {self}", self.kind());
        if let Some(status) = self.business_status() {
            text += &format!(" {:?}", status.extra);
        }
        if let Some(exception) = self.exception() {
            text += &format!(" type {}", exception.kind.0);
        }
        if let Some(status) = self.grpc_status()
            && status.details.iter().next().is_some()
        {
            let details: Vec<_> = status
                .details
                .iter()
                .map(|any| any.escape_ascii().to_string())
                .collect();
            text += &format!(" details {details:?}");
        }
        if !self.backward().is_empty() {
            text += &format!(" backward {:?}", self.backward());
        }
        text
    }
}

impl Shown for DeskSayError {
    fn shown(&self) -> String {
        match self {
            Self::Refused(refused) => format!("Refused {} {:?}", refused.code, refused.why),
            Self::Error(error) => error.shown(),
        }
    }
}

/// A text and what came with it.
fn with_payload(text: &str, payload: &[u8]) -> String {
    match payload {
        [] => short(text),
        payload => format!("{} + {}", short(text), bytes(payload)),
    }
}

/// Long texts by length and content.
fn short(text: &str) -> String {
    if text.len() > 200 {
        bytes(text.as_bytes())
    } else {
        format!("{text:?}")
    }
}

fn bytes(bytes: &[u8]) -> String {
    // FNV-1a.
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!("{} bytes #{hash:016x}", bytes.len())
}

/// What TLS has to do with it, without times and bytes.
pub(crate) fn tls_word(error: &(dyn StdError + 'static)) -> Option<String> {
    let kind = format!("{:?}", TlsError::of(error)?.kind());
    Some(kind.split(['{', '[']).next().unwrap_or_default().trim_end().to_owned())
}

/// What the runtime said, without the system's words.
fn io_kind(error: &Error) -> Option<io::ErrorKind> {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}
