//! How calls are made in a case.

/// One way of making calls, the same for all sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// One connection, one call at a time.
    One,
    /// 100 connections, one call at a time on each.
    Hundred,
    /// One connection with 100 calls in flight.
    Multiplexed,
}

impl Case {
    /// All cases, in the order of the report.
    pub const ALL: [Self; 3] = [Self::One, Self::Hundred, Self::Multiplexed];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Hundred => "hundred",
            Self::Multiplexed => "mux",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::One => "1 connection, 1 in flight",
            Self::Hundred => "100 connections, 1 in flight on each",
            Self::Multiplexed => "1 connection, 100 in flight",
        }
    }

    /// `--mode` of server and client.
    #[must_use]
    pub const fn mode(self) -> &'static str {
        match self {
            Self::One | Self::Hundred => "pingpong",
            Self::Multiplexed => "mux",
        }
    }

    /// `--concurrency` of the client.
    #[must_use]
    pub const fn concurrency(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Hundred | Self::Multiplexed => 100,
        }
    }
}
