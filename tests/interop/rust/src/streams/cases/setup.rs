//! The servers that cases need.

use crate::call::ServerConfig;
use crate::streams::lanes::{Carrier, Lane};

/// Which server a case needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// All four services.
    Main,
    /// The same, reading who calls.
    Names,
    /// The same, answering compressed to who knows gzip.
    Gzip,
    /// The same, not reading gzip.
    NoGzip,
    /// The same, with little patience at its stop.
    Impatient,
    /// The same, with few streams at once.
    FewStreams,
    /// The same, with connections that age fast.
    Aging,
    /// The same, pinging quiet clients.
    Pinging,
    /// The same, with the unknown-service handler.
    Unknown,
    /// The same, with ping-pong services.
    Mixed,
    /// The same, with some patience at its stop.
    Patient,
    /// The same, reading the caller's own entries of streams over TTHeader.
    Entries,
}

impl Setup {
    pub(crate) fn config(self, lane: &Lane) -> ServerConfig {
        let main = ServerConfig {
            services: vec!["Streams", "Others", "StreamsPb", "OthersPb"],
            // Kitex lets services share method names then.
            refuse_traffic_without_service_name: true,
            // Reads the service names of calls without a stream.
            ttheader_meta: lane.carrier != Carrier::Grpc,
            ..ServerConfig::default()
        };
        match self {
            Self::Main => main,
            Self::Names => ServerConfig {
                http2_meta: true,
                ..main
            },
            Self::Gzip => ServerConfig { gzip: true, ..main },
            Self::NoGzip => ServerConfig { no_gzip: true, ..main },
            Self::FewStreams => ServerConfig {
                max_streams: 10,
                ..main
            },
            Self::Aging => ServerConfig {
                max_age_ms: 150,
                ..main
            },
            // Kitex has no shorter interval.
            Self::Pinging => ServerConfig {
                keep_alive_ms: 1000,
                ..main
            },
            Self::Unknown => ServerConfig {
                unknown_handler: true,
                ..main
            },
            Self::Mixed => ServerConfig {
                services: [main.services, vec!["Everything", "Second", "Proto"]].concat(),
                ttheader_meta: true,
                ..main
            },
            Self::Impatient => ServerConfig {
                exit_wait_ms: 300,
                ..main
            },
            Self::Patient => ServerConfig {
                exit_wait_ms: 3500,
                ..main
            },
            Self::Entries => ServerConfig {
                header_handler: true,
                ..main
            },
        }
    }
}
