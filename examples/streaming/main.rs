//! One Thrift service on one port: ordinary calls over TTHeader and over gRPC, and the modes of streaming over the
//! transport that is asked for: `--transport grpc` (the default) or `--transport ttheader`.

mod service;

use std::time::Duration;

use kitewire::{Client, Error, Server, StreamTransport, Tokio, Transport};
use service::Stall;
use service::market::{Interest, MarketClient, MarketServer, Order};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (calls, streams) = transports()?;
    let server = Server::new(Tokio)
        .register(MarketServer::new(Stall))
        .bind("127.0.0.1:0")
        .await?;
    let address = server.local_addr()?;
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    println!("a market on {address}");

    for transport in [Transport::TtHeader, Transport::Grpc] {
        println!("\nquote, an ordinary call over {transport}");
        let market = MarketClient::new(Client::to(address.clone()).transport(transport).build(Tokio)?);
        println!("  -> 3 apples");
        println!("  <- {} cents", market.quote(order("apple", 3)).await?.cents);
    }

    let client = Client::to(address)
        .transport(calls)
        .stream_transport(streams)
        .build(Tokio)?;
    println!("\nstreams over {streams}");
    let market = MarketClient::new(client);
    reserve(&market).await?;
    buy(&market).await?;
    watch(&market).await?;
    haggle(&market).await?;

    handle.shutdown(Duration::from_secs(5));
    running.await??;
    println!("\nserver stopped");
    Ok(())
}

/// What the command line asks for: how calls travel, and how streams do.
fn transports() -> Result<(Transport, StreamTransport), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["--transport", "grpc"] => Ok((Transport::Grpc, StreamTransport::Grpc)),
        ["--transport", "ttheader"] => Ok((Transport::TtHeader, StreamTransport::TtHeader)),
        _ => Err("usage: streaming [--transport grpc|ttheader]".to_owned()),
    }
}

fn order(item: &str, count: i32) -> Order {
    let item = item.to_owned();
    Order { item, count }
}

/// Unary: to the caller, a call like any other.
async fn reserve(market: &MarketClient) -> Result<(), Error> {
    println!("\nreserve, unary");
    println!("  -> 5 pears");
    println!("  <- {} cents", market.reserve(order("pear", 5)).await?.cents);
    println!("  -> 100 pears");
    let refusal = market.reserve(order("pear", 100)).await.err();
    println!("  <- {}", refusal.map(|error| error.to_string()).unwrap_or_default());
    Ok(())
}

/// Client streaming: many requests, one answer.
async fn buy(market: &MarketClient) -> Result<(), Error> {
    println!("\nbuy, client streaming");
    let mut basket = market.buy().timeout(Duration::from_secs(2)).await?;
    for (item, count) in [("apple", 2), ("pear", 1), ("quince", 4)] {
        println!("  -> {count} {item}");
        basket.send(order(item, count)).await?;
    }
    println!("  -> end");
    let receipt = basket.finish().await?;
    println!("  <- {} orders, {} cents", receipt.orders, receipt.cents);
    Ok(())
}

/// Server streaming: one request, many answers, with a header in front.
async fn watch(market: &MarketClient) -> Result<(), Error> {
    println!("\nwatch, server streaming");
    println!("  -> 3 changes of fig");
    let item = "fig".to_owned();
    let mut prices = market.watch(Interest { item, changes: 3 }).await?;
    let currency = prices.header().await?.get("currency").unwrap_or("?").to_owned();
    while let Some(price) = prices.recv().await? {
        println!("  <- {} {currency}", price.cents);
    }
    println!("  <- end");
    Ok(())
}

/// Bidirectional: the halves live in tasks of their own.
async fn haggle(market: &MarketClient) -> Result<(), Error> {
    println!("\nhaggle, bidirectional");
    let (mut offers, mut answers) = market.haggle().await?.split();
    let asking = tokio::spawn(async move {
        for count in 1..=3 {
            println!("  -> {count} melon");
            offers.send(order("melon", count)).await?;
        }
        println!("  -> end");
        offers.close();
        Ok(())
    });
    while let Some(price) = answers.recv().await? {
        println!("  <- {} cents for {}", price.cents, price.item);
    }
    println!("  <- end");
    asking.await.map_err(Error::new)?
}
