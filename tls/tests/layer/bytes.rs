//! Bytes arrive whole and in order, however they are cut; writes are gathered; ends are what they are.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use kitewire_runtime::{BytesMut, Io, IoSlice};
use kitewire_tls::TlsErrorKind;

use crate::ends::{Met, World, close, kind, meet, receive, send};
use crate::wire::{Limits, Wire, both, run};

const SIZES: [usize; 8] = [1, 2, 100, 1000, 16_384, 16_385, 40_000, 150_000];

/// Sends everything and ends; the other side sends back what it gets.
fn echo(limits: Limits, sizes: &[usize]) {
    let world = World::new();
    let wire = Wire::limited(limits);
    run(async {
        let met = meet(&wire, world.server().build().unwrap(), world.client()).await;
        let (mut client, mut server) = (met.client.unwrap(), met.server);
        let message: Vec<u8> = (0..sizes.iter().sum())
            .map(|at: usize| u8::try_from(at * 7 % 251).unwrap())
            .collect();
        let answering = async {
            loop {
                let bytes = receive(&mut server).await.unwrap();
                if bytes.is_empty() {
                    return close(&mut server).await.unwrap();
                }
                send(&mut server, &bytes).await.unwrap();
            }
        };
        let asking = async {
            let mut left = &message[..];
            let mut got = Vec::new();
            for size in sizes {
                let (now, later) = left.split_at(*size);
                left = later;
                let wanted = got.len() + size;
                send(&mut client, now).await.unwrap();
                while got.len() < wanted {
                    got.extend_from_slice(&receive(&mut client).await.unwrap());
                }
            }
            close(&mut client).await.unwrap();
            assert!(receive(&mut client).await.unwrap().is_empty(), "the end is told");
            got
        };
        let (got, ()) = both(asking, answering).await;
        assert!(got == message, "{} bytes of {}", got.len(), message.len());
    });
}

#[test]
fn every_cut_gives_the_same_bytes() {
    for at_a_time in [1, 2, 3, 5, 6, 21, 22, 100, 1000, 4096, 4097, 16_000, 17_000, 40_000] {
        let sizes = if at_a_time < 100 { &SIZES[..5] } else { &SIZES[..] };
        for (read, write) in [(at_a_time, usize::MAX), (usize::MAX, at_a_time), (at_a_time, at_a_time)] {
            let capacity = usize::MAX;
            echo(Limits { read, write, capacity }, sizes);
        }
    }
}

#[test]
fn a_socket_that_is_full_takes_the_rest_later() {
    // Nobody reads an answer before its request is sent, so a pipe has to hold the largest one.
    for capacity in [400_000, 170_000, 20_000] {
        let sizes = if capacity > 150_000 { &SIZES[..] } else { &SIZES[..5] };
        for write in [usize::MAX, 900] {
            let read = usize::MAX;
            echo(Limits { read, write, capacity }, sizes);
        }
    }
}

/// Bytes that a full socket keeps waiting are encrypted once, and the caller is told when they are out.
#[test]
fn a_write_that_waits_is_done_once() {
    let world = World::new();
    let wire = Wire::limited(Limits {
        read: usize::MAX,
        write: usize::MAX,
        capacity: 4000,
    });
    run(async {
        let met = meet(&wire, world.server().build().unwrap(), world.client()).await;
        let (mut client, mut server) = (met.client.unwrap(), met.server);
        let message = vec![7; 10_000];
        let mut cx = Context::from_waker(Waker::noop());
        assert!(client.poll_write(&mut cx, &[IoSlice::new(&message)]).is_pending());
        let mut got = 0;
        // More is offered behind it meanwhile, and counts for nothing yet.
        let more = [IoSlice::new(&message), IoSlice::new(b"more")];
        let sending = poll_fn(|cx| client.poll_write(cx, &more));
        let taking = async {
            while got < message.len() {
                got += receive(&mut server).await.unwrap().len();
            }
        };
        let (sent, ()) = both(sending, taking).await;
        assert_eq!((sent.unwrap(), got), (message.len(), message.len()));
    });
}

#[test]
fn a_batch_is_one_write() {
    let world = World::new();
    let wire = Wire::new();
    run(async {
        let met = meet(&wire, world.server().build().unwrap(), world.client()).await;
        let (mut client, mut server) = (met.client.unwrap(), met.server);
        let outgoing = wire.pipes().0;
        let pieces: Vec<Vec<u8>> = (0..16).map(|at| vec![at; 1 + 500 * usize::from(at)]).collect();
        let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let before = outgoing.flow(|flow| flow.writes);
        let sent = poll_fn(|cx| client.poll_write(cx, &slices)).await.unwrap();
        let all = pieces.concat();
        assert_eq!(sent, all.len(), "{sent} bytes in a write");
        assert_eq!(outgoing.flow(|flow| flow.writes) - before, 1, "of one system call");
        let mut got = Vec::new();
        while got.len() < all.len() {
            got.extend_from_slice(&receive(&mut server).await.unwrap());
        }
        assert!(got == all);
    });
}

#[test]
fn a_read_takes_no_more_than_there_is_room_for() {
    let world = World::new();
    let wire = Wire::new();
    run(async {
        let met = meet(&wire, world.server().build().unwrap(), world.client()).await;
        let (mut client, mut server) = (met.client.unwrap(), met.server);
        send(&mut client, &[9; 60_000]).await.unwrap();
        let (mut small, mut got) = (BytesMut::with_capacity(1000), 0);
        let room = small.capacity();
        while got < 60_000 {
            small.clear();
            got += poll_fn(|cx| server.poll_read(cx, &mut small)).await.unwrap();
            assert_eq!(small.capacity(), room, "the buffer is the caller's");
        }
        let mut cx = Context::from_waker(Waker::noop());
        small.clear();
        assert!(matches!(server.poll_read(&mut cx, &mut small), Poll::Pending));
    });
}

#[test]
fn dropping_is_a_good_end_and_a_cut_is_not() {
    let world = World::new();
    for good in [true, false] {
        let wire = Wire::new();
        run(async {
            let Met { client, mut server, .. } = meet(&wire, world.server().build().unwrap(), world.client()).await;
            let mut client = client.unwrap();
            send(&mut client, b"last words").await.unwrap();
            if good {
                drop(client);
            } else {
                // As a process that dies: the socket ends, and TLS has no word for it.
                wire.pipes().0.cut();
            }
            assert_eq!(receive(&mut server).await.unwrap(), "last words");
            match receive(&mut server).await {
                Ok(end) if good => assert!(end.is_empty()),
                end => assert_eq!((kind(end), good), (TlsErrorKind::Truncated, false)),
            }
        });
    }
}
