//! What our server answers to plain HTTP requests.

use std::future::pending;
use std::time::Duration;

use kitewire::PeerAddress;
use kitewire::bytes::Bytes;
use kitewire::http::header::{HeaderName, HeaderValue};
use kitewire::http::{Request, Response, StatusCode};

/// What is seen of a request goes back in the field `saw`.
pub(super) async fn site(request: Request<Bytes>) -> Response<Bytes> {
    let peer = request.extensions().get::<PeerAddress>().is_some();
    let saw = format!("{} {} peer={peer}", request.method(), request.uri());
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let mut response = match path {
        "/page" => Response::new(Bytes::from_static(b"a page\n")),
        "/echo" => Response::new(body),
        "/forever" => pending().await,
        _ => match path.strip_prefix("/sleep/").map(str::parse) {
            Some(Ok(millis)) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                Response::new(Bytes::from_static(b"slept\n"))
            }
            _ => not_found(),
        },
    };
    if let Ok(saw) = HeaderValue::try_from(saw) {
        response.headers_mut().insert(SAW, saw);
    }
    response
}

fn not_found() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"nothing here\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

const SAW: HeaderName = HeaderName::from_static("saw");
