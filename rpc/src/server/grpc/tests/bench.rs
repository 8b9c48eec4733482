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
use kitewire_proto::grpc::{Config, Connection, Event, Pull, Request};
use kitewire_proto::http::Fields;
use kitewire_proto::http2::StreamId;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::Outcome;
use kitewire_proto::{Instant, MetaInfo, Transmit};

use crate::Server;
use crate::server::grpc::GrpcServing;
use crate::server::grpc::task::Background;
use crate::server::{Budget, Engine, Link, Shared};

/// Everything that a test needs of a server and its one client.
pub(super) struct Bench {
    pub(super) serving: GrpcServing,
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
    pub(super) fn new(server: Server<()>, said: Said) -> Self {
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
        let mut serving = GrpcServing::new(&link, Instant::ZERO);
        serving.adopt(&Arc::clone(&driver).into());
        Self {
            serving,
            shared,
            client: Connection::client(Arc::new(Config::default()), Instant::ZERO),
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
        self.serving.handle_timeout(now, &mut input);
        self.client.handle_timeout(now);
        loop {
            while self.client.poll_transmit(now, &mut out) {
                input.extend_from_slice(&out.to_vec());
                out.advance(out.len());
            }
            self.serving.receive(now, &mut input);
            let mut budget = Budget::new();
            self.serving.handle_events(now, &mut cx, &mut budget, Some(&spawn));
            let mut moved = false;
            while self.serving.poll_transmit(now, &mut out) {
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
    pub(super) fn open(&mut self, method: &str, kind: MethodKind) -> StreamId {
        self.open_with(method, kind, |_| {})
    }

    pub(super) fn open_with<'r>(
        &mut self,
        method: &'r str,
        kind: MethodKind,
        set: impl FnOnce(&mut Request<'r>),
    ) -> StreamId {
        let (service, method) = method.split_once('.').unwrap_or(("Svc", method));
        let mut request = Request::new("demo", service, method, Codec::Thrift, kind);
        set(&mut request);
        self.client.open(self.now(), &request).unwrap()
    }

    pub(super) fn send(&mut self, id: StreamId, message: &'static [u8]) {
        let message = Bytes::from_static(message);
        self.client.sender(id).unwrap().send(&message).unwrap();
    }

    pub(super) fn close(&mut self, id: StreamId) {
        self.client.sender(id).unwrap().finish().unwrap();
    }

    /// A call with one request, on its way.
    pub(super) fn ask(&mut self, method: &str, kind: MethodKind, message: &'static [u8]) -> StreamId {
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
    pub(super) fn read(&mut self, id: StreamId) -> Vec<String> {
        let mut read = Vec::new();
        loop {
            match self.client.receiver(id).unwrap().pull() {
                Pull::Message(message) => read.push(String::from_utf8_lossy(message.bytes()).into_owned()),
                Pull::Empty => return read,
                Pull::End => {
                    read.push("end".to_owned());
                    return read;
                }
                Pull::Failed => break,
            }
        }
        let outcome = self.client.outcome(id).unwrap();
        let Outcome { status, business } = outcome;
        read.push(format!("{}: {}", status.code.0, status.message));
        if let Some(business) = business {
            read.push(format!("business {} {:?}", business.code, business.extra));
        }
        read
    }

    /// The same of a call that is over, which is released.
    pub(super) fn end(&mut self, id: StreamId) -> String {
        let read = self.read(id).join(", ");
        self.client.release(id);
        read
    }

    pub(super) fn trailer(&self, id: StreamId) -> &Fields {
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
