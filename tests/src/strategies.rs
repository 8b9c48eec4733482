//! Inputs for property tests.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::vectors::{self, folder};

/// A recorded frame of a ping-pong transport, or bytes that a vector made by hand.
pub fn real_frame() -> impl Strategy<Value = Vec<u8>> {
    select(REAL_FRAMES.as_slice())
}

/// A real frame with some of its bytes changed, removed or repeated.
pub fn mutated_frame() -> impl Strategy<Value = Vec<u8>> {
    (real_frame(), vec(mutation(), 1..6)).prop_map(|(mut frame, mutations)| {
        for (kind, place, value) in mutations {
            mutate(&mut frame, kind, place, &value);
        }
        frame
    })
}

/// Any bytes, mutated frames, several of them joined.
pub fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => vec(any::<u8>(), 0..300),
        1 => real_frame(),
        4 => mutated_frame(),
        1 => vec(mutated_frame(), 2..5).prop_map(|frames| frames.concat()),
    ]
}

/// All bytes that the ping-pong vectors hold.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn real_frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for vector in ["pingpong", "services"].into_iter().flat_map(folder) {
        for connection in vector.connections() {
            frames.extend(connection.steps.into_iter().filter_map(|step| {
                let kind = step.decoded.map(|decoded| decoded["frame"].as_str());
                let other = matches!(kind, Some(Some("ttstream" | "http2" | "preface")));
                step.bytes.filter(|_| !other)
            }));
        }
    }
    frames.sort();
    frames.dedup();
    assert!(
        frames.len() > 100,
        "the vectors in {} are gone",
        vectors::root().display()
    );
    frames
}

static REAL_FRAMES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut frames = real_frames();
    frames.retain(|frame| frame.len() <= 2048);
    frames
});

#[derive(Clone, Copy, Debug)]
enum Mutation {
    Set,
    Flip,
    Remove,
    Insert,
    Cut,
    Repeat,
}

fn mutation() -> impl Strategy<Value = (Mutation, Index, Vec<u8>)> {
    use Mutation::{Cut, Flip, Insert, Remove, Repeat, Set};
    let value = prop_oneof![vec(any::<u8>(), 1..4), select(INTERESTING).prop_map(<[u8]>::to_vec),];
    (
        select(&[Set, Flip, Remove, Insert, Cut, Repeat][..]),
        any::<Index>(),
        value,
    )
}

/// Counts and lengths at their edges.
const INTERESTING: &[&[u8]] = &[
    &[0],
    &[0xff],
    &[0xff, 0xff],
    &[0x00, 0x01],
    &[0x04, 0x01],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xff],
    &[0x00, 0x00, 0x00, 0x00],
];

fn mutate(frame: &mut Vec<u8>, kind: Mutation, place: Index, value: &[u8]) {
    if frame.is_empty() {
        return frame.extend(value);
    }
    let at = place.index(frame.len());
    let end = (at + value.len()).min(frame.len());
    match kind {
        Mutation::Set => drop(frame.splice(at..end, value.iter().copied())),
        Mutation::Insert => drop(frame.splice(at..at, value.iter().copied())),
        Mutation::Remove => drop(frame.drain(at..end)),
        Mutation::Cut => frame.truncate(at),
        Mutation::Repeat => frame.extend_from_within(at..),
        Mutation::Flip => {
            if let (Some(byte), Some(bits)) = (frame.get_mut(at), value.first()) {
                *byte ^= bits;
            }
        }
    }
}
