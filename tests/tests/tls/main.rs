//! Calls, streams and plain requests over TLS, on every runtime, and what each side is told when that comes to nothing.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod calls;
mod places;
mod refusals;
mod replacing;
mod service;

#[allow(missing_docs, reason = "generated")]
mod promises {
    kitewire::include_idl!("promises");
}
