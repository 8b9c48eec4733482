//! What a seed makes of a world: the network, the servers, the clients, and what they do.

use std::time::Duration;

use kitewire::proto::http2;
use kitewire::{
    Address, Client, ClientBuilder, Error, GrpcOptions, Limits, PoolOptions, Server, StreamOptions, StreamPool,
    StreamTransport, Switch, Transport, TtStreamConfig, TtStreamOptions,
};
use kitewire_simulator::{Builder, Faults, Random, Schedule, Simulated, World};

use crate::task::{Line, STORM_TIMEOUT, Scene, Sharing};

/// What goes wrong in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Nothing: so nothing may fail.
    Calm,
    /// Servers stop and come back.
    Stopping,
    /// The network does its worst.
    Stormy,
}

/// What a seed decides before the world begins.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) weather: Weather,
    pub(crate) scene: Scene,
    pub(crate) clients: usize,
    /// The longest way from host to host.
    pub(crate) latency: Duration,
    pub(crate) random: Random,
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x6B69_7465_7769_7265);
        let weather = match random.below(20) {
            0..8 => Weather::Calm,
            8..13 => Weather::Stopping,
            _ => Weather::Stormy,
        };
        let max_payload = match random.below(10) {
            0..3 => 64,
            3..6 => 1500,
            6..8 => 20_000,
            _ => 200_000,
        };
        let max_pause = Duration::from_millis(random.within(2..=100));
        let scene = Scene {
            stormy: weather == Weather::Stormy,
            deadlines: random.one_in(2),
            servers: random.index(3) + 1,
            crowded: random.one_in(3),
            max_payload,
            max_messages: if max_payload > 10_000 { 6 } else { 16 },
            max_pause,
        };
        Self {
            weather,
            scene,
            clients: random.index(5) + 1,
            latency: *random
                .pick(&[
                    Duration::from_micros(80),
                    Duration::from_millis(1),
                    Duration::from_millis(2),
                ])
                .unwrap_or(&Duration::ZERO),
            random,
        }
    }

    /// The world, before anybody lives in it.
    pub(crate) fn world(&mut self, seed: u64, log: usize) -> World {
        let random = &mut self.random;
        let payload = self.scene.max_payload;
        let builder = World::builder(seed)
            .latency(self.latency / 10..=self.latency)
            .buffer(random.size((payload / 16).max(64)..=64 * 1024))
            .schedule(match random.one_in(4) {
                true => Schedule::Fair,
                false => Schedule::Seeded,
            })
            .time_limit(TIME_LIMIT)
            .step_limit(STEP_LIMIT)
            .log(log);
        let builder = match random.below(3) {
            0 => builder.whole(),
            1 => builder.chunks((payload / 100).max(1)..=64 * 1024),
            _ => builder.chunks((payload / 400).max(1)..=1500),
        };
        match self.weather {
            Weather::Stormy => Self::storm(random, builder).build(),
            Weather::Calm | Weather::Stopping => builder.build(),
        }
    }

    fn storm(random: &mut Random, builder: Builder) -> Builder {
        let mut rate = |least: u64, most: u64| match random.one_in(2) {
            true => u32::try_from(random.within(least..=most)).unwrap_or(0),
            false => 0,
        };
        let faults = Faults::none()
            .refusals(rate(3, 20))
            .accept_failures(rate(3, 20))
            .resets(rate(30, 600))
            .cuts(rate(30, 600))
            .vanishings(rate(100, 1000))
            .stalls(rate(20, 200), Duration::from_millis(1)..=LONGEST_STALL)
            .partitions(rate(100, 1000), Duration::from_millis(1)..=LONGEST_PARTITION);
        let builder = builder.faults(faults);
        match random.one_in(3) {
            true => builder.poll_cost(Duration::ZERO..=Duration::from_micros(20)),
            false => builder,
        }
    }

    /// A server without services.
    pub(crate) fn server(&mut self, host: &Simulated) -> Server<Simulated> {
        let deadlines = switch(self.scene.deadlines);
        let mut limits = Limits::default();
        limits.max_memory = MEMORY;
        if self.scene.crowded {
            limits.max_calls = *self.random.pick(&[1, 2, 8]).unwrap_or(&8);
        }
        Server::new(host.clone())
            .deadline_from_header(deadlines)
            .crc32c(self.toss())
            .limits(limits)
            .http2_config(self.http2())
            .tt_streams(self.tt_streams())
    }

    /// How a client reaches a server.
    pub(crate) fn line(&mut self, server: usize) -> Line {
        let random = &mut self.random;
        let (calls, sharing) = match random.below(6) {
            0 => (Transport::Bare, [Sharing::Short, Sharing::Pooled][random.index(2)]),
            1 => (Transport::Framed, [Sharing::Short, Sharing::Pooled][random.index(2)]),
            2 | 3 => {
                let all = [
                    Sharing::Short,
                    Sharing::Pooled,
                    Sharing::Multiplexed,
                    Sharing::Multiplexed,
                ];
                let calls = [Transport::TtHeader, Transport::TtHeaderFramed][random.index(2)];
                (calls, all[random.index(4)])
            }
            _ => (
                Transport::Grpc,
                [Sharing::Short, Sharing::Pooled, Sharing::Pooled][random.index(3)],
            ),
        };
        let streams = [StreamTransport::Grpc, StreamTransport::TtHeader][random.index(2)];
        Line {
            server,
            calls,
            sharing,
            streams,
        }
    }

    /// A client on `host`.
    pub(crate) fn client(
        &mut self,
        host: &Simulated,
        line: &Line,
        address: Address,
        name: &str,
    ) -> Result<Client, Error> {
        let connections = self.random.index(2) + 1;
        let stormy = self.scene.stormy;
        let mut streaming = StreamOptions::default();
        if self.scene.max_payload <= 1500 && self.random.one_in(6) {
            streaming = streaming.gzip(Switch::On);
        }
        let builder = Client::to(address)
            .caller(name)
            .destination("work")
            .transport(line.calls)
            .stream_transport(line.streams)
            .connect_timeout(Duration::from_millis(if stormy { 200 } else { 900 }))
            .crc32c(self.toss())
            .streaming(streaming)
            .grpc(GrpcOptions::default().connections(connections).http2(self.http2()))
            .tt_streams(self.tt_options(connections));
        let builder = if stormy {
            builder.timeout(STORM_TIMEOUT)
        } else {
            builder
        };
        self.share(builder, line.sharing, connections).build(host.clone())
    }

    fn share(&mut self, builder: ClientBuilder, sharing: Sharing, connections: usize) -> ClientBuilder {
        match sharing {
            Sharing::Short => builder.short(),
            Sharing::Multiplexed => builder.multiplexed(connections),
            Sharing::Pooled => builder.pooled(
                PoolOptions::default()
                    .max_idle_per_address(self.random.index(4))
                    .max_idle_timeout(Duration::from_secs(2)),
            ),
        }
    }

    fn http2(&mut self) -> http2::Config {
        let window = self.window();
        let random = &mut self.random;
        let mut config = http2::Config::default();
        config.limits.max_memory = MEMORY;
        config.stream_window = window;
        // A connection's window makes streams wait for each other's readers, too.
        config.connection_window = match self.scene.crowded && random.one_in(2) {
            true => Some(0),
            false => None,
        };
        if self.scene.crowded {
            config.max_concurrent_streams = *random.pick(&[FEWEST_STREAMS, 4, 8]).unwrap_or(&8);
            // Some clients open more before they know how many that is: servers take them.
            if config.max_concurrent_streams < 8 {
                config.initial_max_streams = FEWEST_STREAMS;
            }
        }
        config.header_table_size = *random.pick(&[0, 100, 4096]).unwrap_or(&4096);
        config.encoder_table_size = *random.pick(&[0, 100, 4096]).unwrap_or(&4096);
        config.send_buffer = random.size(1..=64 * 1024);
        config
    }

    fn tt_streams(&mut self) -> TtStreamConfig {
        let mut config = TtStreamConfig::default();
        config.connection_memory = MEMORY as u64;
        config.flow_control = match self.random.below(4) {
            0 => Switch::Off,
            _ => Switch::On,
        };
        config.stream_window = self.window().into();
        config.connection_window = match self.scene.crowded {
            true => config.stream_window * (self.random.below(4) + 1),
            false => config.stream_window * 100,
        };
        config.send_buffer = self.random.size(1..=64 * 1024);
        config
    }

    fn tt_options(&mut self, connections: usize) -> TtStreamOptions {
        let pool = match self.random.below(4) {
            0 => StreamPool::Short,
            1 => StreamPool::Exclusive {
                max_idle: self.random.index(4),
            },
            _ => StreamPool::Multiplexed { connections },
        };
        let mut config = self.tt_streams();
        config.idle_timeout = Some(Duration::from_secs(2));
        TtStreamOptions::default().connection(config).pool(pool)
    }

    /// A window that some messages fill, and that no message needs too often.
    fn window(&mut self) -> u32 {
        let payload = self.scene.max_payload;
        let window = self.random.size((payload / 4).max(32)..=payload * 4 + 1024);
        u32::try_from(window).unwrap_or(u32::MAX)
    }

    fn toss(&mut self) -> Switch {
        switch(self.random.one_in(4))
    }
}

const fn switch(on: bool) -> Switch {
    if on { Switch::On } else { Switch::Off }
}

/// How long one direction of a connection stands still at most.
pub(crate) const LONGEST_STALL: Duration = Duration::from_millis(400);
/// How long two hosts do not hear each other at most.
pub(crate) const LONGEST_PARTITION: Duration = Duration::from_secs(3);
/// Streams that a connection of HTTP/2 allows at least.
pub(crate) const FEWEST_STREAMS: u32 = 3;
/// What one connection may hold.
pub(crate) const MEMORY: usize = 1024 * 1024;
/// No world needs so much.
const TIME_LIMIT: Duration = Duration::from_secs(900);
const STEP_LIMIT: u64 = 1_500_000;
