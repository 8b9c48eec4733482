//! The chat service of `idl/chat.proto`.

use kitewire::{Call, Error, Receiver, Sender};

mod idl {
    include!(concat!(env!("OUT_DIR"), "/chat.rs"));
}

pub use idl::{CHAT, Chat, ChatClient, ChatServer, Line};

/// Answers with what it gets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chatting;

impl Chat for Chatting {
    async fn say(&self, _call: &Call, line: Line) -> Result<Line, Error> {
        Ok(line)
    }

    async fn talk(&self, _call: &Call, mut lines: Receiver<Line>, mut out: Sender<Line>) -> Result<(), Error> {
        while let Some(line) = lines.recv().await? {
            out.send(line).await?;
        }
        Ok(())
    }
}
