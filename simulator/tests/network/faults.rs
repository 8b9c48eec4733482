//! What goes wrong with the network, on purpose and by itself.

use std::io;
use std::time::Duration;

use kitewire_runtime::Runtime;
use kitewire_simulator::{FaultKind, Faults, Instant, Killed, Side, World};

use crate::sockets::{echo, exchange, message, pair, read, read_all, write};

/// What the client reads when `fault` happens to its connection half a second after both have written.
fn after(fault: impl Fn(&World, kitewire_simulator::ConnectionId)) -> (io::Result<Vec<u8>>, Duration, World) {
    let mut world = World::new(2);
    let (mut client, mut server) = pair(&mut world);
    let id = client.connection();
    let written = world.run_until(async {
        write(&mut server, b"before").await.unwrap();
    });
    written.unwrap();
    world.run_for(Duration::from_millis(500)).unwrap();
    fault(&world, id);
    let written = world.run_until(async { write(&mut server, b"after").await });
    drop(written.unwrap());
    let begun = world.now();
    let reading = world.host("client").start("read", async move {
        let mut got = Vec::new();
        while got.len() < b"beforeafter".len() {
            let some = read(&mut client).await?;
            if some.is_empty() {
                break;
            }
            got.extend(some);
        }
        Ok(got)
    });
    let limit = world.sleep(Duration::from_secs(60));
    let mut reading = Box::pin(reading);
    let mut limit = Box::pin(limit);
    let outcome = world.run_until(std::future::poll_fn(|cx| {
        use std::future::Future;
        use std::task::Poll;
        if let Poll::Ready(done) = reading.as_mut().poll(cx) {
            return Poll::Ready(done.unwrap());
        }
        limit.as_mut().poll(cx).map(|()| Err(io::ErrorKind::WouldBlock.into()))
    }));
    drop(server);
    let took = world.now().saturating_since(begun);
    (outcome.unwrap(), took, world)
}

#[test]
fn connections_are_reset_cut_and_silenced() {
    let (read, _, world) = after(|_, _| {});
    assert_eq!(read.unwrap(), b"beforeafter");
    assert_eq!(world.trace().faults.total(), 0);

    let (read, _, world) = after(|world, id| world.net().reset(id));
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(world.trace().faults.of(FaultKind::Reset), 1);

    let (read, _, world) = after(|world, id| world.net().cut(id));
    assert_eq!(read.unwrap(), b"before");
    assert_eq!(world.trace().faults.of(FaultKind::Cut), 1);

    let (read, _, world) = after(|world, id| world.net().vanish(id));
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(world.trace().faults.of(FaultKind::Vanished), 1);

    let (read, ..) = after(|world, id| world.net().half_open(id, Side::Server));
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let (read, ..) = after(|world, id| world.net().half_open(id, Side::Client));
    assert_eq!(read.unwrap(), b"beforeafter");
}

#[test]
fn a_writer_that_waits_for_room_learns_that_its_connection_was_cut() {
    let mut world = World::builder(1).buffer(1000).build();
    let (client, mut server) = pair(&mut world);
    let writing = world.host("server").start("write", async move {
        loop {
            if let Err(error) = write(&mut server, &message(100)).await {
                return error.kind();
            }
        }
    });
    world.run_for(Duration::from_secs(1)).unwrap();
    assert!(!writing.is_finished());
    world.net().cut(client.connection());
    assert_eq!(world.run_until(writing).unwrap(), Ok(io::ErrorKind::ConnectionReset));
}

