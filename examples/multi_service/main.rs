//! Three services on one port, called over every ping-pong transport.
//!
//! `Books` and `Maps` (Thrift) share the method `find`; `Maps` is the fallback for calls that name no service.
//! `Postcards` (Protobuf) has a method of its own. Which service answers a call depends on whether the call names one:
//! only transports with a header can, and only when meta is on.

mod services;

use kitewire::{Client, Error, Server, Switch, Tokio, Transport};
use services::Shop;
use services::library::{BooksClient, BooksServer, MapsClient, MapsServer, Query};
use services::postcards::{self, PostcardsClient, PostcardsServer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::new(Tokio)
        .register(BooksServer::new(Shop("Books")))
        .register(MapsServer::new(Shop("Maps")).fallback())
        .register(PostcardsServer::new(Shop("Postcards")))
        .bind("127.0.0.1:0")
        .await?;
    let address = server.local_addr()?;
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    println!("three services on {address}\n");
    println!("{:<30}{:<14}{:<16}answered by", "transport", "service name", "call");

    for (name, transport, multiplexed) in [
        ("bare", Transport::Bare, 0),
        ("framed", Transport::Framed, 0),
        ("TTHeader", Transport::TtHeader, 0),
        ("TTHeader+framed", Transport::TtHeaderFramed, 0),
        ("TTHeader, multiplexed", Transport::TtHeader, 1),
        ("TTHeader+framed, multiplexed", Transport::TtHeaderFramed, 1),
    ] {
        for meta in [Switch::Off, Switch::On] {
            if meta.is_on() && !transport.has_header() {
                continue;
            }
            let mut client = Client::to(address.clone()).transport(transport).meta(meta);
            if multiplexed > 0 {
                client = client.multiplexed(multiplexed);
            }
            call_all(name, meta, client.build(Tokio)?).await?;
        }
    }

    handle.shutdown(std::time::Duration::from_secs(5));
    running.await??;
    println!("\nserver stopped");
    Ok(())
}

/// Calls every method over one client, several at once where the connection allows it.
async fn call_all(transport: &str, meta: Switch, client: Client) -> Result<(), Error> {
    let books = BooksClient::new(client.clone());
    let maps = MapsClient::new(client.clone());
    let postcards = PostcardsClient::new(client);
    let query = || Query {
        title: "Kites".to_owned(),
    };
    let card = postcards::Query {
        title: "Kites".to_owned(),
    };
    let (book, borrowed, map, unrolled, card) = tokio::try_join!(
        async { books.find(query()).await },
        async { books.borrow(query()).await },
        async { maps.find(query()).await },
        async { maps.unroll(query()).await },
        async { postcards.send(card).await },
    )?;
    let named = if meta.is_on() { "sent" } else { "not sent" };
    for (call, answered_by) in [
        ("Books.find", book.answered_by),
        ("Books.borrow", borrowed.answered_by),
        ("Maps.find", map.answered_by),
        ("Maps.unroll", unrolled.answered_by),
        ("Postcards.Send", card.answered_by),
    ] {
        println!("{transport:<30}{named:<14}{call:<16}{answered_by}");
    }
    Ok(())
}
