//! Handlers that open a stream on the next server for the one that they serve, or leave something behind.

use std::time::Duration;

use kitewire::{BidiStream, Error};

use super::{Answers, MARKED, Turn};
use crate::streams::ours::generated::streams::{Line as Text, StreamsClient};
use crate::streams::ours::lines::Line;

impl<M: Line> Turn<'_, M> {
    /// Opens `talk` on the next server, and sends the texts.
    async fn downstream(&self, texts: &str) -> Result<BidiStream<Text, Text>, Error> {
        let next = self.script.next.as_ref().ok_or_else(|| Error::new("no next server"))?;
        let client = self.script.caller.client(next).map_err(Error::new)?;
        let mut stream = StreamsClient::new(client).talk().forward(self.call).await?;
        for text in texts.split(" | ") {
            stream.send(Text { text: text.to_owned() }).await?;
        }
        Ok(stream)
    }

    /// Gives on what the next server answers, to its end or error, which is the handler's own then.
    pub(super) async fn relay(&mut self, texts: &str) -> Result<(), Error> {
        let mut stream = self.downstream(texts).await?;
        loop {
            match stream.recv().await {
                Ok(Some(line)) => self.answer(line.text).await?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.record(format!("relay: {error}"));
                    return Err(error);
                }
            }
        }
    }

    /// Leaves a stream to the next server behind, from which a task still receives.
    pub(super) async fn abandon(&mut self, texts: &str) -> Result<(), Error> {
        let mut stream = self.downstream(texts).await?;
        stream.recv().await?;
        self.next_waits().await?;
        let (script, key) = (self.script.clone(), self.key.clone());
        tokio::spawn(async move {
            let told = told(stream.recv().await.map(|line| line.map(drop)));
            script.record(key.as_deref(), format!("abandoned: {told}"));
        });
        Ok(())
    }

    /// The next handler has read all that was sent, before this one's return ends it.
    async fn next_waits(&self) -> Result<(), Error> {
        let next = self.script.next.as_ref().ok_or_else(|| Error::new("no next server"))?;
        let client = self.script.caller.client(next).map_err(Error::new)?;
        let key = self.key.as_deref().unwrap_or_default();
        let text = format!("report {key} waits");
        let answer = StreamsClient::new(client).plain(Text { text }).await;
        match answer {
            Ok(line) if line.text == MARKED => Ok(()),
            other => Err(Error::new(format!("{other:?}"))),
        }
    }

    /// Leaves a task behind that goes on with the handler's stream.
    pub(super) fn linger(&mut self, word: &str) -> Result<(), Error> {
        let (script, key) = (self.script.clone(), self.key.clone());
        let record = move |told: String| script.record(key.as_deref(), format!("late: {told}"));
        if word == "linger-recv" {
            let mut requests = self
                .requests
                .take()
                .ok_or_else(|| Error::new("nothing to receive from"))?;
            tokio::spawn(async move { record(told(requests.recv().await.map(|line| line.map(drop)))) });
            return Ok(());
        }
        match std::mem::replace(&mut self.answers, Answers::One(Vec::new())) {
            Answers::One(_) => return Err(Error::new("nothing to send with")),
            Answers::Many(mut out) => tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                record(told(out.send(M::wrap("late".to_owned())).await.map(Some)));
            }),
        };
        Ok(())
    }
}

/// As the Go program prints it.
fn told(result: Result<Option<()>, Error>) -> String {
    match result {
        Ok(Some(())) => "nothing".to_owned(),
        Ok(None) => "end".to_owned(),
        Err(error) => error.to_string(),
    }
}
