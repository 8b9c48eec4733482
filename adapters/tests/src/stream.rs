//! Futures over the poll functions of a runtime.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use kitewire::runtime::{BytesMut, Io, IoSlice, Listener, Timer};
use kitewire::{Address, Instant, Runtime};

/// One connection, both of its ends: the one that connected, and the one that was accepted.
pub async fn pair<R: Runtime>(runtime: &R, address: &Address) -> (R::Io, R::Io) {
    let mut listener = runtime.listen(address).await.unwrap();
    let address = listener.local_address().unwrap();
    let dialing = {
        let runtime = runtime.clone();
        async move { runtime.connect(&address).await.unwrap() }
    };
    let dialing = spawn(runtime, dialing);
    let accepted = accept(&mut listener).await.unwrap();
    (dialing.await, accepted)
}

/// Accepts one connection.
///
/// # Errors
/// The listener's.
pub async fn accept<L: Listener>(listener: &mut L) -> io::Result<L::Io> {
    poll_fn(|cx| listener.poll_accept(cx)).await
}

/// Reads once, into what spare room there is.
///
/// # Errors
/// The socket's.
pub async fn read(io: &mut impl Io, buffer: &mut BytesMut) -> io::Result<usize> {
    poll_fn(|cx| io.poll_read(cx, buffer)).await
}

/// Reads until the other side has ended, or so much has come.
///
/// # Errors
/// The socket's.
pub async fn read_up_to(io: &mut impl Io, most: usize) -> io::Result<BytesMut> {
    let mut bytes = BytesMut::new();
    while bytes.len() < most {
        bytes.reserve(ROOM);
        if read(io, &mut bytes).await? == 0 {
            break;
        }
    }
    Ok(bytes)
}

/// Writes everything.
///
/// # Errors
/// The socket's.
pub async fn write_all(io: &mut impl Io, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = poll_fn(|cx| io.poll_write(cx, &[IoSlice::new(bytes)])).await?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Ends the sending direction.
///
/// # Errors
/// The socket's.
pub async fn close(io: &mut impl Io) -> io::Result<()> {
    poll_fn(|cx| io.poll_close(cx)).await
}

/// Waits for a point in time.
pub async fn sleep_until<R: Runtime>(runtime: &R, at: Instant) {
    let mut timer = runtime.timer();
    timer.arm(at);
    poll_fn(|cx| timer.poll_expired(cx)).await;
}

/// Runs a task, whose result can be waited for. A task that panics is waited for in vain.
pub fn spawn<R: Runtime, T: Send + 'static>(runtime: &R, task: impl Future<Output = T> + Send + 'static) -> Joined<T> {
    let place = Arc::new(Mutex::new(Place::default()));
    let joined = Joined(Arc::clone(&place));
    runtime.spawn(async move {
        let result = task.await;
        let mut place = place.lock().unwrap();
        place.result = Some(result);
        if let Some(waker) = place.waker.take() {
            waker.wake();
        }
    });
    joined
}

/// The result of a task.
#[derive(Debug)]
pub struct Joined<T>(Arc<Mutex<Place<T>>>);

#[derive(Debug)]
struct Place<T> {
    result: Option<T>,
    waker: Option<Waker>,
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Self {
            result: None,
            waker: None,
        }
    }
}

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<T> {
        let mut place = self.0.lock().unwrap();
        if let Some(result) = place.result.take() {
            return Poll::Ready(result);
        }
        place.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Bytes whose order can be seen.
#[must_use]
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251).to_le_bytes()[0]).collect()
}

const ROOM: usize = 16 * 1024;
