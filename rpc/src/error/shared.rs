//! Errors of a socket that concern everybody who uses it.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// An error that several calls end with.
#[derive(Clone, Debug)]
pub(crate) struct SharedError(Arc<io::Error>);

impl SharedError {
    /// Whether it is the word of a layer such as TLS. What the system says is much the same for every socket that fails.
    pub(crate) fn is_of_a_layer(&self) -> bool {
        self.0.kind() == io::ErrorKind::InvalidData
    }
}

impl From<io::Error> for SharedError {
    fn from(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<SharedError> for io::Error {
    fn from(error: SharedError) -> Self {
        Self::new(error.0.kind(), error)
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SharedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
