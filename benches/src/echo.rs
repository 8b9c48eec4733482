//! The echo service of `idl/echo.thrift`.

use kitewire::thrift::Text;
use kitewire::{Call, Error};

mod generated {
    include!(concat!(env!("OUT_DIR"), "/echo.rs"));
}

pub use generated::{Echo, EchoClient, EchoServer};

/// Answers with what it gets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echoing;

impl Echo for Echoing {
    async fn echo(&self, _call: &Call, message: Text) -> Result<Text, Error> {
        Ok(message)
    }
}
