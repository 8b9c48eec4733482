//! From a connection's events to handlers and back, without a socket.

use std::collections::HashSet;
use std::future::Future;
use std::hash::BuildHasherDefault;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use kitewire_proto::{CallId, CloseReason, Instant, ServerConnection, ServerEvent, Target};

use super::link::{Done, Link};
use super::shared::Notice;
use crate::Call;
use crate::hash::CallIdHasher;
use crate::service::{Dispatch, Received, Running};

/// A server connection and the handlers of its calls.
///
/// A handler is polled at once where it stands. If it has to wait it stays here as long as nothing else of the connection
/// may run beside it, and moves to a task of its own otherwise.
pub(crate) struct Serving {
    pub(crate) connection: ServerConnection,
    link: Arc<Link>,
    /// The handler that waits here.
    waiting: Option<Done>,
    /// Calls whose handlers run in tasks of their own.
    spawned: HashSet<CallId, BuildHasherDefault<CallIdHasher>>,
    /// Free slots for the methods called in this turn, so that the next call need not ask for one.
    spares: Vec<(Target, Box<dyn Running>)>,
    /// Finished handlers taken from the link; empty between turns, kept for its memory.
    batch: Vec<Done>,
    /// Why the connection is over.
    pub(crate) closed: Option<CloseReason>,
}

/// Runs handlers in tasks of their own, where there are any.
pub(crate) type Spawn<'a> = &'a dyn Fn(Background);

/// A handler on its way through a task of its own. Its result goes back to the connection as it is.
pub(crate) struct Background {
    work: Option<Done>,
    link: Arc<Link>,
}

/// How much may still be done before others get their turn.
#[derive(Debug)]
pub(crate) struct Budget {
    calls: u32,
    bytes: usize,
}

impl Serving {
    pub(crate) fn new(mut connection: ServerConnection, link: Arc<Link>) -> Self {
        if let Some(peer) = link.peer() {
            connection.set_peer(peer.to_string().into());
        }
        Self {
            connection,
            link,
            waiting: None,
            spawned: HashSet::default(),
            spares: Vec::new(),
            batch: Vec::new(),
            closed: None,
        }
    }

    /// Answers the calls whose handlers have finished in tasks of their own.
    pub(crate) fn collect(&mut self, now: Instant) {
        let mut batch = std::mem::take(&mut self.batch);
        self.link.take_done(&mut batch);
        for done in batch.drain(..) {
            self.spawned.remove(&done.id);
            self.respond(now, done);
        }
        self.batch = batch;
    }

    /// Polls the handler that waits here.
    pub(crate) fn resume(&mut self, now: Instant, cx: &mut Context<'_>) {
        if let Some(mut waiting) = self.waiting.take() {
            match waiting.slot.poll(cx) {
                Poll::Ready(()) => self.respond(now, waiting),
                Poll::Pending => self.waiting = Some(waiting),
            }
        }
    }

    /// Does what the connection's events ask for, as far as `budget` allows. Without `spawn` every handler stays here.
    pub(crate) fn handle_events(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
        budget: &mut Budget,
        spawn: Option<Spawn<'_>>,
    ) {
        while !budget.is_spent() {
            let Some(event) = self.connection.poll_event() else {
                return;
            };
            match event {
                ServerEvent::Opened { id } => {
                    budget.calls = budget.calls.saturating_sub(1);
                    self.open(now, cx, id, spawn);
                }
                ServerEvent::Cancelled { id, reason } => {
                    let waits_here = self.waiting.as_ref().is_some_and(|waiting| waiting.id == id);
                    if waits_here || self.spawned.contains(&id) {
                        self.link.cancel(id, reason);
                    }
                }
                ServerEvent::Refused(refusal) => {
                    let peer = self.link.peer();
                    self.link.server().notice(&Notice::Refused {
                        peer,
                        refusal: &refusal,
                    });
                }
                ServerEvent::Closed { reason } => {
                    let peer = self.link.peer();
                    self.link.server().notice(&Notice::Closed { peer, reason: &reason });
                    if reason == CloseReason::Shutdown {
                        self.link
                            .server()
                            .count_cut_off(self.spawned.len() + usize::from(self.waiting.is_some()));
                    }
                    self.closed = Some(reason);
                }
                _ => {}
            }
        }
    }

    /// The connection's task goes to sleep: free slots go back to their methods.
    pub(crate) fn rest(&mut self) {
        for (_, slot) in self.spares.drain(..) {
            slot.recycle();
        }
    }

