//! Against peers that know no flow control.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kitewire::bytes::Bytes;
use kitewire::proto::Switch;
use kitewire::{Address, StreamPool, TtStreamOptions};
use kitewire_tests::heap::Growth;
use kitewire_tests::site::{PATIENCE, within};
use kitewire_tests::ttframe::{Frame, HEADER, Peer, RST, TRAILER};
use tokio::net::TcpListener;

use crate::{BLOCK, KIB, MANY, MARGIN, MIB, alone, client_of, fast, goes_on, settled, shared};

/// Sends blocks on a stream until the peer has not read for so long, or says that it has enough.
async fn pour(peer: &mut Peer, id: i32, most: usize, patience: Duration) -> Pouring {
    let frame = Frame::data(id, &"x".repeat(BLOCK)).encode();
    let mut sent = 0;
    while sent < most {
        match tokio::time::timeout(patience, peer.send_bytes(&frame)).await {
            Ok(Ok(())) => sent += frame.len(),
            Ok(Err(_)) => return Pouring::Closed,
            Err(_) => return Pouring::Blocked(sent),
        }
    }
    Pouring::Taken
}

#[derive(Debug)]
enum Pouring {
    Taken,
    Blocked(usize),
    Closed,
}

/// The budget of a connection whose peer obeys no flow control, and of one slow stream.
const BUDGET: usize = 32 * MIB;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_server_cannot_make_a_shared_client_hold_more_than_its_budget() {
    let _turn = alone().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    let client = client_of(&address, shared());
    let mut slow = client.talk().await.unwrap();
    let mut other = client.talk().await.unwrap();
    let mut peer = Peer::over(listener.accept().await.unwrap().0);
    peer.until(HEADER).await;
    peer.send([Frame::new(1, HEADER), Frame::new(2, HEADER)]).await;
    let growth = Growth::watch();
    let poured = pour(&mut peer, 1, 94 * MIB, PATIENCE).await;
    assert!(
        matches!(poured, Pouring::Taken),
        "reading never stops for one slow stream: {poured:?}"
    );
    let told = peer.until(RST).await.pop().unwrap();
    assert_eq!((told.id, told.fault().unwrap().0), (1, 12011));
    peer.send([Frame::data(2, "fine")]).await;
    assert_eq!(within(other.recv()).await.unwrap().unwrap().text, "fine");
    let bound = BUDGET + BLOCK + MARGIN;
    assert!(growth.peak() <= bound, "{} of {bound}", growth.peak());
    let error = loop {
        match within(slow.recv()).await {
            Ok(answer) => assert!(answer.is_some(), "no good end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.stream_exception().unwrap().code, 12011, "{error}");
    println!("client of a stock server: {} KiB at most", growth.peak() / KIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exclusive_client_pushes_back_by_not_reading() {
    let _turn = alone().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    let options = TtStreamOptions::default()
        .pool(StreamPool::exclusive())
        .flow_control(Switch::Off);
    let client = client_of(&address, options);
    let mut slow = client.talk().await.unwrap();
    let mut peer = Peer::over(listener.accept().await.unwrap().0);
    assert_eq!(peer.next().await.unwrap().kind, HEADER, "nothing is offered");
    peer.send([Frame::new(1, HEADER)]).await;
    let growth = Growth::watch();
    let poured = pour(&mut peer, 1, 94 * MIB, Duration::from_secs(1)).await;
    let Pouring::Blocked(sent) = poured else {
        panic!("{poured:?}");
    };
    let bound = 4 * MIB + BLOCK + MARGIN;
    assert!(growth.peak() <= bound, "{} of {bound}", growth.peak());
    // It reads on when its reader does. The last frame was cut when the socket was full, so nothing follows it.
    for _ in 0..sent / (BLOCK + 64) / 2 {
        within(slow.recv()).await.unwrap().unwrap();
    }
    drop(slow);
    assert!(!peer.until(TRAILER).await.is_empty(), "a cancel is not held up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_client_cannot_make_a_server_hold_more_than_its_budget() {
    let _turn = alone().await;
    let fast = fast().await;
    let mut peer = Peer::connect(&fast.site.address).await;
    peer.send([Frame::open(1, "talk"), Frame::data(1, "slow"), Frame::open(2, "talk")])
        .await;
    let growth = Growth::watch();
    let mut sent = 0;
    // It pauses for two seconds, then gives the stream up and reads on.
    let begun = Instant::now();
    let frame = Frame::data(1, &"x".repeat(BLOCK)).encode();
    while sent < 94 * MIB {
        within(peer.send_bytes(&frame)).await.unwrap();
        sent += frame.len();
    }
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    peer.send([Frame::data(2, "fine")]).await;
    let frames = peer.until("3").await;
    assert_eq!(frames.last().unwrap().id, 2);
    let told = frames.iter().find(|frame| frame.id == 1 && frame.kind == RST).unwrap();
    assert_eq!(told.fault().unwrap().0, 12011);
    let bound = BUDGET + BLOCK + MARGIN;
    assert!(growth.peak() <= bound, "{} of {bound}", growth.peak());
    fast.gate.send(true).unwrap();
    println!("server of a stock client: {} KiB at most", growth.peak() / KIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_reads_no_socket_holds_up_its_own_connection_alone() {
    let _turn = alone().await;
    let fast = fast().await;
    let mut deaf = Peer::connect(&fast.site.address).await;
    let client = client_of(&fast.site.address, shared());
    let mut talk = client.talk().await.unwrap();
    goes_on(&mut talk, 1, &Bytes::new()).await;
    let growth = Growth::watch();
    deaf.send([Frame::open(1, "watch"), Frame::data(1, "x"), Frame::trailer(1)])
        .await;
    let sent = settled(1, || fast.sent.load(Ordering::Relaxed)).await;
    assert!(sent < MANY, "the sockets hold less than that");
    assert!(
        growth.peak() <= MARGIN,
        "{}: what waits is in the kernel",
        growth.peak()
    );
    goes_on(&mut talk, 200, &Bytes::from_static(b"x")).await;
    // A cancel is read and seen although nothing can be written.
    deaf.send([Frame::new(1, RST)]).await;
    within(async {
        while fast.site.handle.stats().calls > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
