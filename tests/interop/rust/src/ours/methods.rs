//! The calls of our client, over the generated clients, by IDL names.

use std::time::Duration;

use kitewire::service::Body;
use kitewire::{Call as Incoming, CallResult, Client, ClientCall, Error, ErrorKind};

use super::generated::interop::common::{Note, Other, Refused};
use super::generated::interop::{
    EverythingClient, EverythingFailsError, EverythingRefusesError, SecondClient, ServiceAClient, ServiceBClient,
    ServiceCClient,
};
use super::generated::interoppb::{PbAClient, ProtoClient, Text};
use super::generated::{combined, stranger, strangerpb};
use super::samples::{same_scalars, same_types, scalars, types};
use super::script::{join, split};
use crate::call::{Call, Outcome};

/// Makes the call that `wish` names.
pub(crate) async fn call(client: &Client, wish: &Call) -> Result<Outcome, String> {
    let client = client.clone();
    let note = Note {
        text: wish.text.clone(),
    };
    Ok(match (wish.service, wish.method) {
        ("Everything", _) => return everything(client, wish).await,
        ("Second", "say") => run(SecondClient::new(client).say(note), wish, text).await,
        ("Second", "only_second") => run(SecondClient::new(client).only_second(note), wish, text).await,
        ("ServiceA", "Echo1") => run(ServiceAClient::new(client).echo1(note), wish, text).await,
        ("ServiceA", "EchoA") => run(ServiceAClient::new(client).echo_a(note), wish, text).await,
        ("ServiceB", "Echo2") => run(ServiceBClient::new(client).echo2(note), wish, text).await,
        ("ServiceC", "Echo1") => run(ServiceCClient::new(client).echo1(note), wish, text).await,
        ("CombA" | "CombB" | "CombineService", _) => return combine(client, wish).await,
        ("Proto" | "PbA", _) => return protobuf(client, wish).await,
        _ => return strange(client, wish).await,
    })
}

async fn everything(client: Client, wish: &Call) -> Result<Outcome, String> {
    let client = EverythingClient::new(client);
    let note = Note {
        text: wish.text.clone(),
    };
    Ok(match wish.method {
        "inherited" => run(client.inherited(note), wish, text).await,
        "types" => {
            let sample = types(&wish.text).map_err(|error| error.to_string())?;
            run(client.types(sample), wish, |got| {
                same_types(&got).map(|()| "same".to_owned())
            })
            .await
        }
        "say" => run(client.say(note), wish, text).await,
        "fails" => run(client.fails(note), wish, text).await,
        "nothing" => run(client.nothing(note), wish, done).await,
        "ping" => run(client.ping(), wish, done).await,
        "refuses" => run(client.refuses(note), wish, done).await,
        "sum" => {
            let (a, b) = wish.text.split_once(' ').ok_or("two numbers are needed")?;
            let (a, b) = (a.parse().map_err(|_| "no number")?, b.parse().map_err(|_| "no number")?);
            run(client.sum(a, b), wish, |sum| Ok(sum.to_string())).await
        }
        "swap" => run(client.swap(split(&wish.text)), wish, |words| Ok(join(&words))).await,
        "push" => run(client.push(note), wish, done).await,
        other => return Err(format!("Everything has no method {other:?}")),
    })
}

async fn protobuf(client: Client, wish: &Call) -> Result<Outcome, String> {
    let message = Text {
        text: wish.text.clone(),
    };
    Ok(match (wish.service, wish.method) {
        ("Proto", "Say") => run(ProtoClient::new(client).say(message), wish, text_pb).await,
        ("Proto", "OnlyProto") => run(ProtoClient::new(client).only_proto(message), wish, text_pb).await,
        ("Proto", "Types") => {
            let sample = scalars(&wish.text).map_err(|error| error.to_string())?;
            let check = |got| same_scalars(&got).map(|()| "same".to_owned());
            run(ProtoClient::new(client).types(sample), wish, check).await
        }
        ("PbA", "Echo1") => run(PbAClient::new(client).echo1(message), wish, text_pb).await,
        ("PbA", "EchoP") => run(PbAClient::new(client).echo_p(message), wish, text_pb).await,
        (service, method) => return Err(format!("{service} has no method {method:?}")),
    })
}

async fn combine(client: Client, wish: &Call) -> Result<Outcome, String> {
    use combined::{CombAClient, CombBClient, CombineServiceClient};
    let note = combined::common::Note {
        text: wish.text.clone(),
    };
    let text = |note: combined::common::Note| Ok(note.text);
    Ok(match (wish.service, wish.method) {
        ("CombA", "Echo1") => run(CombAClient::new(client).echo1(note), wish, text).await,
        ("CombB", "Echo2") => run(CombBClient::new(client).echo2(note), wish, text).await,
        ("CombineService", "Echo2") => run(CombineServiceClient::new(client).echo2(note), wish, text).await,
        (service, method) => return Err(format!("{service} has no method {method:?}")),
    })
}

