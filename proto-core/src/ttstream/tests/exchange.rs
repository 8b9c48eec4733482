//! Our client and our server over long random exchanges: nothing is lost, nothing is held, no credit leaks.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::duo::{Duo, Random};
use super::rig::{request, windows};
use crate::config::Switch;
use crate::exception::{ApplicationException, ExceptionType};
use crate::ttstream::*;

const STREAM_WINDOW: u64 = 4096;
const CONNECTION_WINDOW: u64 = 10_000;
const LONGEST: usize = 6000;

/// One side of a stream, as its application sees it.
#[derive(Default)]
struct Talk {
    sent: u32,
    got: u32,
    finished: bool,
}

type Talks = BTreeMap<StreamId, Talk>;

struct Exchange {
    duo: Duo,
    random: Random,
    client: Talks,
    server: Talks,
    delivered: usize,
    blocked: usize,
}

impl Exchange {
    fn new(seed: u64, flow_control: Switch) -> Self {
        let mut config = Config {
            flow_control,
            ..Config::default()
        };
        windows(&mut config, CONNECTION_WINDOW, STREAM_WINDOW);
        Self {
            duo: Duo::new(config.clone(), config),
            random: Random(seed),
            client: Talks::new(),
            server: Talks::new(),
            delivered: 0,
            blocked: 0,
        }
    }

    fn step(&mut self) {
        match self.random.below(40) {
            0..=9 => self.send(true),
            10..=19 => self.send(false),
            20..=25 => self.pull(true),
            26..=31 => self.pull(false),
            32..=33 if self.client.len() < 8 => {
                let id = self.duo.client.open(self.duo.now, &request("bidi")).unwrap();
                self.client.insert(id, Talk::default());
            }
            34 => self.half_close(),
            35 => self.end(),
            _ => {
                let piece = [1, 30, 700, 5000, 100_000][self.random.below(5)];
                self.duo.carry(piece);
                self.listen();
            }
        }
        for connection in [&self.duo.client, &self.duo.server] {
            assert_eq!(connection.close_reason(), None);
            // A window of messages, one that went beyond it, what waits to be sent, and the frame that is coming in.
            let most = CONNECTION_WINDOW + 2 * LONGEST as u64 + 256 * 1024 + 200_000;
            assert!((connection.usage() as u64) < most, "{} bytes", connection.usage());
        }
    }

    fn pick(&mut self, client: bool) -> Option<StreamId> {
        let talks = if client { &self.client } else { &self.server };
        let at = self.random.below(talks.len().max(1));
        talks.keys().nth(at).copied()
    }

    fn side(&mut self, client: bool) -> (&mut Connection, &mut Talks) {
        match client {
            true => (&mut self.duo.client, &mut self.client),
            false => (&mut self.duo.server, &mut self.server),
        }
    }

    fn send(&mut self, client: bool) {
        let Some(id) = self.pick(client) else { return };
        let length = self.random.below(LONGEST) / (1 + 9 * self.random.below(3));
        let (connection, talks) = self.side(client);
        let talk = talks.get_mut(&id).unwrap();
        let mut message = talk.sent.to_be_bytes().to_vec();
        message.resize(4 + length, talk.sent.to_be_bytes()[3]);
        match connection.sender(id).unwrap().send(&Bytes::from(message)) {
            Ok(()) => talk.sent += 1,
            Err(SendError::Full) => self.blocked += 1,
            Err(SendError::Finished) => assert!(talk.finished),
            Err(SendError::Over) => assert!(connection.is_over(id)),
            Err(error) => panic!("{error}"),
        }
    }

    fn pull(&mut self, client: bool) {
        let Some(id) = self.pick(client) else { return };
        let times = 1 + self.random.below(6);
        for _ in 0..times {
            if !self.pull_one(client, id) {
                return;
            }
        }
    }

    /// Whether there may be more.
    fn pull_one(&mut self, client: bool, id: StreamId) -> bool {
        let (connection, talks) = self.side(client);
        let pulled = match connection.receiver(id).unwrap().pull() {
            Pull::Message(message) => {
                let talk = talks.get_mut(&id).unwrap();
                let (number, rest) = message.bytes().split_first_chunk().unwrap();
                assert_eq!(u32::from_be_bytes(*number), talk.got, "in order");
                assert!(rest.iter().all(|byte| *byte == number[3]), "unharmed");
                talk.got += 1;
                true
            }
            Pull::Empty | Pull::Failed | Pull::End => false,
        };
        self.delivered += usize::from(pulled);
        pulled
    }

