//! A server to attack, with an honest client beside it, in a simulated world or on a real socket; and what it costs.

use std::fs;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kitewire::runtime::{Instant, Io, Timer};
use kitewire::{
    Address, Client, GrpcOptions, Notice, PoolOptions, Runtime, Server, ServerHandle, StreamPool, StreamTransport,
    Transport, TtStreamOptions,
};
use kitewire_simulator::{Net, World, seeds};
use kitewire_tests::heap::Growth;
use kitewire_tests::site::{PromisesClient, PromisesServer, ask};
use kitewire_tokio::Tokio;

use crate::attacker::{Attacker, Cost, Flood};
use crate::victim::{Handlers, Patience, hasty, scene};

type Work<T> = Pin<Box<dyn Future<Output = T>>>;
type Connecting = Work<io::Result<Box<dyn Io>>>;

/// A server and what belongs to it.
pub(crate) struct Stage {
    connect: Box<dyn Fn() -> Connecting>,
    sleep: Box<dyn Fn(Duration) -> Work<()>>,
    now: Box<dyn Fn() -> Instant>,
    /// The simulated network, where there is one. Time is exact there.
    pub(crate) net: Option<Net>,
    pub(crate) patience: Patience,
    pub(crate) handle: ServerHandle,
    pub(crate) handlers: Arc<Handlers>,
    /// Why connections ended.
    closed: Arc<Mutex<Vec<String>>>,
    honest: [PromisesClient; 3],
    /// What an honest call costs.
    fair: Duration,
}

/// Runs an attack in a few worlds.
pub(crate) fn on_the_simulator<F: Future<Output = ()>>(attack: impl Fn(Stage) -> F) {
    let _turn = turn();
    for seed in seeds(0..2) {
        let mut world = World::builder(seed).log(0).build();
        let (server, client) = (world.host("server"), world.host("client"));
        let net = world.net();
        let done = world.run_until(async {
            let host = server.clone();
            let bound = (":8888", move |port| host.address(port));
            let patience = Patience {
                rest: Duration::from_millis(400),
                reader: Duration::from_millis(800),
                idle: Duration::from_secs(5),
            };
            attack(Stage::new((server, client), bound, patience, Some(net)).await).await;
        });
        if let Err(stuck) = done {
            panic!("{stuck}");
        }
    }
}

/// Runs an attack on this machine's own network.
pub(crate) fn on_a_socket<F: Future<Output = ()>>(attack: impl Fn(Stage) -> F) {
    let _turn = turn();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let bound = ("127.0.0.1:0", |port| Address::Tcp(([127, 0, 0, 1], port).into()));
        // Longer than a busy machine keeps this thread waiting.
        let patience = Patience {
            rest: Duration::from_millis(1500),
            reader: Duration::from_secs(2),
            idle: Duration::from_secs(5),
        };
        attack(Stage::new((Tokio, Tokio), bound, patience, None).await).await;
    });
}

