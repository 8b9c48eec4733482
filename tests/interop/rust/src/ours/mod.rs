//! Our peers.

mod client;
mod generated;
mod methods;
mod running;
mod samples;
mod script;
mod server;
mod services;
mod site;

pub(crate) use client::OurClient;
pub(crate) use running::{OurServer, PATIENCE};
pub(crate) use script::{deadline, meta, who};
pub(crate) use server::start;
pub(crate) use services::pingpong_service;

/// `map<string, string>`.
type Words = kitewire::thrift::Map<String, String>;
