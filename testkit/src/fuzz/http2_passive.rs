//! An HTTP/2 connection whose application only listens, so that nothing depends on when it does something.

use bytes::BytesMut;
use kitewire_proto::http2::{Connection, Event, StreamId};
use kitewire_proto::{Demand, Disconnect, Instant, Transmit};

use super::choices::Choices;

/// Everything that shows of a connection.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    events: Vec<Event>,
    sent: Vec<u8>,
    /// Unread bodies, in the order of the streams' first events.
    bodies: Vec<(StreamId, Vec<u8>)>,
}

/// `stream` byte by byte, in pieces, and whole: the same events, the same bytes sent, the same bodies.
pub(super) fn same_for_every_split(connect: impl Fn() -> Connection, stream: &[u8], seed: u64) {
    let whole = listen(connect(), stream, |left| left);
    let mut choices = Choices::new(seed);
    assert_eq!(
        listen(connect(), stream, |left| choices.piece(left)),
        whole,
        "in pieces"
    );
    if stream.len() <= BYTEWISE {
        assert_eq!(listen(connect(), stream, |_| 1), whole, "byte by byte");
    }
}

fn listen(mut connection: Connection, stream: &[u8], mut piece: impl FnMut(usize) -> usize) -> Heard {
    let now = Instant::ZERO;
    let mut heard = Heard::default();
    let mut input = BytesMut::new();
    let mut out = Transmit::new();
    let mut rest = stream;
    while !rest.is_empty() && connection.read_demand() == Demand::Read {
        let (piece, later) = rest.split_at(piece(rest.len()));
        rest = later;
        input.extend_from_slice(piece);
        connection.receive(now, &mut input);
        heard.note(&mut connection, &mut out);
        // What is sent makes room for more.
        while connection.read_demand() == Demand::Receive {
            connection.receive(now, &mut input);
            heard.note(&mut connection, &mut out);
        }
    }
    connection.handle_disconnect(now, Disconnect::ReadEnd);
    heard.note(&mut connection, &mut out);
    for (id, body) in &mut heard.bodies {
        let Ok(mut receiver) = connection.receiver(*id) else {
            continue;
        };
        while !receiver.chunk().is_empty() {
            body.extend_from_slice(receiver.chunk());
            receiver.consume(receiver.chunk().len());
        }
    }
    heard
}

impl Heard {
    fn note(&mut self, connection: &mut Connection, out: &mut Transmit) {
        while let Some(event) = connection.poll_event() {
            if let Event::Opened { id } | Event::Answered { id } = &event {
                self.bodies.push((*id, Vec::new()));
            }
            self.events.push(event);
        }
        while connection.poll_transmit(Instant::ZERO, out) {
            self.sent.extend(out.to_vec());
            out.advance(out.len());
        }
    }
}

/// The longest stream that is cut into single bytes.
const BYTEWISE: usize = 20_000;
