//! Methods, and the slots their handlers run in.
//!
//! A handler's future lives in a pinned box that is filled again for the next call, so that a call which does not wait
//! allocates nothing. A slot goes through these states:
//!
//! ```text
//!             start                poll: ready            answer: given
//!   Idle ───────────────► Running ─────────────► Finished ──────────────► Idle
//!                            │ poll: panic                                  ▲
//!                            └─────────────────► Panicked ──────────────────┘ answer: given
//! ```

use std::any::Any;
use std::future::Future;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use kitewire_proto::{ApplicationException, DecodeError, EncodeBody, ExceptionType};

use super::Received;
use crate::{Call, Error};

/// A method of a service. Made with [`method`](super::method) and its siblings for streams.
pub trait Method: Send + Sync + 'static {
    /// A free slot to run a handler in.
    fn slot(&self) -> Box<dyn Running>;
}

/// A slot in which a handler runs, from the decoded arguments to the result. Made by [`Method::slot`].
pub trait Running: Send {
    /// Decodes the arguments and makes the handler's future, which is not polled yet. A handler that reads its requests
    /// from a stream has no arguments, and `body` is nothing to it.
    ///
    /// # Errors
    /// A [`DecodeError`] when the arguments cannot be decoded.
    fn start(&mut self, call: Call, body: Received<'_>, max_depth: u16) -> Result<(), DecodeError>;

    /// Polls the handler. Panics of the handler end here.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Hands the end of the handler to `give`, which is asked again next time if it is not ready for it. Ready also where
    /// there is none. `service` and `method` are named where it panicked.
    fn answer(&mut self, service: &str, method: &str, give: &mut dyn FnMut(&Ended<'_>) -> Poll<()>) -> Poll<()>;

    /// Gives the slot back to its method.
    fn recycle(self: Box<Self>);
}

/// How a handler ended, on its way to the caller.
pub struct Ended<'a> {
    pub(crate) answer: Answer<'a>,
    pub(crate) backward: &'a [(String, String)],
}

/// What a caller gets of a handler that has ended.
pub(crate) enum Answer<'a> {
    /// The one result.
    Result(&'a dyn EncodeBody),
    /// Nothing more than it got on the way.
    Nothing,
    Failed(&'a Error),
    /// It panicked, and this is what is said about it.
    Panicked(&'a ApplicationException),
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

/// What callers get of a result.
pub(super) type Show<R> = fn(&R) -> Answer<'_>;

/// A method whose handlers begin with `start`, which decodes what it needs of the body.
pub(super) fn typed<S, R, F, C>(service: &Arc<S>, show: Show<R>, start: C) -> Box<dyn Method>
where
    S: Send + Sync + 'static,
    R: Send + 'static,
    F: Future<Output = Finished<R>> + Send + 'static,
    C: Fn(Handler<S>, Call, Received<'_>, u16) -> Result<F, DecodeError> + Send + Sync + 'static,
{
    Box::new(TypedMethod {
        service: Arc::clone(service),
        start: Arc::new(start),
        show,
        home: Arc::new(Home {
            shelves: std::array::from_fn(|_| Mutex::new(Vec::new())),
        }),
    })
}

struct TypedMethod<S, R, F, C> {
    service: Arc<S>,
    start: Arc<C>,
    show: Show<R>,
    home: Arc<HomeOf<S, R, F, C>>,
}

/// The free slots of a method, on several shelves, so that threads seldom meet at one.
struct Home<T> {
    shelves: [Mutex<Vec<Box<T>>>; SHELVES],
}

type HomeOf<S, R, F, C> = Home<Slot<S, R, F, C>>;

struct Slot<S, R, F, C> {
    service: Handler<S>,
    start: Arc<C>,
    show: Show<R>,
    home: Weak<Home<Self>>,
    future: Pin<Box<Option<F>>>,
    state: State<R>,
    /// Service and method on the wire, where no service was found and this is the unknown-service handler's.
    wire_names: Option<Box<(String, String)>>,
}

enum State<R> {
    Idle,
    Running,
    Finished(Finished<R>),
    Panicked(Box<dyn Any + Send>),
}

impl<S, R, F, C> Method for TypedMethod<S, R, F, C>
where
    S: Send + Sync + 'static,
    R: Send + 'static,
    F: Future<Output = Finished<R>> + Send + 'static,
    C: Fn(Handler<S>, Call, Received<'_>, u16) -> Result<F, DecodeError> + Send + Sync + 'static,
{
    fn slot(&self) -> Box<dyn Running> {
        if let Some(slot) = self.home.shelf().pop() {
            return slot;
        }
        Box::new(Slot {
            service: Handler(Arc::new(Shared(Arc::clone(&self.service)))),
            start: Arc::clone(&self.start),
            show: self.show,
            home: Arc::downgrade(&self.home),
            future: Box::pin(None),
            state: State::Idle,
            wire_names: None,
        })
    }
}

impl<S, R, F, C> Running for Slot<S, R, F, C>
where
    S: Send + Sync + 'static,
    R: Send + 'static,
    F: Future<Output = Finished<R>> + Send + 'static,
    C: Fn(Handler<S>, Call, Received<'_>, u16) -> Result<F, DecodeError> + Send + Sync + 'static,
{
    fn start(&mut self, call: Call, body: Received<'_>, max_depth: u16) -> Result<(), DecodeError> {
        self.wire_names = call.wire_names();
        let service = self.service.clone();
        let start = &self.start;
        match catch_unwind(AssertUnwindSafe(|| start(service, call, body, max_depth))) {
            Ok(Err(error)) => return Err(error),
            Ok(Ok(future)) => {
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

    fn answer(&mut self, service: &str, method: &str, give: &mut dyn FnMut(&Ended<'_>) -> Poll<()>) -> Poll<()> {
        let given = match &self.state {
            State::Finished(Finished { outcome, backward }) => {
                let answer = match outcome {
                    Ok(result) => (self.show)(result),
                    Err(error) => Answer::Failed(error),
                };
                give(&Ended { answer, backward })
            }
            State::Panicked(panic) => {
                let (service, method) = match &self.wire_names {
                    Some(names) => (names.0.as_str(), names.1.as_str()),
                    None => (service, method),
                };
                let exception = panic_exception(service, method, &**panic);
                give(&Ended {
                    answer: Answer::Panicked(&exception),
                    backward: &[],
                })
            }
            State::Idle | State::Running => Poll::Ready(()),
        };
        if given.is_ready() {
            self.state = State::Idle;
        }
        given
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

impl<S, R, F, C> Slot<S, R, F, C> {
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

impl std::fmt::Debug for Ended<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.answer {
            Answer::Result(_) => "Ended(result)",
            Answer::Nothing => "Ended(nothing)",
            Answer::Failed(_) => "Ended(failed)",
            Answer::Panicked(_) => "Ended(panicked)",
        })
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
