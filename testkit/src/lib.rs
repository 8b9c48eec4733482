//! Test helpers of the kitewire workspace.

pub mod fuzz;
#[cfg(feature = "h2")]
pub mod reference;
