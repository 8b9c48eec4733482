//! A connection that carries many calls at once.
//!
//! Callers encode into the connection under its lock, and read their answers from it; a task of its own moves the bytes.
//! Only the first caller after a write wakes that task, and the task lets every caller that is ready go first. So a
//! burst of calls costs one write.

use std::collections::HashMap;
use std::future::Future;
use std::hash::BuildHasherDefault;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};

use kitewire_proto::{
    Answer, CallError, CallId, ClientConfig, ClientConnection, ClientEvent, CloseReason, Demand, Disconnect, Instant,
    OpenError, Request, RequestKind, Shutdown, Transmit,
};
use kitewire_runtime::{Io, IoSlice, Timer};

use super::connector::Connector;
use super::lanes::Group;
use crate::alarm::{Alarm, is_known};
use crate::buffers::Input;
use crate::hash::CallIdHasher;

/// A connection shared by callers and its driver.
pub(crate) struct MuxConnection {
    state: Mutex<State>,
}

struct State {
    connection: ClientConnection,
    calls: HashMap<CallId, Waiting, BuildHasherDefault<CallIdHasher>>,
    driver: Option<Waker>,
    /// The driver knows that there is something to send.
    told: Told,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Yes,
    No,
}

/// What a caller waits for, or has not yet read.
enum Waiting {
    /// Its answer.
    For(Waker),
    /// Its answer is there, and it was woken.
    Answered,
    /// There will be none, and it was woken.
    Failed(CallError),
}

impl MuxConnection {
    pub(crate) fn new(config: &Arc<ClientConfig>, now: Instant) -> Self {
        Self {
            state: Mutex::new(State {
                connection: ClientConnection::new(Arc::clone(config), now),
                calls: HashMap::default(),
                driver: None,
                told: Told::No,
            }),
        }
    }

    /// Opens a call, whose id is `None` if no answer will come.
    pub(crate) fn open(&self, request: &Request<'_>, cx: &Context<'_>) -> Result<Option<CallId>, OpenError> {
        let mut state = self.lock();
        let id = state.connection.open(request)?;
        let waits = request.kind == RequestKind::Call;
        if waits {
            state.calls.insert(id, Waiting::For(cx.waker().clone()));
        }
        state.tell_driver();
        Ok(waits.then_some(id))
    }

    /// Waits for the answer of call `id`.
    pub(crate) fn poll_answer(&self, id: CallId, cx: &Context<'_>) -> Poll<Result<Answer, CallError>> {
        let mut state = self.lock();
        let state = &mut *state;
        match state.calls.get_mut(&id) {
            Some(Waiting::For(waker)) => {
                if !waker.will_wake(cx.waker()) {
                    waker.clone_from(cx.waker());
                }
                return Poll::Pending;
            }
            Some(Waiting::Answered) => {
                let paused = state.connection.read_demand() == Demand::Pause;
                let answer = state.connection.take_answer(id);
                state.calls.remove(&id);
                if paused || state.connection.is_drained() {
                    state.tell_driver();
                }
                if let Some(answer) = answer {
                    return Poll::Ready(Ok(answer));
                }
            }
            Some(Waiting::Failed(_)) => {
                if let Some(Waiting::Failed(error)) = state.calls.remove(&id) {
                    return Poll::Ready(Err(error));
                }
            }
            None => {}
        }
        Poll::Ready(Err(CallError::Closed(CloseReason::SocketFailed)))
    }

    /// Forgets a call whose caller has gone.
    pub(crate) fn cancel(&self, id: CallId) {
        let mut state = self.lock();
        if state.calls.remove(&id).is_some() {
            state.connection.cancel(id);
            if state.connection.is_drained() {
                state.tell_driver();
            }
        }
    }

    /// Ends the connection, as nobody will call over it any more. What is queued may still be sent until `until`.
    pub(crate) fn shut_down(&self, until: Instant) {
        let mut state = self.lock();
        state.connection.shutdown(Shutdown::Graceful { until });
        state.tell_driver();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            // Somebody's encoder panicked inside a message. What follows it would be read as its rest.
            let mut state = poisoned.into_inner();
            state.connection.shutdown(Shutdown::Immediate);
            state.tell_driver();
            state
        })
    }
}

impl State {
    fn tell_driver(&mut self) {
        if self.told == Told::No {
            self.told = Told::Yes;
            if let Some(driver) = &self.driver {
                driver.wake_by_ref();
            }
        }
    }

    /// Turns the connection's events into results, and collects whom to wake. Returns whether new calls should go
    /// elsewhere.
    fn take_events(&mut self, wake: &mut Vec<Waker>) -> bool {
        let mut leave = false;
        while let Some(event) = self.connection.poll_event() {
            let (id, outcome) = match event {
                ClientEvent::Answered { id } => (id, Waiting::Answered),
                ClientEvent::Failed { id, error } => (id, Waiting::Failed(error)),
                _ => {
                    leave = true;
                    continue;
                }
            };
            if let Some(waiting) = self.calls.get_mut(&id)
                && let Waiting::For(waker) = std::mem::replace(waiting, outcome)
            {
                wake.push(waker);
            }
        }
        leave
    }
}

