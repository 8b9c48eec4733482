//! A whole HTTP/2 server connection against a client that sends whatever it likes.

use std::sync::Arc;
use std::time::Duration;

use kitewire_proto::http2::{Config, Connection, KeepAlive, Role};
use kitewire_proto::wire::http2::PREFACE;
use kitewire_proto::{Instant, Switch};

use super::http2_chaos::Chaos;
use super::http2_passive;
use super::http2_script::{Script, Side, frame};

/// A server connection: the first byte chooses the configuration, the next four how the rest is cut and what the
/// application does; the rest is what the client sends, as frames or as a script of frames.
///
/// Properties: no panic; a server that only listens hears and sends the same for every split; each stream opens and ends
/// once; one close, as the last event; every byte sent is a legal frame in a legal place; memory within its bounds; time
/// always gets ahead.
pub fn http2_server(data: &[u8]) {
    let Some((config, seed, bytes)) = split(data) else {
        return;
    };
    let mut stream = PREFACE.to_vec();
    stream.extend(frame(0x4, 0, 0, &[]));
    if config & RAW == 0 {
        stream.extend(frame(0x4, 1, 0, &[]));
        stream.extend(Script::new(Side::Client, 0, bytes).frames());
    } else {
        stream.extend(bytes);
    }
    let config = Arc::new(configuration(config));
    let connect = || Connection::server(config.clone(), Instant::ZERO);
    http2_passive::same_for_every_split(connect, &stream, seed);
    Chaos::new(Role::Server, &config, seed).run(&stream);
}

/// Configuration, seed and the rest.
pub(super) fn split(data: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (head, bytes) = data.split_first_chunk::<5>()?;
    let [config, a, b, c, d] = *head;
    Some((config, u32::from_be_bytes([a, b, c, d]).into(), bytes))
}

/// The small limits make every bound reachable within a few frames.
pub(super) fn configuration(bits: u8) -> Config {
    let mut config = Config::default();
    if bits & 1 != 0 {
        config.stream_window = 300;
        config.connection_window = Some(65_535);
        config.max_frame_size = 20_000;
    }
    if bits & 2 != 0 {
        config.max_concurrent_streams = 3;
        config.initial_max_streams = 2;
        config.send_buffer = 500;
    }
    if bits & 4 != 0 {
        let limits = &mut config.limits;
        limits.max_header_list = 300;
        limits.max_header_block = 400;
        limits.max_continuations = 2;
        limits.max_interim = 2;
        limits.max_memory = 2_000;
        limits.max_unsent = 300;
    }
    if bits & 8 != 0 {
        let limits = &mut config.limits;
        limits.max_resets = 3;
        limits.max_settings = 3;
        limits.max_pings = 3;
        limits.max_empty_data = 3;
        limits.max_window_updates = 3;
        limits.max_ignored = 3;
    }
    if bits & 16 != 0 {
        config.keep_alive = Some(KeepAlive {
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            without_streams: Switch::On,
        });
        config.max_age = Some(Duration::from_secs(20));
    }
    if bits & 32 != 0 {
        config.header_table_size = 100;
        config.encoder_table_size = 0;
    }
    config
}

/// The bytes are frames already.
pub(super) const RAW: u8 = 128;
