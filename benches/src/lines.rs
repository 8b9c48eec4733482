//! The lines service of `idl/lines.thrift`.

use kitewire::{Call, Error, Receiver, Sender};

mod idl {
    include!(concat!(env!("OUT_DIR"), "/lines.rs"));
}

pub use idl::{LINES, Line, Lines, LinesClient, LinesServer};

/// Answers with what it gets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Talking;

impl Lines for Talking {
    async fn talk(&self, _call: &Call, mut lines: Receiver<Line>, mut out: Sender<Line>) -> Result<(), Error> {
        while let Some(line) = lines.recv().await? {
            out.send(line).await?;
        }
        Ok(())
    }
}
