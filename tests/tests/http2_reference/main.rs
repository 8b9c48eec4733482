//! Our HTTP/2 connections and those of the `h2` crate, in memory.
//!
//! Each module is about one thing and does it both ways: our server with the reference client, our client with the
//! reference server.

mod bodies;
mod endings;
mod heads;
mod resets;
mod setup;
mod splits;
mod streams;
mod windows;