    /// Gives back what an idle connection does not need.
    pub(crate) fn release_memory(&mut self) {
        self.rest();
        self.spares = Vec::new();
        self.batch = Vec::new();
        if self.spawned.is_empty() {
            self.spawned = HashSet::default();
        }
        self.connection.release_memory();
    }

    /// The connection is over. Handlers run on, for nobody: those in tasks of their own do so anyway, and the one that
    /// waits here gets one, where there are any.
    pub(crate) fn abandon(&mut self, spawn: Option<Spawn<'_>>) {
        self.link.close();
        if let Some(waiting) = self.waiting.take() {
            match spawn {
                Some(spawn) => self.send_off(waiting, spawn),
                None => waiting.slot.recycle(),
            }
        }
        self.rest();
    }

    fn open(&mut self, now: Instant, cx: &mut Context<'_>, id: CallId, spawn: Option<Spawn<'_>>) {
        let Some(incoming) = self.connection.request(id) else {
            return;
        };
        let (target, concurrent) = (incoming.target, incoming.concurrent);
        let Some((mut slot, dispatch)) = find_slot(&mut self.spares, &self.link, target) else {
            return;
        };
        let call = Call::new(&self.link, id, &incoming);
        let share = || incoming.shared_body();
        let body = Received::new(incoming.body(), &share);
        let max_depth = self.link.server().config.limits.max_depth;
        let started = slot.start(call, body, max_depth);
        if let Err(error) = started {
            self.connection.reject(now, id, &error);
            return self.keep(target, slot);
        }
        let mut work = Done { id, target, slot };
        if let (Dispatch::Spawn, Some(spawn)) = (dispatch, spawn) {
            self.connection.release_request(id);
            return self.send_off(work, spawn);
        }
        match work.slot.poll(cx) {
            Poll::Ready(()) => self.respond(now, work),
            Poll::Pending => {
                self.connection.release_request(id);
                match spawn {
                    Some(spawn) if concurrent || self.waiting.is_some() => self.send_off(work, spawn),
                    _ => self.waiting = Some(work),
                }
            }
        }
    }

    fn send_off(&mut self, work: Done, spawn: Spawn<'_>) {
        self.spawned.insert(work.id);
        spawn(Background {
            work: Some(work),
            link: Arc::clone(&self.link),
        });
    }

    fn respond(&mut self, now: Instant, mut done: Done) {
        let (service, method) = self.link.names(done.target);
        let connection = &mut self.connection;
        // The call may be gone with its caller, and an answer without an encoding has become an exception: both are
        // settled.
        done.slot.answer(service, method, &mut |reply| {
            let _ = connection.respond(now, done.id, reply);
        });
        self.link.forget(done.id);
        self.keep(done.target, done.slot);
    }

    fn keep(&mut self, target: Target, slot: Box<dyn Running>) {
        if self.spares.len() < MAX_SPARES {
            self.spares.push((target, slot));
        } else {
            slot.recycle();
        }
    }
}

/// A free slot for `target`, and how its handlers are dispatched.
fn find_slot(
    spares: &mut Vec<(Target, Box<dyn Running>)>,
    link: &Link,
    target: Target,
) -> Option<(Box<dyn Running>, Dispatch)> {
    let (method, dispatch) = link.server().method(target)?;
    let spare = spares.iter().rposition(|(of, _)| *of == target);
    let slot = match spare {
        Some(at) => spares.swap_remove(at).1,
        None => method.slot(),
    };
    Some((slot, dispatch))
}

impl Future for Background {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut work) = self.work.take() else {
            return Poll::Ready(());
        };
        match work.slot.poll(cx) {
            Poll::Ready(()) => {
                self.link.complete(work);
                Poll::Ready(())
            }
            Poll::Pending => {
                self.work = Some(work);
                Poll::Pending
            }
        }
    }
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self {
            calls: MAX_CALLS,
            bytes: MAX_BYTES,
        }
    }

    pub(crate) const fn is_spent(&self) -> bool {
        self.calls == 0 || self.bytes == 0
    }

    pub(crate) const fn spend_bytes(&mut self, read: usize) {
        self.bytes = self.bytes.saturating_sub(read);
    }
}

/// Calls that one wake of a connection starts at most.
const MAX_CALLS: u32 = 256;
/// Bytes that one wake of a connection reads at most.
const MAX_BYTES: usize = 512 * 1024;
/// Free slots that a connection keeps for itself within a turn.
const MAX_SPARES: usize = 4;
