//! A server and a client: one write per turn, whoever produced what it carries.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use kitewire::{Call, Client, Dispatch, Error, GrpcOptions, Registration, Runtime, Server, Transport};

use crate::hasty::Hasty;
use crate::stream::spawn;
use crate::watched::Watched;

#[allow(missing_docs, reason = "generated")]
mod idl {
    kitewire::include_idl!("echo");
}

pub(crate) use idl::{Echo, EchoClient, EchoServer};

pub(crate) struct Echoing;

impl Echo for Echoing {
    async fn echo(&self, _: &Call, text: String) -> Result<String, Error> {
        Ok(text)
    }

    /// Answers when it is polled for the second time.
    async fn later(&self, _: &Call, text: String) -> Result<String, Error> {
        let mut polled = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        Ok(text)
    }
}

/// With 100 calls in flight on one connection, a write carries ten of them or more.
pub async fn answers_in_flight_share_writes<R: Runtime>(runtime: R) {
    for transport in [Transport::TtHeader, Transport::Grpc] {
        for dispatch in [Dispatch::InPlace, Dispatch::Spawn] {
            for method in ["echo", "later"] {
                let (server, client) = writes(&runtime, transport, dispatch, method).await;
                let case = format!("{transport:?} {dispatch:?} {method}");
                println!("{case}: {CALLS} calls, {server} writes of the server, {client} of the client");
                assert!(
                    server <= CALLS / 10,
                    "{case}: {server} writes of the server for {CALLS} calls"
                );
                assert!(
                    client <= CALLS / 10,
                    "{case}: {client} writes of the client for {CALLS} calls"
                );
            }
        }
    }
}

/// Where a task that wakes itself is polled again at once, every call is answered all the same.
pub async fn an_executor_in_a_hurry_only_writes_more<R: Runtime>(runtime: R) {
    let hasty = Hasty(runtime);
    for transport in [Transport::TtHeader, Transport::Grpc] {
        for dispatch in [Dispatch::InPlace, Dispatch::Spawn] {
            let (server, client) = writes(&hasty, transport, dispatch, "later").await;
            println!("in a hurry, {transport:?} {dispatch:?}: {server} writes of the server, {client} of the client");
        }
    }
}

/// Writes of the server and of the client.
async fn writes<R: Runtime>(
    runtime: &R,
    transport: Transport,
    dispatch: Dispatch,
    method: &'static str,
) -> (usize, usize) {
    let (server_side, client_side) = (Watched::new(runtime.clone()), Watched::new(runtime.clone()));
    let service = Registration::new(EchoServer::new(Echoing)).dispatch(dispatch);
    let bound = Server::new(server_side.clone())
        .register(service)
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let client = Client::to(bound.local_addr().unwrap())
        .transport(transport)
        .connect_timeout(Duration::from_secs(10));
    let client = match transport {
        Transport::Grpc => client.grpc(GrpcOptions::default().connections(1)),
        _ => client.multiplexed(1),
    };
    let client = EchoClient::new(client.build(client_side.clone()).unwrap());
    let handle = bound.handle();
    let running = spawn(runtime, bound.run());
    let callers: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let client = client.clone();
            spawn(runtime, async move {
                for _ in 0..CALLS / IN_FLIGHT {
                    let answer = match method {
                        "echo" => client.echo("x".to_owned()).await,
                        _ => client.later("x".to_owned()).await,
                    };
                    assert_eq!(answer.unwrap(), "x");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await;
    }
    handle.shutdown(Duration::from_secs(5));
    running.await.unwrap();
    (server_side.writes(), client_side.writes())
}

const IN_FLIGHT: usize = 100;
const CALLS: usize = 2000;
