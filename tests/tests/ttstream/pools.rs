//! Connections of a client: shared, exclusive and short ones, and what becomes of them (facts §3, D7, D11).

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use kitewire::{Address, BidiStream, ErrorKind, StreamPool, TtStreamOptions};
use kitewire_tests::site::{Ask, PromisesClient, PromisesServer, Reply, Scene, Site, ask, reply, within};
use kitewire_tests::ttframe::{Frame, HEADER, Peer, TRAILER};
use kitewire_tokio::Tokio;
use tokio::net::TcpSocket;

use crate::{Stage, at_once, builder, built};

type Talk = BidiStream<Ask, Reply>;

const IDLE: Duration = Duration::from_millis(60);

fn options(pool: StreamPool) -> TtStreamOptions {
    TtStreamOptions::default().pool(pool)
}

fn pools() -> [StreamPool; 3] {
    [
        StreamPool::Multiplexed { connections: 1 },
        StreamPool::exclusive(),
        StreamPool::Short,
    ]
}

/// Opens a stream and waits until it is on the wire of a connection of its own.
async fn open_anew(client: &PromisesClient, stage: &Stage) -> (Talk, Peer) {
    let talk = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    (talk, peer)
}

/// The server ends a stream well, and the client has seen it.
async fn end(talk: &mut Talk, peer: &mut Peer, id: i32) {
    talk.close_send();
    peer.until(TRAILER).await;
    peer.send([Frame::new(id, HEADER), Frame::trailer(id)]).await;
    assert!(within(talk.recv()).await.unwrap().is_none());
}

#[tokio::test]
async fn shared_connections_are_used_in_turn() {
    let stage = Stage::new().await;
    let pool = StreamPool::Multiplexed { connections: 3 };
    let client = built(stage.builder().tt_streams(options(pool)));
    let mut talks = Vec::new();
    for _ in 0..6 {
        talks.push(client.talk().await.unwrap());
    }
    let mut peers = Vec::new();
    for _ in 0..3 {
        peers.push(stage.accept().await);
    }
    for peer in &mut peers {
        assert_eq!([peer.frame().await.id, peer.frame().await.id], [1, 2]);
    }
    // One that is lost takes its own streams along, and the next streams find three again.
    drop(peers.pop());
    let mut lost = BTreeSet::new();
    within(async {
        while lost.len() < 2 {
            for (number, talk) in talks.iter_mut().enumerate() {
                if let Ok(Err(error)) = tokio::time::timeout(Duration::from_millis(20), talk.recv()).await {
                    assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
                    lost.insert(number);
                }
            }
        }
    })
    .await;
    assert_eq!(lost.len(), 2);
    for _ in 0..3 {
        talks.push(client.talk().await.unwrap());
    }
    peers.push(stage.accept().await);
    assert_eq!(peers[2].frame().await.id, 1);
    for peer in &mut peers[..2] {
        assert_eq!(peer.frame().await.id, 3);
    }
}

#[tokio::test]
async fn a_shared_connection_without_a_stream_is_closed_and_made_anew() {
    let stage = Stage::new().await;
    let pool = StreamPool::Multiplexed { connections: 1 };
    let client = built(stage.builder().tt_streams(options(pool).idle_timeout(IDLE)));
    let (mut first, mut peer) = open_anew(&client, &stage).await;
    let mut second = client.talk().await.unwrap();
    peer.until(HEADER).await;
    end(&mut first, &mut peer, 1).await;
    // A live stream keeps it, however quiet it is.
    assert!(peer.during(IDLE * 3).await.is_empty());
    peer.send([Frame::data(2, "still")]).await;
    assert_eq!(within(second.recv()).await.unwrap().unwrap().text, "still");
    end(&mut second, &mut peer, 2).await;
    // Both have ended, and are still held.
    assert!(at_once(peer.is_closed()).await, "Kitex leaves its socket open for ever");
    let (_talk, mut peer) = open_anew(&client, &stage).await;
    peer.send([Frame::trailer(1)]).await;
}

#[tokio::test]
async fn an_exclusive_connection_carries_one_stream_at_a_time_and_the_last_one_first() {
    let stage = Stage::new().await;
    let client = built(stage.builder().tt_streams(options(StreamPool::exclusive())));
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(open_anew(&client, &stage).await);
    }
    let (mut peers, mut ended) = (Vec::new(), Vec::new());
    for (mut talk, mut peer) in open {
        end(&mut talk, &mut peer, 1).await;
        // It is held, and over.
        ended.push(talk);
        peers.push(peer);
    }
    for id in 2..4 {
        let mut again = client.talk().await.unwrap();
        let header = peers[2].frame().await;
        assert_eq!(
            (header.kind.as_str(), header.id),
            (HEADER, id),
            "the one that was used last"
        );
        end(&mut again, &mut peers[2], id).await;
    }
    // Two at once: the last one and the one before.
    let _both = [client.talk().await.unwrap(), client.talk().await.unwrap()];
    assert_eq!([peers[2].frame().await.id, peers[1].frame().await.id], [4, 2]);
}

