//! The echo service on kitewire: TTHeader and framed Thrift, pooled connections or one multiplexed connection.

use std::process::ExitCode;

use bench_load::{Caller, ClientArgs, Failure, Mode, ServerArgs};
use kitewire::thrift::Text;
use kitewire::{Address, Client, PoolOptions, Server, Tokio, Transport};
use kitewire_benches::echo::{EchoClient, EchoServer, Echoing};

fn main() -> ExitCode {
    bench_load::run(serve, load)
}

async fn serve(args: ServerArgs) -> Result<(), Failure> {
    let bound = Server::new(Tokio)
        .register(EchoServer::new(Echoing))
        .bind(args.addr)
        .await?;
    match bound.local_addr()? {
        Address::Tcp(address) => bench_load::announce(address)?,
        other => return Err(format!("listens on {other}, which is no TCP address").into()),
    }
    bound.run().await?;
    Ok(())
}

async fn load(args: ClientArgs) -> Result<(), Failure> {
    let builder = Client::to(args.addr).transport(Transport::TtHeaderFramed);
    let client = match args.mode {
        Mode::PingPong => builder.pooled(PoolOptions::default().max_idle_per_address(args.concurrency)),
        Mode::Mux => builder.multiplexed(1),
    };
    let client = EchoClient::new(client.build(Tokio)?);
    let message = Text::from("x".repeat(args.payload));
    let callers = (0..args.concurrency)
        .map(|_| EchoCaller {
            client: client.clone(),
            message: message.clone(),
        })
        .collect();
    bench_load::drive(&args, callers).await
}

struct EchoCaller {
    client: EchoClient,
    message: Text,
}

impl Caller for EchoCaller {
    async fn call(&mut self) -> Result<(), Failure> {
        let answer = self.client.echo(self.message.clone()).await?;
        let is_whole = answer.as_bytes().len() == self.message.as_bytes().len();
        if is_whole {
            Ok(())
        } else {
            Err("the answer is not the echo".into())
        }
    }
}
