//! What the servers of all scenarios do: handlers that are told by their messages.

mod services;
mod values;

use std::sync::Arc;
use std::time::Duration;

use kitewire::{Call, Error, Receiver, Runtime, Sender};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use crate::any::Any;
use crate::desk::{Ask, DeskClient, DeskSayError, Refused, Reply};
use crate::place::ask;
use crate::shown::Shown;
pub(crate) use values::{BLOCK, PANIC, parcel, pattern, reply};
use values::{carried, fail, millis, undeclared, who};

/// Serves everything.
#[derive(Clone)]
pub(crate) struct Clerk {
    pub(crate) home: Any,
    /// What handlers wait for when they are told to.
    pub(crate) gate: Arc<Semaphore>,
    /// What handlers tell their scenario.
    pub(crate) seen: UnboundedSender<String>,
    /// Where handlers call on.
    pub(crate) next: Option<DeskClient>,
}

impl Clerk {
    /// Does what the first word of `ask` says. Any other text is given back with its payload.
    async fn act(&self, call: &Call, ask: Ask) -> Result<Reply, DeskSayError> {
        let (word, rest) = ask.text.split_once(' ').unwrap_or((&ask.text, ""));
        Ok(match word {
            "refused" => {
                let why = Some("busy".to_owned());
                return Err(Refused { code: 11, why }.into());
            }
            "sleep" => {
                self.home.sleep(millis(rest)).await;
                reply("slept")
            }
            "wait" => self.wait(call, rest).await?,
            "big" => Reply {
                text: "big".into(),
                payload: pattern(rest.parse().unwrap()),
            },
            "who" => reply(&who(call)),
            "identity" => {
                let shown = call.peer_identity().map(|identity| identity.certificates.len());
                reply(&format!("{shown:?} certificates"))
            }
            "meta" => {
                call.set_backward("back", "val");
                if rest == "boom" {
                    return Err(Error::new("boom").into());
                }
                reply(&carried(call.meta()))
            }
            "metadata" => {
                self.mark(call)?;
                reply(&call.metadata().shown())
            }
            "deadline" => {
                let left = call.time_left();
                let within = |seconds| left.is_some_and(|left| left <= Duration::from_secs(seconds));
                reply(match left {
                    None => "no deadline",
                    Some(_) if within(1) => "within 1s",
                    Some(_) if within(10) => "within 10s",
                    Some(_) => "later",
                })
            }
            "hop" => {
                let response = self.next().say(crate::place::ask(rest)).forward(call).full().await;
                let response = response.map_err(undeclared)?;
                let back = response.backward("back").unwrap_or("-").to_owned();
                reply(&format!(
                    "{}, then {} with {back}",
                    carried(call.meta()),
                    response.value.text
                ))
            }
            _ => {
                fail(word)?;
                Reply {
                    text: ask.text,
                    payload: ask.payload,
                }
            }
        })
    }

    /// Waits for the gate, or until nobody waits for the answer.
    async fn wait(&self, call: &Call, name: &str) -> Result<Reply, Error> {
        self.tell(format!("waiting {name}"));
        tokio::select! {
            biased;
            permit = self.gate.acquire() => {
                permit.unwrap().forget();
                Ok(reply(name))
            }
            reason = call.cancelled() => {
                self.tell(format!("{reason:?} {name}"));
                Err(Error::new("nobody waits"))
            }
        }
    }

    /// Says which server it was in header and trailer.
    fn mark(&self, call: &Call) -> Result<(), Error> {
        call.set_header("x-head", "h")?;
        call.append_header("x-head-bin", [0, 255])?;
        call.set_trailer("x-trail", "t")
    }

    /// One message of `talk`. `None` ends the stream.
    async fn talk_one(&self, call: &Call, ask: Ask, asks: &mut Receiver<Ask>, out: &mut Sender<Reply>) -> Step {
        let (word, rest) = ask.text.split_once(' ').unwrap_or((&ask.text, ""));
        match word {
            "return" => return Ok(Next::Return),
            "listen" => self.listen(call, asks, out).await?,
            "hop" => self.hop(call, rest, out).await?,
            "slow" => {
                self.gate.acquire().await.unwrap().forget();
                out.send(reply("read on")).await?;
            }
            "header" => {
                self.mark(call)?;
                call.send_header()?;
                let late = call.set_header("x-late", "l");
                self.tell(format!("late header {}", late.shown()));
            }
            _ => {
                let answer = self.act(call, ask).await.map_err(undeclared)?;
                out.send(answer).await?;
            }
        }
        Ok(Next::GoOn)
    }

    /// Says "here", receives until that fails, and tells what both halves ended with.
    async fn listen(&self, call: &Call, asks: &mut Receiver<Ask>, out: &mut Sender<Reply>) -> Result<(), Error> {
        out.send(reply("here")).await?;
        let received = loop {
            match asks.recv().await {
                Ok(Some(_)) => {}
                // The client has sent everything, and goes on listening.
                Ok(None) => break "end".to_owned(),
                Err(error) => break error.shown(),
            }
        };
        let reason = call.cancelled().await;
        let sent = out.send(reply("")).await;
        self.tell(format!("{reason:?}, received {received}, sent {}", sent.shown()));
        sent
    }

    /// Opens a stream to the next server as a part of this call, says "here", and tells what that stream ends with.
    async fn hop(&self, call: &Call, text: &str, out: &mut Sender<Reply>) -> Result<(), Error> {
        let mut down = self.next().talk().forward(call).await?;
        down.send(ask(text)).await?;
        let first = down.recv().await?;
        out.send(reply(&format!("next: {}", first.shown()))).await?;
        if text == "listen" {
            call.cancelled().await;
            let end = down.recv().await;
            self.tell(format!("middle {}", end.shown()));
        } else {
            down.close_send();
            self.tell(format!("middle {}", down.recv().await.shown()));
        }
        Ok(())
    }

    /// Lets the halves of a stream outlive their handler.
    fn outlive(&self, mut asks: Receiver<Ask>, mut out: Sender<Reply>) {
        let (gate, seen) = (Arc::clone(&self.gate), self.seen.clone());
        self.home.spawn(async move {
            gate.acquire().await.unwrap().forget();
            let received = asks.recv().await;
            let sent = out.send(reply("late")).await;
            let _ = seen.send(format!("received {}, sent {}", received.shown(), sent.shown()));
        });
    }

    fn next(&self) -> &DeskClient {
        self.next.as_ref().unwrap()
    }

    fn tell(&self, text: String) {
        let _ = self.seen.send(text);
    }
}

type Step = Result<Next, Error>;

/// Whether a stream goes on.
enum Next {
    GoOn,
    Return,
}
