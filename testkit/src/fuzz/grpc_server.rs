//! A whole server connection that carries gRPC, against a client that sends whatever it likes.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use kitewire_proto::grpc::{Config, Connection, Event, Pull, UnknownNames};
use kitewire_proto::http::RequestLimits;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::http2::PREFACE;
use kitewire_proto::{CloseReason, Demand, Disconnect, Instant, Switch, Transmit};

use super::choices::Choices;
use super::grpc_chaos::Chaos;
use super::grpc_script::{METHODS, Script};
use super::http2_script::{Side, frame};
use super::http2_server::{self, RAW, split};

/// A server connection that carries gRPC: the first byte chooses the configuration, the next four how the rest is cut
/// and what the application does; the rest is what the client sends, as frames or as a script of frames.
///
/// Properties: no panic; a server that only listens hears the same for every split; each call is told, or refused, once,
/// and ends once; what failed says why; every byte sent is a legal frame in a legal place; memory within its bounds;
/// time always gets ahead; nothing is held in the end.
pub fn grpc_server(data: &[u8]) {
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
    let services = Arc::new(services());
    let connect = || Connection::server(Arc::clone(&services), Arc::clone(&config), Instant::ZERO);
    same_for_every_split(connect, &stream, seed);
    Chaos::new(connect(), &config, seed).run(0, &stream);
}

/// The kinds of [`METHODS`].
pub(super) const KINDS: [MethodKind; 4] = [
    MethodKind::Unary,
    MethodKind::ClientStreaming,
    MethodKind::ServerStreaming,
    MethodKind::BidirectionalStreaming,
];

/// One service with a method of each kind.
pub(super) fn services() -> Services {
    let methods: Vec<_> = METHODS
        .into_iter()
        .zip(KINDS)
        .map(|(name, kind)| MethodInfo::new(name, kind))
        .collect();
    let mut info = ServiceInfo::new("wire", "Wire", Codec::Thrift, &[]);
    info.methods = methods.into();
    let mut services = Services::builder();
    services.add(info, ServiceRole::Ordinary);
    services.build().expect("one service is fine")
}

/// The small limits make every bound reachable within a few frames.
pub(super) fn configuration(bits: u8) -> Config {
    let mut config = Config::default();
    let mut http2 = http2_server::configuration(bits & 0b0101_0111);
    http2.drain_code = config.http2.drain_code;
    config.http2 = Arc::new(http2);
    if bits & 8 != 0 {
        config.max_received_message = 1000;
        config.max_sent_message = 1000;
        config.max_messages = 3000;
        config.message_timeout = Duration::from_secs(2);
    }
    if bits & 32 != 0 {
        config.http = None;
        config.send_gzip = Switch::On;
        config.unknown_names = UnknownNames::Grpc;
    } else {
        let mut limits = RequestLimits::default();
        limits.max_body = 2000;
        config.http = Some(limits);
    }
    if bits & 64 != 0 {
        config.accept_gzip = Switch::Off;
    }
    config
}

/// `stream` whole and in pieces: the same events, and the same messages behind them. What is refused is answered between
/// two reads, and then it matters what has been read; so those streams are left out.
fn same_for_every_split(connect: impl Fn() -> Connection, stream: &[u8], seed: u64) {
    let mut choices = Choices::new(seed);
    let heard = [
        listen(connect(), stream, |left| left),
        listen(connect(), stream, |left| choices.piece(left)),
    ];
    let is_refusal = |event: &Event| match event {
        Event::Refused { .. } | Event::Http(_) => true,
        Event::Closed { reason } => !matches!(reason, CloseReason::PeerClosed | CloseReason::PeerClosedMidway),
        _ => false,
    };
    if !heard.iter().any(|(events, _)| events.iter().any(is_refusal)) {
        assert_eq!(heard[1], heard[0], "in pieces");
    }
}

fn listen(
    mut connection: Connection,
    stream: &[u8],
    mut piece: impl FnMut(usize) -> usize,
) -> (Vec<Event>, Vec<Vec<u8>>) {
    let (mut events, mut messages) = (Vec::new(), Vec::new());
    let (mut input, mut out) = (BytesMut::new(), Transmit::new());
    let mut rest = stream;
    let now = Instant::ZERO;
    while !rest.is_empty() && connection.read_demand() == Demand::Read {
        let (piece, later) = rest.split_at(piece(rest.len()));
        rest = later;
        input.extend_from_slice(piece);
        loop {
            connection.receive(now, &mut input);
            while connection.poll_transmit(now, &mut out) {
                out.advance(out.len());
            }
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
    (events, messages)
}
