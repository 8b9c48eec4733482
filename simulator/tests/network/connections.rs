//! Connecting and accepting.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use kitewire_runtime::{Address, Io, IoSlice, Listener, Runtime};
use kitewire_simulator::{FaultKind, Faults, Instant, SimulatedListener, World};

use crate::sockets::{accept, close, echo, exchange, message, pair, read_all, write};

fn kind<T>(outcome: io::Result<T>) -> io::ErrorKind {
    outcome.err().map(|error| error.kind()).unwrap()
}

#[test]
fn hosts_are_known_by_name_and_address() {
    let mut world = World::new(1);
    let (server, client) = (world.host("server"), world.host("client"));
    assert_eq!(world.host("server").address(7), server.address(7), "the same host");
    assert_eq!(server.address(1).to_string(), "10.0.0.1:1");
    echo(&server);
    let connects = world.run_until(async {
        client.sleep(Duration::from_millis(1)).await;
        for address in ["server:1", "10.0.0.1:1"] {
            let io = client.connect(&address.into()).await.unwrap();
            assert_eq!(io.peer().unwrap().to_string(), "10.0.0.1:1");
        }
        for address in ["localhost:1", "127.0.0.1:1", "[::]:1", "10.0.0.1:1"] {
            assert!(server.connect(&address.into()).await.is_ok(), "{address}");
        }
        assert_eq!(kind(client.connect(&"nobody:1".into()).await), io::ErrorKind::NotFound);
        assert_eq!(
            kind(client.connect(&"10.0.0.9:1".into()).await),
            io::ErrorKind::HostUnreachable
        );
        for address in ["server:2", "127.0.0.1:1", "/run/x.sock"] {
            let refused = kind(client.connect(&address.into()).await);
            assert_eq!(refused, io::ErrorKind::ConnectionRefused, "{address}");
        }
    });
    connects.unwrap();
}

#[test]
fn an_address_is_listened_on_once() {
    let mut world = World::new(1);
    let (server, client) = (world.host("server"), world.host("client"));
    let done = world.run_until(async {
        let any = server.listen(&"127.0.0.1:0".into()).await.unwrap();
        let local = any.local_address().unwrap();
        assert_ne!(local.port(), Some(0));
        assert_eq!(kind(server.listen(&local).await), io::ErrorKind::AddrInUse);
        assert_eq!(
            kind(server.listen(&client.address(1)).await),
            io::ErrorKind::AddrNotAvailable
        );
        let only_here = client.connect(&server.address(local.port().unwrap())).await;
        assert_eq!(
            kind(only_here),
            io::ErrorKind::ConnectionRefused,
            "it listens on loopback"
        );
        drop(any);
        assert!(server.listen(&local).await.is_ok(), "it is free again");
        let named = server.listen(&"server:5".into()).await.unwrap();
        assert_eq!(named.local_address().unwrap(), server.address(5));

        let path = Address::unix("/run/x.sock");
        let mut unix = server.listen(&path).await.unwrap();
        let mut io = server.connect(&path).await.unwrap();
        assert_eq!(io.peer(), Some(path));
        write(&mut io, b"x").await.unwrap();
        close(&mut io).await.unwrap();
        let mut io = accept(&mut unix).await.unwrap();
        assert_eq!(io.peer(), None, "clients of Unix sockets have no address");
        assert_eq!(read_all(&mut io).await.unwrap(), b"x");
    });
    done.unwrap();
}

#[test]
fn a_full_queue_makes_clients_wait() {
    let mut world = World::builder(1).backlog(1).build();
    let (server, client) = (world.host("server"), world.host("client"));
    let slow = server.clone();
    server.spawn(async move {
        let mut listener = slow.listen(&":1".into()).await.unwrap();
        let mut kept = Vec::new();
        loop {
            slow.sleep(Duration::from_millis(600)).await;
            kept.push(accept(&mut listener).await.unwrap());
        }
    });
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            client.clone().start("connect", async move {
                client.sleep(Duration::from_millis(1)).await;
                let io = client.connect(&"server:1".into()).await;
                (io.map(|io| io.connection()), client.now())
            })
        })
        .collect();
    let mut times = Vec::new();
    let done = world.run_until(async {
        for client in clients {
            let (connected, at) = client.await.unwrap();
            assert!(connected.is_ok());
            times.push(at.saturating_since(Instant::ZERO).as_secs());
        }
    });
    done.unwrap();
    times.sort_unstable();
    assert_eq!(times, [0, 1, 3], "tried again after one second, and after two more");
}

