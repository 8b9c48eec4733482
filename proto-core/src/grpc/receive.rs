//! The receiving half of a call.

use std::fmt;

use bytes::Bytes;

use super::calls::{Ending, Phase};
use super::inbox::{Encoding, Found, Inbox};
use super::{Connection, Event};
use crate::dispatch::MethodKind;
use crate::http2::{ErrorCode, RecvHalf, Role};
use crate::stream::index::Key;
use crate::wire::grpc::message::Compression;
use crate::wire::grpc::{Code, Status};

/// The receiving half of a call.
///
/// Messages that are not pulled keep the peer's window shut, so that a slow reader holds no more than
/// [`http2::Config::stream_window`](crate::http2::Config::stream_window) and one message.
#[derive(Debug)]
pub struct Receiver<'a> {
    connection: &'a mut Connection,
    key: Key,
}

/// What [`Receiver::pull`] found.
#[derive(Debug)]
pub enum Pull<'a> {
    /// The next message.
    Message(Message<'a>),
    /// Nothing whole for now; [`Event::Readable`] tells when there may be more.
    Empty,
    /// The peer has said everything. For a client: the call went well.
    End,
    /// There will be no more messages; [`Connection::outcome`] tells why.
    Failed,
}

/// A message, decompressed. It is taken when this is dropped.
pub struct Message<'a> {
    place: Place<'a>,
}

enum Place<'a> {
    /// In the stream, behind `skip` bytes.
    Stream {
        receiver: RecvHalf<'a>,
        inbox: &'a mut Inbox,
        skip: usize,
        len: usize,
    },
    Owned(Bytes),
}

/// What there is to pull.
pub(super) enum Look {
    /// A message in the stream, uncompressed, behind `skip` bytes.
    InPlace {
        skip: usize,
        len: usize,
    },
    /// A message in the inbox.
    Ready,
    Nothing,
    /// What comes in cannot be read.
    Failed,
}

impl<'a> Receiver<'a> {
    pub(super) const fn new(connection: &'a mut Connection, key: Key) -> Self {
        Self { connection, key }
    }

    /// The next message. What was received in front of the call's end comes before that.
    ///
    /// A client's call that has a single answer gives it once the end is there too, and fails if there was more than
    /// one.
    #[inline]
    pub fn pull(self) -> Pull<'a> {
        let Self { connection, key } = self;
        let look = connection.look(key);
        let pull = match look {
            _ if connection.role == Role::Client && !connection.is_single_answer_whole(key, &look) => {
                let broken = connection.calls.at(key).is_none_or(|call| call.inbox.broken);
                if broken { Pull::Failed } else { Pull::Empty }
            }
            Look::InPlace { skip, len } => return connection.lend(key, skip, len),
            Look::Ready => match connection.take_ready(key) {
                Some(bytes) => {
                    return Pull::Message(Message {
                        place: Place::Owned(bytes),
                    });
                }
                None => Pull::Failed,
            },
            Look::Nothing => connection.nothing_to_pull(key),
            Look::Failed => Pull::Failed,
        };
        if connection.recorder.is_some() {
            connection.record_pull(key, &pull);
        }
        pull
    }
}

impl Connection {
    /// Looks for the next message of a call, and takes nothing: asked again, it finds the same.
    #[inline]
    pub(super) fn look(&mut self, key: Key) -> Look {
        let Some(call) = self.calls.at_mut(key) else {
            return Look::Failed;
        };
        if call.inbox.is_ready() {
            return Look::Ready;
        }
        if call.inbox.broken {
            return Look::Failed;
        }
        let Ok(mut receiver) = self.http2.receiver(call.id) else {
            return Look::Failed;
        };
        let before = call.inbox.held();
        let max = self.config.max_received_message;
        let others = self.held.saturating_sub(before);
        let room = self.config.max_messages.saturating_sub(others);
        let found = call.inbox.next(&mut receiver, max, room);
        self.held = others.saturating_add(call.inbox.held());
        match found {
            Found::InPlace {
                compression: Compression::Identity,
                skip,
                len,
            } => Look::InPlace { skip, len },
            Found::InPlace { skip, len, .. } => {
                receiver.consume(skip);
                let packed = receiver.take(len);
                self.unpack(key, &packed, room)
            }
            Found::Joined { compression, bytes } => match compression {
                Compression::Identity => self.keep(key, bytes),
                Compression::Compressed => self.unpack(key, &bytes, room),
            },
            Found::Nothing => Look::Nothing,
            Found::TooLarge(length) => {
                let text = format!("received message larger than max ({length} vs. {max})");
                self.break_inbox(key, Status::new(Code::RESOURCE_EXHAUSTED, text))
            }
            Found::NoRoom => self.break_inbox(key, no_room()),
        }
    }

