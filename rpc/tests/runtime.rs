//! What the runtime sees: failures to accept, writes per answer, handlers whose connection broke.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use common::web::Http1;
use common::{EchoClient, EchoServer, bounded, handler, patient, run};
use kitewire::bytes::Bytes;
use kitewire::http::{Request, Response};
use kitewire::runtime::{BytesMut, Io, IoSlice, Listener};
use kitewire::{Address, Client, Dispatch, GrpcOptions, Instant, Notice, Runtime, Server, Transport};
use kitewire_tokio::{Tokio, TokioIo, TokioListener, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Tokio with listeners that fail at first or for ever, dials that take their time, and sockets whose writes are counted.
#[derive(Clone, Default)]
struct Watched {
    failures: Arc<AtomicUsize>,
    /// The next listener never accepts anybody.
    breaks: Arc<AtomicBool>,
    writes: Arc<AtomicUsize>,
    /// How many writes there were when a listener was closed.
    writes_before_close: Arc<AtomicUsize>,
    delay: Duration,
}

struct WatchedListener {
    listener: TokioListener,
    watched: Watched,
    is_broken: bool,
}

struct WatchedIo(TokioIo, Arc<AtomicUsize>);

impl Runtime for Watched {
    type Io = WatchedIo;
    type Listener = WatchedListener;
    type Timer = TokioTimer;

    async fn listen(&self, address: &Address) -> io::Result<WatchedListener> {
        Ok(WatchedListener {
            listener: Tokio.listen(address).await?,
            watched: self.clone(),
            is_broken: self.breaks.swap(false, Ordering::Relaxed),
        })
    }

    async fn connect(&self, address: &Address) -> io::Result<WatchedIo> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        Ok(WatchedIo(Tokio.connect(address).await?, Arc::clone(&self.writes)))
    }

    fn timer(&self) -> TokioTimer {
        Tokio.timer()
    }

    fn now(&self) -> Instant {
        Tokio.now()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        Tokio.spawn(task);
    }
}

impl Listener for WatchedListener {
    type Io = WatchedIo;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<WatchedIo>> {
        let left = self.watched.failures.load(Ordering::Relaxed);
        if left > 0 {
            self.watched.failures.store(left - 1, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("too many open files")));
        }
        if self.is_broken {
            return Poll::Ready(Err(io::Error::other("broken")));
        }
        self.listener
            .poll_accept(cx)
            .map_ok(|io| WatchedIo(io, Arc::clone(&self.watched.writes)))
    }

    fn local_address(&self) -> io::Result<Address> {
        self.listener.local_address()
    }
}

impl Drop for WatchedListener {
    fn drop(&mut self) {
        let writes = self.watched.writes.load(Ordering::Relaxed);
        self.watched.writes_before_close.store(writes, Ordering::Relaxed);
    }
}

impl Io for WatchedIo {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.poll_write(cx, slices)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_close(cx)
    }

    fn peer(&self) -> Option<Address> {
        self.0.peer()
    }
}

