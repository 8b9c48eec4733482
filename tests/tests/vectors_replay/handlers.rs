//! What the recorded handlers did; the comments of `vectors/idl` say the same.

use std::time::Duration;

use kitewire::{Call, Error, ExceptionType, Receiver, Sender};

pub(crate) mod pp {
    kitewire::include_idl!("pingpong");
}
#[allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
pub(crate) mod pp_pb {
    kitewire::include_idl!("kw.pingpong");
}
pub(crate) mod multi {
    kitewire::include_idl!("multi");
}
#[allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
pub(crate) mod multi_pb {
    kitewire::include_idl!("pbm");
}
pub(crate) mod comb {
    kitewire::include_idl!("comb");
}

/// `PingPong` of both IDLs.
pub(crate) struct PingPong;
/// `Second`.
pub(crate) struct Second;
/// Services that answer with a prefix.
pub(crate) struct Named(pub(crate) &'static str);

/// What `echo` and its kind answer.
async fn script(call: &Call, text: String) -> Result<String, Error> {
    match text.as_str() {
        "boom" => return Err(Error::new("boom")),
        "panic" => panic!("ouch"),
        "trans" => return Err(Error::application(ExceptionType(1234), "typed")),
        "nil" => return Err(Error::reply_empty()),
        "biz" => return Err(Error::business(404, "not found").with_extra("k", "<v>")),
        "bizplain" => return Err(Error::business(-7, "")),
        "biz0" => return Err(Error::business(0, "zero")),
        "wait" => {
            call.cancelled().await;
            return Err(Error::deadline_exceeded());
        }
        "deadline" => {
            let left = call.time_left();
            return Ok(format!(
                "has={} left={} cfg={}",
                left.is_some(),
                go(left),
                go(call.timeout())
            ));
        }
        "who" => {
            return Ok(format!(
                "from={}/{} to=kw.server/{} svc={} method={}",
                call.caller_service().unwrap_or(""),
                call.caller_method().unwrap_or(""),
                call.method(),
                call.service(),
                call.method()
            ));
        }
        "meta" => {
            call.set_backward("back", "val");
            call.set_backward("Back_2", "");
            let list = |values: Vec<(&str, &str)>, mark: &str| {
                let mut values: Vec<String> = values
                    .iter()
                    .map(|(key, value)| format!("{mark} {key}={value}"))
                    .collect();
                values.sort();
                values
            };
            let mut all = list(call.meta().persistents().collect(), "P");
            all.extend(list(call.meta().received_transients().collect(), "T"));
            return Ok(all.join("; "));
        }
        "metaboom" => {
            call.set_backward("back", "val");
            return Err(Error::new("boom"));
        }
        _ => {}
    }
    if let Some(millis) = text.strip_prefix("sleep").and_then(|millis| millis.parse().ok()) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    Ok(text)
}

fn go(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "0s".to_owned(), |duration| format!("{duration:?}"))
}

impl pp::PingPong for PingPong {
    async fn all(&self, _call: &Call, a: pp::All) -> Result<pp::All, Error> {
        Ok(a)
    }

    async fn echo(&self, call: &Call, m: pp::Msg) -> Result<pp::Msg, Error> {
        Ok(pp::Msg {
            text: script(call, m.text).await?,
        })
    }

    async fn throws(&self, _call: &Call, m: pp::Msg) -> Result<pp::Msg, pp::PingPongThrowsError> {
        match m.text.as_str() {
            "refused" => Err(pp::Refused {
                code: 11,
                why: Some("busy".to_owned()),
            }
            .into()),
            "other" => Err(pp::Other { text: "o".to_owned() }.into()),
            _ => Ok(m),
        }
    }

    async fn nothing(&self, call: &Call, m: pp::Msg) -> Result<(), Error> {
        script(call, m.text).await.map(drop)
    }

    async fn ping(&self, _call: &Call) -> Result<(), Error> {
        Ok(())
    }

