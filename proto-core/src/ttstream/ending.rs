//! How streams end.

use super::exception::{MAX_TEXT, beginning, code};
use super::streams::{Phase, Stream};
use super::{Class, Connection, Event, Exception, FOREIGN_PATH, Outcome, Side, StreamId};
use crate::exception::ExceptionType;
use crate::http2::Role;
use crate::status::BusinessStatus;
use crate::stream::index::Key;
use crate::stream::lifecycle::{Receiving, Sending};
use crate::wire::business;
use crate::wire::ttheader::string_key;
use crate::wire::ttstream::{CANCEL_PATH, Frame, FrameType, read_exception, write_exception};

impl Connection {
    /// Client: the server has ended a stream.
    pub(super) fn end_by_peer(&mut self, key: Key, outcome: Outcome) {
        let Some(stream) = self.streams.at_mut(key) else {
            return;
        };
        if stream.phase == Phase::Ended {
            return;
        }
        stream.phase = Phase::Ended;
        stream.ending = Some(Box::new(outcome));
        let id = stream.id;
        if stream.sending == Sending::Body {
            stream.sending = Sending::Ended;
            // Kitex before 0.15.1 waits for it.
            self.put_plain(key, FrameType::Trailer);
        }
        self.tell_over(id);
        self.count_held(key);
    }

    /// Server: the client has given a stream up.
    pub(super) fn end_by_client(&mut self, key: Key, why: Exception) {
        let Some(stream) = self.streams.at_mut(key) else {
            return;
        };
        stream.sending = Sending::Over;
        let id = stream.id;
        match stream.phase {
            Phase::Collecting { .. } => self.forget(id),
            Phase::Open => {
                stream.phase = Phase::Ended;
                stream.fail(why);
                self.tell_over(id);
            }
            Phase::Ended => {}
        }
    }

    pub(super) fn tell_readable(&mut self, key: Key) {
        if let Some(stream) = self.streams.at_mut(key)
            && std::mem::take(&mut stream.flags.wants_readable)
        {
            let id = stream.id;
            self.events.push_back(Event::Readable { id });
        }
    }

    /// Tells that a stream is over, which has just become so.
    pub(super) fn tell_over(&mut self, id: StreamId) {
        self.over = self.over.saturating_add(1);
        self.events.push_back(Event::Ended { id });
        self.tell_available();
    }

    /// Tells that a stream can be opened, if somebody waits for that.
    pub(super) fn tell_available(&mut self) {
        if self.role == Role::Client && self.life.closed.is_none() && std::mem::take(&mut self.life.wants_stream) {
            self.events.push_back(Event::Available);
        }
    }

    /// Counts what a stream holds beside its messages, which has changed. A client's that holds more than it may is given
    /// up.
    pub(super) fn count_held(&mut self, key: Key) {
        self.recount(key);
        if self.role == Role::Client
            && self.is_laden()
            && let Some(stream) = self.streams.at_mut(key)
        {
            let id = stream.id;
            (stream.head, stream.trailer) = (None, None);
            self.overflow(id, "the entries of its header and trailer hold too much memory");
            self.recount(key);
        }
    }

    fn recount(&mut self, key: Key) {
        if let Some(stream) = self.streams.at_mut(key) {
            let size = stream.size();
            let before = std::mem::replace(&mut stream.held, size);
            self.held = self.held.saturating_sub(before).saturating_add(size);
        }
    }

    /// Whether streams hold as much beside their messages as they may.
    pub(super) fn is_laden(&self) -> bool {
        self.held as u64 > self.config.connection_memory / 2
    }

    pub(super) const fn side(&self) -> Side {
        match self.role {
            Role::Client => Side::Client,
            Role::Server => Side::Server,
        }
    }

    /// Ends a stream from here: the peer is told with an rst, and with a trailer where a client had not said that it sends
    /// no more.
    pub(super) fn give_up(&mut self, id: StreamId, why: Exception) {
        if self.end_here(id, why) {
            self.tell_over(id);
        }
    }

    /// The same for nobody to be told. Returns whether there would be something to tell.
    pub(super) fn end_here(&mut self, id: StreamId, why: Exception) -> bool {
        let Some(key) = self.streams.find(id) else {
            return false;
        };
        let Some(stream) = self.streams.at_mut(key) else {
            return false;
        };
        let was_over = stream.phase == Phase::Ended;
        if !stream.receiving.is_reset() {
            stream.receiving = Receiving::ResetHere;
        }
        let before = std::mem::replace(&mut stream.sending, Sending::Over);
        if was_over {
            return false;
        }
        if let Phase::Collecting { .. } = stream.phase {
            // No handler knows of it.
            self.put_rst(key, &why);
            self.forget(id);
            return false;
        }
        stream.phase = Phase::Ended;
        self.put_rst(key, &why);
        if self.role == Role::Client && before == Sending::Body {
            self.put_plain(key, FrameType::Trailer);
        }
        let side = why.side.or(Some(self.side()));
        if let Some(stream) = self.streams.at_mut(key) {
            let path = match &*why.path {
                // That is only said to others.
                FOREIGN_PATH => String::new(),
                path => path.to_owned(),
            };
            stream.fail(Exception { side, path, ..why });
        }
        true
    }

    fn put_rst(&mut self, key: Key, why: &Exception) {
        let own = &*self.config.service_name;
        let path = match (&*why.path, own) {
            ("", own) => own.to_owned(),
            (path, "") => path.to_owned(),
            (path, own) => format!("{path},{own}"),
        };
        let kind = ExceptionType(why.code);
        let tried = self.put_frame(
            key,
            FrameType::Rst,
            |writer| {
                if !path.is_empty() {
                    writer.string(CANCEL_PATH, &path);
                }
            },
            |out, id, method| write_exception(out, id, method, kind, &why.message),
        );
        if tried.is_err() {
            // A path that does not fit a header is left out.
            let _ = self.put_frame(
                key,
                FrameType::Rst,
                |_| {},
                |out, id, method| write_exception(out, id, method, kind, &why.message),
            );
        }
    }
}

impl Stream {
    /// Whether what has come in is all that will, and was not cut off.
    pub(super) fn is_request_whole(&self) -> bool {
        self.receiving == Receiving::Ended && self.ending.is_none()
    }
}

/// How a peer ended its half.
pub(super) fn read_outcome(frame: &Frame, bytes: &[u8], side: Side) -> Outcome {
    let payload = frame.payload(bytes);
    if !payload.is_empty() {
        return Outcome::Exception(match read_exception(payload) {
            Ok(exception) => Exception {
                remote: Some(exception.kind),
                ..Exception::remote(code::APPLICATION, Class::Application, &exception.message).on(side)
            },
            Err(error) => Exception::illegal_frame(error.to_string()).on(side),
        });
    }
    if !frame.has_strings {
        return Outcome::Ok;
    }
    let view = frame.view(bytes);
    match (business::read(&view), view.string(string_key::BUSINESS_EXTRA)) {
        (None, _) => Outcome::Ok,
        (Some(_), Some(extra)) if business::parse_extra(extra).is_none() => {
            let text = format!("malformed header info, extra: {}", String::from_utf8_lossy(extra));
            Outcome::Exception(Exception::remote(code::ILLEGAL_BUSINESS, Class::Protocol, &text).on(side))
        }
        (Some(status), _) if side == Side::Client => Outcome::Business(status),
        // No client is known to send one. A server reads it as Kitex's, and keeps little.
        (Some(status), _) => Outcome::Business(BusinessStatus {
            message: beginning(&status.message, MAX_TEXT).to_owned(),
            extra: Vec::new(),
            ..status
        }),
    }
}
