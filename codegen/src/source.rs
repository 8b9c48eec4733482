//! IDL texts and places in them.

/// An IDL file that has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(u32);

/// A piece of an IDL file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    pub(crate) file: FileId,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// All IDL files of one run.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    files: Vec<Source>,
}

/// One IDL file.
#[derive(Debug)]
pub(crate) struct Source {
    /// How the file is called in reports.
    pub(crate) name: String,
    pub(crate) text: String,
    /// Offset of each line's first byte.
    lines: Vec<u32>,
}

/// Where a span begins, for people: line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Sources {
    pub(crate) fn add(&mut self, name: String, text: String) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source::new(name, text));
        id
    }

    pub(crate) fn get(&self, file: FileId) -> &Source {
        &self.files[file.0 as usize]
    }
}

impl Source {
    fn new(name: String, text: String) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).map(offset).collect();
        Self { name, text, lines }
    }

    /// Index of the line that holds the byte at `offset`.
    pub(crate) fn line_of(&self, offset: u32) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The text of line `index`, without its line break.
    pub(crate) fn line(&self, index: usize) -> &str {
        let start = self.lines.get(index).map_or(self.text.len(), |start| *start as usize);
        let end = self.lines.get(index + 1).map_or(self.text.len(), |next| *next as usize);
        self.text
            .get(start..end)
            .unwrap_or_default()
            .trim_end_matches(['\n', '\r'])
    }

    pub(crate) fn location(&self, offset: u32) -> Location {
        let line = self.line_of(offset);
        let start = self.lines.get(line).copied().unwrap_or_default();
        let before = self.text.get(start as usize..offset as usize).unwrap_or_default();
        Location {
            line: line + 1,
            column: before.chars().count() + 1,
        }
    }

    pub(crate) fn slice(&self, span: Span) -> &str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }
}

impl Span {
    pub(crate) fn new(file: FileId, start: usize, end: usize) -> Self {
        Self {
            file,
            start: offset(start),
            end: offset(end),
        }
    }

    /// From the start of `self` to the end of `last`.
    pub(crate) fn to(self, last: Self) -> Self {
        Self {
            end: last.end.max(self.end),
            ..self
        }
    }
}

/// Files are far smaller than 4 GiB: [`MAX_FILE`] is checked when one is read.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Larger files are refused.
pub(crate) const MAX_FILE: usize = 16 * 1024 * 1024;
