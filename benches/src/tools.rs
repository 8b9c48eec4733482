//! Programs that a measurement needs beside the Rust toolchain.

use std::path::{Path, PathBuf};

/// A program that may be missing.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name on the path.
    pub name: &'static str,
    /// How to get it.
    pub advice: &'static str,
}

impl Tool {
    /// Whether it can be started.
    #[must_use]
    pub fn is_present(&self) -> bool {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).any(|folder| folder.join(self.name).is_file())
    }

    /// What to print where it is missing.
    #[must_use]
    pub fn missing(&self) -> String {
        format!("`{}` is missing; get it {}", self.name, self.advice)
    }
}

/// Counts instructions.
pub const VALGRIND: Tool = Tool {
    name: "valgrind",
    advice: "with `apt-get install valgrind` or your system's equivalent",
};
/// Counts system calls.
pub const STRACE: Tool = Tool {
    name: "strace",
    advice: "with `apt-get install strace` or your system's equivalent",
};
/// Builds the Kitex peer.
pub const GO: Tool = Tool {
    name: "go",
    advice: "from https://go.dev/dl (1.24 or later)",
};
/// Pins processes to cores.
pub const TASKSET: Tool = Tool {
    name: "taskset",
    advice: "with `apt-get install util-linux` or your system's equivalent",
};

/// The folder of this crate.
#[must_use]
pub fn benches_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo puts what it builds: found from where this very program was put.
#[must_use]
pub fn target_folder() -> PathBuf {
    let built = std::env::current_exe().ok();
    built
        .as_deref()
        .and_then(Path::parent)
        .and_then(Path::parent)
        .map_or_else(|| benches_folder().join("../target"), Path::to_path_buf)
}
