//! A runtime that polls a task again at once when it has woken itself.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use kitewire::{Address, Instant, Runtime};

/// Another runtime, with tasks that do not wait for their turn.
#[derive(Clone, Debug)]
pub struct Hasty<R>(pub R);

impl<R: Runtime> Runtime for Hasty<R> {
    type Io = R::Io;
    type Listener = R::Listener;
    type Timer = R::Timer;

    async fn listen(&self, address: &Address) -> io::Result<Self::Listener> {
        self.0.listen(address).await
    }

    async fn connect(&self, address: &Address) -> io::Result<Self::Io> {
        self.0.connect(address).await
    }

    fn timer(&self) -> Self::Timer {
        self.0.timer()
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(at_once(task));
    }
}

async fn at_once(task: impl Future<Output = ()>) {
    let mut task = pin!(task);
    let noted = Arc::new(Noted {
        woken: AtomicBool::new(false),
        polling: AtomicBool::new(false),
        outer: Mutex::new(Waker::noop().clone()),
    });
    let waker = Waker::from(Arc::clone(&noted));
    std::future::poll_fn(|cx| {
        noted.outer.lock().unwrap().clone_from(cx.waker());
        loop {
            noted.woken.store(false, Ordering::SeqCst);
            noted.polling.store(true, Ordering::SeqCst);
            let polled = task.as_mut().poll(&mut Context::from_waker(&waker));
            noted.polling.store(false, Ordering::SeqCst);
            if polled.is_ready() || !noted.woken.load(Ordering::SeqCst) {
                return polled;
            }
        }
    })
    .await;
}

/// Keeps a wake to itself while the task is being polled.
struct Noted {
    woken: AtomicBool,
    polling: AtomicBool,
    outer: Mutex<Waker>,
}

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.polling.load(Ordering::SeqCst) {
            self.outer.lock().unwrap().wake_by_ref();
        }
    }
}
