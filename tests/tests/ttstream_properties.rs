//! Streams over TTHeader: frames, connections against peers that send whatever they like, and both ends.

use std::sync::LazyLock;

use kitewire_testkit::fuzz;
use kitewire_tests::strategies::any_bytes;
use kitewire_tests::vectors::folder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What each side of the recorded connections sends, clients first.
static RECORDED: LazyLock<[Vec<Vec<u8>>; 2]> = LazyLock::new(|| {
    let vectors = folder("ttstream");
    ["client", "server"].map(|from| {
        let connections = vectors.iter().flat_map(|vector| vector.connections());
        let sides = connections.map(|connection| {
            let steps = connection.steps.iter().filter(|step| step.from == from);
            let bytes: Vec<u8> = steps.flat_map(|step| step.bytes.iter().flatten()).copied().collect();
            bytes
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
    for (target, sides) in [fuzz::ttstream_server as fn(&[u8]), fuzz::ttstream_client]
        .into_iter()
        .zip(&*RECORDED)
    {
        for bytes in sides {
            fuzz::ttstream_frames(bytes);
            for config in [0, 1, 2, 4, 16, 32, 64] {
                target(&[&[config | RAW, 1, 2, 3, config], &bytes[..]].concat());
            }
        }
    }
}

proptest! {
    #[test]
    fn frames_read_and_write_alike(bytes in prop_oneof![any_bytes(), recorded(0), recorded(1)]) {
        fuzz::ttstream_frames(&bytes);
    }

    #[test]
    fn servers_take_any_streams(head: [u8; 5], script in vec(any::<u8>(), 0..200)) {
        fuzz::ttstream_server(&[&[head[0] & !RAW], &head[1..], &script[..]].concat());
    }

    #[test]
    fn servers_take_any_frames(head: [u8; 5], bytes in recorded(0)) {
        fuzz::ttstream_server(&[&[head[0] | RAW], &head[1..], &bytes[..]].concat());
    }

    #[test]
    fn clients_take_any_answers(head: [u8; 5], script in vec(any::<u8>(), 0..200)) {
        fuzz::ttstream_client(&[&[head[0] & !RAW], &head[1..], &script[..]].concat());
    }

    #[test]
    fn clients_take_any_frames(head: [u8; 5], bytes in recorded(1)) {
        fuzz::ttstream_client(&[&[head[0] | RAW], &head[1..], &bytes[..]].concat());
    }

    #[test]
    fn streams_come_through_whole(script in vec(any::<u8>(), 0..600)) {
        fuzz::ttstream_pair(&script);
    }
}
