//! Our connection, seen from outside.

use std::sync::Arc;

use kitewire_proto::Instant;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Config, Connection, ErrorCode, Finish, Initiator, Outcome, StreamId};
use kitewire_proto::wire::http2::PREFACE;

use super::super::http2_script::{Side, Step};
use super::view::{End, Seen, Sent, View};
use crate::reference::{Canonical, Endpoint, Exchange, canonical};

#[derive(Debug)]
pub(super) struct Ours {
    side: Side,
    endpoint: Endpoint,
    sent: Sent,
    /// What was sent; the rest of a view is made when it is asked for.
    view: View,
}

impl Ours {
    /// A connection whose peer is `side`.
    pub(super) fn new(side: Side) -> Self {
        let config = Arc::new(configuration());
        let connection = match side {
            Side::Client => Connection::server(config, Instant::ZERO),
            Side::Server => Connection::client(config, Instant::ZERO),
        };
        let mut ours = Self {
            side,
            endpoint: Endpoint::new(connection),
            sent: Sent::default(),
            view: View::default(),
        };
        if side == Side::Server {
            ours.open_requests();
        }
        ours
    }

    /// Does `step` and everything that follows from it.
    pub(super) fn take(&mut self, step: &Step) -> View {
        match step {
            Step::Frame(bytes) => {
                if self.endpoint.reads() {
                    self.endpoint.receive(bytes);
                }
            }
            Step::Finish(id) => self.finish(StreamId::new(*id)),
            Step::Cancel(id) => {
                if let Ok(mut sender) = self.endpoint.connection.sender(StreamId::new(*id)) {
                    sender.cancel(ErrorCode::CANCEL);
                }
            }
        }
        self.endpoint.work();
        self.transmit();
        self.endpoint.work();
        let mut view = self.view.clone();
        let streams = self.endpoint.log.streams.iter();
        view.streams = streams.map(|(id, exchange)| (id.get(), seen(exchange))).collect();
        view
    }

    /// The connection has ended.
    pub(super) const fn is_over(&self) -> bool {
        self.endpoint.log.closed.is_some()
    }

    /// Why the connection, or else `stream`, was ended by this side.
    pub(super) fn complaint(&self, stream: u32) -> String {
        let log = &self.endpoint.log;
        if let Some(reason) = log.closed.as_ref().filter(|_| self.view.go_away.is_some()) {
            return reason.to_string();
        }
        let stream = StreamId::new(stream);
        if let Some((_, text)) = log.rejected.get(&stream) {
            return (*text).to_owned();
        }
        match log.streams.get(&stream).and_then(|exchange| exchange.outcome.as_ref()) {
            Some(Outcome::Reset {
                by: Initiator::Engine(text),
                ..
            }) => (*text).to_owned(),
            _ => String::new(),
        }
    }

    fn open_requests(&mut self) {
        for (method, finish) in [("GET", Finish::Now), ("POST", Finish::Later), ("HEAD", Finish::Now)] {
            let head = Fields::request(method, "http", "peer", "/");
            let opened = self.endpoint.connection.open(Instant::ZERO, &head, finish);
            let id = opened.expect("the first streams can be opened");
            self.endpoint.log.streams.insert(id, Exchange::default());
        }
        let length = self.endpoint.unsent();
        let bytes = self.endpoint.transmit(length);
        self.sent.take(&[], &mut self.view);
        let rest = bytes.strip_prefix(PREFACE).expect("a client sends the preface first");
        self.sent.take(rest, &mut self.view);
    }

    fn finish(&mut self, id: StreamId) {
        let Ok(mut sender) = self.endpoint.connection.sender(id) else {
            return;
        };
        // What is finished already stays so.
        let _ = match self.side {
            Side::Client => sender.respond(&Fields::response(200), Finish::Now),
            Side::Server => sender.finish(),
        };
    }

    fn transmit(&mut self) {
        loop {
            let length = self.endpoint.unsent();
            if length == 0 {
                return;
            }
            let bytes = self.endpoint.transmit(length);
            self.sent.take(&bytes, &mut self.view);
        }
    }
}

fn seen(exchange: &Exchange) -> Seen {
    let end = match &exchange.outcome {
        _ if exchange.whole => End::Complete,
        None => End::Open,
        Some(Outcome::Reset {
            code,
            by: Initiator::Peer,
        }) => End::Reset(code.0),
        Some(Outcome::Refused) => End::Reset(ErrorCode::REFUSED_STREAM.0),
        Some(_) => End::Failed,
    };
    Seen {
        interim: exchange.interim.iter().map(canonical).collect(),
        head: exchange.head.as_ref().map(representable),
        body: exchange.body.clone(),
        trailers: exchange.trailers.as_ref().map(canonical),
        end,
    }
}

/// What the `http` crate can say of a head: no scheme without an authority.
fn representable(head: &Fields) -> Canonical {
    let mut fields = canonical(head);
    if head.get(":authority").is_none() {
        fields.retain(|(name, _)| name != b":scheme");
    }
    fields
}

/// The same limits as the `h2` crate's connection; budgets that no script uses up.
fn configuration() -> Config {
    let mut config = Config::default();
    config.stream_window = 65_535;
    config.connection_window = Some(65_535);
    config.max_concurrent_streams = super::theirs::MOST_STREAMS;
    config.limits.max_header_list = super::theirs::HEADER_LIST;
    config.limits.max_resets = 10_000;
    config
}
