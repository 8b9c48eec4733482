//! From text to tokens. Comments are kept beside the tokens.

use crate::report::{Problem, Problems};
use crate::source::{FileId, Source, Span};

/// The tokens of a file; the last one is [`TokenKind::End`].
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) tokens: Vec<Token>,
    pub(super) comments: Vec<Comment>,
    /// A string or comment has no end, so that the rest of the file is missing.
    pub(super) cut: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
    /// How many comments stand before it in the file.
    pub(super) comments: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// The text is in the source.
    Name,
    Int(i64),
    Double(f64),
    /// Without quotes, escapes resolved.
    Literal(String),
    Mark(char),
    End,
}

/// A comment, its lines without the marks around them.
#[derive(Debug)]
pub(super) struct Comment {
    pub(super) lines: Vec<String>,
    pub(super) first_line: usize,
    pub(super) last_line: usize,
}

pub(super) fn tokens(file: FileId, source: &Source, problems: &mut Problems) -> Tokens {
    let mut lexer = Lexer {
        file,
        source,
        rest: &source.text,
        comments: Vec::new(),
        cut: false,
        problems,
    };
    let mut tokens = Vec::new();
    lexer.rest = lexer.rest.strip_prefix('\u{feff}').unwrap_or(lexer.rest);
    while let Some(token) = lexer.next() {
        tokens.push(token);
        if lexer.problems.is_full() {
            break;
        }
    }
    let end = source.text.trim_end().len();
    let end = Span::new(file, end, end);
    tokens.push(Token {
        kind: TokenKind::End,
        span: end,
        comments: lexer.comments.len(),
    });
    Tokens {
        tokens,
        comments: lexer.comments,
        cut: lexer.cut,
    }
}

