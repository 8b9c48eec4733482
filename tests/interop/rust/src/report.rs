//! The lines of a run and the matrix at its end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::lanes::Direction;

/// What became of the cells so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    passed: usize,
    failed: Vec<String>,
    cells: BTreeMap<(Direction, &'static str), Count>,
    /// Cells that cannot be run: reason, then direction, lane and case.
    missing: BTreeMap<&'static str, Vec<String>>,
}

/// What became of one cell.
pub(crate) enum Cell {
    /// A word on what was seen, or why it failed.
    Ran(Result<String, String>),
    /// It cannot be, for this reason.
    Missing(&'static str),
    Listed,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    passed: usize,
    failed: usize,
    missing: usize,
}

impl Report {
    /// Takes what became of the cells of a lane, by case.
    pub(crate) fn tell(&mut self, direction: Direction, lane: &'static str, cells: Vec<(&'static str, Cell)>) {
        for (case, cell) in cells {
            match cell {
                Cell::Ran(judged) => self.ran(direction, lane, case, judged),
                Cell::Missing(reason) => self.missing(direction, lane, case, reason),
                Cell::Listed => {}
            }
        }
    }

    fn ran(&mut self, direction: Direction, lane: &'static str, case: &str, judged: Result<String, String>) {
        let count = self.cells.entry((direction, lane)).or_default();
        let (word, detail) = match judged {
            Ok(detail) => {
                count.passed += 1;
                self.passed += 1;
                ("ok  ", detail)
            }
            Err(detail) => {
                count.failed += 1;
                self.failed.push(format!("{direction} | {lane} | {case}: {detail}"));
                ("FAIL", detail)
            }
        };
        println!("{word} {direction:<12} {lane:<22} {case} ({detail})");
    }

    fn missing(&mut self, direction: Direction, lane: &'static str, case: &str, reason: &'static str) {
        self.cells.entry((direction, lane)).or_default().missing += 1;
        self.missing
            .entry(reason)
            .or_default()
            .push(format!("{direction} {lane} {case}"));
    }

    /// Prints the matrix, the cells that are not run, and the last line; says whether all is well.
    pub(crate) fn close(&self, directions: &[Direction], lanes: &[&'static str]) -> bool {
        println!("\ncells by direction and transport: passed/failed, cells that cannot be");
        for direction in directions {
            for lane in lanes {
                let count = self.cells.get(&(*direction, *lane)).copied().unwrap_or_default();
                let note = if count.passed + count.failed == 0 {
                    "  none run"
                } else {
                    ""
                };
                println!(
                    "  {direction:<12} {lane:<22} {:>3}/{}, {}{note}",
                    count.passed, count.failed, count.missing
                );
            }
        }
        println!("\ncells that cannot be, by reason:");
        for (reason, cells) in &self.missing {
            println!("  {reason}: {}", summary(cells));
        }
        if !self.failed.is_empty() {
            println!("\nfailures:");
            for line in &self.failed {
                println!("  {line}");
            }
        }
        println!("\n{} passed, {} failed", self.passed, self.failed.len());
        self.failed.is_empty() && self.passed > 0
    }
}

/// All of a short list, the count of a long one.
fn summary(cells: &[String]) -> String {
    let mut text = format!("{} cells", cells.len());
    if cells.len() <= 4 {
        let _ = write!(text, " ({})", cells.join("; "));
    }
    text
}
