//! Two hubs joined in memory, with their halves on both sides, over both transports.

mod ends;
mod messages;
mod ties;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::{Bytes, BytesMut};
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::{Code, Status};
use kitewire_proto::{CancelReason, Instant, Machine, Transmit, grpc, ttstream};

use super::*;
use crate::service::RawBody;
use crate::waiting::Place;
use crate::{Error, ErrorKind, Metadata, Transport};

static METHODS: [MethodInfo; 1] = [MethodInfo::new("talk", MethodKind::BidirectionalStreaming)];
static SVC: ServiceInfo = ServiceInfo::new("demo", "Svc", Codec::Thrift, &METHODS);
const NOW: Instant = Instant::ZERO;
const BOTH: [Transport; 2] = [Transport::Grpc, Transport::TtHeaderStream];

/// What a client that gave a stream up hears, and what Kitex calls that.
const GIVEN_UP: [&str; 2] = [
    "rpc error: code = 1 desc = context canceled",
    "[ttstream error, code=12007] [client-side stream] user code invoking stream RPC with context processed by \
     context.WithCancel or context.WithTimeout, then invoking cancel() actively",
];
/// What its server hears.
const CANCELLED: [&str; 2] = [
    "rpc error: code = 1 desc = transport: RSTStream Frame received with error code: CANCEL [triggered by ]",
    "[ttstream error, code=12007] [server-side stream] [canceled path: A] user code invoking stream RPC with context \
     processed by context.WithCancel or context.WithTimeout, then invoking cancel() actively",
];
/// What a client hears that sends after a good end, or after its own.
const DONE: [&str; 2] = [
    "rpc error: code = 13 desc = the stream is done",
    "[ttstream error, code=12005] [client-side stream] stream is closed send",
];
/// What is left of a stream hears when its handler has returned.
const RETURNED: [&str; 2] = [
    "rpc error: code = 1 desc = transport: canceled by business handler returning",
    "[ttstream error, code=12012] [server-side stream] canceled by business handler returning",
];

/// A client's and a server's hub and what drives them.
struct Pair {
    transport: Transport,
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
    key: StreamKey,
}

impl End {
    fn of(stream: Arc<Stream>) -> Self {
        let key = stream.key();
        Self {
            recv: Some(Receiver::of::<RawBody>(Arc::clone(&stream), None)),
            send: Some(Sender::of::<RawBody>(stream)),
            key,
        }
    }

    fn recv(&mut self) -> Poll<Result<Option<Bytes>, Error>> {
        self.recv.as_mut().unwrap().poll_recv(&mut idle())
    }

    fn send(&mut self, message: &[u8]) -> Poll<Result<(), Error>> {
        let message = Bytes::copy_from_slice(message);
        self.send.as_mut().unwrap().poll_send(&mut idle(), &message)
    }

    fn close(&mut self) {
        self.send.as_mut().unwrap().close();
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
    fn both() -> [Self; 2] {
        BOTH.map(Self::over)
    }

    fn over(transport: Transport) -> Self {
        let mut services = Services::builder();
        services.add(SVC.clone(), ServiceRole::Ordinary);
        let services = Arc::new(services.build().unwrap());
        let (client, server): (Connection, Connection) = match transport {
            Transport::TtHeaderStream => {
                let mut config = ttstream::Config::default();
                config.service_name = "A".to_owned();
                let config = Arc::new(config);
                let client = ttstream::Connection::client(Arc::clone(&config), NOW);
                (
                    client.into(),
                    ttstream::Connection::server(services, config, NOW).into(),
                )
            }
            _ => {
                let config = Arc::new(grpc::Config::default());
                let client = grpc::Connection::client(Arc::clone(&config), NOW);
                (client.into(), grpc::Connection::server(services, config, NOW).into())
            }
        };
        let pair = Self {
            transport,
            client: Hub::new(client, Side::Client, 64),
            server: Hub::new(server, Side::Server, 64),
            drivers: Default::default(),
        };
        pair.client.adopt(&pair.drivers[0].waker());
        pair.server.adopt(&pair.drivers[1].waker());
        pair
    }

    /// The one of two texts that fits the transport.
    fn text<'a>(&self, texts: [&'a str; 2]) -> &'a str {
        texts[usize::from(self.transport == Transport::TtHeaderStream)]
    }

    /// Drives both sides until nothing moves. Returns the calls that came in.
    fn run(&self) -> Vec<StreamKey> {
        let mut opened = Vec::new();
        self.client.begin_turn();
        self.server.begin_turn();
        while carry(&self.client, &self.server, &mut opened) || carry(&self.server, &self.client, &mut opened) {}
        self.client.rest();
        self.server.rest();
        opened
    }

    /// Opens a call without telling the server.
    fn begin(&self) -> StreamKey {
        let kind = MethodKind::BidirectionalStreaming;
        let mut state = self.client.lock();
        match self.transport {
            Transport::TtHeaderStream => {
                let request = ttstream::Request::new("Svc", "talk", kind);
                state.connection.open_tt_header(NOW, &request).unwrap()
            }
            _ => {
                let request = grpc::Request::new("demo", "Svc", "talk", Codec::Thrift, kind);
                state.connection.open_grpc(NOW, &request).unwrap()
            }
        }
    }

    /// A call that both sides know.
    fn open(&self) -> (End, End) {
        let (stream, server) = self.open_stream();
        (End::of(stream), server)
    }

    /// The same with the client's halves still to be made.
    fn open_stream(&self) -> (Arc<Stream>, End) {
        let key = self.begin();
        assert_eq!(self.run(), [key]);
        let ends = (
            Stream::new(Arc::clone(&self.client), key, None),
            End::of(self.server.serve(key)),
        );
        for driver in &self.drivers {
            driver.take();
        }
        ends
    }

    /// The handler of a call returns.
    fn finish(&self, key: StreamKey, conclusion: &Conclusion<'_>) {
        assert!(self.server.poll_finish(key, &idle(), None, conclusion).is_ready());
    }

    fn is_idle(&self) -> bool {
        [&self.client, &self.server].into_iter().all(|hub| {
            let state = hub.lock();
            state.connection.open_calls() == 0 && state.watches.len() == 0
        })
    }
}

/// Moves what one side has to send. Returns whether there was anything.
fn carry(from: &Hub, to: &Hub, opened: &mut Vec<StreamKey>) -> bool {
    let (mut out, mut wake) = (Transmit::new(), Vec::new());
    let mut state = from.lock();
    let any = state.poll_transmit(NOW, &mut out);
    let bytes = out.to_vec();
    out.advance(bytes.len());
    if any {
        // Tells the connection that the bytes have gone.
        state.connection.poll_transmit(NOW, &mut out);
    }
    let more = out.to_vec();
    while let Some(event) = state.connection.poll_event() {
        state.notify(&event, &mut wake);
    }
    drop(state);
    wake_all(wake.drain(..));
    let mut state = to.lock();
    for bytes in [bytes, more] {
        state.connection.receive(NOW, &mut BytesMut::from(&bytes[..]));
    }
    while let Some(event) = state.connection.poll_event() {
        if let Event::Opened { key } = event {
            opened.push(key);
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
