//! Our peers.

mod client;
mod generated;
mod methods;
mod samples;
mod script;
mod server;
mod services;
mod site;

pub(crate) use client::OurClient;
pub(crate) use server::OurServer;

/// `map<string, string>`.
type Words = kitewire::thrift::Map<String, String>;
