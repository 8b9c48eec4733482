//! Where scenarios run: each runtime as server and as client, with tokio on the other side, and the simulator as both.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use kitewire::{Address, Instant, Runtime};
use kitewire_async_std::AsyncStd;
use kitewire_simulator::World;
use kitewire_smol::Smol;
use kitewire_tokio::{Tokio, TokioIo, TokioListener, TokioTimer};

use crate::any::Any;
use crate::scenarios::Scenario;
use crate::site::Site;

/// One column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// These two, over real sockets: who serves, and who calls.
    Sockets(Real, Real),
    /// Both in one world, once per seed.
    Simulator,
}

/// A runtime with real sockets and a real clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Real {
    Tokio,
    AsyncStd,
    Smol,
}

/// What everything else is compared with comes first.
pub(crate) const COLUMNS: [Column; 7] = [
    Column::Sockets(Real::Tokio, Real::Tokio),
    Column::Sockets(Real::AsyncStd, Real::Tokio),
    Column::Sockets(Real::Tokio, Real::AsyncStd),
    Column::Sockets(Real::Smol, Real::Tokio),
    Column::Sockets(Real::Tokio, Real::Smol),
    Column::Sockets(Real::AsyncStd, Real::Smol),
    Column::Simulator,
];

impl Column {
    /// Two lines: who, and in which role.
    pub(crate) const fn head(self) -> [&'static str; 2] {
        match self {
            Self::Sockets(Real::Tokio, Real::Tokio) => ["tokio", "both"],
            Self::Sockets(Real::AsyncStd, Real::Tokio) => ["async-std", "server"],
            Self::Sockets(Real::Tokio, Real::AsyncStd) => ["async-std", "client"],
            Self::Sockets(Real::Smol, Real::Tokio) => ["smol", "server"],
            Self::Sockets(Real::Tokio, Real::Smol) => ["smol", "client"],
            Self::Sockets(..) => ["async-std", "to smol"],
            Self::Simulator => ["simulator", "both"],
        }
    }

    /// Plays `scenario` here, and gives what was written down: once, or once for each of `seeds`.
    pub(crate) fn play(self, scenario: &Arc<Scenario>, seeds: &Range<u64>) -> Vec<(Option<u64>, Vec<String>)> {
        match self {
            Self::Sockets(server, client) => vec![(None, over_sockets(scenario, server, client))],
            Self::Simulator => seeds
                .clone()
                .map(|seed| (Some(seed), simulated(scenario, seed)))
                .collect(),
        }
    }
}

impl Real {
    fn runtime(self) -> Any {
        match self {
            Self::Tokio => Any::new(OnTokio),
            Self::AsyncStd => Any::new(AsyncStd),
            Self::Smol => Any::new(Smol),
        }
    }
}

fn over_sockets(scenario: &Arc<Scenario>, server: Real, client: Real) -> Vec<String> {
    let (server, client) = (server.runtime(), client.runtime());
    let site = Site::new(server, client.clone(), client.clone(), "127.0.0.1:0".into());
    let (over, is_over) = mpsc::channel();
    let (playing, played) = (site.clone(), Arc::clone(scenario));
    client.spawn(async move {
        play(&played, &playing).await;
        let _ = over.send(());
    });
    if is_over.recv_timeout(LONGEST).is_err() {
        site.note("it does not end");
    }
    site.lines()
}

fn simulated(scenario: &Arc<Scenario>, seed: u64) -> Vec<String> {
    let mut world = World::builder(seed).step_limit(STEPS).log(LOG).build();
    let (server, client) = (world.host("server"), world.host("client"));
    let (neighbour, listen) = (Any::new(server.clone()), server.address(0));
    let site = Site::new(Any::new(server), Any::new(client), neighbour, listen);
    let (playing, played) = (site.clone(), Arc::clone(scenario));
    let ended = world.run_until(async move { play(&played, &playing).await });
    if let Err(stuck) = ended {
        site.note(format!("it does not end: {stuck}"));
    }
    site.lines()
}

/// Plays a scenario to its end, even where it panics.
async fn play(scenario: &Scenario, site: &Site) {
    let mut run = (scenario.run)(site.clone());
    let panicked = std::future::poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx)));
        match polled {
            Ok(polled) => polled.map(|()| false),
            Err(_) => Poll::Ready(true),
        }
    })
    .await;
    drop(run);
    if panicked {
        site.note("the scenario panicked");
    }
    site.close().await;
}

/// Tokio, whose tasks can be started from anywhere.
#[derive(Clone)]
struct OnTokio;

impl Runtime for OnTokio {
    type Io = TokioIo;
    type Listener = TokioListener;
    type Timer = TokioTimer;

    async fn listen(&self, address: &Address) -> std::io::Result<TokioListener> {
        Tokio.listen(address).await
    }

    async fn connect(&self, address: &Address) -> std::io::Result<TokioIo> {
        Tokio.connect(address).await
    }

    fn timer(&self) -> TokioTimer {
        Tokio.timer()
    }

    fn now(&self) -> Instant {
        Tokio.now()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
        let runtime = RUNTIME.get_or_init(|| {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().build().unwrap()
        });
        drop(runtime.spawn(task));
    }
}

/// What no scenario takes in a simulated world.
const STEPS: u64 = 500_000;
/// Lines of the trace that are shown of one that does not end.
const LOG: usize = 30;
/// What no scenario takes on a machine that is busy.
const LONGEST: Duration = Duration::from_secs(20);
