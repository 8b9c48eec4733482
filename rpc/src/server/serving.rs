//! From a connection's events to handlers and back, without a socket.

use std::collections::HashSet;
use std::future::Future;
use std::hash::BuildHasherDefault;
use std::ops::DerefMut;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use kitewire_proto::record::Recorder;
use kitewire_proto::{CallId, CloseReason, Instant, Reply, ReplyOutcome, ServerConnection, ServerEvent};

use super::engine::{Budget, Engine, Load, Spawn};
use super::link::{Done, Link};
use super::shared::Notice;
use super::spares::Spares;
use crate::Call;
use crate::hash::CallIdHasher;
use crate::service::{Answer, Dispatch, Received};

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
    spares: Spares,
    /// Finished handlers taken from the link; empty between turns, kept for its memory.
    batch: Vec<Done>,
    /// Why the connection is over.
    closed: Option<CloseReason>,
}

/// A handler on its way through a task of its own. Its result goes back to the connection as it is.
pub(crate) struct Background {
    work: Option<Done>,
    link: Arc<Link>,
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
            spares: Spares::default(),
            batch: Vec::new(),
            closed: None,
        }
    }

    fn open(&mut self, now: Instant, cx: &mut Context<'_>, id: CallId, spawn: Option<Spawn<'_, Background>>) {
        let Some(incoming) = self.connection.request(id) else {
            return;
        };
        let (target, concurrent) = (incoming.target, incoming.concurrent);
        let Some((method, dispatch)) = self.link.server().method(target) else {
            return;
        };
        let mut slot = self.spares.take(target, method);
        let call = Call::new(&self.link, id, &incoming);
        let share = || incoming.shared_body();
        let body = Received::new(incoming.body(), &share);
        let max_depth = self.link.server().config.limits.max_depth;
        let started = slot.start(call, body, max_depth);
        if let Err(error) = started {
            self.connection.reject(now, id, &error);
            return self.spares.keep(target, slot);
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

    fn send_off(&mut self, work: Done, spawn: Spawn<'_, Background>) {
        self.spawned.insert(work.id);
        spawn(Background {
            work: Some(work),
            link: Arc::clone(&self.link),
        });
    }

    fn respond(&mut self, now: Instant, mut done: Done) {
        let (service, method) = self.link.names(done.target);
        let connection = &mut self.connection;
        let _ = done.slot.answer(service, method, &mut |ended| {
            let mut send = |outcome: ReplyOutcome<'_>| {
                let backward = ended.backward;
                // The call may be gone with its caller, and an answer without an encoding has become an exception: both
                // are settled.
                let _ = connection.respond(now, done.id, &Reply { outcome, backward });
            };
            match ended.answer {
                Answer::Result(result) => send(ReplyOutcome::Result(result)),
                Answer::Nothing => send(ReplyOutcome::Empty),
                Answer::Failed(error) => error.answer(send),
                Answer::Panicked(exception) => send(ReplyOutcome::Exception(exception)),
            }
            Poll::Ready(())
        });
        self.link.forget(done.id);
        self.spares.keep(done.target, done.slot);
    }
}

impl Engine for Serving {
    type Background = Background;
    type Machine = ServerConnection;

    #[inline]
    fn machine(&mut self) -> impl DerefMut<Target = ServerConnection> {
        &mut self.connection
    }

    fn record(&mut self, recorder: Recorder) {
        self.connection.record(recorder);
    }

    fn recorded(&mut self, take: fn(&mut Recorder) -> Vec<u8>) -> Vec<u8> {
        self.connection.recorder().map(take).unwrap_or_default()
    }

    fn collect(&mut self, now: Instant) {
        let mut batch = std::mem::take(&mut self.batch);
        self.link.take_done(&mut batch);
        for done in batch.drain(..) {
            self.spawned.remove(&done.id);
            self.respond(now, done);
        }
        self.batch = batch;
    }

    fn resume(&mut self, now: Instant, cx: &mut Context<'_>) {
        if let Some(mut waiting) = self.waiting.take() {
            match waiting.slot.poll(cx) {
                Poll::Ready(()) => self.respond(now, waiting),
                Poll::Pending => self.waiting = Some(waiting),
            }
        }
    }

    fn handle_events(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
        budget: &mut Budget,
        spawn: Option<Spawn<'_, Background>>,
    ) {
        while !budget.is_spent() {
            let Some(event) = self.connection.poll_event() else {
                return;
            };
            match event {
                ServerEvent::Opened { id } => {
                    budget.spend_call();
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

    #[inline]
    fn load(&self) -> Load {
        Load {
            calls: self.connection.open_calls(),
            memory: self.connection.usage(),
            withheld: 0,
        }
    }

    #[inline]
    fn closed(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    fn lingers(&self) -> bool {
        self.closed.as_ref().is_some_and(CloseReason::lingers)
    }

    /// Free slots go back to their methods.
    fn rest(&mut self) {
        self.spares.recycle();
    }

    fn release_memory(&mut self) {
        self.rest();
        self.spares = Spares::default();
        self.batch = Vec::new();
        if self.spawned.is_empty() {
            self.spawned = HashSet::default();
        }
        self.connection.release_memory();
    }

    /// Handlers run on, for nobody: those in tasks of their own do so anyway, and the one that waits here gets one, where
    /// there are any.
    fn abandon(&mut self, spawn: Option<Spawn<'_, Background>>) {
        self.link.close();
        if let Some(waiting) = self.waiting.take() {
            match spawn {
                Some(spawn) => self.send_off(waiting, spawn),
                None => waiting.slot.recycle(),
            }
        }
        self.rest();
    }
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
