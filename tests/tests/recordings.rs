//! Recordings of live servers: what is in them, and what happens when they cannot be written.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::proto::record::{Finish, RecordingErrorKind, Replayed, Subject, replay, replay_with};
use kitewire::{Call, Error, Notice, Recording, Sender, Server, StreamTransport, Transport};
use kitewire_tests::shelf::Shelf;
use kitewire_tests::site::{Ask, PATIENCE, PromisesClient, PromisesServer, Scene, Site, ask, reply, within};
use kitewire_tokio::Tokio;

/// Runs `server`, has `talk` talk to it, stops it, and replays the recordings of all connections.
async fn recordings<F: Future<Output = ()>>(server: Server<Tokio>, talk: impl FnOnce(Site) -> F) -> Vec<Replayed> {
    let shelf = Shelf::default();
    let files = shelf.clone();
    let server = server.record(move |connection| {
        assert!(
            connection
                .peer
                .is_some_and(|peer| peer.to_string().starts_with("127.0.0.1:"))
        );
        Some(Recording::new(files.file(connection.number)))
    });
    let site = Site::of(server).await;
    let handle = site.handle.clone();
    within(talk(site)).await;
    handle.shutdown(Duration::from_secs(2));
    within(handle.wait()).await;
    let replayed: Vec<_> = shelf.files().values().map(|file| same(file)).collect();
    assert!(replayed.iter().all(|replayed| replayed.finish == Finish::Whole));
    replayed
}

/// The same for one connection.
async fn recorded<F: Future<Output = ()>>(server: Server<Tokio>, talk: impl FnOnce(Site) -> F) -> Replayed {
    let mut replayed = recordings(server, talk).await;
    assert_eq!(replayed.len(), 1, "one connection");
    replayed.remove(0)
}

fn same(file: &[u8]) -> Replayed {
    let mut steps = String::new();
    let replayed = replay_with(file, |step| steps += &format!("{} {}\n", step.number, step.text));
    let replayed = replayed.unwrap_or_else(|error| panic!("{error}\n{steps}"));
    assert_eq!(replayed.difference, None, "{steps}");
    assert_eq!(replayed.hash, replayed.recorded_hash);
    replayed
}

fn server(scene: Scene) -> Server<Tokio> {
    Server::new(Tokio).register(PromisesServer::new(scene))
}

/// Errors of all kinds, and panics.
fn picky<'a>(call: &'a Call, ask: Ask) -> kitewire_tests::site::Work<'a, kitewire_tests::site::Reply> {
    Box::pin(async move {
        assert_ne!(ask.text, "panic", "as asked");
        match &*ask.text {
            "business" => Err(Error::business(404, "out of stock")),
            "slow" => {
                tokio::task::yield_now().await;
                Ok(reply(call.persistent("user").unwrap_or("nobody")))
            }
            text => Ok(reply(text)),
        }
    })
}

#[tokio::test]
async fn calls_over_every_ping_pong_transport() {
    for transport in [
        Transport::Bare,
        Transport::Framed,
        Transport::TtHeader,
        Transport::TtHeaderFramed,
    ] {
        let replayed = recorded(server(Scene::new().ping(picky)), |site| async move {
            let client = PromisesClient::new(site.builder().transport(transport).build(Tokio).unwrap());
            for text in ["a", "slow", "business"] {
                let _ = client.ping(ask(text)).persistent("user", "7").await;
            }
            let large = Ask {
                payload: Bytes::from(vec![1; 300_000]),
                ..ask("large")
            };
            assert_eq!(client.ping(large).await.unwrap().text, "large");
        })
        .await;
        assert_eq!(replayed.subject, Subject::PingPongServer);
        assert!(
            replayed.received > 300_000 && replayed.events >= 5,
            "{transport:?}: {replayed:?}"
        );
    }
}

#[tokio::test]
async fn many_calls_on_one_multiplexed_connection() {
    let replayed = recorded(server(Scene::new().ping(picky)), |site| async move {
        let builder = site.builder().transport(Transport::TtHeader).multiplexed(1);
        let client = PromisesClient::new(builder.build(Tokio).unwrap());
        let calls: Vec<_> = (0..50)
            .map(|number| {
                let client = client.clone();
                tokio::spawn(async move {
                    let text = if number % 10 == 0 { "panic" } else { "slow" };
                    client.ping(ask(text)).await.is_ok()
                })
            })
            .collect();
        let mut well = 0;
        for call in calls {
            well += usize::from(call.await.unwrap());
        }
        assert_eq!(well, 45);
    })
    .await;
    assert_eq!(replayed.subject, Subject::PingPongServer);
    assert!(replayed.events >= 51, "{replayed:?}");
}

