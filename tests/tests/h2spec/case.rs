//! What a case is, and how it is judged.

use std::collections::BTreeSet;

use kitewire_proto::Demand;
use kitewire_proto::http2::{ErrorCode, Event, Finish, Initiator, Outcome};

use crate::script::{BODY, Delivery, Role, Script};
use crate::wire;

/// One requirement.
pub(crate) struct Case {
    /// The number that h2spec 2.6 gives it; `client/…` for ours.
    pub(crate) id: &'static str,
    /// The clause that demands it.
    pub(crate) rfc: &'static str,
    pub(crate) about: &'static str,
    pub(crate) expect: Expect,
    pub(crate) send: fn(&mut Script),
}

/// What must come of it. Everything but the errors also asks that nothing is refused, and everything but connection
/// errors that the connection goes on afterwards: a new request on it is answered.
#[derive(Debug)]
pub(crate) enum Expect {
    /// Nothing more than that.
    Accepted,
    /// The stream's request is answered in full.
    Answer(u32),
    /// These PINGs are answered, in order, and no others.
    Pongs(&'static [[u8; 8]]),
    /// The same where the peer has said that it leaves: the connection may just as well end without an error.
    PongsOrEnd(&'static [[u8; 8]]),
    /// So many SETTINGS are acknowledged.
    SettingsAcks(usize),
    /// DATA frames of these lengths come on the stream, and not yet its end.
    Data(u32, &'static [usize]),
    /// RST_STREAM on the stream with one of the codes, and no GOAWAY.
    StreamError(u32, &'static [ErrorCode]),
    /// GOAWAY with one of the codes, and nothing after it.
    ConnectionError(&'static [ErrorCode]),
    /// The RFC leaves the scope to the receiver: [`Self::StreamError`] or [`Self::ConnectionError`].
    Error(u32, &'static [ErrorCode]),
}

/// Codes that cases expect.
pub(crate) const PROTOCOL: &[ErrorCode] = &[ErrorCode::PROTOCOL_ERROR];
pub(crate) const FLOW_CONTROL: &[ErrorCode] = &[ErrorCode::FLOW_CONTROL_ERROR];
pub(crate) const STREAM_CLOSED: &[ErrorCode] = &[ErrorCode::STREAM_CLOSED];
pub(crate) const FRAME_SIZE: &[ErrorCode] = &[ErrorCode::FRAME_SIZE_ERROR];
pub(crate) const REFUSED: &[ErrorCode] = &[ErrorCode::REFUSED_STREAM];
pub(crate) const COMPRESSION: &[ErrorCode] = &[ErrorCode::COMPRESSION_ERROR];

impl Case {
    /// Plays the case in every delivery. The texts say what was not so.
    pub(crate) fn run(&self, role: Role) -> Vec<String> {
        let deliveries = [Delivery::AtOnce, Delivery::ByFrame, Delivery::ByByte];
        deliveries
            .into_iter()
            .filter_map(|delivery| self.play(role, delivery))
            .collect()
    }

    fn play(&self, role: Role, delivery: Delivery) -> Option<String> {
        let mut script = Script::new(role, delivery);
        (self.send)(&mut script);
        script.settle();
        let came = script.frames.len();
        let mut trouble = std::mem::take(&mut script.trouble);
        trouble.extend(self.expect.judge(&mut script).err());
        trouble.extend(manners(&script).err());
        trouble.append(&mut script.trouble);
        if trouble.is_empty() {
            return None;
        }
        let Self {
            id, rfc, about, expect, ..
        } = self;
        let (frames, probe) = script.frames.split_at(came.min(script.frames.len()));
        Some(format!(
            "{id} ({rfc}, {delivery:?}): {about}\n  expected {expect:?}\n  {}\n  came {frames:?}\n  \
             then {probe:?}\n  events {:?}\n",
            trouble.join("\n  "),
            script.events,
        ))
    }
}

impl Expect {
    fn judge(&self, script: &mut Script) -> Result<(), String> {
        match *self {
            Self::StreamError(id, codes) => stream_error(script, id, codes),
            Self::ConnectionError(codes) => connection_error(script, codes),
            Self::Error(id, codes) if script.of_kind(wire::GOAWAY).next().is_none() => stream_error(script, id, codes),
            Self::Error(_, codes) => connection_error(script, codes),
            Self::PongsOrEnd(pings) => {
                let errors = script
                    .of_kind(wire::GOAWAY)
                    .filter(|frame| frame.code() != ErrorCode::NO_ERROR);
                ensure(errors.count() == 0, "no error is sent")?;
                let ended = script.connection.read_demand() == Demand::Stop;
                ensure(ended || pongs(script) == pings, "the PINGs are answered")
            }
            _ => {
                self.accepted(script)?;
                goes_on(script)
            }
        }
    }

    fn accepted(&self, script: &Script) -> Result<(), String> {
        ensure(script.of_kind(wire::GOAWAY).next().is_none(), "the connection goes on")?;
        // CANCEL is the application's.
        let mut resets = script.of_kind(wire::RST_STREAM);
        ensure(
            resets.all(|frame| frame.code() == ErrorCode::CANCEL),
            "no stream is reset",
        )?;
        match *self {
            Self::Answer(id) => answered(script, id),
            Self::Pongs(pings) => ensure(pongs(script) == pings, "the PINGs are answered"),
            Self::SettingsAcks(count) => ensure(script.settings_acks() == count, "SETTINGS are acknowledged"),
            Self::Data(id, lens) => {
                let data = || script.of_stream(id).filter(|frame| frame.kind == wire::DATA);
                let found: Vec<usize> = data().map(|frame| frame.payload.len()).collect();
                ensure(found == lens, "DATA has just these lengths")?;
                ensure(data().all(|frame| !frame.has(wire::END)), "the stream has not ended")
            }
            _ => Ok(()),
        }
    }
}

fn stream_error(script: &mut Script, id: u32, codes: &[ErrorCode]) -> Result<(), String> {
    ensure(script.of_kind(wire::GOAWAY).next().is_none(), "the connection goes on")?;
    let mut resets = script.of_kind(wire::RST_STREAM);
    let reset = resets.next().ok_or("not so: a stream is reset")?;
    ensure(resets.next().is_none(), "only one stream is reset")?;
    ensure(reset.id == id, "it is the stream at fault")?;
    ensure(codes.contains(&reset.code()), "the code is one of those")?;
    drop(resets);
    if let Some(seen) = script.streams.get(&id) {
        // A stream that was complete, or reset by the peer, stays so.
        let told = match &seen.outcome {
            Some(Outcome::Reset {
                code,
                by: Initiator::Engine(text),
            }) => codes.contains(code) && !text.is_empty(),
            Some(
                Outcome::Reset {
                    by: Initiator::Peer, ..
                }
                | Outcome::Complete,
            ) => true,
            _ => false,
        };
        ensure(told, "the application is told why its stream ended")?;
    }
    goes_on(script)
}

fn connection_error(script: &Script, codes: &[ErrorCode]) -> Result<(), String> {
    let mut goaways = script.of_kind(wire::GOAWAY);
    let goaway = goaways.next().ok_or("not so: GOAWAY is sent")?;
    ensure(goaways.next().is_none(), "there is one GOAWAY")?;
    ensure(codes.contains(&goaway.code()), "the code is one of those")?;
    let text = goaway.payload.get(8..).unwrap_or(&[]);
    ensure(
        !text.is_empty() && text.iter().all(|byte| (32..127).contains(byte)),
        "a text says what was wrong",
    )?;
    ensure(script.frames.last() == Some(goaway), "nothing is sent after GOAWAY")?;
    let opened = opened(script).last().copied().unwrap_or(0);
    ensure(
        goaway.word(0) >= opened,
        "GOAWAY names the last stream that the application saw",
    )?;
    let closed = matches!(script.events.last(), Some(Event::Closed { .. }));
    ensure(closed, "the application is told that the connection is closed")?;
    let ended = script.connection.read_demand() == Demand::Stop && script.connection.is_drained();
    ensure(ended, "the socket can be closed")
}

fn answered(script: &Script, id: u32) -> Result<(), String> {
    let seen = script
        .streams
        .get(&id)
        .ok_or("not so: the application saw the stream")?;
    ensure(seen.outcome == Some(Outcome::Complete), "the stream is complete")?;
    if script.role == Role::Client {
        ensure(
            seen.head.as_ref().is_some_and(|head| head.status() == 200),
            "the status is 200",
        )?;
        return ensure(seen.body == BODY, "the body is whole");
    }
    let mut frames = script.of_stream(id).filter(|frame| frame.kind != wire::WINDOW_UPDATE);
    let head = frames.next().and_then(|frame| frame.fields.as_ref());
    ensure(
        head.is_some_and(|head| head.status() == 200),
        "the first frame is the answer's head",
    )?;
    let body: Vec<u8> = frames.flat_map(|frame| frame.payload.clone()).collect();
    let is_head = seen.head.as_ref().is_some_and(|head| head.method() == b"HEAD");
    ensure(body == if is_head { b"" } else { BODY }, "the body is whole")?;
    ensure(
        script.of_stream(id).last().is_some_and(|frame| frame.has(wire::END)),
        "the stream has ended",
    )
}

/// A new request has its answer, so the connection and its tables are in order.
fn goes_on(script: &mut Script) -> Result<(), String> {
    script.settings(&[(wire::INITIAL_WINDOW_SIZE, 65_535)]);
    script.settle();
    script.wake();
    let id = match script.role {
        Role::Server => 0x1001,
        Role::Client => script.open("GET", Finish::Now),
    };
    match script.role {
        Role::Server => script.get(id),
        Role::Client => script.respond(id),
    }
    script.settle();
    answered(script, id).map_err(|error| format!("{error}: a later request, stream {id}"))
}

/// What holds for whatever is sent and told, in every case.
fn manners(script: &Script) -> Result<(), String> {
    let mut over = BTreeSet::new();
    for frame in &script.frames {
        ensure(frame.payload.len() <= 16_384, "frames fit SETTINGS_MAX_FRAME_SIZE")?;
        ensure(frame.kind <= wire::CONTINUATION, "frame types are known")?;
        ensure(
            !matches!(frame.kind, wire::PRIORITY | wire::PUSH_PROMISE),
            "there is no PRIORITY and no push",
        )?;
        ensure(
            frame.id == 0 || !over.contains(&frame.id),
            "RST_STREAM is the last frame of its stream",
        )?;
        if frame.kind == wire::RST_STREAM {
            over.insert(frame.id);
        }
    }
    ensure(script.ends_with_a_frame(), "only whole frames are sent")?;
    let first = script.frames.first();
    let preface = first.is_some_and(|frame| frame.kind == wire::SETTINGS && !frame.has(wire::ACK));
    ensure(preface, "SETTINGS are the first frame")?;
    no_window_is_too_wide(script)?;

    let mut open = BTreeSet::new();
    let mut closed = false;
    for event in &script.events {
        ensure(!closed, "nothing is told after Closed")?;
        match event {
            Event::Opened { id } => ensure(open.insert(*id), "a stream is opened once")?,
            Event::Ended { id, .. } if script.role == Role::Server => {
                ensure(open.remove(id), "a stream that was opened ends once")?;
            }
            Event::Closed { .. } => closed = true,
            _ => {}
        }
    }
    ensure(!closed || open.is_empty(), "every stream ends before the connection")
}

/// No more is given back than was sent.
fn no_window_is_too_wide(script: &Script) -> Result<(), String> {
    let updates = |id: u32| {
        let updates = script.of_stream(id).filter(|frame| frame.kind == wire::WINDOW_UPDATE);
        updates.map(|frame| frame.word(0) as usize)
    };
    for (id, sent) in script.data_sent.range(1..) {
        ensure(
            updates(*id).sum::<usize>() <= *sent,
            "a stream's window is not above its announced size",
        )?;
    }
    // The connection's first update makes its window what it is to be.
    let sent: usize = script.data_sent.values().sum();
    ensure(
        updates(0).skip(1).sum::<usize>() <= sent,
        "the connection's window does not grow",
    )
}

fn pongs(script: &Script) -> Vec<[u8; 8]> {
    let pings = script.of_kind(wire::PING).filter(|frame| frame.has(wire::ACK));
    pings
        .filter_map(|frame| frame.payload.as_slice().try_into().ok())
        .collect()
}

/// The streams that the application of a server was shown.
fn opened(script: &Script) -> BTreeSet<u32> {
    let ids = script.events.iter().filter_map(|event| match event {
        Event::Opened { id } => Some(id.get()),
        _ => None,
    });
    ids.collect()
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("not so: {what}")) }
}
