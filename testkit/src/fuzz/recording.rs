//! Recordings: of connections to which everything happens, and files that are none.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kitewire_proto::http::{RequestLimits, Response, ServerConnection, ServerEvent};
use kitewire_proto::record::{Finish, Recorder, replay, replay_with};
use kitewire_proto::wire::http2::PREFACE;
use kitewire_proto::{Disconnect, Instant, Shutdown, Transmit, grpc, ttstream};

use super::choices::Choices;
use super::http2_script::Side;
use super::http2_server::split;
use super::{
    client, grpc_chaos, grpc_script, grpc_server, http_exchanges, server, ttstream_chaos, ttstream_script,
    ttstream_server,
};

/// A recording, which is replayed as it is; or else a byte that chooses a kind of connections, one that chooses its
/// configuration, four that choose what happens to it, and what its peer sends. What happens is recorded and replayed.
///
/// Properties: no panic; what was recorded is replayed to the same events and bytes; what is cut or changed is no
/// recording any more; the same file is always replayed to the same.
pub fn recording(data: &[u8]) {
    if data.starts_with(b"\x89kite") {
        return foreign(data);
    }
    let (Some(file), Some((_, seed, _))) = (recorded_session(data), data.get(1..).and_then(split)) else {
        return;
    };
    let replayed = replay(&file).unwrap_or_else(|error| panic!("own recording: {error}"));
    assert_eq!(replayed.difference, None);
    assert_eq!(replayed.hash, replayed.recorded_hash);
    assert_eq!(replayed.finish, Finish::Whole);
    let mut choices = Choices::new(seed);
    let len = choices.below(file.len());
    let error = replay(&file[..len]).expect_err("the end is missing");
    assert!(error.offset <= len, "{error}");
    let mut changed = file;
    let at = choices.below(changed.len());
    changed[at] ^= 1 << choices.below(8);
    replay(&changed).expect_err("a bit is another one");
}

/// The recording of what such bytes, which are none themselves, have happen to a connection.
#[must_use]
pub fn recorded_session(data: &[u8]) -> Option<Vec<u8>> {
    let (what, rest) = data.split_first()?;
    let (bits, seed, bytes) = split(rest)?;
    Some(recorded(*what, bits, seed, bytes))
}

/// Bytes that may be a recording.
fn foreign(data: &[u8]) {
    let mut steps = 0;
    let watched = replay_with(data, |step| {
        steps += 1;
        assert_eq!(step.number, steps);
        assert!(step.offset < data.len());
    });
    assert_eq!(watched, replay(data));
    match watched {
        Ok(replayed) => {
            assert_eq!(replayed.steps, steps);
            let is_same = replayed.hash == replayed.recorded_hash;
            assert!(is_same || replayed.difference.is_some(), "{replayed:?}");
        }
        Err(error) => assert!(error.offset <= data.len(), "{error}"),
    }
}

/// What happens to a connection.
fn recorded(what: u8, bits: u8, seed: u64, bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(MAX_INPUT)];
    match what % 8 {
        0 => server::recorded_chaos(bits, seed, bytes),
        1 => client::recorded_chaos(bits, seed, bytes),
        2 => {
            let config = Arc::new(grpc_server::configuration(bits));
            let services = Arc::new(grpc_server::services());
            let connection = grpc::Connection::server(services, Arc::clone(&config), Instant::ZERO);
            let mut stream = PREFACE.to_vec();
            stream.extend(SETTINGS);
            stream.extend(grpc_script::Script::new(Side::Client, 0, bytes).frames());
            grpc_chaos::Chaos::new(connection, &config, seed).recorded(0, &stream)
        }
        3 => {
            let config = Arc::new(grpc_server::configuration(bits));
            let connection = grpc::Connection::client(Arc::clone(&config), Instant::ZERO);
            let mut stream = SETTINGS.to_vec();
            stream.extend(grpc_script::Script::new(Side::Server, 3, bytes).frames());
            grpc_chaos::Chaos::new(connection, &config, seed).recorded(3, &stream)
        }
        4 => {
            let config = Arc::new(ttstream_server::configuration(bits));
            let services = Arc::new(ttstream_server::services());
            let connection = ttstream::Connection::server(services, Arc::clone(&config), Instant::ZERO);
            let stream = ttstream_script::frames(bytes);
            ttstream_chaos::Chaos::new(connection, &config, seed).recorded(0, &stream)
        }
        5 => {
            let config = Arc::new(ttstream_server::configuration(bits));
            let connection = ttstream::Connection::client(Arc::clone(&config), Instant::ZERO);
            let stream = ttstream_script::frames(bytes);
            ttstream_chaos::Chaos::new(connection, &config, seed).recorded(3, &stream)
        }
        6 => http_exchanges::recorded_exchanges(bits, bytes),
        _ => plain(bits, seed, bytes),
    }
}

/// Plain requests over either version of HTTP, of which every other is answered at once.
fn plain(bits: u8, seed: u64, mut bytes: &[u8]) -> Vec<u8> {
    let mut choices = Choices::new(seed);
    let mut connection = match bits & 1 {
        0 => ServerConnection::http1(Arc::default(), Instant::ZERO),
        _ => ServerConnection::http2(Arc::default(), RequestLimits::default(), Instant::ZERO),
    };
    connection.record(Recorder::new(usize::MAX));
    let (mut now, mut input, mut out) = (Instant::ZERO, BytesMut::new(), Transmit::new());
    let mut open = Vec::new();
    for _ in 0..bytes.len() + 20 {
        match choices.below(8) {
            0..3 => {
                let (piece, rest) = bytes.split_at(choices.piece(bytes.len()));
                bytes = rest;
                input.extend_from_slice(piece);
                connection.receive(now, &mut input);
            }
            3 => {
                now += Duration::from_millis(choices.piece(9000) as u64);
                connection.handle_timeout(now);
            }
            4 => {
                connection.poll_transmit(now, &mut out);
                out.advance(choices.below(out.len() + 1));
            }
            5 => connection.release_memory(),
            6 if choices.below(50) == 0 => connection.handle_disconnect(now, Disconnect::ReadEnd),
            _ => {
                if let Some(id) = open.pop() {
                    // The client may be gone.
                    let _ = connection.respond(now, id, &Response::text(200, "page"));
                }
            }
        }
        while let Some(event) = connection.poll_event() {
            if let ServerEvent::Request { id } = event {
                open.push(id);
            }
        }
    }
    connection.shutdown(now, Shutdown::Immediate);
    while connection.poll_event().is_some() {}
    connection.recorder().expect("it records").finish()
}

/// SETTINGS, and the acknowledgement of the other side's.
const SETTINGS: [u8; 18] = [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0];
/// What is looked at of an input.
const MAX_INPUT: usize = 4096;
