//! A simulated world for services and clients of kitewire: hosts, a network that fails, and time that costs nothing, all
//! in one thread and all decided by one seed.
//!
//! A [`World`] has hosts; a host is a [`Simulated`], which is a [`Runtime`](kitewire_runtime::Runtime) like any other. So
//! the real server runs on one host and the real clients on others, with the same handlers and the same protocols as in
//! production, and nothing of it knows that the network between them is a few queues. When every task waits, the clock
//! jumps to whatever happens next: a timeout of a minute takes no time to test.
//!
//! Everything that could be one way or another is drawn from the seed: which task runs next, how long a packet is under
//! way, how many bytes a read returns, what fails and when. One seed is one history, on every machine; another seed is
//! another. So a test runs many, and a failure is replayed as often as it takes to understand it.
//!
//! # A test
//!
//! ```
//! use std::future::poll_fn;
//! use std::time::Duration;
//! use kitewire_runtime::{BytesMut, Io, IoSlice, Listener, Runtime};
//! use kitewire_simulator::{Faults, World, seeds};
//!
//! for seed in seeds(0..20) {
//!     let stalls = Faults::none().stalls(3, Duration::from_secs(1)..=Duration::from_secs(60));
//!     let mut world = World::builder(seed).faults(stalls).build();
//!     let (server, client) = (world.host("server"), world.host("client"));
//!
//!     let runtime = server.clone();
//!     server.spawn(async move {
//!         let mut listener = runtime.listen(&":8888".into()).await.unwrap();
//!         let mut io = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
//!         poll_fn(|cx| io.poll_write(cx, &[IoSlice::new(b"h")])).await.unwrap();
//!     });
//!
//!     let greeting = world.run_until(async {
//!         client.sleep(Duration::from_millis(10)).await;
//!         let mut io = client.connect(&"server:8888".into()).await?;
//!         let mut buffer = BytesMut::with_capacity(16);
//!         poll_fn(|cx| io.poll_read(cx, &mut buffer)).await?;
//!         std::io::Result::Ok(buffer)
//!     });
//!     match greeting {
//!         Ok(greeting) => assert_eq!(&greeting.unwrap()[..], b"h"),
//!         Err(stuck) => panic!("{stuck}"),
//!     }
//! }
//! ```
//!
//! With kitewire on top, the same reads `Server::new(shop.clone()).register(…).bind(":8888")` and
//! `Client::to("shop:8888").build(client)`. The example `simulation` of the repository is a whole one: handlers, clients
//! that try again, a server that is killed and comes back, and a property that holds in all of a thousand worlds.
//!
//! # A failure, replayed
//!
//! A [`Stuck`] says what still waits and what happened last, and a panic inside a world prints the same; both end in
//! `replay it with KITEWIRE_SEED=17`. With that in its environment, a test whose loop is over [`seeds`] runs that world
//! alone. [`World::log`] has what happened, line by line, and [`World::note`] and [`Simulated::note`] put lines of the
//! test's own between. [`Trace::hash`] tells two histories apart.
//!
//! What a history depends on must come from the world: time from [`Simulated::now`](kitewire_runtime::Runtime::now) and
//! [`Simulated::sleep`], random numbers from [`Simulated::random`]. The system's clock, threads, and the iteration order of
//! the standard library's `HashMap` are different in each run.
//!
//! # The network
//!
//! | what | how it is |
//! |---|---|
//! | hosts | 10.0.0.1, 10.0.0.2 …, each known to all by its name; `localhost`, loopback and Unix sockets are a host's own |
//! | latency | drawn for each packet; nothing overtakes in one direction of a connection |
//! | reads and writes | of any size, partial ones included; a full buffer makes the writer wait |
//! | closing | the end arrives behind the data. A socket dropped with unread data resets the connection, and what is sent to one that is gone is answered with a reset, as systems do |
//! | connecting | refused where nobody listens; tried again after 1, 2, 4 … s while the queue there is full |
//! | silence | what does not get through for 15 minutes ends with `TimedOut`; in the other direction nobody is told |
//!
//! What goes wrong is drawn from the seed ([`Faults`]), or done on purpose through [`Net`]: refused connects, failures to
//! accept, resets, early ends, stalls, partitions of one or both ways, half-open connections, killed processes, hosts
//! without power.

mod builder;
mod core;
mod executor;
mod faults;
mod net;
mod network;
mod random;
mod runtime;
mod stuck;
mod task;
mod trace;
mod world;

use std::ops::Range;

pub use builder::Builder;
pub use executor::Schedule;
pub use faults::{FaultCounts, FaultInfo, FaultKind, Faults};
pub use kitewire_runtime::{Address, Instant};
pub use net::Net;
pub use network::{ConnectionId, ConnectionInfo, Side};
pub use random::Random;
pub use runtime::{Simulated, SimulatedIo, SimulatedListener, SimulatedTimer, Sleep};
pub use stuck::{Stuck, Why};
pub use task::{Killed, Task};
pub use trace::Trace;
pub use world::World;

/// The environment variable that names the one seed to run; see [`seeds`].
pub const SEED: &str = "KITEWIRE_SEED";

/// The seeds of a test: those of `range`, or the one that the environment variable [`SEED`] names, to replay a failure.
pub fn seeds(range: Range<u64>) -> Range<u64> {
    let one = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    one.map_or(range, |seed: u64| seed..seed.saturating_add(1))
}
