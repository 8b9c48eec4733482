//! Reading an IDL file and all it includes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::ast::File;
use super::parser::parse;
use crate::report::{Problem, Problems};
use crate::source::{FileId, MAX_FILE, Sources, Span};

/// An IDL file in [`load`]'s result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UnitId(pub(crate) usize);

/// An IDL file and what it includes.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    /// By the name that stands before the dot, such as `base` for `include "../base.thrift"`.
    pub(crate) includes: BTreeMap<String, UnitId>,
    /// Names of included files that could not be read, which has been reported.
    pub(crate) missing: BTreeSet<String>,
}

/// Where IDL files come from: the disk, and files in memory before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    memory: BTreeMap<PathBuf, String>,
    /// Folders in which included files are looked for, after the one of the including file.
    pub(crate) folders: Vec<PathBuf>,
}

impl Files {
    pub(crate) fn insert(&mut self, path: &Path, text: String) {
        self.memory.insert(normal(path), text);
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        if let Some(text) = self.memory.get(&normal(path)) {
            return Ok(text.clone());
        }
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        if bytes.len() > MAX_FILE {
            return Err(format!("{} bytes are more than an IDL file may have", bytes.len()));
        }
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
    }

    fn find(&self, path: &str, from: &Path) -> Option<PathBuf> {
        let beside = from.parent().unwrap_or(Path::new("")).join(path);
        let others = self.folders.iter().map(|folder| folder.join(path));
        std::iter::once(beside)
            .chain(others)
            .chain([PathBuf::from(path)])
            .map(|path| normal(&path))
            .find(|path| self.memory.contains_key(path) || path.is_file())
    }
}

/// Reads `path` and all it includes, directly or not. The first unit is `path` itself; included ones come after those
/// that include them.
pub(crate) fn load(
    path: &Path,
    files: &Files,
    sources: &mut Sources,
    problems: &mut Problems,
) -> Result<Vec<Unit>, String> {
    let path = normal(path);
    let text = files
        .read(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut loader = Loader {
        files,
        sources,
        problems,
        units: Vec::new(),
        known: BTreeMap::new(),
    };
    loader.unit(path, text);
    let mut next = 0;
    while next < loader.units.len() {
        loader.includes(UnitId(next));
        next += 1;
    }
    loader.cycles();
    Ok(loader.units)
}

struct Loader<'a> {
    files: &'a Files,
    sources: &'a mut Sources,
    problems: &'a mut Problems,
    units: Vec<Unit>,
    known: BTreeMap<PathBuf, UnitId>,
}

impl Loader<'_> {
    fn unit(&mut self, path: PathBuf, text: String) -> UnitId {
        let file: FileId = self.sources.add(path.display().to_string(), text);
        let file = parse(file, self.sources, self.problems);
        let id = UnitId(self.units.len());
        self.known.insert(path.clone(), id);
        self.units.push(Unit {
            path,
            file,
            includes: BTreeMap::new(),
            missing: BTreeSet::new(),
        });
        id
    }

    fn includes(&mut self, id: UnitId) {
        let includes: Vec<(String, Span)> = self.units[id.0]
            .file
            .includes
            .iter()
            .map(|include| (include.path.clone(), include.span))
            .collect();
        let mut spans: BTreeMap<String, Span> = BTreeMap::new();
        for (path, span) in includes {
            let Some(unit) = self.include(id, &path, span) else {
                self.units[id.0].missing.insert(stem(Path::new(&path)));
                continue;
            };
            let name = stem(&self.units[unit.0].path);
            match self.units[id.0].includes.insert(name.clone(), unit) {
                Some(other) if other != unit => {
                    let first = spans.get(&name).copied().unwrap_or(span);
                    let problem = Problem::new(span, format!("two included files are both called `{name}`"))
                        .note(first, "the first one is included here");
                    self.problems.push(problem);
                }
                _ => {
                    spans.insert(name, span);
                }
            }
        }
    }

    fn include(&mut self, from: UnitId, path: &str, span: Span) -> Option<UnitId> {
        let Some(found) = self.files.find(path, &self.units[from.0].path) else {
            let problem = Problem::new(span, format!("cannot find the included file `{path}`"))
                .help("it is looked for beside this file, then in the include folders");
            self.problems.push(problem);
            return None;
        };
        if let Some(&known) = self.known.get(&found) {
            return Some(known);
        }
        if self.units.len() >= MAX_UNITS {
            self.problems
                .push(Problem::new(span, format!("more than {MAX_UNITS} IDL files")));
            return None;
        }
        match self.files.read(&found) {
            Ok(text) => Some(self.unit(found, text)),
            Err(error) => {
                self.problems
                    .push(Problem::new(span, format!("cannot read `{path}`: {error}")));
                None
            }
        }
    }

    /// Reports each include that leads back to where it came from.
    fn cycles(&mut self) {
        let mut state = vec![Visit::New; self.units.len()];
        let mut found = Vec::new();
        // Each entry: a unit, and how many of its includes have been followed.
        let mut path: Vec<(UnitId, usize)> = Vec::new();
        if !self.units.is_empty() {
            path.push((UnitId(0), 0));
            state[0] = Visit::Open;
        }
        while let Some((unit, followed)) = path.last_mut() {
            let Some(next) = self.units[unit.0].includes.values().nth(*followed).copied() else {
                state[unit.0] = Visit::Done;
                path.pop();
                continue;
            };
            let from = *unit;
            *followed += 1;
            match state[next.0] {
                Visit::New => {
                    state[next.0] = Visit::Open;
                    path.push((next, 0));
                }
                Visit::Open => found.push((from, next)),
                Visit::Done => {}
            }
        }
        for (from, to) in found {
            let Some(span) = self.include_span(from, to) else {
                continue;
            };
            let name = self.units[to.0].path.display();
            let problem = Problem::new(span, "include cycle").label(format!("leads back to {name}"));
            self.problems.push(problem);
        }
    }

    fn include_span(&self, from: UnitId, to: UnitId) -> Option<Span> {
        let unit = &self.units[from.0];
        let leads = |path: &str| {
            self.files
                .find(path, &unit.path)
                .is_some_and(|path| path == self.units[to.0].path)
        };
        unit.file
            .includes
            .iter()
            .find(|include| leads(&include.path))
            .map(|include| include.span)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    New,
    Open,
    Done,
}

/// The file's name without folders and `.thrift`.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// `path` without `.` and, where possible, `..`.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.components().next_back(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

/// More files than any IDL has.
const MAX_UNITS: usize = 4096;
