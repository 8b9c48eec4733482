//! Peers and applications that do anything at any time, in any order: what is told and what is sent keeps its rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::duo::Random;
use super::frames::{FC_ACK, FC_LIMIT, FC_SETTINGS, Frame, exception};
use super::rig::{Side, request, strings};
use crate::config::Switch;
use crate::error::Disconnect;
use crate::exception::{ApplicationException, ExceptionType};
use crate::http2::Role;
use crate::pingpong::{Demand, Shutdown};
use crate::status::BusinessStatus;
use crate::ttstream::*;

const MOST_STREAMS: u32 = 12;

/// What was told of a stream that is not released, and sent on it.
#[derive(Debug, Default)]
struct Seen {
    ended: bool,
    header: bool,
    trailer: bool,
    reset: bool,
    /// An rst of the peer was fed.
    given_up: bool,
}

struct Chaos {
    side: Side,
    random: Random,
    /// Streams that the application has.
    live: BTreeMap<i32, Seen>,
    /// The rules of what is sent outlive a stream.
    wire: BTreeMap<i32, Seen>,
    /// Ids that were used twice: what is sent with them cannot be told apart.
    again: BTreeSet<i32>,
    closed: bool,
    log: Vec<String>,
}

impl Chaos {
    fn new(role: Role, seed: u64) -> Self {
        let mut random = Random(seed);
        let stall = [None, Some(Stall::Pause), Some(Stall::Reset)][random.below(3)];
        let exclusive = [Switch::Off, Switch::On][random.below(2)];
        let change = |config: &mut Config| {
            config.max_streams = MOST_STREAMS;
            config.stream_window = 3000;
            config.connection_window = 10_000;
            config.connection_memory = 30_000;
            config.stream_queue = 8000;
            config.send_buffer = 10_000;
            config.max_message = 50_000;
            config.stall = stall;
            config.exclusive = exclusive;
            config.meta_frames = Switch::On;
        };
        Self {
            side: match role {
                Role::Client => Side::client(change),
                Role::Server => Side::server(change),
            },
            random,
            live: BTreeMap::new(),
            wire: BTreeMap::new(),
            again: BTreeSet::new(),
            closed: false,
            log: Vec::new(),
        }
    }

    fn run(&mut self) {
        if self.random.below(2) == 0 {
            self.feed(&Frame::settings("1,5000,2000"));
            self.check();
        }
        for _ in 0..400 {
            self.step();
            self.check();
            if self.closed {
                break;
            }
        }
        self.side
            .connection
            .handle_disconnect(self.side.now, Disconnect::ReadFailed);
        self.check();
        assert!(self.closed && self.side.connection.is_drained());
        for id in std::mem::take(&mut self.live).into_keys() {
            assert!(self.side.connection.is_over(StreamId::new(id)));
            self.side.connection.release(StreamId::new(id));
        }
        assert_eq!(self.side.connection.open_streams(), 0);
        // The message that went beyond a limit is still counted.
        assert!(self.side.connection.usage() <= self.side.left() + 9_100);
        assert_eq!(self.side.connection.poll_timeout(), None);
    }

    fn step(&mut self) {
        let client = self.side.connection.role() == Role::Client;
        match self.random.below(30) {
            0..=13 => {
                let frame = self.frame();
                self.feed(&frame);
            }
            14..=15 if client => {
                let method = ["bidi", "up", "down"][self.random.below(3)];
                if let Ok(id) = self.side.connection.open(self.side.now, &request(method)) {
                    assert!(self.live.insert(id.get(), Seen::default()).is_none());
                }
            }
            14..=20 => self.send(),
            21..=24 => self.pull(),
            25 => self.end(),
            26 => {
                let millis = [0, 1, 100, 2000][self.random.below(4)];
                self.side.wait(Duration::from_millis(millis));
            }
            27 if self.random.below(20) == 0 => {
                let until = self.side.now + Duration::from_secs(1);
                self.side
                    .connection
                    .shutdown(self.side.now, Shutdown::Graceful { until });
            }
            28 if self.random.below(20) == 0 => self.side.feed_bytes(b"\0\0\0\x0a\x10\x00 nonsense"),
            _ => self.transmit(),
        }
        self.side.go_on();
    }

