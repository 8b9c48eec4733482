//! The numbered promises of Kitex's user document, each as a test of its name; SPEC.md lists them.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod errors;
mod flow;
mod lifecycle;
mod metadata;
mod raw;
mod time;

use kitewire_tests::site;
