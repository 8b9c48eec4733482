//! A service with a method of each kind, as the generator would write it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kitewire::service::{Method, Service, bidirectional, client_streaming, method, server_streaming};
use kitewire::{
    BidiStream, Call, Client, ClientCall, ClientStream, Codec, Error, MethodInfo, MethodKind, Receiver, Sender, Server,
    ServerStream, ServiceInfo, StreamCall,
};
use kitewire_tokio::Tokio;
use tokio::sync::{Semaphore, mpsc};

use super::{Answer, Args, Running, Text, bounded, run};

pub static CHAT: ServiceInfo = ServiceInfo::new("test", "Chat", Codec::Thrift, &METHODS);
static METHODS: [MethodInfo; 4] = [
    MethodInfo::new("unary", MethodKind::Unary),
    MethodInfo::new("collect", MethodKind::ClientStreaming),
    MethodInfo::new("watch", MethodKind::ServerStreaming),
    MethodInfo::new("talk", MethodKind::BidirectionalStreaming),
];

/// A message of a stream.
pub type Line = Text<1>;

pub fn line(text: impl Into<String>) -> Line {
    Text(Some(text.into()))
}

pub trait Chat: Send + Sync + 'static {
    fn unary(&self, call: &Call, text: String) -> impl Future<Output = Result<String, Error>> + Send;
    fn collect(&self, call: &Call, requests: Receiver<Line>) -> impl Future<Output = Result<Line, Error>> + Send;
    fn watch(&self, call: &Call, ask: Line, out: Sender<Line>) -> impl Future<Output = Result<(), Error>> + Send;
    fn talk(
        &self,
        call: &Call,
        requests: Receiver<Line>,
        out: Sender<Line>,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

pub struct ChatServer(Vec<Box<dyn Method>>);

impl ChatServer {
    pub fn new(service: impl Chat) -> Self {
        let service = Arc::new(service);
        Self(vec![
            method(&service, |service, call, args: Args| async move {
                let outcome = service.unary(&call, args.0.unwrap_or_default()).await;
                call.finish(outcome.map(|text| Text::<0>(Some(text))))
            }),
            client_streaming::<_, Line, Line, _, _>(&service, |service, call, requests| async move {
                let outcome = service.collect(&call, requests).await;
                call.finish(outcome)
            }),
            server_streaming::<_, Line, Line, _, _>(&service, |service, call, ask, out| async move {
                let outcome = service.watch(&call, ask, out).await;
                call.finish(outcome)
            }),
            bidirectional::<_, Line, Line, _, _>(&service, |service, call, requests, out| async move {
                let outcome = service.talk(&call, requests, out).await;
                call.finish(outcome)
            }),
        ])
    }
}

impl Service for ChatServer {
    fn info(&self) -> &ServiceInfo {
        &CHAT
    }

    fn methods(&self) -> &[Box<dyn Method>] {
        &self.0
    }
}

#[derive(Clone)]
pub struct ChatClient(pub Client);

impl ChatClient {
    pub fn unary(&self, text: impl Into<String>) -> ClientCall<'_, Args, Answer> {
        self.0.call(&CHAT, 0, Text(Some(text.into())))
    }

    pub fn collect(&self) -> StreamCall<'_, ClientStream<Line, Line>> {
        self.0.client_streaming::<Line, Line>(&CHAT, 1)
    }

    pub fn watch(&self, ask: impl Into<String>) -> StreamCall<'_, ServerStream<Line>> {
        self.0.server_streaming::<Line, Line>(&CHAT, 2, line(ask))
    }

    pub fn talk(&self) -> StreamCall<'_, BidiStream<Line, Line>> {
        self.0.bidirectional::<Line, Line>(&CHAT, 3)
    }
}

/// What the tests' handlers do.
pub struct Talker {
    /// `wait` takes a permit before it goes on.
    pub gate: Arc<Semaphore>,
    /// Everything noteworthy.
    pub seen: mpsc::UnboundedSender<String>,
}

