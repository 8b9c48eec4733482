//! The command line that both programs share.

use crate::Failure;
use crate::work::{Kind, Work};

/// The implementations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Implementation {
    /// Ours.
    Kitewire,
    /// The h2 crate.
    H2,
    /// The shiguredo_http2 crate.
    Shiguredo,
}

impl Implementation {
    /// Reads its name.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        match name {
            "kitewire" => Ok(Self::Kitewire),
            "h2" => Ok(Self::H2),
            "shiguredo_http2" => Ok(Self::Shiguredo),
            _ => Err(format!("no implementation {name}").into()),
        }
    }
}

/// Reads `unary-WIDTH` or `stream-BYTES-WIDTH`.
///
/// # Errors
/// When it is neither.
pub fn parse_work(name: &str) -> Result<Work, Failure> {
    let parts: Vec<&str> = name.split('-').collect();
    let (kind, width) = match parts[..] {
        ["unary", width] => (Kind::Unary, width),
        ["stream", bytes, width] => (Kind::Stream(bytes.parse()?), width),
        _ => return Err(format!("no case {name}").into()),
    };
    let width = width.parse()?;
    if width == 0 {
        return Err("a width of zero".into());
    }
    Ok(Work { kind, width })
}
