//! SPEC.md, taken apart, and the sources that it is compared with.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The specification.
#[derive(Clone, Debug)]
pub struct Spec<'a> {
    text: &'a str,
    /// Its clauses, in order.
    pub clauses: Vec<Clause<'a>>,
}

/// One clause: `- **TTH-3** [O] text`.
#[derive(Clone, Copy, Debug)]
pub struct Clause<'a> {
    /// Area and number.
    pub id: &'a str,
    /// The area.
    pub area: &'a str,
    /// The number.
    pub number: u32,
    /// What stands in square brackets.
    pub origin: &'a str,
    /// What it says.
    pub text: &'a str,
}

impl<'a> Spec<'a> {
    /// Takes the specification apart.
    ///
    /// # Panics
    /// If a list item looks like a clause and is none.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let clauses = text
            .lines()
            .filter_map(|line| line.strip_prefix("- **"))
            .filter(|item| item.contains("** ["))
            .map(|item| Clause::parse(item).unwrap_or_else(|| panic!("not a clause: {item}")))
            .collect();
        Self { text, clauses }
    }

    /// The rows of the table under the heading `Table: name`, without its head; cells are trimmed.
    ///
    /// # Panics
    /// If there is no such table.
    #[must_use]
    pub fn table(&self, name: &str) -> Vec<Vec<&'a str>> {
        let heading = format!("### Table: {name}");
        let mut lines = self.text.lines().skip_while(|line| *line != heading).skip(1);
        let head = lines
            .by_ref()
            .find(|line| line.starts_with('|') || line.starts_with('#'));
        let columns = head.filter(|line| line.starts_with('|')).map(cells);
        let columns = columns.unwrap_or_else(|| panic!("no table {name}")).len();
        lines
            .skip(1)
            .take_while(|line| line.starts_with('|'))
            .map(cells)
            .inspect(|row| assert_eq!(row.len(), columns, "{name}: {row:?}"))
            .collect()
    }

    /// The blocks of code in `language`.
    #[must_use]
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let fence = format!("```{language}");
        let mut lines = self.text.lines();
        let mut blocks = Vec::new();
        while lines.any(|line| line == fence) {
            blocks.push(
                lines
                    .by_ref()
                    .take_while(|line| *line != "```")
                    .collect::<Vec<_>>()
                    .join("\n"),
            );
        }
        blocks
    }
}

impl<'a> Clause<'a> {
    fn parse(item: &'a str) -> Option<Self> {
        let (id, rest) = item.split_once("** [")?;
        let (origin, text) = rest.split_once("] ")?;
        let (area, number) = id.split_once('-')?;
        let written = id_at_start(id)? == id;
        written.then_some(Self {
            id,
            area,
            number: number.parse().ok()?,
            origin,
            text,
        })
    }
}

/// The clause ids that stand behind `prefix` in `text`.
pub fn citations<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let starts = text.char_indices().filter(move |(at, _)| {
        let in_word = text[..*at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '-');
        !in_word && text[*at..].starts_with(prefix)
    });
    starts.filter_map(move |(at, _)| id_at_start(&text[at + prefix.len()..]))
}

/// Two to four capitals, a hyphen and a number without leading zeros.
fn id_at_start(text: &str) -> Option<&str> {
    let area = text.find(|character: char| !character.is_ascii_uppercase())?;
    let number = text[area..].strip_prefix('-')?;
    let digits = number
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(number.len());
    let good = matches!(area, 2..=4) && digits > 0 && !number.starts_with('0');
    // A word that goes on is no id: `CRC-32C` is none.
    let ends = !number[digits..].starts_with(|next: char| next.is_ascii_alphanumeric());
    (good && ends).then(|| &text[..=area + digits])
}

/// All sources of the repository.
///
/// # Panics
/// If they cannot be read.
#[must_use]
pub fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut files);
    assert!(files.len() > 50, "{} files", files.len());
    let read = |path: &PathBuf| fs::read_to_string(path).expect("sources are UTF-8");
    files.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// The names of all functions, tests among them.
#[must_use]
pub fn functions() -> BTreeSet<String> {
    let sources = sources();
    let lines = sources.iter().flat_map(|(_, text)| text.lines());
    let heads = lines.filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
    heads
        .filter_map(|rest| Some(rest.split_once('(')?.0.to_owned()))
        .collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("folders can be listed") {
        let path = entry.expect("folders can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        if path.is_dir() {
            if !name.starts_with('.') && !name.starts_with("target") {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split(" | ").map(str::trim).collect()
}