pub struct Controls {
    pub gate: Arc<Semaphore>,
    seen: mpsc::UnboundedReceiver<String>,
}

impl Controls {
    pub async fn seen(&mut self) -> String {
        match self.seen.try_recv() {
            Ok(seen) => seen,
            Err(_) => bounded(self.seen.recv()).await.unwrap(),
        }
    }
}

pub fn talker() -> (Talker, Controls) {
    let (sender, seen) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let talker = Talker {
        gate: Arc::clone(&gate),
        seen: sender,
    };
    (talker, Controls { gate, seen })
}

/// A server with the service above.
pub async fn run_chat() -> (Running, Controls) {
    let (talker, controls) = talker();
    (
        run(Server::new(Tokio).register(ChatServer::new(talker))).await,
        controls,
    )
}

impl Chat for Talker {
    async fn unary(&self, call: &Call, text: String) -> Result<String, Error> {
        match text.as_str() {
            "plain" => Err(Error::new("boom")),
            "business" => Err(Error::business(404, "not found").with_extra("k", "<v>")),
            "wait" => {
                let _ = self.seen.send("waiting".to_owned());
                tokio::select! {
                    permit = self.gate.acquire() => permit.map_err(Error::new)?.forget(),
                    reason = call.cancelled() => {
                        let _ = self.seen.send(format!("{reason:?}"));
                        return Err(Error::deadline_exceeded());
                    }
                }
                Ok(text)
            }
            "metadata and boom" => {
                call.set_header("h", "1")?;
                call.set_trailer("t", "2")?;
                Err(Error::new("boom"))
            }
            "call" => {
                call.set_header("h", "1")?;
                call.set_trailer("t", "2")?;
                let metadata = |key| call.metadata().get(key).unwrap_or("-").to_owned();
                Ok(format!(
                    "{} {} k={} user={} from={} left={}",
                    call.transport(),
                    metadata(":authority"),
                    metadata("k"),
                    call.persistent("USER").unwrap_or("-"),
                    call.caller_service().unwrap_or("-"),
                    call.time_left().is_some_and(|left| left > Duration::ZERO),
                ))
            }
            other => Ok(other.repeat(2)),
        }
    }

    async fn collect(&self, _call: &Call, mut requests: Receiver<Line>) -> Result<Line, Error> {
        let mut all = String::new();
        while let Some(Text(text)) = requests.recv().await? {
            let text = text.unwrap_or_default();
            if text == "plain" {
                return Err(Error::new("boom"));
            }
            all += &text;
        }
        Ok(line(all))
    }

    async fn watch(&self, call: &Call, ask: Line, mut out: Sender<Line>) -> Result<(), Error> {
        call.set_header("h", "1")?;
        call.set_trailer("t", "2")?;
        let ask = ask.0.unwrap_or_default();
        if ask == "wait" {
            let _ = self.seen.send("waiting".to_owned());
            call.send_header()?;
            let reason = call.cancelled().await;
            let _ = self.seen.send(format!("{reason:?}"));
            return Err(Error::deadline_exceeded());
        }
        let mut left: u32 = ask.parse().map_err(Error::new)?;
        while left > 0 {
            left -= 1;
            out.send(line(left.to_string())).await?;
        }
        Ok(())
    }

    async fn talk(&self, call: &Call, mut requests: Receiver<Line>, mut out: Sender<Line>) -> Result<(), Error> {
        let _ = self.seen.send("talking".to_owned());
        loop {
            match requests.recv().await {
                Ok(Some(Text(Some(text)))) if text == "who" => {
                    let authority = call.metadata().get(":authority").unwrap_or("-");
                    out.send(line(authority)).await?;
                }
                Ok(Some(Text(Some(text)))) if text == "gate" => {
                    self.gate.acquire().await.map_err(Error::new)?.forget();
                    out.send(line("open")).await?;
                }
                Ok(Some(message)) => out.send(message).await?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    let _ = self.seen.send(format!("talk: {error}"));
                    return Err(error);
                }
            }
        }
    }
}
