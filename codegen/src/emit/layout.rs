//! From tokens to text as a person would lay it out.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use crate::Error;

/// `items` in a module of their own, for lint attributes, which an included file cannot have itself.
pub(super) fn wrapped(items: &TokenStream) -> TokenStream {
    quote! {
        #[allow(unused_imports, unreachable_pub, reason = "what is used of this file is not known here")]
        pub use generated::*;

        #[allow(
            dead_code,
            unreachable_pub,
            clippy::large_enum_variant,
            clippy::result_large_err,
            clippy::too_many_lines,
            clippy::type_complexity,
            clippy::use_self,
            reason = "what is here, and how large, is decided by the IDL"
        )]
        mod generated {
            #items
        }
    }
}

/// `items` as the text of a file that was made of `source`.
pub(crate) fn formatted(source: &str, items: &TokenStream) -> Result<String, Error> {
    let file: syn::File = syn::parse2(items.clone())
        .map_err(|error| Error::new(format!("error: the code generated for {source} is no Rust: {error}\n")))?;
    let text = prettyplease::unparse(&file);
    Ok(spaced(&format!(
        "// Made by kitewire-build of {source}; changes will be lost.\n\n{text}"
    )))
}

/// Whether `tokens` use the name `name`.
pub(super) fn mentions(tokens: &TokenStream, name: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions(&group.stream(), name),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// Puts an empty line between items.
fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut previous = "";
    for line in text.lines() {
        let trimmed = line.trim_start();
        let begins = BEGINNINGS.iter().any(|beginning| trimmed.starts_with(beginning));
        let ended = previous.trim() == "}"
            || previous.ends_with("{}")
            || previous.ends_with(';') && !trimmed.starts_with("use ");
        let both_short = previous.trim_start().starts_with("type ") && trimmed.starts_with("type ");
        if begins && ended && !both_short {
            out.push('\n');
        }
        out.push_str(line);
        out.push('\n');
        previous = line;
    }
    out
}

const BEGINNINGS: [&str; 8] = ["///", "#[", "pub ", "impl ", "fn ", "const ", "mod ", "type "];
