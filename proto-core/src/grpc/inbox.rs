//! Messages that come in: from body bytes to whole messages.
//!
//! A message that lies in one piece is read where it is. One that does not is put together here, when the application
//! asks for it: what is moved opens the peer's window, so that a message may be larger than that.

use bytes::Bytes;

use crate::http::Body;
use crate::http2::RecvHalf;
use crate::wire::grpc::message::{self, Compression, PREFIX_SIZE, Prefix};

/// How the peer's messages are compressed, as its `grpc-encoding` says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Encoding {
    /// Not at all.
    #[default]
    Identity,
    Gzip,
    /// By something that is not known or not switched on.
    Unknown(Box<str>),
}

/// The messages of one call.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The first bytes of a prefix whose others have not come.
    cut: [u8; PREFIX_SIZE],
    cut_len: u8,
    /// The prefix of the message that is put together, once it is off the stream.
    prefix: Option<Prefix>,
    /// What there is of it.
    body: Body,
    /// A whole message that lies in the stream no more.
    ready: Option<Bytes>,
    /// Messages that were handed out.
    pub(super) taken: u32,
    /// What follows cannot be told apart into messages any more.
    pub(super) broken: bool,
}

/// What there is of the next message.
#[derive(Debug)]
pub(super) enum Found {
    /// It is whole, and lies in the next bytes of the stream behind `skip` others.
    InPlace {
        compression: Compression,
        skip: usize,
        len: usize,
    },
    /// It is whole, and was put together.
    Joined { compression: Compression, bytes: Bytes },
    /// Not all of it.
    Nothing,
    /// It is longer than is taken.
    TooLarge(u32),
    /// It would hold more memory than is left.
    NoRoom,
}

impl Inbox {
    /// Looks for the next message on the stream. At most `room` bytes may be held.
    #[inline]
    pub(super) fn next(&mut self, receiver: &mut RecvHalf<'_>, max: u32, room: usize) -> Found {
        if self.prefix.is_none() && self.cut_len == 0 {
            let chunk = receiver.chunk();
            match message::parse(chunk, max) {
                Ok(Some(Prefix { compression, length })) => {
                    let len = length as usize;
                    if chunk.len().saturating_sub(PREFIX_SIZE) >= len {
                        let skip = PREFIX_SIZE;
                        return Found::InPlace { compression, skip, len };
                    }
                }
                Ok(None) if chunk.is_empty() => return Found::Nothing,
                Ok(None) => {}
                Err(_) => return Found::TooLarge(announced(chunk)),
            }
        }
        self.join(receiver, max, room)
    }

    /// Moves what there is of a message that does not lie in one piece.
    fn join(&mut self, receiver: &mut RecvHalf<'_>, max: u32, room: usize) -> Found {
        let prefix = match self.prefix {
            Some(prefix) => prefix,
            None => match self.read_prefix(receiver, max) {
                Ok(Some(prefix)) => prefix,
                Ok(None) => return Found::Nothing,
                Err(length) => return Found::TooLarge(length),
            },
        };
        let Prefix { compression, length } = prefix;
        let len = length as usize;
        if self.body.is_empty() && receiver.chunk().len() >= len {
            return Found::InPlace {
                compression,
                skip: 0,
                len,
            };
        }
        while self.body.len() < len {
            let piece = receiver.take(len.saturating_sub(self.body.len()));
            if piece.is_empty() {
                return Found::Nothing;
            }
            if self.body.len().saturating_add(piece.len()) > room {
                return Found::NoRoom;
            }
            self.body.push(piece, len.min(room));
        }
        self.prefix = None;
        let bytes = self.body.take();
        Found::Joined { compression, bytes }
    }

    /// Takes a prefix off the stream, as much of it as there is. An error is the length it announces.
    fn read_prefix(&mut self, receiver: &mut RecvHalf<'_>, max: u32) -> Result<Option<Prefix>, u32> {
        while usize::from(self.cut_len) < PREFIX_SIZE {
            let Some(byte) = receiver.chunk().first().copied() else {
                return Ok(None);
            };
            if let Some(place) = self.cut.get_mut(usize::from(self.cut_len)) {
                *place = byte;
            }
            self.cut_len = self.cut_len.saturating_add(1);
            receiver.consume(1);
        }
        self.cut_len = 0;
        self.prefix = message::parse(&self.cut, max).map_err(|_| announced(&self.cut))?;
        Ok(self.prefix)
    }

    /// Keeps a whole message until it is taken.
    pub(super) fn keep(&mut self, message: Bytes) {
        self.prefix = None;
        self.ready = Some(message);
    }

    pub(super) const fn is_ready(&self) -> bool {
        self.ready.is_some()
    }

    /// Takes the message that was kept.
    pub(super) fn take_ready(&mut self) -> Option<Bytes> {
        let message = self.ready.take();
        if message.is_some() {
            self.note_taken();
        }
        message
    }

    /// A message has been taken off the stream.
    #[inline]
    pub(super) const fn note_taken(&mut self) {
        self.prefix = None;
        self.taken = self.taken.saturating_add(1);
    }

    /// Whether the stream, of which `unread` bytes are left, ended inside a message.
    pub(super) const fn is_cut(&self, unread: usize) -> bool {
        unread > 0 || self.cut_len > 0 || self.prefix.is_some()
    }

    /// Bytes that are here of the present message, the `unread` ones of the stream included.
    pub(super) fn progress(&self, unread: usize) -> usize {
        usize::from(self.cut_len)
            .saturating_add(self.body.len())
            .saturating_add(unread)
    }

    /// Lets go of everything: what follows cannot be read.
    pub(super) fn give_up(&mut self) {
        *self = Self {
            taken: self.taken,
            broken: true,
            ..Self::default()
        };
    }

    /// Bytes of memory held.
    #[inline]
    pub(super) fn held(&self) -> usize {
        let ready = self.ready.as_ref().map_or(0, Bytes::len);
        self.body.capacity().saturating_add(ready)
    }
}

/// The length in a whole prefix.
fn announced(prefix: &[u8]) -> u32 {
    let length = prefix.get(1..PREFIX_SIZE).and_then(|length| length.try_into().ok());
    length.map_or(0, u32::from_be_bytes)
}
