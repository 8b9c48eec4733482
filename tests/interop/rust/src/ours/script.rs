//! What our handlers do by the text of a call, as `idl/interop.thrift` says.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kitewire::{Call, Error, ExceptionType};

use super::Words;
use super::methods::next_say;

/// Shared by the services of one server.
#[derive(Clone)]
pub(crate) struct Script {
    /// A client of the next server.
    pub(crate) next: Option<kitewire::Client>,
    pushed: Arc<Mutex<BTreeSet<String>>>,
}

impl Script {
    pub(crate) fn new(next: Option<kitewire::Client>) -> Self {
        Self {
            next,
            pushed: Arc::default(),
        }
    }

    /// The answer to a text; `prefix` stands before a text that is only given back.
    pub(crate) async fn play(&self, call: &Call, prefix: &str, text: &str) -> Result<String, Error> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "boom" => Err(Error::new("boom")),
            "panic" => panic!("ouch"),
            "typed" => Err(Error::application(ExceptionType(1234), "typed")),
            "nil" => Err(Error::reply_empty()),
            "biz" => Err(Error::business(404, "not found").with_extra("k", "<v>")),
            "biz-plain" => Err(Error::business(-7, "")),
            "biz-zero" => Err(Error::business(0, "zero")),
            "sleep" => {
                tokio::time::sleep(Duration::from_millis(rest.parse().map_err(Error::new)?)).await;
                Ok(format!("slept {rest}"))
            }
            "big" => Ok("x".repeat(rest.parse().map_err(Error::new)?)),
            "deadline" => Ok(deadline(call)),
            "wait" => {
                if call.time_left().is_none() {
                    return Ok("no deadline".to_owned());
                }
                call.cancelled().await;
                Err(Error::deadline_exceeded())
            }
            "who" => Ok(who(call)),
            "transport" => Ok(call.transport().to_string()),
            "meta" => {
                call.set_backward("back", "val");
                call.set_backward("Back_2", "");
                Ok(meta(call))
            }
            "metaboom" => {
                call.set_backward("back", "val");
                Err(Error::new("boom"))
            }
            "hop" | "hopset" => self.hop(call, word).await,
            "pushed" => {
                let pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(if pushed.contains(rest) { "yes" } else { "no" }.to_owned())
            }
            _ => Ok(format!("{prefix}{text}")),
        }
    }

    /// Remembers what a oneway call brought.
    pub(crate) fn push(&self, text: &str) {
        self.pushed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(text.to_owned());
    }

    async fn hop(&self, call: &Call, word: &str) -> Result<String, Error> {
        let next = self.next.as_ref().ok_or_else(|| Error::new("no next server"))?;
        let (answer, back) = next_say(next, call, word).await?;
        Ok(format!("B {} C {answer} BACK back={back}", meta(call)))
    }
}

/// The metainfo of the call, as `P k=v,k=v T k=v`.
pub(crate) fn meta(call: &Call) -> String {
    let meta = call.meta();
    let persistent = meta.persistents().collect();
    let transient = meta.transients().chain(meta.received_transients()).collect();
    format!("P {} T {}", pairs(persistent), pairs(transient))
}

fn pairs(mut values: Vec<(&str, &str)>) -> String {
    values.sort_unstable();
    values
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}

/// The words as `k=v,k=v`, sorted by key.
pub(crate) fn join(words: &Words) -> String {
    pairs(
        words
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect(),
    )
}

/// The words of `k=v,k=v`.
pub(crate) fn split(text: &str) -> Words {
    let words = text.split(',').filter_map(|word| word.split_once('='));
    words.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Keys and values exchanged.
pub(crate) fn swapped(words: &Words) -> Words {
    words.iter().map(|(key, value)| (value.clone(), key.clone())).collect()
}

/// How far away the deadline is.
pub(crate) fn deadline(call: &Call) -> String {
    let Some(left) = call.time_left() else {
        return "no deadline".to_owned();
    };
    match [1, 10, 100]
        .into_iter()
        .find(|bound| left < Duration::from_secs(*bound))
    {
        Some(bound) => format!("deadline within {bound}s"),
        None => "deadline far away".to_owned(),
    }
}

/// Who calls what.
pub(crate) fn who(call: &Call) -> String {
    let word = |word: Option<&str>| word.filter(|word| !word.is_empty()).unwrap_or("-").to_owned();
    format!(
        "from {}/{} service {} method {}",
        word(call.caller_service()),
        word(call.caller_method()),
        word(Some(call.service())),
        word(Some(call.method()))
    )
}
