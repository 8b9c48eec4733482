//! Our server of the service.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kitewire::prost::Message as _;
use kitewire::{Call, Code, Error, Receiver, Sender};

use super::payload;
use crate::foreign::generated::peers::{Ending, Failure, Name, Peers, RpcStatus, Say, Script};

/// The handlers, and how named calls ended.
#[derive(Debug, Default)]
pub(super) struct Handlers {
    endings: Mutex<HashMap<String, &'static str>>,
}

impl Peers for Handlers {
    async fn unary(&self, call: &Call, request: Say) -> Result<Say, Error> {
        give_back(call)?;
        let script = script(request);
        self.wait_or_fail(call, &script).await?;
        self.tell(&script.call, "done");
        Ok(say(script.answers.first().copied().unwrap_or_default()))
    }

    async fn collect(&self, call: &Call, mut requests: Receiver<Say>) -> Result<Say, Error> {
        give_back(call)?;
        let mut length = 0;
        while let Some(request) = requests.recv().await? {
            length += request.payload.len();
            let script = script(request);
            self.wait_or_fail(call, &script).await?;
            self.tell(&script.call, "done");
            if script.ends {
                break;
            }
        }
        Ok(say(u32::try_from(length).map_err(Error::new)?))
    }

    async fn watch(&self, call: &Call, request: Say, mut out: Sender<Say>) -> Result<(), Error> {
        give_back(call)?;
        self.play(call, &script(request), &mut out).await
    }

    async fn talk(&self, call: &Call, mut requests: Receiver<Say>, mut out: Sender<Say>) -> Result<(), Error> {
        give_back(call)?;
        while let Some(request) = requests.recv().await? {
            let script = script(request);
            self.play(call, &script, &mut out).await?;
            if script.ends {
                break;
            }
        }
        Ok(())
    }

    async fn ended(&self, _: &Call, request: Name) -> Result<Ending, Error> {
        for _ in 0..1500 {
            if let Some(how) = self.ending(&request.call) {
                return Ok(Ending { how: how.to_owned() });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Ending {
            how: "running".to_owned(),
        })
    }
}

impl Handlers {
    async fn play(&self, call: &Call, script: &Script, out: &mut Sender<Say>) -> Result<(), Error> {
        for size in &script.answers {
            out.send(say(*size)).await?;
        }
        self.wait_or_fail(call, script).await?;
        self.tell(&script.call, "done");
        Ok(())
    }

    async fn wait_or_fail(&self, call: &Call, script: &Script) -> Result<(), Error> {
        if script.waits {
            if script.answers.is_empty() {
                // A caller that has seen something of the answer leaves the deadline to the server.
                call.send_header()?;
            }
            call.cancelled().await;
            self.tell(&script.call, "gone");
            return Err(Error::deadline_exceeded());
        }
        script.failure.as_ref().map_or(Ok(()), |failure| Err(failed(failure)))
    }

    /// The first word counts.
    fn tell(&self, call: &str, how: &'static str) {
        if !call.is_empty() {
            let mut endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
            endings.entry(call.to_owned()).or_insert(how);
        }
    }

    fn ending(&self, call: &str) -> Option<&'static str> {
        let endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        endings.get(call).copied()
    }
}

fn give_back(call: &Call) -> Result<(), Error> {
    for (key, value) in call.metadata().iter() {
        if key.starts_with("head-") {
            call.append_header(key, value)?;
        } else if key.starts_with("tail-") {
            call.append_trailer(key, value)?;
        }
    }
    Ok(())
}

fn failed(failure: &Failure) -> Error {
    let error = Error::status(Code(failure.code), failure.message.as_str());
    let details = RpcStatus::decode(&*failure.details).unwrap_or_default().details;
    details
        .iter()
        .fold(error, |error, detail| error.with_details(detail.encode_to_vec()))
}

fn script(say: Say) -> Script {
    say.script.unwrap_or_else(|| Script {
        answers: vec![0],
        ..Script::default()
    })
}

fn say(size: u32) -> Say {
    Say {
        payload: payload(size as usize),
        script: None,
    }
}
