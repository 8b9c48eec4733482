//! Test helpers of the kitewire workspace.

#[cfg(feature = "certificates")]
pub mod certificates;
pub mod fuzz;
#[cfg(feature = "h2")]
pub mod reference;