#[test]
fn what_is_stalled_or_partitioned_arrives_later() {
    let second = Duration::from_secs(1);
    let (read, took, world) = after(|world, id| world.net().stall(id, second * 3));
    assert_eq!(read.unwrap(), b"beforeafter");
    assert!(took >= second * 3 && took < second * 4, "{took:?}");
    assert_eq!(world.trace().faults.of(FaultKind::Stalled), 1);

    let hosts = |world: &World| (world.host("server"), world.host("client"));
    let (read, took, _) = after(|world, _| {
        let (server, client) = hosts(world);
        world.net().stall_link(&client, &server, second * 3);
    });
    assert_eq!(read.unwrap(), b"beforeafter");
    assert!(took >= second * 3 && took < second * 4, "{took:?}");

    for one_way in [false, true] {
        let (read, took, world) = after(|world, _| {
            let (server, client) = hosts(world);
            let net = world.net();
            if one_way {
                net.partition_one_way(&server, &client);
            } else {
                net.partition(&client, &server);
            }
            let waiting = world.sleep(second * 5);
            world.spawn(async move {
                waiting.await;
                net.heal(&server, &client);
            });
        });
        assert_eq!(read.unwrap(), b"beforeafter");
        assert!(took >= second * 5 && took < second * 6, "{took:?}");
        assert_eq!(world.trace().faults.of(FaultKind::Partitioned), 1);
    }
    let (read, ..) = after(|world, _| {
        let (server, client) = hosts(world);
        world.net().partition_one_way(&client, &server);
    });
    assert_eq!(read.unwrap(), b"beforeafter", "the other way is free");
}