#[tokio::test]
async fn streams_over_both_transports() {
    let scene = || {
        Scene::new().ping(picky).watch(|call, ask, mut out: Sender<_>| {
            Box::pin(async move {
                call.set_header("node", "7")?;
                for _ in 0..40 {
                    let payload = Bytes::from(vec![2; 20_000]);
                    let text = ask.text.clone();
                    out.send(kitewire_tests::site::Reply { text, payload }).await?;
                }
                Err(Error::business(9, "enough"))
            })
        })
    };
    for (over, subject) in [
        (StreamTransport::Grpc, Subject::GrpcServer),
        (StreamTransport::TtHeader, Subject::TtStreamServer),
    ] {
        let replayed = recordings(server(scene()), |site| async move {
            let builder = site.builder().stream_transport(over);
            let client = PromisesClient::new(builder.build(Tokio).unwrap());
            let mut talk = client.talk().await.unwrap();
            for text in ["a", "b", "c"] {
                talk.send(ask(text)).await.unwrap();
                assert_eq!(talk.recv().await.unwrap().unwrap().text, text);
            }
            let mut watch = client.watch(ask("x")).await.unwrap();
            let mut seen = 0;
            while let Ok(Some(_)) = watch.recv().await {
                seen += 1;
            }
            assert_eq!(seen, 40);
            let mut left = client.watch(ask("y")).await.unwrap();
            assert!(left.recv().await.unwrap().is_some());
            drop(left);
            talk.close_send();
            assert!(talk.recv().await.unwrap().is_none());
            assert_eq!(client.unary(ask("z")).await.unwrap().text, "z");
        })
        .await;
        let own = replayed.iter().filter(|replayed| replayed.subject == subject);
        assert!(own.map(|replayed| replayed.sent).sum::<u64>() > 800_000, "{replayed:?}");
    }
}

#[tokio::test]
async fn what_is_no_protocol_is_recorded_too() {
    let replayed = recorded(server(Scene::new()), |site| async move {
        let mut socket = std::net::TcpStream::connect(site.address.to_string()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(b"\x16\x03\x01\x02\0 a TLS hello \0\0\0\0").unwrap();
        let read = tokio::task::spawn_blocking(move || io::Read::read(&mut socket, &mut [0; 64]));
        assert!(matches!(read.await.unwrap(), Ok(0)), "closed without a word");
    })
    .await;
    assert_eq!((replayed.subject, replayed.sent), (Subject::PingPongServer, 0));
}

#[tokio::test]
async fn connections_that_are_not_chosen_are_not_recorded() {
    let shelf = Shelf::default();
    let files = shelf.clone();
    let server = server(Scene::new()).record(move |connection| {
        let chosen = connection.number == 2;
        chosen.then(|| Recording::new(files.file(connection.number)))
    });
    let site = Site::of(server).await;
    for _ in 0..3 {
        let client = PromisesClient::new(site.builder().transport(Transport::Framed).build(Tokio).unwrap());
        within(client.ping(ask("a"))).await.unwrap();
    }
    site.handle.shutdown(PATIENCE);
    within(site.handle.wait()).await;
    let files = shelf.files();
    assert_eq!(files.keys().collect::<Vec<_>>(), [&2]);
    same(&files[&2]);
}

#[tokio::test]
async fn a_recording_that_reaches_its_limit_ends_and_the_connection_goes_on() {
    let shelf = Shelf::default();
    let files = shelf.clone();
    let server =
        server(Scene::new()).record(move |connection| Some(Recording::new(files.file(connection.number)).limit(2000)));
    let site = Site::of(server).await;
    let client = PromisesClient::new(site.builder().transport(Transport::TtHeader).build(Tokio).unwrap());
    for _ in 0..100 {
        within(client.ping(ask("a"))).await.unwrap();
    }
    site.handle.shutdown(PATIENCE);
    within(site.handle.wait()).await;
    let file = &shelf.files()[&1];
    assert!(file.len() <= 2005, "{} bytes", file.len());
    assert_eq!(same(file).finish, Finish::Cut);
    let error = replay(&file[..file.len() - 6]).unwrap_err();
    assert_eq!(
        (error.kind, error.offset),
        (RecordingErrorKind::Truncated, file.len() - 6)
    );
}

/// A disk that is full after some bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_recording_that_cannot_be_written_is_told_once_and_the_connection_goes_on() {
    let told = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&told);
    let server = server(Scene::new())
        .record(|_| Some(Recording::new(Full(1000))))
        .observe(move |notice| {
            if let Notice::RecordingFailed { peer, error } = notice {
                assert_eq!(error.kind(), io::ErrorKind::StorageFull);
                assert!(peer.is_some());
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
    let site = Site::of(server).await;
    let client = PromisesClient::new(site.builder().transport(Transport::Framed).build(Tokio).unwrap());
    for _ in 0..100 {
        within(client.ping(ask("a"))).await.unwrap();
    }
    site.handle.shutdown(Duration::ZERO);
    within(site.handle.wait()).await;
    assert_eq!(told.load(Ordering::Relaxed), 1);
}
