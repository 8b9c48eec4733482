//! A handler of plain requests, and servers that have it.

use std::future::pending;
use std::sync::Arc;

use kitewire::bytes::Bytes;
use kitewire::http::header::{CONNECTION, HeaderValue};
use kitewire::http::{Request, Response, StatusCode};
use kitewire::{HttpHandler, Notice, PeerAddress, Server};
use kitewire_tokio::Tokio;
use tokio::sync::{Semaphore, mpsc};

use super::{EchoServer, Running, bounded, handler, run};

/// What the tests ask for.
pub struct Site {
    /// `/wait` takes a permit before it answers.
    pub gate: Arc<Semaphore>,
    /// Handlers that wait, and those that were dropped.
    pub seen: mpsc::UnboundedSender<String>,
}

pub struct Controls {
    pub gate: Arc<Semaphore>,
    pub seen: mpsc::UnboundedReceiver<String>,
}

impl Controls {
    pub async fn seen(&mut self) -> String {
        bounded(self.seen.recv()).await.unwrap()
    }
}

pub fn site() -> (Site, Controls) {
    let (seen, receiver) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let controls = Controls {
        gate: Arc::clone(&gate),
        seen: receiver,
    };
    (Site { gate, seen }, controls)
}

impl HttpHandler for Site {
    async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        match request.uri().path() {
            "/hello" => Response::new(Bytes::from_static(b"hello")),
            "/echo" => echo(request),
            "/yield" => {
                tokio::task::yield_now().await;
                Response::new(Bytes::from_static(b"yielded"))
            }
            "/wait" => {
                let _ = self.seen.send("waiting".to_owned());
                self.gate.acquire().await.unwrap().forget();
                Response::new(Bytes::from_static(b"waited"))
            }
            "/forever" => {
                let _noted = NotedDrop(self.seen.clone());
                let _ = self.seen.send("waiting".to_owned());
                pending().await
            }
            "/panic" => panic!("at the disco"),
            "/late-panic" => {
                tokio::task::yield_now().await;
                panic!("at the disco")
            }
            "/rude" => {
                let mut response = Response::new(Bytes::new());
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
                response
            }
            _ => {
                let mut response = Response::new(Bytes::from_static(b"nothing here"));
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        }
    }
}

struct NotedDrop(mpsc::UnboundedSender<String>);

impl Drop for NotedDrop {
    fn drop(&mut self) {
        let _ = self.0.send("dropped".to_owned());
    }
}

/// The body back, and in a field everything else.
fn echo(request: Request<Bytes>) -> Response<Bytes> {
    let peer = request.extensions().get::<PeerAddress>().is_some();
    let x = request.headers().get("x").map_or("-", |x| x.to_str().unwrap());
    let saw = format!(
        "{} {} {:?} x={x} peer={peer}",
        request.method(),
        request.uri(),
        request.version()
    );
    let mut response = Response::new(request.into_body());
    response
        .headers_mut()
        .insert("saw", HeaderValue::try_from(saw).unwrap());
    response
}

/// A server that answers calls and plain requests.
pub fn server(http: impl HttpHandler) -> Server<Tokio> {
    let (echo, _controls) = handler();
    Server::new(Tokio).register(EchoServer::new(echo)).http(http)
}

pub async fn run_site() -> (Running, Controls) {
    let (site, controls) = site();
    (run(server(site)).await, controls)
}

/// What is told about requests and connections.
pub fn told(server: Server<Tokio>) -> (Server<Tokio>, mpsc::UnboundedReceiver<String>) {
    let (sender, notices) = mpsc::unbounded_channel();
    let server = server.observe(move |notice| {
        let _ = sender.send(match notice {
            Notice::HttpRefused { status, why, .. } => format!("{status} {why}"),
            Notice::HttpRejected { code, why, .. } => format!("{code} {why}"),
            Notice::Closed { reason, .. } => format!("closed: {reason}"),
            other => format!("{other:?}"),
        });
    });
    (server, notices)
}
