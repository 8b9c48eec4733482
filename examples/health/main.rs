//! A service and a page on one port. While it runs: `curl http://127.0.0.1:8888/health`, with `--http2-prior-knowledge` if you like.

use kitewire::bytes::Bytes;
use kitewire::http::{Request, Response, StatusCode};
use kitewire::{Call, Server, Tokio};

mod shop {
    kitewire::include_idl!("shop");
}
use shop::{Cart, CartAddError, CartServer, Item, Receipt};

struct MyCart;

impl Cart for MyCart {
    async fn add(&self, _call: &Call, item: Item) -> Result<Receipt, CartAddError> {
        let total = 5 * i64::from(item.count);
        Ok(Receipt { total })
    }
}

async fn pages(request: Request<Bytes>) -> Response<Bytes> {
    let (status, text) = match request.uri().path() {
        "/health" => (StatusCode::OK, "fine\n"),
        _ => (StatusCode::NOT_FOUND, "no such page\n"),
    };
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::new(Tokio)
        .register(CartServer::new(MyCart))
        .http(pages)
        .bind("127.0.0.1:8888")
        .await?;
    server.run().await?;
    Ok(())
}
