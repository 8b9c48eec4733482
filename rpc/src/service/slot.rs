//! Methods, and the slots their handlers run in.
//!
//! A handler's future lives in a pinned box that is filled again for the next call, so that a call which does not wait
//! allocates nothing. A slot goes through these states:
//!
//! ```text
//!             start                poll: ready              answer
//!   Idle ───────────────► Running ─────────────► Finished ──────────► Idle
//!                            │ poll: panic                              ▲
//!                            └─────────────────► Panicked ──────────────┘ answer
//! ```

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use kitewire_proto::{ApplicationException, DecodeError, ExceptionType, Reply, ReplyOutcome};

use super::{Body, Received};
use crate::{Call, Error};

/// A method of a service. Made with [`method`].
pub trait Method: Send + Sync + 'static {
    /// A free slot to run a handler in.
    fn slot(&self) -> Box<dyn Running>;
}

/// A slot in which a handler runs, from the decoded arguments to the result. Made by [`Method::slot`].
pub trait Running: Send {
    /// Decodes the arguments and makes the handler's future, which is not polled yet.
    ///
    /// # Errors
    /// A [`DecodeError`] when the arguments cannot be decoded.
    fn start(&mut self, call: Call, body: Received<'_>, max_depth: u16) -> Result<(), DecodeError>;

    /// Polls the handler. Panics of the handler end here.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Hands the finished handler's answer to `send`, once. `service` and `method` are named where it panicked.
    fn answer(&mut self, service: &str, method: &str, send: &mut dyn FnMut(&Reply<'_>));

    /// Gives the slot back to its method.
    fn recycle(self: Box<Self>);
}

/// The service that a handler belongs to; a cheap handle that derefs to it.
///
/// Each slot has a counter of its own, so that handlers on many threads do not fight for one.
pub struct Handler<S>(Arc<Shared<S>>);

/// What the calls of one slot share: a counter of the slot's own.
struct Shared<S>(Arc<S>);

/// How a handler ended, ready to be encoded. Made with [`Call::finish`].
#[derive(Debug)]
pub struct Finished<R> {
    pub(crate) outcome: Result<R, Error>,
    pub(crate) backward: Vec<(String, String)>,
}

/// The method that `run` handles, for generated code.
///
/// `run` gets the service, the call and the decoded arguments, and its future ends with [`Call::finish`].
pub fn method<S, A, R, F, C>(service: &Arc<S>, run: C) -> Box<dyn Method>
where
    S: Send + Sync + 'static,
    A: Body + 'static,
    R: Body + Send + 'static,
    F: Future<Output = Finished<R>> + Send + 'static,
    C: Fn(Handler<S>, Call, A) -> F + Send + Sync + 'static,
{
    Box::new(TypedMethod {
        service: Arc::clone(service),
        run: Arc::new(run),
        home: Arc::new(Home {
            shelves: std::array::from_fn(|_| Mutex::new(Vec::new())),
        }),
        arguments: PhantomData::<fn(A)>,
    })
}

struct TypedMethod<S, A, R, F, C> {
    service: Arc<S>,
    run: Arc<C>,
    home: Arc<HomeOf<S, A, R, F, C>>,
    arguments: PhantomData<fn(A)>,
}

/// The free slots of a method, on several shelves, so that threads seldom meet at one.
struct Home<T> {
    shelves: [Mutex<Vec<Box<T>>>; SHELVES],
}

type HomeOf<S, A, R, F, C> = Home<Slot<S, A, R, F, C>>;

struct Slot<S, A, R, F, C> {
    service: Handler<S>,
    run: Arc<C>,
    home: Weak<Home<Self>>,
    future: Pin<Box<Option<F>>>,
    state: State<R>,
    /// Service and method on the wire, where no service was found and this is the unknown-service handler's.
    wire_names: Option<Box<(String, String)>>,
    arguments: PhantomData<fn(A)>,
}

enum State<R> {
    Idle,
    Running,
    Finished(Finished<R>),
    Panicked(Box<dyn Any + Send>),
}

impl<S, A, R, F, C> Method for TypedMethod<S, A, R, F, C>
where
    S: Send + Sync + 'static,
    A: Body + 'static,
    R: Body + Send + 'static,
    F: Future<Output = Finished<R>> + Send + 'static,
    C: Fn(Handler<S>, Call, A) -> F + Send + Sync + 'static,
{
    fn slot(&self) -> Box<dyn Running> {
        if let Some(slot) = self.home.shelf().pop() {
            return slot;
        }
        Box::new(Slot {
            service: Handler(Arc::new(Shared(Arc::clone(&self.service)))),
            run: Arc::clone(&self.run),
            home: Arc::downgrade(&self.home),
            future: Box::pin(None),
            state: State::Idle,
            wire_names: None,
            arguments: PhantomData,
        })
    }
}

impl<S, A, R, F, C> Running for Slot<S, A, R, F, C>
where
    S: Send + Sync + 'static,
    A: Body + 'static,
    R: Body + Send + 'static,
    F: Future<Output = Finished<R>> + Send + 'static,
    C: Fn(Handler<S>, Call, A) -> F + Send + Sync + 'static,
{
    fn start(&mut self, call: Call, body: Received<'_>, max_depth: u16) -> Result<(), DecodeError> {
        let arguments = A::decode_body(body, max_depth)?;
        self.wire_names = call.wire_names();
        let service = self.service.clone();
        let run = &self.run;
        match catch_unwind(AssertUnwindSafe(|| run(service, call, arguments))) {
            Ok(future) => {
                self.future.as_mut().set(Some(future));
                self.state = State::Running;
            }
            Err(panic) => self.state = State::Panicked(panic),
        }
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(future) = self.future.as_mut().as_pin_mut() else {
            return Poll::Ready(());
        };
        // Unwind safety: after a panic the future is dropped and its service is the handler's own affair.
        let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
        self.state = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(finished)) => State::Finished(finished),
            Err(panic) => State::Panicked(panic),
        };
        self.clear();
        Poll::Ready(())
    }

    fn answer(&mut self, service: &str, method: &str, send: &mut dyn FnMut(&Reply<'_>)) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Finished(Finished { outcome, backward }) => {
                let mut reply = |outcome: ReplyOutcome<'_>| {
                    send(&Reply {
                        outcome,
                        backward: &backward,
                    })
                };
                match outcome {
                    Ok(result) => reply(ReplyOutcome::Result(&result)),
                    Err(error) => error.answer(reply),
                }
            }
            State::Panicked(panic) => {
                let (service, method) = match &self.wire_names {
                    Some(names) => (names.0.as_str(), names.1.as_str()),
                    None => (service, method),
                };
                let exception = panic_exception(service, method, &*panic);
                send(&Reply::new(ReplyOutcome::Exception(&exception)));
            }
            State::Idle | State::Running => {}
        }
    }

    fn recycle(mut self: Box<Self>) {
        self.clear();
        self.state = State::Idle;
        if let Some(home) = self.home.upgrade() {
            let mut free = home.shelf();
            if free.len() < MAX_FREE {
                free.push(self);
            }
        }
    }
}

