//! One service over TLS, which wants to know its clients and gets a new certificate while it runs.
//!
//! The certificates are made on the spot, in a folder that goes with the program. Yours come from elsewhere; nothing else
//! differs.

mod certificates;

use std::error::Error as StdError;
use std::time::Duration;

use kitewire::tls::{Identity, Roots, Tls, TlsClient, TlsServer};
use kitewire::{Address, Call, Client, ClientBuilder, Error, Server, Tokio, Transport};

mod shop {
    kitewire::include_idl!("shop");
}
use certificates::{Authority, Folder};
use shop::{Cart, CartAddError, CartClient, CartServer, Item, Receipt};

struct MyCart;

impl Cart for MyCart {
    async fn add(&self, call: &Call, item: Item) -> Result<Receipt, CartAddError> {
        // Whom the client has proved to be; over plain sockets there is nobody.
        let identity = call
            .peer_identity()
            .ok_or_else(|| Error::business(401, "only over TLS"))?;
        println!("  {} certificate of the client", identity.certificates.len());
        Ok(Receipt {
            total: 5 * i64::from(item.count),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let folder = Folder::new()?;
    let authority = Authority::new()?;
    folder.put("ca.pem", authority.certificate())?;
    folder.put_both("server", &authority.issue("127.0.0.1")?)?;
    folder.put_both("client", &authority.issue("till-4.shop.example")?)?;

    let tls = TlsServer::builder(Identity::files(folder.path("server.pem"), folder.path("server.key")))
        .require_client_certificates(Roots::file(folder.path("ca.pem")))
        .build()?;
    let server = Server::new(Tls::new(Tokio).server(tls.clone()))
        .register(CartServer::new(MyCart))
        .bind("127.0.0.1:0")
        .await?;
    let address = server.local_addr()?;
    tokio::spawn(server.run());

    let known = TlsClient::builder(Roots::file(folder.path("ca.pem")))
        .identity(Identity::files(folder.path("client.pem"), folder.path("client.key")))
        .build()?;
    let runtime = Tls::new(Tokio).client(known);
    for transport in [Transport::TtHeader, Transport::Grpc] {
        let cart = CartClient::new(to(&address, transport).build(runtime.clone())?);
        println!("over {transport:?}: total {}", cart.add(kites(2)).await?.total);
    }

    // A new certificate, without a restart: connections that live keep the old one.
    folder.put_both("server", &authority.issue("127.0.0.1")?)?;
    tls.reload()?;
    let cart = CartClient::new(to(&address, Transport::Grpc).build(runtime)?);
    println!("with a new certificate: total {}", cart.add(kites(3)).await?.total);

    let unknown = TlsClient::builder(Roots::file(folder.path("ca.pem"))).build()?;
    let cart = CartClient::new(to(&address, Transport::TtHeader).build(Tls::new(Tokio).client(unknown))?);
    match cart.add(kites(1)).await {
        Ok(_) => Err("a client without a certificate was let in".into()),
        Err(error) => {
            println!("without a certificate: {error}");
            Ok(())
        }
    }
}

/// Connecting takes longer than over plain sockets: there is a handshake to do.
fn to(address: &Address, transport: Transport) -> ClientBuilder {
    Client::to(address.clone())
        .transport(transport)
        .connect_timeout(Duration::from_secs(5))
}

fn kites(count: i32) -> Item {
    Item {
        id: "kite".into(),
        count,
    }
}
