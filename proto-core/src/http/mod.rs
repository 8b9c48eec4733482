//! What HTTP/1.1 and HTTP/2 have in common: field sections and plain requests.

mod body;
mod event;
mod exchanges;
mod fields;
mod recorded;
mod request;
mod response;
mod server;

#[cfg(test)]
mod tests;

pub use event::ServerEvent;
pub use fields::{Field, Fields, Iter, Sensitivity};
pub use request::{Request, RequestId, RequestLimits};
pub use response::{RespondError, Response};
pub use server::ServerConnection;

pub(crate) use body::Body;
pub(crate) use event::Refusal;
pub(crate) use exchanges::Exchanges;
pub(crate) use fields::{Entry as FieldEntry, FieldKind};
pub(crate) use request::{PROGRESS, is_continue};
pub(crate) use response::{Content, Plan, decimal, reason_phrase};
