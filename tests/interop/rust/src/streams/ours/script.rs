//! What our handlers do by the text of a request, as `idl/streams.thrift` says.

mod cascade;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kitewire::{Call, Code, Error, ExceptionType, Receiver, Sender, Status};

use super::client::OurCaller;
use super::generated::streams::common::Refused;
use super::lines::{Line, detail, raw, shown};
use crate::call::Dial;
use crate::streams::wish::Wish;

/// Shared by the services of one server.
#[derive(Clone)]
pub(super) struct Script {
    next: Option<Dial>,
    records: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    caller: Arc<OurCaller>,
}

/// One handler's run.
pub(super) struct Turn<'a, M> {
    script: &'a Script,
    call: &'a Call,
    /// Written before answers that only give back the text.
    prefix: &'static str,
    answers: Answers<M>,
    requests: Option<Receiver<M>>,
    key: Option<String>,
}

/// Where answers go.
pub(super) enum Answers<M> {
    /// Joined into one at the end.
    One(Vec<String>),
    Many(Sender<M>),
}

/// Whether the handler goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    GoesOn,
    Returns,
}

impl Script {
    pub(super) fn new(next: Option<Dial>) -> Self {
        Self {
            next,
            records: Arc::default(),
            caller: Arc::default(),
        }
    }

    pub(super) fn turn<'a, M: Line>(&'a self, call: &'a Call, prefix: &'static str) -> Turn<'a, M> {
        let turn = Turn {
            script: self,
            call,
            prefix,
            answers: Answers::One(Vec::new()),
            requests: None,
            key: record_key(call),
        };
        turn.mark("begun");
        turn
    }

    fn record(&self, key: Option<&str>, line: String) {
        if let Some(key) = key {
            let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
            records.entry(key.to_owned()).or_default().push(line);
        }
    }

    /// Waits until there is something.
    async fn report(&self, key: &str) -> String {
        for _ in 0..2000 {
            if let Some(lines) = self.records.lock().unwrap_or_else(PoisonError::into_inner).get(key) {
                return lines.join(" / ");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        "no record".to_owned()
    }
}

impl<M: Line> Turn<'_, M> {
    pub(super) fn sending(mut self, out: Sender<M>) -> Self {
        self.answers = Answers::Many(out);
        self
    }

    pub(super) fn receiving(mut self, requests: Receiver<M>) -> Self {
        self.requests = Some(requests);
        self
    }

    /// A handler with one request: its answers joined.
    pub(super) async fn once(mut self, request: M) -> Result<M, Error> {
        self.obey(&request.into_text()).await?;
        Ok(self.joined())
    }

    /// A handler with many: obeys message by message, to the end or to a return.
    pub(super) async fn through(mut self) -> Result<M, Error> {
        loop {
            match self.recv().await {
                Ok(Some(text)) => {
                    if self.obey(&text).await? == Next::Returns {
                        return Ok(self.joined());
                    }
                }
                Ok(None) => {
                    self.record("recv: end".to_owned());
                    return Ok(self.joined());
                }
                Err(error) => {
                    self.record(format!("recv: {error}"));
                    return Err(error);
                }
            }
        }
    }

    fn joined(&mut self) -> M {
        M::wrap(match &self.answers {
            Answers::One(answers) => answers.join(","),
            Answers::Many(_) => String::new(),
        })
    }

    fn record(&self, line: String) {
        self.script.record(self.key.as_deref(), line);
    }

    /// Lets a report about the call with this word behind its key go on.
    fn mark(&self, word: &str) {
        if let Some(key) = &self.key {
            let mut records = self.script.records.lock().unwrap_or_else(PoisonError::into_inner);
            records.insert(format!("{key} {word}"), vec![MARKED.to_owned()]);
        }
    }

    async fn recv(&mut self) -> Result<Option<String>, Error> {
        match &mut self.requests {
            Some(requests) => Ok(requests.recv().await?.map(Line::into_text)),
            None => Ok(None),
        }
    }

    async fn answer(&mut self, text: String) -> Result<(), Error> {
        match &mut self.answers {
            Answers::One(answers) => {
                answers.push(text);
                Ok(())
            }
            Answers::Many(out) => out.send(M::wrap(text)).await,
        }
    }

    async fn obey(&mut self, text: &str) -> Result<Next, Error> {
        for command in text.split("; ") {
            let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
            if word == "return" {
                return Ok(Next::Returns);
            }
            if word == "wait-end" || word == "wait-fail" {
                self.mark("waits");
                self.call.cancelled().await;
                return if word == "wait-end" {
                    Ok(Next::Returns)
                } else {
                    Err(Error::new("given up"))
                };
            }
            if let Some(error) = failure(word, rest) {
                return Err(error);
            }
            self.act(command, word, rest).await?;
        }
        Ok(Next::GoesOn)
    }

    async fn act(&mut self, command: &str, word: &str, rest: &str) -> Result<(), Error> {
        match word {
            "sleep" => {
                tokio::time::sleep(Duration::from_millis(number(rest)?)).await;
                Ok(())
            }
            "many" => {
                for number in 0..number(rest)? {
                    self.answer(number.to_string()).await?;
                }
                Ok(())
            }
            "flood" => {
                let (count, size) = rest.split_once(' ').unwrap_or((rest, "0"));
                let size = usize::try_from(number(size)?).map_err(Error::new)?;
                for _ in 0..number(count)? {
                    self.answer("x".repeat(size)).await?;
                }
                Ok(())
            }
            "soon" => {
                let (began, pause) = (Instant::now(), Duration::from_micros(number(rest)?));
                // A timer is not that exact.
                while began.elapsed() < pause {
                    tokio::task::yield_now().await;
                }
                self.answer(command.to_owned()).await
            }
            "relay" => self.relay(rest).await,
            "abandon" => self.abandon(rest).await,
            "linger" | "linger-recv" => self.linger(word),
            "header" | "trailer" | "send-header" => self.respond(word, rest),
            "wait" | "wait-send" => self.wait(word).await,
            "backward" => {
                let (key, value) = rest.split_once(' ').unwrap_or((rest, ""));
                self.call.set_backward(key, value);
                Ok(())
            }
            _ => {
                let text = self.tell(command, word, rest).await?;
                self.answer(text).await
            }
        }
    }

    /// The answer of a command that only has one.
    async fn tell(&self, command: &str, word: &str, rest: &str) -> Result<String, Error> {
        Ok(match word {
            "big" => "x".repeat(usize::try_from(number(rest)?).map_err(Error::new)?),
            "empty" => String::new(),
            "size" => format!("{} bytes", rest.len()),
            "metadata" => shown(self.call.metadata(), rest),
            "meta" => crate::ours::meta(self.call),
            "deadline" => crate::ours::deadline(self.call),
            "who" => crate::ours::who(self.call),
            "hop" | "hop-stream" => self.hop(word).await?,
            "report" => self.script.report(rest).await,
            _ => format!("{}{command}", self.prefix),
        })
    }

    fn respond(&self, word: &str, rest: &str) -> Result<(), Error> {
        let (key, value) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "header" => self.call.append_header(key, raw(key, value)),
            "trailer" => self.call.append_trailer(key, raw(key, value)),
            _ => self.call.send_header(),
        }
    }

    /// What a handler sees that is given up. It does not hurry: its caller's clock should be the first to tell the end.
    async fn wait(&mut self, word: &str) -> Result<(), Error> {
        self.mark("waits");
        let gone = tokio::time::timeout(Duration::from_secs(20), self.call.cancelled()).await;
        gone.map_err(|_| Error::new("nothing happened"))?;
        let done = self.gone(word).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        done
    }

    async fn gone(&mut self, word: &str) -> Result<(), Error> {
        let (verb, result) = if word == "wait-send" {
            ("send", self.answer("late".to_owned()).await.map(|()| "nothing"))
        } else if self.requests.is_some() {
            ("recv", self.recv().await.map(|text| text.map_or("end", |_| "nothing")))
        } else {
            self.record("gone".to_owned());
            return Err(Error::deadline_exceeded());
        };
        let told = result
            .as_ref()
            .map_or_else(ToString::to_string, |text| (*text).to_owned());
        self.record(format!("gone, {verb}: {told}"));
        result.map(|_| ())
    }

    async fn hop(&self, word: &str) -> Result<String, Error> {
        let next = self.script.next.clone().ok_or_else(|| Error::new("no next server"))?;
        let text = "meta; metadata k-";
        let wish = Wish {
            dial: next,
            service: "Streams",
            method: "unary",
            text: text.to_owned(),
            ..Wish::default()
        };
        let wish = if word == "hop" {
            wish
        } else {
            Wish {
                method: "talk",
                steps: vec![format!("send {text}"), "close".to_owned(), "drain".to_owned()],
                ..wish
            }
        };
        let told = Box::pin(self.script.caller.call_for(Some(self.call), wish)).await;
        Ok(format!("B {} C {}", crate::ours::meta(self.call), told.lines.join(" ")))
    }
}

