//! One call in each mode.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

use crate::generated::peers_client::PeersClient;
use crate::generated::{Failure, Name, Say, Script};
use crate::metadata::{add, pairs};
use crate::payload;
use crate::words::{Outcome, Wish, Words};

type Client = PeersClient<Channel>;

/// Makes the call; what has been seen before an error stays in `outcome`.
pub(crate) async fn make(client: Client, wish: &Wish, outcome: &mut Outcome) -> Result<(), Status> {
    match wish.method.as_str() {
        "unary" => unary(client, wish, outcome).await,
        "collect" => collect(client, wish, outcome).await,
        "watch" => watch(client, wish, outcome).await,
        "talk" => talk(client, wish, outcome).await,
        _ => how_ended(client, wish, outcome).await,
    }
}

/// Notes how a call failed.
pub(crate) fn ended(outcome: &mut Outcome, status: Status) {
    outcome.code = status.code() as i32;
    outcome.message = status.message().to_owned();
    outcome.details = status.details().to_vec();
    outcome.trailer = pairs(status.metadata());
}

async fn unary(mut client: Client, wish: &Wish, outcome: &mut Outcome) -> Result<(), Status> {
    let call = client.unary(request(wish, first(wish))?);
    if wish.leaves {
        return leave(call, outcome).await;
    }
    single(call.await?, outcome)
}

async fn collect(mut client: Client, wish: &Wish, outcome: &mut Outcome) -> Result<(), Status> {
    let (sender, requests) = mpsc::channel(wish.says.len().max(1));
    for words in &wish.says {
        // There is room for all of them.
        let _ = sender.send(say(words)).await;
    }
    let call = client.collect(request(wish, ReceiverStream::new(requests))?);
    if wish.leaves || wish.holds || waits(wish) {
        let left = leave_or(call, wish, outcome).await;
        drop(sender);
        return left;
    }
    drop(sender);
    single(call.await?, outcome)
}

async fn watch(mut client: Client, wish: &Wish, outcome: &mut Outcome) -> Result<(), Status> {
    let mut answers = opened(client.watch(request(wish, first(wish))?).await?, outcome);
    if wish.leaves {
        receive(&mut answers, outcome).await?;
        outcome.left = true;
        return Ok(());
    }
    while receive(&mut answers, outcome).await? {}
    trailers(&mut answers, outcome).await
}

/// Each message in turn, with the answers that its script names; then what is left.
async fn talk(mut client: Client, wish: &Wish, outcome: &mut Outcome) -> Result<(), Status> {
    let (sender, requests) = mpsc::channel(1);
    let mut says = wish.says.iter();
    let mut current = says.next();
    if let Some(words) = current {
        // Before the call: a server may send its header only with its first answer.
        let _ = sender.send(say(words)).await;
    }
    let mut sender = Some(sender).filter(|_| current.is_some());
    let mut answers = opened(
        client.talk(request(wish, ReceiverStream::new(requests))?).await?,
        outcome,
    );
    while let Some(words) = current {
        for _ in 0..words.script.as_ref().map_or(1, |script| script.answers.len()) {
            if !receive(&mut answers, outcome).await? {
                return trailers(&mut answers, outcome).await;
            }
        }
        if wish.leaves {
            outcome.left = true;
            return Ok(());
        }
        current = says.next();
        if let (Some(words), Some(sender)) = (current, &sender) {
            // The answers tell when the call is over.
            let _ = sender.send(say(words)).await;
        }
    }
    if !wish.holds && !waits(wish) {
        sender = None;
    }
    while receive(&mut answers, outcome).await? {}
    drop(sender);
    trailers(&mut answers, outcome).await
}

async fn how_ended(mut client: Client, wish: &Wish, outcome: &mut Outcome) -> Result<(), Status> {
    let call = first(wish).script.unwrap_or_default().call;
    outcome.text = client.ended(request(wish, Name { call })?).await?.into_inner().how;
    Ok(())
}

fn single(answer: Response<Say>, outcome: &mut Outcome) -> Result<(), Status> {
    outcome.header = pairs(answer.metadata());
    check(&answer.into_inner(), outcome)
}

fn opened(answer: Response<Streaming<Say>>, outcome: &mut Outcome) -> Streaming<Say> {
    outcome.header = pairs(answer.metadata());
    answer.into_inner()
}

async fn receive(answers: &mut Streaming<Say>, outcome: &mut Outcome) -> Result<bool, Status> {
    match answers.message().await? {
        Some(answer) => check(&answer, outcome).map(|()| true),
        None => Ok(false),
    }
}

async fn trailers(answers: &mut Streaming<Say>, outcome: &mut Outcome) -> Result<(), Status> {
    if let Some(trailers) = answers.trailers().await? {
        outcome.trailer = pairs(&trailers);
    }
    Ok(())
}

fn check(answer: &Say, outcome: &mut Outcome) -> Result<(), Status> {
    outcome.answers.push(answer.payload.len());
    if answer.payload == payload(answer.payload.len()) {
        Ok(())
    } else {
        Err(Status::data_loss("another payload"))
    }
}

/// Gives the call up after a moment or lets it run to its end, without a half-close in either case.
async fn leave_or(
    call: impl Future<Output = Result<Response<Say>, Status>>,
    wish: &Wish,
    outcome: &mut Outcome,
) -> Result<(), Status> {
    if wish.leaves {
        leave(call, outcome).await
    } else {
        single(call.await?, outcome)
    }
}

async fn leave(call: impl Future<Output = Result<Response<Say>, Status>>, outcome: &mut Outcome) -> Result<(), Status> {
    match tokio::time::timeout(MOMENT, call).await {
        Ok(answer) => single(answer?, outcome),
        Err(_) => {
            outcome.left = true;
            Ok(())
        }
    }
}

fn waits(wish: &Wish) -> bool {
    wish.says
        .iter()
        .any(|words| words.script.as_ref().is_some_and(|script| script.waits))
}

fn request<T>(wish: &Wish, message: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    if wish.timeout_ms > 0 {
        request.set_timeout(Duration::from_millis(wish.timeout_ms));
    }
    add(&wish.metadata, request.metadata_mut()).map_err(Status::invalid_argument)?;
    Ok(request)
}

fn first(wish: &Wish) -> Say {
    wish.says.first().map(say).unwrap_or_default()
}

fn say(words: &Words) -> Say {
    Say {
        payload: payload(words.size).into(),
        script: words.script.clone().map(|script| Script {
            call: script.call,
            answers: script.answers,
            waits: script.waits,
            ends: script.ends,
            failure: script.failure.map(|failure| Failure {
                code: failure.code,
                message: failure.message,
                details: failure.details.into(),
            }),
        }),
    }
}

/// Long enough for the first message to reach the handler.
const MOMENT: Duration = Duration::from_secs(1);
