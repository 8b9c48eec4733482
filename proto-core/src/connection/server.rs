//! What a server does with calls.

use super::ending::Empty;
use super::{Connection, Ending, Inner, Message, Pull, SendError};
use crate::dispatch::MethodKind;
use crate::exception::{ApplicationException, ExceptionType};
use crate::http::{self, Fields, RequestId, Response};
use crate::metainfo::MetaInfo;
use crate::pingpong::{self, CallId, EncodeBody, Reply, ReplyOutcome, RespondError, Target};
use crate::time::Instant;
use crate::wire::{Codec, MessageType};
use crate::{grpc, ttstream};

/// A call that came in: a view of its header.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a>(View<'a>);

#[derive(Clone, Copy, Debug)]
enum View<'a> {
    PingPong(pingpong::Incoming<'a>),
    Grpc(grpc::IncomingCall<'a>),
    TtHeader(ttstream::IncomingStream<'a>),
}

impl<'a> Incoming<'a> {
    /// Where it goes.
    #[must_use]
    pub const fn target(&self) -> Target {
        match &self.0 {
            View::PingPong(call) => call.target,
            View::Grpc(call) => call.target,
            View::TtHeader(stream) => stream.target,
        }
    }

    /// How its messages flow.
    #[must_use]
    pub const fn kind(&self) -> MethodKind {
        match &self.0 {
            View::PingPong(call) => match call.message_type() {
                MessageType::Oneway => MethodKind::Oneway,
                _ => MethodKind::Unary,
            },
            View::Grpc(call) => call.kind,
            View::TtHeader(stream) => stream.kind,
        }
    }

    /// How its messages are encoded.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        match &self.0 {
            View::PingPong(call) => call.codec(),
            View::Grpc(call) => call.codec,
            View::TtHeader(stream) => stream.codec,
        }
    }

    /// When the caller will have given up, where it tells and that counts.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        match &self.0 {
            View::PingPong(call) => call.deadline,
            View::Grpc(call) => call.deadline,
            View::TtHeader(_) => None,
        }
    }

    /// The service's name on the wire, empty where there is none.
    #[must_use]
    pub fn service_name(&self) -> &'a str {
        match &self.0 {
            View::PingPong(call) => call.service_name(),
            View::Grpc(call) => call.service_name(),
            View::TtHeader(stream) => stream.service_name(),
        }
    }

    /// The method's name on the wire.
    #[must_use]
    pub fn method_name(&self) -> &'a str {
        match &self.0 {
            View::PingPong(call) => call.method_name(),
            View::Grpc(call) => call.method_name(),
            View::TtHeader(stream) => stream.method_name(),
        }
    }

    /// The metainfo that came along.
    #[must_use]
    pub fn meta_info(&self) -> MetaInfo {
        match &self.0 {
            View::PingPong(call) => call.header().meta_info(),
            View::Grpc(call) => call.meta_info(),
            View::TtHeader(stream) => stream.meta_info(),
        }
    }
}

