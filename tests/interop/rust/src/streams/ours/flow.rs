//! The steps of our client's streams, in the words of the Go program.

use std::time::Duration;

use kitewire::{BidiStream, ClientStream, Error, ErrorKind, Metadata, Receiver, Sender, ServerStream};
use tokio::task::JoinSet;

use super::client::Marks;
use super::lines::{Line, Told, received, shown};

/// The client's end of a stream, and what there was to tell so far.
pub(super) struct Flow<'a, M> {
    marks: &'a Marks,
    stream: Stream<M>,
    pumping: JoinSet<Option<String>>,
    lines: Vec<String>,
    /// The mark of the handler at which a receive that is under way is cancelled.
    cancel_when: Option<String>,
    /// The last error that was told.
    last: Option<ErrorKind>,
}

pub(super) enum Stream<M> {
    Collect(ClientStream<M, M>),
    Watch(ServerStream<M>),
    Talk(BidiStream<M, M>),
    /// The other half is in a task of its own.
    Half(Receiver<M>),
    Gone,
}

impl<'a, M: Line> Flow<'a, M> {
    pub(super) fn new(stream: Stream<M>, marks: &'a Marks) -> Self {
        Self {
            marks,
            stream,
            pumping: JoinSet::new(),
            lines: Vec::new(),
            cancel_when: None,
            last: None,
        }
    }

    pub(super) async fn run(mut self, steps: &[String]) -> Vec<String> {
        for step in steps {
            let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
            self.perform(word, rest).await;
        }
        while let Some(pumped) = self.pumping.join_next().await {
            self.lines
                .extend(pumped.unwrap_or_else(|error| Some(format!("pump: {error}"))));
        }
        self.lines
    }

    async fn perform(&mut self, word: &str, rest: &str) {
        match word {
            "send" => self.sends(1, rest).await,
            "sends" => {
                let (count, text) = rest.split_once(' ').unwrap_or((rest, ""));
                self.sends(number(count), text).await;
            }
            "loads" => {
                let (count, size) = rest.split_once(' ').unwrap_or((rest, "0"));
                self.sends(number(count), &"y".repeat(size.parse().unwrap_or_default()))
                    .await;
            }
            "pump" => self.pump(rest),
            "close" => self.stream.close_send(),
            "recv" | "finish" => {
                self.receive().await;
            }
            "drain" => while self.receive().await == More::Follows {},
            "count" => self.count().await,
            "header" => {
                let line = match self.stream.header().await {
                    Ok(header) => format!("header {}", shown(header, "k-")),
                    Err(error) => format!("header: {}", error.told()),
                };
                self.lines.push(line);
            }
            "trailer" => self
                .lines
                .push(format!("trailer {}", shown(self.stream.trailer(), "k-"))),
            "class" => self.lines.push(format!("class {}", class(self.last))),
            "cancel-when" => self.cancel_when = Some(rest.to_owned()),
            "fail" => self.fail(rest).await,
            "await" => self.lines.extend(self.marks.made(rest).await.err()),
            "sleep" => tokio::time::sleep(Duration::from_millis(number(rest))).await,
            "cancel" => self.stream.cancel(),
            "drop" => self.stream = Stream::Gone,
            _ => self.lines.push(format!("impossible: {word} {rest}")),
        }
    }

    async fn sends(&mut self, count: u64, text: &str) {
        for _ in 0..count {
            if let Err(error) = self.stream.send(text).await {
                self.last = Some(error.kind());
                self.lines.push(format!("send: {}", error.told()));
                return;
            }
        }
    }

