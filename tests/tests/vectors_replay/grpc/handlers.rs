//! What the recorded handlers of `vectors/grpc` did; the README there says the same.

use std::time::Duration;

use kitewire::{Call, Code, Error, Receiver, Sender};

pub(crate) mod wire {
    kitewire::include_idl!("wire");
}
pub(crate) mod bare {
    kitewire::include_idl!("NoNamespace");
}
#[allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
pub(crate) mod wire_pb {
    kitewire::include_idl!("kw.wire.v1");
}
#[allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
pub(crate) mod no_package {
    kitewire::include_idl!("_");
}

/// All the recorded services.
pub(crate) struct Recorded;

/// What a message is answered with; `None`: nothing more.
async fn script(call: &Call, message: &str) -> Result<Option<String>, Error> {
    let (verb, rest) = message.split_once(':').unwrap_or((message, ""));
    Ok(Some(match verb {
        "err" => return Err(Error::new(rest.to_owned())),
        "status" => return Err(Error::status(Code::NOT_FOUND, rest)),
        "statusdetail" => return Err(Error::status(Code::NOT_FOUND, rest).with_details(why())),
        "biz" => return Err(Error::business(404, rest)),
        "bizx" => return Err(Error::business(404, rest).with_extra("k", "v<é>&")),
        "panic" => panic!("{rest}"),
        "nap" => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "napped".to_owned()
        }
        "big" => "x".repeat(rest.parse().expect("a number")),
        "size" => "ok".to_owned(),
        "meta" => message.to_owned(),
        "hdr" => {
            call.append_header("h-one", "1")?;
            call.append_header("h-one", "2")?;
            call.set_header("h-two", "2")?;
            call.set_header("h-raw-bin", [0, 1, 0xfe])?;
            call.send_header()?;
            call.append_trailer("t-one", "1")?;
            call.append_trailer("t-one", "2")?;
            call.set_trailer("t-raw-bin", "ab")?;
            message.to_owned()
        }
        "ret" => return Ok(None),
        _ => format!("re:{message}"),
    }))
}

/// `google.protobuf.Any` of the `StringValue` "why".
fn why() -> Vec<u8> {
    let name = b"type.googleapis.com/google.protobuf.StringValue";
    let length = u8::try_from(name.len()).expect("a short name");
    [&[0x0a, length], &name[..], b"\x12\x05\x0a\x03why"].concat()
}

async fn answer(call: &Call, message: &str) -> Result<String, Error> {
    Ok(script(call, message).await?.unwrap_or_default())
}

/// Gives the answer `count` times.
async fn repeat<T>(
    call: &Call,
    (message, count): (&str, i32),
    mut out: Sender<T>,
    make: impl Fn(String, i32) -> T,
) -> Result<(), Error> {
    if message == "late" {
        for n in 0..count {
            out.send(make(format!("m{n}"), n)).await?;
        }
        return Err(Error::new("after messages"));
    }
    let text = answer(call, message).await?;
    for n in 0..count {
        out.send(make(text.clone(), n)).await?;
    }
    Ok(())
}

/// Joins the answers, and counts them.
async fn join<T>(call: &Call, mut requests: Receiver<T>, text: impl Fn(T) -> String) -> Result<(String, i32), Error> {
    let mut answers = Vec::new();
    while let Some(request) = requests.recv().await? {
        match text(request).as_str() {
            "stop" => {
                let so_far = i32::try_from(answers.len()).expect("a few");
                return Ok(("early".to_owned(), so_far));
            }
            "stoperr" => return Err(Error::new("stopped")),
            message => answers.push(answer(call, message).await?),
        }
    }
    let count = i32::try_from(answers.len()).expect("a few");
    Ok((answers.join(","), count))
}