    fn pick(&mut self) -> Option<StreamId> {
        let at = self.random.below(self.live.len().max(1));
        self.live.keys().nth(at).map(|id| StreamId::new(*id))
    }

    /// Any frame, more often than not for a stream that may be there.
    fn frame(&mut self) -> Frame {
        let newest = self.live.keys().next_back().copied().unwrap_or(1);
        let id = match self.random.below(8) {
            0 => [0, -1, i32::MIN, i32::MAX][self.random.below(4)],
            1..=3 => newest,
            _ => newest
                .saturating_sub(5)
                .saturating_add(i32::try_from(self.random.below(8)).unwrap()),
        };
        let kind = ["1", "2", "2", "3", "3", "3", "3", "3", "4", "5"][self.random.below(10)];
        let mut frame = Frame::of_type(id, kind);
        match kind {
            "1" => {
                let key = [FC_SETTINGS, FC_LIMIT, FC_ACK, 400][self.random.below(4)];
                let value = ["1", "3000", "1,4000,1500", "0,0,0", "x", "20000"][self.random.below(6)];
                frame = frame.int(key, value);
            }
            "2" => {
                let method = ["bidi", "bidi", "up", "down", "unary", "nothing"][self.random.below(6)];
                frame = frame.text("isn", "Stream").int(9, method);
            }
            "3" => frame = frame.body(vec![7; [0, 10, 300, 2000, 9000][self.random.below(5)]]),
            _ => {
                frame = match self.random.below(4) {
                    0 => frame.body("junk"),
                    1 => frame.body(exception(id, 3, 7, "text")),
                    2 => frame.text("biz-status", "404").text("ttscp", "A,B"),
                    _ => frame,
                };
            }
        }
        frame
    }

    fn feed(&mut self, frame: &Frame) {
        if self.side.connection.read_demand() != Demand::Read {
            return;
        }
        self.log.push(format!("feed {frame}"));
        if frame.kind() == "header" && self.wire.contains_key(&frame.id) {
            self.again.insert(frame.id);
        }
        self.wire.entry(frame.id).or_default();
        self.side.feed(std::slice::from_ref(frame));
        if frame.kind() == "rst"
            && self.side.left() == 0
            && let Some(seen) = self.wire.get_mut(&frame.id)
        {
            seen.given_up = true;
        }
    }

    fn send(&mut self) {
        let Some(id) = self.pick() else { return };
        let length = [0, 5, 500, 4000, 60_000][self.random.below(5)];
        let sent = self.side.send_long(id, length);
        self.log.push(format!("send {id} {length} {sent:?}"));
        if sent.is_ok() {
            assert!(!self.live[&id.get()].ended && length <= 50_000);
        }
        if self.random.below(6) == 0 {
            let mut sender = self.side.connection.sender(id).unwrap();
            let _ = sender.send_header(&strings(&[("k", "v")]));
            let _ = sender.finish();
        }
    }

    fn pull(&mut self) {
        let Some(id) = self.pick() else { return };
        for _ in 0..=self.random.below(5) {
            let ended = self.live[&id.get()].ended;
            let found = match self.side.connection.receiver(id).unwrap().pull() {
                Pull::Message(_) => continue,
                Pull::Empty => return assert!(!ended, "{id} has ended"),
                Pull::End => "end",
                Pull::Failed => "failure",
            };
            let expected = match self.side.connection.outcome(id) {
                None | Some(Outcome::Ok) => "end",
                Some(Outcome::Exception(_) | Outcome::Business(_)) => "failure",
            };
            return assert_eq!(found, expected);
        }
    }

