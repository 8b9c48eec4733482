//! The handle by which a program reports.

use std::fmt;
use std::sync::Arc;

use kitewire::Registration;

use crate::board::Board;
use crate::service::HealthService;
use crate::v1::HealthServer;

/// Says how services are doing. Clones report for the same server.
///
/// Services are known by any name that the callers use; the usual one is the full name, `package.Service`. The empty name
/// is the server as a whole.
///
/// ```
/// use kitewire_health::{HealthReporter, ServingStatus};
///
/// let health = HealthReporter::new();
/// assert_eq!(health.status(""), Some(ServingStatus::Serving));
/// health.set("shop.Cart", ServingStatus::NotServing);
/// assert_eq!(health.status("shop.Cart"), Some(ServingStatus::NotServing));
/// assert_eq!(health.status("shop.Stock"), None);
/// ```
#[derive(Clone)]
pub struct HealthReporter {
    board: Arc<Board>,
}

/// How a service is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServingStatus {
    /// Nobody knows yet.
    Unknown,
    /// It takes calls.
    Serving,
    /// It takes no calls.
    NotServing,
}

impl HealthReporter {
    /// A reporter for a server that is serving as a whole, and has no services yet.
    #[must_use]
    pub fn new() -> Self {
        let reporter = Self { board: Arc::default() };
        reporter.set("", ServingStatus::Serving);
        reporter
    }

    /// Sets how `service` is doing, and tells those that watch it if that is another status than before.
    ///
    /// After [`Self::shutdown`] it does nothing.
    pub fn set(&self, service: impl Into<String>, status: ServingStatus) {
        self.board.set(service.into(), status);
    }

    /// Makes `service` unknown.
    ///
    /// After [`Self::shutdown`] it does nothing.
    pub fn remove(&self, service: &str) {
        self.board.remove(service);
    }

    /// How `service` is doing; `None` if it is unknown.
    #[must_use]
    pub fn status(&self, service: &str) -> Option<ServingStatus> {
        self.board.status(service)
    }

    /// Makes every known service not serving, and lasting so until [`Self::resume`]. To be called before a server stops,
    /// early enough for its clients to go elsewhere.
    ///
    /// Streams of `Watch` stay open; the server's own stop ends them.
    pub fn shutdown(&self) {
        self.board.shutdown();
    }

    /// Makes every known service serving, and takes reports again.
    pub fn resume(&self) {
        self.board.resume();
    }
}

impl Default for HealthReporter {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&HealthReporter> for Registration {
    /// A service that is found by its name alone, so that other services can have methods of the same names.
    fn from(reporter: &HealthReporter) -> Self {
        let service = HealthService::new(Arc::clone(&reporter.board));
        Self::new(HealthServer::new(service)).named()
    }
}

impl fmt::Debug for HealthReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (service, status) in self.board.all() {
            map.entry(&service, &status);
        }
        map.finish()
    }
}
