//! A loop over non-blocking sockets: one thread, any number of connections, and `mio` to wait for all of them.
//!
//! Each turn waits until a socket is ready, a deadline has come or the loop is woken to stop, and gives every connection
//! concerned its turn (`Peer::turn`). Readiness is edge-triggered, so a peer remembers it until the socket says that it
//! would block.
//!
//! Bounds: so many connections are open, further ones wait in the system's queue; a connection gets so much work done in
//! a turn before others have theirs; what a connection may hold is in the limits of its configuration. An idle connection
//! holds no buffers.

mod peer;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kitewire_proto::connection::Config;
use kitewire_proto::dispatch::Services;
use kitewire_proto::{Connection, Instant};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use self::peer::{Peer, Turn};
use crate::clock::Clock;
use crate::stop::PATIENCE;

/// What handles the calls of one connection.
pub trait Serve {
    /// Handles all events that there are. Returns whether there were any.
    fn serve(&mut self, connection: &mut Connection, now: Instant) -> bool;
}

impl Serve for crate::echo::Calls {
    fn serve(&mut self, connection: &mut Connection, now: Instant) -> bool {
        self.serve(connection, now)
    }
}

/// The loop.
pub struct Readiness<S, F> {
    poll: Poll,
    /// Gone when the loop is stopping.
    listener: Option<TcpListener>,
    /// There may be a connection to accept.
    acceptable: bool,
    services: Arc<Services>,
    config: Arc<Config>,
    /// Makes the handlers of a connection.
    handlers: F,
    clock: Clock,
    peers: BTreeMap<Token, Peer<S>>,
    /// Never given twice, so that no event is taken for another connection's.
    next: usize,
    timers: BTreeSet<(Instant, Token)>,
    /// Those that had more to do than a turn allows.
    again: Vec<Token>,
    block: Vec<u8>,
    /// Held here, too: a wake is lost when its waker goes before it was seen.
    stop: Stop,
}

/// Stops a loop, from any thread.
#[derive(Clone, Debug)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Stop {
    /// Lets the calls that run end, and takes no new connections.
    pub fn stop(&self) {
        self.asked.store(true, Ordering::Release);
        if let Err(error) = self.waker.wake() {
            eprintln!("cannot wake the loop: {error}");
        }
    }
}

impl<S: Serve, F: FnMut() -> S> Readiness<S, F> {
    /// A loop that serves `services` on `listener`, and what stops it.
    ///
    /// # Errors
    /// Whatever the system says to the means of waiting.
    pub fn new(mut listener: TcpListener, services: Services, handlers: F) -> io::Result<(Self, Stop)> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let stop = Stop {
            asked: Arc::default(),
            waker: Arc::new(Waker::new(poll.registry(), STOP)?),
        };
        let this = Self {
            poll,
            listener: Some(listener),
            acceptable: true,
            services: Arc::new(services),
            config: Arc::default(),
            handlers,
            clock: Clock::start(),
            peers: BTreeMap::new(),
            next: FIRST_PEER,
            timers: BTreeSet::new(),
            again: Vec::new(),
            block: vec![0; BLOCK],
            stop: stop.clone(),
        };
        Ok((this, stop))
    }

    /// Sets how each protocol is spoken, and what a connection may cost.
    #[must_use]
    pub fn configured(mut self, config: Config) -> Self {
        self.config = Arc::new(config);
        self
    }

    /// Serves until it was stopped and every connection is over.
    ///
    /// # Errors
    /// When the system can wait for nothing any more.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            match self.poll.poll(&mut events, self.patience()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let now = self.clock.now();
            let mut turns = std::mem::take(&mut self.again);
            for event in &events {
                match event.token() {
                    LISTENER => self.acceptable = true,
                    STOP => {}
                    token => {
                        if let Some(peer) = self.peers.get_mut(&token) {
                            peer.note(event);
                            turns.push(token);
                        }
                    }
                }
            }
            self.expire(now, &mut turns);
            if self.stop.asked.load(Ordering::Acquire) && self.listener.take().is_some() {
                for (token, peer) in &mut self.peers {
                    peer.stop(now, now + PATIENCE);
                    turns.push(*token);
                }
            }
            self.accept(now, &mut turns);
            turns.sort_unstable();
            turns.dedup();
            for token in turns {
                self.turn(now, token);
            }
            if self.listener.is_none() && self.peers.is_empty() {
                return Ok(());
            }
        }
    }

    /// How long to wait for the sockets: not at all if there is something to do.
    fn patience(&self) -> Option<Duration> {
        if !self.again.is_empty() || self.may_accept() {
            return Some(Duration::ZERO);
        }
        self.timers.first().map(|(at, _)| self.clock.until(*at))
    }

    fn expire(&mut self, now: Instant, turns: &mut Vec<Token>) {
        while let Some((at, token)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            match token {
                LISTENER => self.acceptable = true,
                token => turns.push(token),
            }
        }
    }

    fn may_accept(&self) -> bool {
        self.acceptable && self.listener.is_some() && self.peers.len() < MAX_CONNECTIONS
    }

    fn accept(&mut self, now: Instant, turns: &mut Vec<Token>) {
        while self.may_accept()
            && let Some(listener) = &self.listener
        {
            match listener.accept() {
                Ok((mut socket, _)) => {
                    let token = Token(self.next);
                    self.next += 1;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    // Either fails only for a connection that is gone already.
                    if socket.set_nodelay(true).is_err()
                        || self.poll.registry().register(&mut socket, token, interest).is_err()
                    {
                        continue;
                    }
                    let (services, config) = (Arc::clone(&self.services), Arc::clone(&self.config));
                    let connection = Connection::server(services, config, now);
                    self.peers
                        .insert(token, Peer::new(socket, connection, (self.handlers)()));
                    turns.push(token);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.acceptable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Of a connection that went before it was accepted, or for want of file descriptors.
                Err(_) => {
                    self.acceptable = false;
                    self.timers.insert((now + ACCEPT_PAUSE, LISTENER));
                }
            }
        }
    }

    fn turn(&mut self, now: Instant, token: Token) {
        let Some(peer) = self.peers.get_mut(&token) else {
            return;
        };
        if let Some(at) = peer.armed.take() {
            self.timers.remove(&(at, token));
        }
        match peer.turn(now, &mut self.block) {
            Turn::Over => {
                // Closing the socket takes it out of the poll.
                self.peers.remove(&token);
                return;
            }
            Turn::Spent => self.again.push(token),
            Turn::Waits => {}
        }
        if let Some(at) = peer.deadline() {
            self.timers.insert((at, token));
            peer.armed = Some(at);
        }
    }
}

impl<S, F> std::fmt::Debug for Readiness<S, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a loop with {} connections", self.peers.len())
    }
}

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);
const FIRST_PEER: usize = 2;
/// Connections open at once.
const MAX_CONNECTIONS: usize = 10_000;
/// Bytes of one read.
const BLOCK: usize = 64 * 1024;
/// After a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
