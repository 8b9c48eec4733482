//! Our client, given what recorded servers said, comes to the same end as the recorded clients.

mod grpc;
mod ttstream;
