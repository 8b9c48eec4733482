//! The server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::generated::peers_server::{Peers, PeersServer};
use crate::generated::{Ending, Name, Say, Script};
use crate::metadata::Returning;
use crate::payload;

pub(crate) async fn run() -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!(
        "{}",
        serde_json::json!({ "event": "listening", "address": address.to_string() })
    );
    let peers = PeersServer::new(Handlers::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    Server::builder()
        .add_service(Returning(peers))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), end_of_input())
        .await
        .map_err(|error| error.to_string())
}

async fn end_of_input() {
    let mut input = tokio::io::stdin();
    let mut block = [0; 64];
    while let Ok(1..) = input.read(&mut block).await {}
    // Whoever ended the input does not wait for calls.
    std::process::exit(0);
}

#[derive(Debug, Default)]
struct Handlers {
    endings: Arc<Endings>,
}

#[tonic::async_trait]
impl Peers for Handlers {
    type WatchStream = ReceiverStream<Result<Say, Status>>;
    type TalkStream = ReceiverStream<Result<Say, Status>>;

    async fn unary(&self, request: Request<Say>) -> Result<Response<Say>, Status> {
        let script = script(request.into_inner());
        let watched = self.watch_over(&script.call);
        wait_or_fail(&script).await?;
        watched.done();
        Ok(Response::new(say(script.answers.first().copied().unwrap_or_default())))
    }

    async fn collect(&self, request: Request<Streaming<Say>>) -> Result<Response<Say>, Status> {
        let mut requests = request.into_inner();
        let mut length = 0;
        while let Some(message) = requests.message().await? {
            length += message.payload.len();
            let script = script(message);
            let watched = self.watch_over(&script.call);
            wait_or_fail(&script).await?;
            watched.done();
            if script.ends {
                break;
            }
        }
        Ok(Response::new(say(u32::try_from(length).unwrap_or(u32::MAX))))
    }

    async fn watch(&self, request: Request<Say>) -> Result<Response<Self::WatchStream>, Status> {
        let script = script(request.into_inner());
        let (sender, answers) = mpsc::channel(1);
        let endings = Arc::clone(&self.endings);
        tokio::spawn(async move {
            let (how, _) = play(&script, &sender).await;
            endings.tell(&script.call, how);
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }

    async fn talk(&self, request: Request<Streaming<Say>>) -> Result<Response<Self::TalkStream>, Status> {
        let mut requests = request.into_inner();
        let (sender, answers) = mpsc::channel(1);
        let endings = Arc::clone(&self.endings);
        tokio::spawn(async move {
            loop {
                let message = match requests.message().await {
                    Ok(Some(message)) => message,
                    Ok(None) => return,
                    Err(status) => {
                        // Nobody may be there to read it.
                        let _ = sender.send(Err(status)).await;
                        return;
                    }
                };
                let script = script(message);
                let (how, goes_on) = play(&script, &sender).await;
                endings.tell(&script.call, how);
                if !goes_on {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }

    async fn ended(&self, request: Request<Name>) -> Result<Response<Ending>, Status> {
        let call = request.into_inner().call;
        for _ in 0..1500 {
            if let Some(how) = self.endings.of(&call) {
                return Ok(Response::new(Ending { how: how.to_owned() }));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Response::new(Ending {
            how: "running".to_owned(),
        }))
    }
}

impl Handlers {
    fn watch_over(&self, call: &str) -> Watched {
        Watched {
            endings: Arc::clone(&self.endings),
            call: call.to_owned(),
        }
    }
}

/// A handler that is dropped before its end was left by its caller.
struct Watched {
    endings: Arc<Endings>,
    call: String,
}

impl Watched {
    fn done(self) {
        self.endings.tell(&self.call, "done");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.endings.tell(&self.call, "gone");
    }
}

#[derive(Debug, Default)]
struct Endings(Mutex<HashMap<String, &'static str>>);

impl Endings {
    /// The first word counts.
    fn tell(&self, call: &str, how: &'static str) {
        if !call.is_empty() {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(call.to_owned())
                .or_insert(how);
        }
    }

    fn of(&self, call: &str) -> Option<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(call).copied()
    }
}

/// Says how it ended and whether the call goes on.
async fn play(script: &Script, answers: &mpsc::Sender<Result<Say, Status>>) -> (&'static str, bool) {
    for size in &script.answers {
        if answers.send(Ok(say(*size))).await.is_err() {
            return ("gone", false);
        }
    }
    if script.waits {
        answers.closed().await;
        return ("gone", false);
    }
    let Some(status) = failure(script) else {
        return ("done", !script.ends);
    };
    match answers.send(Err(status)).await {
        Ok(()) => ("done", false),
        Err(_) => ("gone", false),
    }
}

async fn wait_or_fail(script: &Script) -> Result<(), Status> {
    if script.waits {
        std::future::pending::<()>().await;
    }
    failure(script).map_or(Ok(()), Err)
}

fn failure(script: &Script) -> Option<Status> {
    let failure = script.failure.clone()?;
    Some(Status::with_details(
        Code::from_i32(failure.code),
        failure.message,
        failure.details,
    ))
}

fn script(say: Say) -> Script {
    say.script.unwrap_or_else(|| Script {
        answers: vec![0],
        ..Script::default()
    })
}

fn say(size: u32) -> Say {
    Say {
        payload: payload(size as usize).into(),
        script: None,
    }
}
