//! Who attacks, and what that costs.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use kitewire::runtime::{BytesMut, Io, IoSlice};

use crate::stage::{PATIENCE, Stage};

/// A connection that says whatever it likes.
pub(crate) struct Attacker {
    io: Box<dyn Io>,
    /// The first that came back.
    pub(crate) heard: Vec<u8>,
    over: bool,
    /// It reads nothing.
    pub(crate) deaf: bool,
}

impl Attacker {
    pub(crate) fn new(io: Box<dyn Io>) -> Self {
        Self {
            io,
            heard: Vec::new(),
            over: false,
            deaf: false,
        }
    }

    /// Sends all of it, and reads what comes meanwhile. False when the connection is over.
    pub(crate) async fn send(&mut self, mut bytes: &[u8]) -> bool {
        poll_fn(|cx| {
            self.listen(cx);
            while !bytes.is_empty() && !self.over {
                match self.io.poll_write(cx, &[IoSlice::new(bytes)]) {
                    Poll::Ready(Ok(written)) => bytes = &bytes[written..],
                    Poll::Ready(Err(_)) => self.over = true,
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(!self.over)
        })
        .await
    }

    /// Whether the connection ends within `time`.
    pub(crate) async fn gone(&mut self, stage: &Stage, time: Duration) -> bool {
        let mut limit = stage.sleep(time);
        poll_fn(|cx| {
            self.listen(cx);
            if self.over {
                return Poll::Ready(true);
            }
            limit.as_mut().poll(cx).map(|()| false)
        })
        .await
    }

    /// Waits until something has come that `wanted` finds good.
    pub(crate) async fn until(&mut self, stage: &Stage, wanted: impl Fn(&[u8]) -> bool) {
        let mut limit = stage.sleep(PATIENCE);
        poll_fn(|cx| {
            self.listen(cx);
            if wanted(&self.heard) {
                return Poll::Ready(());
            }
            assert!(!self.over, "it is over: {:?}", String::from_utf8_lossy(&self.heard));
            assert!(limit.as_mut().poll(cx).is_pending(), "nothing came");
            Poll::Pending
        })
        .await;
    }

    /// Says that it will say no more.
    pub(crate) async fn finish(&mut self) {
        let _ = poll_fn(|cx| self.io.poll_close(cx)).await;
    }

    fn listen(&mut self, cx: &mut Context<'_>) {
        let mut buffer = BytesMut::with_capacity(16 * 1024);
        while !self.over && !self.deaf {
            buffer.clear();
            match self.io.poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(0) | Err(_)) => self.over = true,
                Poll::Ready(Ok(_)) if self.heard.len() < KEPT => self.heard.extend_from_slice(&buffer),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return,
            }
        }
    }
}

/// What something cost.
#[derive(Debug)]
pub(crate) struct Cost {
    /// The most that the heap has grown by, the attacker's own part included.
    pub(crate) memory: usize,
    /// How long this thread has run.
    pub(crate) work: Option<Duration>,
}

/// What became of a flood.
#[derive(Debug)]
pub(crate) struct Flood {
    /// How far it came.
    pub(crate) sent: u32,
    pub(crate) bytes: usize,
    /// Whether the server ended it.
    pub(crate) stopped: bool,
    pub(crate) cost: Cost,
    /// What an honest call costs.
    pub(crate) fair: Duration,
}

impl Flood {
    /// Checks its memory, and its work for each `unit` bytes of it as a multiple of what an honest call costs.
    #[track_caller]
    pub(crate) fn within(&self, what: &str, memory: usize, (unit, times): (usize, u32)) {
        let Cost { memory: used, work } = self.cost;
        let units = u32::try_from(self.bytes / unit).unwrap();
        let allowed = self.fair.saturating_mul(times).saturating_mul(units) + TICK;
        println!(
            "{what}: {} sent, stopped {}, {} KiB of {}, {work:?} of {allowed:?}",
            self.sent,
            self.stopped,
            used / 1024,
            memory / 1024,
        );
        assert!(used <= memory, "{what}: {used} bytes of memory, {memory} allowed");
        assert!(
            work.is_none_or(|work| work <= allowed),
            "{what}: {work:?}, {allowed:?} allowed"
        );
    }
}

/// What the honest calls beside a flood may cost, and how finely the system counts.
const TICK: Duration = Duration::from_millis(50);
/// What is kept of what an attacker hears.
const KEPT: usize = 256 * 1024;
