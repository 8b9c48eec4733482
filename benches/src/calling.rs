//! Calls to the services, from kitewire's client on any runtime.

use bench_load::{Caller, ClientArgs, Exchange, Mode};
use kitewire::thrift::Text;
use kitewire::{
    BidiStream, Client, GrpcOptions, PoolOptions, Runtime, StreamCall, StreamPool, StreamTransport, Transport,
    TtStreamOptions,
};

use crate::Failure;
use crate::chat::{self, ChatClient};
use crate::echo::EchoClient;
use crate::lines::{self, LinesClient};

/// Makes the calls that the command line asks for.
///
/// # Errors
/// When a call fails.
pub async fn load(runtime: impl Runtime, args: ClientArgs) -> Result<(), Failure> {
    let builder = Client::to(args.addr).transport(Transport::TtHeaderFramed);
    let one = GrpcOptions::default().connections(1);
    match args.mode {
        Mode::PingPong => {
            let pool = PoolOptions::default().max_idle_per_address(args.concurrency);
            echo(&args, builder.pooled(pool).build(runtime)?).await
        }
        Mode::Mux => echo(&args, builder.multiplexed(1).build(runtime)?).await,
        Mode::Unary => {
            let client = builder.transport(Transport::Grpc).grpc(one).build(runtime)?;
            say(&args, &ChatClient::new(client)).await
        }
        Mode::Bidi => {
            let client = ChatClient::new(builder.grpc(one).build(runtime)?);
            let text = "x".repeat(args.payload);
            talk(&args, || client.talk(), chat::Line { text }).await
        }
        Mode::TtStream | Mode::ThriftBidi => {
            let transport = match args.mode {
                Mode::TtStream => StreamTransport::TtHeader,
                _ => StreamTransport::Grpc,
            };
            let alone = TtStreamOptions::default().pool(StreamPool::Multiplexed { connections: 1 });
            let builder = builder.stream_transport(transport).tt_streams(alone).grpc(one);
            let client = LinesClient::new(builder.build(runtime)?);
            let text = Text::from("x".repeat(args.payload));
            talk(&args, || client.talk(), lines::Line { text }).await
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

async fn talk<'a, L: Line>(
    args: &ClientArgs,
    open: impl Fn() -> StreamCall<'a, BidiStream<L, L>>,
    line: L,
) -> Result<(), Failure> {
    let mut streams = Vec::new();
    for _ in 0..args.concurrency {
        let stream = open().await?;
        let line = line.clone();
        streams.push(Talk { stream, line });
    }
    bench_load::drive_streams(args, streams).await
}

async fn say(args: &ClientArgs, client: &ChatClient) -> Result<(), Failure> {
    let text = "x".repeat(args.payload);
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
        let answer = self.client.say(chat::Line { text }).await?;
        check(answer.text.len(), self.text.len())
    }
}

/// A message of either service.
trait Line: Clone + Send + Sync + 'static {
    fn len(&self) -> usize;
}

impl Line for chat::Line {
    fn len(&self) -> usize {
        self.text.len()
    }
}

impl Line for lines::Line {
    fn len(&self) -> usize {
        self.text.as_bytes().len()
    }
}

struct Talk<L> {
    stream: BidiStream<L, L>,
    line: L,
}

impl<L: Line> Exchange for Talk<L> {
    async fn send(&mut self) -> Result<(), Failure> {
        Ok(self.stream.send(self.line.clone()).await?)
    }

    async fn receive(&mut self) -> Result<(), Failure> {
        let answer = self.stream.recv().await?.ok_or("the stream has ended")?;
        check(answer.len(), self.line.len())
    }
}

fn check(received: usize, sent: usize) -> Result<(), Failure> {
    if received == sent {
        Ok(())
    } else {
        Err("the answer is not the echo".into())
    }
}
