//! Header blocks, and what their sections open, answer or end.

use super::budget::Abuse;
use super::chunks::Chunks;
use super::event::{Event, Finish, Initiator, Outcome};
use super::receive::{SELF_DEPENDENCY, Stray};
use super::section;
use super::streams::{Gone, Stream};
use super::window::{RecvWindow, SendWindow};
use super::{Connection, Role};
use crate::http::Fields;
use crate::planted::{Bug, planted};
use crate::stream::index::Key;
use crate::stream::lifecycle::{self, Arrival, Receiving, Sending, Verdict};
use crate::time::Instant;
use crate::wire::hpack::Decoded;
use crate::wire::http2::{ErrorCode, Flags, FrameHead, Priority, StreamId};

/// A header block whose end has not come (RFC 9113 §4.3).
#[derive(Debug)]
pub(super) struct Block {
    what: Opening,
    fragments: Vec<u8>,
    continuations: u32,
    pub(super) since: Instant,
}

/// What the HEADERS frame said.
#[derive(Clone, Copy, Debug)]
struct Opening {
    id: StreamId,
    finish: Finish,
    self_dependent: bool,
}

impl Block {
    pub(super) const fn id(&self) -> StreamId {
        self.what.id
    }

    pub(super) const fn len(&self) -> usize {
        self.fragments.len()
    }
}

impl Connection {
    pub(super) fn on_headers(&mut self, now: Instant, head: FrameHead, fragment: &[u8], priority: Option<Priority>) {
        let what = Opening {
            id: head.stream,
            finish: match head.flags.has(Flags::END_STREAM) {
                true => Finish::Now,
                false => Finish::Later,
            },
            self_dependent: priority.is_some_and(|priority| priority.parent == head.stream),
        };
        if head.flags.has(Flags::END_HEADERS) {
            return self.on_section(now, what, fragment);
        }
        if fragment.len() > self.config.limits.max_header_block {
            return self.fail(ErrorCode::ENHANCE_YOUR_CALM, BLOCK_TOO_LARGE);
        }
        self.block = Some(Box::new(Block {
            what,
            fragments: fragment.to_vec(),
            continuations: 0,
            since: now,
        }));
    }

    pub(super) fn on_continuation(&mut self, now: Instant, head: FrameHead, fragment: &[u8]) {
        let limits = &self.config.limits;
        let Some(block) = &mut self.block else {
            return self.fail(ErrorCode::PROTOCOL_ERROR, "CONTINUATION without a header block");
        };
        block.continuations = block.continuations.saturating_add(1);
        if block.continuations > limits.max_continuations {
            return self.fail(
                ErrorCode::ENHANCE_YOUR_CALM,
                "too many CONTINUATION frames in a header block",
            );
        }
        if block.fragments.len().saturating_add(fragment.len()) > limits.max_header_block {
            return self.fail(ErrorCode::ENHANCE_YOUR_CALM, BLOCK_TOO_LARGE);
        }
        block.fragments.extend_from_slice(fragment);
        if head.flags.has(Flags::END_HEADERS)
            && let Some(block) = self.block.take()
        {
            self.on_section(now, block.what, &block.fragments);
        }
    }

    /// A whole header block. It is decoded whatever becomes of it, so that the table stays in step (RFC 9113 §4.3).
    fn on_section(&mut self, now: Instant, what: Opening, block: &[u8]) {
        let mut fields = self.streams.take_fields();
        let max_list = self.config.limits.max_header_list as usize;
        let decoded = match self.decoder.decode(block, max_list, &mut fields) {
            Ok(decoded) => decoded,
            Err(error) => return self.fail(ErrorCode::COMPRESSION_ERROR, error.to_string()),
        };
        self.budgets.refund(Abuse::Pings, 1);
        self.budgets.refund(Abuse::EmptyData, 1);
        if let Some(key) = self.streams.find(what.id) {
            return self.on_further_section(now, key, what, fields, decoded);
        }
        match self.role {
            Role::Server if what.id.is_from_client() && what.id > self.last_peer => {
                self.on_request(now, what, fields, decoded);
            }
            Role::Server | Role::Client => self.on_missing_stream(now, what.id, Stray::Headers),
        }
    }