/// One at a time: they share the heap.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    async fn new<R: Runtime>(
        (server, client): (R, R),
        (listen, reach): (&str, impl FnOnce(u16) -> Address),
        patience: Patience,
        net: Option<Net>,
    ) -> Self {
        let handlers = Arc::new(Handlers::default());
        let closed = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&closed);
        let scene = scene(&handlers);
        let bound = hasty(
            Server::new(server.clone()).register(PromisesServer::new(scene)),
            patience,
        )
        .observe(move |notice| {
            if let Notice::Closed { reason, .. } = notice {
                told.lock().unwrap().push(format!("{reason:?}"));
            }
        })
        .bind(listen)
        .await
        .unwrap();
        let address = reach(bound.local_addr().unwrap().port().unwrap());
        let handle = bound.handle();
        server.spawn(async {
            // What attackers have open is cut off at the end.
            let _ = bound.run().await;
        });
        let stream = |transport| {
            let pool = TtStreamOptions::default().pool(StreamPool::Multiplexed { connections: 1 });
            let pool = pool.idle_timeout(FRESH);
            let mut grpc = GrpcOptions::default();
            grpc.connections = 1;
            let builder = Client::to(address.clone()).stream_transport(transport);
            let builder = builder.tt_streams(pool).grpc(grpc);
            PromisesClient::new(builder.connect_timeout(PATIENCE).build(client.clone()).unwrap())
        };
        let call = Client::to(address.clone()).transport(Transport::Framed);
        let call = call.pooled(PoolOptions::default().max_idle_timeout(FRESH));
        let call = PromisesClient::new(call.connect_timeout(PATIENCE).build(client.clone()).unwrap());
        let honest = [call, stream(StreamTransport::Grpc), stream(StreamTransport::TtHeader)];
        let (clock, timers) = (client.clone(), client.clone());
        let mut stage = Self {
            connect: Box::new(move || {
                let (client, address) = (client.clone(), address.clone());
                Box::pin(async move {
                    let io = client.connect(&address).await?;
                    Ok(Box::new(io) as Box<dyn Io>)
                })
            }),
            sleep: Box::new(move |time| {
                let mut timer = timers.timer();
                timer.arm(timers.now() + time);
                Box::pin(poll_fn(move |cx| timer.poll_expired(cx)))
            }),
            now: Box::new(move || clock.now()),
            net,
            patience,
            handle,
            handlers,
            closed,
            honest,
            fair: Duration::ZERO,
        };
        stage.serves().await;
        let (_, cost) = stage
            .cost(async || {
                for _ in 0..CALLS {
                    stage.call().await;
                }
            })
            .await;
        stage.fair = cost.work.map_or(Duration::MAX, |work| work.max(COUNTED) / CALLS);
        stage
    }

    /// A peer without manners.
    pub(crate) async fn attacker(&self) -> Attacker {
        Attacker::new((self.connect)().await.unwrap())
    }

    /// Waits.
    pub(crate) fn sleep(&self, time: Duration) -> Work<()> {
        (self.sleep)(time)
    }

    pub(crate) fn now(&self) -> Instant {
        (self.now)()
    }

    /// Asserts that honest clients are served, and soon.
    pub(crate) async fn serves(&self) {
        let begun = self.now();
        self.call().await;
        for client in &self.honest[1..] {
            let mut talk = client.talk().await.unwrap();
            talk.send(ask("honest")).await.unwrap();
            assert_eq!(talk.recv().await.unwrap().unwrap().text, "honest");
            talk.close_send();
            assert!(talk.recv().await.unwrap().is_none());
        }
        let took = self.now() - begun;
        assert!(took < PATIENCE / 2, "{took:?}");
    }

    async fn call(&self) {
        let reply = self.honest[0].ping(ask("honest")).await.unwrap();
        assert_eq!(reply.text, "honest");
    }

    /// Does something, and says what it cost this thread and the heap.
    pub(crate) async fn cost<T>(&self, attack: impl AsyncFnOnce() -> T) -> (T, Cost) {
        let (growth, before) = (Growth::watch(), work());
        let done = attack().await;
        let work = work().zip(before).map(|(after, before)| after - before);
        let memory = growth.peak();
        (done, Cost { memory, work })
    }

    /// Sends what `frames` makes of numbers up to `most`, while honest clients are served beside it, until the server has
    /// had enough.
    pub(crate) async fn flood(
        &self,
        attacker: &mut Attacker,
        most: u32,
        mut frames: impl FnMut(u32) -> Vec<u8>,
    ) -> Flood {
        let (mut sent, mut bytes) = (0, 0);
        let (stopped, cost) = self
            .cost(async || {
                let (mut batch, mut batches) = (Vec::new(), 0);
                while sent < most {
                    batch.clear();
                    while sent < most && batch.len() < 32 * 1024 {
                        batch.extend(frames(sent));
                        sent += 1;
                    }
                    bytes += batch.len();
                    if !attacker.send(&batch).await {
                        return true;
                    }
                    batches += 1;
                    if batches % 16 == 0 {
                        self.serves().await;
                    }
                }
                attacker.gone(self, Duration::from_millis(300)).await
            })
            .await;
        self.serves().await;
        Flood {
            sent,
            bytes,
            stopped,
            cost,
            fair: self.fair,
        }
    }

    /// Asserts that a connection ended for this reason.
    #[track_caller]
    pub(crate) fn closed_for(&self, reason: &str) {
        let closed = self.closed.lock().unwrap();
        assert!(
            closed.iter().any(|known| known.contains(reason)),
            "{reason}: {closed:?}"
        );
    }

    /// How many connections ended for this reason.
    pub(crate) fn ended(&self, reason: &str) -> usize {
        let closed = self.closed.lock().unwrap();
        closed.iter().filter(|known| known.contains(reason)).count()
    }

    /// Waits until nothing is left of what attackers had.
    pub(crate) async fn quiet(&self, connections: usize) {
        let until = self.now() + PATIENCE;
        loop {
            let stats = self.handle.stats();
            if stats.calls == 0 && stats.connections <= connections {
                return;
            }
            assert!(self.now() < until, "{stats:?}");
            self.sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.handle.shutdown(Duration::ZERO);
    }
}

/// How long this thread has run, where the system tells.
fn work() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// Honest calls that tell the price of one.
const CALLS: u32 = 1_000;
/// The system may look so far apart at how long a thread has run, and have seen nothing of the calls.
const COUNTED: Duration = Duration::from_millis(10);
/// What nothing here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long honest clients keep a connection that they do not use: less than the server does, whose end of it could
/// otherwise cross a call.
const FRESH: Duration = Duration::from_secs(2);
