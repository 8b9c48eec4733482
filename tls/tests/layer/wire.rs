//! A runtime in memory, for one server: sockets that move as few bytes at a time as they are told to, a clock that is
//! set by hand, and an executor that says when nothing can go on.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use kitewire_runtime::{Address, BytesMut, Instant, Io, IoSlice, Listener, Runtime, Timer};

#[derive(Clone)]
pub struct Wire {
    pub limits: Limits,
    net: Arc<Mutex<Net>>,
}

/// What sockets do at a time.
#[derive(Clone, Copy)]
pub struct Limits {
    pub read: usize,
    pub write: usize,
    /// Bytes under way in one direction.
    pub capacity: usize,
}

#[derive(Default)]
struct Net {
    now: Duration,
    waiting: VecDeque<Socket>,
    acceptor: Option<Waker>,
    timers: Vec<Waker>,
    pipes: Vec<(Arc<Pipe>, Arc<Pipe>)>,
    /// For the next connection.
    damage: [Option<Damage>; 2],
}

/// The number of a byte, counted from the beginning, and what it is changed by.
pub type Damage = (usize, u8);

impl Wire {
    pub fn new() -> Self {
        Self::limited(Limits {
            read: usize::MAX,
            write: usize::MAX,
            capacity: usize::MAX,
        })
    }

    pub fn limited(limits: Limits) -> Self {
        Self {
            limits,
            net: Arc::default(),
        }
    }

    /// Connects without any layer.
    pub fn dial(&self) -> Socket {
        let (there, back) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
        let socket = |incoming: &Arc<Pipe>, outgoing: &Arc<Pipe>| Socket {
            incoming: Arc::clone(incoming),
            outgoing: Arc::clone(outgoing),
            limits: self.limits,
        };
        let mut net = self.net.lock().unwrap();
        for (pipe, damage) in [&there, &back].into_iter().zip(net.damage) {
            pipe.flow(|flow| flow.damage = damage);
        }
        net.waiting.push_back(socket(&there, &back));
        net.pipes.push((Arc::clone(&there), Arc::clone(&back)));
        if let Some(acceptor) = net.acceptor.take() {
            acceptor.wake();
        }
        socket(&back, &there)
    }

    /// Both directions of the first connection: what its client sends, and what its server does.
    pub fn pipes(&self) -> (Arc<Pipe>, Arc<Pipe>) {
        self.net.lock().unwrap().pipes[0].clone()
    }

    /// Changes a byte that the client of connections to come sends, and one that the server does.
    pub fn damage(&self, damage: [Option<Damage>; 2]) {
        self.net.lock().unwrap().damage = damage;
    }

    pub fn advance(&self, by: Duration) {
        let mut net = self.net.lock().unwrap();
        net.now += by;
        for timer in std::mem::take(&mut net.timers) {
            timer.wake();
        }
    }
}

impl Runtime for Wire {
    type Io = Socket;
    type Listener = Queue;
    type Timer = Alarm;

    async fn listen(&self, _address: &Address) -> io::Result<Queue> {
        Ok(Queue(self.clone()))
    }

    async fn connect(&self, _address: &Address) -> io::Result<Socket> {
        Ok(self.dial())
    }

    fn timer(&self) -> Alarm {
        Alarm(self.clone(), None)
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.net.lock().unwrap().now
    }

    fn spawn(&self, _task: impl Future<Output = ()> + Send + 'static) {
        unreachable!("the layer spawns nothing");
    }
}

pub struct Queue(Wire);

impl Listener for Queue {
    type Io = Socket;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Socket>> {
        let mut net = self.0.net.lock().unwrap();
        match net.waiting.pop_front() {
            Some(socket) => Poll::Ready(Ok(socket)),
            None => {
                net.acceptor = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn local_address(&self) -> io::Result<Address> {
        Ok(Address::from("server.test:1"))
    }
}

pub struct Alarm(Wire, Option<Instant>);

impl Timer for Alarm {
    fn arm(&mut self, at: Instant) {
        self.1 = Some(at);
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.1.is_some_and(|at| at <= self.0.now()) {
            return Poll::Ready(());
        }
        self.0.net.lock().unwrap().timers.push(cx.waker().clone());
        Poll::Pending
    }
}

/// One end of a connection. Dropping it closes it.
pub struct Socket {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    limits: Limits,
}

/// One direction.
#[derive(Default)]
pub struct Pipe(Mutex<Flow>);

#[derive(Default)]
pub struct Flow {
    bytes: VecDeque<u8>,
    closed: bool,
    /// Called at most once by each side between two moves.
    wakers: Vec<Waker>,
    /// How often was written to it.
    pub writes: usize,
    pub damage: Option<Damage>,
    pub written: usize,
}

impl Flow {
    fn wake(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}

impl Pipe {
    pub fn flow<T>(&self, look: impl FnOnce(&mut Flow) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// Ends this direction, whoever writes to it.
    pub fn cut(&self) {
        self.flow(|flow| {
            flow.closed = true;
            flow.wake();
        });
    }
}

impl Io for Socket {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let room = (buffer.capacity() - buffer.len()).min(self.limits.read);
        assert!(room > 0, "a read without room");
        self.incoming.flow(|flow| {
            let read = room.min(flow.bytes.len());
            if read == 0 && !flow.closed {
                flow.wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            buffer.extend(flow.bytes.drain(..read));
            flow.wake();
            Poll::Ready(Ok(read))
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        assert!(!slices[0].is_empty(), "an empty slice in front");
        self.outgoing.flow(|flow| {
            if flow.closed {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let room = (self.limits.capacity - flow.bytes.len()).min(self.limits.write);
            if room == 0 {
                flow.wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            flow.writes += 1;
            let before = flow.bytes.len();
            let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
            flow.bytes.extend(bytes.take(room));
            let written = flow.bytes.len() - before;
            if let Some((at, by)) = flow.damage
                && (flow.written..flow.written + written).contains(&at)
            {
                flow.bytes[before + at - flow.written] ^= by;
            }
            flow.written += written;
            flow.wake();
            Poll::Ready(Ok(written))
        })
    }

    fn poll_close(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.cut();
        Poll::Ready(Ok(()))
    }

    fn peer(&self) -> Option<Address> {
        Some(Address::from("10.0.0.7:7"))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.outgoing.cut();
        self.incoming.flow(|flow| flow.closed = true);
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs `future` until it is over, or until it waits for something that does not come.
pub fn try_run<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    let mut future = future;
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    while woken.0.swap(false, Ordering::AcqRel) {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
    }
    None
}

pub fn run<F: Future>(future: F) -> F::Output {
    try_run(std::pin::pin!(future)).expect("everything waits")
}

/// Both, at once.
pub async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut left, mut right) = (None, None);
    std::future::poll_fn(move |cx| {
        if left.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(cx)
        {
            left = Some(output);
        }
        if right.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(cx)
        {
            right = Some(output);
        }
        match (left.take(), right.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (left, right) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}