/// The task that moves a connection's bytes.
pub(crate) struct MuxDriver {
    shared: Arc<MuxConnection>,
    group: Weak<Group>,
    connector: Arc<dyn Connector>,
    io: Box<dyn Io>,
    input: Input,
    out: Transmit,
    alarm: Alarm<Box<dyn Timer>>,
    /// Callers to wake; empty between turns, kept for its memory.
    wake: Vec<Waker>,
    task: Option<Waker>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Moving,
    /// A caller woke the task; others that are ready get their chance first, so that one write carries all.
    Gathering,
}

impl MuxDriver {
    pub(crate) fn new(
        shared: Arc<MuxConnection>,
        group: Weak<Group>,
        connector: Arc<dyn Connector>,
        io: Box<dyn Io>,
    ) -> Self {
        let alarm = Alarm::new(connector.timer());
        Self {
            shared,
            group,
            connector,
            io,
            input: Input::new(),
            out: Transmit::new(),
            alarm,
            wake: Vec::new(),
            task: None,
            phase: Phase::Moving,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.connector.now();
        self.begin(now, cx);
        let mut budget = MAX_READS;
        while self.read(now, cx) {
            budget -= 1;
            if budget == 0 {
                cx.waker().wake_by_ref();
                break;
            }
        }
        self.write(now, cx);
        self.input.rest();
        let mut state = self.shared.lock();
        if state.connection.is_drained() {
            return Poll::Ready(());
        }
        if self.alarm.is_quiet(now) {
            state.connection.release_memory();
            self.out.release();
            self.wake = Vec::new();
        }
        let due = state
            .connection
            .poll_timeout()
            .map_or(Instant::FAR_FUTURE, |deadline| deadline.at);
        drop(state);
        self.alarm.arm(due, cx);
        Poll::Pending
    }

    /// Tells callers where to reach this task, and does what is due.
    fn begin(&mut self, now: Instant, cx: &Context<'_>) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if !is_known(self.task.as_ref(), cx) {
            state.driver = Some(cx.waker().clone());
            self.task = Some(cx.waker().clone());
        }
        state.told = Told::No;
        if self.alarm.has_gone_off(now) {
            state.connection.handle_timeout(now);
        }
        self.deliver(state);
    }

    /// Reads once. Returns whether there may be more.
    fn read(&mut self, now: Instant, cx: &mut Context<'_>) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        match state.connection.read_demand() {
            Demand::Read => {}
            Demand::Receive => {
                state.connection.receive(now, &mut self.input.bytes);
                self.deliver(state);
                return true;
            }
            Demand::Pause | Demand::Stop => return false,
        }
        drop(state);
        let read = self.input.poll_read(&mut *self.io, cx);
        let mut state = match read {
            Poll::Pending => return false,
            Poll::Ready(_) => shared.lock(),
        };
        match read {
            Poll::Ready(Ok(1..)) => {
                self.alarm.touch(now);
                state.connection.receive(now, &mut self.input.bytes);
            }
            Poll::Ready(Ok(_)) => state.connection.handle_disconnect(Disconnect::ReadEnd),
            _ => state.connection.handle_disconnect(Disconnect::ReadFailed),
        }
        self.deliver(state);
        true
    }

    fn write(&mut self, now: Instant, cx: &mut Context<'_>) {
        let shared = Arc::clone(&self.shared);
        loop {
            if !shared.lock().connection.poll_transmit(now, &mut self.out) {
                return;
            }
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let used = self.out.slices(&mut slices);
            match self.io.poll_write(cx, &slices[..used]) {
                Poll::Pending => return,
                Poll::Ready(Ok(written)) if written > 0 => self.out.advance(written),
                Poll::Ready(_) => {
                    self.out = Transmit::new();
                    let mut state = shared.lock();
                    state.connection.handle_disconnect(Disconnect::WriteFailed);
                    return self.deliver(state);
                }
            }
        }
    }

    /// Hands out what the connection has, and wakes those who wait for it without the lock.
    fn deliver(&mut self, mut state: MutexGuard<'_, State>) {
        let leave = state.take_events(&mut self.wake);
        drop(state);
        if leave && let Some(group) = self.group.upgrade() {
            group.remove(&self.shared);
        }
        for waker in self.wake.drain(..) {
            waker.wake();
        }
    }
}

impl Future for MuxDriver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase == Phase::Moving && self.shared.lock().told == Told::Yes {
            self.phase = Phase::Gathering;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.phase = Phase::Moving;
        self.turn(cx)
    }
}

impl Drop for MuxDriver {
    fn drop(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        // Changes nothing where the connection has already ended.
        state.connection.handle_disconnect(Disconnect::ReadFailed);
        state.driver = None;
        self.deliver(state);
    }
}

/// Pieces handed to one write.
const MAX_SLICES: usize = 16;
/// Reads of one turn.
const MAX_READS: u32 = 16;
