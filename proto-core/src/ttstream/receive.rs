//! What comes in.

use bytes::{Buf, Bytes, BytesMut};

use super::ending::read_outcome;
use super::exception::{MAX_PATH, beginning, code};
use super::inbox::{Inbox, Spares};
use super::streams::{Head, Phase, Stream};
use super::{Class, Connection, Event, Exception, MetaFrame, Outcome, Side};
use crate::buf::SHARE_FROM;
use crate::error::CloseReason;
use crate::http2::Role;
use crate::record::Recorded;
use crate::stream::index::Key;
use crate::stream::lifecycle::{Arrival, Verdict, receiving};
use crate::time::Instant;
use crate::wire::ttstream::{CANCEL_PATH, DataFrame, Frame, FrameType, read_exception};

use super::credit::Agreement;

impl Connection {
    /// Takes in what was read. What is not whole, or has to wait, stays in `input`. Call it again with the same buffer
    /// when [`Self::read_demand`] says [`Demand::Receive`](crate::Demand::Receive).
    #[inline]
    pub fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        if self.recorder.is_some() {
            return self.record_receive(now, input, Self::receive);
        }
        self.note_read(now, input.len());
        self.resume();
        let block = self.life.block_of(input);
        let mut at = 0;
        while self.life.closed.is_none() {
            let rest = input.get(at..).unwrap_or(&[]);
            if rest.is_empty() {
                break;
            }
            if self.is_paused() {
                self.life.blocked = true;
                break;
            }
            // Nothing can come before flow control is settled, and that is done by a frame that is looked at.
            let known = self.known.read(rest, self.config.max_message);
            if let Some(data) = known.filter(|data| data.payload_len() < SHARE_FROM) {
                self.on_data(now, &data, data.payload(rest));
                at = at.saturating_add(data.frame_len());
                continue;
            }
            match Frame::read(rest, self.config.max_message, self.config.max_header_entries) {
                Ok(Some(frame)) => {
                    let length = frame.header.frame_len();
                    let bytes = rest.get(..length).unwrap_or(rest);
                    self.known.learn(&frame, bytes);
                    if frame.header.payload_len() < SHARE_FROM || frame.kind != FrameType::Data {
                        self.on_frame(now, &frame, bytes);
                        at = at.saturating_add(length);
                    } else {
                        self.settle_by(&frame);
                        input.advance(at);
                        at = 0;
                        let payload = take_large(input, length, frame.header.payload_start(), block);
                        self.on_large_data(now, &DataFrame::of(&frame.header), payload);
                    }
                }
                Ok(None) => break,
                Err(error) => self.fail(CloseReason::Malformed(error)),
            }
        }
        if self.life.closed.is_some() {
            input.clear();
        } else {
            input.advance(at);
        }
        self.life.block_left = input.capacity();
        self.note_input(now, input.len());
        self.settle(now);
    }

    /// Takes in a frame, of which `bytes` is all.
    fn on_frame(&mut self, now: Instant, frame: &Frame, bytes: &[u8]) {
        let settled = self.settle_by(frame);
        if let Some(flow) = frame.flow {
            if !settled {
                self.on_flow(frame.id, flow);
            }
            return;
        }
        if frame.kind == FrameType::Rst {
            // The handler may have returned already.
            self.queues.drop_header(frame.id);
        }
        let found = self.streams.find(frame.id);
        match (frame.kind, found) {
            (FrameType::Data, _) => self.on_data(now, &DataFrame::of(&frame.header), frame.payload(bytes)),
            (FrameType::Header, None) if self.role == Role::Server => self.begin(now, frame, bytes),
            (FrameType::Header, Some(key)) => self.on_header(key, frame, bytes),
            (FrameType::Trailer, Some(key)) => self.on_trailer(key, frame, bytes),
            (FrameType::Rst, Some(key)) => self.on_rst(key, frame, bytes),
            (FrameType::Meta, Some(key)) => self.on_meta(key, frame, bytes),
            (FrameType::Header | FrameType::Trailer | FrameType::Rst | FrameType::Meta, None) => {}
        }
    }

    /// Sees whether a frame settles flow control. Returns whether it does.
    #[inline]
    fn settle_by(&mut self, frame: &Frame) -> bool {
        match self.credit.agreement {
            Agreement::Agreed | Agreement::Stock => false,
            Agreement::Unread | Agreement::Offered | Agreement::Waited => self.settle_flow_control(frame),
        }
    }

    #[inline]
    fn on_data(&mut self, now: Instant, frame: &DataFrame, payload: &[u8]) {
        self.take_in(now, frame, |inbox, charge, spares| inbox.copy(payload, charge, spares));
    }

    fn on_large_data(&mut self, now: Instant, frame: &DataFrame, payload: Bytes) {
        self.take_in(now, frame, |inbox, charge, spares| inbox.share(payload, charge, spares));
    }

    /// Counts a message, and has it put into the inbox of its stream.
    #[inline]
    fn take_in(&mut self, now: Instant, frame: &DataFrame, put: impl FnOnce(&mut Inbox, u32, &mut Spares)) {
        let charge = frame.charge();
        if self.credit.receive(charge) {
            self.credit.take(charge.into());
            return self.fail(CloseReason::LimitReached("flow control: connection limit exceeded"));
        }
        let key = self.streams.find(frame.id());
        let found = key.and_then(|key| self.streams.at_mut(key));
        let taken = |stream: &&mut Stream| receiving(stream.receiving, Arrival::Data).ttheader == Verdict::Taken;
        let Some(stream) = found.filter(taken) else {
            // Data for nobody counts for the connection all the same.
            return self.credit.take(charge.into());
        };
        if self.credit.is_enforced() && stream.received >= stream.granted {
            self.credit.take(charge.into());
            return self.overflow(frame.id(), "flow control: stream limit exceeded");
        }
        stream.received = stream.received.wrapping_add(charge.into());
        if stream.flags.is_unread {
            stream.note_taken(charge.into(), &mut self.updates);
            return self.credit.take(charge.into());
        }
        put(&mut stream.inbox, charge, &mut self.spares);
        if std::mem::take(&mut stream.flags.wants_readable) {
            self.events.push_back(Event::Readable { id: frame.id() });
        } else if let Phase::Collecting { .. } = stream.phase {
            stream.phase = Phase::Open;
            self.events.push_back(Event::Opened { id: frame.id() });
        }
        self.check_stall(now);
    }

    /// A header frame with the id of a stream that is there.
    fn on_header(&mut self, key: Key, frame: &Frame, bytes: &[u8]) {
        if self.role == Role::Server {
            return self.on_duplicate(key, frame, bytes);
        }
        let Some(stream) = self.streams.at_mut(key) else {
            return;
        };
        let rule = receiving(stream.receiving, Arrival::Head);
        let id = stream.id;
        match rule.ttheader {
            Verdict::Taken => {
                stream.receiving = rule.next;
                let strings = frame.strings(bytes, |_| true);
                let head = Box::new(Head {
                    strings,
                    ..Head::default()
                });
                stream.head = Some(head);
                self.events.push_back(Event::Header { id });
                self.count_held(key);
            }
            Verdict::Ignored => {}
            Verdict::StreamError(_) => {
                let text = format!("stream[{id}] already set header");
                let why = Exception::new(code::UNEXPECTED_HEADER, Class::Protocol, text);
                self.give_up(id, why.on(Side::Client));
            }
        }
    }

    fn on_trailer(&mut self, key: Key, frame: &Frame, bytes: &[u8]) {
        let side = self.side();
        let Some(stream) = self.streams.at_mut(key) else {
            return;
        };
        let rule = receiving(stream.receiving, Arrival::End);
        if rule.ttheader != Verdict::Taken {
            return;
        }
        stream.receiving = rule.next;
        let outcome = read_outcome(frame, bytes, side);
        match self.role {
            Role::Client => {
                stream.trailer = Some(Box::new(frame.strings(bytes, |_| true)));
                self.end_by_peer(key, outcome);
            }
            Role::Server => self.on_request_end(key, outcome),
        }
    }

    /// Server: the client has said everything.
    fn on_request_end(&mut self, key: Key, outcome: Outcome) {
        let Some(stream) = self.streams.at_mut(key) else {
            return;
        };
        if let Phase::Collecting { .. } = stream.phase {
            return self.refuse_incomplete(key, "biz error: EOF");
        }
        if outcome != Outcome::Ok && stream.ending.is_none() {
            stream.ending = Some(Box::new(outcome));
        }
        self.tell_readable(key);
    }

    fn on_rst(&mut self, key: Key, frame: &Frame, bytes: &[u8]) {
        let side = self.side();
        let Some(stream) = self.streams.at_mut(key) else {
            return;
        };
        let rule = receiving(stream.receiving, Arrival::Reset);
        if rule.ttheader != Verdict::Taken {
            return;
        }
        stream.receiving = rule.next;
        let mut why = match read_exception(frame.payload(bytes)) {
            Ok(exception) => Exception::remote(exception.kind.0, Class::Canceled, &exception.message),
            Err(_) => Exception::new(UNREADABLE_RST, Class::Canceled, "rst"),
        };
        why.side = Some(side);
        if frame.has_strings
            && let Some(path) = frame.view(bytes).string(CANCEL_PATH)
        {
            why.path = beginning(&String::from_utf8_lossy(path), MAX_PATH).to_owned();
        }
        match self.role {
            Role::Client => self.end_by_peer(key, Outcome::Exception(why)),
            Role::Server => self.end_by_client(key, why),
        }
    }

    fn on_meta(&mut self, key: Key, frame: &Frame, bytes: &[u8]) {
        let wanted = self.role == Role::Client && self.config.meta_frames.is_on();
        let Some(stream) = self
            .streams
            .at(key)
            .filter(|stream| wanted && stream.phase != Phase::Ended)
        else {
            return;
        };
        let ints = frame.view(bytes).ints();
        let frame = Box::new(MetaFrame {
            ints: ints.map(|(key, value)| (key, Bytes::copy_from_slice(value))).collect(),
            strings: frame.strings(bytes, |_| true),
            payload: Bytes::copy_from_slice(frame.payload(bytes)),
        });
        let id = stream.id;
        self.events.push_back(Event::Meta { id, frame });
    }
}

/// Takes the frame that starts `input` out of it, for its payload. The block that was read is kept with it only if the
/// frame is nearly all of it.
fn take_large(input: &mut BytesMut, length: usize, payload_start: usize, block: usize) -> Bytes {
    if length < (block / 8).saturating_mul(7) {
        let payload = Bytes::copy_from_slice(input.get(payload_start..length).unwrap_or(&[]));
        input.advance(length);
        return payload;
    }
    let mut frame = input.split_to(length).freeze();
    frame.advance(payload_start);
    frame
}

/// The code of an rst whose payload is no exception.
const UNREADABLE_RST: i32 = 13;
