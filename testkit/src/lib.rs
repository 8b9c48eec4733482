//! Test helpers of the kitewire workspace.

pub mod fuzz;
