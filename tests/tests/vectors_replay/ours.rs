//! Recorded connections whose file says what we do instead of Kitex.

use kitewire_proto::ExceptionType;
use kitewire_proto::wire::MessageType;
use kitewire_tests::message::Message;
use kitewire_tests::vectors::{Connection, hex};

use crate::Peer;

/// What we do instead.
#[derive(Clone, Copy)]
pub(crate) enum Ours {
    /// The connection ends without an answer.
    Close,
    /// An exception of this number, with this in its text, and the end.
    Exception(ExceptionType, &'static str),
    /// Every request is answered.
    Answer,
    /// An answer of HTTP that begins so, and has this in it.
    Http(&'static [u8], &'static [u8]),
    /// Not a case for this server: another transport ([`crate::grpc`] and [`crate::ttstream`] have theirs), or a Kitex
    /// build of its own.
    Elsewhere,
}

/// What stands for a file's `ours`, by the name of the connection.
pub(crate) fn expectation(name: &str) -> Option<Ours> {
    let (file, case) = name.split_once(' ').unwrap_or((name, ""));
    let no_service = Ours::Exception(
        ExceptionType::UNKNOWN_SERVICE,
        "no service name while the server has WithRefuseTrafficWithoutServiceName option enabled",
    );
    Some(match (file, case) {
        ("pingpong/edge-detect.json", "http1-get" | "http1-post") => {
            Ours::Http(b"HTTP/1.1 404 Not Found\r\n", b"this port serves Kitex RPC")
        }
        ("pingpong/edge-detect.json", "h2-preface-8") => Ours::Http(SETTINGS, SETTINGS),
        ("pingpong/edge-detect.json", "h2-preface-bad") => {
            Ours::Http(SETTINGS, b"the connection preface is not HTTP/2's")
        }
        ("pingpong/edge-framed.json", "framed-len-huge" | "framed-len-negative" | "framed-len-zero")
        | ("pingpong/edge-kitexpb.json", "pb-len-short")
        | ("pingpong/edge-ttheader.json", "tth-len0" | "tth-len-huge" | "tth-len-huge-framed") => Ours::Close,
        ("pingpong/edge-framed.json", "body-wrong-type" | "args-empty") => Ours::Exception(
            ExceptionType::PROTOCOL_ERROR,
            "PingPong.echo.m: required field is not set",
        ),
        ("pingpong/edge-framed.json", "body-bad-utf8") => {
            Ours::Exception(ExceptionType::PROTOCOL_ERROR, "Msg.text: string is not UTF-8")
        }
        ("pingpong/edge-ttheader.json", "tth-trailing") => Ours::Answer,
        (
            "pingpong/refuse-framed.json" | "services/refuse-framed.json" | "services/refuse-ttheader-no-isn.json",
            "",
        ) => no_service,
        ("pingpong/edge-gonet.json", _)
        | (
            "services/grpc-thrift-service-nocompat.json"
            | "services/ttstream-unknown-method.json"
            | "services/ttstream-unknown-service.json",
            "",
        ) => Ours::Elsewhere,
        _ => return None,
    })
}

/// Sends what the recorded client sent, and looks at what comes.
pub(crate) async fn check(ours: Ours, connection: &Connection<'_>, mut peer: Peer) -> Result<(), String> {
    let mut requests = connection.steps.iter().filter(|step| step.from == "client");
    let mut next = || requests.find_map(|step| step.bytes.clone());
    let first = next().ok_or("no request")?;
    peer.send(&first).await?;
    match ours {
        Ours::Close => peer.closed().await,
        Ours::Exception(kind, text) => {
            let frame = peer.frame().await?;
            let answer = Message::decode(&frame).map_err(|error| error.to_string())?.describe();
            let body = answer.get("body").map(ToString::to_string).unwrap_or_default();
            let expected = (MessageType::Exception, format!("\"value\":{}", kind.0));
            if answer.get("message").and_then(|kind| kind.as_str()) != Some("exception")
                || !body.contains(text)
                || !body.contains(&expected.1)
            {
                return Err(format!(
                    "{:?} {} with {text:?} expected, got {body}",
                    expected.0, kind.0
                ));
            }
            peer.closed().await
        }
        Ours::Answer => {
            peer.frame().await?;
            while let Some(request) = next() {
                peer.send(&request).await?;
                let frame = peer
                    .frame()
                    .await
                    .map_err(|error| format!("after {}: {error}", hex(&request)))?;
                Message::decode(&frame).map_err(|error| error.to_string())?;
            }
            Ok(())
        }
        Ours::Http(begins, holds) => peer.hears(begins, holds).await,
        Ours::Elsewhere => Ok(()),
    }
}

/// The head of an HTTP/2 server's SETTINGS with three entries.
const SETTINGS: &[u8] = &[0, 0, 18, 4, 0, 0, 0, 0, 0];
