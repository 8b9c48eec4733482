//! A thread for each core, and nothing shared between them: handlers are `async` functions that hold an `Rc` and need no
//! `Send`, which an executor of a few lines polls in place.
//!
//! ```console
//! $ cargo run --example thread_per_core -- --port 8888 --cores 2
//! listening on 127.0.0.1:8888 with 2 threads
//! ```
//!
//! It serves what `mio_server` does, and stops in the same way. A call with the text `core` is answered with the number of
//! the thread that serves its connection.
//!
//! # The loop
//!
//! Every thread binds a listener of its own to the one port (`SO_REUSEPORT`); the system deals connections out to them, and
//! a connection stays where it was accepted. Each thread then runs the loop of `mio_server` (`src/readiness.rs`).
//!
//! What is different are the handlers ([`Tasks`]). The core says what happens to a call by events, so a handler that waits
//! needs no waker: it is polled when there is an event for its call, and whenever there is something new in the
//! [`Mail`] that it shares with the loop, which holds one message in each direction. That bounds what a handler that does
//! not read, or a caller that does not, can make the server keep.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use kitewire_loops::arguments::Arguments;
use kitewire_loops::readiness::{Readiness, Serve};
use kitewire_loops::stop;
use kitewire_loops::streams::{
    Line, STREAMS, StreamsPlainArgs, StreamsPlainResult, StreamsUnaryArgs, StreamsUnaryResult,
};
use kitewire_proto::connection::{Connection, Ending, Event, Pull, SendError};
use kitewire_proto::dispatch::Services;
use kitewire_proto::http::Response;
use kitewire_proto::thrift::{self, Struct};
use kitewire_proto::{CallId, EncodeBody, Instant, Limits};
use mio::net::TcpListener;
use socket2::{Domain, Socket, Type};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::read(&["port", "cores"], "thread_per_core [--port N] [--cores N]")?;
    let here = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = arguments.number("cores", here)?.max(1);
    let mut address = arguments.address()?;
    let mut threads = Vec::new();
    let mut handles = Vec::new();
    for core in 0..cores {
        let listener = listen(address)?;
        // The first one may have been given any port; the others take the same.
        address = listener.local_addr()?;
        let (ready, when_ready) = std::sync::mpsc::channel();
        threads.push(std::thread::spawn(move || run(core, listener, &ready)));
        handles.push(when_ready.recv()?);
    }
    stop::when_asked(move || handles.iter().for_each(kitewire_loops::readiness::Stop::stop))?;
    println!("listening on {address} with {cores} threads");
    for thread in threads {
        thread.join().map_err(|_| "a thread has panicked")??;
    }
    println!("stopped");
    Ok(())
}

/// One thread: its loop, and what its handlers share.
fn run(core: usize, listener: TcpListener, ready: &Ready) -> std::io::Result<()> {
    let site = Rc::new(Site {
        core,
        calls: Cell::new(0),
    });
    let services = Services::of(&[&STREAMS]).map_err(std::io::Error::other)?;
    let (server, handle) = Readiness::new(listener, services, || Tasks::new(&site))?;
    // Who started the thread waits for it.
    let _ = ready.send(handle);
    server.run()?;
    println!("thread {core}: {} calls", site.calls.get());
    Ok(())
}

type Ready = std::sync::mpsc::Sender<kitewire_loops::readiness::Stop>;

/// A listener that shares its port with others.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// What the handlers of one thread share, without a lock.
struct Site {
    core: usize,
    calls: Cell<u64>,
}

impl Site {
    /// The handlers of the service: one future for each call.
    async fn handle(self: Rc<Self>, method: String, call: Call) -> Result<(), Fault> {
        self.calls.set(self.calls.get() + 1);
        match method.as_str() {
            "plain" => {
                let line = call.receive::<StreamsPlainArgs>().await?.unwrap_or_default().line;
                let success = Some(self.answer(line)?);
                call.send(StreamsPlainResult { success }).await
            }
            "unary" => {
                let line = call.receive::<StreamsUnaryArgs>().await?.unwrap_or_default().line;
                let success = Some(self.answer(line)?);
                call.send(StreamsUnaryResult { success }).await
            }
            "collect" => {
                let mut all = Vec::new();
                while let Some(line) = call.receive().await? {
                    all.push(self.answer(line)?.text);
                }
                call.send(Line { text: all.join(",") }).await
            }
            "watch" => {
                let line: Line = call.receive().await?.unwrap_or_default();
                for piece in line.text.split("; ") {
                    let text = piece.to_owned();
                    call.send(self.answer(Line { text })?).await?;
                }
                Ok(())
            }
            _ => {
                while let Some(line) = call.receive().await? {
                    call.send(self.answer(line)?).await?;
                }
                Ok(())
            }
        }
    }

    fn answer(&self, line: Line) -> Result<Line, Fault> {
        match line.text.as_str() {
            "boom" => Err(Fault("boom".to_owned())),
            "core" => Ok(Line {
                text: self.core.to_string(),
            }),
            _ => Ok(line),
        }
    }
}

