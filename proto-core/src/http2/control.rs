//! SETTINGS, PING, GOAWAY, WINDOW_UPDATE and RST_STREAM in.

use super::budget::Abuse;
use super::event::{Event, Initiator, Outcome};
use super::receive::Stray;
use super::window::Overflow;
use super::{Connection, Role};
use crate::planted::{Bug, planted};
use crate::stream::lifecycle::{self, Arrival, Receiving, Sending, Verdict};
use crate::time::Instant;
use crate::wire::http2::{ErrorCode, Flags, Setting, Settings, StreamId};

impl Connection {
    pub(super) fn on_settings(&mut self, now: Instant, settings: Settings<'_>) {
        self.life.settings_missing = false;
        self.charge(now, Abuse::Settings);
        let mut initial_window = self.peer.initial_window;
        let mut max_streams = None;
        for setting in settings {
            let setting = match setting {
                Ok(setting) => setting,
                Err(error) => return self.fail(error.code(), error.text()),
            };
            match setting {
                Setting::HeaderTableSize(size) => self.encoder.set_peer_max_table_size(size),
                Setting::EnablePush(1) if self.role == Role::Client => {
                    return self.fail(ErrorCode::PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH of a server is 1");
                }
                Setting::MaxConcurrentStreams(max) => max_streams = Some(max),
                // Only the last value counts, so that one frame shifts the windows once.
                Setting::InitialWindowSize(size) => initial_window = size,
                Setting::MaxHeaderListSize(size) => self.peer.max_header_list = size,
                _ => {}
            }
        }
        if self.is_closed() {
            return;
        }
        if self.shift_windows(initial_window) == Err(Overflow) {
            return self.fail(
                ErrorCode::FLOW_CONTROL_ERROR,
                "SETTINGS_INITIAL_WINDOW_SIZE overflows a window",
            );
        }
        self.peer.initial_window = initial_window;
        // A server that does not name a limit in its first SETTINGS has none.
        if !std::mem::replace(&mut self.life.settings_seen, true) {
            self.peer.max_streams = max_streams.unwrap_or(u32::MAX);
        } else if let Some(max) = max_streams {
            self.peer.max_streams = max;
        }
        self.writer().settings_ack();
        self.tell_available();
    }

    /// RFC 9113 §6.9.2: a new initial size moves the windows of all open streams.
    fn shift_windows(&mut self, initial_window: u32) -> Result<(), Overflow> {
        let delta = i64::from(initial_window).saturating_sub(i64::from(self.peer.initial_window));
        if delta == 0 {
            return Ok(());
        }
        for (key, stream) in self.streams.iter_mut() {
            stream.send_window.shift(delta)?;
            let waits = delta > 0 && stream.has_queued_data() && !stream.queued;
            if waits && !(stream.sending == Sending::Ended && planted(Bug::FinishedForgotten)) {
                stream.queued = true;
                self.ready.push_back((stream.id, key));
            }
        }
        Ok(())
    }

    pub(super) fn on_settings_ack(&mut self, now: Instant) {
        if self.life.settings_acknowledged {
            return self.charge(now, Abuse::Settings);
        }
        self.life.settings_acknowledged = true;
        self.times.settings = None;
        self.decoder.set_max_table_size(self.config.header_table_size);
    }

    pub(super) fn on_ping(&mut self, now: Instant, payload: [u8; 8]) {
        self.charge(now, Abuse::Pings);
        if !self.is_closed() {
            self.writer().ping(Flags::ACK, payload);
        }
    }

    pub(super) fn on_ping_ack(&mut self, now: Instant, payload: [u8; 8]) {
        if self.life.own_ping == Some(payload) {
            self.life.own_ping = None;
            return self.events.push_back(Event::Pong { payload });
        }
        if !self.on_drain_ping_ack(payload) && !std::mem::take(&mut self.life.keep_alive_unanswered) {
            self.charge(now, Abuse::Ignored);
        }
    }

    pub(super) fn on_window_update(&mut self, now: Instant, id: StreamId, increment: u32) {
        self.charge(now, Abuse::WindowUpdates);
        if self.is_closed() {
            return;
        }
        if id.is_connection() {
            return match increment {
                0 => self.fail(ErrorCode::PROTOCOL_ERROR, ZERO_INCREMENT),
                _ if self.send_window.open(increment) == Err(Overflow) => {
                    self.fail(ErrorCode::FLOW_CONTROL_ERROR, "the connection's window is above 2^31-1");
                }
                _ => {}
            };
        }
        let Some(key) = self.streams.find(id) else {
            return self.on_missing_stream(now, id, Stray::Other);
        };
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if stream.sending == Sending::Over {
            return;
        }
        if increment == 0 {
            return self.break_stream(now, key, ErrorCode::PROTOCOL_ERROR, ZERO_INCREMENT);
        }
        if stream.send_window.open(increment) == Err(Overflow) {
            return self.break_stream(
                now,
                key,
                ErrorCode::FLOW_CONTROL_ERROR,
                "a stream's window is above 2^31-1",
            );
        }
        if stream.has_queued_data() && !stream.queued {
            stream.queued = true;
            self.ready.push_back((id, key));
        }
    }

    pub(super) fn on_reset(&mut self, now: Instant, id: StreamId, code: ErrorCode) {
        let Some(key) = self.streams.find(id) else {
            return self.on_missing_stream(now, id, Stray::Other);
        };
        let role = self.role;
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let rule = lifecycle::receiving(stream.receiving, Arrival::Reset);
        if rule.http2 != Verdict::Taken || stream.ended {
            return self.charge(now, Abuse::Ignored);
        }
        let outcome = match stream.receiving {
            Receiving::Head if code == ErrorCode::REFUSED_STREAM => Outcome::Refused,
            // RFC 9113 §8.1: after a whole response, the server only needs no more of the request.
            Receiving::Ended if role == Role::Client && code == ErrorCode::NO_ERROR => Outcome::Complete,
            _ => Outcome::Reset {
                code,
                by: Initiator::Peer,
            },
        };
        stream.receiving = match outcome {
            Outcome::Complete => Receiving::Ended,
            _ => rule.next,
        };
        stream.charged = role == Role::Server;
        self.give_up_sending(key);
        self.tell_end(key, outcome);
        if role == Role::Server {
            self.charge(now, Abuse::Resets);
        }
        self.remove_if_done(key);
    }

    pub(super) fn on_go_away(&mut self, last: StreamId, code: ErrorCode, debug: &[u8]) {
        if self.life.peer_last.is_some_and(|before| last > before) {
            return self.fail(
                ErrorCode::PROTOCOL_ERROR,
                "GOAWAY with a greater last stream than before",
            );
        }
        self.life.peer_last = Some(last);
        if code != ErrorCode::NO_ERROR {
            let text = String::from_utf8_lossy(debug.get(..MAX_DEBUG).unwrap_or(debug)).into_owned();
            self.life.peer_error = Some((code, text.into_boxed_str()));
        }
        self.events.push_back(Event::Draining { last });
        if self.role == Role::Client {
            for key in self.streams.keys() {
                let beyond = self
                    .streams
                    .get(key)
                    .filter(|stream| !stream.ended)
                    .is_some_and(|stream| {
                        stream.id > last || stream.id == last && stream.has_queued_data() && planted(Bug::LastRefused)
                    });
                if beyond {
                    if let Some(stream) = self.streams.get_mut(key) {
                        stream.receiving = Receiving::ResetThere;
                    }
                    self.give_up_sending(key);
                    self.tell_end(key, Outcome::Refused);
                    self.remove_if_done(key);
                }
            }
        }
    }
}

/// Bytes of a peer's GOAWAY text that are kept.
const MAX_DEBUG: usize = 256;
const ZERO_INCREMENT: &str = "WINDOW_UPDATE by 0";
