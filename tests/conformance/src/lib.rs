//! One list of scenarios for every runtime.
//!
//! A scenario is a few lines against servers and clients that it knows no runtime of. What comes of it is text: the final
//! status of each call, the messages of each stream in order, and how many connections and calls there were. The
//! same text has to come of it on tokio, async-std, smol and the simulator, as server and as client;
//! `cargo xtask conformance` prints the table. What timing decides on is written down as the set of what is allowed.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

mod any;
mod columns;
mod handlers;
mod place;
mod scenarios;
mod shown;
mod site;
mod table;
mod wire;

pub use table::{Report, Wish, run};

#[allow(missing_docs, reason = "generated")]
mod desk {
    kitewire::include_idl!("desk");
}
#[allow(missing_docs, reason = "generated")]
mod stranger {
    kitewire::include_idl!("stranger");
}
#[allow(missing_docs, reason = "generated")]
mod parcels {
    kitewire::include_idl!("conformance");
}
