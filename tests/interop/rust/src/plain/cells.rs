//! The list of cells.

use super::fetch::{Fetch, Page};

/// One cell, run over each version of HTTP.
pub(super) struct Cell {
    pub(super) name: &'static str,
    pub(super) step: Step,
}

/// What is done.
pub(super) enum Step {
    /// One request, its status, and what else is expected of the answer.
    Fetch {
        fetch: Fetch,
        status: u16,
        check: fn(&Page) -> Result<(), String>,
    },
    /// Requests one after the other.
    KeepsConnection,
    /// So many at once.
    AtOnce(usize),
    /// A request that the client gives up.
    GivesUp,
    /// A request runs while the server stops.
    StopWhileRunning,
}

impl Cell {
    pub(super) fn stops_server(&self) -> bool {
        matches!(self.step, Step::StopWhileRunning)
    }
}

pub(super) fn cells() -> Vec<Cell> {
    let fetch = |name, fetch, status, check| Cell {
        name,
        step: Step::Fetch { fetch, status, check },
    };
    let post = || Fetch::new("POST", "/echo");
    let step = |name, step| Cell { name, step };
    vec![
        fetch("page", Fetch::get("/page?a=b"), 200, |page| text(page, "a page\n")),
        fetch("missing page", Fetch::get("/nowhere"), 404, |page| {
            text(page, "nothing here\n")
        }),
        fetch("any method", Fetch::new("PROPFIND", "/page"), 200, |page| {
            text(page, "a page\n")
        }),
        fetch("head", Fetch::new("HEAD", "/page"), 200, |page| {
            same(
                "content-length",
                page.headers.get("content-length").map(String::as_str),
                Some("7"),
            )?;
            same("length", page.length, 0)
        }),
        fetch("many fields", many_fields(Fetch::get("/page")), 200, |page| {
            text(page, "a page\n")
        }),
        fetch("body", post().of(100), 200, |page| echoed(page, 100)),
        fetch("body of unknown length", post().of(100_000).chunked(), 200, |page| {
            echoed(page, 100_000)
        }),
        fetch("body of 1 MiB", post().of(MIB), 200, |page| echoed(page, MIB)),
        fetch("body of 3 MiB in pieces", post().of(3 * MIB).chunked(), 200, |page| {
            echoed(page, 3 * MIB)
        }),
        fetch("body asked for", post().of(MIB).expecting(), 200, |page| {
            same("asked for the body", page.continued, true)?;
            echoed(page, MIB)
        }),
        step("keeps its connection", Step::KeepsConnection),
        step("at once", Step::AtOnce(50)),
        step("gives up", Step::GivesUp),
        step("stop while running", Step::StopWhileRunning),
    ]
}

fn many_fields(fetch: Fetch) -> Fetch {
    fetch
        .header("Authorization", "Bearer 7")
        .header("Cookie", "a=1; b=2; c=3")
        .header("X-Long", LONG)
        .header("X-Empty", "")
}

fn text(page: &Page, expected: &str) -> Result<(), String> {
    same("text", page.text.as_str(), expected)
}

fn echoed(page: &Page, size: usize) -> Result<(), String> {
    same("length", page.length, size)?;
    same("the same bytes", page.same, true)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?}, want {expected:?}"))
    }
}

const MIB: usize = 1024 * 1024;
const LONG: &str =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
