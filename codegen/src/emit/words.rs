//! Names of an IDL as Rust writes them.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span};

/// `HTTPServer`, `httpServer` and `http_server` are all `http_server`.
pub(crate) fn snake(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, character) in characters.iter().enumerate() {
        if character.is_ascii_uppercase() && at > 0 {
            let before = characters[at - 1];
            let after = characters.get(at + 1);
            let begins_word = before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase));
            if begins_word {
                out.push('_');
            }
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

/// As [`snake`], in capitals.
pub(crate) fn screaming(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// For types: `my_type` and `myType` are `MyType`; `HTTPServer` stays.
pub(crate) fn camel(name: &str) -> String {
    let capitals = !name.chars().any(|c| c.is_ascii_lowercase()) && name.contains('_');
    words(name, capitals)
}

/// For enum values: as [`camel`], and `RED` is `Red`.
pub(crate) fn variant(name: &str) -> String {
    let capitals = !name.chars().any(|c| c.is_ascii_lowercase());
    words(name, capitals)
}

fn words(name: &str, capitals: bool) -> String {
    let mut out = String::new();
    for word in name.split('_').filter(|word| !word.is_empty()) {
        let digits = out.ends_with(|c: char| c.is_ascii_digit()) && word.starts_with(|c: char| c.is_ascii_digit());
        if digits {
            out.push('_');
        }
        let (first, rest) = word.split_at(1);
        out.push_str(&first.to_ascii_uppercase());
        out.push_str(&if capitals {
            rest.to_ascii_lowercase()
        } else {
            rest.to_owned()
        });
    }
    match out.chars().next() {
        None => "Underscore".to_owned(),
        Some('0'..='9') => format!("N{out}"),
        Some(_) => out,
    }
}

/// Names that are taken in one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    names: BTreeSet<String>,
}

impl Taken {
    pub(crate) fn new(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// `name`, or if it is taken, with the first number behind `joint` that makes it free. The name is taken then.
    pub(crate) fn unique(&mut self, name: &str, joint: &str) -> String {
        let numbered = (2_u32..).map(|number| format!("{name}{joint}{number}"));
        let free = std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|name| !self.names.contains(name));
        let free = free.unwrap_or_else(|| name.to_owned());
        self.names.insert(free.clone());
        free
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

/// An identifier; a keyword becomes a raw one, or gets an underscore where it cannot.
pub(crate) fn ident(name: &str) -> Ident {
    if matches!(name, "self" | "Self" | "super" | "crate" | "_") {
        return Ident::new(&format!("{name}_"), Span::call_site());
    }
    if KEYWORDS.contains(&name) {
        return Ident::new_raw(name, Span::call_site());
    }
    Ident::new(name, Span::call_site())
}

/// Keywords of every edition.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_rust() {
        for (name, fields, types, values) in [
            ("text", "text", "Text", "Text"),
            ("f_i32", "f_i32", "FI32", "FI32"),
            ("serverStream", "server_stream", "ServerStream", "ServerStream"),
            ("EchoA", "echo_a", "EchoA", "EchoA"),
            ("Echo1", "echo1", "Echo1", "Echo1"),
            ("HTTPServer", "http_server", "HTTPServer", "HTTPServer"),
            ("userID", "user_id", "UserID", "UserID"),
            ("RED", "red", "RED", "Red"),
            ("DARK_BLUE", "dark_blue", "DarkBlue", "DarkBlue"),
            ("V_1_2", "v_1_2", "V1_2", "V1_2"),
            ("_1", "_1", "N1", "N1"),
            ("_", "_", "Underscore", "Underscore"),
            ("a2B", "a2_b", "A2B", "A2B"),
        ] {
            assert_eq!(
                (snake(name).as_str(), camel(name).as_str(), variant(name).as_str()),
                (fields, types, values)
            );
        }
        assert_eq!(screaming("PingPong"), "PING_PONG");
        assert_eq!(
            (ident("type").to_string(), ident("self").to_string()),
            ("r#type".to_owned(), "self_".to_owned())
        );
    }

    #[test]
    fn taken_names_get_numbers() {
        let mut taken = Taken::new(&["new"]);
        assert_eq!(taken.unique("new", "_"), "new_2");
        assert_eq!(taken.unique("Foo", ""), "Foo");
        assert_eq!(taken.unique("Foo", ""), "Foo2");
        assert!(taken.holds("Foo2") && !taken.holds("Foo3"));
    }
}
