//! Streams that are cancelled about when their first answer comes.

use std::time::Duration;

use kitewire::{BidiStream, Error};

use super::Attempt;
use crate::streams::ours::generated::streams::{Line, StreamsClient};

type Talk = BidiStream<Line, Line>;

impl Attempt<'_> {
    /// As the Go program's `race`.
    pub(super) async fn race(&self, client: &StreamsClient) -> Vec<String> {
        let step = self.wish.steps.concat();
        let mut words = step.splitn(4, ' ').skip(1);
        let mut number = || {
            words
                .next()
                .and_then(|word| word.parse::<u32>().ok())
                .unwrap_or_default()
        };
        let (count, micros) = (number(), number());
        let text = words.next().unwrap_or_default().to_owned();
        match cancels(client, count, micros, &text).await {
            Ok(Counts { answered, lost }) => vec![format!(
                "{count} cancels, {answered} after the answer, {lost} lost connections"
            )],
            Err(error) => vec![format!("race: {error}")],
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    answered: u32,
    lost: u32,
}

async fn cancels(client: &StreamsClient, count: u32, micros: u32, text: &str) -> Result<Counts, Error> {
    let mut idle = client.talk().await?;
    let mut counts = Counts::default();
    for number in 0..count {
        let mut stream = client.talk().await?;
        if stream.send(line(text)).await.is_ok() {
            let pause = Duration::from_micros(u64::from(number) * u64::from(micros) / u64::from(count));
            // Until the pause is over; a failure is seen by the idle stream.
            if let Ok(Ok(Some(_))) = tokio::time::timeout(pause, stream.recv()).await {
                counts.answered += 1;
            }
            stream.cancel();
            let _ = to_its_end(&mut stream).await;
        }
        if echoed(&mut idle).await.is_err() {
            counts.lost += 1;
            idle = client.talk().await?;
        }
    }
    Ok(counts)
}

async fn to_its_end(stream: &mut Talk) -> Result<(), Error> {
    while stream.recv().await?.is_some() {}
    Ok(())
}

async fn echoed(stream: &mut Talk) -> Result<(), Error> {
    stream.send(line("echo")).await?;
    stream.recv().await.map(drop)
}

fn line(text: &str) -> Line {
    Line { text: text.to_owned() }
}
