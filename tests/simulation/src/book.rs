//! What is known about every call of a world, and what was found to be wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kitewire::Runtime;
use kitewire::runtime::Instant;
use kitewire_simulator::{FaultInfo, FaultKind, Simulated};

use crate::entry::{Circumstances, End, Entry, LATENESS, NOTICE};
use crate::messages::Act;
use crate::plan::{FEWEST_STREAMS, LONGEST_PARTITION, LONGEST_STALL};
use crate::property::{Property, Violation};
use crate::report::Tally;
use crate::task::{Kind, Line, RecvLimit, Scene, Task};

/// The calls of a world.
pub(crate) struct Book {
    clock: Simulated,
    servers: Vec<Simulated>,
    scene: Scene,
    /// The longest way from host to host.
    latency: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: Vec<Entry>,
    violations: Vec<Violation>,
    stops: Vec<Stopping>,
    /// Handlers that run.
    running: usize,
    pub(crate) tally: Tally,
}

/// A server that stops, and may come back.
struct Stopping {
    server: usize,
    from: Instant,
    /// Running calls are not broken before.
    patience: Duration,
    until: Option<Instant>,
}

impl Book {
    pub(crate) fn new(clock: &Simulated, servers: &[Simulated], scene: &Scene, latency: Duration) -> Arc<Self> {
        Arc::new(Self {
            clock: clock.clone(),
            servers: servers.to_vec(),
            scene: *scene,
            latency,
            state: Mutex::default(),
        })
    }

    /// Enters a call of somebody on `host`.
    pub(crate) fn open(&self, task: &Task, line: &Line, host: &Simulated) -> i64 {
        let opened = self.clock.now();
        let queue = if self.scene.crowded { QUEUE } else { Duration::ZERO };
        let slack = SLACK + self.latency * WAYS * task.steps() + queue;
        let mut state = self.lock();
        state.tally.open(task, line);
        state.calls.push(Entry {
            task: *task,
            line: *line,
            host: host.clone(),
            opened,
            visited: None,
            visits: 0,
            ended: None,
            dropped: false,
            running: false,
            left: None,
            slack,
            relayed: false,
        });
        i64::try_from(state.calls.len()).unwrap_or(i64::MAX)
    }

    /// A handler begins to work for a call.
    pub(crate) fn visit(self: &Arc<Self>, call: i64, server: usize) -> Visit {
        let now = self.clock.now();
        let mut state = self.lock();
        state.running += 1;
        match state.entry(call) {
            None => state.violate(
                Property::Bytes,
                format!("a handler was called for call {call}, which nobody made"),
            ),
            Some(entry) => {
                entry.visits += 1;
                entry.running = true;
                entry.visited.get_or_insert(now);
                let (twice, astray) = (entry.visits > 1, entry.line.server != server);
                if twice {
                    let what = format!("call {call} has run its handler again: {}", entry.text());
                    state.violate(Property::Once, what);
                } else if astray {
                    state.violate(Property::Bytes, format!("call {call} came to server {server}"));
                }
            }
        }
        Visit {
            book: Arc::clone(self),
            call,
        }
    }

    /// A call is a part of another one, and ends with it.
    pub(crate) fn relayed(&self, call: i64) {
        if let Some(entry) = self.lock().entry(call) {
            entry.relayed = true;
        }
    }

    /// A handler was told that nobody waits for `call` any more.
    pub(crate) fn told_of_leaving(&self, call: i64) {
        let now = self.clock.now();
        let mut state = self.lock();
        let Some(index) = State::index(call) else { return };
        let Some(entry) = state.calls.get(index) else { return };
        let waits = entry.ended.is_none()
            && entry
                .task
                .timeout
                .is_none_or(|timeout| now + TOLD < entry.opened + timeout);
        let stopped = || state.stops.iter().any(|stop| stop.server == entry.line.server);
        let disturbed = stopped() || self.hindered(entry, now);
        if waits && !disturbed && !entry.relayed && entry.task.recv == RecvLimit::None && entry.task.kind != Kind::Tell
        {
            let what = format!(
                "call {call} is waited for, and its handler heard otherwise: {}",
                entry.text()
            );
            state.violate(Property::Cancelled, what);
        }
    }

