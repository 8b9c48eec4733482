//! Options of gRPC connections and of streams.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kitewire_proto::http2;
use kitewire_proto::{GoDuration, Switch, grpc};
use kitewire_runtime::Address;

/// What all streams of a client have in common. For one stream, [`StreamCall`](crate::StreamCall) sets it otherwise.
///
/// ```
/// use std::time::Duration;
/// use kitewire::{Client, RecvTimeout, StreamOptions};
///
/// let options = StreamOptions::default()
///     .timeout(Duration::from_secs(60))
///     .recv_timeout(RecvTimeout::new(Duration::from_secs(5)));
/// let builder = Client::to("127.0.0.1:8888").streaming(options);
/// ```
///
/// Options of something else are no options of streams:
///
/// ```compile_fail,E0308
/// # use kitewire::{Client, PoolOptions};
/// let builder = Client::to("127.0.0.1:8888").streaming(PoolOptions::default());
/// ```
///
/// ```
/// # use kitewire::{Client, StreamOptions};
/// let builder = Client::to("127.0.0.1:8888").streaming(StreamOptions::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamOptions {
    /// How long a stream may take, from its opening to its end; over gRPC the server is told. Zero means for ever, as
    /// does `None`, the default.
    pub timeout: Option<Duration>,
    /// How long one message may be waited for. Default: for ever.
    pub recv_timeout: Option<RecvTimeout>,
    /// Whether messages are sent compressed over gRPC. Answers are taken either way. Default off.
    pub gzip: Switch,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            timeout: None,
            recv_timeout: None,
            gzip: Switch::Off,
        }
    }
}

impl StreamOptions {
    /// Sets [`Self::timeout`].
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets [`Self::recv_timeout`].
    #[must_use]
    pub const fn recv_timeout(mut self, timeout: RecvTimeout) -> Self {
        self.recv_timeout = Some(timeout);
        self
    }

    /// Sets [`Self::gzip`].
    #[must_use]
    pub const fn gzip(mut self, switch: Switch) -> Self {
        self.gzip = switch;
        self
    }
}

/// How long one message of a stream may be waited for, and what happens then. Kitex's `RecvTimeoutConfig`.
///
/// A `recv` that has waited so long fails with [`Code::RECV_DEADLINE_EXCEEDED`](crate::Code::RECV_DEADLINE_EXCEEDED),
/// over TTHeader with exception 12014, and the stream is cancelled. With [`Self::keep_remote`] the stream goes on, and the next `recv` waits anew; no
/// message is lost in between.
///
/// ```
/// use std::time::Duration;
/// use kitewire::RecvTimeout;
///
/// let timeout = RecvTimeout::new(Duration::from_millis(50));
/// assert_eq!(timeout.to_string(), "{Timeout:50ms DisableCancelRemote:false}");
/// assert_eq!(timeout.keep_remote().to_string(), "{Timeout:50ms DisableCancelRemote:true}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvTimeout {
    timeout: Duration,
    cancel_remote: Switch,
}

impl RecvTimeout {
    /// Waits `timeout` for each message, and cancels the stream when that is not enough. Zero means for ever.
    #[must_use]
    pub const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            cancel_remote: Switch::On,
        }
    }

    /// Leaves the stream alone when a message does not come in time.
    #[must_use]
    pub const fn keep_remote(mut self) -> Self {
        self.cancel_remote = Switch::Off;
        self
    }

    /// How long is waited.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether the stream is cancelled then.
    #[must_use]
    pub const fn cancels_remote(&self) -> bool {
        self.cancel_remote.is_on()
    }
}

impl fmt::Display for RecvTimeout {
    /// As Go prints Kitex's struct.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timeout = GoDuration(self.timeout);
        write!(
            f,
            "{{Timeout:{timeout} DisableCancelRemote:{}}}",
            !self.cancels_remote()
        )
    }
}

