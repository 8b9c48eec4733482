//! Peers that cost more than they pay for, over every protocol: on the simulator and on a real socket, each with a bound
//! on the memory and the work that it gets, and beside it an honest client, who is served all along.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod attacker;
mod bombs;
mod http2;
mod silence;
mod stage;
mod streams;
mod victim;
mod wire;

use std::alloc::System;
use std::collections::BTreeSet;

use kitewire_tests::heap::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The attacks that have to be here, as the design lists them.
const WANTED: [&str; 11] = [
    "rapid reset",
    "CONTINUATION flood",
    "MadeYouReset",
    "HPACK bomb",
    "small-frame flood",
    "TTHeader length lies",
    "info-block bomb",
    "Thrift depth and container bombs",
    "slow loris in every phase",
    "unknown-stream flood",
    "half-open connections",
];

/// A test of each attack in each place, and a list of what they are.
macro_rules! attacks {
    ($($row:literal: $module:ident::$attack:ident,)*) => {
        const LIST: &[(&str, &str)] = &[$(($row, stringify!($attack))),*];

        mod on_the_simulator {
            $(#[test]
            fn $attack() {
                crate::stage::on_the_simulator(crate::$module::$attack);
            })*
        }

        mod on_a_socket {
            $(#[test]
            fn $attack() {
                crate::stage::on_a_socket(crate::$module::$attack);
            })*
        }
    };
}

attacks! {
    "rapid reset": http2::requests_that_are_reset_at_once,
    "rapid reset": streams::streams_that_are_opened_and_reset,
    "CONTINUATION flood": http2::a_header_block_without_end,
    "MadeYouReset": http2::requests_that_make_the_server_reset_them,
    "HPACK bomb": http2::a_small_block_that_stands_for_a_large_one,
    "small-frame flood": http2::frames_that_carry_nothing,
    "small-frame flood": http2::messages_of_a_byte_a_frame,
    "small-frame flood": streams::messages_of_a_byte,
    "TTHeader length lies": bombs::lengths_that_are_announced,
    "TTHeader length lies": bombs::lengths_that_do_not_fit_together,
    "info-block bomb": bombs::blocks_full_of_entries,
    "info-block bomb": streams::blocks_full_of_entries_on_messages,
    "Thrift depth and container bombs": bombs::structs_in_structs,
    "Thrift depth and container bombs": bombs::containers_that_hold_nothing,
    "slow loris in every phase": silence::silence_in_every_phase,
    "slow loris in every phase": silence::a_byte_at_a_time,
    "slow loris in every phase": silence::answers_that_nobody_reads,
    "unknown-stream flood": http2::frames_of_streams_that_are_gone,
    "unknown-stream flood": streams::frames_of_unknown_streams,
    "half-open connections": silence::connections_that_nobody_closes,
    "half-open connections": silence::connections_that_are_closed_one_way,
}

#[test]
fn the_list_is_whole() {
    let listed: BTreeSet<_> = LIST.iter().map(|(row, _)| *row).collect();
    assert_eq!(listed, BTreeSet::from(WANTED));
    let names: BTreeSet<_> = LIST.iter().map(|(_, name)| *name).collect();
    assert_eq!(names.len(), LIST.len(), "each stands here once");
}
