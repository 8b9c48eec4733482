//! From what the application sends to frames, and from frames to the socket.

use bytes::Bytes;

use super::budget::Abuse;
use super::event::{Event, Finish};
use super::{Connection, Role, Tail};
use crate::buf::Transmit;
use crate::http::Fields;
use crate::planted::{Bug, planted};
use crate::stream::index::Key;
use crate::stream::lifecycle::Sending;
use crate::time::Instant;
use crate::wire::http2::{
    DEFAULT_HEADER_TABLE_SIZE, DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, Flags, FrameHead, FrameType, FrameWriter,
    HEAD_LEN, Setting, StreamId,
};

impl Connection {
    /// Moves what there is to send to `out`. Returns whether `out` holds anything to write; never after the socket has
    /// failed or stalled, whatever is left in `out` then.
    #[inline]
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        if out.is_empty() && self.output.is_empty() && self.ready.is_empty() {
            self.counts.handed = 0;
            self.times.write = None;
            self.settle(now);
            if self.output.is_empty() {
                return false;
            }
        }
        self.transmit(now, out)
    }

    fn transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        if self.life.abandoned {
            return false;
        }
        let moved = out.len() < self.counts.handed || self.counts.handed == 0;
        self.counts.handed = out.len();
        self.pump();
        self.settle(now);
        if !self.output.is_empty() && out.len() < MAX_HANDED {
            out.append(&mut self.output);
            if !planted(Bug::TailOutlives) {
                self.tail = None;
            }
        }
        self.counts.handed = out.len();
        if self.counts.handed == 0 {
            self.times.write = None;
        } else if moved || self.times.write.is_none() {
            self.times.write = Some(now);
        }
        self.counts.handed > 0
    }

    #[inline]
    pub(super) const fn writer(&mut self) -> FrameWriter<'_> {
        FrameWriter::new(&mut self.output)
    }

    /// What each side sends first (RFC 9113 §3.4). Entries that say what holds anyway are left out.
    pub(super) fn write_handshake(&mut self, connection_window: u32) {
        let config = &self.config;
        let settings = [
            (
                config.header_table_size != DEFAULT_HEADER_TABLE_SIZE,
                Setting::HeaderTableSize(config.header_table_size),
            ),
            (self.role == Role::Client, Setting::EnablePush(0)),
            (
                self.role == Role::Server,
                Setting::MaxConcurrentStreams(config.max_concurrent_streams),
            ),
            (
                config.legal_stream_window() != DEFAULT_WINDOW,
                Setting::InitialWindowSize(config.legal_stream_window()),
            ),
            (
                config.legal_max_frame_size() != DEFAULT_MAX_FRAME_SIZE,
                Setting::MaxFrameSize(config.legal_max_frame_size()),
            ),
            (true, Setting::MaxHeaderListSize(config.limits.max_header_list)),
        ];
        let mut entries = Vec::with_capacity(settings.len());
        entries.extend(settings.iter().filter(|(wanted, _)| *wanted).map(|(_, entry)| *entry));
        let role = self.role;
        let mut frames = self.writer();
        if role == Role::Client {
            frames.preface();
        }
        frames.settings(&entries);
        if connection_window > DEFAULT_WINDOW {
            frames.window_update(StreamId::CONNECTION, connection_window.saturating_sub(DEFAULT_WINDOW));
        }
    }

    /// Sends body bytes, at once if nothing stands in the way. `shared` is `data` again, where it can be kept.
    #[inline]
    pub(super) fn send_data(&mut self, key: Key, data: &[u8], shared: Option<&Bytes>, finish: Finish) {
        let unsent = self.unsent();
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if finish == Finish::Now {
            stream.sending = Sending::Ended;
        } else if data.is_empty() {
            return;
        }
        // Streams that wait have their turn first, and bytes in front keep their place.
        let waits = stream.has_queued_data()
            || data.len() > MAX_DATA
            || !data.is_empty()
                && (!self.ready.is_empty()
                    || unsent >= WRITE_AHEAD
                    || !stream.send_window.allows(data.len())
                    || !self.send_window.allows(data.len()));
        if waits {
            let outbox = stream.outbox();
            match shared {
                Some(bytes) => outbox.data.share(bytes.clone()),
                None => outbox.data.copy(data),
            }
            self.counts.queued = self.counts.queued.saturating_add(data.len());
            if !stream.queued {
                stream.queued = true;
                let id = stream.id;
                self.ready.push_back((id, key));
            }
            return;
        }
        let id = stream.id;
        stream.send_window.take(data.len());
        stream.end_written = finish == Finish::Now;
        self.send_window.take(data.len());
        self.write_data_head(id, data.len(), finish);
        match shared {
            Some(bytes) => self.output.put_shared(bytes),
            None => self.output.put(data),
        }
        self.close_data_frame(data.len());
        if finish == Finish::Now {
            self.end_if_complete(key);
        }
    }

    /// Begins a DATA frame of `len` bytes, or makes the last one so much longer.
    #[inline]
    fn write_data_head(&mut self, id: StreamId, len: usize, finish: Finish) {
        let flags = match finish {
            Finish::Now => Flags::END_STREAM,
            Finish::Later => Flags::NONE,
        };
        let mut tail = Tail {
            id,
            head: self.output.mark(),
            len,
            end: 0,
        };
        match self.tail {
            Some(last)
                if last.id == id && last.end == self.output.len() && last.len.saturating_add(len) <= MAX_DATA =>
            {
                tail.head = last.head;
                tail.len = last.len.saturating_add(len);
                self.output
                    .patch(last.head, 0, &data_head(id, tail.len, flags).to_bytes());
            }
            _ => self.output.put(&data_head(id, len, flags).to_bytes()),
        }
        self.tail = match finish {
            Finish::Now => None,
            Finish::Later => Some(tail),
        };
    }

    /// The bytes of the frame that was begun are in the output.
    #[inline]
    fn close_data_frame(&mut self, len: usize) {
        let end = self.output.len();
        if let Some(tail) = &mut self.tail {
            tail.end = end;
        }
        // Whoever reads in the smallest steps that make sense answers with one update for 64 bytes.
        let updates = u32::try_from(len / 64).unwrap_or(u32::MAX).saturating_add(4);
        self.budgets.refund(Abuse::WindowUpdates, updates);
        self.budgets.refund(Abuse::Pings, 1);
    }

    /// Gives streams that wait their turns, a frame each, as long as little is unsent.
    fn pump(&mut self) {
        let mut idle_turns = 0;
        while idle_turns < self.ready.len() && self.unsent() < WRITE_AHEAD {
            let Some((id, key)) = self.ready.pop_front() else {
                return;
            };
            match self.take_turn(id, key) {
                Turn::Wrote => {
                    self.ready.push_back((id, key));
                    idle_turns = 0;
                }
                Turn::Waits => {
                    self.ready.push_back((id, key));
                    idle_turns = idle_turns.saturating_add(1);
                }
                Turn::Done => {}
            }
        }
    }

    fn take_turn(&mut self, id: StreamId, key: Key) -> Turn {
        let connection_room = self.send_window.available();
        let Some(stream) = self
            .streams
            .get_mut(key)
            .filter(|stream| stream.queued && (stream.id == id || planted(Bug::WrongTurn)))
        else {
            return Turn::Done;
        };
        let left = stream.queued_bytes();
        let len = left
            .min(MAX_DATA)
            .min(stream.send_window.available())
            .min(connection_room);
        if left > 0 && len == 0 {
            if stream.send_window.available() == 0 {
                // WINDOW_UPDATE or SETTINGS puts it back.
                stream.queued = false;
                return Turn::Done;
            }
            return Turn::Waits;
        }
        let Some(outbox) = &mut stream.outbox else {
            stream.queued = false;
            return Turn::Done;
        };
        let rest = left.saturating_sub(len);
        let ends = rest == 0 && stream.sending == Sending::Ended;
        let finish = match ends && outbox.trailers.is_none() {
            true => Finish::Now,
            false => Finish::Later,
        };
        let trailers = if ends { outbox.trailers.take() } else { None };
        stream.queued = rest > 0;
        stream.end_written = ends;
        stream.send_window.take(len);
        if stream.wants_room && rest <= self.config.send_buffer / 2 {
            stream.wants_room = false;
            self.events.push_back(Event::Writable { id });
        }
        self.send_window.take(len);
        self.counts.queued = self.counts.queued.saturating_sub(len);
        self.write_data_head(id, len, finish);
        if let Some(outbox) = self.streams.get_mut(key).and_then(|stream| stream.outbox.as_mut()) {
            outbox.data.move_to(len, &mut self.output);
        }
        self.close_data_frame(len);
        self.tell_memory_free();
        if let Some(trailers) = trailers {
            self.write_section(id, &trailers, Finish::Now);
        }
        if ends {
            self.end_if_complete(key);
        }
        if rest > 0 { Turn::Wrote } else { Turn::Done }
    }

    /// HEADERS, and CONTINUATION where one frame is not enough.
    pub(super) fn write_section(&mut self, id: StreamId, fields: &Fields, finish: Finish) {
        let start = self.output.mark();
        let mut flags = match finish {
            Finish::Now => Flags::END_STREAM,
            Finish::Later => Flags::NONE,
        };
        self.writer().head(FrameType::HEADERS, flags, id, 0);
        self.encoder.encode(fields, self.output.arena());
        let len = self.output.since(start).saturating_sub(HEAD_LEN);
        let mut head = FrameHead {
            len: u32::try_from(len.min(MAX_DATA)).unwrap_or(u32::MAX),
            frame_type: FrameType::HEADERS,
            flags,
            stream: id,
        };
        if len <= MAX_DATA {
            flags = flags.with(Flags::END_HEADERS);
            head.flags = flags;
            return self.output.patch(start, 0, &head.to_bytes());
        }
        self.output.patch(start, 0, &head.to_bytes());
        let arena = self.output.arena();
        let block = arena.split_off(arena.len().saturating_sub(len).saturating_add(MAX_DATA));
        let mut pieces = block.chunks(MAX_DATA).peekable();
        while let Some(piece) = pieces.next() {
            let flags = match pieces.peek() {
                None => Flags::END_HEADERS,
                Some(_) => Flags::NONE,
            };
            let len = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            self.writer().head(FrameType::CONTINUATION, flags, id, len);
            self.output.put(piece);
        }
    }
}

/// What became of a stream's turn.
enum Turn {
    /// It wrote a frame, and has more.
    Wrote,
    /// It has to wait for the connection's window.
    Waits,
    /// It has nothing more, or waits for its own window.
    Done,
}

fn data_head(stream: StreamId, len: usize, flags: Flags) -> FrameHead {
    FrameHead {
        len: u32::try_from(len).unwrap_or(u32::MAX),
        frame_type: FrameType::DATA,
        flags,
        stream,
    }
}

/// Unsent bytes above which DATA waits, so that a control frame never waits behind more.
const WRITE_AHEAD: usize = 64 * 1024;
/// Bytes handed out above which nothing is added before the socket took some.
const MAX_HANDED: usize = 256 * 1024;
/// Bytes of one frame, which every peer takes; a turn of a stream is one frame.
const MAX_DATA: usize = DEFAULT_MAX_FRAME_SIZE as usize;
