//! Two hubs joined in memory, with their halves on both sides.

mod ends;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::{Bytes, BytesMut};
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use kitewire_proto::grpc::{Config, Connection, Event, Request};
use kitewire_proto::http2::StreamId;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::{Code, Outcome, Status};
use kitewire_proto::{CancelReason, Instant, Transmit};

use super::*;
use crate::service::RawBody;
use crate::{Error, ErrorKind};

static METHODS: [MethodInfo; 1] = [MethodInfo::new("talk", MethodKind::BidirectionalStreaming)];
static SVC: ServiceInfo = ServiceInfo::new("demo", "Svc", Codec::Thrift, &METHODS);
const NOW: Instant = Instant::ZERO;

/// A client's and a server's hub and what drives them.
struct Pair {
    client: Arc<Hub>,
    server: Arc<Hub>,
    drivers: [Arc<Count>; 2],
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn waker(self: &Arc<Self>) -> Waker {
        Arc::clone(self).into()
    }

    /// How often it was woken since the last time.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// One side's view of a stream.
struct End {
    recv: Option<Receiver<Bytes>>,
    send: Option<Sender<Bytes>>,
    id: StreamId,
}

impl End {
    fn new(hub: &Arc<Hub>, id: StreamId) -> Self {
        let stream = Stream::new(Arc::clone(hub), id, None);
        Self {
            recv: Some(Receiver::of::<RawBody>(Arc::clone(&stream), None)),
            send: Some(Sender::of::<RawBody>(stream)),
            id,
        }
    }

    fn recv(&mut self) -> Poll<Result<Option<Bytes>, Error>> {
        self.recv.as_mut().unwrap().poll_recv(&mut idle())
    }

    fn send(&mut self, message: &[u8]) -> Poll<Result<(), Error>> {
        let message = Bytes::copy_from_slice(message);
        self.send.as_mut().unwrap().poll_send(&mut idle(), &message)
    }

    /// What comes next, in a word.
    fn next(&mut self) -> String {
        match self.recv() {
            Poll::Pending => "pending".to_owned(),
            Poll::Ready(Ok(None)) => "end".to_owned(),
            Poll::Ready(Ok(Some(message))) => String::from_utf8_lossy(&message).into_owned(),
            Poll::Ready(Err(error)) => error.to_string(),
        }
    }

    /// What sending now leads to, in a word.
    fn try_send(&mut self) -> String {
        match self.send(b"x") {
            Poll::Pending => "pending".to_owned(),
            Poll::Ready(Ok(())) => "sent".to_owned(),
            Poll::Ready(Err(error)) => error.to_string(),
        }
    }
}

fn idle() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

impl Pair {
    fn new() -> Self {
        let mut services = Services::builder();
        services.add(SVC.clone(), ServiceRole::Ordinary);
        let services = Arc::new(services.build().unwrap());
        let config = Arc::new(Config::default());
        let pair = Self {
            client: Hub::new(Connection::client(Arc::clone(&config), NOW), Side::Client, 64),
            server: Hub::new(Connection::server(services, config, NOW), Side::Server, 64),
            drivers: Default::default(),
        };
        pair.client.adopt(&pair.drivers[0].waker());
        pair.server.adopt(&pair.drivers[1].waker());
        pair
    }

    /// Drives both sides until nothing moves. Returns the calls that came in.
    fn run(&self) -> Vec<StreamId> {
        let mut opened = Vec::new();
        self.client.begin_turn();
        self.server.begin_turn();
        while carry(&self.client, &self.server, &mut opened) || carry(&self.server, &self.client, &mut opened) {}
        self.client.rest();
        self.server.rest();
        opened
    }

    /// A call that both sides know.
    fn open(&self) -> (End, End) {
        let kind = MethodKind::BidirectionalStreaming;
        let mut state = self.client.lock();
        let id = state
            .connection
            .open(NOW, &Request::new("demo", "Svc", "talk", Codec::Thrift, kind))
            .unwrap();
        drop(state);
        assert_eq!(self.run(), [id]);
        let ends = (End::new(&self.client, id), End::new(&self.server, id));
        for driver in &self.drivers {
            driver.take();
        }
        ends
    }

