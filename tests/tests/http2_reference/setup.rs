//! Pairs of connections and the messages that go between them.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use kitewire_proto::Instant;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Config, Connection, StreamId};
use kitewire_testkit::reference::{
    Body, Cuts, Exchange, H2Client, H2Server, Pair, Received, Reply, read_body, send_body,
};

/// Our server and a reference client.
pub(crate) fn our_server(config: Config, cuts: Cuts) -> (Pair, H2Client) {
    our_server_with(config, cuts, &h2::client::Builder::new())
}

pub(crate) fn our_server_with(config: Config, cuts: Cuts, client: &h2::client::Builder) -> (Pair, H2Client) {
    let connection = Connection::server(Arc::new(config), Instant::ZERO);
    let (mut pair, socket) = Pair::new(connection, cuts);
    let client = H2Client::start(&mut pair.tasks, socket, client);
    (pair, client)
}

/// Our client and a reference server that answers every request with what came.
pub(crate) fn our_client(config: Config, cuts: Cuts) -> (Pair, H2Server) {
    our_client_with(config, cuts, &h2::server::Builder::new(), echo)
}

pub(crate) fn our_client_with<F: Future<Output = ()> + 'static>(
    config: Config,
    cuts: Cuts,
    server: &h2::server::Builder,
    handle: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + 'static,
) -> (Pair, H2Server) {
    let connection = Connection::client(Arc::new(config), Instant::ZERO);
    let (mut pair, socket) = Pair::new(connection, cuts);
    let server = H2Server::start(&mut pair.tasks, socket, server, handle);
    (pair, server)
}

/// The reference server's handler that sends head fields named `x-…`, body and trailers back.
pub(crate) async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let (head, body) = request.into_parts();
    let mut response = Response::new(());
    let fields = head.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-"));
    *response.headers_mut() = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
    let Ok(received) = read_body(body).await else {
        return;
    };
    let bare = received == Received::default();
    let Ok(mut stream) = respond.send_response(response, bare) else {
        return;
    };
    if !bare {
        let body = Body {
            data: received.data.into(),
            trailers: received.trailers,
        };
        // The client may have gone away meanwhile.
        let _ = send_body(&mut stream, body).await;
    }
}

/// What our server answers with: the same as [`echo`].
pub(crate) fn echo_ours(request: &Exchange) -> Reply {
    let mut head = Fields::response(200);
    for field in request.head.as_ref().into_iter().flatten() {
        if field.name.starts_with(b"x-") {
            head.push(field.name, field.value);
        }
    }
    Reply {
        head,
        body: Bytes::copy_from_slice(&request.body),
        trailers: request.trailers.clone(),
    }
}

/// A handler that keeps what it gets for the test to use.
pub(crate) type Kept = Rc<RefCell<Vec<(Request<RecvStream>, SendResponse<Bytes>)>>>;

pub(crate) fn keep(
    kept: &Kept,
) -> impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> std::future::Ready<()> + 'static {
    let kept = kept.clone();
    move |request, respond| {
        kept.borrow_mut().push((request, respond));
        std::future::ready(())
    }
}

/// A request for the reference client.
pub(crate) fn post(path: &str) -> Request<()> {
    let request = Request::post(format!("http://peer{path}"));
    request.body(()).expect("a good request")
}

/// The same for our client.
pub(crate) fn post_fields(path: &str) -> Fields {
    Fields::request("POST", "http", "peer", path)
}

/// Bytes that differ from place to place and from length to length.
pub(crate) fn bytes(length: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(length + 64);
    for block in 0.. {
        if bytes.len() >= length {
            break;
        }
        let mark: u64 = block ^ (length as u64) << 32;
        bytes.extend_from_slice(&mark.to_le_bytes());
        bytes.extend_from_slice(b"a block of forty-eight bytes after its own number");
    }
    bytes.truncate(length);
    bytes.into()
}

pub(crate) fn trailers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &str)| {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a good value");
        (HeaderName::from_static(name), value)
    };
    fields.iter().map(field).collect()
}

pub(crate) fn trailer_fields(fields: &[(&'static str, &str)]) -> Fields {
    let mut list = Fields::new();
    fields.iter().for_each(|(name, value)| list.push(name, value));
    list
}

/// The `index`-th stream of a client.
pub(crate) fn stream(index: u32) -> StreamId {
    StreamId::new(2 * index + 1)
}

/// How bytes are cut in tests that are not about cuts.
pub(crate) fn some_cuts() -> [Cuts; 3] {
    [Cuts::whole(), Cuts::every(977), Cuts::seeded(5)]
}
