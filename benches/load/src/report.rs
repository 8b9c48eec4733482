//! Counts calls inside the measuring window and says what came of it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::histogram::Histogram;
use crate::{ClientArgs, Failure};

/// Shared by all callers of a run.
#[derive(Debug)]
pub struct Recorder {
    latencies: Mutex<Histogram>,
    failure: Mutex<Option<Failure>>,
    /// Calls that may still begin.
    left: AtomicU64,
    /// Calls that must still end.
    open: AtomicU64,
    /// All calls have ended, or one has failed.
    over: Notify,
    begin: Instant,
    until: Option<Instant>,
}

impl Recorder {
    /// A recorder whose window opens after the warm-up, counted from now.
    #[must_use]
    pub fn new(args: &ClientArgs) -> Self {
        let now = Instant::now();
        let (begin, until) = match args.calls {
            Some(_) => (now, None),
            None => (now + args.warmup, Some(now + args.warmup + args.duration)),
        };
        let calls = args.calls.unwrap_or(u64::MAX);
        Self {
            latencies: Mutex::new(Histogram::new()),
            failure: Mutex::new(None),
            left: AtomicU64::new(calls),
            open: AtomicU64::new(calls),
            over: Notify::new(),
            begin,
            until,
        }
    }

    /// Whether another call is wanted.
    pub fn admit(&self) -> bool {
        self.until.is_some()
            || self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
    }

    /// Counts a call that began at `start` and has ended well.
    pub fn record(&self, start: Instant) {
        let now = Instant::now();
        if self.begin <= now && self.until.is_none_or(|until| now < until) {
            self.latencies
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .record(now - start);
        }
        if self.until.is_none() && self.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.over.notify_one();
        }
    }

    /// Ends the run.
    pub fn fail(&self, failure: Failure) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        self.over.notify_one();
    }

    /// Waits until the window has passed, and prints two lines: `measuring` when it opens, and the result when it closes.
    ///
    /// # Errors
    /// The failure of a call.
    pub async fn finish(&self) -> Result<(), Failure> {
        if self.until.is_some() {
            self.wait_until(self.begin).await;
        }
        say("measuring")?;
        match self.until {
            Some(until) => self.wait_until(until).await,
            None => self.over.notified().await,
        }
        if let Some(failure) = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(failure);
        }
        let seconds = match self.until {
            Some(until) => until - self.begin,
            None => self.begin.elapsed(),
        };
        say(&self.result(seconds))?;
        Ok(())
    }

    async fn wait_until(&self, at: Instant) {
        // Woken early only by a failure, which the caller looks for.
        let _ = tokio::time::timeout_at(at.into(), self.over.notified()).await;
    }

    fn result(&self, window: Duration) -> String {
        let latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let (calls, seconds) = (latencies.total(), window.as_secs_f64());
        format!(
            r#"{{"calls":{calls},"seconds":{seconds:.3},"qps":{:.1},"p50_us":{:.1},"p99_us":{:.1}}}"#,
            calls as f64 / seconds,
            latencies.quantile_us(0.5),
            latencies.quantile_us(0.99),
        )
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
