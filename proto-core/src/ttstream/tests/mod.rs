//! Streaming over TTHeader.

mod agreement;
mod chaos;
mod client;
mod client_ends;
mod deviations;
mod duo;
mod exchange;
mod fallback;
mod frames;
mod hostile;
mod lifetimes;
mod pressure;
mod rig;
mod server;
mod splits;
mod windows;
mod worked;
