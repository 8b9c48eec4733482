//! How much memory a test takes. Its binary has to have [`INSTRUMENTED_SYSTEM`] for its allocator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Bytes that are allocated now.
#[must_use]
pub fn live() -> usize {
    let stats = INSTRUMENTED_SYSTEM.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// Watches how far the heap grows.
#[derive(Debug)]
pub struct Growth {
    begin: usize,
    most: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl Growth {
    /// From here on.
    #[must_use]
    pub fn watch() -> Self {
        let begin = live();
        let (most, over) = (Arc::new(AtomicUsize::new(begin)), Arc::new(AtomicBool::new(false)));
        let watcher = {
            let (most, over) = (Arc::clone(&most), Arc::clone(&over));
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    most.fetch_max(live(), Ordering::Relaxed);
                    thread::sleep(STEP);
                }
            })
        };
        Self {
            begin,
            most,
            over,
            watcher: Some(watcher),
        }
    }

    /// The most that the heap has grown by at any time so far.
    #[must_use]
    pub fn peak(&self) -> usize {
        let most = self.most.fetch_max(live(), Ordering::Relaxed).max(live());
        most.saturating_sub(self.begin)
    }

    /// What it has grown by now.
    #[must_use]
    pub fn now(&self) -> usize {
        live().saturating_sub(self.begin)
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

const STEP: Duration = Duration::from_micros(200);
