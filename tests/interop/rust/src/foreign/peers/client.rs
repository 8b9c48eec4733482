//! Our client of the service.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kitewire::service::Body;
use kitewire::{
    BidiStream, CallResult, Client, ClientCall, Error, Metadata, ServerStream, StreamCall, Switch, Tokio, Transport,
};

use super::payload;
use super::words::{Outcome, Pairs, Wish, Words};
use crate::foreign::generated::peers::{Failure, Name, PeersClient, Say, Script};

/// Keeps a client for each address.
#[derive(Default)]
pub(super) struct OurClient {
    clients: Mutex<BTreeMap<String, PeersClient>>,
}

impl OurClient {
    pub(super) async fn call(&self, wish: Wish) -> Result<Outcome, String> {
        let client = self.client(&wish.address).map_err(|error| error.to_string())?;
        let began = Instant::now();
        let mut outcome = Outcome::default();
        if let Err(error) = make(&client, &wish, &mut outcome).await {
            ended(&mut outcome, &error)?;
        }
        outcome.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(outcome)
    }

    fn client(&self, address: &str) -> Result<PeersClient, Error> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(address) {
            return Ok(client.clone());
        }
        let client = Client::to(address)
            .transport(Transport::Grpc)
            .timeout(Duration::from_secs(30))
            .connect_timeout(Duration::from_secs(5))
            .build(Tokio)?;
        let client = PeersClient::new(client);
        clients.insert(address.to_owned(), client.clone());
        Ok(client)
    }
}

/// What has been seen before an error stays in `outcome`.
async fn make(client: &PeersClient, wish: &Wish, outcome: &mut Outcome) -> Result<(), Error> {
    match wish.method {
        "unary" => unary(client, wish, outcome).await,
        "collect" => collect(client, wish, outcome).await,
        "watch" => watch(client, wish, outcome).await,
        "talk" => talk(client, wish, outcome).await,
        _ => {
            let call = first(wish).script.unwrap_or_default().call;
            outcome.text = client.ended(Name { call }).await?.how;
            Ok(())
        }
    }
}

fn ended(outcome: &mut Outcome, error: &Error) -> Result<(), String> {
    match error.grpc_status() {
        Some(status) => {
            outcome.code = status.code.0;
            outcome.message.clone_from(&status.message);
            if !status.details.is_empty() {
                status.encode(&mut outcome.details);
            }
            Ok(())
        }
        // Without one from the server: the client's own timer ran out, in the words of any call.
        None if error.is_timeout() => {
            outcome.code = error.code().0;
            outcome.message = error.to_string();
            Ok(())
        }
        None => Err(format!("no status: {error}")),
    }
}

async fn unary(client: &PeersClient, wish: &Wish, outcome: &mut Outcome) -> Result<(), Error> {
    let call = wished(client.unary(first(wish)), wish).full();
    let patience = if wish.leaves { MOMENT } else { Duration::MAX };
    let Ok(answer) = tokio::time::timeout(patience, call).await else {
        return left(outcome);
    };
    let answer = answer.inspect_err(|error| {
        outcome.header = pairs(error.header());
        outcome.trailer = pairs(error.trailer());
    })?;
    outcome.header = pairs(&answer.header);
    outcome.trailer = pairs(&answer.trailer);
    check(&answer.value, outcome)
}

async fn collect(client: &PeersClient, wish: &Wish, outcome: &mut Outcome) -> Result<(), Error> {
    let mut stream = wished(client.collect(), wish).await?;
    for words in &wish.says {
        // Its failure is that of the call, which the answer tells.
        let _ = stream.send(say(words)).await;
    }
    if wish.leaves {
        tokio::time::sleep(MOMENT).await;
        return left(outcome);
    }
    if wish.holds {
        // It comes before the half-close, or the call fails before that.
        let _ = stream.header().await;
    }
    let answer = stream.finish().await;
    outcome.trailer = pairs(stream.trailer());
    let answer = answer?;
    outcome.header = pairs(stream.header().await?);
    check(&answer, outcome)
}

async fn watch(client: &PeersClient, wish: &Wish, outcome: &mut Outcome) -> Result<(), Error> {
    let mut stream = wished(client.watch(first(wish)), wish).await?;
    let end = watched(&mut stream, wish, outcome).await;
    outcome.trailer = pairs(stream.trailer());
    end
}

async fn watched(stream: &mut ServerStream<Say>, wish: &Wish, outcome: &mut Outcome) -> Result<(), Error> {
    outcome.header = pairs(stream.header().await?);
    while let Some(answer) = stream.recv().await? {
        check(&answer, outcome)?;
        if wish.leaves {
            return left(outcome);
        }
    }
    Ok(())
}