    /// A call has ended for its caller.
    pub(crate) fn end(&self, call: i64, end: End, orphaned: bool) {
        let now = self.clock.now();
        let mut state = self.lock();
        let Some(index) = State::index(call) else { return };
        let Some(entry) = state.calls.get(index) else { return };
        let (stopped, hindered) = (state.excuse(entry, now), self.hindered(entry, now));
        let why = Circumstances {
            stopped,
            hindered,
            left: stopped || hindered && state.has_stopped(entry, now),
            orphaned,
            full: self.scene.crowded && end.is_refused_stream() && state.fills_up(entry),
        };
        let Some(entry) = state.calls.get_mut(index) else {
            return;
        };
        if entry.ended.is_some() {
            let what = format!("call {call} has ended twice: {}", entry.text());
            return state.violate(Property::Once, what);
        }
        entry.ended = Some(now);
        entry.dropped = matches!(end, End::Dropped);
        self.clock.note(end.text(call));
        let verdict = entry.judge(call, now, &end, &why);
        state.tally.end(&end);
        if let Err((property, what)) = verdict {
            let text = state.calls.get(index).map(Entry::text).unwrap_or_default();
            state.violate(property, format!("call {call} {what}: {text}"));
        }
    }

    /// Something that must hold does not.
    pub(crate) fn violate(&self, property: Property, what: impl Into<String>) {
        self.lock().violate(property, what.into());
    }

    /// A server is about to stop.
    pub(crate) fn stopping(&self, server: usize, patience: Duration) {
        let from = self.clock.now();
        self.lock().stops.push(Stopping {
            server,
            from,
            patience,
            until: None,
        });
    }

    /// It is back.
    pub(crate) fn started(&self, server: usize) {
        let now = self.clock.now();
        let mut state = self.lock();
        state.tally.stops += 1;
        for stop in &mut state.stops {
            if stop.server == server && stop.until.is_none() {
                stop.until = Some(now + RECOVERY);
            }
        }
    }

    /// Handlers that run.
    pub(crate) fn running(&self) -> usize {
        self.lock().running
    }

    /// Counts messages.
    pub(crate) fn count_messages(&self, messages: u64) {
        self.lock().tally.messages += messages;
    }

