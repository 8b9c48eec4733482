//! The chat service on tonic: calls or streams on one connection.

use std::pin::Pin;
use std::process::ExitCode;

use bench_load::{Caller, ClientArgs, Exchange, Failure, Mode, ServerArgs};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

use generated::chat_client::ChatClient;
use generated::chat_server::{Chat, ChatServer};

mod generated {
    tonic::include_proto!("chat");
}

use generated::Line;

fn main() -> ExitCode {
    bench_load::run(serve, load)
}

async fn serve(args: ServerArgs) -> Result<(), Failure> {
    let listener = TcpListener::bind(args.addr).await?;
    bench_load::announce(listener.local_addr()?)?;
    Server::builder()
        .add_service(ChatServer::new(Echoing))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

async fn load(args: ClientArgs) -> Result<(), Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{}", args.addr))?.tcp_nodelay(true);
    let client = ChatClient::new(endpoint.connect().await?);
    let text = "x".repeat(args.payload);
    if args.mode == Mode::Bidi {
        let mut streams = Vec::new();
        for _ in 0..args.concurrency {
            streams.push(Talk::open(client.clone(), text.clone(), args.depth).await?);
        }
        return bench_load::drive_streams(&args, streams).await;
    }
    let callers = (0..args.concurrency)
        .map(|_| Say {
            client: client.clone(),
            text: text.clone(),
        })
        .collect();
    bench_load::drive(&args, callers).await
}

struct Echoing;

#[tonic::async_trait]
impl Chat for Echoing {
    type TalkStream = Pin<Box<dyn Stream<Item = Result<Line, Status>> + Send>>;

    async fn say(&self, request: Request<Line>) -> Result<Response<Line>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn talk(&self, request: Request<Streaming<Line>>) -> Result<Response<Self::TalkStream>, Status> {
        // As the tutorial of tonic has it: no task and no queue of its own.
        let mut lines = request.into_inner();
        let answers = async_stream::try_stream! {
            while let Some(line) = lines.message().await? {
                yield line;
            }
        };
        Ok(Response::new(Box::pin(answers)))
    }
}

struct Say {
    client: ChatClient<Channel>,
    text: String,
}

impl Caller for Say {
    async fn call(&mut self) -> Result<(), Failure> {
        let line = Line {
            text: self.text.clone(),
        };
        let answer = self.client.say(line).await?;
        check(&answer.into_inner(), &self.text)
    }
}

struct Talk {
    requests: mpsc::Sender<Line>,
    answers: Streaming<Line>,
    text: String,
}

impl Talk {
    async fn open(mut client: ChatClient<Channel>, text: String, depth: usize) -> Result<Self, Failure> {
        let (requests, outgoing) = mpsc::channel(depth);
        let answers = client.talk(ReceiverStream::new(outgoing)).await?;
        Ok(Self {
            requests,
            answers: answers.into_inner(),
            text,
        })
    }
}

impl Exchange for Talk {
    async fn send(&mut self) -> Result<(), Failure> {
        let line = Line {
            text: self.text.clone(),
        };
        Ok(self.requests.send(line).await?)
    }

    async fn receive(&mut self) -> Result<(), Failure> {
        let answer = self.answers.message().await?.ok_or("the stream has ended")?;
        check(&answer, &self.text)
    }
}

fn check(answer: &Line, text: &str) -> Result<(), Failure> {
    if answer.text.len() == text.len() {
        Ok(())
    } else {
        Err("the answer is not the echo".into())
    }
}
