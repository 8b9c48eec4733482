//! How connections end when nothing goes wrong with the network.

use std::io;
use std::time::Duration;

use kitewire_simulator::World;

use crate::sockets::{close, message, pair, read, read_all, write};

#[test]
fn the_end_comes_behind_the_data() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        let (mut client, mut server) = pair(&mut world);
        let done = world.run_until(async {
            write(&mut client, &message(3000)).await.unwrap();
            close(&mut client).await.unwrap();
            assert_eq!(
                write(&mut client, b"x").await.unwrap_err().kind(),
                io::ErrorKind::BrokenPipe
            );
            assert_eq!(read_all(&mut server).await.unwrap(), message(3000));
            // The other direction is as open as before.
            write(&mut server, &message(100)).await.unwrap();
            drop(server);
            assert_eq!(read_all(&mut client).await.unwrap(), message(100));
            drop(client);
        });
        done.unwrap();
        assert!(world.net().connections().is_empty());
    }
}

#[test]
fn dropping_what_was_not_read_resets() {
    let mut complete = 0;
    for seed in 0..50 {
        let mut world = World::new(seed);
        let (mut client, mut server) = pair(&mut world);
        let client_host = world.host("client");
        let done = world.run_until(async {
            write(&mut client, b"a request").await.unwrap();
            client_host.sleep(Duration::from_secs(1)).await;
            assert!(!read(&mut server).await.unwrap().is_empty());
            write(&mut client, b"another").await.unwrap();
            client_host.sleep(Duration::from_secs(1)).await;
            write(&mut server, b"an answer").await.unwrap();
            drop(server);
            let mut answer = Vec::new();
            let error = loop {
                match read(&mut client).await {
                    Ok(some) => answer.extend(some),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            complete += i32::from(answer == b"an answer");
            let broken = write(&mut client, b"x").await.unwrap_err().kind();
            assert_eq!(broken, io::ErrorKind::ConnectionReset);
            let broken = write(&mut client, b"x").await.unwrap_err().kind();
            assert_eq!(broken, io::ErrorKind::BrokenPipe);
        });
        done.unwrap();
    }
    assert!(
        (5..45).contains(&complete),
        "the reset overtook the answer in {} of 50",
        50 - complete
    );
}

#[test]
fn writing_to_an_end_that_is_gone_resets() {
    let mut world = World::new(1);
    let (mut client, server) = pair(&mut world);
    let host = world.host("client");
    let done = world.run_until(async {
        drop(server);
        assert_eq!(read_all(&mut client).await.unwrap(), b"");
        write(&mut client, b"is anybody there?").await.unwrap();
        host.sleep(Duration::from_millis(10)).await;
        let error = write(&mut client, b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
    done.unwrap();
}
