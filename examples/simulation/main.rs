//! A shop in a simulated world: its real handlers and clients, over a network that fails, in virtual time.
//!
//! `cargo run --release --example simulation` runs 1,000 worlds; `KITEWIRE_SEED=17` in front of it replays that one, and
//! shows what happened. In a service's own crate this is an ordinary `#[test]`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kitewire::{Call, Client, Error, Server};
use kitewire_simulator::{FaultCounts, Faults, Instant, SEED, Simulated, Trace, World, seeds};

mod shop {
    kitewire::include_idl!("shop");
}
use shop::{Cart, CartAddError, CartClient, CartServer, Item, Receipt};

/// What the shop has sold; it outlives the shop's process, as a database would.
type Sold = Arc<Mutex<BTreeSet<String>>>;

struct Shop {
    host: Simulated,
    sold: Sold,
}

impl Cart for Shop {
    async fn add(&self, _call: &Call, item: Item) -> Result<Receipt, CartAddError> {
        // Whatever a handler waits for takes virtual time only.
        self.host.sleep(Duration::from_millis(5)).await;
        let mut sold = self.sold.lock().unwrap_or_else(PoisonError::into_inner);
        // An order that comes twice, as its first answer was lost, counts once.
        sold.insert(item.id);
        let total = i64::try_from(sold.len()).unwrap_or(i64::MAX);
        Ok(Receipt { total })
    }
}

async fn serve(host: Simulated, sold: Sold) {
    let shop = Shop {
        host: host.clone(),
        sold,
    };
    let server = Server::new(host).register(CartServer::new(shop));
    let bound = server.bind(":8888").await.expect("the port is free");
    let _ = bound.run().await;
}

/// Orders one thing after another, each until it has gone well. Returns how often an order had to be tried.
async fn order(host: Simulated, name: String) -> Result<u32, Error> {
    let client = Client::to("shop:8888").timeout(Duration::from_secs(1));
    let cart = CartClient::new(client.build(host.clone())?);
    let mut tries = 0;
    for number in 0..ORDERS {
        let item = Item {
            id: format!("{name} {number}"),
            count: 1,
        };
        loop {
            tries += 1;
            match cart.add(item.clone()).await {
                Ok(_) => break,
                Err(error) => host.note(format!("{name} tries again: {error}")),
            }
            host.sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(tries)
}

/// One world: three clients, and a shop that is killed and started again.
fn simulate(seed: u64) -> (World, Trace) {
    let faults = Faults::none()
        .resets(60)
        .cuts(60)
        .stalls(30, Duration::from_millis(1)..=Duration::from_secs(2))
        .partitions(100, Duration::from_millis(1)..=Duration::from_secs(5));
    let mut world = World::builder(seed).faults(faults).build();
    let (host, sold) = (world.host("shop"), Sold::default());
    let mut random = world.random();
    drop(host.start("shop", serve(host.clone(), Arc::clone(&sold))));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let name = format!("client-{number}");
            let host = world.host(&name);
            host.start("orders", order(host.clone(), name))
        })
        .collect();
    let downtime = Duration::from_millis(random.within(0..=500));
    let net = world.net();
    let ended = world.run_until(async {
        host.sleep(downtime).await;
        net.kill(&host);
        host.sleep(downtime).await;
        drop(host.start("shop", serve(host.clone(), Arc::clone(&sold))));
        for client in clients {
            let tries = client.await.expect("nobody kills clients").expect("a client");
            assert!(tries >= ORDERS);
        }
    });
    if let Err(stuck) = ended {
        panic!("{stuck}");
    }
    assert_eq!(
        sold.lock().map(|sold| sold.len()).ok(),
        Some((CLIENTS * ORDERS) as usize)
    );
    assert!(world.now() < Instant::ZERO + Duration::from_secs(600), "too slow");
    let trace = world.trace();
    (world, trace)
}

fn main() {
    let (mut worlds, mut faults, mut time) = (0, FaultCounts::default(), Duration::ZERO);
    for seed in seeds(0..1000) {
        let (world, trace) = simulate(seed);
        if std::env::var_os(SEED).is_some() {
            println!("{}", world.log(usize::MAX).join("\n"));
        }
        assert_eq!(simulate(seed).1, trace, "the same seed does the same");
        worlds += 1;
        faults.add(&trace.faults);
        time += trace.elapsed;
    }
    println!("{worlds} worlds, {time:?} of virtual time, faults: {faults}");
}

const CLIENTS: u32 = 3;
const ORDERS: u32 = 10;
