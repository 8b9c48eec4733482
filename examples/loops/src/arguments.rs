//! The command line of the examples: `--name value` options, and words.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

/// What was asked for.
#[derive(Debug, Default)]
pub struct Arguments {
    options: BTreeMap<String, String>,
    /// Everything that is no option.
    pub words: Vec<String>,
}

impl Arguments {
    /// Reads the command line; every option is one of `known` and has a value.
    ///
    /// # Errors
    /// What is wrong, with the usage.
    pub fn read(known: &[&str], usage: &str) -> Result<Self, String> {
        let mut arguments = Self::default();
        let mut given = std::env::args().skip(1);
        while let Some(word) = given.next() {
            match word.strip_prefix("--") {
                None => arguments.words.push(word),
                Some(name) if known.contains(&name) => {
                    let value = given.next().ok_or(format!("{word} needs a value\nusage: {usage}"))?;
                    arguments.options.insert(name.to_owned(), value);
                }
                Some(_) => return Err(format!("unknown option {word}\nusage: {usage}")),
            }
        }
        Ok(arguments)
    }

    /// The value of an option.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// The value of an option that is a number, or `otherwise`.
    ///
    /// # Errors
    /// When it is no number that fits.
    pub fn number<T: std::str::FromStr>(&self, name: &str, otherwise: T) -> Result<T, String> {
        match self.text(name) {
            None => Ok(otherwise),
            Some(text) => text
                .parse()
                .map_err(|_| format!("--{name}: {text} is no number for it")),
        }
    }

    /// The loopback address with the port of `--port`; without one, port 0 takes any that is free.
    ///
    /// # Errors
    /// When it is no port.
    pub fn address(&self) -> Result<SocketAddr, String> {
        Ok((Ipv4Addr::LOCALHOST, self.number("port", 0)?).into())
    }
}