/// Answers each message.
async fn talk<T, U>(
    call: &Call,
    mut requests: Receiver<T>,
    mut out: Sender<U>,
    text: impl Fn(T) -> String,
    make: impl Fn(String) -> U,
) -> Result<(), Error> {
    while let Some(request) = requests.recv().await? {
        let Some(answer) = script(call, &text(request)).await? else {
            return Ok(());
        };
        out.send(make(answer)).await?;
    }
    Ok(())
}

fn thrift(msg: String, n: Option<i32>) -> wire::Resp {
    wire::Resp { msg, n }
}

impl wire::WireService for Recorded {
    async fn plain(&self, call: &Call, r: wire::Req) -> Result<wire::Resp, wire::WireServicePlainError> {
        Ok(thrift(answer(call, &r.msg).await?, None))
    }

    async fn two(&self, call: &Call, a: wire::Req, b: String) -> Result<wire::Resp, Error> {
        Ok(thrift(answer(call, &(a.msg + &b)).await?, None))
    }

    async fn nothing(&self, call: &Call, r: wire::Req) -> Result<(), Error> {
        answer(call, &r.msg).await.map(drop)
    }

    async fn unary(&self, call: &Call, r: wire::Req) -> Result<wire::Resp, wire::WireServiceUnaryError> {
        if let Some(text) = r.msg.strip_prefix("refused:") {
            let why = Some(format!("no {text}"));
            return Err(wire::Refused { code: 7, why }.into());
        }
        Ok(thrift(answer(call, &r.msg).await?, None))
    }

    async fn server_stream(&self, call: &Call, r: wire::Req, out: Sender<wire::Resp>) -> Result<(), Error> {
        let count = r.count.unwrap_or(0);
        repeat(call, (&r.msg, count), out, |text, n| thrift(text, Some(n))).await
    }

    async fn client_stream(&self, call: &Call, requests: Receiver<wire::Req>) -> Result<wire::Resp, Error> {
        let (text, count) = join(call, requests, |request| request.msg).await?;
        Ok(thrift(text, Some(count)))
    }

    async fn bidi(&self, call: &Call, requests: Receiver<wire::Req>, out: Sender<wire::Resp>) -> Result<(), Error> {
        talk(call, requests, out, |request| request.msg, |text| thrift(text, None)).await
    }
}

impl bare::Bare for Recorded {
    async fn echo(&self, _call: &Call, r: bare::Req) -> Result<bare::Resp, Error> {
        Ok(bare::Resp { msg: r.msg })
    }

    async fn bidi(
        &self,
        _call: &Call,
        mut requests: Receiver<bare::Req>,
        mut out: Sender<bare::Resp>,
    ) -> Result<(), Error> {
        while let Some(request) = requests.recv().await? {
            out.send(bare::Resp { msg: request.msg }).await?;
        }
        Ok(())
    }
}

fn protobuf(msg: String, n: i32) -> wire_pb::Resp {
    wire_pb::Resp { msg, n }
}

impl wire_pb::WirePb for Recorded {
    async fn unary(&self, call: &Call, request: wire_pb::Req) -> Result<wire_pb::Resp, Error> {
        Ok(protobuf(answer(call, &request.msg).await?, 0))
    }

    async fn server_stream(&self, call: &Call, request: wire_pb::Req, out: Sender<wire_pb::Resp>) -> Result<(), Error> {
        repeat(call, (&request.msg, request.count), out, protobuf).await
    }

    async fn client_stream(&self, call: &Call, requests: Receiver<wire_pb::Req>) -> Result<wire_pb::Resp, Error> {
        let (text, count) = join(call, requests, |request| request.msg).await?;
        Ok(protobuf(text, count))
    }

    async fn bidi(
        &self,
        call: &Call,
        requests: Receiver<wire_pb::Req>,
        out: Sender<wire_pb::Resp>,
    ) -> Result<(), Error> {
        talk(call, requests, out, |request| request.msg, |text| protobuf(text, 0)).await
    }
}

impl no_package::NoPackage for Recorded {
    async fn echo(&self, _call: &Call, request: no_package::Ping) -> Result<no_package::Ping, Error> {
        Ok(request)
    }
}
