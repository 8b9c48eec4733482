//! Streams to services of the same process: both ends of a connection without a socket between them, and the handler
//! behind it.
//!
//! There is no task that drives all this. Whoever polls a half of the stream moves the bytes and goes on with the
//! handler; when the handler could go on, those who wait for the stream are woken, and come here again.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::task::{Context, Wake, Waker};

use bytes::BytesMut;
use kitewire_proto::grpc::{self, Connection};
use kitewire_proto::{Demand, Instant, Machine, Transmit};
use kitewire_runtime::IoSlice;

use crate::server::{Budget, Engine, Link, Shared, StreamServing};
use crate::stream::{self, Hub, Pump as _, Ran, Side, wake_all};

/// Both ends of a connection, and the handler behind it.
pub(crate) struct Pump {
    server: Arc<Shared>,
    stirred: Arc<Stirred>,
    ends: Mutex<Ends>,
}

/// Whether there may be something to do. It is what handlers and the server's side wake.
struct Stirred {
    yes: AtomicBool,
    client: Arc<Hub>,
}

struct Ends {
    serving: StreamServing,
    handlers: Vec<Background>,
    requests: BytesMut,
    answers: BytesMut,
    out: Transmit,
}

type Background = <StreamServing as Engine>::Background;

impl Pump {
    pub(crate) fn new(config: &Arc<grpc::Config>, server: &Arc<Shared>) -> Arc<Self> {
        let (now, max_depth) = (server.now(), server.config.limits.max_depth);
        let client = Hub::new(Connection::client(Arc::clone(config), now), Side::Client, max_depth);
        let stirred = Arc::new(Stirred {
            yes: AtomicBool::new(true),
            client,
        });
        let link = Arc::new(Link::new(Arc::clone(server), None));
        let mut serving = StreamServing::grpc(&link, now);
        serving.adopt(&Waker::from(Arc::clone(&stirred)));
        Arc::new(Self {
            server: Arc::clone(server),
            stirred,
            ends: Mutex::new(Ends {
                serving,
                handlers: Vec::new(),
                requests: BytesMut::new(),
                answers: BytesMut::new(),
                out: Transmit::new(),
            }),
        })
    }

    /// The client's end.
    pub(crate) fn client(&self) -> &Arc<Hub> {
        &self.stirred.client
    }

    pub(crate) fn now(&self) -> Instant {
        self.server.now()
    }

    /// Goes on with everything until nothing more happens by itself, or it has been long enough.
    fn settle(&self, ends: &mut Ends) -> Ran {
        let waker = Waker::from(Arc::clone(&self.stirred));
        let mut cx = Context::from_waker(&waker);
        for _ in 0..MAX_TURNS {
            self.stirred.yes.store(false, Ordering::Release);
            let moved = ends.turn(&self.stirred.client, self.now(), &mut cx);
            if !moved && !ends.serving.has_more() && !self.is_stirred() {
                return Ran::Dry;
            }
        }
        Ran::Tired
    }

    fn try_ends(&self) -> Option<MutexGuard<'_, Ends>> {
        match self.ends.try_lock() {
            Ok(ends) => Some(ends),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl stream::Pump for Pump {
    fn run(&self) -> Ran {
        self.stirred.yes.store(true, Ordering::Release);
        // Whoever holds the lock looks here again after that.
        while self.is_stirred() {
            let Some(mut ends) = self.try_ends() else {
                return Ran::Busy;
            };
            if self.settle(&mut ends) == Ran::Tired {
                drop(ends);
                self.client().wake_everybody();
                return Ran::Tired;
            }
        }
        Ran::Dry
    }

    fn is_stirred(&self) -> bool {
        self.stirred.yes.load(Ordering::Acquire)
    }
}

impl Wake for Stirred {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.yes.store(true, Ordering::Release);
        self.client.wake_everybody();
    }
}

impl Ends {
    /// Moves what there is to move, once in each direction. Returns whether that was anything.
    fn turn(&mut self, client: &Hub, now: Instant, cx: &mut Context<'_>) -> bool {
        client.begin_turn();
        let mut moved = self.send_requests(client, now);
        self.serving.wake();
        self.serve(now, cx);
        self.handlers
            .retain_mut(|handler| Pin::new(handler).poll(cx).is_pending());
        while self.serving.machine().poll_transmit(now, &mut self.out) {
            hand_over(&mut self.out, &mut self.answers);
            moved = true;
        }
        self.serve(now, cx);
        self.serving.rest();
        self.take_answers(client, now);
        client.rest();
        moved
    }

    fn send_requests(&mut self, client: &Hub, now: Instant) -> bool {
        let mut moved = false;
        loop {
            let mut state = client.lock();
            state.connection.handle_timeout(now);
            if !state.poll_transmit(now, &mut self.out) {
                return moved;
            }
            hand_over(&mut self.out, &mut self.requests);
            moved = true;
        }
    }

    /// Has the server read, and do what that asks for.
    fn serve(&mut self, now: Instant, cx: &mut Context<'_>) {
        let begun = Mutex::new(Vec::new());
        let spawn = |handler: Background| {
            if let Ok(mut begun) = begun.lock() {
                begun.push(handler);
            }
        };
        let mut budget = Budget::new();
        self.serving.machine().handle_timeout(now, &mut self.requests);
        self.serving.machine().receive(now, &mut self.requests);
        loop {
            self.serving.handle_events(now, cx, &mut budget, Some(&spawn));
            if self.serving.machine().read_demand() != Demand::Receive {
                break;
            }
            self.serving.machine().receive(now, &mut self.requests);
        }
        self.handlers.append(&mut begun.into_inner().unwrap_or_default());
    }

    fn take_answers(&mut self, client: &Hub, now: Instant) {
        let mut wake = Vec::new();
        let mut state = client.lock();
        state.connection.receive(now, &mut self.answers);
        while let Some(event) = state.connection.poll_event() {
            state.notify(&event, &mut wake);
        }
        drop(state);
        wake_all(wake);
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.handlers.clear();
        self.serving.abandon(None);
    }
}

/// Turns that one poll takes at most.
const MAX_TURNS: u32 = 64;

pub(super) fn hand_over(out: &mut Transmit, input: &mut BytesMut) {
    let mut slices = [IoSlice::new(&[]); 16];
    let used = out.slices(&mut slices);
    let mut moved = 0;
    for slice in &slices[..used] {
        input.extend_from_slice(slice);
        moved += slice.len();
    }
    out.advance(moved);
}
