//! Everything that a [`Clerk`] serves.

use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::http::{Request, Response, StatusCode};
use kitewire::{Call, Error, HttpHandler, Receiver, Sender, UnknownHandler};

use super::values::{fail, undeclared};
use super::{BLOCK, Clerk, Next, PANIC, parcel, pattern, reply};
use crate::desk::{Annex, Ask, Desk, DeskSayError, Reply, Second};
use crate::parcels::{Parcel, Parcels};
use crate::shown::Shown;

impl Desk for Clerk {
    async fn say(&self, call: &Call, ask: Ask) -> Result<Reply, DeskSayError> {
        self.act(call, ask).await
    }

    async fn nothing(&self, call: &Call, ask: Ask) -> Result<(), Error> {
        self.act(call, ask).await.map(drop).map_err(undeclared)
    }

    async fn sum(&self, _call: &Call, a: i32, b: i64) -> Result<i64, Error> {
        Ok(i64::from(a) + b)
    }

    async fn push(&self, _call: &Call, ask: Ask) -> Result<(), Error> {
        self.tell(format!("pushed {}", ask.text.shown()));
        fail(&ask.text)
    }

    async fn unary(&self, call: &Call, ask: Ask) -> Result<Reply, Error> {
        self.act(call, ask).await.map_err(undeclared)
    }

    async fn collect(&self, call: &Call, mut requests: Receiver<Ask>) -> Result<Reply, Error> {
        let (mut texts, mut bytes) = (Vec::new(), 0);
        while let Some(ask) = requests.recv().await? {
            match ask.text.as_str() {
                "slow" => self.gate.acquire().await.unwrap().forget(),
                "metadata" => self.mark(call)?,
                word => fail(word)?,
            }
            bytes += ask.payload.len();
            texts.push(ask.text);
        }
        // The same again, however often it is asked.
        if requests.recv().await?.is_some() {
            return Err(Error::new("a message behind the end"));
        }
        if texts.len() > 20 {
            texts = vec![format!("{} messages", texts.len())];
        }
        Ok(reply(&format!("{} ({bytes} bytes)", texts.join(" "))))
    }

    async fn watch(&self, call: &Call, ask: Ask, mut out: Sender<Reply>) -> Result<(), Error> {
        for word in ask.text.split(' ') {
            match word.split_once('=') {
                Some(("blocks", count)) => {
                    for number in 0..count.parse().unwrap() {
                        let block = Reply {
                            text: format!("{number}"),
                            payload: pattern(BLOCK),
                        };
                        if let Err(error) = out.send(block).await {
                            self.tell(format!("sending {}", error.shown()));
                            return Err(error);
                        }
                    }
                }
                Some(("wait", name)) => drop(self.wait(call, name).await?),
                _ => {
                    if word == "metadata" {
                        self.mark(call)?;
                    }
                    fail(word)?;
                    out.send(reply(word)).await?;
                }
            }
        }
        Ok(())
    }

    async fn talk(&self, call: &Call, mut asks: Receiver<Ask>, mut out: Sender<Reply>) -> Result<(), Error> {
        while let Some(ask) = asks.recv().await? {
            if ask.text == "outlive" {
                self.outlive(asks, out);
                return Ok(());
            }
            match self.talk_one(call, ask, &mut asks, &mut out).await? {
                Next::GoOn => {}
                Next::Return => break,
            }
        }
        Ok(())
    }
}

impl Annex for Clerk {
    async fn say(&self, call: &Call, ask: Ask) -> Result<Reply, DeskSayError> {
        Desk::say(self, call, ask).await
    }

    async fn nothing(&self, call: &Call, ask: Ask) -> Result<(), Error> {
        Desk::nothing(self, call, ask).await
    }

    async fn sum(&self, call: &Call, a: i32, b: i64) -> Result<i64, Error> {
        Desk::sum(self, call, a, b).await
    }

    async fn push(&self, call: &Call, ask: Ask) -> Result<(), Error> {
        Desk::push(self, call, ask).await
    }