    fn half_close(&mut self) {
        let Some(id) = self.pick(true) else { return };
        self.client.get_mut(&id).unwrap().finished = true;
        let _ = self.duo.client.sender(id).unwrap().finish();
    }

    /// Ends a stream in one of the ways there are, whatever waits on it.
    fn end(&mut self) {
        match self.random.below(5) {
            0 => {
                let Some(id) = self.pick(true) else { return };
                self.duo.client.cancel(id, &Exception::canceled_by_user());
                self.client.remove(&id);
                self.duo.client.release(id);
            }
            1 => {
                let Some(id) = self.pick(true) else { return };
                self.client.remove(&id);
                self.duo.client.release(id);
            }
            how => {
                let Some(id) = self.pick(false) else { return };
                let exception = ApplicationException::new(ExceptionType(6), "x");
                let ending = if how == 2 {
                    Ending::Exception(exception)
                } else {
                    Ending::Ok
                };
                self.server.remove(&id);
                self.duo.server.finish(id, &ending, &Strings::new());
            }
        }
    }

    fn listen(&mut self) {
        while let Some(event) = self.duo.server.poll_event() {
            match event {
                Event::Opened { id } => {
                    self.server.insert(id, Talk::default());
                }
                Event::Ended { id } => {
                    self.server.remove(&id);
                    self.duo.server.release(id);
                }
                Event::Readable { .. } | Event::Writable { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        while let Some(event) = self.duo.client.poll_event() {
            // One that was released before the event was fetched is nobody's.
            if let Event::Ended { id } = event
                && self.client.contains_key(&id)
            {
                while self.pull_one(true, id) {}
                let ended = self.duo.client.outcome(id).is_some();
                assert!(ended && self.client.remove(&id).is_some());
                self.duo.client.release(id);
            }
        }
    }

    /// Everything comes to its end.
    fn end_all(&mut self) {
        for (id, talk) in &mut self.client {
            talk.finished = true;
            let _ = self.duo.client.sender(*id).unwrap().finish();
        }
        for _ in 0..1000 {
            self.duo.settle();
            self.listen();
            let ids: Vec<_> = self.server.keys().copied().collect();
            for id in ids {
                while self.pull_one(false, id) {}
                if matches!(self.duo.server.receiver(id).unwrap().pull(), Pull::End) {
                    self.server.remove(&id);
                    self.duo.server.finish(id, &Ending::Ok, &Strings::new());
                }
            }
            let ids: Vec<_> = self.client.keys().copied().collect();
            for id in ids {
                while self.pull_one(true, id) {}
            }
            if self.client.is_empty() && self.server.is_empty() {
                break;
            }
        }
        assert!(self.client.is_empty() && self.server.is_empty(), "every stream ends");
        self.duo.settle();
        for connection in [&self.duo.client, &self.duo.server] {
            assert_eq!((connection.open_streams(), connection.usage()), (0, 0));
        }
    }

    /// What a sender may still send, in charge, when nothing is queued anywhere.
    fn credit(&mut self, client: bool) -> u64 {
        let mut credit = 0;
        let mut ids = Vec::new();
        while credit < 2 * CONNECTION_WINDOW {
            let id = self.duo.client.open(self.duo.now, &request("bidi")).unwrap();
            ids.push(id);
            self.duo.settle();
            let sender = if client {
                &mut self.duo.client
            } else {
                &mut self.duo.server
            };
            let mut sent = 0;
            while sender.sender(id).unwrap().send(&Bytes::from_static(&[0; 50])).is_ok() {
                sent += 50 + 64;
            }
            if sent == 0 {
                break;
            }
            credit += sent;
            self.duo.settle();
        }
        for id in ids {
            self.duo.client.release(id);
        }
        self.duo.settle();
        self.server.clear();
        while let Some(event) = self.duo.server.poll_event() {
            if let Event::Ended { id } = event {
                self.duo.server.release(id);
            }
        }
        self.duo.settle();
        while self.duo.client.poll_event().is_some() {}
        credit
    }
}

#[test]
fn thousands_of_random_exchanges_lose_no_credit() {
    for seed in 0..4 {
        let mut exchange = Exchange::new(seed, Switch::On);
        exchange.duo.settle();
        for _ in 0..4 {
            for _ in 0..6_000 {
                exchange.step();
            }
            exchange.end_all();
            for client in [true, false] {
                let credit = exchange.credit(client);
                // Half a window can be on its way back, and one message goes beyond.
                assert!(credit >= CONNECTION_WINDOW / 2, "seed {seed}: {credit} left");
                assert!(credit <= CONNECTION_WINDOW + 200, "seed {seed}: {credit} is too much");
            }
        }
        assert!(
            exchange.delivered > 1_000,
            "seed {seed}: {} messages",
            exchange.delivered
        );
        assert!(
            exchange.blocked > 100,
            "seed {seed}: the windows were felt {} times",
            exchange.blocked
        );
    }
}

#[test]
fn random_exchanges_without_flow_control() {
    for seed in 100..102 {
        let mut exchange = Exchange::new(seed, Switch::Off);
        for _ in 0..4 {
            for _ in 0..6_000 {
                exchange.step();
            }
            exchange.end_all();
        }
        assert!(exchange.delivered > 1_000);
    }
}

/// F7: messages beyond every window go through as long as their readers read.
#[test]
fn messages_larger_than_every_window_go_both_ways() {
    let mut config = Config::default();
    windows(&mut config, 1000, 100);
    let mut duo = Duo::new(config.clone(), config);
    let ids = [(); 3].map(|()| duo.client.open(duo.now, &request("bidi")).unwrap());
    duo.settle();
    let message = Bytes::from(vec![7; 300_000]);
    let mut got = [0; 2];
    let mut sent = [[0; 3]; 2];
    for _ in 0..10_000 {
        for (at, id) in ids.iter().enumerate() {
            for (side, connection) in [&mut duo.client, &mut duo.server].into_iter().enumerate() {
                if sent[side][at] < 5 && connection.sender(*id).unwrap().send(&message).is_ok() {
                    sent[side][at] += 1;
                }
                while let Pull::Message(message) = connection.receiver(*id).unwrap().pull() {
                    assert_eq!(message.bytes().len(), 300_000);
                    got[side] += 1;
                }
            }
        }
        duo.carry(usize::MAX);
        if got == [15, 15] {
            return;
        }
    }
    panic!("stuck at {got:?}");
}

/// F12: sixteen streams that nobody reads use the connection's window up. The seventeenth waits, and goes on when one is
/// read.
#[test]
fn sixteen_stalled_streams_are_the_limit() {
    for client in [true, false] {
        let mut duo = Duo::new(Config::default(), Config::default());
        let ids = [(); 17].map(|()| duo.client.open(duo.now, &request("bidi")).unwrap());
        duo.settle();
        let message = Bytes::from(vec![1; 60_000]);
        let mut sent = [0_u64; 17];
        for (at, id) in ids.iter().enumerate() {
            for _ in 0..60 {
                let sender = if client { &mut duo.client } else { &mut duo.server };
                sent[at] += u64::from(sender.sender(*id).unwrap().send(&message).is_ok()) * 60_064;
                duo.settle();
            }
        }
        let window = Config::default().stream_window;
        assert!(
            sent[..15].iter().all(|sent| (window..window + 60_064).contains(sent)),
            "{sent:?}"
        );
        assert_eq!(sent[16], 0, "the connection's window is used up");
        let (sender, receiver) = match client {
            true => (&mut duo.client, &mut duo.server),
            false => (&mut duo.server, &mut duo.client),
        };
        assert!(receiver.usage() as u64 <= Config::default().connection_window + 60_064);
        assert!(sender.usage() < 5000, "{}", sender.usage());
        while sender.poll_event().is_some() {}
        // Two make half of it free between them, at eight streams; nothing less is granted.
        for id in &ids[..9] {
            while let Pull::Message(_) = receiver.receiver(*id).unwrap().pull() {}
        }
        duo.settle();
        let sender = if client { &mut duo.client } else { &mut duo.server };
        let woken: Vec<_> = std::iter::from_fn(|| sender.poll_event()).collect();
        assert!(woken.contains(&Event::Writable { id: ids[16] }), "{woken:?}");
        sender.sender(ids[16]).unwrap().send(&message).unwrap();
    }
}

/// TFC-12: streams that nobody reads do not stop those that are read, however much of the window they hold.
#[test]
fn stalled_streams_do_not_stop_the_others() {
    for stalled in [9, 15] {
        let mut duo = Duo::new(Config::default(), Config::default());
        let ids: Vec<_> = (0..=stalled)
            .map(|_| duo.client.open(duo.now, &request("bidi")).unwrap())
            .collect();
        let message = Bytes::from(vec![1; 30_000]);
        for id in &ids[1..] {
            while duo.client.sender(*id).unwrap().send(&message).is_ok() {
                duo.settle();
            }
        }
        let mut got = 0;
        for _ in 0..20_000 {
            let _ = duo.client.sender(ids[0]).unwrap().send(&message);
            duo.settle();
            while let Pull::Message(_) = duo.server.receiver(ids[0]).unwrap().pull() {
                got += 1;
            }
            duo.settle();
            if got == 800 {
                break;
            }
        }
        assert_eq!(got, 800, "{stalled} stalled");
    }
}

/// F5: what was sent before the answer came is more than the window allows, and no violation.
#[test]
fn the_answer_and_the_first_messages_cross() {
    let mut client = Config::default();
    windows(&mut client, 1 << 20, 1 << 20);
    let mut server = Config::default();
    windows(&mut server, 5000, 1000);
    for piece in [100, 1000, 50_000, usize::MAX] {
        let mut duo = Duo::new(client.clone(), server.clone());
        let id = duo.client.open(duo.now, &request("bidi")).unwrap();
        let message = Bytes::from_static(&[5; 900]);
        let mut sent = 0;
        let mut got = 0;
        for round in 0..20_000 {
            while sent < 500 && duo.client.sender(id).unwrap().send(&message).is_ok() {
                sent += 1;
            }
            duo.carry(piece);
            // The reader comes late.
            if round > 50
                && let Ok(receiver) = duo.server.receiver(id)
                && let Pull::Message(_) = receiver.pull()
            {
                got += 1;
            }
            if got == 500 {
                break;
            }
        }
        assert_eq!((sent, got), (500, 500), "{piece}");
        assert!(!duo.client.is_over(id) && duo.server.close_reason().is_none());
    }
}

/// TFC-10: where all send as much as they may, none is left out, and none gets much more than another.
#[test]
fn streams_that_wait_take_turns() {
    let mut config = Config::default();
    windows(&mut config, 64 * 1024, 16 * 1024);
    for (limit, send_buffer) in [("credit", 1 << 20), ("buffer", 10_000)] {
        let sender = Config {
            send_buffer,
            ..config.clone()
        };
        let mut duo = Duo::new(sender, config.clone());
        duo.settle();
        let ids: Vec<_> = (0..20)
            .map(|_| duo.client.open(duo.now, &request("bidi")).unwrap())
            .collect();
        let message = Bytes::from_static(&[1; 3000]);
        let mut sent = BTreeMap::new();
        let mut ready: Vec<_> = ids.clone();
        for _ in 0..300 {
            for id in ready.drain(..) {
                while duo.client.sender(id).unwrap().send(&message).is_ok() {
                    *sent.entry(id).or_insert(0) += 1;
                }
            }
            duo.carry(usize::MAX);
            while let Some(event) = duo.client.poll_event() {
                if let Event::Writable { id } = event {
                    ready.push(id);
                }
            }
            for id in &ids {
                while let Ok(Pull::Message(_)) = duo.server.receiver(*id).map(Receiver::pull) {}
            }
        }
        let (least, most) = (sent.values().min().unwrap(), sent.values().max().unwrap());
        assert!(
            sent.len() == ids.len() && *least > 15 && *most <= 2 * *least,
            "{limit}: {sent:?}"
        );
    }
}
