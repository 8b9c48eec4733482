//! A world that did not get where it was to go.

use std::fmt;
use std::time::Duration;

use crate::network::ConnectionInfo;
use crate::trace::Trace;

/// The future that a world was run with did not end.
///
/// Shown, it says what still waits, what happened last, and how to replay it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stuck {
    /// Why the run was given up.
    pub why: Why,
    /// The seed of the world.
    pub seed: u64,
    /// What had happened by then.
    pub trace: Box<Trace>,
    /// The tasks that had not ended.
    pub tasks: Vec<String>,
    /// The connections that were there.
    pub connections: Vec<ConnectionInfo>,
    /// The last lines of the trace.
    pub log: Vec<String>,
}

/// Why a run was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Every task waits, and nothing will ever happen again.
    Nothing,
    /// More virtual time passed than a run may take.
    Time(Duration),
    /// More steps were made than a run may take: something turns in circles.
    Steps(u64),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("every task waits, and nothing will ever happen again"),
            Self::Time(limit) => write!(f, "not over after {limit:?} of virtual time"),
            Self::Steps(limit) => write!(f, "not over after {limit} steps"),
        }
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the world of seed {} is stuck: {}", self.seed, self.why)?;
        writeln!(f, "  {}", self.trace)?;
        writeln!(f, "  {} tasks wait:", self.tasks.len())?;
        for task in self.tasks.iter().take(SHOWN) {
            writeln!(f, "    {task}")?;
        }
        writeln!(f, "  {} connections:", self.connections.len())?;
        for connection in self.connections.iter().take(SHOWN) {
            writeln!(
                f,
                "    {} {} to {}: {} bytes to read for the server, {} for the client",
                connection.id, connection.client, connection.server, connection.to_server, connection.to_client
            )?;
        }
        writeln!(f, "  the last {} lines of the trace:", self.log.len())?;
        for line in &self.log {
            writeln!(f, "    {line}")?;
        }
        write!(f, "replay it with {}={}", crate::SEED, self.seed)
    }
}

impl std::error::Error for Stuck {}

/// Tasks and connections that are listed.
const SHOWN: usize = 20;
