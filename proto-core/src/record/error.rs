//! What is wrong with a file that should be a recording.

use std::fmt;

use crate::dispatch::RegistrationError;

/// A file that cannot be replayed, and where that shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingError {
    /// What is wrong.
    pub kind: RecordingErrorKind,
    /// The byte at which it shows.
    pub offset: usize,
}

/// What is wrong with a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingErrorKind {
    /// It does not begin as recordings do.
    NotARecording,
    /// A version of the format that is not known here.
    UnknownVersion(u64),
    /// It ends before its end mark: whoever wrote it was stopped, or the file was cut.
    Truncated,
    /// A step that this version does not know, or that this connection does not have.
    UnknownStep(u8),
    /// A value that is none of those allowed; the text says of what.
    Invalid(&'static str),
    /// The services do not fit together.
    Services(RegistrationError),
    /// The checksum at its end is another one: bytes have changed.
    Damaged,
    /// There are bytes behind its end.
    TrailingBytes,
}

impl RecordingError {
    pub(super) const fn new(kind: RecordingErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    pub(super) const fn invalid(what: &'static str, offset: usize) -> Self {
        Self::new(RecordingErrorKind::Invalid(what), offset)
    }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            RecordingErrorKind::NotARecording => f.write_str("not a recording of a kitewire connection"),
            RecordingErrorKind::UnknownVersion(version) => {
                write!(
                    f,
                    "recording in version {version} of the format, which is not known here"
                )
            }
            RecordingErrorKind::Truncated => f.write_str("the recording ends before its end mark"),
            RecordingErrorKind::UnknownStep(step) => write!(f, "unknown step {step:#04x}"),
            RecordingErrorKind::Invalid(what) => write!(f, "invalid {what}"),
            RecordingErrorKind::Services(error) => write!(f, "services that do not fit together: {error}"),
            RecordingErrorKind::Damaged => f.write_str("the checksum is wrong: the recording is damaged"),
            RecordingErrorKind::TrailingBytes => f.write_str("bytes behind the end of the recording"),
        }?;
        write!(f, ", at byte {}", self.offset)
    }
}

impl std::error::Error for RecordingError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            RecordingErrorKind::Services(error) => Some(error),
            _ => None,
        }
    }
}
