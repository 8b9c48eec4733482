//! A server of ours in this process, whatever it serves.

use std::time::{Duration, Instant};

use kitewire::{Runtime, Server, ServerHandle};

use crate::call::Stopped;

/// A running server; ends at once when dropped.
pub(crate) struct OurServer {
    pub(crate) address: String,
    handle: ServerHandle,
    patience: Duration,
    running: tokio::task::JoinHandle<Result<(), kitewire::Unfinished>>,
    stop_began: Instant,
}

impl OurServer {
    /// Runs `server` on a free port. A graceful stop waits for calls as long as `patience` says.
    pub(crate) async fn run<R: Runtime>(server: Server<R>, patience: Duration) -> Result<Self, String> {
        let bound = server.bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = bound.local_addr().map_err(|error| error.to_string())?.to_string();
        Ok(Self {
            address,
            handle: bound.handle(),
            patience,
            running: tokio::spawn(bound.run()),
            stop_began: Instant::now(),
        })
    }

    /// Begins the graceful stop.
    pub(crate) fn stop(&mut self) {
        self.stop_began = Instant::now();
        self.handle.shutdown(self.patience);
    }

    /// Waits for its end.
    pub(crate) async fn stopped(&mut self) -> Result<Stopped, String> {
        let ended = (&mut self.running).await.map_err(|error| error.to_string())?;
        let elapsed_ms = u64::try_from(self.stop_began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Stopped {
            elapsed_ms,
            error: ended.err().map(|error| error.to_string()).unwrap_or_default(),
        })
    }
}

impl Drop for OurServer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// As Kitex's default.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