struct Lexer<'a> {
    file: FileId,
    source: &'a Source,
    rest: &'a str,
    comments: Vec<Comment>,
    cut: bool,
    problems: &'a mut Problems,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<Token> {
        loop {
            self.rest = self.rest.trim_start();
            let start = self.position();
            let first = self.rest.chars().next()?;
            if self.comment(start) {
                continue;
            }
            let kind = match first {
                'A'..='Z' | 'a'..='z' | '_' => {
                    self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
                    TokenKind::Name
                }
                '"' | '\'' => self.literal(first, start),
                '0'..='9' => self.number(start),
                '+' | '-' | '.' if self.rest[1..].starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
                    self.number(start)
                }
                '{' | '}' | '(' | ')' | '[' | ']' | '<' | '>' | ',' | ';' | ':' | '=' | '*' | '@' => {
                    self.rest = &self.rest[1..];
                    TokenKind::Mark(first)
                }
                other => {
                    self.rest = &self.rest[other.len_utf8()..];
                    self.problem(start, format!("unexpected character `{}`", other.escape_debug()));
                    continue;
                }
            };
            return Some(Token {
                kind,
                span: self.since(start),
                comments: self.comments.len(),
            });
        }
    }

    /// Passes over a comment, if one starts here.
    fn comment(&mut self, start: usize) -> bool {
        let (lines, len) = if let Some(text) = self.rest.strip_prefix("/*") {
            let len = text.find("*/");
            if len.is_none() {
                self.cut = true;
                self.problem(start, "the comment has no end");
            }
            let text = &text[..len.unwrap_or(text.len())];
            (block_lines(text), len.map_or(self.rest.len(), |len| len + 4))
        } else if let Some(text) = self.rest.strip_prefix("//").or_else(|| self.rest.strip_prefix('#')) {
            let text = text.split(['\n', '\r']).next().unwrap_or_default();
            let mark = if self.rest.starts_with('#') { 1 } else { 2 };
            let shown = text.trim_start_matches('/');
            (
                vec![shown.strip_prefix(' ').unwrap_or(shown).trim_end().to_owned()],
                mark + text.len(),
            )
        } else {
            return false;
        };
        self.rest = &self.rest[len..];
        let span = self.since(start);
        self.comments.push(Comment {
            lines,
            first_line: self.source.line_of(span.start),
            last_line: self.source.line_of(span.end.saturating_sub(1)),
        });
        true
    }

    /// A string in quotes. As in the wild, the usual escapes are known, and a backslash before anything else is one.
    fn literal(&mut self, quote: char, start: usize) -> TokenKind {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        let mut end = None;
        while let Some((at, character)) = characters.next() {
            if character == quote {
                end = Some(at + 1);
                break;
            }
            if character != '\\' {
                text.push(character);
                continue;
            }
            match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, 't')) => text.push('\t'),
                Some((_, escaped @ ('\\' | '"' | '\''))) => text.push(escaped),
                Some((_, other)) => text.extend(['\\', other]),
                None => {}
            }
        }
        self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
        if end.is_none() {
            self.cut = true;
            self.problem(start, "the string has no closing quote");
        }
        TokenKind::Literal(text)
    }

    fn number(&mut self, start: usize) -> TokenKind {
        let sign = usize::from(self.rest.starts_with(['+', '-']));
        self.rest = &self.rest[sign..];
        let radix = match self.rest.get(..2) {
            Some("0x" | "0X") => 16,
            Some("0o" | "0O") => 8,
            _ => 10,
        };
        let mut previous = '0';
        self.take(|c| {
            let exponent = radix == 10 && matches!(previous, 'e' | 'E') && matches!(c, '+' | '-');
            previous = c;
            exponent || c.is_ascii_alphanumeric() || matches!(c, '.' | '_')
        });
        let text = &self.source.text[start..self.position()];
        let digits = &text[sign..];
        let float = radix == 10 && digits.contains(['.', 'e', 'E']);
        if float {
            let ends_in_digit = digits.ends_with(|c: char| c.is_ascii_digit());
            return match text.parse() {
                Ok(value) if ends_in_digit && f64::is_finite(value) => TokenKind::Double(value),
                Ok(_) if ends_in_digit => self.bad_number(start, "number is too large for a double"),
                _ => self.bad_number(start, "malformed number"),
            };
        }
        if radix == 10 && digits.len() > 1 && digits.starts_with('0') {
            return self.bad_number(start, "a leading zero means octal to some tools and nothing to others");
        }
        let digits = if radix == 10 { digits } else { &digits[2..] };
        let digits = if text.starts_with('-') {
            format!("-{digits}")
        } else {
            digits.to_owned()
        };
        match i64::from_str_radix(&digits, radix) {
            Ok(value) => TokenKind::Int(value),
            Err(error)
                if matches!(
                    error.kind(),
                    std::num::IntErrorKind::InvalidDigit | std::num::IntErrorKind::Empty
                ) =>
            {
                self.bad_number(start, "malformed number")
            }
            Err(_) => self.bad_number(start, "number does not fit 64 bits"),
        }
    }

    fn bad_number(&mut self, start: usize, message: &str) -> TokenKind {
        self.problem(start, message);
        TokenKind::Int(0)
    }

    fn take(&mut self, mut belongs: impl FnMut(char) -> bool) {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
    }

    fn position(&self) -> usize {
        self.source.text.len() - self.rest.len()
    }

    fn since(&self, start: usize) -> Span {
        Span::new(self.file, start, self.position())
    }

    fn problem(&mut self, start: usize, message: impl Into<String>) {
        let span = self.since(start);
        self.problems.push(Problem::new(span, message));
    }
}

/// The lines of a block comment, without the column of stars that many have.
fn block_lines(text: &str) -> Vec<String> {
    let text = text.trim_start_matches('*');
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| {
            let line = line.trim();
            let line = line.strip_prefix('*').unwrap_or(line);
            line.strip_prefix(' ').unwrap_or(line).to_owned()
        })
        .collect();
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    let blank = lines.iter().take_while(|line| line.trim().is_empty()).count();
    lines.drain(..blank);
    lines
}
