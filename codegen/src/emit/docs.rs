//! Comments of an IDL as documentation.

use proc_macro2::TokenStream;
use quote::quote;

/// Who reads a method's documentation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// `lines` as documentation; without any, `otherwise`.
pub(crate) fn docs(lines: &[String], otherwise: &str) -> TokenStream {
    let lines = if lines.iter().all(|line| line.trim().is_empty()) {
        vec![otherwise.to_owned()]
    } else {
        markdown(lines)
    };
    let lines = lines.iter().map(|line| {
        if line.is_empty() {
            String::new()
        } else {
            format!(" {line}")
        }
    });
    quote!(#(#[doc = #lines])*)
}

/// Comments were not written for rustdoc: what would be a link, a tag or a Rust example is made text.
fn markdown(lines: &[String]) -> Vec<String> {
    let mut fenced = false;
    let mut out = Vec::new();
    for line in lines {
        let text = line.trim_start();
        let indent = line.chars().count() - text.chars().count();
        if let Some(language) = text.strip_prefix("```") {
            fenced = !fenced;
            let plain = fenced && language.trim().is_empty();
            out.push(if plain {
                "```text".to_owned()
            } else {
                text.trim_end().to_owned()
            });
        } else if fenced {
            out.push(line.trim_end().to_owned());
        } else {
            // Four columns would make it code.
            out.push(format!("{}{}", " ".repeat(indent.min(3)), plain(text.trim_end())));
        }
    }
    if fenced {
        out.push("```".to_owned());
    }
    out
}

fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut code = false;
    let balanced = text.matches('`').count().is_multiple_of(2);
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            out.push(' ');
        }
        if !code && (word.starts_with("http://") || word.starts_with("https://")) && !word.contains(['<', '>', '`']) {
            out.push_str(&format!("<{word}>"));
            continue;
        }
        for character in word.chars() {
            match character {
                '`' if balanced => code = !code,
                '<' | '>' | '[' | ']' | '`' if !code => out.push('\\'),
                _ => {}
            }
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::markdown;

    #[test]
    fn comments_become_plain_markdown() {
        let lines = [
            "Takes a list<T> or [a, b]; see https://x.y/z.",
            "      indented",
            "`list<T>` stays, an odd ` does not",
            "`list<T>` stays",
            "```",
            "let x = [1];",
        ];
        let expected = [
            "Takes a list\\<T\\> or \\[a, b\\]; see <https://x.y/z.>",
            "   indented",
            "\\`list\\<T\\>\\` stays, an odd \\` does not",
            "`list<T>` stays",
            "```text",
            "let x = [1];",
            "```",
        ];
        assert_eq!(markdown(&lines.map(str::to_owned)), expected);
    }
}
