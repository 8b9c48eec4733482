//! The cases over gRPC.

mod ends;
mod errors;
mod gzip;
mod messages;
mod meta;
mod stop;

use super::Case;
use crate::lanes::{Direction, Side};
use crate::streams::lanes::{Idl, Lane, Mode};

/// Every case, in the order of the report.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = messages::cases();
    cases.extend(errors::cases());
    cases.extend(meta::cases());
    cases.extend(ends::cases());
    cases.extend(gzip::cases());
    cases.extend(stop::cases());
    cases
}

/// What a send tells that comes after the end which was told before: a Kitex client learns of that end a moment before its sends do, which
/// have words of their own until then (`doCloseStream` and `getCloseStreamErr` in `nphttp2/grpc`).
fn or_done(told: &str, direction: Direction) -> String {
    match direction.client() {
        Side::Kitex => format!("{told} || {DONE}"),
        Side::Ours => told.to_owned(),
    }
}

const DONE: &str = "send: error: rpc error: code = 13 desc = the stream is done";

fn unary_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    (lane.mode != Mode::Unary).then_some("only a call without a stream does this")
}

fn thrift_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    (lane.idl != Idl::Thrift).then_some("Protobuf has no such call")
}
