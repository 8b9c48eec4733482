//! Messages of the `h2` crate, sent and received whole.

use std::future::poll_fn;

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::HeaderMap;
use kitewire_proto::http::Fields;

/// What follows a head.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The bytes.
    pub data: Bytes,
    /// Sent after them.
    pub trailers: Option<HeaderMap>,
}

/// What followed a head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The bytes.
    pub data: Vec<u8>,
    /// What came after them.
    pub trailers: Option<HeaderMap>,
}

impl Body {
    /// Bytes without trailers.
    #[must_use]
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self {
            data: data.into(),
            trailers: None,
        }
    }
}

/// Sends a body as the peer's windows allow.
///
/// # Errors
/// If the stream or the connection ends before.
pub async fn send_body(stream: &mut SendStream<Bytes>, body: Body) -> Result<(), h2::Error> {
    let mut rest = body.data;
    let last = body.trailers.is_none();
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let room = match poll_fn(|context| stream.poll_capacity(context)).await {
            Some(room) => room?.min(rest.len()),
            None => return Ok(()),
        };
        if room == 0 {
            continue;
        }
        let piece = rest.split_to(room);
        stream.send_data(piece, last && rest.is_empty())?;
        if rest.is_empty() && last {
            return Ok(());
        }
    }
    match body.trailers {
        Some(trailers) => stream.send_trailers(trailers),
        None => stream.send_data(Bytes::new(), true),
    }
}

/// Reads a body to its end and gives the window back as it reads.
///
/// # Errors
/// If the stream or the connection ends before.
pub async fn read_body(mut stream: RecvStream) -> Result<Received, h2::Error> {
    let mut received = Received::default();
    while let Some(data) = stream.data().await {
        let data = data?;
        received.data.extend_from_slice(&data);
        stream.flow_control().release_capacity(data.len())?;
    }
    received.trailers = stream.trailers().await?;
    Ok(received)
}

/// Names and values, sorted by name; the values of one name in their order.
pub type Canonical = Vec<(Vec<u8>, Vec<u8>)>;

/// A section of ours in the form that compares.
#[must_use]
pub fn canonical(fields: &Fields) -> Canonical {
    sorted(fields.iter().map(|field| (field.name.to_vec(), field.value.to_vec())))
}

/// The fields of a map.
#[must_use]
pub fn canonical_map(map: &HeaderMap) -> Canonical {
    sorted(
        map.iter()
            .map(|(name, value)| (name.as_str().into(), value.as_bytes().to_vec())),
    )
}

/// A request, with its pseudo-header fields as far as the `http` crate keeps them.
#[must_use]
pub fn canonical_request(request: &http::request::Parts) -> Canonical {
    let mut fields = canonical_map(&request.headers);
    let uri = &request.uri;
    let pseudo = [
        (":method", Some(request.method.as_str())),
        (":scheme", uri.scheme_str()),
        (":authority", uri.authority().map(http::uri::Authority::as_str)),
        (":path", uri.path_and_query().map(http::uri::PathAndQuery::as_str)),
        (
            ":protocol",
            request
                .extensions
                .get::<h2::ext::Protocol>()
                .map(h2::ext::Protocol::as_str),
        ),
    ];
    let present = pseudo
        .into_iter()
        .filter_map(|(name, value)| Some((name.into(), value?.into())));
    fields.extend(present);
    sorted(fields.into_iter())
}

/// A response, with its pseudo-header field.
#[must_use]
pub fn canonical_response(response: &http::response::Parts) -> Canonical {
    let mut fields = canonical_map(&response.headers);
    fields.push((b":status".to_vec(), response.status.as_str().into()));
    sorted(fields.into_iter())
}

fn sorted(fields: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Canonical {
    let mut fields: Canonical = fields.collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}