#[test]
fn a_listener_that_goes_resets_its_queue() {
    let mut world = World::new(1);
    let (server, client) = (world.host("server"), world.host("client"));
    let done = world.run_until(async {
        let listener: SimulatedListener = server.listen(&":1".into()).await.unwrap();
        let mut io = client.connect(&"server:1".into()).await.unwrap();
        drop(listener);
        assert_eq!(kind(read_all(&mut io).await), io::ErrorKind::ConnectionReset);
        let again = client.connect(&"server:1".into()).await;
        assert_eq!(kind(again), io::ErrorKind::ConnectionRefused);
    });
    done.unwrap();
}

#[test]
fn a_reset_of_the_queue_comes_through_whatever_its_clients_have_sent() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let (server, client) = (world.host("server"), world.host("client"));
        let done = world.run_until(async {
            let listener: SimulatedListener = server.listen(&":1".into()).await.unwrap();
            let mut io = client.connect(&"server:1".into()).await.unwrap();
            write(&mut io, b"is anybody there?").await.unwrap();
            client.sleep(Duration::from_secs(1)).await;
            drop(listener);
            assert_eq!(kind(read_all(&mut io).await), io::ErrorKind::ConnectionReset);
        });
        assert!(done.is_ok(), "seed {seed}: the client waits for ever");
    }
}

#[test]
fn a_connect_that_is_given_up_leaves_nothing() {
    let mut world = World::new(1);
    let (server, client) = (world.host("server"), world.host("client"));
    echo(&server);
    world.run_for(Duration::from_millis(1)).unwrap();
    for wait in [0, 20, 100, 300, 1000, 3000] {
        let connecting = client.clone();
        let task = client.start("connect", async move {
            connecting.connect(&"server:1".into()).await.map(drop)
        });
        drop(task);
        world.run_for(Duration::from_micros(wait)).unwrap();
        world.net().kill(&client);
        world.run_for(Duration::from_secs(1)).unwrap();
        assert!(world.net().connections().is_empty(), "after {wait} µs");
    }
}

#[test]
fn a_full_buffer_makes_the_writer_wait() {
    let mut world = World::builder(3).buffer(1000).build();
    let (mut client, mut server) = pair(&mut world);
    let all = message(5000);
    let writing = world.host("client").start("write", {
        let all = all.clone();
        async move {
            write(&mut client, &all).await.unwrap();
            client
        }
    });
    world.run_for(Duration::from_secs(5)).unwrap();
    assert!(!writing.is_finished());
    assert_eq!(world.net().connections()[0].to_server, 1000);
    let mut got = Vec::new();
    let read = world.run_until(async {
        while got.len() < all.len() {
            got.extend(crate::sockets::read(&mut server).await.unwrap());
        }
        writing.await.unwrap()
    });
    drop(read.unwrap());
    assert_eq!(got, all);
}

#[test]
fn reads_and_writes_are_of_every_size() {
    let mut world = World::builder(5).chunks(1..=8).build();
    let (mut client, _server) = pair(&mut world);
    let mut sizes = [0; 65];
    let done = world.run_until(async {
        for _ in 0..400 {
            let written = poll_fn(|cx| client.poll_write(cx, &[IoSlice::new(&[7; 64])]))
                .await
                .unwrap();
            sizes[written] += 1;
        }
    });
    done.unwrap();
    assert!(sizes[1..=8].iter().all(|count| *count > 0), "{sizes:?}");
    assert_eq!(sizes[9..].iter().sum::<i32>(), 0, "{sizes:?}");
}

#[test]
fn refusals_and_failures_to_accept_are_drawn_and_counted() {
    let faults = Faults::none().refusals(3).accept_failures(3);
    let mut world = World::builder(9).faults(faults).build();
    echo(&world.host("server"));
    let client = world.host("client");
    let mut refused = 0;
    let done = world.run_until(async {
        client.sleep(Duration::from_millis(1)).await;
        for _ in 0..100 {
            match exchange(client.clone(), message(10)).await {
                Ok(answer) => assert_eq!(answer, message(10)),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
                    refused += 1;
                }
            }
        }
    });
    done.unwrap();
    let counts = world.trace().faults;
    assert!((20..50).contains(&refused), "{counts}");
    assert_eq!(counts.of(FaultKind::Refused), refused);
    assert!(counts.of(FaultKind::AcceptFailed) > 10, "{counts}");
    assert_eq!(counts.total(), counts.iter().map(|(_, count)| count).sum());
}
