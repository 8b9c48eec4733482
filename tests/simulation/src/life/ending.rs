//! How a world ends: the storm is over, nobody has anything left to do, and the servers stop.

use std::sync::Arc;
use std::time::Duration;

use kitewire::{Runtime, ServerHandle};
use kitewire_simulator::{Faults, Simulated};

use super::Town;
use crate::book::Book;
use crate::plan::MEMORY;
use crate::property::Property;
use crate::tools::within;

impl Town {
    /// Nothing goes wrong any more. What has fallen silent stays so, or both ends are told.
    pub(super) fn end_storm(&mut self) {
        self.net.heal_all();
        self.net.set_faults(Faults::none());
        self.silent = self.net.connections();
        self.silent.retain(|connection| connection.silent);
        if !self.silent.is_empty() && self.random.one_in(2) {
            for connection in self.silent.drain(..) {
                self.net.reset(connection.id);
            }
        }
    }

    /// Whether somebody on `host` may wait for a silent connection, there or behind another server.
    fn may_wait(&self, host: &Simulated) -> bool {
        let name = host.name();
        let is_server = |name: &str| self.posts.iter().any(|post| post.host.name() == name);
        self.silent
            .iter()
            .any(|silent| [&*silent.client, &*silent.server].contains(&&*name) || is_server(&silent.client))
    }

    /// All callers have their ends: nothing is left to be done.
    pub(super) async fn settle(&self) {
        self.clock.sleep(QUIET + self.scene.max_pause * 8).await;
        let running = self.book.running();
        if running > 0 && self.silent.is_empty() {
            let what = format!("{running} handlers run on:{}", self.book.at_work());
            self.book.violate(Property::Handlers, what);
            return;
        }
        for post in &self.posts {
            let Some(standing) = &post.standing else { continue };
            if self.may_wait(&post.host) {
                continue;
            }
            let stats = standing.handle.stats();
            let server = post.server;
            if stats.calls > 0 {
                self.book
                    .violate(Property::Idle, format!("server {server} is idle, and tells {stats:?}"));
            } else if stats.withheld > 0 {
                self.book.violate(
                    Property::Credit,
                    format!("server {server} is idle, and tells {stats:?}"),
                );
            } else if stats.memory > 0 {
                self.book.violate(
                    Property::Memory,
                    format!("server {server} is idle, and tells {stats:?}"),
                );
            }
        }
        for client in &self.clients {
            let stats = client.caller.stats();
            if self.may_wait(&client.runtime) {
                continue;
            }
            if stats.calls > 0 || stats.memory > 0 || stats.withheld > 0 {
                let what = format!("a client is idle, and tells {stats:?}: {:?}", client.caller.line());
                self.book.violate(Property::Credit, what);
            }
        }
    }

    /// Every server stops, and has to do so in time.
    pub(super) async fn close(&mut self) {
        let told = self.silent.is_empty();
        for post in &mut self.posts {
            let patience = self.random.duration(&(Duration::ZERO..=Duration::from_secs(4)));
            self.book.stopping(post.server, patience);
            let ended = post.stop(patience, &self.book).await;
            if told && !patience.is_zero() && matches!(ended, Some(Ok(Err(_)))) {
                let what = format!("server {} had no calls, and left some: {ended:?}", post.server);
                self.book.violate(Property::Shutdown, what);
            }
        }
        self.clock.sleep(QUIET + self.scene.max_pause * 8).await;
        let running = self.book.running();
        if running > 0 && told {
            let what = format!("{running} handlers outlive their servers:{}", self.book.at_work());
            self.book.violate(Property::Handlers, what);
        }
    }
}

/// Looks how much the connections of a server hold, until it ends: often at first, when most happens.
pub(super) async fn watch(runtime: Simulated, handle: ServerHandle, book: Arc<Book>) {
    let begun = runtime.now();
    let pause = || (runtime.now().saturating_since(begun) / LOOKS).clamp(SHORTEST_LOOK, LONGEST_LOOK);
    while within(&runtime, pause(), handle.wait()).await.is_none() {
        let stats = handle.stats();
        if stats.memory > stats.connections * (MEMORY + MESSAGE) {
            book.violate(Property::Memory, format!("{} tells {stats:?}", runtime.name()));
            return;
        }
    }
}

/// A server is looked at again when it is older by one part of so many.
const LOOKS: u32 = 40;
const SHORTEST_LOOK: Duration = Duration::from_millis(4);
const LONGEST_LOOK: Duration = Duration::from_secs(2);
/// A message that was let in as the last one.
const MESSAGE: usize = 256 * 1024;
/// How long handlers may take to hear that nobody waits any more.
const QUIET: Duration = Duration::from_secs(3);