/// Connections that carry gRPC: all streams, and the calls of clients with
/// [`Transport::Grpc`](crate::Transport::Grpc).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrpcOptions {
    /// Connections per address, made when they are needed and used in turn. Default as Kitex: available parallelism
    /// × 3 / 2, at least 1.
    pub connections: usize,
    /// What `:authority` says. Default: the name of the [destination](crate::ClientBuilder::destination), and where that
    /// is not told, the address. A call with the tag [`HTTP_URL`] says the host of that URL.
    pub authority: Option<String>,
    /// Largest message that is taken, after decompression. Default 16 MiB (Kitex: no limit). The calls of one connection
    /// have room for two such messages that are being put together, for 32 MiB of them at least.
    pub max_received_message: u32,
    /// Largest message that is sent, before compression. Default 16 MiB (Kitex: no limit).
    pub max_sent_message: u32,
    /// The HTTP/2 connections below.
    pub http2: http2::Config,
}

impl Default for GrpcOptions {
    fn default() -> Self {
        let config = grpc::Config::default();
        Self {
            connections: default_connections(),
            authority: None,
            max_received_message: config.max_received_message,
            max_sent_message: config.max_sent_message,
            http2: (*config.http2).clone(),
        }
    }
}

impl GrpcOptions {
    /// Sets [`Self::connections`].
    #[must_use]
    pub const fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets [`Self::authority`].
    #[must_use]
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// Sets [`Self::max_received_message`].
    #[must_use]
    pub const fn max_received_message(mut self, bytes: u32) -> Self {
        self.max_received_message = bytes;
        self
    }

    /// Sets [`Self::max_sent_message`].
    #[must_use]
    pub const fn max_sent_message(mut self, bytes: u32) -> Self {
        self.max_sent_message = bytes;
        self
    }

    /// Sets [`Self::http2`].
    #[must_use]
    pub fn http2(mut self, config: http2::Config) -> Self {
        self.http2 = config;
        self
    }

    pub(super) fn to_config(&self) -> grpc::Config {
        let mut config = grpc::Config::default();
        config.http2 = Arc::new(self.http2.clone());
        config.max_received_message = self.max_received_message;
        config.max_sent_message = self.max_sent_message;
        let largest = usize::try_from(self.max_received_message).unwrap_or(usize::MAX);
        config.max_messages = config.max_messages.max(largest.saturating_mul(2));
        config
    }
}

/// Asking the system is slow compared with making a client.
fn default_connections() -> usize {
    static CONNECTIONS: OnceLock<usize> = OnceLock::new();
    *CONNECTIONS.get_or_init(|| {
        let parallelism = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        (parallelism * 3 / 2).max(1)
    })
}

/// Labels of a client or of one call. They stay on this side, except that [`HTTP_URL`] decides on `:authority`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tags(Vec<(String, String)>);

impl Tags {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(present, _)| *present == key) {
            Some((_, present)) => *present = value,
            None => self.0.push((key, value)),
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        for (key, value) in other.0 {
            self.set(key, value);
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(present, _)| present == key)
            .map(|(_, value)| value.as_str())
    }
}

/// The tag that holds the URL of a call, as in Kitex: its host is the `:authority` of requests over gRPC.
pub const HTTP_URL: &str = "http_url";

/// The host of `url`, with its port.
pub(super) fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("//")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (!host.is_empty()).then_some(host)
}

/// What `:authority` says where nobody has told a name.
pub(super) fn authority_of(address: &Address) -> String {
    match address {
        Address::Tcp(_) | Address::Name(_) => address.to_string(),
        Address::Unix(_) => "localhost".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_is_found() {
        for (url, host) in [
            ("http://shop.internal:8080/x/y?z", Some("shop.internal:8080")),
            ("https://user:secret@shop", Some("shop")),
            ("//shop#there", Some("shop")),
            ("http://[::1]:80/", Some("[::1]:80")),
            ("http:///nowhere", None),
            ("shop.internal", None),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[test]
    fn a_tag_set_again_is_replaced() {
        let mut tags = Tags::new();
        tags.set("k", "1");
        tags.set("l", "2");
        tags.set("k", "3");
        assert_eq!(
            (tags.get("k"), tags.get("l"), tags.get("m")),
            (Some("3"), Some("2"), None)
        );
    }

    #[test]
    fn a_client_has_at_least_one_connection() {
        assert!(GrpcOptions::default().connections >= 1);
        assert_eq!(authority_of(&Address::from("/run/x.sock")), "localhost");
    }
}