    async fn void_throws(&self, _call: &Call, m: pp::Msg) -> Result<(), pp::PingPongVoidThrowsError> {
        if m.text == "refused" {
            return Err(pp::Refused { code: 12, why: None }.into());
        }
        Ok(())
    }

    async fn sum(&self, _call: &Call, a: i32, b: i64) -> Result<i64, Error> {
        Ok(i64::from(a) + b)
    }

    async fn push(&self, call: &Call, m: pp::Msg) -> Result<(), Error> {
        script(call, m.text).await.map(drop)
    }
}

impl pp::Second for Second {
    async fn echo(&self, call: &Call, m: pp::Msg) -> Result<pp::Msg, Error> {
        Ok(pp::Msg {
            text: format!("second:{}", script(call, m.text).await?),
        })
    }

    async fn only_here(&self, call: &Call, m: pp::Msg) -> Result<pp::Msg, Error> {
        Ok(pp::Msg {
            text: script(call, m.text).await?,
        })
    }
}

impl pp_pb::PingPongPb for PingPong {
    async fn echo(&self, call: &Call, request: pp_pb::Msg) -> Result<pp_pb::Msg, Error> {
        Ok(pp_pb::Msg {
            text: script(call, request.text).await?,
            n: request.n,
        })
    }

    async fn fail(&self, _call: &Call, _request: pp_pb::Msg) -> Result<pp_pb::Msg, Error> {
        Err(Error::new("boom"))
    }
}

impl Named {
    fn answer(&self, text: &str) -> String {
        format!("{}{text}", self.0)
    }
}

impl multi::ServiceA for Named {
    async fn echo1(&self, _call: &Call, req: multi::Req) -> Result<multi::Resp, Error> {
        Ok(multi::Resp {
            msg: self.answer(&req.msg),
        })
    }

    async fn echo_a(&self, _call: &Call, req: multi::Req) -> Result<multi::Resp, Error> {
        Ok(multi::Resp {
            msg: self.answer(&req.msg),
        })
    }

    async fn bidi_a(
        &self,
        _call: &Call,
        mut requests: Receiver<multi::Req>,
        mut out: Sender<multi::Resp>,
    ) -> Result<(), Error> {
        while let Some(req) = requests.recv().await? {
            let msg = self.answer(&req.msg);
            out.send(multi::Resp { msg }).await?;
        }
        Ok(())
    }
}

impl multi::ServiceB for Named {
    async fn echo2(&self, _call: &Call, req: multi::Req) -> Result<multi::Resp, Error> {
        Ok(multi::Resp {
            msg: self.answer(&req.msg),
        })
    }

    async fn echo_b(&self, _call: &Call, req: multi::Req) -> Result<multi::Resp, Error> {
        Ok(multi::Resp {
            msg: self.answer(&req.msg),
        })
    }
}

impl multi::ServiceC for Named {
    async fn echo1(&self, _call: &Call, req: multi::Req) -> Result<multi::Resp, Error> {
        Ok(multi::Resp {
            msg: self.answer(&req.msg),
        })
    }

    async fn echo_c(&self, _call: &Call, req: multi::Req) -> Result<multi::Resp, Error> {
        Ok(multi::Resp {
            msg: self.answer(&req.msg),
        })
    }
}

impl multi_pb::PbA for Named {
    async fn echo1(&self, _call: &Call, request: multi_pb::Req) -> Result<multi_pb::Resp, Error> {
        Ok(multi_pb::Resp {
            msg: self.answer(&request.msg),
        })
    }

    async fn echo_p(&self, _call: &Call, request: multi_pb::Req) -> Result<multi_pb::Resp, Error> {
        Ok(multi_pb::Resp {
            msg: self.answer(&request.msg),
        })
    }
}

impl comb::CombineService for Named {
    async fn echo1(&self, _call: &Call, req: comb::Req) -> Result<comb::Resp, Error> {
        Ok(comb::Resp {
            msg: self.answer(&req.msg),
        })
    }

    async fn echo2(&self, _call: &Call, req: comb::Req) -> Result<comb::Resp, Error> {
        Ok(comb::Resp {
            msg: self.answer(&req.msg),
        })
    }
}