impl<S, A, R, F, C> Slot<S, A, R, F, C> {
    /// Drops the future, if there is one. A panic in a destructor of the handler's ends here, too.
    fn clear(&mut self) {
        if self.future.is_some() {
            let future = &mut self.future;
            let _ = catch_unwind(AssertUnwindSafe(|| future.as_mut().set(None)));
        }
    }
}

impl<T> Home<T> {
    /// The shelf of the present thread.
    fn shelf(&self) -> MutexGuard<'_, Vec<Box<T>>> {
        let own = SHELF.try_with(|own| *own).unwrap_or(0);
        self.shelves[own % SHELVES]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Clone for Handler<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Deref for Handler<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0.0
    }
}

impl<S> std::fmt::Debug for Handler<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handler(..)")
    }
}

fn panic_exception(service: &str, method: &str, panic: &(dyn Any + Send)) -> ApplicationException {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no text)");
    let text = format!(
        "panic: [happened in biz handler, method={service}.{method}, please check the panic at the server side] {text}"
    );
    ApplicationException::new(ExceptionType::INTERNAL_ERROR, text)
}

thread_local! {
    /// Which shelf the thread uses; threads take turns.
    static SHELF: usize = NEXT_SHELF.fetch_add(1, Ordering::Relaxed);
}

static NEXT_SHELF: AtomicUsize = AtomicUsize::new(0);
const SHELVES: usize = 8;
/// Free slots kept on each shelf.
const MAX_FREE: usize = 256;

#[cfg(test)]
mod tests;
