//! Our peers.

mod client;
mod flow;
mod generated;
mod lines;
mod script;
mod server;
mod services;

pub(crate) use client::OurCaller;
pub(crate) use script::MARKED;
pub(crate) use server::start;
