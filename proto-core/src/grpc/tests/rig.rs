//! A client of ours against a server that is driven by hand, frame by frame.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::Transmit;
use crate::dispatch::MethodKind;
use crate::grpc::*;
use crate::http2::{self, ErrorCode, Finish, Initiator};
use crate::time::Instant;
use crate::wire::Codec;
use crate::wire::http2::{Flags, FrameHead, FrameType};

pub(super) struct Rig {
    pub(super) client: Connection,
    pub(super) server: http2::Connection,
    pub(super) now: Instant,
    to_client: BytesMut,
    to_server: BytesMut,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(Config::default(), http2::Config::default())
    }

    pub(super) fn with(client: Config, server: http2::Config) -> Self {
        let now = Instant::from_nanos(1);
        let mut rig = Self {
            client: Connection::client(Arc::new(client), now),
            server: http2::Connection::server(Arc::new(server), now),
            now,
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
        };
        rig.carry();
        rig
    }

    /// Carries bytes both ways until none are left.
    pub(super) fn carry(&mut self) {
        let mut out = Transmit::new();
        loop {
            let mut moved = false;
            while self.client.poll_transmit(self.now, &mut out) {
                self.to_server.extend_from_slice(&out.to_vec());
                out.advance(out.len());
                moved = true;
            }
            self.server.receive(self.now, &mut self.to_server);
            while self.server.poll_transmit(self.now, &mut out) {
                self.to_client.extend_from_slice(&out.to_vec());
                out.advance(out.len());
                moved = true;
            }
            self.client.receive(self.now, &mut self.to_client);
            if !moved {
                return;
            }
        }
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.client.handle_timeout(self.now);
        self.carry();
    }

    /// Opens a call that the server sees.
    pub(super) fn open(&mut self, kind: MethodKind) -> StreamId {
        self.open_with(&request(kind))
    }

    pub(super) fn open_with(&mut self, request: &Request<'_>) -> StreamId {
        let id = self.client.open(self.now, request).unwrap();
        self.carry();
        id
    }

    /// Opens a call, sends one message and says that this is all.
    pub(super) fn ask(&mut self, kind: MethodKind) -> StreamId {
        let id = self.open(kind);
        self.half_close(id);
        id
    }

    pub(super) fn half_close(&mut self, id: StreamId) {
        let mut sender = self.client.sender(id).unwrap();
        sender.send(&Bytes::from_static(b"ask")).unwrap();
        sender.finish().unwrap();
        self.carry();
    }

    pub(super) fn respond(&mut self, id: StreamId, head: &Fields) {
        self.server.sender(id).unwrap().respond(head, Finish::Later).unwrap();
        self.carry();
    }

    /// A response that has nothing but a header section.
    pub(super) fn respond_only(&mut self, id: StreamId, head: &Fields) {
        self.server.sender(id).unwrap().respond(head, Finish::Now).unwrap();
        self.carry();
    }

    pub(super) fn push(&mut self, id: StreamId, bytes: &[u8]) {
        self.server.sender(id).unwrap().push(bytes, Finish::Later).unwrap();
        self.carry();
    }

    pub(super) fn end(&mut self, id: StreamId, trailers: &Fields) {
        self.server.sender(id).unwrap().finish_with(trailers).unwrap();
        self.carry();
    }

    pub(super) fn reset(&mut self, id: StreamId, code: ErrorCode) {
        self.server.sender(id).unwrap().cancel(code);
        self.carry();
    }

    /// Bytes to the client that the server did not write.
    pub(super) fn inject(&mut self, bytes: &[u8]) {
        self.to_client.extend_from_slice(bytes);
        self.client.receive(self.now, &mut self.to_client);
        self.carry();
    }

    /// What the client is told of a call, and what it pulls, as text. `Readable` is what makes it pull.
    pub(super) fn story(&mut self) -> Vec<String> {
        let mut story = Vec::new();
        while let Some(event) = self.client.poll_event() {
            tell(&mut self.client, &event, &mut story);
        }
        self.carry();
        story
    }

    /// The code that the server's stream was reset with by the client.
    pub(super) fn reset_seen(&mut self) -> Option<ErrorCode> {
        let mut code = None;
        while let Some(event) = self.server.poll_event() {
            if let http2::Event::Ended {
                outcome:
                    http2::Outcome::Reset {
                        code: found,
                        by: Initiator::Peer,
                    },
                ..
            } = event
            {
                code = Some(found);
            }
        }
        code
    }
}

/// Does with an event what an application would, and writes it down.
pub(super) fn tell(connection: &mut Connection, event: &Event, story: &mut Vec<String>) {
    match event {
        Event::Header { .. } => story.push("header".to_owned()),
        Event::Readable { id } => pull_all(connection, *id, story),
        Event::Ended { id } => {
            pull_all(connection, *id, story);
            story.push(ended(connection, *id));
        }
        Event::Closed { reason } => story.push(format!("closed: {reason}")),
        other => story.push(format!("{other:?}")),
    }
}

/// Pulls until there is nothing more. Long messages are told by their length.
pub(super) fn pull_all(connection: &mut Connection, id: StreamId, story: &mut Vec<String>) {
    loop {
        let Ok(receiver) = connection.receiver(id) else { return };
        match receiver.pull() {
            Pull::Message(message) if message.bytes().len() > 20 => {
                story.push(format!("{} bytes", message.bytes().len()));
            }
            Pull::Message(message) => story.push(String::from_utf8_lossy(message.bytes()).into_owned()),
            Pull::Empty | Pull::End | Pull::Failed => return,
        }
    }
}

fn ended(connection: &Connection, id: StreamId) -> String {
    let Some(outcome) = connection.outcome(id) else {
        return "ended, and released".to_owned();
    };
    let business = match &outcome.business {
        Some(business) => format!(" business {} {:?}", business.code, business.extra),
        None => String::new(),
    };
    let unprocessed = if connection.is_unprocessed(id) {
        " unprocessed"
    } else {
        ""
    };
    let status = &outcome.status;
    format!("ended {} {}{business}{unprocessed}", status.code.0, status.message)
}

pub(super) fn request(kind: MethodKind) -> Request<'static> {
    Request::new("wire", "WireService", "call", Codec::Thrift, kind)
}

pub(super) fn ok() -> Fields {
    let mut head = Fields::response(200);
    head.push("content-type", "application/grpc+thrift");
    head
}

pub(super) fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in list {
        fields.push(name, value);
    }
    fields
}

pub(super) fn status(code: &str, message: &str) -> Fields {
    fields(&[("grpc-status", code), ("grpc-message", message)])
}

pub(super) fn frame(frame_type: FrameType, flags: Flags, id: StreamId, payload: &[u8]) -> Vec<u8> {
    let head = FrameHead {
        len: u32::try_from(payload.len()).unwrap(),
        frame_type,
        flags,
        stream: id,
    };
    [&head.to_bytes()[..], payload].concat()
}

/// A message behind its prefix.
pub(super) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag][..], &length, message].concat()
}
