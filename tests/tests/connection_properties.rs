//! Whole connections against peers that send whatever they like.

use kitewire_testkit::fuzz;
use kitewire_tests::strategies::{any_bytes, real_frames};
use proptest::prelude::*;

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

proptest! {
    #[test]
    fn servers_take_any_bytes(head: [u8; 5], stream in any_bytes()) {
        fuzz::server_connection(&[&head, &stream[..]].concat());
    }

    #[test]
    fn clients_take_any_bytes(head: [u8; 5], stream in any_bytes()) {
        fuzz::client_connection(&[&head, &stream[..]].concat());
    }
}
