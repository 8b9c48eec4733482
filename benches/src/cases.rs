//! How calls are made in a case.

/// One way of making calls, the same for all sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// `--mode` of server and client.
    pub mode: &'static str,
    /// `--concurrency` of the client: calls in flight, or open streams.
    pub concurrency: u32,
    /// `--depth` of the client: messages in flight on each stream.
    pub depth: u32,
    /// Bytes in each direction.
    pub payload: u32,
}

impl Case {
    /// One connection, one call at a time.
    pub const ONE: Self = Self::new("one", "1 connection, 1 in flight", "pingpong");
    /// 100 connections, one call at a time on each.
    pub const HUNDRED: Self = Self::new("hundred", "100 connections, 1 in flight on each", "pingpong").times(100);
    /// One connection with 100 calls in flight.
    pub const MULTIPLEXED: Self = Self::new("mux", "1 connection, 100 in flight", "mux").times(100);
    /// gRPC on one connection, 100 calls in flight.
    pub const UNARY: Self = Self::new("unary", "unary, 100 in flight, 1 KiB", "unary").times(100);
    /// The same with messages of 16 bytes.
    pub const UNARY_SMALL: Self = Self::new("unary-16", "unary, 100 in flight, 16 B", "unary")
        .times(100)
        .small();
    /// gRPC on one connection, 100 streams in both directions, one message in flight on each.
    pub const STREAMS: Self = Self::new("streams", "100 streams, 1 in flight on each, 1 KiB", "bidi").times(100);
    /// The same with messages of 16 bytes.
    pub const STREAMS_SMALL: Self = Self::new("streams-16", "100 streams, 1 in flight on each, 16 B", "bidi")
        .times(100)
        .small();
    /// gRPC, one stream in both directions with 32 messages in flight.
    pub const DEEP: Self = Self::new("deep", "1 stream, 32 in flight, 1 KiB", "bidi").deep(32);
    /// The same with messages of 16 bytes.
    pub const DEEP_SMALL: Self = Self::new("deep-16", "1 stream, 32 in flight, 16 B", "bidi")
        .deep(32)
        .small();
    /// Streams over TTHeader on one connection, 100 of them, one message in flight on each.
    pub const TT_STREAMS: Self = Self::STREAMS.over_ttheader();
    /// The same with messages of 16 bytes.
    pub const TT_STREAMS_SMALL: Self = Self::STREAMS_SMALL.over_ttheader();
    /// One stream over TTHeader with 32 messages in flight.
    pub const TT_DEEP: Self = Self::DEEP.over_ttheader();
    /// The same with messages of 16 bytes.
    pub const TT_DEEP_SMALL: Self = Self::DEEP_SMALL.over_ttheader();

    /// The cases of `pingpong`, in the order of the report.
    pub const PING_PONG: [Self; 3] = [Self::ONE, Self::HUNDRED, Self::MULTIPLEXED];
    /// The cases of `grpc`.
    pub const GRPC: [Self; 6] = [
        Self::UNARY,
        Self::UNARY_SMALL,
        Self::STREAMS,
        Self::STREAMS_SMALL,
        Self::DEEP,
        Self::DEEP_SMALL,
    ];
    /// The cases of `ttstream`.
    pub const TT_STREAM: [Self; 4] = [
        Self::TT_STREAMS,
        Self::TT_STREAMS_SMALL,
        Self::TT_DEEP,
        Self::TT_DEEP_SMALL,
    ];

    /// Whether its streams are over TTHeader.
    #[must_use]
    pub const fn is_over_ttheader(&self) -> bool {
        matches!(self.mode.as_bytes(), b"ttstream")
    }

    const fn new(name: &'static str, title: &'static str, mode: &'static str) -> Self {
        Self {
            name,
            title,
            mode,
            concurrency: 1,
            depth: 1,
            payload: 1024,
        }
    }

    const fn times(self, concurrency: u32) -> Self {
        Self { concurrency, ..self }
    }

    const fn deep(self, depth: u32) -> Self {
        Self { depth, ..self }
    }

    const fn small(self) -> Self {
        Self { payload: 16, ..self }
    }

    const fn over_ttheader(self) -> Self {
        Self {
            mode: "ttstream",
            ..self
        }
    }
}
