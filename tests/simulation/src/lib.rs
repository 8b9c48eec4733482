//! Servers and clients of kitewire in simulated worlds, and what must hold in each of them.
//!
//! A seed is a world: one to three servers with several services, clients over every transport, and a network that is
//! calm, or not. What a handler does is told by its request, so every caller knows what has to come back; a
//! [`Property`] that does not hold fails the seed. `cargo xtask sim` lives through many of them.

mod book;
mod caller;
mod checks;
mod entry;
mod life;
mod messages;
mod plan;
#[cfg(kitewire_planted)]
pub mod planted;
mod property;
mod report;
mod station;
mod task;
mod tools;
mod watchdog;

pub use life::{Failure, difference, run};
pub use property::{Property, Violation};
pub use report::{Report, Tally};
pub use watchdog::Watchdog;

/// Keeps the panics that handlers are told to have out of the log.
pub fn quiet_planned_panics() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<station::PlannedPanic>() {
            others(panic);
        }
    }));
}
