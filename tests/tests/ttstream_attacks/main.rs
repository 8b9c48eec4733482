//! Peers of streams over TTHeader that cost more than they pay for, on real sockets: each with a bound on the memory and
//! the work that it gets, and beside it an honest client, who is never refused.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod floods;
mod honest;
mod victim;

use std::alloc::System;

use kitewire_tests::heap::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
