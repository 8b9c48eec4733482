//! The good order in which everything ends.

use std::time::Duration;

use kitewire_proto::Shutdown;
use kitewire_proto::ttstream::{Outcome, StreamId};

use super::World;
use super::exchange::{Half, is_overflow};

impl World {
    /// Messages of other streams that nobody takes do not stop one that has its share of the window left.
    fn one_goes_on(&mut self) {
        let Some(window) = self.window else { return };
        let Some(id) = self.open(2) else { return };
        (0..5).for_each(|_| self.turn());
        let waits = |half: &Half| {
            half.sent[half.received..]
                .iter()
                .map(|message| message.len() as u64 + 64)
                .sum::<u64>()
        };
        let held: u64 = self.streams.values().map(|stream| waits(&stream.up)).sum();
        if held + window / 8 + 64 >= window || !self.streams[&id].served {
            return;
        }
        let mut got = 0;
        for _ in 0..100 {
            self.send_up_stream(id, 3);
            self.turn();
            got += usize::from(self.read_up_stream(id));
        }
        assert!(
            got > 30,
            "{got} messages go on beside {held} of {window}: {:?} {:?}",
            self.client,
            self.server
        );
    }

    /// Who has read everything leaves room for more.
    fn all_have_room(&mut self) {
        for _ in 0..20 {
            let ids: Vec<_> = self.streams.keys().copied().collect();
            for id in ids {
                let is_served = self.streams[&id].served && self.streams[&id].ending.is_none();
                while is_served && self.read_up_stream(id) || self.read_down_stream(id) {}
            }
            self.turn();
        }
        for (id, stream) in &self.streams {
            let sends = !stream.finished && stream.ending.is_none();
            let has_room = self.client.sender(*id).expect("not released").has_room();
            assert!(!sends || has_room, "{id} waits for ever: {stream:?} {:?}", self.client);
            if stream.served && stream.ending.is_none() {
                let has_room = self.server.sender(*id).expect("not released").has_room();
                assert!(has_room, "{id} waits for ever: {stream:?} {:?}", self.server);
            }
        }
    }

    /// Ends everything in good order: nothing is left.
    pub(super) fn finish(&mut self) {
        self.one_goes_on();
        if !self.is_tight {
            self.all_have_room();
        }
        for turn in 0..3000 {
            let ids: Vec<_> = self.streams.keys().copied().collect();
            for id in ids {
                self.hurry(id);
            }
            self.turn();
            if self.streams.is_empty() && self.orphans.is_empty() && turn > 10 {
                break;
            }
            // For a side that has paused.
            if turn % 100 == 99 {
                self.now += Duration::from_millis(2100);
                self.time_out();
            }
        }
        assert!(self.streams.is_empty(), "{:?} never end", self.streams);
        assert!(self.orphans.is_empty(), "{:?} are not told", self.orphans);
        self.credit_is_whole();
        (0..10).for_each(|_| self.turn());
        for connection in [&mut self.client, &mut self.server] {
            connection.release_memory();
            assert_eq!(
                (connection.usage(), connection.open_streams()),
                (0, 0),
                "{connection:?}"
            );
        }
        let until = self.now + Duration::from_secs(1);
        self.server.shutdown(self.now, Shutdown::Graceful { until });
        (0..10).for_each(|_| self.turn());
        assert!(self.closed, "{:?} never ends", self.server);
    }

    /// What went before takes nothing from what comes: a stream has all the windows again.
    fn credit_is_whole(&mut self) {
        let id = self.open(2).expect("there is room");
        (0..5).for_each(|_| self.turn());
        let (mut up, mut down) = (0, 0);
        for _ in 0..40 {
            up += usize::from(self.send_up_stream(id, 3));
            down += usize::from(self.send_down_stream(id, 3));
            self.turn();
            while self.read_up_stream(id) || self.read_down_stream(id) {}
            self.turn();
        }
        assert_eq!((up, down), (40, 40), "{:?} {:?}", self.client, self.server);
        for _ in 0..20 {
            if self.streams.is_empty() {
                return;
            }
            self.hurry(id);
            self.turn();
        }
        panic!("{id} never ends");
    }

    /// Does what a stream still needs on either side.
    fn hurry(&mut self, id: StreamId) {
        if self.streams[&id].up.sent.is_empty() {
            self.send_up_stream(id, 1);
        }
        self.half_close_stream(id);
        if self.streams[&id].served && self.streams[&id].ending.is_none() {
            while self.read_up_stream(id) {}
            self.send_down_stream(id, 1);
            self.end_stream(id, 2);
        }
        while self.read_down_stream(id) {}
        if self.streams[&id].ended {
            let stream = self.streams.remove(&id).expect("it is known");
            let outcome = self.client.outcome(id).expect("it has ended");
            // What had not ended well may have lost its messages without another word.
            let overflow = is_overflow(outcome, self.is_tight) || self.is_tight && *outcome != Outcome::Ok;
            let has_trailer = self
                .client
                .trailer(id)
                .is_some_and(|trailer| trailer.get("t").is_some());
            assert!(has_trailer && stream.header || overflow, "entries are lost");
            let is_whole = stream.down.received == stream.down.sent.len();
            assert!(is_whole || overflow, "messages are lost");
            self.client.release(id);
        }
    }
}