    /// A message that lies in the stream.
    #[inline]
    fn lend(&mut self, key: Key, skip: usize, len: usize) -> Pull<'_> {
        let Some(call) = self.calls.at_mut(key) else {
            return Pull::Failed;
        };
        match self.http2.receiver(call.id) {
            Ok(receiver) => {
                if let Some(recorder) = &mut self.recorder {
                    let message = receiver.chunk().get(skip..skip.saturating_add(len));
                    recorder.pull(&call.id, message.unwrap_or(&[]));
                }
                let inbox = &mut call.inbox;
                let place = Place::Stream {
                    receiver,
                    inbox,
                    skip,
                    len,
                };
                Pull::Message(Message { place })
            }
            Err(_) => Pull::Failed,
        }
    }

    fn take_ready(&mut self, key: Key) -> Option<Bytes> {
        let call = self.calls.at_mut(key)?;
        let message = call.inbox.take_ready()?;
        self.held = self.held.saturating_sub(message.len());
        if let Some(recorder) = &mut self.recorder {
            recorder.pull(&call.id, &message);
        }
        Some(message)
    }

    /// Client: takes a single answer that lies in the stream out of it, if there is room.
    pub(super) fn set_aside(&mut self, key: Key) {
        let Look::InPlace { skip, len } = self.look(key) else {
            return;
        };
        let room = self.config.max_messages.saturating_sub(self.held);
        if let Some(call) = self.calls.at(key).filter(|_| len <= room)
            && let Ok(mut receiver) = self.http2.receiver(call.id)
        {
            receiver.consume(skip);
            let message = receiver.take(len);
            self.keep(key, message);
        }
    }

    fn keep(&mut self, key: Key, message: Bytes) -> Look {
        let Some(call) = self.calls.at_mut(key) else {
            return Look::Failed;
        };
        self.held = self.held.saturating_add(message.len());
        call.inbox.keep(message);
        Look::Ready
    }

    /// Decompresses a message.
    fn unpack(&mut self, key: Key, packed: &[u8], room: usize) -> Look {
        let Some(call) = self.calls.at(key) else {
            return Look::Failed;
        };
        let max = self.config.max_received_message as usize;
        let status = match &call.encoding {
            Encoding::Gzip => {
                let mut message = Vec::new();
                match self.gzip.decompress(packed, max.min(room), &mut message) {
                    Ok(()) => return self.keep(key, message.into()),
                    Err(error) if !error.is_too_large() => Status::new(Code::INTERNAL, error.to_string()),
                    Err(_) if room < max => no_room(),
                    Err(_) => {
                        let text = format!("received message after decompression larger than max {max}");
                        Status::new(Code::RESOURCE_EXHAUSTED, text)
                    }
                }
            }
            Encoding::Identity => Status::new(Code::INTERNAL, "kitex compression algorithm not found"),
            Encoding::Unknown(name) => unknown_encoding(name),
        };
        self.break_inbox(key, status)
    }

    /// What follows on this call cannot be read.
    #[cold]
    pub(super) fn break_inbox(&mut self, key: Key, status: Status) -> Look {
        let Some(call) = self.calls.at_mut(key) else {
            return Look::Failed;
        };
        // What there is of it is of no use to anybody.
        self.held = self.held.saturating_sub(call.inbox.held());
        call.inbox.give_up();
        let id = call.id;
        if call.phase != Phase::Ended {
            call.ending = Some(status.into());
            if self.role == Role::Client {
                call.phase = Phase::Ended;
                self.events.push_back(Event::Ended { id });
                if let Ok(mut sender) = self.http2.sender(id) {
                    sender.cancel(ErrorCode::CANCEL);
                }
            }
        } else if self.role == Role::Client {
            // It ended well as far as the server knows.
            call.ending = Some(status.into());
        }
        Look::Failed
    }

    /// Client: whether a message may be handed out. A single answer waits for the end, and must be the only one.
    fn is_single_answer_whole(&mut self, key: Key, look: &Look) -> bool {
        let Some(call) = self.calls.at(key) else {
            return false;
        };
        if !call.kind.has_single_answer() {
            return true;
        }
        let used = match look {
            Look::InPlace { skip, len } => skip.saturating_add(*len),
            Look::Ready => 0,
            Look::Nothing | Look::Failed => return true,
        };
        let id = call.id;
        let ended_well = call.ending.as_ref().map(Ending::is_ok);
        let more = self.http2.receiver(id).is_ok_and(|receiver| receiver.unread() > used);
        // A second answer need not be waited for, and no end makes it right.
        if more || call.inbox.taken > 0 {
            self.break_inbox(key, second_answer());
            return false;
        }
        if ended_well == Some(false) {
            // An error is all there is, whatever came in front of it.
            if let Some(call) = self.calls.at_mut(key) {
                call.inbox.broken = true;
            }
        }
        ended_well == Some(true)
    }

    /// There is no message; whether there will be one.
    fn nothing_to_pull<'a>(&mut self, key: Key) -> Pull<'a> {
        let Some(call) = self.calls.at_mut(key) else {
            return Pull::Failed;
        };
        let Ok(receiver) = self.http2.receiver(call.id) else {
            return Pull::Failed;
        };
        let cut = call.inbox.is_cut(receiver.unread());
        match &call.ending {
            Some(ending) if !ending.is_ok() => {
                // What comes behind a deadline comes too late.
                call.inbox.broken = true;
                Pull::Failed
            }
            None if !receiver.is_whole() => Pull::Empty,
            _ if cut => {
                self.break_inbox(key, Status::new(Code::INTERNAL, "unexpected EOF"));
                Pull::Failed
            }
            // A unary call that ends well without an answer may be one that has none.
            Some(_)
                if call.kind == MethodKind::ClientStreaming && self.role == Role::Client && call.inbox.taken == 0 =>
            {
                self.break_inbox(key, Status::new(Code::INTERNAL, "EOF"));
                Pull::Failed
            }
            _ => Pull::End,
        }
    }
}