async fn talk(client: &PeersClient, wish: &Wish, outcome: &mut Outcome) -> Result<(), Error> {
    let mut stream = wished(client.talk(), wish).await?;
    let end = talked(&mut stream, wish, outcome).await;
    outcome.trailer = pairs(stream.trailer());
    end
}

/// Each message in turn, with the answers that its script names; then what is left.
async fn talked(stream: &mut BidiStream<Say, Say>, wish: &Wish, outcome: &mut Outcome) -> Result<(), Error> {
    let mut holds = wish.holds;
    for words in &wish.says {
        // Its failure is that of the stream, which `recv` tells.
        let _ = stream.send(say(words)).await;
        holds |= words.script.as_ref().is_some_and(|script| script.waits);
        for _ in 0..words.script.as_ref().map_or(1, |script| script.answers.len()) {
            match stream.recv().await? {
                Some(answer) => check(&answer, outcome)?,
                None => return Ok(()),
            }
        }
        if wish.leaves {
            return left(outcome);
        }
    }
    if !holds {
        stream.close_send();
    }
    while let Some(answer) = stream.recv().await? {
        check(&answer, outcome)?;
    }
    outcome.header = pairs(stream.header().await?);
    Ok(())
}

fn left(outcome: &mut Outcome) -> Result<(), Error> {
    outcome.left = true;
    Ok(())
}

fn check(answer: &Say, outcome: &mut Outcome) -> Result<(), Error> {
    outcome.answers.push(answer.payload.len());
    if answer.payload == payload(answer.payload.len()) {
        Ok(())
    } else {
        Err(Error::new("another payload"))
    }
}

fn first(wish: &Wish) -> Say {
    wish.says.first().map(say).unwrap_or_default()
}

fn say(words: &Words) -> Say {
    Say {
        payload: payload(words.size),
        script: words.script.clone().map(|script| Script {
            call: script.call,
            answers: script.answers,
            waits: script.waits,
            ends: script.ends,
            failure: script.failure.map(|failure| Failure {
                code: failure.code,
                message: failure.message,
                details: failure.details,
            }),
        }),
    }
}

/// What begins with `head-` or `tail-`.
fn pairs(metadata: &Metadata) -> Pairs {
    let mut pairs = Pairs::new();
    for (key, value) in metadata
        .iter()
        .filter(|(key, _)| key.starts_with("head-") || key.starts_with("tail-"))
    {
        let value = if key.ends_with("-bin") {
            value.iter().map(|byte| format!("{byte:02x}")).collect()
        } else {
            String::from_utf8_lossy(value).into_owned()
        };
        pairs.entry(key.to_owned()).or_default().push(value);
    }
    pairs
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|digit| digit.to_digit(16)?.try_into().ok())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect()
}

/// Options that calls and streams share.
trait Options: Sized {
    fn within(self, timeout: Duration) -> Self;
    fn with(self, key: &str, value: &[u8]) -> Self;
    fn compressed(self) -> Self;
}

impl<A: Body, R: CallResult> Options for ClientCall<'_, A, R> {
    fn within(self, timeout: Duration) -> Self {
        self.timeout(timeout)
    }

    fn with(self, key: &str, value: &[u8]) -> Self {
        self.metadata(key, value)
    }

    fn compressed(self) -> Self {
        self.gzip(Switch::On)
    }
}

impl<S> Options for StreamCall<'_, S> {
    fn within(self, timeout: Duration) -> Self {
        self.timeout(timeout)
    }

    fn with(self, key: &str, value: &[u8]) -> Self {
        self.metadata(key, value)
    }

    fn compressed(self) -> Self {
        self.gzip(Switch::On)
    }
}

fn wished<C: Options>(mut call: C, wish: &Wish) -> C {
    if wish.timeout_ms > 0 {
        call = call.within(Duration::from_millis(wish.timeout_ms));
    }
    if wish.compress {
        call = call.compressed();
    } else if wish.accept {
        call = call.with("grpc-accept-encoding", b"gzip");
    }
    for (key, value) in wish
        .metadata
        .iter()
        .flat_map(|(key, values)| values.iter().map(move |value| (key, value)))
    {
        call = if key.ends_with("-bin") {
            call.with(key, &bytes(value))
        } else {
            call.with(key, value.as_bytes())
        };
    }
    call
}

/// Long enough for the first message to reach the handler.
const MOMENT: Duration = Duration::from_secs(1);