#[test]
fn a_system_gives_up_what_does_not_get_through() {
    let mut world = World::builder(1).give_up(Duration::from_secs(60)).build();
    let (mut client, mut server) = pair(&mut world);
    let (near, far) = (world.host("client"), world.host("server"));
    world.net().partition(&near, &far);
    let done = world.run_until(async {
        write(&mut client, b"x").await.unwrap();
        let error = read(&mut client).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let refused = near.connect(&"server:1".into()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
    });
    done.unwrap();
    assert!(world.now() >= Instant::ZERO + Duration::from_secs(120));
    // The server sent nothing, so nobody told it; it hears of it when it does.
    world.net().heal_all();
    let done = world.run_until(async {
        drop(client);
        write(&mut server, b"are you there?").await.unwrap();
        read_all(&mut server).await.unwrap_err().kind()
    });
    assert_eq!(done.unwrap(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_host_is_killed_or_loses_its_power() {
    for power in [false, true] {
        let mut world = World::new(4);
        let (server, client) = (world.host("server"), world.host("client"));
        echo(&server);
        let idle = server.start("idle", std::future::pending::<()>());
        world.run_for(Duration::from_millis(1)).unwrap();
        let mut io = world
            .run_until(async { client.connect(&"server:1".into()).await.unwrap() })
            .unwrap();
        world.run_for(Duration::from_millis(10)).unwrap();
        let (net, trace) = (world.net(), world.trace());
        if power {
            net.power_off(&server);
        } else {
            net.kill(&server);
        }
        let done = world.run_until(async {
            assert_eq!(idle.await, Err(Killed));
            if power {
                // Nothing is known of it until it is there again, and says that it knows of no such connection.
                write(&mut io, b"x").await.unwrap();
                client.sleep(Duration::from_secs(5)).await;
                net.power_on(&server);
                assert_eq!(read(&mut io).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
            } else {
                assert_eq!(read(&mut io).await.unwrap(), b"", "its system closes what it had");
            }
            let refused = client.connect(&"server:1".into()).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        });
        done.unwrap();
        assert_eq!(world.trace().faults.total(), trace.faults.total() + 1);
        echo(&server);
        let answer = world.run_until(async {
            client.sleep(Duration::from_millis(1)).await;
            exchange(client.clone(), message(10)).await
        });
        assert_eq!(answer.unwrap().unwrap(), message(10), "it serves again");
    }
}

#[test]
fn an_address_refuses_until_it_is_admitted() {
    let mut world = World::new(4);
    let (server, client) = (world.host("server"), world.host("client"));
    echo(&server);
    let net = world.net();
    let done = world.run_until(async {
        client.sleep(Duration::from_millis(1)).await;
        net.refuse(&server, ":1");
        let refused = client.connect(&"server:1".into()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        net.admit(&server, ":1");
        assert!(client.connect(&"server:1".into()).await.is_ok());
        net.set_latency(&client, &server, Duration::from_secs(2)..=Duration::from_secs(2));
        let before = client.now();
        assert!(client.connect(&"server:1".into()).await.is_ok());
        assert_eq!(client.now() - before, Duration::from_secs(4), "there and back");
    });
    done.unwrap();
}

#[test]
fn what_happens_to_every_piece_happens_to_it_once() {
    let moment = Duration::ZERO..=Duration::from_millis(1);
    let never = Duration::ZERO..=Duration::ZERO;
    for (faults, kind) in [
        (Faults::none().stalls(1, moment.clone()), FaultKind::Stalled),
        (Faults::none().stalls(1, never.clone()), FaultKind::Stalled),
        (Faults::none().partitions(1, moment), FaultKind::Partitioned),
        (Faults::none().partitions(1, never.clone()), FaultKind::Partitioned),
    ] {
        let mut world = World::builder(1).latency(never.clone()).whole().faults(faults).build();
        echo(&world.host("server"));
        let client = world.host("client");
        let done = world.run_until(exchange(client, message(500)));
        assert_eq!(done.unwrap().unwrap(), message(500));
        assert_eq!(world.trace().faults.of(kind), 2, "one each way");
    }
}

#[test]
fn what_went_wrong_is_told_by_host_and_a_storm_ends_when_it_is_asked_to() {
    let mut world = World::builder(1).faults(Faults::none().refusals(1)).build();
    let (server, client, other) = (world.host("server"), world.host("client"), world.host("other"));
    echo(&server);
    let net = world.net();
    let connect = |client: kitewire_simulator::Simulated| async move { client.connect(&"server:1".into()).await };
    let refused = world.run_until(connect(client.clone())).unwrap();
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let [fault] = net.faults().try_into().unwrap();
    assert_eq!(fault.kind, FaultKind::Refused);
    assert!(Instant::ZERO < fault.at && fault.at < world.now());
    assert_eq!(fault.connection.map(|id| id.number()), Some(0));
    assert!(fault.concerns(&client) && fault.concerns(&server) && !fault.concerns(&other));

    net.set_faults(Faults::none());
    let io = world.run_until(connect(other.clone())).unwrap().unwrap();
    assert!(net.connections().iter().all(|connection| !connection.silent));
    net.half_open(io.connection(), Side::Server);
    assert!(net.connections().iter().all(|connection| connection.silent));
    net.kill(&other);
    let faults = net.faults();
    assert_eq!(
        faults.iter().map(|fault| fault.concerns(&other)).collect::<Vec<_>>(),
        [false, true, true]
    );
    assert_eq!(faults[2].connection, None);
}

#[test]
fn drawn_faults_end_every_exchange_one_way_or_another() {
    let faults = Faults::none()
        .resets(40)
        .cuts(40)
        .vanishings(80)
        .stalls(20, Duration::ZERO..=Duration::from_secs(3))
        .partitions(40, Duration::ZERO..=Duration::from_secs(3));
    let run = |seed| {
        let mut world = World::builder(seed).faults(faults.clone()).chunks(1..=256).build();
        echo(&world.host("server"));
        let clients: Vec<_> = (0..4)
            .map(|number| {
                let client = world.host(&format!("client-{number}"));
                client.start("exchange", exchange(client.clone(), message(500)))
            })
            .collect();
        let (mut good, mut bad) = (0, 0);
        let limit = world.sleep(Duration::from_secs(1200));
        let done = world.run_until(async {
            limit.await;
            for client in clients {
                // A client that only reads is not told that its connection has vanished.
                if client.is_finished() {
                    match client.await.unwrap() {
                        Ok(answer) => good += u64::from(answer == message(500)),
                        Err(_) => bad += 1,
                    }
                }
            }
        });
        done.unwrap();
        (world.trace(), good, bad)
    };
    let (mut good, mut bad, mut faults) = (0, 0, kitewire_simulator::FaultCounts::default());
    for seed in 0..100 {
        let (trace, answered, failed) = run(seed);
        assert_eq!(run(seed).0, trace, "seed {seed}");
        good += answered;
        bad += failed;
        faults.add(&trace.faults);
    }
    assert!(good > 50 && bad > 50, "{good} good, {bad} bad, {faults}");
    for kind in [
        FaultKind::Reset,
        FaultKind::Cut,
        FaultKind::Vanished,
        FaultKind::Stalled,
        FaultKind::Partitioned,
    ] {
        assert!(faults.of(kind) > 20, "{faults}");
    }
}
