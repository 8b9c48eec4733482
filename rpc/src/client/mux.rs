//! A connection that carries many ping-pong calls at once.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kitewire_proto::{
    Answer, CallError, CallId, ClientConfig, ClientConnection, ClientEvent, CloseReason, Demand, Disconnect, Instant,
    OpenError, Request, RequestKind, Shutdown,
};

use super::carrier::{Carrier, Leave};
use crate::error::SharedError;
use crate::hash::CallIdHasher;
use crate::server::Load;

/// A connection shared by callers and its driver.
pub(crate) struct MuxConnection {
    state: Mutex<State>,
}

pub(crate) struct State {
    connection: ClientConnection,
    calls: HashMap<CallId, Waiting, BuildHasherDefault<CallIdHasher>>,
    driver: Option<Waker>,
    /// The driver knows that there is something to send.
    told: Told,
    /// What the socket said when it failed.
    cause: Option<SharedError>,
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

    /// What the socket said, if that ended a call with `error`.
    pub(crate) fn cause(&self, error: &CallError) -> Option<SharedError> {
        match error {
            CallError::Closed(_) => self.lock().cause.clone(),
            _ => None,
        }
    }

    /// What a layer such as TLS has against the connection.
    pub(crate) fn rejection(&self) -> Option<io::Error> {
        let cause = self.lock().cause.clone();
        cause.filter(SharedError::is_of_a_layer).map(io::Error::from)
    }

    /// Forgets a call whose caller has gone.
    pub(crate) fn cancel(&self, id: CallId) {
        let mut state = self.lock();
        if state.calls.remove(&id).is_some() {
            let paused = state.connection.read_demand() == Demand::Pause;
            state.connection.cancel(id);
            if paused || state.connection.is_drained() {
                state.tell_driver();
            }
        }
    }
}

impl Carrier for MuxConnection {
    type Config = ClientConfig;
    type State = State;
    type Machine = ClientConnection;

    fn new(config: &Arc<ClientConfig>, now: Instant) -> Self {
        Self {
            state: Mutex::new(State {
                connection: ClientConnection::new(Arc::clone(config), now),
                calls: HashMap::default(),
                driver: None,
                told: Told::No,
                cause: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            // Somebody's encoder panicked inside a message. What follows it would be read as its rest.
            let mut state = poisoned.into_inner();
            state.connection.shutdown(Instant::ZERO, Shutdown::Immediate);
            state.tell_driver();
            state
        })
    }

    fn machine(state: &mut State) -> &mut ClientConnection {
        &mut state.connection
    }

    fn is_told(&self) -> bool {
        self.lock().told == Told::Yes
    }

    fn begin_turn(&self, task: Option<&Waker>) {
        let mut state = self.lock();
        if let Some(task) = task {
            state.driver = Some(task.clone());
        }
        state.told = Told::No;
    }

    fn blame(state: &mut State, cause: SharedError) {
        state.cause.get_or_insert(cause);
    }

    fn rest(&self) {}

    /// Turns the connection's events into results.
    fn take_events(&self, state: &mut State, wake: &mut Vec<Waker>) -> Leave {
        let mut leave = Leave::No;
        while let Some(event) = state.connection.poll_event() {
            let (id, outcome) = match event {
                ClientEvent::Answered { id } => (id, Waiting::Answered),
                ClientEvent::Failed { id, error } => (id, Waiting::Failed(error)),
                _ => {
                    leave = Leave::Yes;
                    continue;
                }
            };
            if let Some(waiting) = state.calls.get_mut(&id)
                && let Waiting::For(waker) = std::mem::replace(waiting, outcome)
            {
                wake.push(waker);
            }
        }
        leave
    }

    fn abandon(&self, now: Instant) {
        let mut state = self.lock();
        // Changes nothing where the connection has already ended.
        state.connection.handle_disconnect(now, Disconnect::ReadFailed);
        state.driver = None;
    }

    /// What is queued may still be sent for a while: oneway calls have nobody who waits for that.
    fn retire(&self, now: Instant) {
        let mut state = self.lock();
        let until = now + FAREWELL;
        state.connection.shutdown(now, Shutdown::Graceful { until });
        state.tell_driver();
    }

    fn open_calls(&self) -> usize {
        self.lock().calls.len()
    }

    fn load(&self) -> Load {
        let state = self.lock();
        Load {
            calls: state.calls.len(),
            memory: state.connection.usage(),
            withheld: 0,
        }
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
}

/// What oneway calls get for reaching the socket after their client has gone.
const FAREWELL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::{Bytes, BytesMut};
    use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
    use kitewire_proto::wire::Codec;
    use kitewire_proto::{
        EncodeBody, MetaInfo, Reply, ReplyOutcome, ServerConfig, ServerConnection, ServerEvent, Switch, Transmit,
    };

    use super::*;

    static METHODS: [MethodInfo; 1] = [MethodInfo::new("echo", MethodKind::Unary)];
    static META: MetaInfo = MetaInfo::new();
    const NOW: Instant = Instant::ZERO;

    fn open(connection: &MuxConnection, body: &dyn EncodeBody) -> CallId {
        let request = Request {
            service: "Echo",
            method: "echo",
            codec: Codec::Thrift,
            kind: RequestKind::Call,
            body,
            deadline: None,
            timeout: None,
            connect_timeout: None,
            caller_method: "",
            meta: &META,
        };
        let opened = connection.open(&request, &Context::from_waker(Waker::noop()));
        opened.unwrap().unwrap()
    }

    /// Sends what waits to a server that answers everything with `answer`, and takes its answers in.
    fn exchange(connection: &MuxConnection, answer: &[u8]) {
        let mut table = Services::builder();
        table.add(
            ServiceInfo::new("", "Echo", Codec::Thrift, &METHODS),
            ServiceRole::Ordinary,
        );
        let config = Arc::new(ServerConfig::default());
        let mut server = ServerConnection::new(Arc::new(table.build().unwrap()), config, NOW);
        let mut out = Transmit::new();
        while connection.lock().connection.poll_transmit(NOW, &mut out) {
            server.receive(NOW, &mut BytesMut::from(&out.to_vec()[..]));
            out.advance(out.len());
        }
        while let Some(event) = server.poll_event() {
            if let ServerEvent::Opened { id } = event {
                let answer = Bytes::copy_from_slice(answer);
                let reply = Reply::new(ReplyOutcome::Result(&answer));
                server.respond(NOW, id, &reply).unwrap();
            }
        }
        while server.poll_transmit(NOW, &mut out) {
            let mut input = BytesMut::from(&out.to_vec()[..]);
            connection.lock().connection.receive(NOW, &mut input);
            out.advance(out.len());
        }
        connection.take_events(&mut connection.lock(), &mut Vec::new());
    }

    #[test]
    fn an_answer_that_nobody_takes_any_more_lets_reading_go_on() {
        let mut config = ClientConfig::default();
        config.multiplex = Switch::On;
        config.limits.max_memory = 1000;
        let connection = MuxConnection::new(&Arc::new(config), NOW);
        let answered = open(&connection, &Bytes::from_static(b"\0"));
        exchange(&connection, &[0; 1000]);
        let waits = open(&connection, &Bytes::from_static(b"\0"));
        connection.begin_turn(None);
        assert_eq!(
            connection.lock().connection.read_demand(),
            Demand::Pause,
            "too much waits"
        );
        connection.cancel(answered);
        assert_eq!(connection.lock().connection.read_demand(), Demand::Read);
        assert!(
            connection.is_told(),
            "the driver reads again, or the other call waits for ever"
        );
        connection.cancel(waits);
    }
}
