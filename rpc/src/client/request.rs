//! What the ways to make a call have in common.

use std::time::Duration;

use kitewire_proto::{CallError, Instant, OpenError, Request};
use kitewire_runtime::Address;

use crate::Error;

/// One call as the ways to make it see it, put together anew for each poll.
pub(crate) struct CallHead<'a> {
    /// What is sent.
    pub(crate) request: Request<'a>,
    pub(crate) address: &'a Address,
    /// Who is called, for texts.
    pub(crate) to: &'a str,
    /// How long the caller waits, for texts.
    pub(crate) timeout: Option<Duration>,
    pub(crate) connect_timeout: Duration,
}

impl CallHead<'_> {
    /// How long making a connection may take, from `now` on.
    pub(crate) fn dial_patience(&self, now: Instant) -> Duration {
        match self.request.deadline {
            Some(deadline) => deadline.saturating_since(now).min(self.connect_timeout),
            None => self.connect_timeout,
        }
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.request.deadline.is_some_and(|deadline| now >= deadline)
    }

    pub(crate) fn timed_out(&self) -> Error {
        self.place(Error::timed_out(self.timeout))
    }

    pub(crate) fn failed(&self, error: CallError) -> Error {
        match error {
            CallError::TimedOut => self.timed_out(),
            error => self.place(error.into()),
        }
    }

    pub(crate) fn not_opened(&self, error: OpenError) -> Error {
        self.place(error.into())
    }

    pub(crate) fn place(&self, error: Error) -> Error {
        error.at(self.to, self.request.method, Some(self.address))
    }
}
