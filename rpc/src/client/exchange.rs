//! A connection that carries one call at a time, driven by the caller itself.

use std::sync::Arc;
use std::task::{Context, Poll};

use kitewire_proto::{
    Answer, CallError, CallId, ClientConfig, ClientConnection, ClientEvent, CloseReason, Demand, Disconnect, Instant,
    OpenError, Request, RequestKind, Transmit,
};
use kitewire_runtime::{Address, Io, IoSlice, Timer};

use super::connector::Connector;
use crate::alarm::Alarm;
use crate::buffers::Input;
use crate::error::SharedError;

/// A socket and its connection, while a call has it and while it waits in the pool.
pub(crate) struct Exchange {
    io: Box<dyn Io>,
    connection: ClientConnection,
    pub(crate) address: Address,
    input: Input,
    out: Transmit,
    alarm: Alarm<Box<dyn Timer>>,
    call: Option<CallId>,
    kind: RequestKind,
    /// The socket took a part of the present call.
    written: Written,
    /// What the socket said when it failed.
    cause: Option<SharedError>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Nothing,
    Something,
}

/// Why an exchange failed.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The connection was gone before a byte of the request was taken: the call can go elsewhere.
    Unsent(CallError),
    /// The server may have seen the call.
    Sent(CallError),
}

impl Exchange {
    pub(crate) fn new(
        io: Box<dyn Io>,
        address: Address,
        config: &Arc<ClientConfig>,
        connector: &dyn Connector,
    ) -> Self {
        Self {
            io,
            connection: ClientConnection::new(Arc::clone(config), connector.now()),
            address,
            input: Input::new(),
            out: Transmit::new(),
            alarm: Alarm::new(connector.timer()),
            call: None,
            kind: RequestKind::Call,
            written: Written::Nothing,
            cause: None,
        }
    }

    /// Whether the connection can still be used: nothing may have happened on it since its last call.
    pub(crate) fn is_alive(&mut self, cx: &mut Context<'_>) -> bool {
        let quiet = self.input.poll_read(&mut *self.io, cx).is_pending();
        quiet && self.connection.is_reusable()
    }

    /// Begins a call. [`Self::poll`] then sends it and waits for its answer.
    pub(crate) fn begin(&mut self, request: &Request<'_>) -> Result<(), OpenError> {
        self.call = Some(self.connection.open(request)?);
        self.kind = request.kind;
        self.written = Written::Nothing;
        Ok(())
    }

    /// Goes on with the call. A oneway call ends without an answer, as soon as the socket has taken it.
    pub(crate) fn poll(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Result<Option<Answer>, Lost>> {
        if self.alarm.has_gone_off(now) {
            self.connection.handle_timeout(now);
        }
        self.write(now, cx);
        if self.kind == RequestKind::Oneway && self.out.is_empty() && self.connection.read_demand() != Demand::Stop {
            return Poll::Ready(Ok(None));
        }
        loop {
            if let Some(ended) = self.next_event() {
                return Poll::Ready(ended);
            }
            match self.connection.read_demand() {
                Demand::Read => {}
                Demand::Receive => {
                    self.connection.receive(now, &mut self.input.bytes);
                    continue;
                }
                Demand::Pause | Demand::Stop => break,
            }
            match self.input.poll_read(&mut *self.io, cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => {
                    if let Some(objection) = self.input.objection() {
                        self.cause.get_or_insert(objection.into());
                    }
                    self.connection.handle_disconnect(now, Disconnect::ReadEnd);
                }
                Poll::Ready(Ok(_)) => self.connection.receive(now, &mut self.input.bytes),
                Poll::Ready(Err(error)) => {
                    self.cause.get_or_insert(error.into());
                    self.connection.handle_disconnect(now, Disconnect::ReadFailed);
                }
            }
        }
        let due = self
            .connection
            .poll_timeout()
            .map_or(Instant::FAR_FUTURE, |deadline| deadline.at);
        self.alarm.arm(due, cx);
        Poll::Pending
    }

    /// What the socket said, if that ended the connection.
    pub(crate) fn take_cause(&mut self) -> Option<SharedError> {
        self.cause.take()
    }

    /// Ends a call that was answered, once its answer is no longer needed. Returns whether another may follow.
    pub(crate) fn settle(&mut self) -> bool {
        self.call = None;
        self.alarm.disown();
        let reusable = self.connection.is_reusable() && self.input.bytes.is_empty() && self.out.is_empty();
        self.input.rest();
        reusable
    }

    fn write(&mut self, now: Instant, cx: &mut Context<'_>) {
        while self.connection.poll_transmit(now, &mut self.out) {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let used = self.out.slices(&mut slices);
            match self.io.poll_write(cx, &slices[..used]) {
                Poll::Pending => return,
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.out.advance(written);
                    self.written = Written::Something;
                }
                Poll::Ready(result) => {
                    if let Err(error) = result {
                        self.cause.get_or_insert(error.into());
                    }
                    self.out = Transmit::new();
                    return self.connection.handle_disconnect(now, Disconnect::WriteFailed);
                }
            }
        }
    }

    fn next_event(&mut self) -> Option<Result<Option<Answer>, Lost>> {
        while let Some(event) = self.connection.poll_event() {
            match event {
                ClientEvent::Answered { id } if Some(id) == self.call => {
                    if let Some(answer) = self.connection.take_answer(id) {
                        return Some(Ok(Some(answer)));
                    }
                }
                ClientEvent::Failed { error, .. } => return Some(Err(self.lost(error))),
                // A oneway call leaves nothing to wait for: its connection ends by itself once everything is written.
                ClientEvent::Closed {
                    reason: CloseReason::Shutdown | CloseReason::PeerDrained,
                } if self.kind == RequestKind::Oneway && self.out.is_empty() && self.written == Written::Something => {
                    return Some(Ok(None));
                }
                ClientEvent::Closed { reason } => return Some(Err(self.lost(CallError::Closed(reason)))),
                _ => {}
            }
        }
        // A connection that has told everything before: nothing more will come.
        (self.connection.read_demand() == Demand::Stop)
            .then(|| Err(self.lost(CallError::Closed(CloseReason::PeerClosed))))
    }

    fn lost(&self, error: CallError) -> Lost {
        match (self.written, &error) {
            (Written::Nothing, CallError::Closed(_)) => Lost::Unsent(error),
            _ => Lost::Sent(error),
        }
    }
}

/// Pieces handed to one write.
const MAX_SLICES: usize = 16;
