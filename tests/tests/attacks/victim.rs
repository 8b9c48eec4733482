//! What is attacked: a service, and a server that waits for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::proto::http::RequestLimits;
use kitewire::proto::{http1, http2};
use kitewire::{GrpcConfig, Limits, Server, TtStreamConfig};
use kitewire_tests::site::{Reply, Scene, reply};

/// How long the server waits.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// For the rest of what has begun.
    pub(crate) rest: Duration,
    /// Until its answers are read.
    pub(crate) reader: Duration,
    /// For anything at all.
    pub(crate) idle: Duration,
}

/// How many handlers there were.
#[derive(Default)]
pub(crate) struct Handlers {
    begun: AtomicUsize,
    ended: AtomicUsize,
    most: AtomicUsize,
}

struct Running(Arc<Handlers>);

impl Handlers {
    fn enter(self: &Arc<Self>) -> Running {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let now = begun - self.ended.load(Ordering::Relaxed);
        self.most.fetch_max(now, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// At any one time.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// `talk` echoes, and reads nothing more after "deaf"; `watch` pours out as much as it can.
pub(crate) fn scene(handlers: &Arc<Handlers>) -> Scene {
    let (talking, watching) = (Arc::clone(handlers), Arc::clone(handlers));
    Scene::new()
        .talk(move |call, mut asks, mut out| {
            let running = talking.enter();
            Box::pin(async move {
                let _running = running;
                while let Some(ask) = asks.recv().await? {
                    if ask.text == "deaf" {
                        call.cancelled().await;
                        return Ok(());
                    }
                    out.send(reply(&ask.text)).await?;
                }
                Ok(())
            })
        })
        .watch(move |_, _, mut out| {
            let running = watching.enter();
            Box::pin(async move {
                let _running = running;
                let payload = Bytes::from(vec![7; 16 * 1024]);
                loop {
                    let payload = payload.clone();
                    out.send(Reply {
                        text: String::new(),
                        payload,
                    })
                    .await?;
                }
            })
        })
}

/// Timeouts so short that a test can wait for them.
pub(crate) fn hasty<R>(server: Server<R>, patience: Patience) -> Server<R> {
    let mut limits = Limits::default();
    limits.detection_timeout = patience.rest;
    limits.frame_timeout = patience.rest;
    limits.idle_timeout = patience.idle;
    limits.write_stall_timeout = patience.reader;
    let mut http1 = http1::Limits::default();
    http1.header_timeout = patience.rest;
    http1.idle_timeout = patience.idle;
    http1.write_stall_timeout = patience.reader;
    let mut http2 = http2::Config::default();
    http2.limits.handshake_timeout = patience.rest;
    http2.limits.settings_timeout = patience.rest;
    http2.limits.frame_timeout = patience.rest;
    http2.limits.idle_timeout = patience.idle;
    http2.limits.write_stall_timeout = patience.reader;
    let mut grpc = GrpcConfig::default();
    grpc.message_timeout = patience.rest;
    let mut streams = TtStreamConfig::default();
    streams.frame_timeout = patience.rest;
    streams.request_timeout = patience.rest;
    streams.idle_timeout = Some(patience.idle);
    streams.write_stall_timeout = patience.reader;
    let mut requests = RequestLimits::default();
    requests.body_timeout = patience.rest;
    let server = server.limits(limits).http1_limits(http1).http2_config(http2);
    server.request_limits(requests).grpc(grpc).tt_streams(streams)
}