    fn finish(&self, id: StreamId, status: Status) {
        let outcome = Outcome::from(status);
        assert!(self.server.poll_finish(id, &idle(), None, &outcome).is_ready());
    }

    fn is_idle(&self) -> bool {
        [&self.client, &self.server].into_iter().all(|hub| {
            let state = hub.lock();
            state.connection.open_calls() == 0 && state.watches.len() == 0
        })
    }
}

/// Moves what one side has to send. Returns whether there was anything.
fn carry(from: &Hub, to: &Hub, opened: &mut Vec<StreamId>) -> bool {
    let (mut out, mut wake) = (Transmit::new(), Vec::new());
    let mut state = from.lock();
    Hub::asked(&mut state);
    let any = state.connection.poll_transmit(NOW, &mut out);
    while let Some(event) = state.connection.poll_event() {
        state.notify(&event, &mut wake);
    }
    drop(state);
    wake_all(wake.drain(..));
    let mut state = to.lock();
    state.connection.receive(NOW, &mut BytesMut::from(&out.to_vec()[..]));
    while let Some(event) = state.connection.poll_event() {
        if let Event::Opened { id } = event {
            opened.push(id);
        }
        state.notify(&event, &mut wake);
    }
    drop(state);
    wake_all(wake);
    any
}

/// Drops a future after one poll.
fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).as_mut().poll(&mut idle())
}

#[test]
fn messages_go_both_ways_and_end() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    assert!(client.send(b"one").is_ready());
    assert!(client.send(b"two").is_ready());
    client.send.as_mut().unwrap().close();
    pair.run();
    assert_eq!([server.next(), server.next(), server.next()], ["one", "two", "end"]);
    assert_eq!(server.next(), "end", "again");
    assert!(server.send(&[b'z'; 20_000]).is_ready());
    pair.run();
    assert_eq!(client.next().len(), 20_000);
    assert_eq!(client.next(), "pending");
    pair.finish(server.id, Status::default());
    pair.run();
    assert_eq!([client.next(), client.next()], ["end", "end"]);
    assert_eq!(client.try_send(), "rpc error: code = 13 desc = the stream is done");
    drop((client, server));
    pair.run();
    assert!(pair.is_idle());
}

#[test]
fn a_burst_wakes_the_driver_once() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    for _ in 0..3 {
        assert!(client.send(b"m").is_ready());
    }
    assert_eq!(pair.drivers[0].take(), 1);
    assert!(pair.client.is_called());
    pair.run();
    assert!(!pair.client.is_called());
    assert_eq!([server.next(), server.next(), server.next()], ["m"; 3]);
    assert_eq!(
        pair.drivers[1].take(),
        0,
        "little was read, and the peer need not be told"
    );
    pair.server.begin_turn();
    assert!(server.send(b"a").is_ready());
    assert_eq!(pair.drivers[1].take(), 0, "it is awake");
    pair.server.rest();
    assert_eq!(pair.drivers[1].take(), 1, "but had asked before");
}

#[test]
fn whoever_waits_is_woken() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    let count = Arc::new(Count::default());
    let waker = count.waker();
    let mut cx = Context::from_waker(&waker);
    assert!(server.recv.as_mut().unwrap().poll_recv(&mut cx).is_pending());
    assert!(client.send(b"m").is_ready());
    pair.run();
    assert_eq!(count.take(), 1);
    assert_eq!(server.next(), "m");

    let full = Bytes::from(vec![0; 600_000]);
    let sender = client.send.as_mut().unwrap();
    while sender.poll_send(&mut cx, &full).is_ready() {}
    pair.run();
    assert_eq!(count.take(), 0, "nobody reads");
    assert_eq!(client.try_send(), "pending");
    assert!(client.send.as_mut().unwrap().poll_send(&mut cx, &full).is_pending());
    for _ in 0..5 {
        let _ = server.recv();
        pair.run();
    }
    assert_eq!(count.take(), 1);
    assert_eq!(client.try_send(), "sent");

    assert!(pair.server.poll_ended(server.id, &cx).is_pending());
    assert!(client.recv.as_mut().unwrap().poll_recv(&mut cx).is_pending());
    drop(client);
    pair.run();
    assert_eq!(count.take(), 2, "both halves of both sides hear of the end");
    assert_eq!(pair.server.cancel_reason(server.id), Some(CancelReason::CallerGone));
}

