//! Playing the list and printing the table.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::columns::{COLUMNS, Column};
use crate::handlers::PANIC;
use crate::scenarios::{self, Scenario};

/// What is to be played.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Scenarios whose names hold this; empty for all.
    pub only: String,
    /// Makes what tokio gives the expected outcomes.
    pub write: bool,
    /// Prints the outcomes themselves.
    pub show: bool,
    /// The simulator plays each scenario once for each of them.
    pub seeds: Range<u64>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            only: String::new(),
            write: false,
            show: false,
            seeds: 1..5,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// The table, the differences, and a line with the sums.
    pub text: String,
    /// Cells that differ from what is expected.
    pub differences: usize,
}

/// Plays the list.
///
/// # Panics
/// If the expected outcomes cannot be read or written.
#[must_use]
pub fn run(wish: &Wish) -> Report {
    hush();
    let begun = Instant::now();
    let list: Vec<Arc<Scenario>> = scenarios::all().into_iter().map(Arc::new).collect();
    let played: Vec<_> = list
        .iter()
        .filter(|row| row.name.contains(&wish.only))
        .cloned()
        .collect();
    let cells = play(&played, &wish.seeds);
    let mut expected = Expected::read();
    if wish.write {
        for (row, cells) in played.iter().zip(&cells) {
            expected.set(&row.name, cells[0].outcomes[0].1.clone());
        }
        expected.write(&list);
    }
    report(wish, &played, &cells, &expected, begun.elapsed())
}

/// Handlers panic on purpose, and need not say so each time.
fn hush() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        if text.or_else(|| payload.downcast_ref().copied()) != Some(PANIC) {
            loud(panic);
        }
    }));
}

/// What one scenario gave in one column.
#[derive(Clone, Default)]
struct Cell {
    /// With the seed of each, in the simulator.
    outcomes: Vec<(Option<u64>, Vec<String>)>,
    took: Duration,
}

/// Plays every scenario in every column, some at a time.
fn play(rows: &[Arc<Scenario>], seeds: &Range<u64>) -> Vec<Vec<Cell>> {
    let cells = Mutex::new(vec![vec![Cell::default(); COLUMNS.len()]; rows.len()]);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    let (column, row) = (job / rows.len().max(1), job % rows.len().max(1));
                    let (Some(column_played), Some(scenario)) = (COLUMNS.get(column), rows.get(row)) else {
                        return;
                    };
                    let begun = Instant::now();
                    let outcomes = column_played.play(scenario, seeds);
                    let took = begun.elapsed();
                    cells.lock().unwrap()[row][column] = Cell { outcomes, took };
                }
            });
        }
    });
    cells.into_inner().unwrap()
}

fn report(wish: &Wish, rows: &[Arc<Scenario>], cells: &[Vec<Cell>], expected: &Expected, took: Duration) -> Report {
    let mut text = heads();
    let (mut different, mut same, mut details) = (0, 0, String::new());
    for (row, cells) in rows.iter().zip(cells) {
        let wanted = expected.of(&row.name);
        let _ = write!(text, "{:<NAME$}", row.name);
        for (column, cell) in COLUMNS.iter().zip(cells) {
            match cell.outcomes.iter().find(|(_, outcome)| outcome != wanted) {
                None if cell.outcomes.is_empty() || wanted.is_empty() => {
                    different += 1;
                    let _ = write!(text, "{:>WIDTH$}", "NOTHING");
                }
                None => {
                    same += 1;
                    let _ = write!(text, "{:>WIDTH$}", "same");
                }
                Some((seed, outcome)) => {
                    different += 1;
                    let _ = write!(text, "{:>WIDTH$}", "DIFFERS");
                    details += &difference(&row.name, *column, *seed, (wanted, outcome));
                }
            }
        }
        text.push('\n');
        if wish.show {
            for (_, lines) in cells.first().into_iter().flat_map(|cell| &cell.outcomes) {
                let _ = writeln!(text, "    {}", lines.join("\n    "));
            }
        }
    }
    let _ = writeln!(
        text,
        "{details}\nconformance: {} scenarios x {} columns: {same} same, {different} different, in {:.1} s",
        rows.len(),
        COLUMNS.len(),
        took.as_secs_f32(),
    );
    let mut slow: Vec<_> = rows.iter().zip(cells).collect();
    slow.sort_by_key(|(_, cells)| std::cmp::Reverse(cells.iter().map(|cell| cell.took).max()));
    if wish.show {
        for (row, cells) in slow.iter().take(5) {
            let took: Vec<_> = cells.iter().map(|cell| cell.took.as_millis().to_string()).collect();
            let _ = writeln!(text, "slow: {} ({} ms)", row.name, took.join(", "));
        }
    }
    Report {
        text,
        differences: different,
    }
}

fn heads() -> String {
    let mut text = String::new();
    for line in 0..2 {
        let _ = write!(text, "{:<NAME$}", if line == 0 { "scenario" } else { "" });
        for column in COLUMNS {
            let _ = write!(text, "{:>WIDTH$}", column.head()[line]);
        }
        text.push('\n');
    }
    text
}

/// The first lines that differ.
fn difference(name: &str, column: Column, seed: Option<u64>, (wanted, found): (&[String], &[String])) -> String {
    let mut text = format!("\n{name}, {}", column.head().join(" "));
    if let Some(seed) = seed {
        let _ = write!(text, " (cargo xtask conformance --only '{name}' --seed {seed})");
    }
    text += ":\n";
    let lines = wanted.len().max(found.len());
    let line = |lines: &[String], at: usize| lines.get(at).map_or("(nothing)", String::as_str).to_owned();
    for at in (0..lines).filter(|at| wanted.get(*at) != found.get(*at)).take(SHOWN) {
        let _ = writeln!(text, "  expected {}\n  found    {}", line(wanted, at), line(found, at));
    }
    text
}

/// The outcomes that every column has to give, in a file beside the code.
struct Expected(Vec<(String, Vec<String>)>);

impl Expected {
    fn read() -> Self {
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        let mut rows: Vec<(String, Vec<String>)> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("# ") {
                rows.push((name.to_owned(), Vec::new()));
            } else if let (Some((_, lines)), Some(line)) = (rows.last_mut(), line.strip_prefix("  ")) {
                lines.push(line.to_owned());
            }
        }
        Self(rows)
    }

    fn of(&self, name: &str) -> &[String] {
        self.0
            .iter()
            .find(|(found, _)| found == name)
            .map_or(&[], |(_, lines)| lines)
    }

    fn set(&mut self, name: &str, lines: Vec<String>) {
        self.0.retain(|(found, _)| found != name);
        self.0.push((name.to_owned(), lines));
    }

    /// In the order of the list, and without rows that it no longer has.
    fn write(&self, list: &[Arc<Scenario>]) {
        let mut file = Vec::new();
        for row in list {
            let _ = writeln!(file, "# {}", row.name);
            for line in self.of(&row.name) {
                let _ = writeln!(file, "  {line}");
            }
        }
        std::fs::write(path(), file).unwrap();
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("outcomes.txt")
}

/// Cells played at the same time: most of them wait.
const AT_ONCE: usize = 8;
const NAME: usize = 58;
const WIDTH: usize = 11;
/// Lines shown of each cell that differs.
const SHOWN: usize = 4;