    /// Sends until that fails.
    async fn fail(&mut self, text: &str) {
        let told = self.lines.len();
        for _ in 0..1000 {
            self.sends(1, text).await;
            if self.lines.len() > told {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.lines.push("send: nothing".to_owned());
    }

    async fn receive(&mut self) -> More {
        let result = self.next().await;
        let more = if matches!(result, Ok(Some(_))) {
            More::Follows
        } else {
            More::Ended
        };
        self.lines.push(received(result));
        more
    }

    async fn next(&mut self) -> Result<Option<String>, Error> {
        let made = async {
            match &self.cancel_when {
                Some(mark) => self.marks.made(mark).await,
                None => std::future::pending().await,
            }
        };
        let result = tokio::select! {
            result = self.stream.recv() => result,
            made = made => {
                self.lines.extend(made.err());
                self.cancel_when = None;
                self.stream.cancel();
                self.stream.recv().await
            }
        };
        if let Err(error) = &result {
            self.last = Some(error.kind());
        }
        result
    }

    async fn count(&mut self) {
        let mut count = 0;
        loop {
            match self.next().await {
                Ok(Some(_)) => count += 1,
                end => {
                    self.lines.push(format!("{count} messages"));
                    self.lines.push(received(end));
                    return;
                }
            }
        }
    }

    /// Sends from a task of its own, and half-closes.
    fn pump(&mut self, rest: &str) {
        let (count, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let (count, text) = (number(count), text.to_owned());
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Talk(talk) => {
                let (out, input) = talk.split();
                self.stream = Stream::Half(input);
                self.pumping.spawn(pump(out, count, text));
            }
            other => {
                self.stream = other;
                self.lines.push("impossible: pump".to_owned());
            }
        }
    }
}

/// Whether another message may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Follows,
    Ended,
}

/// What Kitex calls a parent of the error.
fn class(kind: Option<ErrorKind>) -> &'static str {
    match kind {
        Some(ErrorKind::Timeout) => "timeout",
        Some(ErrorKind::Cancelled) => "canceled",
        Some(ErrorKind::Protocol | ErrorKind::Transport) => "protocol",
        _ => "none",
    }
}

async fn pump<M: Line>(mut out: Sender<M>, count: u64, text: String) -> Option<String> {
    for _ in 0..count {
        if let Err(error) = out.send(M::wrap(text.clone())).await {
            return Some(format!("send: {}", error.told()));
        }
    }
    out.close();
    None
}

impl<M: Line> Stream<M> {
    async fn send(&mut self, text: &str) -> Result<(), Error> {
        let line = M::wrap(text.to_owned());
        match self {
            Self::Collect(stream) => stream.send(line).await,
            Self::Talk(stream) => stream.send(line).await,
            Self::Watch(_) | Self::Half(_) | Self::Gone => Err(Error::new("nothing to send with")),
        }
    }

    /// A stream with one answer half-closes to receive it.
    async fn recv(&mut self) -> Result<Option<String>, Error> {
        let line = match self {
            Self::Collect(stream) => stream.finish().await.map(Some),
            Self::Watch(stream) => stream.recv().await,
            Self::Talk(stream) => stream.recv().await,
            Self::Half(input) => input.recv().await,
            Self::Gone => Err(Error::new("nothing to receive with")),
        };
        Ok(line?.map(Line::into_text))
    }

    async fn header(&mut self) -> Result<&Metadata, Error> {
        match self {
            Self::Collect(stream) => stream.header().await,
            Self::Watch(stream) => stream.header().await,
            Self::Talk(stream) => stream.header().await,
            Self::Half(input) => input.header().await,
            Self::Gone => Err(Error::new("no header")),
        }
    }

    fn trailer(&self) -> &Metadata {
        match self {
            Self::Collect(stream) => stream.trailer(),
            Self::Watch(stream) => stream.trailer(),
            Self::Talk(stream) => stream.trailer(),
            Self::Half(input) => input.trailer(),
            Self::Gone => const { &Metadata::new() },
        }
    }

    fn close_send(&mut self) {
        if let Self::Talk(stream) = self {
            stream.close_send();
        }
    }

    fn cancel(&mut self) {
        match self {
            Self::Collect(stream) => stream.cancel(),
            Self::Watch(stream) => stream.cancel(),
            Self::Talk(stream) => stream.cancel(),
            Self::Half(_) | Self::Gone => *self = Self::Gone,
        }
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}