    /// The application is done with a stream, one way or another.
    fn end(&mut self) {
        let Some(id) = self.pick() else { return };
        let how = self.random.below(6);
        self.log.push(format!("end {id} {how}"));
        let exception = ApplicationException::new(ExceptionType(6), "failed");
        let ending = match how {
            0 => return self.side.connection.cancel(id, &Exception::foreign("cancelled")),
            1 => Ending::Exception(exception),
            2 => Ending::Business(BusinessStatus::default()),
            _ => Ending::Ok,
        };
        self.live.remove(&id.get());
        match self.side.connection.role() {
            Role::Server if how < 5 => self.side.connection.finish(id, &ending, &strings(&[])),
            _ => self.side.connection.release(id),
        }
    }

    /// What was told and what is held keep their rules.
    fn check(&mut self) {
        while let Some(event) = self.side.connection.poll_event() {
            self.log.push(format!("{event:?}"));
            assert!(!self.closed, "an event behind the last: {}", self.story());
            match event {
                Event::Opened { id } => {
                    let before = self.live.insert(id.get(), Seen::default());
                    assert!(before.is_none(), "{id} is two streams: {}", self.story());
                }
                Event::Header { id } | Event::Readable { id } | Event::Writable { id } | Event::Meta { id, .. } => {
                    let seen = self.live.get(&id.get());
                    assert!(seen.is_some_and(|seen| !seen.ended), "{}", self.story());
                }
                Event::Ended { id } => {
                    let seen = self.live.get_mut(&id.get()).expect("it is there");
                    assert!(!std::mem::replace(&mut seen.ended, true), "{}", self.story());
                    assert!(self.side.connection.outcome(id).is_some());
                }
                // The handler of an earlier stream may still have to notice that it is over.
                Event::Refused { id, .. } => {
                    let live = self.live.get(&id.get());
                    assert!(live.is_none_or(|seen| seen.ended), "{}", self.story());
                }
                Event::Closed { .. } => self.closed = true,
                Event::Available | Event::Draining => {}
            }
        }
        let connection = &self.side.connection;
        // A client's streams that are over do not count.
        let over = match connection.role() {
            Role::Client => self.live.values().filter(|seen| seen.ended).count(),
            Role::Server => 0,
        };
        assert!(connection.open_streams() <= MOST_STREAMS as usize + over);
        // What it may hold of messages and headers, what waits to be sent, and a frame that is coming in.
        assert!(
            connection.usage() < 30_000 + 9_100 + 15_000 + 80_000,
            "{} bytes: {}",
            connection.usage(),
            self.story()
        );
        assert_eq!(connection.close_reason().is_some(), self.closed);
    }

    /// Frames of a stream come in their order, and none behind its end.
    fn transmit(&mut self) {
        let client = self.side.connection.role() == Role::Client;
        for frame in self.side.frames() {
            self.log.push(format!("sent {frame}"));
            let story = || self.log.join("\n");
            let seen = self.wire.entry(frame.id).or_default();
            if !client && self.again.contains(&frame.id) {
                continue;
            }
            match frame.kind() {
                "header" => {
                    let is_late = seen.trailer || seen.reset || seen.given_up && !client;
                    assert!(!seen.header && !is_late, "{}", story());
                    seen.header = true;
                }
                // Messages that waited when the peer gave the stream up may still come, without a header.
                "data" => {
                    let begun = seen.header || seen.given_up && !client;
                    assert!(begun && !seen.trailer && !seen.reset, "{}", story());
                }
                // Who was refused has no header.
                "trailer" if client => {
                    assert!(seen.header && !seen.trailer, "{}", story());
                    seen.trailer = true;
                }
                "trailer" => seen.trailer = true,
                "rst" => {
                    assert!(!seen.reset && (client || !seen.trailer), "{}", story());
                    seen.reset = true;
                }
                _ => {}
            }
        }
    }

    fn story(&self) -> String {
        self.log.join("\n")
    }
}

#[test]
fn servers_among_chaos() {
    for seed in 0..400 {
        Chaos::new(Role::Server, seed).run();
    }
}

#[test]
fn clients_among_chaos() {
    for seed in 0..400 {
        Chaos::new(Role::Client, seed).run();
    }
}
