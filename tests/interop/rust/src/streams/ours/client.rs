//! Our client, in this process.

mod marks;
mod race;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kitewire::service::Body;
use kitewire::{
    Call, CallResult, Client, ClientBuilder, ClientCall, GrpcOptions, RecvTimeout, Response, StreamCall, StreamPool,
    StreamTransport, Switch, Tokio, Transport, TtStreamOptions,
};

pub(super) use self::marks::Marks;
use super::flow::{Flow, Stream};
use super::generated::{strangestreams, strangestreamspb, streams, streamspb};
use super::lines::{Line, Told as _, raw, received, shown};
use crate::call::Dial;
use crate::streams::lanes::TTHEADER;
use crate::streams::wish::{Told, Wish};

/// Keeps a client for each dial.
#[derive(Default)]
pub(crate) struct OurCaller {
    clients: Mutex<BTreeMap<Dial, Client>>,
}

impl OurCaller {
    pub(crate) async fn call(&self, wish: Wish) -> Told {
        self.call_for(None, wish).await
    }

    /// A call that a handler makes for the one that it serves.
    pub(super) async fn call_for(&self, incoming: Option<&Call>, wish: Wish) -> Told {
        let began = Instant::now();
        let lines = match self.client(&wish.dial) {
            Ok(client) => {
                let marks = Marks::of(&wish, self.client(wish.awaits.as_ref().unwrap_or(&wish.dial)));
                let attempt = Attempt {
                    wish: &wish,
                    incoming,
                    marks,
                };
                let running = tokio::time::timeout(STUCK, attempt.run(client)).await;
                running.unwrap_or_else(|_| vec!["stuck".to_owned()])
            }
            Err(error) => vec![format!("impossible: {error}")],
        };
        Told {
            id: wish.id,
            lines: if wish.dial.transport == TTHEADER {
                lines.into_iter().map(without_status).collect()
            } else {
                lines
            },
            elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn client(&self, dial: &Dial) -> Result<Client, String> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(dial) {
            return Ok(client.clone());
        }
        let client = build(dial)?;
        clients.insert(dial.clone(), client.clone());
        Ok(client)
    }
}

/// A client that does as the Go client does with the same dial.
fn build(dial: &Dial) -> Result<Client, String> {
    let builder = Client::to(dial.address.as_str())
        .destination("interop.dest")
        .connect_timeout(Duration::from_secs(5));
    let builder = if dial.transport == TTHEADER {
        over_ttheader(builder, dial)
    } else {
        over_grpc(builder, dial)
    };
    builder.build(Tokio).map_err(|error| error.to_string())
}

fn over_grpc(mut builder: ClientBuilder, dial: &Dial) -> ClientBuilder {
    let mut options = GrpcOptions::default();
    if dial.connections > 0 {
        options = options.connections(dial.connections as usize);
    }
    builder = builder.transport(Transport::Grpc).grpc(options);
    if dial.http2_meta {
        builder = builder.caller("interop.caller");
    }
    builder
}

fn over_ttheader(builder: ClientBuilder, dial: &Dial) -> ClientBuilder {
    let pool = match (dial.pool, dial.connections) {
        ("long", _) => StreamPool::exclusive(),
        ("short", _) => StreamPool::Short,
        (_, 0) => StreamPool::default(),
        (_, connections) => StreamPool::Multiplexed {
            connections: connections as usize,
        },
    };
    let caller = if dial.caller.is_empty() {
        "interop.caller"
    } else {
        dial.caller
    };
    builder
        .stream_transport(StreamTransport::TtHeader)
        .tt_streams(TtStreamOptions::default().pool(pool))
        .caller(caller)
}

/// A business error has a gRPC status everywhere with us, but only over gRPC with Kitex.
fn without_status(line: String) -> String {
    match line
        .strip_prefix("business ")
        .and_then(|rest| rest.rsplit_once("} status "))
    {
        Some((text, _)) => format!("business {text}}}"),
        None => line,
    }
}

/// A call that is being made.
struct Attempt<'a> {
    wish: &'a Wish,
    incoming: Option<&'a Call>,
    marks: Marks,
}

/// Makes the call that a service's generated client has under the method's name.
macro_rules! dispatch {
    ($attempt:expr, $client:expr, $line:ty, [$unary:ident, $collect:ident, $watch:ident, $talk:ident]) => {{
        let (attempt, client) = ($attempt, $client);
        let line = <$line>::wrap(attempt.wish.text.clone());
        match attempt.wish.method {
            "collect" => attempt.stream(client.$collect(), Stream::<$line>::Collect).await,
            "watch" => attempt.stream(client.$watch(line), Stream::<$line>::Watch).await,
            "talk" => attempt.stream(client.$talk(), Stream::<$line>::Talk).await,
            _ => {
                attempt
                    .unary(client.$unary(line), Line::into_text, |error| error.told())
                    .await
            }
        }
    }};
}

