//! The network of a world, as a runtime's sockets see it.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod connections;
mod ends;
mod faults;
mod sockets;

use sockets::{echo, exchange, message};

#[test]
fn bytes_arrive_whole_and_in_order_and_the_same_seed_does_the_same() {
    use kitewire_simulator::{Schedule, World};

    let run = |seed, schedule| {
        let mut world = World::builder(seed).schedule(schedule).build();
        echo(&world.host("server"));
        let clients: Vec<_> = (0..4)
            .map(|number| {
                let client = world.host(&format!("client-{number}"));
                client.start("exchange", exchange(client.clone(), message(20_000)))
            })
            .collect();
        let done = world.run_until(async {
            for client in clients {
                assert_eq!(client.await.unwrap().unwrap(), message(20_000));
            }
        });
        done.unwrap();
        world.trace()
    };
    for schedule in [Schedule::Seeded, Schedule::Fair] {
        for seed in 0..20 {
            let trace = run(seed, schedule);
            assert_eq!(trace, run(seed, schedule), "seed {seed}");
            assert_ne!(trace.hash, run(seed + 1, schedule).hash);
            assert_eq!((trace.connections, trace.bytes), (4, 160_000));
            assert_eq!(trace.faults.total(), 0);
        }
    }
}
