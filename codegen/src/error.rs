//! The error of this crate.

use std::fmt;

/// Why no code was generated. Its text is the whole report: what is wrong, where, and the lines themselves, for
/// everything that is wrong.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    report: String,
}

impl Error {
    pub(crate) fn new(report: impl Into<String>) -> Self {
        Self { report: report.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl fmt::Debug for Error {
    /// The report as it is: `unwrap` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.report)
    }
}

impl std::error::Error for Error {}
