//! The good order in which everything ends.

use std::time::Duration;

use kitewire_proto::connection::Outcome;
use kitewire_proto::{CallId, Shutdown};

use super::World;

impl World {
    /// Ends everything in good order: nothing is left.
    pub(super) fn finish(&mut self) {
        for _ in 0..2000 {
            let calls: Vec<_> = self.calls.keys().copied().collect();
            calls.into_iter().for_each(|id| self.hurry_client(id));
            let served: Vec<_> = self.served.keys().copied().collect();
            served.into_iter().for_each(|id| self.hurry_server(id));
            self.turn();
            let is_done = self.calls.is_empty() && self.served.is_empty();
            if is_done && self.client.open_calls() == 0 && self.server.open_calls() == 0 {
                break;
            }
        }
        assert!(self.calls.is_empty(), "{:?} never end", self.calls);
        assert!(self.served.is_empty(), "{:?} never end", self.served);
        self.check_idle();
        let until = self.now + Duration::from_secs(1);
        self.server.shutdown(self.now, Shutdown::Graceful { until });
        for _ in 0..20 {
            self.turn();
            if let Some(due) = self.server.poll_timeout().filter(|_| !self.server.is_drained()) {
                self.now = self.now.max(due.at.min(until));
                self.time_out();
            }
        }
        assert!(self.server_closed, "{:?} never ends", self.server);
    }

    /// Neither side holds anything for calls that are over.
    fn check_idle(&mut self) {
        (0..10).for_each(|_| self.turn());
        for connection in [&mut self.client, &mut self.server] {
            connection.release_memory();
            assert_eq!((connection.usage(), connection.open_calls()), (0, 0), "{connection:?}");
        }
    }

    fn hurry_client(&mut self, id: CallId) {
        if self.calls[&id].up.sent.is_empty() {
            self.send_up(id, 1);
        }
        self.close_up(id);
        while self.read_down(id) {}
        let call = &self.calls[&id];
        // A oneway call is over before anybody has it.
        let is_heard = call.served || !call.kind.has_single_request();
        if call.ended && is_heard {
            // An only answer is nothing without the end that goes with it.
            let has_end = !call.kind.has_single_answer() || self.client.outcome(id) == Some(Outcome::Ok);
            assert!(call.is_answered() || !has_end, "messages are lost: {call:?}");
            self.give_up(id);
        }
    }

    fn hurry_server(&mut self, id: CallId) {
        while self.read_up(id) {}
        self.end(id, 4);
    }

    fn turn(&mut self) {
        self.carry();
        self.events();
        self.check();
    }
}