impl Connection {
    /// Server: a call's header. A ping-pong call has it until its message is pulled, any other until it is released.
    #[must_use]
    pub fn incoming(&self, id: CallId) -> Option<Incoming<'_>> {
        let view = match &self.inner {
            Inner::PingPong(connection) => View::PingPong(connection.request(id)?),
            Inner::Grpc(connection) => View::Grpc(connection.call(id.grpc())?),
            Inner::TtHeader(connection) => View::TtHeader(connection.stream(id.tt_header())?),
            Inner::PingPongClient(_) | Inner::Http1(_) => return None,
        };
        Some(Incoming(view))
    }

    /// Pulls the next message of a call, on either side.
    pub fn pull(&mut self, id: CallId) -> Pull {
        let max_depth = self.max_depth;
        match &mut self.inner {
            Inner::PingPong(connection) => match connection.request(id).map(|request| request.shared_body()) {
                Some(body) => {
                    connection.release_request(id);
                    Pull::Message(Message::new(body, max_depth))
                }
                None if connection.is_open(id) => Pull::End,
                None => Pull::Failed,
            },
            Inner::PingPongClient(client) => client.pull(id, max_depth),
            Inner::Grpc(connection) => match connection.receiver(id.grpc()) {
                Ok(receiver) => Pull::of_grpc(receiver.pull(), max_depth),
                Err(_) => Pull::Failed,
            },
            Inner::TtHeader(connection) => match connection.receiver(id.tt_header()) {
                Ok(receiver) => Pull::of_tt_header(receiver.pull(), max_depth),
                Err(_) => Pull::Failed,
            },
            Inner::Http1(_) => Pull::Failed,
        }
    }

    /// Sends a message of a call, on either side: an answer, a result, or one more of a stream.
    ///
    /// # Errors
    /// Why nothing was sent.
    pub fn send(&mut self, now: Instant, id: CallId, message: &dyn EncodeBody) -> Result<(), SendError> {
        match &mut self.inner {
            Inner::PingPong(connection) => {
                let reply = Reply::new(ReplyOutcome::Result(message));
                connection.respond(now, id, &reply).map_err(|error| match error {
                    RespondError::UnknownCall => SendError::Over,
                    RespondError::Encode(error) => SendError::Encode(error),
                })
            }
            Inner::Grpc(connection) => {
                let id = id.grpc();
                if connection.is_answered(id) {
                    return Err(SendError::Finished);
                }
                let mut sender = connection.sender(id).map_err(|_| SendError::Over)?;
                sender.send(message).map_err(SendError::of_grpc)
            }
            Inner::TtHeader(connection) => {
                let id = id.tt_header();
                if connection.is_answered(id) {
                    return Err(SendError::Finished);
                }
                let mut sender = connection.sender(id).map_err(|_| SendError::Over)?;
                sender.send(message).map_err(SendError::of_tt_header)
            }
            Inner::PingPongClient(_) | Inner::Http1(_) => Err(SendError::Over),
        }
    }

    /// Server: ends a call and releases it. A ping-pong call that was answered is over already, and stays so.
    ///
    /// Where [`Ending::Ok`] needs an empty answer and there is no room for it, the call fails and says so.
    pub fn finish(&mut self, now: Instant, id: CallId, ending: &Ending<'_>) {
        let full = Ending::Failed(NO_ROOM);
        let ending = match ending {
            Ending::Ok if self.answer_with_nothing(now, id) == Err(SendError::Full) => &full,
            ending => ending,
        };
        match &mut self.inner {
            Inner::PingPong(connection) => match ending {
                Ending::Undecodable(error) => connection.reject(now, id, error),
                _ => ending.reply(|reply| {
                    // What is over, or has no encoding, is settled.
                    let _ = connection.respond(now, id, reply);
                }),
            },
            Inner::Grpc(connection) => {
                let id = id.grpc();
                let Some(call) = connection.call(id) else { return };
                let status = ending.status(call.codec, || call.is_from_kitex());
                connection.finish(id, &status, &Fields::new());
            }
            Inner::TtHeader(connection) => {
                connection.finish(id.tt_header(), &ending.trailer(), &ttstream::Strings::new());
            }
            Inner::PingPongClient(_) | Inner::Http1(_) => {}
        }
    }

    /// Nobody looks at a call any more, on either side. One that is not over is given up: a client cancels it, a server
    /// resets it, or answers a ping-pong call with an exception.
    pub fn release(&mut self, now: Instant, id: CallId) {
        match &mut self.inner {
            Inner::PingPong(connection) => {
                let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, GIVEN_UP);
                let _ = connection.respond(now, id, &Reply::new(ReplyOutcome::Exception(&exception)));
            }
            Inner::PingPongClient(client) => client.release(id),
            Inner::Grpc(connection) => connection.release(id.grpc()),
            Inner::TtHeader(connection) => connection.release(id.tt_header()),
            Inner::Http1(_) => {}
        }
    }

    /// Server: a plain request that wants an answer, until it has one.
    #[must_use]
    pub fn http_request(&self, id: RequestId) -> Option<http::Request<'_>> {
        match &self.inner {
            Inner::Http1(connection) => connection.request(id),
            Inner::Grpc(connection) => connection.http_request(id),
            Inner::PingPong(_) | Inner::PingPongClient(_) | Inner::TtHeader(_) => None,
        }
    }

    /// Server: answers a plain request.
    ///
    /// # Errors
    /// There is no such request, or the response cannot be sent; then nothing was, and the request stays open.
    pub fn respond_http(&mut self, now: Instant, id: RequestId, response: &Response) -> Result<(), http::RespondError> {
        match &mut self.inner {
            Inner::Http1(connection) => connection.respond(now, id, response),
            Inner::Grpc(connection) => connection.respond_http(now, id, response),
            Inner::PingPong(_) | Inner::PingPongClient(_) | Inner::TtHeader(_) => {
                Err(http::RespondError::UnknownRequest)
            }
        }
    }

    /// Sends the empty answer of a stream that owes one and has sent none. Ping-pong has an ending for that.
    fn answer_with_nothing(&mut self, now: Instant, id: CallId) -> Result<(), SendError> {
        let is_answered = match &self.inner {
            Inner::Grpc(connection) => connection.is_answered(id.grpc()),
            Inner::TtHeader(connection) => connection.is_answered(id.tt_header()),
            Inner::PingPong(_) | Inner::PingPongClient(_) | Inner::Http1(_) => return Ok(()),
        };
        match self.incoming(id).map(|call| (call.kind(), call.codec())) {
            Some((kind, codec)) if kind.has_single_answer() && !is_answered => self.send(now, id, &Empty(codec)),
            _ => Ok(()),
        }
    }
}

/// What the caller of a ping-pong call reads whose handler has gone.
const GIVEN_UP: &str = "the handler gave the call up";
/// What the caller reads whose empty answer found no room.
const NO_ROOM: &str = "too much waits to be sent already";
