use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::codec::{Reader, Value};
use super::*;
use crate::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services, Strictness};
use crate::http::{Fields, RequestLimits, Response};
use crate::pingpong::{EncodeBody, RequestKind};
use crate::wire::grpc::{Outcome, Status};
use crate::wire::{Codec, Transport};
use crate::*;

mod files;
mod sessions;

const LIMIT: usize = 1 << 20;

static METHODS: [MethodInfo; 4] = [
    MethodInfo::new("echo", MethodKind::Unary),
    MethodInfo::new("talk", MethodKind::BidirectionalStreaming),
    MethodInfo::new("watch", MethodKind::ServerStreaming),
    MethodInfo::new("push", MethodKind::Oneway),
];

fn services(codec: Codec) -> Arc<Services> {
    let mut table = Services::builder();
    table.add(ServiceInfo::new("demo", "Echo", codec, &METHODS), ServiceRole::Fallback);
    Arc::new(table.build().unwrap())
}

/// Replays a recording: nothing may be different.
fn same(file: &[u8], subject: Subject) -> Replayed {
    let mut steps = String::new();
    let replayed = replay_with(file, |step| steps += &format!("{} {}\n", step.number, step.text));
    let replayed = replayed.unwrap_or_else(|error| panic!("{error}\n{steps}"));
    assert_eq!(replayed.difference, None, "{steps}");
    assert_eq!(replayed.hash, replayed.recorded_hash);
    assert_eq!(replayed.subject, subject);
    assert_eq!(replayed.written_by, env!("CARGO_PKG_VERSION"));
    assert_eq!(replay(file).as_ref(), Ok(&replayed), "whether somebody watches or not");
    replayed
}

/// A recorded call of `echo` over framed Thrift.
fn recorded_call() -> Vec<u8> {
    let mut server = ServerConnection::new(services(Codec::Thrift), Arc::default(), Instant::from_nanos(7));
    server.record(Recorder::new(LIMIT));
    let mut input = BytesMut::from(&b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07\0"[..]);
    server.receive(Instant::from_nanos(1000), &mut input);
    let Some(ServerEvent::Opened { id }) = server.poll_event() else {
        panic!("a whole call opens")
    };
    let result = Bytes::from_static(b"\0");
    let now = Instant::from_nanos(2000);
    server
        .respond(now, id, &Reply::new(ReplyOutcome::Result(&result)))
        .unwrap();
    let mut out = Transmit::new();
    assert!(server.poll_transmit(now, &mut out));
    server.recorder().unwrap().finish()
}