/// Services that the server does not have.
async fn strange(client: Client, wish: &Call) -> Result<Outcome, String> {
    use stranger::{EverythingClient, ServiceAClient, StrangerClient};
    let note = stranger::common::Note {
        text: wish.text.clone(),
    };
    let text = |note: stranger::common::Note| Ok(note.text);
    let message = strangerpb::Text {
        text: wish.text.clone(),
    };
    let text_pb = |answer: strangerpb::Text| Ok(answer.text);
    Ok(match (wish.service, wish.method) {
        ("stranger.Everything", "absent") => run(EverythingClient::new(client).absent(note), wish, text).await,
        ("stranger.Everything", "only_second") => {
            run(EverythingClient::new(client).only_second(note), wish, text).await
        }
        ("stranger.ServiceA", "EchoB") => run(ServiceAClient::new(client).echo_b(note), wish, text).await,
        ("stranger.ServiceA", "absent") => run(ServiceAClient::new(client).absent(note), wish, text).await,
        ("stranger.Stranger", "absent") => run(StrangerClient::new(client).absent(note), wish, text).await,
        ("stranger.Stranger", "only_second") => run(StrangerClient::new(client).only_second(note), wish, text).await,
        ("stranger.Stranger", "Echo1") => run(StrangerClient::new(client).echo1(note), wish, text).await,
        ("stranger.Stranger", "Echo2") => run(StrangerClient::new(client).echo2(note), wish, text).await,
        ("strangerpb.Proto", "Absent") => {
            run(strangerpb::ProtoClient::new(client).absent(message), wish, text_pb).await
        }
        ("strangerpb.Stranger", "Absent") => {
            run(strangerpb::StrangerClient::new(client).absent(message), wish, text_pb).await
        }
        ("strangerpb.Stranger", "OnlyProto") => {
            run(
                strangerpb::StrangerClient::new(client).only_proto(message),
                wish,
                text_pb,
            )
            .await
        }
        (service, method) => return Err(format!("{service} has no method {method:?}")),
    })
}

/// Second.say("meta") for the call being served; `hopset` makes the changes that the text asks for.
pub(crate) async fn next_say(next: &Client, incoming: &Incoming, word: &str) -> Result<(String, String), Error> {
    let client = SecondClient::new(next.clone());
    let mut call = client.say(Note { text: "meta".into() });
    if word == "hopset" {
        for (key, value) in incoming.meta().persistents().filter(|(key, _)| *key != "drop") {
            call = call.persistent(key, value);
        }
        call = call.meta("tra-K", "own");
    } else {
        call = call.forward(incoming);
    }
    let response = call.full().await?;
    let back = response.backward("back").unwrap_or_default().to_owned();
    Ok((response.value.text, back))
}

async fn run<A: Body, R: CallResult>(
    mut call: ClientCall<'_, A, R>,
    wish: &Call,
    show: impl FnOnce(R::Value) -> Result<String, Error>,
) -> Outcome
where
    Outcome: From<R::Error>,
{
    for (key, value) in &wish.persistent {
        call = call.persistent(key, value);
    }
    for (key, value) in &wish.transient {
        call = call.meta(key, value);
    }
    if wish.timeout_ms > 0 {
        call = call.timeout(Duration::from_millis(wish.timeout_ms));
    }
    match call.full().await {
        Ok(response) => {
            let backward = response.backward.into_iter().collect();
            match show(response.value) {
                Ok(text) => Outcome {
                    kind: "value".to_owned(),
                    text,
                    backward,
                    ..Outcome::default()
                },
                Err(error) => Outcome {
                    kind: "failed".to_owned(),
                    text: error.to_string(),
                    ..Outcome::default()
                },
            }
        }
        Err(error) => error.into(),
    }
}

fn text(note: Note) -> Result<String, Error> {
    Ok(note.text)
}

fn text_pb(message: Text) -> Result<String, Error> {
    Ok(message.text)
}

fn done((): ()) -> Result<String, Error> {
    Ok("done".to_owned())
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        let mut outcome = Self {
            text: error.to_string(),
            error: error.to_string(),
            ..Self::default()
        };
        outcome.backward = error.backward().iter().cloned().collect();
        outcome.kind = match error.kind() {
            ErrorKind::Timeout => "timeout",
            ErrorKind::MissingResult => "nothing",
            ErrorKind::Business => "business",
            ErrorKind::Remote => "exception",
            _ => "failed",
        }
        .to_owned();
        if let Some(status) = error.business_status() {
            outcome.code = status.code;
            outcome.text.clone_from(&status.message);
            outcome.extra = status.extra.iter().cloned().collect();
        }
        if let Some(exception) = error.exception() {
            outcome.code = exception.kind.0;
            outcome.text = exception.to_string();
        }
        outcome
    }
}

impl From<Refused> for Outcome {
    fn from(refused: Refused) -> Self {
        let text = refused.why.unwrap_or_default();
        Self {
            kind: "declared".to_owned(),
            name: "Refused".to_owned(),
            code: refused.code,
            text,
            ..Self::default()
        }
    }
}

impl From<Other> for Outcome {
    fn from(other: Other) -> Self {
        Self {
            kind: "declared".to_owned(),
            name: "Other".to_owned(),
            text: other.text,
            ..Self::default()
        }
    }
}

impl From<EverythingFailsError> for Outcome {
    fn from(error: EverythingFailsError) -> Self {
        match error {
            EverythingFailsError::Refused(refused) => refused.into(),
            EverythingFailsError::Other(other) => other.into(),
            EverythingFailsError::Error(error) => error.into(),
        }
    }
}

impl From<EverythingRefusesError> for Outcome {
    fn from(error: EverythingRefusesError) -> Self {
        match error {
            EverythingRefusesError::Refused(refused) => refused.into(),
            EverythingRefusesError::Error(error) => error.into(),
        }
    }
}