    /// The head of a new request.
    fn on_request(&mut self, now: Instant, what: Opening, fields: Fields, decoded: Decoded) {
        let id = what.id;
        self.streams.note_gap(self.last_peer, id);
        if self.life.ignores_new_streams() {
            // Behind the last stream of our GOAWAY: the client knows that it was not processed (RFC 9113 §6.8).
            self.last_peer = id;
            return self.streams.remember(id, Gone::ResetHere);
        }
        if !(self.life.drain.is_some() && planted(Bug::StopMovesNot)) {
            self.last_peer = id;
        }
        self.budgets.refund(Abuse::Ignored, 4);
        let room = self.counts.heads.saturating_add(fields.size()) <= self.config.limits.max_memory / 2;
        // The client may not know the limit before it has acknowledged our settings.
        let limit = match self.life.settings_acknowledged {
            true => self.config.max_concurrent_streams,
            false => self.config.max_concurrent_streams.max(PRESUMED_STREAMS),
        };
        if self.streams.len() >= limit as usize || !room {
            if self.life.settings_acknowledged {
                self.charge(now, Abuse::Resets);
            }
            return self.reject(id, ErrorCode::REFUSED_STREAM, "too many concurrent streams");
        }
        let checked = match decoded {
            _ if what.self_dependent => Err((ErrorCode::PROTOCOL_ERROR, SELF_DEPENDENCY)),
            Decoded::TooLarge => Err((ErrorCode::ENHANCE_YOUR_CALM, LIST_TOO_LARGE)),
            Decoded::Complete => section::request(&fields).map_err(|text| (ErrorCode::PROTOCOL_ERROR, text)),
        };
        let facts = match checked {
            Ok(facts) if what.finish == Finish::Now && facts.content_length.is_some_and(|length| length > 0) => {
                self.charge(now, Abuse::Resets);
                return self.reject(id, ErrorCode::PROTOCOL_ERROR, BODY_TOO_SHORT);
            }
            Ok(facts) => facts,
            Err((code, text)) => {
                self.charge(now, Abuse::Resets);
                return self.reject(id, code, text);
            }
        };
        let stream = Stream {
            section_bytes: self.count_section(&fields),
            head: fields,
            content_left: facts.content_length,
            receiving: match what.finish {
                Finish::Now => Receiving::Ended,
                Finish::Later => Receiving::Body,
            },
            ..self.new_stream(id, Sending::Head)
        };
        self.streams.insert(stream);
        self.events.push_back(Event::Opened { id });
        if what.finish == Finish::Now {
            self.events.push_back(Event::Readable { id });
        }
    }

    /// Resets a stream that was never opened.
    fn reject(&mut self, id: StreamId, code: ErrorCode, text: &'static str) {
        if self.is_closed() {
            return;
        }
        self.writer().reset(id, code);
        self.streams.remember(id, Gone::ResetHere);
        self.events.push_back(Event::Rejected { id, code, text });
    }