impl Attempt<'_> {
    async fn run(&self, client: Client) -> Vec<String> {
        match (self.wish.service, self.wish.method) {
            ("Streams", "plain") => {
                let line = streams::Line::wrap(self.wish.text.clone());
                let client = streams::StreamsClient::new(client);
                self.unary(client.plain(line), Line::into_text, |error| error.told())
                    .await
            }
            ("Streams", "quiet") => {
                let line = streams::Line::wrap(self.wish.text.clone());
                let client = streams::StreamsClient::new(client);
                self.unary(client.quiet(line), |()| "done".to_owned(), |error| error.told())
                    .await
            }
            ("Streams", "talk") if self.wish.steps.iter().any(|step| step.starts_with("race ")) => {
                self.race(&streams::StreamsClient::new(client)).await
            }
            ("Streams", _) => {
                let client = streams::StreamsClient::new(client);
                dispatch!(self, client, streams::Line, [unary, collect, watch, talk])
            }
            ("Others", _) => {
                let client = streams::OthersClient::new(client);
                dispatch!(self, client, streams::Line, [unary, collect, watch, talk])
            }
            ("StreamsPb", _) => {
                let client = streamspb::StreamsPbClient::new(client);
                dispatch!(self, client, streamspb::Line, [unary, collect, watch, talk])
            }
            ("OthersPb", _) => {
                let client = streamspb::OthersPbClient::new(client);
                dispatch!(self, client, streamspb::Line, [unary, collect, watch, talk])
            }
            _ => self.strange(client).await,
        }
    }

    /// Services and methods that the server does not have.
    async fn strange(&self, client: Client) -> Vec<String> {
        use strangestreams::streams::Line as Strange;
        match self.wish.service {
            "strange.Streams" => {
                let client = strangestreams::StreamsClient::new(client);
                if self.wish.method == "plain" {
                    return self.stream(client.plain(), Stream::<Strange>::Talk).await;
                }
                dispatch!(
                    self,
                    client,
                    Strange,
                    [absent, absent_collect, absent_watch, absent_talk]
                )
            }
            "strange.Strangers" => {
                let client = strangestreams::StrangersClient::new(client);
                dispatch!(self, client, Strange, [unary, collect, watch, talk])
            }
            "strange.StreamsPb" => {
                let client = strangestreamspb::StreamsPbClient::new(client);
                dispatch!(
                    self,
                    client,
                    strangestreamspb::Line,
                    [absent, absent_collect, absent_watch, absent_talk]
                )
            }
            "strange.StrangersPb" => {
                let client = strangestreamspb::StrangersPbClient::new(client);
                dispatch!(self, client, strangestreamspb::Line, [unary, collect, watch, talk])
            }
            other => vec![format!("impossible: no service {other}")],
        }
    }

    async fn unary<A: Body, R: CallResult>(
        &self,
        mut call: ClientCall<'_, A, R>,
        text: impl FnOnce(R::Value) -> String,
        told: impl FnOnce(&R::Error) -> String,
    ) -> Vec<String> {
        let wish = self.wish;
        for (key, value) in &wish.persistent {
            call = call.persistent(key, value);
        }
        for (key, value) in &wish.transient {
            call = call.meta(key, value);
        }
        for (key, value) in &wish.metadata {
            call = call.metadata(key, raw(key, value));
        }
        if wish.timeout_ms > 0 {
            call = call.timeout(Duration::from_millis(wish.timeout_ms));
        }
        if wish.gzip {
            call = call.gzip(Switch::On);
        }
        if let Some(incoming) = self.incoming {
            call = call.forward(incoming);
        }
        let made = tokio::select! {
            made = call.full() => made,
            // The call is dropped.
            failed = self.marks.made(wish.cancel_when), if !wish.cancel_when.is_empty() => return failed.err().into_iter().collect(),
        };
        match made {
            Err(error) => vec![told(&error)],
            Ok(response) => {
                let Response {
                    value,
                    header,
                    trailer,
                    backward,
                    ..
                } = response;
                let mut lines = vec![received(Ok(Some(text(value))))];
                lines.extend(wish.steps.iter().map(|step| match step.as_str() {
                    "header" => format!("header {}", shown(&header, "k-")),
                    "trailer" => format!("trailer {}", shown(&trailer, "k-")),
                    _ => format!("backward {}", super::lines::pairs(&backward.iter().cloned().collect())),
                }));
                lines
            }
        }
    }

    async fn stream<S, M: Line>(&self, mut call: StreamCall<'_, S>, into: impl FnOnce(S) -> Stream<M>) -> Vec<String> {
        let wish = self.wish;
        for (key, value) in &wish.persistent {
            call = call.persistent(key, value);
        }
        for (key, value) in &wish.transient {
            call = call.meta(key, value);
        }
        for (key, value) in &wish.metadata {
            call = call.metadata(key, raw(key, value));
        }
        if wish.timeout_ms > 0 {
            call = call.timeout(Duration::from_millis(wish.timeout_ms));
        }
        if wish.recv_timeout_ms > 0 {
            let timeout = RecvTimeout::new(Duration::from_millis(wish.recv_timeout_ms));
            call = call.recv_timeout(if wish.keep_remote {
                timeout.keep_remote()
            } else {
                timeout
            });
        }
        if wish.gzip {
            call = call.gzip(Switch::On);
        }
        if let Some(incoming) = self.incoming {
            call = call.forward(incoming);
        }
        match call.await {
            Ok(stream) => Flow::new(into(stream), &self.marks).run(&wish.steps).await,
            Err(error) => vec![format!("open: {}", error.told())],
        }
    }
}

/// No call takes this long unless something hangs.
const STUCK: Duration = Duration::from_secs(40);
