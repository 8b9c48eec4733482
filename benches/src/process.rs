//! Child processes: pinned to a core, read line by line within a time, gone when dropped.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::tools::TASKSET;

/// Where a process may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// The first core.
    Server,
    /// The second core.
    Client,
    /// Any.
    Free,
}

/// A started child process. It is killed, by its id, when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts a program with arguments on a core; what it prints can be read with [`Self::line`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command) -> Result<Self, Failure> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", command.get_program().display()))?;
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { child, lines })
    }

    /// The next line that it prints.
    ///
    /// # Errors
    /// When it ends instead, or says nothing for so long.
    pub fn line(&self, within: Duration) -> Result<String, Failure> {
        self.lines.recv_timeout(within).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("nothing came within {within:?}").into(),
            RecvTimeoutError::Disconnected => "the process ended early".into(),
        })
    }

    /// Waits for the line in which a server tells its address.
    ///
    /// # Errors
    /// When another line comes, or none.
    pub fn address(&self, within: Duration) -> Result<SocketAddr, Failure> {
        let line = self.line(within)?;
        let address = line
            .strip_prefix("listening ")
            .ok_or_else(|| format!("not an address: {line}"))?;
        Ok(address.trim().parse()?)
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time; it is killed then.
    pub fn end(self, within: Duration) -> Result<(), Failure> {
        Command::new("kill").arg(self.id().to_string()).status()?;
        self.wait(within)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it does not end in time; it is killed then.
    pub fn wait(mut self, within: Duration) -> Result<(), Failure> {
        let until = Instant::now() + within;
        while Instant::now() < until {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(format!("the process did not end within {within:?}").into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command for a program that runs on one core, where the machine lets us choose.
#[must_use]
pub fn pinned(program: impl AsRef<OsStr>, core: Core) -> Command {
    let number = match core {
        Core::Server => "0",
        Core::Client => "1",
        Core::Free => return Command::new(program),
    };
    if !can_pin() {
        return Command::new(program);
    }
    let mut command = Command::new(TASKSET.name);
    command.args(["-c", number]).arg(program);
    command
}

/// Whether server and client get a core each.
#[must_use]
pub fn can_pin() -> bool {
    TASKSET.is_present() && thread::available_parallelism().is_ok_and(|cores| cores.get() >= 2)
}

/// The processor time that a process has used, all its threads together.
///
/// # Errors
/// When the process is gone, or the system has no `/proc`.
pub fn cpu_time(id: u32) -> Result<Duration, Failure> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{id}/task"))? {
        // A thread may end between the listing and the look.
        let Ok(figures) = fs::read_to_string(task?.path().join("schedstat")) else {
            return cpu_time_in_ticks(id);
        };
        nanos += figures.split(' ').next().unwrap_or("0").parse::<u64>()?;
    }
    if nanos == 0 {
        cpu_time_in_ticks(id)
    } else {
        Ok(Duration::from_nanos(nanos))
    }
}

/// The same from `utime` and `stime`, in steps of 10 ms; it can still be told of a process that has just ended.
///
/// # Errors
/// When the process is gone, or the system has no `/proc`.
pub fn cpu_time_in_ticks(id: u32) -> Result<Duration, Failure> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let after_name = stat.rsplit(')').next().unwrap_or("");
    let ticks: u64 = after_name
        .split_ascii_whitespace()
        .skip(UTIME)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Place of `utime` among the fields behind the name; `stime` follows.
const UTIME: usize = 11;
