//! gRPC over HTTP/2 as Kitex speaks it, which is gRPC's own protocol with a few fields and codes more: message
//! prefixes, field values and statuses to bytes and back. No state: what they mean to a call is told elsewhere.
//!
//! A request is read in this order: [`ContentType`] says whether it is gRPC and which codec its messages are in,
//! [`Path`] names service and method, [`timeout`] gives the deadline, [`metadata`] what the application sees of the
//! fields. [`message`] cuts the body into messages. [`Outcome`] is what trailers say; [`Status`] also gives what is
//! reported where there are none.

pub mod base64;
pub mod message;
pub mod metadata;
pub mod percent;
pub mod timeout;

mod code;
mod content_type;
mod details;
mod outcome;
mod path;
mod quoted;
mod status;

pub use code::{Code, GRACEFUL_SHUTDOWN};
pub use content_type::ContentType;
pub use details::{Details, MalformedDetails};
pub use outcome::{MalformedTrailers, Outcome};
pub use path::{MalformedPath, Path};
pub(crate) use status::DEADLINE_EXCEEDED;
pub use status::{CallDeadline, Status};
