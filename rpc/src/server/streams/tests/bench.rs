//! A server's engine and a client's connection, joined in memory, with tasks that run when they are told to.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::Outcome;
use kitewire_proto::{Instant, Machine, MetaInfo, Transmit, grpc, ttstream};

use crate::server::streams::StreamServing;
use crate::server::streams::task::Background;
use crate::server::{Budget, Engine, Link, Shared};
use crate::stream::{Connection, Event, Pulled, StreamKey};
use crate::{Metadata, Server, Transport};

/// Everything that a test needs of a server and its one client.
pub(super) struct Bench {
    pub(super) transport: Transport,
    pub(super) serving: StreamServing,
    pub(super) shared: Arc<Shared>,
    pub(super) client: Connection,
    pub(super) driver: Arc<Count>,
    /// What handlers said and notices told.
    pub(super) said: Said,
    clock: Arc<AtomicU64>,
    tasks: RefCell<Vec<Pin<Box<Background>>>>,
}

/// A list that handlers add to.
pub(super) type Words = Mutex<Vec<String>>;
pub(super) type Said = Arc<Words>;

/// Counts how often it is woken.
#[derive(Default)]
pub(super) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    /// How often it was woken since the last time.
    pub(super) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Bench {
    /// A bench over gRPC.
    pub(super) fn new(server: Server<()>, said: Said) -> Self {
        Self::over(Transport::Grpc, server, said)
    }

    pub(super) fn over(transport: Transport, server: Server<()>, said: Said) -> Self {
        let noticed = Arc::clone(&said);
        let server = server.observe(move |notice| noticed.lock().unwrap().push(format!("{notice:?}")));
        let clock = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&clock);
        let fixed = server.fix().unwrap();
        let shared = Arc::new(Shared::new(fixed, move || {
            Instant::from_nanos(time.load(Ordering::Relaxed))
        }));
        let link = Arc::new(Link::new(Arc::clone(&shared), None));
        let driver = Arc::new(Count::default());
        let (mut serving, client) = match transport {
            Transport::TtHeaderStream => {
                let mut config = ttstream::Config::default();
                config.service_name = "A".to_owned();
                let client = ttstream::Connection::client(Arc::new(config), Instant::ZERO);
                (StreamServing::tt_header(&link, Instant::ZERO), Connection::from(client))
            }
            _ => {
                let client = grpc::Connection::client(Arc::new(grpc::Config::default()), Instant::ZERO);
                (StreamServing::grpc(&link, Instant::ZERO), Connection::from(client))
            }
        };
        serving.adopt(&Arc::clone(&driver).into());
        Self {
            transport,
            serving,
            shared,
            client,
            driver,
            said,
            clock,
            tasks: RefCell::default(),
        }
    }

    pub(super) fn now(&self) -> Instant {
        Instant::from_nanos(self.clock.load(Ordering::Relaxed))
    }

    pub(super) fn pass(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap();
        self.clock.fetch_add(nanos, Ordering::Relaxed);
    }

    /// One turn of the server's driver, between two exchanges with the client. Returns how many handlers went off to
    /// tasks of their own.
    pub(super) fn turn(&mut self) -> usize {
        let now = self.now();
        let waker = Waker::from(Arc::clone(&self.driver));
        let mut cx = Context::from_waker(&waker);
        let (mut out, mut input) = (Transmit::new(), BytesMut::new());
        let before = self.tasks.borrow().len();
        let tasks = &self.tasks;
        let spawn = |task: Background| tasks.borrow_mut().push(Box::pin(task));
        self.serving.wake();
        self.serving.collect(now);
        self.serving.machine().handle_timeout(now, &mut input);
        self.client.handle_timeout(now);
        loop {
            while self.client.poll_transmit(now, &mut out) {
                input.extend_from_slice(&out.to_vec());
                out.advance(out.len());
            }
            self.serving.machine().receive(now, &mut input);
            let mut budget = Budget::new();
            self.serving.handle_events(now, &mut cx, &mut budget, Some(&spawn));
            let mut moved = false;
            while self.serving.machine().poll_transmit(now, &mut out) {
                self.client.receive(now, &mut BytesMut::from(&out.to_vec()[..]));
                out.advance(out.len());
                moved = true;
            }
            let told = self.serving.after_write();
            if !moved && !told {
                break;
            }
        }
        self.serving.rest();
        self.tasks.borrow().len() - before
    }

    /// Polls the handlers in tasks of their own once. Returns how many are left.
    pub(super) fn work(&self) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        self.tasks
            .borrow_mut()
            .retain_mut(|task| task.as_mut().poll(&mut cx).is_pending());
        self.tasks.borrow().len()
    }

    /// The runtime drops all tasks.
    pub(super) fn drop_tasks(&self) {
        self.tasks.borrow_mut().clear();
    }

    /// Opens a call, with nothing sent but its header.
    pub(super) fn open(&mut self, method: &str, kind: MethodKind) -> StreamKey {
        let (service, method) = method.split_once('.').unwrap_or(("Svc", method));
        let now = self.now();
        match self.transport {
            Transport::TtHeaderStream => {
                let request = ttstream::Request::new(service, method, kind);
                self.client.open_tt_header(now, &request).unwrap()
            }
            _ => {
                let request = grpc::Request::new("demo", service, method, Codec::Thrift, kind);
                self.client.open_grpc(now, &request).unwrap()
            }
        }
    }

    /// Opens a call over gRPC.
    pub(super) fn open_with<'r>(
        &mut self,
        method: &'r str,
        kind: MethodKind,
        set: impl FnOnce(&mut grpc::Request<'r>),
    ) -> StreamKey {
        let mut request = grpc::Request::new("demo", "Svc", method, Codec::Thrift, kind);
        set(&mut request);
        self.client.open_grpc(self.now(), &request).unwrap()
    }

    /// The one of two texts that fits the transport.
    pub(super) fn text<'t>(&self, texts: [&'t str; 2]) -> &'t str {
        texts[usize::from(self.transport == Transport::TtHeaderStream)]
    }

    pub(super) fn send(&mut self, id: StreamKey, message: &'static [u8]) {
        let message = Bytes::from_static(message);
        self.client.send(id, &message).unwrap();
    }

    pub(super) fn close(&mut self, id: StreamKey) {
        assert!(self.client.close_send(id));
    }

    /// A call with one request, on its way.
    pub(super) fn ask(&mut self, method: &str, kind: MethodKind, message: &'static [u8]) -> StreamKey {
        let id = self.open(method, kind);
        self.send(id, message);
        self.close(id);
        id
    }

    /// The answer to a unary call that needs no waiting.
    pub(super) fn call(&mut self, method: &str, message: &'static [u8]) -> String {
        let id = self.ask(method, MethodKind::Unary, message);
        assert_eq!(self.turn(), 0, "{method} does not wait");
        self.end(id)
    }

    /// Messages of a call, in words, and how it ended if it has.
    pub(super) fn read(&mut self, id: StreamKey) -> Vec<String> {
        let mut read = Vec::new();
        let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        loop {
            match self.client.pull(id, words) {
                Pulled::Read(message) => read.push(message),
                Pulled::Large(message) => read.push(words(&message)),
                Pulled::Empty => return read,
                Pulled::End => {
                    read.push("end".to_owned());
                    return read;
                }
                Pulled::Failed => break,
            }
        }
        let Some(connection) = self.client.grpc() else {
            read.push(self.client.failure(id).to_string());
            return read;
        };
        let Outcome { status, business } = connection.outcome(id.grpc()).unwrap();
        read.push(format!("{}: {}", status.code.0, status.message));
        if let Some(business) = business {
            read.push(format!("business {} {:?}", business.code, business.extra));
        }
        read
    }

    /// The same of a call that is over, which is released.
    pub(super) fn end(&mut self, id: StreamKey) -> String {
        let read = self.read(id).join(", ");
        self.client.release(id);
        read
    }

    pub(super) fn header(&self, id: StreamKey) -> Option<Metadata> {
        self.client.header(id)
    }

    pub(super) fn trailer(&self, id: StreamKey) -> Metadata {
        self.client.trailer(id).unwrap()
    }

    pub(super) fn take_said(&self) -> Vec<String> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }

    /// Events of the client that concern all of its connection.
    pub(super) fn client_events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }
}

/// Metainfo with one transient value.
pub(super) fn meta(key: &str, value: &str) -> MetaInfo {
    let mut meta = MetaInfo::new();
    meta.set_transient(key, value);
    meta
}
