//! The recorded connections in `vectors/`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One file of `vectors/`.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Folder and file name.
    pub file: String,
    /// All of it.
    pub json: Value,
}

/// One recorded connection: a file, or a case of an `edge-*` file.
#[derive(Clone, Debug)]
pub struct Connection<'a> {
    /// File and case, for failure messages.
    pub name: String,
    /// The object that holds it, with its `about`, `varies`, `server_options` and so on.
    pub json: &'a Value,
    /// What happened, in order.
    pub steps: Vec<Step<'a>>,
}

/// One entry of a connection.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// Connection and position, for failure messages.
    pub name: String,
    /// `client` or `server`.
    pub from: &'a str,
    /// The bytes sent; `None`: this side closed the connection.
    pub bytes: Option<Vec<u8>>,
    /// What they mean, if they are one good frame.
    pub decoded: Option<&'a Value>,
}

/// Where the files are.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// All files of a folder, by name.
///
/// # Panics
/// If the folder is empty, or a file cannot be read.
#[must_use]
pub fn folder(folder: &str) -> Vec<Vector> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder exists");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("the folder can be listed").file_name())
        .map(|name| name.into_string().expect("names are UTF-8"))
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no vectors in {folder}");
    names
        .into_iter()
        .map(|name| {
            let text = fs::read_to_string(root().join(folder).join(&name)).expect("the file can be read");
            let file = format!("{folder}/{name}");
            let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            Vector { file, json }
        })
        .collect()
}

impl Vector {
    /// The connections of the file: itself, or its cases.
    ///
    /// # Panics
    /// If the file is not of the form that the README describes.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection<'_>> {
        match self.json.get("cases") {
            None => vec![Connection::new(self.file.clone(), &self.json)],
            Some(cases) => cases
                .as_array()
                .expect("cases are a list")
                .iter()
                .map(|case| {
                    let name = case["name"].as_str().expect("a case has a name");
                    Connection::new(format!("{} {name}", self.file), case)
                })
                .collect(),
        }
    }
}

impl<'a> Connection<'a> {
    fn new(name: String, json: &'a Value) -> Self {
        let entries = json["connection"]
            .as_array()
            .unwrap_or_else(|| panic!("{name}: no connection"));
        let steps = entries
            .iter()
            .enumerate()
            .map(|(index, entry)| Step::new(format!("{name} #{index}"), entry))
            .collect();
        Self { name, json, steps }
    }
}

impl<'a> Step<'a> {
    fn new(name: String, entry: &'a Value) -> Self {
        let from = entry["from"].as_str().unwrap_or_else(|| panic!("{name}: from whom?"));
        assert!(matches!(from, "client" | "server"), "{name}: from {from}");
        let bytes = match entry.get("hex") {
            Some(hex) => Some(unhex(hex.as_str().expect("hex is text"))),
            None => {
                assert_eq!(entry["close"], Value::Bool(true), "{name}: neither bytes nor a close");
                None
            }
        };
        Self {
            name,
            from,
            bytes,
            decoded: entry.get("decoded").filter(|decoded| !decoded.is_null()),
        }
    }
}

/// Bytes from hex digits.
///
/// # Panics
/// If there is anything else.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd number of digits");
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("digits are ASCII");
            u8::from_str_radix(pair, 16).expect("digits are hex")
        })
        .collect()
}

/// Hex digits of bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
