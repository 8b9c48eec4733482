//! The cases of streams over TTHeader. What an error looks like was taken from Kitex calling Kitex; where ours means to differ, the case
//! says so.

mod calls;
mod cancels;
mod cascades;
mod connections;
mod deadlines;
mod errors;
mod messages;
mod meta;

use super::{Case, Recorded};
use crate::lanes::{Direction, Side};
use crate::streams::lanes::{Carrier, Lane, Mode, Pool};

/// Every case, in the order of the report.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = messages::cases();
    cases.extend(calls::cases());
    cases.extend(errors::cases());
    cases.extend(meta::cases());
    cases.extend(deadlines::cases());
    cases.extend(cancels::cases());
    cases.extend(cascades::cases());
    cases.extend(connections::cases());
    cases
}

/// An error as the client of the stream prints it.
fn on_client(code: u32, text: &str) -> String {
    format!("[ttstream error, code={code}] [client-side stream] {text}")
}

/// An error as the stream's handler prints it, which came by the services of the path.
fn on_server(code: u32, path: &str, text: &str) -> String {
    format!("[ttstream error, code={code}] [server-side stream] [canceled path: {path}] {text}")
}

/// A handler's error, as the client prints it.
fn failed(text: &str) -> String {
    on_client(12001, &format!("biz error: {text}"))
}

/// What a handler records whose stream has ended: one that only sends has nothing to receive from, and where one answer is waited for the
/// half-close comes first, which may be read before the end.
fn gone(error: &str) -> Recorded {
    let error = error.to_owned();
    Box::new(move |lane, _| match lane.mode {
        Mode::Watch | Mode::Unary => "gone".to_owned(),
        Mode::Collect => format!("gone, recv: {error} || gone, recv: end"),
        Mode::Talk => format!("gone, recv: {error}"),
    })
}

/// The same of a handler that sends then. Kitex's own learns of the end a moment before its stream does.
fn gone_sending(error: &str) -> Recorded {
    let error = error.to_owned();
    Box::new(move |_, direction| match direction.server() {
        Side::Kitex => format!("gone, send: {error} || gone, send: nothing"),
        Side::Ours => format!("gone, send: {error}"),
    })
}

fn ours_only(_: &Lane, direction: Direction) -> Option<&'static str> {
    (direction.client() == Side::Kitex).then_some("a Kitex stream is cancelled, not dropped")
}

fn multiplexed_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    (lane.carrier != Carrier::TtHeader(Pool::Multiplexed)).then_some("a connection of its own for each stream")
}

fn sends_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    (lane.mode == Mode::Watch).then_some("the request goes with the opening")
}

/// The name of every client here, and the text of its cancel.
const CALLER: &str = "interop.caller";
const CANCELLED: &str = "user code invoking stream RPC with context processed by context.WithCancel or context.WithTimeout, then invoking cancel() actively";
const RETURNED: &str = "canceled by business handler returning";
const SENT_LATE: &str = "stream is closed send";