    async fn unary(&self, call: &Call, ask: Ask) -> Result<Reply, Error> {
        Desk::unary(self, call, ask).await
    }

    async fn collect(&self, call: &Call, requests: Receiver<Ask>) -> Result<Reply, Error> {
        Desk::collect(self, call, requests).await
    }

    async fn watch(&self, call: &Call, ask: Ask, out: Sender<Reply>) -> Result<(), Error> {
        Desk::watch(self, call, ask, out).await
    }

    async fn talk(&self, call: &Call, requests: Receiver<Ask>, out: Sender<Reply>) -> Result<(), Error> {
        Desk::talk(self, call, requests, out).await
    }

    async fn own(&self, call: &Call, mut requests: Receiver<Ask>, mut out: Sender<Reply>) -> Result<(), Error> {
        while requests.recv().await?.is_some() {
            out.send(reply(&format!("{}.{}", call.service(), call.method())))
                .await?;
        }
        Ok(())
    }
}

impl Second for Clerk {
    async fn say(&self, _call: &Call, ask: Ask) -> Result<Reply, Error> {
        Ok(reply(&format!("second: {}", ask.text)))
    }

    async fn only_here(&self, _call: &Call, ask: Ask) -> Result<Reply, Error> {
        Ok(reply(&format!("only here: {}", ask.text)))
    }
}

impl Parcels for Clerk {
    async fn send(&self, call: &Call, parcel: Parcel) -> Result<Parcel, Error> {
        let ask = Ask {
            text: parcel.label,
            payload: parcel.payload.into(),
        };
        let answer = self.act(call, ask).await.map_err(undeclared)?;
        Ok(Parcel {
            label: answer.text,
            payload: answer.payload.to_vec(),
        })
    }

    async fn collect(&self, _call: &Call, mut requests: Receiver<Parcel>) -> Result<Parcel, Error> {
        let mut labels = Vec::new();
        while let Some(parcel) = requests.recv().await? {
            fail(&parcel.label)?;
            labels.push(parcel.label);
        }
        Ok(parcel(&labels.join(" ")))
    }

    async fn deliver(&self, _call: &Call, request: Parcel, mut out: Sender<Parcel>) -> Result<(), Error> {
        for label in request.label.split(' ') {
            fail(label)?;
            out.send(parcel(label)).await?;
        }
        Ok(())
    }

    async fn exchange(
        &self,
        _call: &Call,
        mut requests: Receiver<Parcel>,
        mut out: Sender<Parcel>,
    ) -> Result<(), Error> {
        while let Some(parcel) = requests.recv().await? {
            fail(&parcel.label)?;
            out.send(parcel).await?;
        }
        Ok(())
    }
}

impl UnknownHandler for Clerk {
    async fn handle(&self, call: &Call, body: Bytes) -> Result<Bytes, Error> {
        self.tell(format!(
            "unknown {}.{} {} {}",
            call.service(),
            call.method(),
            call.codec(),
            (*body).shown()
        ));
        // As a result, no service would answer so: the caller finds no result in it.
        Ok(Bytes::from_static(&[0]))
    }
}

impl HttpHandler for Clerk {
    async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        match request.uri().path() {
            "/echo" => {
                let line = format!("{} {:?}: ", request.method(), request.version());
                Response::new([line.as_bytes(), request.body()].concat().into())
            }
            "/wait" => {
                self.tell("waiting".to_owned());
                self.gate.acquire().await.unwrap().forget();
                Response::new(Bytes::from_static(b"waited"))
            }
            "/sleep" => {
                self.home.sleep(Duration::from_millis(5)).await;
                Response::new(Bytes::from_static(b"slept"))
            }
            "/big" => Response::new(pattern(200_000)),
            "/panic" => panic!("{PANIC}"),
            path => {
                let mut response = Response::new(Bytes::from(path.to_owned()));
                if path == "/nothing" {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                }
                response
            }
        }
    }
}
