//! Responses, of handlers and of the connection itself.

use std::io::Write;

use bytes::Bytes;

use super::parse::{Persistence, Version};
use super::scan::Scan;
use super::{Connection, Phase};
use crate::error::CloseReason;
use crate::http::{Content, Plan, Refusal, RequestId, RespondError, Response, ServerEvent, reason_phrase};
use crate::record::Recorded;
use crate::time::Instant;

impl Connection {
    /// Answers the open request. An error changes nothing.
    pub fn respond(&mut self, now: Instant, id: RequestId, response: &Response) -> Result<(), RespondError> {
        if self.recorder.is_some() {
            return self.record_respond_http(now, id, response, Self::respond);
        }
        if !self.is_open(id) {
            return Err(RespondError::UnknownRequest);
        }
        let plan = response.plan(self.head.method())?;
        let close = self.reason_to_close();
        self.write(response, plan, close.is_some());
        self.phase = Phase::Head(Scan::default());
        self.head.clear();
        self.body = Bytes::new();
        self.times.active = now;
        self.life.cancelled = false;
        if let Some(reason) = close {
            self.close(reason);
        }
        Ok(())
    }

    /// Answers a request that reaches no handler, and ends the connection.
    #[cold]
    pub(super) fn refuse(&mut self, refusal: Refusal, method: &[u8], reason: CloseReason) {
        let Refusal { status, why } = refusal;
        self.events.push_back(ServerEvent::Refused { status, why });
        let response = Response::refusal(status, why);
        if let Ok(plan) = response.plan(method) {
            self.write(&response, plan, true);
        }
        self.close(reason);
    }

    /// The method of a request that is refused, as far as it changes the answer.
    pub(super) fn method_of_refused(&self, input: &[u8]) -> &'static [u8] {
        let is_head = match self.phase {
            Phase::Head(_) => input.starts_with(b"HEAD "),
            Phase::Length(_) | Phase::Chunked(_) | Phase::Open => self.head.method() == b"HEAD",
        };
        if is_head { b"HEAD" } else { b"" }
    }

    /// Why the response about to be sent is the last one (RFC 9112 §9.6), if it is.
    fn reason_to_close(&self) -> Option<CloseReason> {
        if self.life.draining {
            Some(CloseReason::Shutdown)
        } else if self.persistence == Persistence::Close {
            Some(CloseReason::PeerDrained)
        } else if self.life.read_ended && self.input_len == 0 {
            Some(CloseReason::PeerClosed)
        } else {
            None
        }
    }

    fn write(&mut self, response: &Response, plan: Plan, closing: bool) {
        let status = response.status;
        // RFC 9110 §2.5: the server's own version, whatever the client's minor version is.
        write_line(
            self.output.arena(),
            format_args!("HTTP/1.1 {status} {}", reason_phrase(status)),
        );
        for field in &response.fields {
            if field.kind != crate::http::FieldKind::ContentLength {
                for part in [field.name, b": ", field.value, b"\r\n"] {
                    self.output.put(part);
                }
            }
        }
        if let Some(length) = plan.content_length {
            write_line(self.output.arena(), format_args!("content-length: {length}"));
        }
        if closing {
            self.output.put(b"connection: close\r\n");
        } else if self.version == Version::Http10 {
            // RFC 9112 §9.3: the client asked for it.
            self.output.put(b"connection: keep-alive\r\n");
        }
        self.output.put(b"\r\n");
        if plan.content == Content::Sent {
            self.output.put_shared(&response.body);
        }
    }
}

fn write_line(out: &mut Vec<u8>, line: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(line);
    out.extend_from_slice(b"\r\n");
}