/// As metadata or, over TTHeader, as a persistent value, which gRPC spells in upper case.
fn record_key(call: &Call) -> Option<String> {
    let metadata = call.metadata().get("record");
    let found = metadata.or_else(|| ["record", "RECORD"].into_iter().find_map(|name| call.persistent(name)));
    found.map(str::to_owned)
}

/// The error that a word asks for.
fn failure(word: &str, rest: &str) -> Option<Error> {
    Some(match word {
        "boom" => Error::new("boom"),
        "panic" => panic!("ouch"),
        "typed" => Error::application(ExceptionType(1234), "typed"),
        "status" => {
            let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
            Error::status(Code(code.parse().ok()?), text)
        }
        "details" => Error::status(Code::FAILED_PRECONDITION, "no money").with_details(detail()),
        "biz" => Error::business(404, "not found").with_extra("k", "<v>"),
        "biz-plain" => Error::business(-7, ""),
        "biz-empty" => Error::business(5, "empty"),
        "declared-bare" => Error::new(Refused { code: 12, why: None }),
        "biz-utf8" => Error::business(7, "né 50%").with_extra("k", "v<é>&"),
        "biz-status" => Error::business(8, "no quota")
            .with_status(Status::new(Code::RESOURCE_EXHAUSTED, "no quota"))
            .with_details(detail()),
        _ => return None,
    })
}

fn number(text: &str) -> Result<u64, Error> {
    text.parse().map_err(Error::new)
}

/// What a report about a mark answers.
pub(crate) const MARKED: &str = "yes";
