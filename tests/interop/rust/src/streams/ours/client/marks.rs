//! The marks that the handlers of a call make.

use kitewire::Client;

use crate::streams::ours::generated::streams::{Line, StreamsClient};
use crate::streams::ours::script::MARKED;
use crate::streams::wish::Wish;

/// Asks a server for those of the call with this key.
pub(in crate::streams::ours) struct Marks {
    client: Result<StreamsClient, String>,
    key: String,
}

impl Marks {
    pub(super) fn of(wish: &Wish, client: Result<Client, String>) -> Self {
        let as_metadata = wish.metadata.iter().find(|(name, _)| name == "record");
        let key = as_metadata
            .map(|(_, key)| key)
            .or_else(|| wish.persistent.get("record"));
        Self {
            client: client.map(StreamsClient::new),
            key: key.cloned().unwrap_or_default(),
        }
    }

    /// Waits for the mark; an error is a line to tell.
    pub(in crate::streams::ours) async fn made(&self, mark: &str) -> Result<(), String> {
        let told = match &self.client {
            Ok(client) => {
                let text = format!("report {} {mark}", self.key);
                let answer = client.plain(Line { text }).await;
                answer.map_or_else(|error| format!("{error:?}"), |line| line.text)
            }
            Err(error) => error.clone(),
        };
        if told == MARKED {
            Ok(())
        } else {
            Err(format!("await: {told}"))
        }
    }
}
