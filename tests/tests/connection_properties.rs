//! Whole connections against peers that send whatever they like.

use std::sync::LazyLock;

use kitewire_testkit::fuzz;
use kitewire_tests::strategies::{any_bytes, real_frames};
use kitewire_tests::vectors::folder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[test]
fn servers_take_every_recorded_frame() {
    for frame in real_frames() {
        for config in 0..32 {
            fuzz::server_connection(&[&[config, 1, 2, 3, config], &frame[..]].concat());
        }
    }
}

#[test]
fn clients_take_every_recorded_frame() {
    for frame in real_frames() {
        for config in 0..64 {
            fuzz::client_connection(&[&[config, 1, 2, 3, config], &frame[..]].concat());
        }
    }
}

/// What the clients of all recorded connections send, whatever they speak.
static CLIENTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let vectors = ["pingpong", "grpc", "ttstream"].into_iter().flat_map(folder);
    let clients = vectors.flat_map(|vector| {
        let connections = vector.connections().into_iter().map(|connection| {
            let steps = connection.steps.iter().filter(|step| step.from == "client");
            let mut bytes: Vec<u8> = steps.flat_map(|step| step.bytes.iter().flatten()).copied().collect();
            bytes.truncate(2_000);
            bytes
        });
        connections.collect::<Vec<_>>()
    });
    clients.collect()
});

#[test]
fn one_port_takes_every_recorded_client() {
    for client in &*CLIENTS {
        for config in [0, 1, 2, 4, 8, 16, 32, 64, 255] {
            fuzz::connection_server(&[&[config, 1, 2, 3, config], &client[..]].concat());
        }
    }
}

proptest! {
    #[test]
    fn one_port_takes_any_bytes(
        head: [u8; 5],
        stream in prop_oneof![any_bytes(), select(CLIENTS.as_slice())],
        change: Option<(Index, u8)>,
    ) {
        let mut stream = stream;
        if let Some((place, value)) = change.filter(|_| !stream.is_empty()) {
            let at = place.index(stream.len());
            stream[at] = value;
        }
        fuzz::connection_server(&[&head, &stream[..]].concat());
    }

    #[test]
    fn calls_come_through_whole(script in vec(any::<u8>(), 0..500)) {
        fuzz::connection_pair(&script);
    }

    #[test]
    fn servers_take_any_bytes(head: [u8; 5], stream in any_bytes()) {
        fuzz::server_connection(&[&head, &stream[..]].concat());
    }

    #[test]
    fn clients_take_any_bytes(head: [u8; 5], stream in any_bytes()) {
        fuzz::client_connection(&[&head, &stream[..]].concat());
    }
}
