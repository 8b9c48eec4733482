//! Streams over TTHeader on real sockets, between our own ends and against frames written by hand: the numbered
//! statements about Kitex's streams, each as a test of its name. SPEC.md lists them.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod cancel;
mod cascade;
mod coexistence;
mod drain;
mod errors;
mod exchange;
mod flow;
mod lost;
mod meta_frames;
mod metadata;

mod pools;
mod race;
mod sections;
mod statements;
mod time;
mod unknown;

use std::time::{Duration, Instant};

use kitewire::{Address, Client, ClientBuilder, Error, StreamPool, StreamTransport, Transport, TtStreamOptions};
use kitewire_tests::site::{PATIENCE, PromisesClient, Scene, Site, reply, within};
use kitewire_tests::ttframe::Peer;
use kitewire_tokio::Tokio;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A description of a client whose streams go over TTHeader, all of them over one connection.
fn builder(address: &Address) -> ClientBuilder {
    let pool = StreamPool::Multiplexed { connections: 1 };
    Client::to(address.clone())
        .transport(Transport::TtHeader)
        .stream_transport(StreamTransport::TtHeader)
        .tt_streams(TtStreamOptions::default().pool(pool))
        .connect_timeout(PATIENCE)
}

/// Such a client.
fn client(site: &Site) -> PromisesClient {
    built(builder(&site.address))
}

fn built(builder: ClientBuilder) -> PromisesClient {
    PromisesClient::new(builder.build(Tokio).unwrap())
}

/// Where our clients find a server that speaks frames by hand.
struct Stage {
    listener: TcpListener,
    address: Address,
}

impl Stage {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        Self { listener, address }
    }

    fn builder(&self) -> ClientBuilder {
        builder(&self.address)
    }

    async fn accept(&self) -> Peer {
        Peer::over(within(self.listener.accept()).await.unwrap().0)
    }
}

/// What the `recv` and the `send` of a handler ended with.
type Ends = mpsc::UnboundedReceiver<(Error, Error)>;

/// Handlers of `talk` that say "here", receive until that fails, and tell what their halves end with.
async fn watched() -> (Site, Ends) {
    let (seen, ends) = mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |call, mut asks, mut out| {
            let seen = seen.clone();
            Box::pin(async move {
                out.send(reply("here")).await?;
                let received = loop {
                    match asks.recv().await {
                        Ok(Some(_)) => {}
                        // The client has sent everything, and goes on listening.
                        Ok(None) => {
                            call.cancelled().await;
                            break asks.recv().await.unwrap_err();
                        }
                        Err(error) => break error,
                    }
                };
                assert!(call.is_cancelled());
                call.cancelled().await;
                let sent = out.send(reply("")).await.unwrap_err();
                seen.send((received, sent)).unwrap();
                Ok(())
            })
        })
        .serve()
        .await;
    (site, ends)
}

/// Checks code and text, the prefix included.
#[track_caller]
fn fails(error: &Error, code: i32, tags: &str, text: &str) {
    let whole = format!("[ttstream error, code={code}] {tags}{text}");
    assert_eq!(error.to_string(), whole);
    let exception = error.stream_exception().expect("an exception of streams over TTHeader");
    assert_eq!((exception.code, exception.message.as_str()), (code, text));
}

/// Awaits `work`, which must not wait for anything that ticks.
async fn at_once<T>(work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = within(work).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    done
}

/// Far below Kitex's tick of five seconds, far above what a busy machine takes.
const SOON: Duration = Duration::from_millis(900);

const CLIENT: &str = "[client-side stream] ";
const SERVER: &str = "[server-side stream] ";
const CANCELLED: &str = "user code invoking stream RPC with context processed by context.WithCancel or \
                         context.WithTimeout, then invoking cancel() actively";