#[tokio::test(start_paused = true)]
async fn failures_to_accept_are_waited_out() {
    let runtime = Watched::default();
    runtime.failures.store(6, Ordering::Relaxed);
    let (sender, mut notices) = mpsc::unbounded_channel();
    let (handler, _controls) = handler();
    let server = Server::new(runtime.clone())
        .register(EchoServer::new(handler))
        .observe(move |notice| {
            if let Notice::AcceptFailed { error } = notice {
                let _ = sender.send(error.to_string());
            }
        });
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let address = bound.local_addr().unwrap();
    let before = tokio::time::Instant::now();
    tokio::spawn(bound.run());
    let client = EchoClient(
        Client::to(address)
            .connect_timeout(Duration::from_secs(60))
            .build(Tokio)
            .unwrap(),
    );
    assert_eq!(client.echo("x").await.unwrap(), "x");
    for _ in 0..6 {
        assert_eq!(notices.recv().await.unwrap(), "too many open files");
    }
    // 10 + 20 + 40 + 80 + 160 + 320 ms of virtual time.
    assert!(before.elapsed() >= Duration::from_millis(630), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_listener_that_fails_keeps_no_other_from_accepting() {
    let runtime = Watched::default();
    runtime.breaks.store(true, Ordering::Relaxed);
    let (handler, _controls) = handler();
    let server = Server::new(runtime).register(EchoServer::new(handler));
    let broken = server.bind("127.0.0.1:0").await.unwrap();
    let bound = broken.listen_also("127.0.0.1:0").await.unwrap();
    let client = patient(Client::to(&bound.local_addrs()[1]));
    tokio::spawn(bound.run());
    let client = EchoClient(client.build(Tokio).unwrap());
    assert_eq!(bounded(client.echo("x")).await.unwrap(), "x");
}

#[tokio::test]
async fn a_caller_in_a_hurry_takes_nobodys_connection_away() {
    let (handler, _controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    let builder = || patient(Client::to(&server.address));
    for builder in [
        builder().multiplexed(1),
        builder()
            .transport(Transport::Grpc)
            .grpc(GrpcOptions::default().connections(1)),
    ] {
        let slow = Watched {
            delay: Duration::from_millis(1000),
            ..Watched::default()
        };
        let client = EchoClient(builder.build(slow).unwrap());
        let hurried = client.echo("x").timeout(Duration::from_millis(10));
        let (hurried, other) = bounded(async { tokio::join!(hurried, client.echo("y")) }).await;
        assert!(hurried.unwrap_err().is_timeout());
        assert_eq!(other.unwrap(), "y");
    }
}

/// The rule that makes the difference (PERFORMANCE): one write per turn, whoever produced the answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn answers_of_one_turn_share_a_write() {
    for (dispatch, method) in [
        (Dispatch::InPlace, "echo"),
        (Dispatch::Spawn, "echo"),
        (Dispatch::InPlace, "yield"),
    ] {
        let (server_side, client_side) = (Watched::default(), Watched::default());
        let (handler, _controls) = handler();
        let server = Server::new(server_side.clone()).register(EchoServer::new(handler).dispatch(dispatch));
        let bound = server.bind("127.0.0.1:0").await.unwrap();
        let client = patient(Client::to(bound.local_addr().unwrap())).multiplexed(1);
        let client = EchoClient(client.build(client_side.clone()).unwrap());
        tokio::spawn(bound.run());
        // By a task, so that none of them runs before all are there.
        let callers = tokio::spawn(async move {
            let call = |_| {
                let client = client.clone();
                tokio::spawn(async move {
                    for _ in 0..20 {
                        match method {
                            "echo" => client.echo("x").await.unwrap(),
                            other => client.act(other).await.unwrap(),
                        };
                    }
                })
            };
            (0..100).map(call).collect::<Vec<_>>()
        });
        for caller in bounded(callers).await.unwrap() {
            bounded(caller).await.unwrap();
        }
        for (side, watched) in [("server", server_side), ("client", client_side)] {
            let writes = watched.writes.load(Ordering::Relaxed);
            assert!(
                writes <= 2000 / 20,
                "{side} {dispatch:?} {method}: {writes} writes for 2000 calls"
            );
        }
    }
}

/// The same rule for plain requests.
#[tokio::test]
async fn responses_of_one_turn_share_a_write() {
    let watched = Watched::default();
    let (handler, _controls) = handler();
    let server = Server::new(watched.clone())
        .register(EchoServer::new(handler))
        .http(|_: Request<Bytes>| async { Response::new(Bytes::from_static(b"hello")) });
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let mut client = Http1::connect(&bound.local_addr().unwrap()).await;
    tokio::spawn(bound.run());
    let requests = "GET / HTTP/1.1\r\nHost: shop\r\n\r\n".repeat(100);
    client.send(requests).await;
    for _ in 0..100 {
        assert_eq!(client.answer().await.text(), "hello");
    }
    let writes = watched.writes.load(Ordering::Relaxed);
    assert!(writes <= 3, "{writes} writes for 100 requests read at once");
}

#[tokio::test]
async fn a_handler_runs_on_when_its_connection_breaks() {
    let (handler, mut controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    let mut socket = TcpStream::connect(server.address.to_string()).await.unwrap();
    // One framed call of `wait`, after which the connection is reset.
    let call = b"\0\0\0\x1e\x80\x01\0\x01\0\0\0\x04wait\0\0\0\x01\x0b\0\x01\0\0\0\x06cancel\0";
    socket.write_all(call).await.unwrap();
    assert_eq!(bounded(controls.seen.recv()).await.unwrap(), "waiting cancel");
    reset(socket);
    assert_eq!(bounded(controls.seen.recv()).await.unwrap(), "CallerGone cancel");
}

/// Closes with a reset.
fn reset(socket: TcpStream) {
    socket.set_zero_linger().unwrap();
    drop(socket);
}

/// A caller that is told to go elsewhere connects anew at once, and would be reset with the listener if that came after.
#[tokio::test]
async fn the_door_is_shut_before_anybody_is_told_to_go() {
    let runtime = Watched::default();
    let (handler, _controls) = handler();
    let server = Server::new(runtime.clone()).register(EchoServer::new(handler));
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let (address, handle) = (bound.local_addr().unwrap(), bound.handle());
    let mut run = pin!(bound.run());
    let client = EchoClient(patient(Client::to(address)).multiplexed(1).build(Tokio).unwrap());
    tokio::select! {
        _ = run.as_mut() => panic!("nobody has asked for the end"),
        answer = bounded(client.echo("x")) => assert_eq!(answer.unwrap(), "x"),
    }
    let before = runtime.writes.load(Ordering::Relaxed);
    handle.shutdown(Duration::from_secs(4));
    // Connections may do what they like, while the listener has not heard of it.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    bounded(run).await.unwrap();
    assert_eq!(runtime.writes_before_close.load(Ordering::Relaxed), before);
    assert!(runtime.writes.load(Ordering::Relaxed) > before, "the client is told");
}

/// Neither task nor reactor has had its turn between the connection and the stop.
#[tokio::test]
async fn who_has_connected_before_the_stop_is_served() {
    let (handler, _controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    // The listener has been polled, so that the runtime takes its queue for empty.
    EchoClient(patient(Client::to(&server.address)).build(Tokio).unwrap())
        .echo("x")
        .await
        .unwrap();
    let mut socket = std::net::TcpStream::connect(server.address.to_string()).unwrap();
    io::Write::write_all(&mut socket, CALL).unwrap();
    server.handle.shutdown(Duration::from_secs(4));
    socket.set_nonblocking(true).unwrap();
    let mut socket = TcpStream::from_std(socket).unwrap();
    let mut answer = Vec::new();
    bounded(tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut answer))
        .await
        .unwrap();
    assert_eq!(answer, ANSWER);
    bounded(server.ended).await.unwrap().unwrap();
}

/// A connection that a stop would end now has a call that came in time, when the server's task has its turn.
#[tokio::test(start_paused = true)]
async fn what_came_in_time_is_served_by_a_task_that_is_late() {
    let (handler, _controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    let mut socket = std::net::TcpStream::connect(server.address.to_string()).unwrap();
    let mut answer = [0; ANSWER.len()];
    io::Write::write_all(&mut socket, CALL).unwrap();
    // No waiting in between: time goes on by itself where every task waits.
    let mut peek = [0];
    socket.set_nonblocking(true).unwrap();
    while socket.peek(&mut peek).is_err() {
        tokio::task::yield_now().await;
    }
    io::Read::read_exact(&mut socket, &mut answer).unwrap();
    assert_eq!(answer, *ANSWER);
    server.handle.shutdown(Duration::from_secs(4));
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_millis(5)).await;
    while std::net::TcpStream::connect(server.address.to_string()).is_ok() {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    io::Write::write_all(&mut socket, CALL).unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    let mut rest = Vec::new();
    let mut socket = TcpStream::from_std(socket).unwrap();
    tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut rest)
        .await
        .unwrap();
    assert_eq!(rest, ANSWER);
    server.ended.await.unwrap().unwrap();
}

/// `echo("x")` of bare Thrift, and its answer.
const CALL: &[u8] = b"\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x01\x0b\0\x01\0\0\0\x01x\0";
const ANSWER: &[u8; 25] = b"\x80\x01\0\x02\0\0\0\x04echo\0\0\0\x01\x0b\0\0\0\0\0\x01x\0";
