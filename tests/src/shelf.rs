//! Recordings of a server's connections, kept in memory.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Files by the number of their connection.
#[derive(Clone, Debug, Default)]
pub struct Shelf(Arc<Mutex<BTreeMap<u64, Vec<u8>>>>);

/// A file that is being written.
#[derive(Debug)]
struct File {
    shelf: Shelf,
    number: u64,
}

impl Shelf {
    /// A new file.
    #[must_use]
    pub fn file(&self, number: u64) -> impl Write + Send + 'static {
        let before = self.0.lock().unwrap().insert(number, Vec::new());
        assert_eq!(before, None, "two connections with one number");
        let shelf = self.clone();
        File { shelf, number }
    }

    /// What has been written so far.
    #[must_use]
    pub fn files(&self) -> BTreeMap<u64, Vec<u8>> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut files = self.shelf.0.lock().unwrap();
        files.get_mut(&self.number).unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
