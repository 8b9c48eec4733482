//! The command line of a comparison.

use std::time::Duration;

use super::Comparison;
use crate::Failure;
use crate::cases::Case;
use crate::peers::Peer;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whole rounds.
    pub rounds: usize,
    /// Of one run.
    pub window: Window,
    /// Which cases.
    pub cases: Vec<Case>,
    /// Which sides.
    pub peers: Vec<Peer>,
    /// Measure times at all.
    pub times: bool,
    /// Count instructions and allocations per call.
    pub instructions: bool,
    /// Count the server's writes per call.
    pub writes: bool,
    /// Show where our instructions go.
    pub profile: bool,
    /// Measure the memory of our idle connections, and nothing else.
    pub memory: bool,
}

/// How long a run takes.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Before counting.
    pub warmup: Duration,
    /// Counting.
    pub duration: Duration,
}

impl Options {
    /// Reads the command line of this process. `None` when help was asked for.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn from_env(comparison: &Comparison) -> Result<Option<Self>, Failure> {
        let mut options = Self {
            rounds: 7,
            window: Window {
                warmup: Duration::from_millis(300),
                duration: Duration::from_millis(2000),
            },
            cases: comparison.cases.to_vec(),
            peers: comparison.peers.to_vec(),
            times: true,
            instructions: false,
            writes: false,
            profile: false,
            memory: false,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--rounds" => options.rounds = value()?.parse()?,
                "--duration-ms" => options.window.duration = Duration::from_millis(value()?.parse()?),
                "--quick" => {
                    options.rounds = 2;
                    options.window.duration = Duration::from_millis(400);
                }
                "--cases" => options.cases = pick(&value()?, comparison.cases, |case| case.name)?,
                "--peers" => options.peers = pick(&value()?, comparison.peers, Peer::name)?,
                "--instructions" => {
                    options.times = false;
                    options.instructions = true;
                }
                "--writes" => {
                    options.times = false;
                    options.writes = true;
                }
                "--profile" => {
                    options.times = false;
                    options.profile = true;
                }
                "--memory" => options.memory = true,
                _ => return Err(format!("unknown argument {word}; --help lists all").into()),
            }
        }
        Ok(Some(options))
    }
}

/// The members of `all` that a list with commas names, in the order of `all`.
fn pick<T: Copy>(list: &str, all: &[T], name: fn(T) -> &'static str) -> Result<Vec<T>, Failure> {
    let wanted: Vec<&str> = list.split(',').collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|wanted| all.iter().all(|&known| name(known) != **wanted))
    {
        let known: Vec<&str> = all.iter().map(|&known| name(known)).collect();
        return Err(format!("{unknown}: one of {}", known.join(", ")).into());
    }
    Ok(all
        .iter()
        .copied()
        .filter(|&known| wanted.contains(&name(known)))
        .collect())
}

/// What `--help` prints.
#[must_use]
pub fn help(comparison: &Comparison) -> String {
    let cases: Vec<&str> = comparison.cases.iter().map(|case| case.name).collect();
    let peers: Vec<&str> = comparison.peers.iter().map(|peer| peer.name()).collect();
    format!(
        "\
{}

  --rounds N        whole rounds (7)
  --duration-ms N   counted time of one run (2000)
  --quick           2 rounds of 400 ms: a look, not a measurement
  --cases LIST      of {}
  --peers LIST      of {}
  --instructions    instead: user instructions and allocations of server and client per call (needs valgrind)
  --writes          instead: writing system calls of the server process per call (needs strace)
  --profile         instead: the functions that our server and client spend their instructions in (needs valgrind)
  --memory          instead: heap of our server for each of 10,000 idle connections
",
        comparison.about,
        cases.join(","),
        peers.join(",")
    )
}