/// Why a handler gave up; its caller is told.
struct Fault(String);

/// A call, as its handler sees it.
struct Call(Rc<RefCell<Mail>>);

/// What lies between a handler and the loop.
#[derive(Default)]
struct Mail {
    received: Option<Bytes>,
    /// Nothing comes after `received`.
    complete: bool,
    unsent: Option<Box<dyn EncodeBody>>,
}

impl Call {
    /// The next message, once there is one; nothing when the caller has said everything.
    async fn receive<T: Struct>(&self) -> Result<Option<T>, Fault> {
        let bytes = poll_fn(|_| {
            let mut mail = self.0.borrow_mut();
            match mail.received.take() {
                None if !mail.complete => Poll::Pending,
                received => Poll::Ready(received),
            }
        });
        let decode = |bytes| thrift::decode(&bytes, Limits::default().max_depth);
        let decoded = bytes.await.map(decode).transpose();
        decoded.map_err(|error| Fault(error.to_string()))
    }

    /// Sends a message, once there is room for it.
    async fn send(&self, message: impl EncodeBody + 'static) -> Result<(), Fault> {
        self.0.borrow_mut().unsent = Some(Box::new(message));
        poll_fn(|_| match self.0.borrow().unsent {
            Some(_) => Poll::Pending,
            None => Poll::Ready(Ok(())),
        })
        .await
    }
}

/// The handlers of one connection that run.
struct Tasks {
    site: Rc<Site>,
    running: BTreeMap<CallId, Task>,
}

struct Task {
    mail: Rc<RefCell<Mail>>,
    handler: Pin<Box<dyn Future<Output = Result<(), Fault>>>>,
}

impl Tasks {
    fn new(site: &Rc<Site>) -> Self {
        Self {
            site: Rc::clone(site),
            running: BTreeMap::new(),
        }
    }

    fn open(&mut self, connection: &Connection, id: CallId) {
        let method = connection.incoming(id).map_or("", |call| call.method_name()).to_owned();
        let mail = Rc::default();
        let call = Call(Rc::clone(&mail));
        let handler = Box::pin(Rc::clone(&self.site).handle(method, call));
        self.running.insert(id, Task { mail, handler });
    }

    fn advance(&mut self, connection: &mut Connection, now: Instant, id: CallId) {
        if let Some(task) = self.running.get_mut(&id)
            && task.advance(connection, now, id).is_ready()
        {
            self.running.remove(&id);
        }
    }
}

impl Serve for Tasks {
    fn serve(&mut self, connection: &mut Connection, now: Instant) -> bool {
        let mut any = false;
        while let Some(event) = connection.poll_event() {
            any = true;
            match event {
                Event::Opened { id } => {
                    self.open(connection, id);
                    self.advance(connection, now, id);
                }
                Event::Readable { id } | Event::Writable { id } => self.advance(connection, now, id),
                // Nobody waits for the answer any more: the handler is dropped where it waits.
                Event::Ended { id } => {
                    self.running.remove(&id);
                    connection.release(now, id);
                }
                Event::HttpRequest { id } => {
                    // It fails only for a request that is gone.
                    let _ = connection.respond_http(now, id, &Response::text(200, "kitewire's core, and a thread\n"));
                }
                Event::Closed { .. } => self.running.clear(),
                _ => {}
            }
        }
        any
    }
}

impl Task {
    /// Carries messages between the handler and the connection, until neither can go on, or the call is over.
    fn advance(&mut self, connection: &mut Connection, now: Instant, id: CallId) -> Poll<()> {
        loop {
            let mut moved = self.take(connection, id);
            if let Poll::Ready(result) = self.handler.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                let ending = result
                    .as_ref()
                    .map_or_else(|fault| Ending::Failed(&fault.0), |()| Ending::Ok);
                connection.finish(now, id, &ending);
                return Poll::Ready(());
            }
            let mut mail = self.mail.borrow_mut();
            if let Some(message) = &mail.unsent {
                match connection.send(now, id, &**message) {
                    Ok(()) => {
                        mail.unsent = None;
                        moved = true;
                    }
                    Err(SendError::Full) => {}
                    Err(error) => {
                        connection.finish(now, id, &Ending::Failed(&error.to_string()));
                        return Poll::Ready(());
                    }
                }
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }

    /// Takes a message from the connection if the handler has had the one before. Returns whether anything is new.
    fn take(&self, connection: &mut Connection, id: CallId) -> bool {
        let mut mail = self.mail.borrow_mut();
        if mail.received.is_some() || mail.complete {
            return false;
        }
        match connection.pull(id) {
            Pull::Message(message) => mail.received = Some(message.to_bytes()),
            Pull::Empty => return false,
            Pull::End | Pull::Failed => mail.complete = true,
        }
        true
    }
}
