//! One service and one call: the code of the README.

use kitewire::{Call, Client, Server, Tokio, Transport};

mod shop {
    kitewire::include_idl!("shop");
}
use shop::{Cart, CartAddError, CartClient, CartServer, Item, OutOfStock, Receipt};

struct MyCart;

impl Cart for MyCart {
    async fn add(&self, _call: &Call, item: Item) -> Result<Receipt, CartAddError> {
        if item.count > 10 {
            return Err(OutOfStock { id: item.id }.into());
        }
        Ok(Receipt {
            total: 5 * i64::from(item.count),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::new(Tokio)
        .register(CartServer::new(MyCart))
        .bind("127.0.0.1:0")
        .await?;
    let address = server.local_addr()?;
    tokio::spawn(server.run());

    let cart = CartClient::new(Client::to(address).transport(Transport::TtHeader).build(Tokio)?);
    let item = Item {
        id: "kite".into(),
        count: 2,
    };
    let receipt = cart.add(item).await?;
    println!("total {}", receipt.total);
    Ok(())
}