    /// What calls have not ended, one by line.
    pub(crate) fn unfinished(&self) -> String {
        let state = self.lock();
        let open = state
            .calls
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.ended.is_none());
        open.map(|(index, entry)| format!("\n  call {}: {}", index + 1, entry.text()))
            .collect()
    }

    /// Calls whose handlers run, one by line.
    pub(crate) fn at_work(&self) -> String {
        let state = self.lock();
        let open = state.calls.iter().enumerate().filter(|(_, entry)| entry.running);
        open.map(|(index, entry)| format!("\n  call {}: {}", index + 1, entry.text()))
            .collect()
    }

    /// Every call that ended well has run its handler, once; so have those that are only told.
    pub(crate) fn check_visits(&self) {
        let mut state = self.lock();
        let missing = state.calls.iter().enumerate().find(|(_, entry)| {
            let expected = entry.task.kind == Kind::Tell && !entry.dropped;
            // It may still have been under way when its server stopped.
            let excused = |ended| state.excuse(entry, ended) || self.hindered(entry, ended);
            entry.visits == 0 && expected && !entry.ended.is_none_or(|ended| excused(ended + NOTICE))
        });
        if let Some((index, entry)) = missing {
            let what = format!("call {} has never come to its handler: {}", index + 1, entry.text());
            state.violate(Property::Once, what);
        }
    }

    pub(crate) fn first_violation(&self) -> Option<Violation> {
        self.lock().violations.first().cloned()
    }

    pub(crate) fn take_tally(&self) -> Tally {
        std::mem::take(&mut self.lock().tally)
    }

    /// Whether the network has done something between the two hosts of a call, or behind them, that lets it fail or wait.
    fn hindered(&self, entry: &Entry, now: Instant) -> bool {
        if !self.scene.stormy {
            return false;
        }
        let concerns = |fault: &FaultInfo| {
            let server = self.servers.get(entry.line.server);
            let between = fault.concerns(&entry.host) && server.is_some_and(|server| fault.concerns(server));
            between || entry.task.hops > 0
        };
        let lasts = |fault: &FaultInfo| aftermath(fault.kind).is_none_or(|time| entry.opened < fault.at + time);
        let faults = self.clock.net().faults();
        faults
            .iter()
            .any(|fault| fault.at <= now && concerns(fault) && lasts(fault))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn index(call: i64) -> Option<usize> {
        usize::try_from(call).ok()?.checked_sub(1)
    }

    fn entry(&mut self, call: i64) -> Option<&mut Entry> {
        self.calls.get_mut(Self::index(call)?)
    }

    fn violate(&mut self, property: Property, what: String) {
        self.violations.push(Violation { property, what });
    }

    /// Whether the connection of a stream may have been full when that came. Its client keeps to the limit; but a server
    /// counts a stream whose caller has gone until its handler has ended.
    fn fills_up(&self, entry: &Entry) -> bool {
        let beside = || self.calls.iter().filter(|other| other.is_beside(entry));
        beside().any(Entry::is_left_behind) && beside().count() > FEWEST_STREAMS as usize
    }

    /// Whether the server of a call has ever stopped. What it said then may be on its way for as long as a fault lasts.
    fn has_stopped(&self, entry: &Entry, now: Instant) -> bool {
        let mut stops = self.stops.iter();
        stops.any(|stop| stop.server == entry.line.server && stop.from <= now)
    }

    /// Whether the stop of a server lets a call fail.
    fn excuse(&self, entry: &Entry, now: Instant) -> bool {
        self.stops.iter().any(|stop| {
            let concerns = stop.server == entry.line.server || entry.task.hops > 0;
            // A graceful stop lets calls whose handlers have begun come to their end.
            let spared = entry.visits > 0 && entry.task.hops == 0 && now + LATENESS < stop.from + stop.patience;
            concerns && !spared && now >= stop.from && stop.until.is_none_or(|until| entry.opened < until)
        })
    }
}

/// A handler at work; it has ended when this is dropped.
pub(crate) struct Visit {
    book: Arc<Book>,
    call: i64,
}

impl Drop for Visit {
    fn drop(&mut self) {
        let now = self.book.clock.now();
        let mut state = self.book.lock();
        state.running -= 1;
        let Some(entry) = state.entry(self.call) else { return };
        entry.running = false;
        entry.left = Some(now);
        let left = entry.ended.filter(|_| entry.task.act == Act::Linger);
        if let Some(left) = left
            && now.saturating_since(left) > NOTICE + entry.slack
            && !self.book.hindered(entry, now)
        {
            let late = now.saturating_since(left);
            let what = format!(
                "the handler of call {} heard {late:?} late of its end: {}",
                self.call,
                entry.text()
            );
            state.violate(Property::Cancelled, what);
        }
    }
}

/// For how long a fault may be felt; nothing means for ever.
fn aftermath(kind: FaultKind) -> Option<Duration> {
    match kind {
        FaultKind::Vanished => None,
        FaultKind::Stalled => Some(LONGEST_STALL + RECOVERY),
        FaultKind::Partitioned => Some(LONGEST_PARTITION + RECOVERY),
        _ => Some(RECOVERY),
    }
}

/// What connecting may take, and waiting for an answer to an offer of flow control.
const SLACK: Duration = Duration::from_millis(400);
/// How long calls may wait for each other, where few are allowed at once.
const QUEUE: Duration = Duration::from_secs(60);
/// Ways that a message may have to wait for: windows and buffers are smaller than some of them.
const WAYS: u32 = 40;
/// Headers tell deadlines in whole milliseconds.
const TOLD: Duration = Duration::from_millis(1);
/// How long clients may be busy with connections that are gone, once a server or the network is back.
const RECOVERY: Duration = Duration::from_millis(500);
