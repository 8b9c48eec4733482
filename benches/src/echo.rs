//! The echo service of `idl/echo.thrift`.

use kitewire::thrift::Text;
use kitewire::{Call, Error};

mod idl {
    include!(concat!(env!("OUT_DIR"), "/echo.rs"));
}

pub use idl::{ECHO, Echo, EchoClient, EchoEchoArgs, EchoEchoResult, EchoServer};

/// Answers with what it gets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echoing;

impl Echo for Echoing {
    async fn echo(&self, _call: &Call, message: Text) -> Result<Text, Error> {
        Ok(message)
    }
}