    /// A section on a stream that is here: the answer, or trailers.
    fn on_further_section(&mut self, now: Instant, key: Key, what: Opening, fields: Fields, decoded: Decoded) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        let answers = self.role == Role::Client && stream.receiving == Receiving::Head;
        let arrival = match what.finish {
            Finish::Now if !answers => Arrival::End,
            Finish::Now | Finish::Later => Arrival::Head,
        };
        match lifecycle::receiving(stream.receiving, arrival).http2 {
            Verdict::Taken => {}
            Verdict::Ignored => return self.charge(now, Abuse::Ignored),
            Verdict::StreamError(breach) => return self.on_breach(now, key, breach),
        }
        if what.self_dependent {
            return self.break_stream(now, key, ErrorCode::PROTOCOL_ERROR, SELF_DEPENDENCY);
        }
        if decoded == Decoded::TooLarge {
            return self.break_stream(now, key, ErrorCode::ENHANCE_YOUR_CALM, LIST_TOO_LARGE);
        }
        if answers {
            return self.on_response(now, key, what.finish, fields);
        }
        if let Err(text) = section::trailers(&fields) {
            return self.break_stream(now, key, ErrorCode::PROTOCOL_ERROR, text);
        }
        let size = self.count_section(&fields);
        if let Some(stream) = self.streams.get_mut(key) {
            stream.section_bytes = stream.section_bytes.saturating_add(size);
            stream.trailers = fields;
        }
        self.on_body_end(now, key);
    }

    /// The head of an answer, interim or final.
    fn on_response(&mut self, now: Instant, key: Key, finish: Finish, fields: Fields) {
        let facts = match section::response(&fields) {
            Ok(facts) => facts,
            Err(text) => return self.break_stream(now, key, ErrorCode::PROTOCOL_ERROR, text),
        };
        let max_interim = self.config.limits.max_interim;
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let id = stream.id;
        if facts.status < 200 {
            stream.interim = stream.interim.saturating_add(1);
            if finish == Finish::Now {
                return self.break_stream(now, key, ErrorCode::PROTOCOL_ERROR, "a 1xx response ends the stream");
            }
            if stream.interim > max_interim {
                return self.break_stream(now, key, ErrorCode::ENHANCE_YOUR_CALM, "too many 1xx responses");
            }
            if !stream.released {
                let head = Box::new(fields);
                self.events.push_back(Event::Interim { id, head });
            }
            return;
        }
        // RFC 9110 §6.4.1: these never have content, whatever their content-length says.
        let bodiless = stream.head_request || matches!(facts.status, 204 | 304);
        stream.content_left = if bodiless { Some(0) } else { facts.content_length };
        if finish == Finish::Now && stream.content_left.is_some_and(|left| left > 0) {
            return self.break_stream(now, key, ErrorCode::PROTOCOL_ERROR, BODY_TOO_SHORT);
        }
        stream.receiving = Receiving::Body;
        stream.head_only = finish == Finish::Now;
        // The rest of a request may still be going out after its release.
        if !stream.released {
            let size = self.count_section(&fields);
            if let Some(stream) = self.streams.get_mut(key) {
                stream.section_bytes = size;
                stream.head = fields;
            }
            self.events.push_back(Event::Answered { id });
        }
        if finish == Finish::Now {
            self.on_body_end(now, key);
        }
    }

    /// Counts a section that is kept until its stream is released.
    fn count_section(&mut self, fields: &Fields) -> u32 {
        let size = fields.size();
        self.counts.heads = self.counts.heads.saturating_add(size);
        u32::try_from(size).unwrap_or(u32::MAX)
    }

    /// END_STREAM has come.
    pub(super) fn on_body_end(&mut self, now: Instant, key: Key) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if stream.content_left.is_some_and(|left| left > 0) {
            return self.break_stream(now, key, ErrorCode::PROTOCOL_ERROR, BODY_TOO_SHORT);
        }
        stream.receiving = Receiving::Ended;
        if !stream.released {
            let id = stream.id;
            self.events.push_back(Event::Readable { id });
        }
        self.end_if_complete(key);
    }

    /// The peer sent something that has no place on a stream.
    #[cold]
    pub(super) fn on_breach(&mut self, now: Instant, key: Key, breach: lifecycle::Breach) {
        let complete = self.streams.get(key).is_some_and(|stream| stream.ended);
        match complete {
            // Nothing is left of the stream that could be reset.
            true => self.fail(breach.http2(), breach.text()),
            false => self.break_stream(now, key, breach.http2(), breach.text()),
        }
    }

    /// A stream error of a stream that may not be here (RFC 9113 §5.4.2).
    #[cold]
    pub(super) fn stream_error(&mut self, now: Instant, id: StreamId, code: ErrorCode, text: &'static str) {
        match self.live_stream(id) {
            Some(key) => self.break_stream(now, key, code, text),
            // A stream that does not exist cannot be reset.
            None if self.is_idle(id) => self.fail(code, text),
            None => self.charge(now, Abuse::Ignored),
        }
    }

    /// A stream that is here and not over.
    pub(super) fn live_stream(&self, id: StreamId) -> Option<Key> {
        let key = self.streams.find(id)?;
        self.streams.get(key).filter(|stream| !stream.ended).map(|_| key)
    }

    /// Resets a stream because the peer broke a rule on it.
    #[cold]
    pub(super) fn break_stream(&mut self, now: Instant, key: Key, code: ErrorCode, text: &'static str) {
        if let Some(stream) = self.streams.get_mut(key) {
            stream.charged = true;
        }
        self.reset_here(key, code, Initiator::Engine(text));
        self.charge(now, Abuse::Resets);
    }

    /// A stream as it begins.
    pub(super) fn new_stream(&self, id: StreamId, sending: Sending) -> Stream {
        Stream {
            id,
            receiving: Receiving::Head,
            sending,
            end_written: false,
            ended: false,
            released: false,
            queued: false,
            wants_room: false,
            charged: false,
            head_request: false,
            section_bytes: 0,
            head_only: false,
            interim: 0,
            head: Fields::new(),
            trailers: Fields::new(),
            body: Chunks::default(),
            recv_window: RecvWindow::new(self.config.legal_stream_window()),
            send_window: SendWindow::new(self.peer.initial_window),
            content_left: None,
            outbox: None,
        }
    }

    /// Tells how a stream ended, once.
    pub(super) fn tell_end(&mut self, key: Key, outcome: Outcome) {
        if let Some(stream) = self.streams.get_mut(key)
            && !stream.ended
        {
            stream.ended = true;
            let id = stream.id;
            self.events.push_back(Event::Ended { id, outcome });
        }
    }
}

const BLOCK_TOO_LARGE: &str = "a header block above the limit";
const LIST_TOO_LARGE: &str = "a header list above SETTINGS_MAX_HEADER_LIST_SIZE";
const BODY_TOO_SHORT: &str = "less body than content-length";
/// Streams that clients open before they know how many they may.
const PRESUMED_STREAMS: u32 = 100;
