//! Connections that many calls share, and the task that moves their bytes.
//!
//! Whoever calls encodes into the connection under its lock, and reads answers from it. Only the first of them after a
//! write wakes the task, and the task lets every caller that is ready go first. So a burst of calls costs one write.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};

use kitewire_proto::{Demand, Disconnect, Instant, Machine, Transmit};
use kitewire_runtime::{Io, IoSlice, Timer};

use super::connector::Connector;
use super::lanes::Group;
use crate::alarm::{Alarm, is_known};
use crate::buffers::Input;
use crate::error::SharedError;
use crate::server::Load;
use crate::wakes::Wakes;

/// A connection shared by those who call over it and by its [`Driver`].
pub(crate) trait Carrier: Send + Sync + 'static {
    /// What all connections of a client have in common.
    type Config: Send + Sync;
    /// What is behind the lock.
    type State;
    /// The connection.
    type Machine: Machine;

    fn new(config: &Arc<Self::Config>, now: Instant) -> Self;

    /// There is a socket.
    fn connected(&self, _io: &dyn Io) {}

    fn lock(&self) -> MutexGuard<'_, Self::State>;

    fn machine(state: &mut Self::State) -> &mut Self::Machine;

    /// Whether a caller has woken the driver since its last turn.
    fn is_told(&self) -> bool;

    /// The driver begins a turn. `task` is where to reach it from now on, where that has changed.
    fn begin_turn(&self, task: Option<&Waker>);

    /// The socket has failed, and said this.
    fn blame(state: &mut Self::State, cause: SharedError);

    /// The driver is about to sleep, and has to be woken for what it has not asked for.
    fn rest(&self);

    /// Hands out what the connection has to tell, and collects whom to wake.
    fn take_events(&self, state: &mut Self::State, wake: &mut Vec<Waker>) -> Leave;

    /// Does what events have led to and is not to be done under the lock.
    fn run_errands(self: &Arc<Self>, _connector: &dyn Connector) {}

    /// The driver is gone, and the socket with it.
    fn abandon(&self, now: Instant);

    /// Ends the connection, as nobody will open another call. Those that are open go on as far as they may.
    fn retire(&self, now: Instant);

    /// Calls that are not over.
    fn open_calls(&self) -> usize;

    /// How much the connection has to do and to hold.
    fn load(&self) -> Load;
}

/// Whether new calls should go elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    Yes,
    No,
}

/// The task that moves a connection's bytes.
pub(crate) struct Driver<C: Carrier> {
    carrier: Arc<C>,
    group: Weak<Group<C>>,
    connector: Arc<dyn Connector>,
    io: Box<dyn Io>,
    input: Input,
    out: Transmit,
    alarm: Alarm<Box<dyn Timer>>,
    /// Callers to wake; empty between turns, kept for its memory.
    wake: Wakes,
    task: Option<Waker>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Moving,
    /// A caller woke the task; others that are ready get their chance first, so that one write carries all.
    Gathering,
}

/// What a try to read led to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    /// There may be more.
    Progress,
    Waiting,
    /// The connection wants nothing now.
    Paused,
}

