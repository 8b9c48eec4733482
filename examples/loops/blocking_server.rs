//! A server on blocking sockets of the standard library: threads, a lock for each connection, and kitewire's core for
//! everything between bytes and calls.
//!
//! ```console
//! $ cargo run --example blocking_server -- --port 8888
//! listening on 127.0.0.1:8888
//! ```
//!
//! It serves what `mio_server` does, on the same port for all protocols, and stops in the same way.
//!
//! # The loop
//!
//! The main thread accepts. Each connection has two threads of its own (`src/blocking.rs` says why): one reads, and hands
//! what it read to `receive`; the other does what is due (`handle_timeout`), handles events (`poll_event`, by
//! `src/echo.rs`), writes (`poll_transmit`), and then waits on a condition, until the reader has something new or
//! `poll_timeout` has come. Where `read_demand` says `Pause`, the reader waits on the same condition.
//!
//! Threads are bounded: no more connections are accepted than [`MAX_CONNECTIONS`]; further ones wait in the system's
//! queue.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kitewire_loops::arguments::Arguments;
use kitewire_loops::blocking::Line;
use kitewire_loops::clock::Clock;
use kitewire_loops::echo::Calls;
use kitewire_loops::stop::{self, PATIENCE};
use kitewire_loops::streams::STREAMS;
use kitewire_proto::Connection;
use kitewire_proto::connection::Config;
use kitewire_proto::dispatch::Services;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::read(&["port"], "blocking_server [--port N]")?;
    let listener = TcpListener::bind(arguments.address()?)?;
    let address = listener.local_addr()?;
    let server = Arc::new(Server {
        services: Arc::new(Services::of(&[&STREAMS])?),
        config: Arc::default(),
        clock: Clock::start(),
        lines: Mutex::default(),
        changed: Condvar::new(),
    });
    let stopped = Arc::clone(&server);
    stop::when_asked(move || stopped.stop(address))?;
    println!("listening on {address}");
    server.accept(&listener);
    println!("stopped");
    Ok(())
}

struct Server {
    services: Arc<Services>,
    config: Arc<Config>,
    clock: Clock,
    lines: Mutex<Lines>,
    /// A connection has ended.
    changed: Condvar,
}

/// The connections, by a number of their own.
#[derive(Default)]
struct Lines {
    open: BTreeMap<u64, Arc<Line>>,
    next: u64,
    stopping: bool,
}

impl Server {
    /// Serves until it is stopped and every connection is over.
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let full = |lines: &mut Lines| lines.open.len() >= MAX_CONNECTIONS && !lines.stopping;
            drop(self.changed.wait_while(self.lock(), full));
            let socket = listener.accept();
            if self.lock().stopping {
                break;
            }
            match socket {
                Ok((socket, _)) => self.serve(socket),
                // Of a connection that went before it was accepted, or for want of file descriptors.
                Err(_) => std::thread::sleep(ACCEPT_PAUSE),
            }
        }
        drop(self.changed.wait_while(self.lock(), |lines| !lines.open.is_empty()));
    }

    /// Serves one connection, in threads of its own.
    fn serve(self: &Arc<Self>, socket: TcpStream) {
        let services = Arc::clone(&self.services);
        let connection = Connection::server(services, Arc::clone(&self.config), self.clock.now());
        let line = Arc::new(Line::new(connection, self.clock));
        let number = {
            let mut lines = self.lock();
            lines.next += 1;
            let number = lines.next;
            lines.open.insert(number, Arc::clone(&line));
            number
        };
        let server = Arc::clone(self);
        let thread = std::thread::Builder::new().spawn(move || {
            let mut calls = Calls::default();
            if let Err(error) = line.drive(&socket, |connection, now| calls.serve(connection, now)) {
                eprintln!("a connection was lost: {error}");
            }
            server.forget(number);
        });
        if thread.is_err() {
            self.forget(number);
        }
    }

    fn stop(&self, address: SocketAddr) {
        let mut lines = self.lock();
        lines.stopping = true;
        for line in lines.open.values() {
            line.stop(PATIENCE);
        }
        drop(lines);
        self.changed.notify_all();
        // Wakes the thread that accepts; an error says that it does not wait.
        drop(TcpStream::connect(address));
    }

    fn forget(&self, number: u64) {
        self.lock().open.remove(&number);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connections open at once, with two threads each.
const MAX_CONNECTIONS: usize = 256;
/// After a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
