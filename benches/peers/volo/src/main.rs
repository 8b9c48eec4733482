//! The echo service on volo-thrift: TTHeader and framed Thrift, pooled connections or one multiplexed connection.

use std::process::ExitCode;

use bench_load::{Caller, ClientArgs, Failure, Mode, ServerArgs};
use pilota::FastStr;
use tokio::net::TcpListener;
use volo::net::incoming::DefaultIncoming;

use generated::echo::{EchoClient, EchoClientBuilder, EchoServer};

mod generated {
    include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));
    pub use volo_gen::*;
}

struct Handler;

impl generated::echo::Echo for Handler {
    async fn echo(&self, message: FastStr) -> Result<FastStr, volo_thrift::ServerError> {
        Ok(message)
    }
}

struct EchoCaller {
    client: EchoClient,
    message: FastStr,
}

impl Caller for EchoCaller {
    async fn call(&mut self) -> Result<(), Failure> {
        let answer = self.client.echo(self.message.clone()).await?;
        if answer.len() == self.message.len() {
            Ok(())
        } else {
            Err("the answer is not the echo".into())
        }
    }
}

fn main() -> ExitCode {
    bench_load::run(serve, load)
}

async fn serve(args: ServerArgs) -> Result<(), Failure> {
    let listener = TcpListener::bind(args.addr).await?;
    bench_load::announce(listener.local_addr()?)?;
    EchoServer::new(Handler)
        .multiplex(args.mode == Mode::Mux)
        .run(DefaultIncoming::from(listener))
        .await
}

async fn load(args: ClientArgs) -> Result<(), Failure> {
    let client = EchoClientBuilder::new("echo")
        .address(volo::net::Address::from(args.addr))
        .rpc_timeout(None)
        .multiplex(args.mode == Mode::Mux)
        .build();
    let message = FastStr::from("x".repeat(args.payload));
    let callers = (0..args.concurrency)
        .map(|_| EchoCaller {
            client: client.clone(),
            message: message.clone(),
        })
        .collect();
    bench_load::drive(&args, callers).await
}
