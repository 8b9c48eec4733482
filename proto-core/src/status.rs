//! Business status: an error of the application's own that is not a failure of the call.

use std::fmt;

/// A business status error: the call went through, and the application says no.
///
/// It travels in the header of a normal reply (`biz-status`, `biz-message`, `biz-extra`), so only transports with a
/// header carry it; over bare and framed Thrift the caller sees an empty success, as with Kitex.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BusinessStatus {
    /// The application's own number; 0 reads as "no error" on the other side.
    pub code: i32,
    /// Text for people, may be empty.
    pub message: String,
    /// More detail, in the order it was set; sent only when not empty.
    pub extra: Vec<(String, String)>,
}

impl fmt::Display for BusinessStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "business status {}: {}", self.code, self.message)
    }
}

impl std::error::Error for BusinessStatus {}
