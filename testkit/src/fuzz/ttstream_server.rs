//! A whole server connection of streams over TTHeader, against a client that sends whatever it likes.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use kitewire_proto::ttstream::{Config, Connection, Event, Pull, Stall};
use kitewire_proto::wire::Codec;
use kitewire_proto::{CloseReason, Demand, Disconnect, Instant, Switch, Transmit};

use super::choices::Choices;
use super::http2_server::{RAW, split};
use super::ttstream_chaos::Chaos;
use super::ttstream_script::{METHODS, frames};

/// A server connection of streams over TTHeader: the first byte chooses the configuration, the next four how the rest is
/// cut and what the application does; the rest is what the client sends, as frames or as a script of frames.
///
/// Properties: no panic; a server that only listens hears and says the same for every split; each stream is told, or
/// refused, once, and ends once; what failed says why; every byte sent is a legal frame in a legal place; memory within
/// its bounds; time always gets ahead; nothing is held in the end.
pub fn ttstream_server(data: &[u8]) {
    let Some((bits, seed, bytes)) = split(data) else {
        return;
    };
    let stream = match bits & RAW {
        0 => frames(bytes),
        _ => bytes.to_vec(),
    };
    let config = Arc::new(configuration(bits));
    let services = Arc::new(services());
    let connect = || Connection::server(Arc::clone(&services), Arc::clone(&config), Instant::ZERO);
    same_for_every_split(connect, &stream, seed);
    Chaos::new(connect(), &config, seed).run(0, &stream);
}

/// The kinds of [`METHODS`] that there are.
pub(super) const KINDS: [MethodKind; 3] = [
    MethodKind::ClientStreaming,
    MethodKind::ServerStreaming,
    MethodKind::BidirectionalStreaming,
];

/// One service with a method of each kind.
pub(super) fn services() -> Services {
    let methods = METHODS.into_iter().zip(KINDS);
    let mut info = ServiceInfo::new("", "Service", Codec::Thrift, &[]);
    info.methods = methods.map(|(name, kind)| MethodInfo::new(name, kind)).collect();
    let mut services = Services::builder();
    services.add(info, ServiceRole::Ordinary);
    services.build().expect("one service is fine")
}

/// The small limits make every bound reachable within a few frames.
pub(super) fn configuration(bits: u8) -> Config {
    let mut config = Config::default();
    if bits & 1 != 0 {
        config.max_message = 5000;
        config.max_header_entries = 5;
    }
    if bits & 2 != 0 {
        config.stream_window = 500;
        config.connection_window = 1200;
        config.connection_memory = 1500;
        config.stream_queue = 600;
        config.send_buffer = 400;
    }
    if bits & 4 != 0 {
        config.flow_control = Switch::Off;
    }
    if bits & 8 != 0 {
        config.stall = Some(Stall::Reset);
        config.max_streams = 2;
    }
    if bits & 16 != 0 {
        config.stall = Some(Stall::Pause);
        config.exclusive = Switch::On;
    }
    if bits & 32 != 0 {
        config.meta_frames = Switch::On;
        config.service_name = "own".to_owned();
    }
    if bits & 64 != 0 {
        config.request_timeout = Duration::from_secs(1);
        config.idle_timeout = Some(Duration::from_secs(2));
        config.answer_wait = Duration::from_millis(10);
    }
    config
}

/// What is heard of `stream`, and said to it, whole and in pieces.
fn same_for_every_split(connect: impl Fn() -> Connection, stream: &[u8], seed: u64) {
    let mut choices = Choices::new(seed);
    let whole = listen(connect(), stream, |left| left);
    assert_eq!(
        listen(connect(), stream, |left| choices.piece(left)),
        whole,
        "in pieces"
    );
    if stream.len() < 2000 {
        assert_eq!(listen(connect(), stream, |_| 1), whole, "byte by byte");
    }
}

/// Events, messages and what was sent.
fn listen(
    mut connection: Connection,
    stream: &[u8],
    mut piece: impl FnMut(usize) -> usize,
) -> (Vec<Event>, Vec<Vec<u8>>, Vec<u8>) {
    let (mut events, mut messages, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    let (mut input, mut out) = (BytesMut::new(), Transmit::new());
    let mut rest = stream;
    let now = Instant::ZERO;
    while !rest.is_empty() && connection.read_demand() == Demand::Read {
        let (piece, later) = rest.split_at(piece(rest.len()));
        rest = later;
        input.extend_from_slice(piece);
        loop {
            connection.receive(now, &mut input);
            events.extend(std::iter::from_fn(|| connection.poll_event()));
            if connection.read_demand() != Demand::Receive {
                break;
            }
        }
    }
    let opened: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Opened { id } => Some(*id),
            _ => None,
        })
        .collect();
    for id in opened {
        while let Ok(receiver) = connection.receiver(id)
            && let Pull::Message(message) = receiver.pull()
        {
            messages.push(message.bytes().to_vec());
        }
    }
    connection.handle_disconnect(now, Disconnect::ReadEnd);
    events.extend(std::iter::from_fn(|| connection.poll_event()));
    while connection.poll_transmit(now, &mut out) {
        sent.extend(out.to_vec());
        out.advance(out.len());
    }
    // Whether the end finds a frame begun depends on what a paused connection was given.
    let is_end = |event: &mut Event| {
        let Event::Closed { reason } = event else { return false };
        matches!(reason, CloseReason::PeerClosed | CloseReason::PeerClosedMidway)
    };
    events.pop_if(is_end);
    (events, messages, sent)
}
