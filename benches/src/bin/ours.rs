//! Both services on kitewire: the echo service over TTHeader and framed Thrift, the chat service over gRPC, one port.

use std::process::ExitCode;

use bench_load::{Caller, ClientArgs, Exchange, Failure, Mode, ServerArgs};
use kitewire::thrift::Text;
use kitewire::{Address, BidiStream, Client, GrpcOptions, PoolOptions, Server, Tokio, Transport};
use kitewire_benches::chat::{ChatClient, ChatServer, Chatting, Line};
use kitewire_benches::echo::{EchoClient, EchoServer, Echoing};

fn main() -> ExitCode {
    bench_load::run(serve, load)
}

async fn serve(args: ServerArgs) -> Result<(), Failure> {
    let bound = Server::new(Tokio)
        .register(EchoServer::new(Echoing))
        .register(ChatServer::new(Chatting))
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
    match args.mode {
        Mode::PingPong => {
            let pool = PoolOptions::default().max_idle_per_address(args.concurrency);
            echo(&args, builder.pooled(pool).build(Tokio)?).await
        }
        Mode::Mux => echo(&args, builder.multiplexed(1).build(Tokio)?).await,
        Mode::Unary | Mode::Bidi => {
            let one = GrpcOptions::default().connections(1);
            let client = builder.transport(Transport::Grpc).grpc(one).build(Tokio)?;
            chat(&args, ChatClient::new(client)).await
        }
    }
}

async fn echo(args: &ClientArgs, client: Client) -> Result<(), Failure> {
    let client = EchoClient::new(client);
    let message = Text::from("x".repeat(args.payload));
    let callers = (0..args.concurrency)
        .map(|_| Echo {
            client: client.clone(),
            message: message.clone(),
        })
        .collect();
    bench_load::drive(args, callers).await
}

async fn chat(args: &ClientArgs, client: ChatClient) -> Result<(), Failure> {
    let text = "x".repeat(args.payload);
    if args.mode == Mode::Bidi {
        let mut streams = Vec::new();
        for _ in 0..args.concurrency {
            let stream = client.talk().await?;
            let text = text.clone();
            streams.push(Talk { stream, text });
        }
        return bench_load::drive_streams(args, streams).await;
    }
    let callers = (0..args.concurrency)
        .map(|_| Say {
            client: client.clone(),
            text: text.clone(),
        })
        .collect();
    bench_load::drive(args, callers).await
}

struct Echo {
    client: EchoClient,
    message: Text,
}

impl Caller for Echo {
    async fn call(&mut self) -> Result<(), Failure> {
        let answer = self.client.echo(self.message.clone()).await?;
        check(answer.as_bytes().len(), self.message.as_bytes().len())
    }
}

struct Say {
    client: ChatClient,
    text: String,
}

impl Caller for Say {
    async fn call(&mut self) -> Result<(), Failure> {
        let text = self.text.clone();
        let answer = self.client.say(Line { text }).await?;
        check(answer.text.len(), self.text.len())
    }
}

struct Talk {
    stream: BidiStream<Line, Line>,
    text: String,
}

impl Exchange for Talk {
    async fn send(&mut self) -> Result<(), Failure> {
        let text = self.text.clone();
        Ok(self.stream.send(Line { text }).await?)
    }

    async fn receive(&mut self) -> Result<(), Failure> {
        let answer = self.stream.recv().await?.ok_or("the stream has ended")?;
        check(answer.text.len(), self.text.len())
    }
}

fn check(received: usize, sent: usize) -> Result<(), Failure> {
    if received == sent {
        Ok(())
    } else {
        Err("the answer is not the echo".into())
    }
}
