//! Thrift IDL: from text to syntax trees.

pub(crate) mod ast;
mod lexer;
mod loader;
mod parser;

pub(crate) use loader::{Files, Unit, UnitId, load, stem};
