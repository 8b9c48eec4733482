//! Metadata as pairs, and the part of a server that does what metadata asks for.

use std::convert::Infallible;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::codegen::{BoxFuture, Service};
use tonic::metadata::{AsciiMetadataKey, BinaryMetadataKey, KeyAndValueRef, MetadataMap, MetadataValue};
use tonic::server::NamedService;

use crate::words::Pairs;

/// What begins with `head-` or `tail-`.
pub(crate) fn pairs(metadata: &MetadataMap) -> Pairs {
    let mut pairs = Pairs::new();
    for entry in metadata.iter() {
        let (key, value) = match entry {
            KeyAndValueRef::Ascii(key, value) => (key.as_str(), value.to_str().unwrap_or("?").to_owned()),
            KeyAndValueRef::Binary(key, value) => {
                let bytes = value.to_bytes().unwrap_or_default();
                (key.as_str(), bytes.iter().map(|byte| format!("{byte:02x}")).collect())
            }
        };
        if key.starts_with(HEAD) || key.starts_with(TAIL) {
            pairs.entry(key.to_owned()).or_default().push(value);
        }
    }
    pairs
}

pub(crate) fn add(pairs: &Pairs, metadata: &mut MetadataMap) -> Result<(), String> {
    for (key, value) in pairs
        .iter()
        .flat_map(|(key, values)| values.iter().map(move |value| (key, value)))
    {
        if key.ends_with("-bin") {
            let key: BinaryMetadataKey = key.parse().map_err(|_| format!("{key}: no name"))?;
            metadata.append_bin(key, MetadataValue::from_bytes(&bytes(value)?));
        } else {
            let key: AsciiMetadataKey = key.parse().map_err(|_| format!("{key}: no name"))?;
            metadata.append(key, value.parse().map_err(|_| format!("{value}: no value"))?);
        }
    }
    Ok(())
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.ok_or_else(|| format!("{hex}: not hexadecimal"))?;
    Ok(digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | *digit as u8))
        .collect())
}

/// A service that does what metadata asks for. Around the generated one, because that cannot add trailers to a successful unary answer.
#[derive(Debug, Clone)]
pub(crate) struct Returning<S>(pub(crate) S);

impl<S> Service<Request<Body>> for Returning<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if request.headers().contains_key(PLAIN) {
            request.headers_mut().remove("grpc-accept-encoding");
        }
        let head = beginning(HEAD, request.headers());
        let tail = beginning(TAIL, request.headers());
        let answer = self.0.call(request);
        Box::pin(async move {
            let mut answer = answer.await?;
            extend(answer.headers_mut(), &head);
            if answer.headers().contains_key("grpc-status") {
                extend(answer.headers_mut(), &tail);
                return Ok(answer);
            }
            Ok(answer.map(|body| {
                Body::new(body.map_frame(move |mut frame| {
                    if let Some(trailers) = frame.trailers_mut() {
                        extend(trailers, &tail);
                    }
                    frame
                }))
            }))
        })
    }
}

impl<S: NamedService> NamedService for Returning<S> {
    const NAME: &'static str = S::NAME;
}

fn beginning(prefix: &str, fields: &HeaderMap) -> HeaderMap {
    let mut found = HeaderMap::new();
    for (name, value) in fields.iter().filter(|(name, _)| name.as_str().starts_with(prefix)) {
        found.append(name, value.clone());
    }
    found
}

fn extend(fields: &mut HeaderMap, more: &HeaderMap) {
    for (name, value) in more {
        fields.append(name, value.clone());
    }
}

const HEAD: &str = "head-";
const TAIL: &str = "tail-";
const PLAIN: &str = "plain";
