//! Recordings of live connections.

use std::fmt;
use std::io::{self, Write};

use kitewire_proto::record::Recorder;
use kitewire_runtime::Address;

use super::Server;
use super::engine::Engine;
use super::link::Link;
use super::shared::Notice;

/// Where the recording of one connection goes. See [`Server::record`].
pub struct Recording {
    sink: Box<dyn Write + Send>,
    limit: usize,
}

/// A connection that has just been accepted, for [`Server::record`] to decide about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Accepted<'a> {
    /// With whom.
    pub peer: Option<&'a Address>,
    /// How many connections the server has accepted, this one included.
    pub number: u64,
}

pub(crate) type Choice = Box<dyn Fn(&Accepted<'_>) -> Option<Recording> + Send + Sync>;

impl Recording {
    /// A recording that goes to `sink`, up to 64 MiB of it.
    pub fn new(sink: impl Write + Send + 'static) -> Self {
        Self {
            sink: Box::new(sink),
            limit: DEFAULT_LIMIT,
        }
    }

    /// Ends the recording at so many bytes; the connection goes on.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    pub(crate) const fn recorder(&self) -> Recorder {
        Recorder::new(self.limit)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match bytes {
            [] => Ok(()),
            bytes => self.sink.write_all(bytes),
        }
    }
}

/// The recording of a connection, as long as there is one.
#[derive(Default)]
pub(crate) struct Tape(Option<Box<Recording>>);

impl Tape {
    /// What the server's owner wants of a connection.
    pub(crate) fn choose(link: &Link) -> Self {
        let chosen = link.server().choose_recording(link.peer());
        Self(chosen.map(Box::new))
    }

    /// Begins to record a connection on which nothing has happened.
    pub(crate) fn begin(&self, engine: &mut impl Engine) {
        if let Some(recording) = &self.0 {
            engine.record(recording.recorder());
        }
    }

    /// Writes what has been recorded.
    #[inline]
    pub(crate) fn keep(&mut self, engine: &mut impl Engine, link: &Link) {
        if let Some(recording) = &mut self.0 {
            let written = recording.write(&engine.recorded(Recorder::take));
            self.check(written, engine, link);
        }
    }

    /// The connection is over: writes the rest.
    pub(crate) fn end(&mut self, engine: &mut impl Engine, link: &Link) {
        if let Some(recording) = &mut self.0 {
            let written = recording.write(&engine.recorded(Recorder::finish));
            let flushed = written.and_then(|()| recording.sink.flush());
            self.check(flushed, engine, link);
            self.0 = None;
        }
    }

    /// A recording that cannot be written is given up; the connection goes on.
    fn check(&mut self, written: io::Result<()>, engine: &mut impl Engine, link: &Link) {
        if let Err(error) = written {
            self.0 = None;
            let _ = engine.recorded(Recorder::finish);
            let peer = link.peer();
            link.server().notice(&Notice::RecordingFailed { peer, error: &error });
        }
    }
}

impl<R> Server<R> {
    /// Records connections, for a report of what went wrong: `choose` is asked for each one that is accepted, and says
    /// where its recording goes, if it is to have one. `cargo xtask replay FILE` shows what is in it, and
    /// [`record::replay`](kitewire_proto::record::replay) does it again.
    ///
    /// **A recording holds everything that goes over the connection, in the clear,** over TLS too: messages, metadata,
    /// tokens and passwords.
    ///
    /// It can be used on a live server: connections that are not chosen cost nothing, those that are some time and a
    /// buffer. The sink is written to in the connection's task, once a turn, so it must not block for long: a file
    /// will do, a pipe that nobody reads will not. If it fails, the recording ends, [`Notice::RecordingFailed`] says
    /// so, and the connection goes on.
    ///
    /// ```no_run
    /// # use kitewire::{Recording, Registration, Runtime, Server};
    /// # async fn run<R: Runtime>(runtime: R, cart: Registration) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::fs::File;
    ///
    /// // The first ten connections, a mebibyte of each.
    /// let bound = Server::new(runtime).register(cart).record(|connection| {
    ///     if connection.number > 10 {
    ///         return None;
    ///     }
    ///     let file = File::create(format!("connection-{}.kwr", connection.number)).ok()?;
    ///     Some(Recording::new(file).limit(1024 * 1024))
    /// }).bind("0.0.0.0:8888").await?;
    /// # bound.run().await?; Ok(()) }
    /// ```
    pub fn record(mut self, choose: impl Fn(&Accepted<'_>) -> Option<Recording> + Send + Sync + 'static) -> Self {
        self.recordings = Some(Box::new(choose));
        self
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

const DEFAULT_LIMIT: usize = 64 * 1024 * 1024;