#[test]
fn a_message_larger_than_the_window_calls_the_driver_on_its_way() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    assert!(client.send(&vec![b'l'; 3 << 20]).is_ready());
    loop {
        pair.run();
        pair.drivers[1].take();
        let Poll::Ready(message) = server.recv() else {
            assert_eq!(
                pair.drivers[1].take(),
                1,
                "the client has to be told that it may send more"
            );
            continue;
        };
        assert_eq!(message.unwrap().unwrap().len(), 3 << 20);
        return;
    }
}

#[test]
fn dropped_futures_lose_nothing() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    let receiver = server.recv.as_mut().unwrap();
    assert!(poll_once(receiver.recv()).is_pending());
    assert!(poll_once(receiver.recv()).is_pending());
    let sender = client.send.as_mut().unwrap();
    let large = Bytes::from(vec![1; 1 << 20]);
    assert!(poll_once(sender.send(&large)).is_ready());
    let refused = Bytes::from_static(b"never sent");
    assert!(poll_once(sender.send(&refused)).is_pending());
    assert!(poll_once(sender.send(&refused)).is_pending());
    let mut got = Vec::new();
    for _ in 0..100 {
        pair.run();
        if let Poll::Ready(Ok(Some(message))) = server.recv() {
            got.push(message.len());
        }
    }
    assert_eq!(got, [1 << 20]);
    assert_eq!(client.try_send(), "sent");
    pair.run();
    assert_eq!(server.next(), "x");
    let header = client.recv.as_mut().unwrap();
    assert!(poll_once(header.header()).is_pending());
    assert_eq!(client.next(), "pending");
}

#[test]
fn metadata_goes_with_the_first_message_and_the_end() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    let id = server.id;
    let set = |section, key: &str| pair.server.edit(id, section, |metadata| metadata.insert(key, "1"));
    set(Section::Header, "Head").unwrap();
    set(Section::Trailer, "tail").unwrap();
    assert!(set(Section::Header, "te").is_err());
    pair.run();
    assert!(poll_once(client.recv.as_mut().unwrap().header()).is_pending());
    assert!(server.send(b"m").is_ready());
    let late = set(Section::Header, "late").unwrap_err();
    assert_eq!((late.kind(), late.code()), (ErrorKind::Status, Code::INTERNAL));
    assert!(pair.server.send_header(id).is_err());
    set(Section::Trailer, "tail-bin").unwrap();
    pair.finish(id, Status::default());
    pair.run();
    let receiver = client.recv.as_mut().unwrap();
    let Poll::Ready(Ok(header)) = poll_once(receiver.header()) else {
        panic!("it is there")
    };
    assert_eq!(header.get("head"), Some("1"));
    assert!(
        receiver.trailer().get("tail").is_some(),
        "the end is known, messages wait"
    );
    assert_eq!(client.next(), "m");
    assert_eq!(client.next(), "end");
    let trailer = client.recv.as_ref().unwrap().trailer();
    assert_eq!(
        (trailer.get("tail"), trailer.get_binary("tail-bin")),
        (Some("1"), Some(&b"1"[..]))
    );
}

#[test]
fn a_header_goes_alone_if_asked() {
    let pair = Pair::new();
    let (mut client, server) = pair.open();
    pair.server.send_header(server.id).unwrap();
    assert_eq!(pair.drivers[1].take(), 1);
    pair.run();
    assert!(poll_once(client.recv.as_mut().unwrap().header()).is_ready());
    assert_eq!(client.next(), "pending");
}

#[test]
fn halves_and_their_futures_may_move_between_threads() {
    fn movable<T: Send>(value: T) -> T {
        value
    }
    let pair = Pair::new();
    let (client, _server) = movable(pair.open());
    let (mut receiver, mut sender) = (client.recv.unwrap(), client.send.unwrap());
    let message = Bytes::from_static(b"m");
    assert!(poll_once(movable(receiver.recv())).is_pending());
    assert!(poll_once(movable(receiver.header())).is_pending());
    assert!(poll_once(movable(sender.send(&message))).is_ready());
    assert!(poll_once(movable(sender.send(message))).is_ready());
}