impl<C: Carrier> Driver<C> {
    pub(crate) fn new(carrier: Arc<C>, group: Weak<Group<C>>, connector: Arc<dyn Connector>, io: Box<dyn Io>) -> Self {
        let alarm = Alarm::new(connector.timer());
        Self {
            carrier,
            group,
            connector,
            io,
            input: Input::new(),
            out: Transmit::new(),
            alarm,
            wake: Wakes::new(),
            task: None,
            phase: Phase::Moving,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.connector.now();
        self.begin(now, cx);
        let mut budget = MAX_READS;
        let read = loop {
            match self.read(now, cx) {
                Read::Progress if budget > 0 => budget -= 1,
                read => break read,
            }
        };
        self.write(now, cx);
        self.input.rest();
        let mut state = self.carrier.lock();
        let machine = C::machine(&mut state);
        if machine.is_drained() {
            return Poll::Ready(());
        }
        if self.alarm.is_quiet(now) {
            machine.release_memory();
            self.out.release();
            self.wake.release_memory();
        }
        let due = machine
            .poll_timeout()
            .map_or(Instant::FAR_FUTURE, |deadline| deadline.at);
        // Writing can end a pause, and then nobody else would say that there is something to read.
        let goes_on = match read {
            Read::Progress => true,
            Read::Waiting => false,
            Read::Paused => matches!(machine.read_demand(), Demand::Read | Demand::Receive),
        };
        drop(state);
        if goes_on || !self.wake.is_empty() {
            cx.waker().wake_by_ref();
        }
        self.carrier.rest();
        self.alarm.arm(due, cx);
        Poll::Pending
    }

    /// Tells callers where to reach this task, and does what is due.
    fn begin(&mut self, now: Instant, cx: &Context<'_>) {
        self.wake.begin_turn();
        let carrier = Arc::clone(&self.carrier);
        let known = is_known(self.task.as_ref(), cx);
        carrier.begin_turn((!known).then(|| cx.waker()));
        if !known {
            self.task = Some(cx.waker().clone());
        }
        let mut state = carrier.lock();
        if self.alarm.has_gone_off(now) {
            C::machine(&mut state).handle_timeout(now, &mut self.input.bytes);
        }
        self.deliver(state);
    }

    /// Reads once.
    fn read(&mut self, now: Instant, cx: &mut Context<'_>) -> Read {
        let carrier = Arc::clone(&self.carrier);
        let mut state = carrier.lock();
        match C::machine(&mut state).read_demand() {
            Demand::Read => {}
            Demand::Receive => {
                C::machine(&mut state).receive(now, &mut self.input.bytes);
                self.deliver(state);
                return Read::Progress;
            }
            Demand::Pause => return Read::Paused,
            Demand::Stop => return Read::Waiting,
        }
        drop(state);
        let read = self.input.poll_read(&mut *self.io, cx);
        let mut state = match read {
            Poll::Pending => return Read::Waiting,
            Poll::Ready(_) => carrier.lock(),
        };
        match read {
            Poll::Ready(Ok(1..)) => {
                self.alarm.touch(now);
                C::machine(&mut state).receive(now, &mut self.input.bytes);
            }
            Poll::Ready(Ok(_)) => {
                if let Some(objection) = self.input.objection() {
                    C::blame(&mut state, objection.into());
                }
                C::machine(&mut state).handle_disconnect(now, Disconnect::ReadEnd);
            }
            Poll::Ready(Err(error)) => {
                C::blame(&mut state, error.into());
                C::machine(&mut state).handle_disconnect(now, Disconnect::ReadFailed);
            }
            Poll::Pending => {}
        }
        self.deliver(state);
        Read::Progress
    }

    fn write(&mut self, now: Instant, cx: &mut Context<'_>) {
        let carrier = Arc::clone(&self.carrier);
        loop {
            let mut state = carrier.lock();
            let any = C::machine(&mut state).poll_transmit(now, &mut self.out);
            self.deliver(state);
            if !any {
                return;
            }
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let used = self.out.slices(&mut slices);
            match self.io.poll_write(cx, &slices[..used]) {
                Poll::Pending => return,
                Poll::Ready(Ok(written)) if written > 0 => self.out.advance(written),
                Poll::Ready(result) => {
                    self.out = Transmit::new();
                    let mut state = carrier.lock();
                    if let Err(error) = result {
                        C::blame(&mut state, error.into());
                    }
                    C::machine(&mut state).handle_disconnect(now, Disconnect::WriteFailed);
                    return self.deliver(state);
                }
            }
        }
    }

    /// Hands out what the connection has, and wakes those who wait for it without the lock.
    fn deliver(&mut self, mut state: MutexGuard<'_, C::State>) {
        let leave = self.carrier.take_events(&mut state, self.wake.waiting());
        drop(state);
        self.carrier.run_errands(&*self.connector);
        if leave == Leave::Yes
            && let Some(group) = self.group.upgrade()
        {
            group.remove(&self.carrier);
        }
        self.wake.wake();
    }
}

impl<C: Carrier> Future for Driver<C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // With tasks left to wake, this turn comes behind those that were woken anyway.
        if self.phase == Phase::Moving && self.wake.is_empty() && self.carrier.is_told() {
            self.phase = Phase::Gathering;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.phase = Phase::Moving;
        self.turn(cx)
    }
}

/// Nothing in it is pinned.
impl<C: Carrier> Unpin for Driver<C> {}

impl<C: Carrier> Drop for Driver<C> {
    fn drop(&mut self) {
        self.carrier.abandon(self.connector.now());
        let carrier = Arc::clone(&self.carrier);
        self.deliver(carrier.lock());
        self.wake.wake_all();
    }
}

/// Pieces handed to one write.
const MAX_SLICES: usize = 16;
/// Reads of one turn.
const MAX_READS: u32 = 16;
