//! gRPC connections against peers that send whatever they like, and between both ends.

use std::sync::LazyLock;

use kitewire_proto::wire::http2::PREFACE;
use kitewire_testkit::fuzz;
use kitewire_tests::vectors::folder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What each side of the recorded connections sends, clients first.
static RECORDED: LazyLock<[Vec<Vec<u8>>; 2]> = LazyLock::new(|| {
    let vectors = folder("grpc");
    ["client", "server"].map(|from| {
        let connections = vectors.iter().flat_map(|vector| vector.connections());
        let sides = connections.map(|connection| {
            let steps = connection.steps.iter().filter(|step| step.from == from);
            let bytes: Vec<u8> = steps.flat_map(|step| step.bytes.iter().flatten()).copied().collect();
            bytes.strip_prefix(PREFACE).unwrap_or(&bytes).to_vec()
        });
        sides.collect()
    })
});

/// The bytes are frames already.
const RAW: u8 = 0x80;

/// Recorded bytes of one side, with some of them changed.
fn recorded(side: usize) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), any::<u8>());
    (select(RECORDED[side].as_slice()), vec(change, 0..4)).prop_map(|(mut bytes, changes)| {
        bytes.truncate(2_000);
        for (place, value) in changes {
            if !bytes.is_empty() {
                let at = place.index(bytes.len());
                bytes[at] = value;
            }
        }
        bytes
    })
}

#[test]
fn either_side_takes_every_recorded_connection() {
    for (target, sides) in [fuzz::grpc_server as fn(&[u8]), fuzz::grpc_client]
        .into_iter()
        .zip(&*RECORDED)
    {
        for bytes in sides {
            for config in [0, 8, 32] {
                target(&[&[config | RAW, 1, 2, 3, config], &bytes[..]].concat());
            }
        }
    }
}

proptest! {
    #[test]
    fn servers_take_any_calls(head: [u8; 5], script in vec(any::<u8>(), 0..200)) {
        fuzz::grpc_server(&[&[head[0] & !RAW], &head[1..], &script[..]].concat());
    }

    #[test]
    fn servers_take_any_frames(head: [u8; 5], bytes in recorded(0)) {
        fuzz::grpc_server(&[&[head[0] | RAW], &head[1..], &bytes[..]].concat());
    }

    #[test]
    fn calls_come_through_whole(script in vec(any::<u8>(), 0..600)) {
        fuzz::grpc_exchanges(&script);
    }

    #[test]
    fn clients_take_any_answers(head: [u8; 5], script in vec(any::<u8>(), 0..200)) {
        fuzz::grpc_client(&[&[head[0] & !RAW], &head[1..], &script[..]].concat());
    }

    #[test]
    fn clients_take_any_frames(head: [u8; 5], bytes in recorded(1)) {
        fuzz::grpc_client(&[&[head[0] | RAW], &head[1..], &bytes[..]].concat());
    }
}
