//! Where a scenario is played: real sockets under three runtimes, and a simulated world.

use std::future::Future;
use std::time::Duration;

use kitewire::{Address, Client, ClientBuilder, Runtime, Transport};
use kitewire_async_std::AsyncStd;
use kitewire_simulator::World;
use kitewire_smol::Smol;
use kitewire_tokio::Tokio;

/// A server's runtime, a client's, and where the one listens for the other.
pub(crate) struct Place<S, C> {
    pub(crate) server: S,
    pub(crate) client: C,
    pub(crate) listen: Address,
}

/// Something that has to go the same way everywhere.
pub(crate) trait Scenario {
    fn play<S: Runtime, C: Runtime>(place: Place<S, C>) -> impl Future<Output = ()>;
}

pub(crate) fn everywhere<T: Scenario>() {
    on("tokio", || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        runtime.unwrap().block_on(T::play(sockets(Tokio)));
    });
    on("smol", || smol::block_on(T::play(sockets(Smol))));
    on("async-std", || async_std::task::block_on(T::play(sockets(AsyncStd))));
    for seed in 0..4 {
        on(&format!("the simulator, seed {seed}"), || {
            let mut world = World::new(seed);
            let server = world.host("shop");
            let place = Place {
                listen: server.address(8888),
                server,
                client: world.host("caller"),
            };
            world.run_until(T::play(place)).unwrap();
        });
    }
}

fn on(name: &str, play: impl FnOnce()) {
    println!("on {name}");
    play();
}

fn sockets<R: Runtime>(runtime: R) -> Place<R, R> {
    Place {
        server: runtime.clone(),
        client: runtime,
        listen: Address::from("127.0.0.1:0"),
    }
}

pub(crate) fn to(address: &Address, transport: Transport) -> ClientBuilder {
    Client::to(address.clone())
        .transport(transport)
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE)
}

/// Of a call, and of everything else that should not wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
