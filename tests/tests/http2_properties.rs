//! HTTP/2 against peers that send whatever they like.

use std::sync::LazyLock;

use kitewire_testkit::fuzz;
use kitewire_tests::vectors::folder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What each side of the recorded connections sends.
static RECORDED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut sides = Vec::new();
    for vector in folder("grpc") {
        for connection in vector.connections() {
            for from in ["client", "server"] {
                let steps = connection.steps.iter().filter(|step| step.from == from);
                let bytes: Vec<u8> = steps.flat_map(|step| step.bytes.iter().flatten()).copied().collect();
                sides.push(
                    bytes
                        .strip_prefix(PREFACE)
                        .unwrap_or(&bytes)
                        .iter()
                        .copied()
                        .take(2_000)
                        .collect(),
                );
            }
        }
    }
    sides
});

const PREFACE: &[u8] = kitewire_proto::wire::http2::PREFACE;

/// Frames as they are.
const RAW: u8 = 0x80;

/// Recorded bytes, with some of them changed.
fn recorded() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (select(RECORDED.as_slice()), vec(change, 0..4)).prop_map(|(mut bytes, changes)| {
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
    for bytes in RECORDED.iter() {
        fuzz::http2_frames(bytes);
        for config in [0, 1, 6, 63] {
            fuzz::http2_server(&[&[config | RAW, 1, 2, 3, config], &bytes[..]].concat());
            fuzz::http2_client(&[&[config | RAW, 1, 2, 3, config], &bytes[..]].concat());
        }
    }
}

proptest! {
    #[test]
    fn frames_are_read_as_they_are_written(bytes in prop_oneof![vec(any::<u8>(), 0..300), recorded()]) {
        fuzz::http2_frames(&bytes);
    }

    #[test]
    fn servers_take_any_frames(head: [u8; 5], bytes in recorded()) {
        fuzz::http2_server(&[&[head[0] | RAW], &head[1..], &bytes[..]].concat());
    }

    #[test]
    fn servers_take_any_script(head: [u8; 5], script in vec(any::<u8>(), 0..150)) {
        fuzz::http2_server(&[&[head[0] & !RAW], &head[1..], &script[..]].concat());
    }

    #[test]
    fn clients_take_any_frames(head: [u8; 5], bytes in recorded()) {
        fuzz::http2_client(&[&[head[0] | RAW], &head[1..], &bytes[..]].concat());
    }

    #[test]
    fn clients_take_any_script(head: [u8; 5], script in vec(any::<u8>(), 0..150)) {
        fuzz::http2_client(&[&[head[0] & !RAW], &head[1..], &script[..]].concat());
    }

    #[test]
    fn every_difference_from_the_reference_has_a_name(script in vec(any::<u8>(), 1..150)) {
        fuzz::http2_differential(&script);
    }
}

/// What fuzzing has found: the h2 crate ends the connection with its last stream, as the peer has said GOAWAY, where we end it
/// for the third change of the table size.
#[test]
fn a_table_size_that_changes_three_times_after_a_goaway_is_one_difference() {
    fuzz::http2_differential(
        b"\x01\0\0\0A\0\x0b\xd4\xd4\xd4\xd4\xd4\xd4\xd4\xd4\xd4\xd4\xd4\xd4\xd4\xd4\x9d\x9d\x9d\x9d\x06\0\0\x10=\0\xd4\xd4\x04",
    );
}

/// And: it takes the content-length of an interim response for that of the final one, whose content is longer.
#[test]
fn a_length_in_an_interim_response_is_one_difference() {
    fuzz::http2_differential(
        b"\x01\0\xa4*\x80\x80\x80\xf3\x80\x80\x80\x01\0\0\0\0\0\xd5\0\xf9\xff\xff\xffp\x80\x80\xff\xff\xff\xf5\xff\xff\xff\xff\xff\xff@\0\x01",
    );
}

/// And: a stream that depends on itself is all it looks at, whatever is wrong with the padding.
#[test]
fn a_stream_that_depends_on_itself_behind_bad_padding_is_one_difference() {
    fuzz::http2_differential(
        b"\x01\xfc\x91\xff\xff\0\xff\0\0\0\x01\0\0\0\x03\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\0\xe2\xfc",
    );
}
