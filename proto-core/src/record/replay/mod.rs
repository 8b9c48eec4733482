//! Doing again what a recording says.

mod common;
mod grpc;
mod http;
mod pingpong;
mod stage;
mod ttstream;

use std::fmt;
use std::sync::Arc;

use super::codec::Reader;
use super::error::{RecordingError, RecordingErrorKind};
use super::recorder::{MAGIC, VERSION};
use super::step::{Op, Subject};
use crate::time::Instant;
use crate::{ClientConnection, ServerConnection};

use common::Played;
use stage::Stage;

/// What replaying a recording led to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// What it is a recording of.
    pub subject: Subject,
    /// The version of this crate that wrote it. Another one may well behave differently.
    pub written_by: String,
    /// Steps in it.
    pub steps: u64,
    /// Bytes that the connection was given.
    pub received: u64,
    /// Bytes that it sent.
    pub sent: u64,
    /// Events that it told.
    pub events: u64,
    /// When it began, and when the last step was.
    pub times: (Instant, Instant),
    /// One number for everything that the connection said, in order: events, bytes, messages, results of verbs.
    pub hash: u64,
    /// The same for the connection that was recorded.
    pub recorded_hash: u64,
    /// The first thing that was different, if anything was.
    pub difference: Option<Difference>,
    /// How the recording ends.
    pub finish: Finish,
}

/// How a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// With the connection, or when its owner wanted.
    Whole,
    /// At its limit: the connection went on.
    Cut,
}

/// Where a replay is not what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The step, counted from one.
    pub step: u64,
    /// The byte at which it begins.
    pub offset: usize,
    /// When it was.
    pub at: Instant,
    /// What was recorded.
    pub recorded: String,
    /// What the replay gave.
    pub replayed: String,
}

/// A step of a recording, as it is replayed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Step<'a> {
    /// Its number, from one.
    pub number: u64,
    /// The byte at which it begins.
    pub offset: usize,
    /// The time by then.
    pub at: Instant,
    /// What is done, and what the connection does, for people.
    pub text: &'a str,
}

/// Replays a recording. See the [module documentation](super).
///
/// # Errors
///
/// Bytes that are no recording, or not all of one. What is replayed differently is no error: see
/// [`Replayed::difference`].
pub fn replay(recording: &[u8]) -> Result<Replayed, RecordingError> {
    Stage::new(recording, None).run()
}

/// Replays a recording, and shows each step to `watch`; those before an error too.
///
/// # Errors
///
/// As [`replay`].
pub fn replay_with(recording: &[u8], mut watch: impl FnMut(&Step<'_>)) -> Result<Replayed, RecordingError> {
    Stage::new(recording, Some(&mut watch)).run()
}

/// What the beginning of a recording says.
struct Head {
    subject: Subject,
    written_by: String,
    start: Instant,
}

impl Head {
    fn read(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        if from.raw(MAGIC.len()) != Ok(MAGIC) {
            return Err(RecordingError::new(RecordingErrorKind::NotARecording, 0));
        }
        let offset = from.offset();
        match from.number()? {
            VERSION => {}
            version => return Err(RecordingError::new(RecordingErrorKind::UnknownVersion(version), offset)),
        }
        Ok(Self {
            written_by: from.take()?,
            subject: from.take()?,
            start: from.time()?,
        })
    }
}

impl Stage<'_> {
    fn run(mut self) -> Result<Replayed, RecordingError> {
        let head = Head::read(&mut self.from)?;
        let (from, start) = (&mut self.from, head.start);
        let finish = match head.subject {
            Subject::PingPongServer => {
                let (config, services) = (Arc::new(from.take()?), Arc::new(from.take()?));
                self.play(ServerConnection::new(services, config, start))
            }
            Subject::PingPongClient => {
                let config = Arc::new(from.take()?);
                self.play(ClientConnection::new(config, start))
            }
            Subject::GrpcServer => {
                let (config, services) = (Arc::new(from.take()?), Arc::new(from.take()?));
                self.play(crate::grpc::Connection::server(services, config, start))
            }
            Subject::GrpcClient => {
                let config = Arc::new(from.take()?);
                self.play(crate::grpc::Connection::client(config, start))
            }
            Subject::TtStreamServer => {
                let (config, services) = (Arc::new(from.take()?), Arc::new(from.take()?));
                self.play(crate::ttstream::Connection::server(services, config, start))
            }
            Subject::TtStreamClient => {
                let config = Arc::new(from.take()?);
                self.play(crate::ttstream::Connection::client(config, start))
            }
            Subject::Http1Server => {
                let config = Arc::new(from.take()?);
                self.play(crate::http::ServerConnection::http1(config, start))
            }
            Subject::Http2Server => {
                let (config, limits) = from.take()?;
                self.play(crate::http::ServerConnection::http2(Arc::new(config), limits, start))
            }
        }?;
        Ok(self.end(head, finish))
    }

    /// Step by step until the end.
    fn play(&mut self, mut connection: impl Played) -> Result<Finish, RecordingError> {
        loop {
            self.begin_step();
            let op = Op::take(&mut self.from)?;
            match op {
                Op::End => return self.check_end().map(|()| Finish::Whole),
                Op::Cut => return self.check_end().map(|()| Finish::Cut),
                op => self.step(&mut connection, op)?,
            }
            self.end_step();
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            step,
            offset,
            at,
            recorded,
            replayed,
        } = self;
        write!(
            f,
            "step {step} at byte {offset}, at {at:?}: recorded {recorded}, replayed {replayed}"
        )
    }
}