#[tokio::test]
async fn exclusive_connections_that_wait_are_bounded_in_number_and_time() {
    let stage = Stage::new().await;
    let pool = StreamPool::Exclusive { max_idle: 1 };
    let client = built(stage.builder().tt_streams(options(pool).idle_timeout(IDLE)));
    let (mut first, mut one) = open_anew(&client, &stage).await;
    let (mut second, mut two) = open_anew(&client, &stage).await;
    let begun = std::time::Instant::now();
    end(&mut first, &mut one, 1).await;
    drop(first);
    end(&mut second, &mut two, 1).await;
    drop(second);
    let closed = within(async {
        tokio::select! { _ = one.is_closed() => 1, _ = two.is_closed() => 2 }
    })
    .await;
    assert!([1, 2].contains(&closed));
    // The other one follows when it has waited long enough.
    let other = if closed == 1 { &mut two } else { &mut one };
    assert!(at_once(other.is_closed()).await);
    assert!(begun.elapsed() >= IDLE / 2, "it was kept for a while");
    open_anew(&client, &stage).await;
}

#[tokio::test]
async fn a_server_that_closes_a_waiting_connection_costs_no_stream() {
    for pool in [StreamPool::exclusive(), StreamPool::Multiplexed { connections: 1 }] {
        let stage = Stage::new().await;
        let client = built(stage.builder().tt_streams(options(pool)));
        let (mut talk, mut peer) = open_anew(&client, &stage).await;
        end(&mut talk, &mut peer, 1).await;
        drop((talk, peer));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (mut talk, mut peer) = open_anew(&client, &stage).await;
        peer.send([Frame::data(1, "fine")]).await;
        assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "fine");
    }
}

#[tokio::test]
async fn a_short_connection_carries_one_stream_and_is_closed() {
    let stage = Stage::new().await;
    let told_so = [
        stage.builder().tt_streams(options(StreamPool::Short)),
        // Above the choice of a pool, as in Kitex.
        stage.builder().short().tt_streams(options(StreamPool::exclusive())),
    ];
    for description in told_so {
        let client = built(description);
        let (mut first, mut one) = open_anew(&client, &stage).await;
        let (mut second, mut two) = open_anew(&client, &stage).await;
        end(&mut first, &mut one, 1).await;
        assert!(at_once(one.is_closed()).await);
        two.send([Frame::data(1, "fine")]).await;
        assert_eq!(within(second.recv()).await.unwrap().unwrap().text, "fine");
        drop(second);
        assert_eq!(
            two.until(TRAILER).await.len(),
            2,
            "what ends the stream comes before the close"
        );
        assert!(at_once(two.is_closed()).await);
    }
}

/// An address where nobody listens, nor anybody else will while the socket is there.
fn kept_address() -> (TcpSocket, Address) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = Address::Tcp(socket.local_addr().unwrap());
    (socket, address)
}

#[tokio::test]
async fn a_failed_dial_is_no_loss() {
    // In Kitex's shared pool it blocks the address for ever.
    for pool in pools() {
        let (_kept, address) = kept_address();
        let client = built(builder(&address).tt_streams(options(pool)));
        for _ in 0..3 {
            let error = within(client.talk()).await.map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connect, "{pool:?}: {error}");
        }
        let server = kitewire::Server::new(Tokio).register(PromisesServer::new(Scene::new()));
        let bound = server.bind(address).await.unwrap();
        tokio::spawn(bound.run());
        let mut talk = within(client.talk()).await.unwrap();
        talk.send(ask("now")).await.unwrap();
        assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "now");
    }
}

#[tokio::test]
async fn streams_that_wait_for_one_dial_all_hear_of_its_failure() {
    let (_kept, address) = kept_address();
    let client = built(builder(&address).tt_streams(options(StreamPool::Multiplexed { connections: 1 })));
    let many = (0..20).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.talk().await.map(drop).unwrap_err().kind() })
    });
    for one in many.collect::<Vec<_>>() {
        assert_eq!(within(one).await.unwrap(), ErrorKind::Connect);
    }
}

#[tokio::test]
async fn host_names_work_in_every_pool() {
    for pool in pools() {
        let site = Scene::new().talk(|_, _, mut out| Box::pin(async move { out.send(reply("named")).await }));
        let site: Site = site.serve().await;
        let text = site.address.to_string();
        let port = text.rsplit_once(':').unwrap().1;
        let named = Address::from(format!("localhost:{port}").as_str());
        assert!(matches!(named, Address::Name(_)), "{named:?}");
        let client = built(builder(&named).tt_streams(options(pool)));
        for _ in 0..3 {
            let mut talk = within(client.talk()).await.unwrap();
            assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "named");
            assert!(within(talk.recv()).await.unwrap().is_none());
        }
        if pool != StreamPool::Short {
            assert_eq!(
                site.handle.stats().connections,
                1,
                "{pool:?}: Kitex never finds it again"
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_is_dropped_closes_its_connections() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let (mut talk, mut peer) = open_anew(&client, &stage).await;
    drop(client);
    // A stream that is open goes on.
    peer.send([Frame::data(1, "fine")]).await;
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "fine");
    end(&mut talk, &mut peer, 1).await;
    drop(talk);
    assert!(at_once(peer.is_closed()).await);
}