impl Message<'_> {
    /// Its bytes.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.place {
            Place::Stream {
                receiver, skip, len, ..
            } => {
                let chunk = receiver.chunk();
                chunk.get(*skip..skip.saturating_add(*len)).unwrap_or(&[])
            }
            Place::Owned(bytes) => bytes,
        }
    }

    /// Its bytes to keep. Many share the block that was read; few are copied, so that they do not pin it.
    #[must_use]
    pub fn to_bytes(mut self) -> Bytes {
        match &mut self.place {
            Place::Stream {
                receiver, skip, len, ..
            } => {
                receiver.consume(*skip);
                let bytes = receiver.take(*len);
                // Nothing is left to be taken.
                (*skip, *len) = (0, 0);
                bytes
            }
            Place::Owned(bytes) => std::mem::take(bytes),
        }
    }
}

impl Drop for Message<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Place::Stream {
            receiver,
            inbox,
            skip,
            len,
        } = &mut self.place
        {
            receiver.consume(skip.saturating_add(*len));
            inbox.note_taken();
        }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Message").field(&self.bytes()).finish()
    }
}

/// Messages that are compressed by something that is not known or not switched on, in Kitex's words.
pub(super) fn unknown_encoding(name: &str) -> Status {
    let text = format!("no kitex compressor registered found for:{name}");
    Status::new(Code::INTERNAL, text)
}

fn no_room() -> Status {
    Status::new(
        Code::RESOURCE_EXHAUSTED,
        "messages of this connection hold too much memory",
    )
}

/// In Kitex's words.
fn second_answer() -> Status {
    Status::new(
        Code::INTERNAL,
        "KITEX: grpc client streaming protocol violation: get <nil>, want <EOF>",
    )
}
