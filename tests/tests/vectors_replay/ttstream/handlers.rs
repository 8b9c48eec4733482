//! What the recorded handlers of `vectors/ttstream` did; the comments of `vectors/idl/ttstream.thrift` say the same.

use std::time::Duration;

use kitewire::{Call, Error, ExceptionType, Receiver, Sender};

pub(crate) mod tts {
    kitewire::include_idl!("ttstream");
}

use tts::{Req, Resp};

/// `Stream` and `Second`.
pub(crate) struct Recorded;

/// What a handler works with.
struct Stage<'a> {
    call: &'a Call,
    requests: Option<Receiver<Req>>,
    out: Option<Sender<Resp>>,
}

impl Stage<'_> {
    /// Takes the steps of a script, one after the other.
    async fn play(&mut self, script: &str) -> Result<(), Error> {
        for step in script.split(';') {
            let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
            match verb {
                "ret" => return Ok(()),
                "echo" => self.echo().await,
                "recv" => drop(self.recv().await),
                "recvall" => while self.recv().await.is_some() {},
                "send" => self.send(rest.to_owned()).await,
                "sendn" => {
                    for n in 0..number(rest) {
                        self.send(format!("m{n}")).await;
                    }
                }
                "floodms" => self.flood(number(rest)).await,
                "sleep" => tokio::time::sleep(Duration::from_millis(number(rest))).await,
                "waitctx" => drop(self.call.cancelled().await),
                _ => self.say(verb, rest)?,
            }
        }
        Ok(())
    }

    /// Steps that wait for nothing.
    fn say(&self, verb: &str, rest: &str) -> Result<(), Error> {
        let entries = || rest.split('&').filter_map(|entry| entry.split_once('='));
        // What comes too late is told to the handler, which only prints it.
        let told = match verb {
            "sethdr" => entries().try_for_each(|(key, value)| self.call.set_header(key, value)),
            "sendhdr" => entries()
                .try_for_each(|(key, value)| self.call.set_header(key, value))
                .and_then(|()| self.call.send_header()),
            "settrl" => entries().try_for_each(|(key, value)| self.call.set_trailer(key, value)),
            "sendback" => {
                entries().for_each(|(key, value)| self.call.set_backward(key, value));
                Ok(())
            }
            "meta" | "deadline" => Ok(()),
            "biz" => return Err(Error::business(404, "no").with_extra("k", "v")),
            "bize" => return Err(Error::business(406, "empty extra")),
            "err" => return Err(Error::new(rest.to_owned())),
            "appex" => return Err(Error::application(ExceptionType(1000), "app ex text")),
            // What Go prints of the declared exception.
            "oops" => return Err(Error::new("Oops({Code:7 Why:declared})")),
            "panic" => panic!("{rest}"),
            other => panic!("no step {other}"),
        };
        drop(told);
        Ok(())
    }

    async fn recv(&mut self) -> Option<Req> {
        match &mut self.requests {
            Some(requests) => requests.recv().await.ok().flatten(),
            None => None,
        }
    }

    async fn send(&mut self, msg: String) {
        if let Some(out) = &mut self.out {
            let _ = out.send(Resp { msg, n: None }).await;
        }
    }

    async fn echo(&mut self) {
        while let Some(request) = self.recv().await {
            self.send(request.msg).await;
        }
    }

    /// A message every 20 ms.
    async fn flood(&mut self, millis: u64) {
        for n in 0..millis / 20 {
            tokio::select! {
                _ = self.call.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
            self.send(format!("t{n}")).await;
        }
    }
}

/// The script that a first message is.
fn script(message: &str) -> Option<String> {
    message.strip_prefix('!').map(str::to_owned)
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

async fn talk(call: &Call, requests: Receiver<Req>, out: Sender<Resp>) -> Result<(), Error> {
    let (requests, out) = (Some(requests), Some(out));
    let mut stage = Stage { call, requests, out };
    let Some(first) = stage.recv().await else {
        return Ok(());
    };
    if let Some(script) = script(&first.msg) {
        return stage.play(&script).await;
    }
    stage.send(first.msg).await;
    stage.echo().await;
    Ok(())
}

impl tts::Stream for Recorded {
    async fn unary(&self, _call: &Call, r: Req) -> Result<Resp, Error> {
        Ok(Resp { msg: r.msg, n: r.n })
    }

    async fn cs(&self, call: &Call, requests: Receiver<Req>) -> Result<Resp, Error> {
        let requests = Some(requests);
        let mut stage = Stage {
            call,
            requests,
            out: None,
        };
        let first = stage.recv().await.map(|request| request.msg).unwrap_or_default();
        if let Some(script) = script(&first) {
            stage.play(&script).await?;
            return Err(Error::reply_empty());
        }
        while stage.recv().await.is_some() {}
        Ok(Resp {
            msg: "sum".to_owned(),
            n: None,
        })
    }

    async fn ss(&self, call: &Call, r: Req, out: Sender<Resp>) -> Result<(), Error> {
        let mut stage = Stage {
            call,
            requests: None,
            out: Some(out),
        };
        let script = script(&r.msg).unwrap_or_else(|| "sendn 2".to_owned());
        stage.play(&script).await
    }

    async fn bidi(&self, call: &Call, requests: Receiver<Req>, out: Sender<Resp>) -> Result<(), Error> {
        talk(call, requests, out).await
    }
}

impl tts::Second for Recorded {
    async fn bidi(&self, call: &Call, requests: Receiver<Req>, out: Sender<Resp>) -> Result<(), Error> {
        talk(call, requests, out).await
    }

    async fn only_second(&self, call: &Call, requests: Receiver<Req>, out: Sender<Resp>) -> Result<(), Error> {
        talk(call, requests, out).await
    }
}
