//! The life of one world: servers begin, clients call, servers stop and come back, and in the end nothing is left.

mod ending;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use kitewire::{Runtime, ServerHandle, Unfinished};
use kitewire_simulator::{ConnectionInfo, Killed, Net, Random, Simulated, Task as Running, World};

use crate::book::Book;
use crate::caller::Caller;
use crate::messages::work::{SideServer, WorkServer};
use crate::messages::workpb::WorkPbServer;
use crate::plan::{Plan, Weather};
use crate::property::{Property, Violation};
use crate::report::Report;
use crate::station::Station;
use crate::task::{Line, Scene, Task};
use crate::tools::Group;

/// The first line in which two lives of the same seed differ: what the first and the second one did.
#[must_use]
pub fn difference(seed: u64) -> Option<(String, String)> {
    let (one, other) = (live(seed, EVERYTHING).1, live(seed, EVERYTHING).1);
    let longest = one.len().max(other.len());
    (0..longest).find_map(|at| {
        let line = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
        (one.get(at) != other.get(at)).then(|| (line(&one), line(&other)))
    })
}

/// A world in which a property does not hold.
#[derive(Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The first property that was seen not to hold.
    pub violation: Violation,
    /// The last lines of its trace, if they were asked for.
    pub log: Vec<String>,
}

/// Lives through the world of `seed`, and keeps the last `log` lines of its trace.
///
/// # Errors
/// A property does not hold.
pub fn run(seed: u64, log: usize) -> Result<Report, Box<Failure>> {
    let fail = |violation, log| Err(Box::new(Failure { seed, violation, log }));
    let lived = catch_unwind(AssertUnwindSafe(|| live(seed, log)));
    match lived {
        Ok((Ok(report), _)) => Ok(report),
        Ok((Err(violation), log)) => fail(violation, log),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let violation = Violation {
                property: Property::Panic,
                what: text.unwrap_or("a panic without words").to_owned(),
            };
            fail(violation, Vec::new())
        }
    }
}

fn live(seed: u64, log: usize) -> (Result<Report, Violation>, Vec<String>) {
    let mut plan = Plan::draw(seed);
    let mut world = plan.world(seed, log);
    let clock = world.host("book");
    let servers: Vec<_> = (0..plan.scene.servers)
        .map(|server| world.host(&format!("server-{server}")))
        .collect();
    let book = Book::new(&clock, &servers, &plan.scene, plan.latency);
    let town = Town::new(&world, &mut plan, &book, &servers);
    let lines = town.lines();
    let ended = world.run_until(town.live(plan.weather));
    if let Err(stuck) = &ended {
        let what = format!("{}: {}{}", stuck.why, book.unfinished(), book.at_work());
        book.violate(Property::Ends, what);
    }
    let left = world.run_for(FAREWELL);
    if ended.is_ok() && left.is_ok() {
        let (tasks, connections) = (world.tasks(), world.net().connections());
        if !tasks.is_empty() || !connections.is_empty() {
            book.violate(
                Property::Tasks,
                format!("{tasks:?} and {connections:?} are left, of {lines:?}"),
            );
        }
        book.check_visits();
    }
    let lines = if log > 0 { world.log(log) } else { Vec::new() };
    let outcome = match book.first_violation() {
        Some(violation) => Err(violation),
        None => Ok(Report::of(seed, &world.trace(), book.take_tally())),
    };
    (outcome, lines)
}

/// Everybody in a world.
struct Town {
    book: Arc<Book>,
    net: Net,
    clock: Simulated,
    posts: Vec<Post>,
    clients: Vec<Household>,
    scene: Scene,
    random: Random,
    /// Connections that nobody has been told of that they are dead: who uses one may wait for ever.
    silent: Vec<ConnectionInfo>,
}

/// A place where a server stands.
struct Post {
    server: usize,
    host: Simulated,
    station: Station,
    /// Makes the server anew, the same each time.
    plan: Random,
    standing: Option<Standing>,
}

/// A server that runs.
struct Standing {
    handle: ServerHandle,
    running: Running<Result<(), Unfinished>>,
}

/// A client with its scripts.
struct Household {
    caller: Arc<Caller>,
    runtime: Simulated,
    scripts: Vec<Vec<(Duration, Task)>>,
}

impl Town {
    fn new(world: &World, plan: &mut Plan, book: &Arc<Book>, hosts: &[Simulated]) -> Self {
        let mut posts = Vec::new();
        for (server, host) in hosts.iter().enumerate() {
            let station = Station::new(server, host, book);
            let next = (server + 1) % hosts.len();
            if next != server {
                let line = plan.line(next);
                if let Ok(client) = plan.client(host, &line, hosts[next].address(PORT), "relay") {
                    station.connect(Caller::new(client, line, host, book));
                }
            }
            let seed = plan.random.fork();
            posts.push(Post {
                server,
                host: host.clone(),
                station,
                plan: seed,
                standing: None,
            });
        }
        let clients = (0..plan.clients).filter_map(|number| Household::new(world, plan, book, hosts, number));
        Self {
            clients: clients.collect(),
            book: Arc::clone(book),
            net: world.net(),
            clock: world.host("book"),
            posts,
            scene: plan.scene,
            random: plan.random.fork(),
            silent: Vec::new(),
        }
    }

    /// How each client reaches its server.
    fn lines(&self) -> Vec<Line> {
        self.clients.iter().map(|client| *client.caller.line()).collect()
    }

    async fn live(mut self, weather: Weather) {
        let mut plan = Plan::draw(self.random.next_u64());
        plan.scene = self.scene;
        for post in &mut self.posts {
            post.begin(&mut plan, &self.book).await;
        }
        let busy = Group::default();
        for client in &mut self.clients {
            client.begin(&busy);
        }
        if weather != Weather::Calm {
            let stops = match weather {
                Weather::Stopping => self.random.index(3) + 1,
                _ => self.random.index(3),
            };
            for _ in 0..stops {
                self.disturb(&mut plan, weather).await;
            }
        }
        busy.wait().await;
        self.end_storm();
        self.settle().await;
        let early = self.random.one_in(2);
        if early {
            self.clients.clear();
        }
        self.close().await;
        self.clients.clear();
    }

    /// One server goes for a while.
    async fn disturb(&mut self, plan: &mut Plan, weather: Weather) {
        let wait = self.random.duration(&(Duration::ZERO..=self.scene.max_pause * 3));
        self.clock.sleep(wait).await;
        let killed = weather == Weather::Stormy && self.random.one_in(2);
        let index = self.random.index(self.posts.len());
        let patience = match self.random.below(3) {
            0 => Duration::ZERO,
            1 => self
                .random
                .duration(&(Duration::from_millis(1)..=Duration::from_millis(100))),
            _ => self
                .random
                .duration(&(Duration::from_millis(100)..=Duration::from_secs(3))),
        };
        let Some(post) = self.posts.get_mut(index) else { return };
        let spared = if killed { Duration::ZERO } else { patience };
        self.book.stopping(post.server, spared);
        if killed {
            self.net.kill(&post.host);
            post.standing = None;
        } else {
            post.stop(patience, &self.book).await;
        }
        self.clock
            .sleep(
                self.random
                    .duration(&(Duration::from_millis(1)..=Duration::from_millis(300))),
            )
            .await;
        post.begin(plan, &self.book).await;
        self.book.started(post.server);
    }
}

impl Post {
    async fn begin(&mut self, plan: &mut Plan, book: &Arc<Book>) {
        plan.random = self.plan.clone();
        let server = plan
            .server(&self.host)
            .register(WorkServer::new(self.station.clone()))
            .register(WorkPbServer::new(self.station.clone()))
            .register(SideServer::new(self.station.clone()));
        match server.bind(self.host.address(PORT)).await {
            Ok(bound) => {
                let handle = bound.handle();
                let running = self.host.start("server", bound.run());
                let watch = ending::watch(self.host.clone(), handle.clone(), Arc::clone(book));
                drop(self.host.start("watch", watch));
                self.standing = Some(Standing { handle, running });
            }
            Err(error) => book.violate(
                Property::Honest,
                format!("server {} cannot begin: {error}", self.server),
            ),
        }
    }

    async fn stop(&mut self, patience: Duration, book: &Book) -> Option<Result<Result<(), Unfinished>, Killed>> {
        let standing = self.standing.take()?;
        let from = self.host.now();
        standing.handle.shutdown(patience);
        let ended = standing.running.await;
        standing.handle.wait().await;
        let took = self.host.now().saturating_since(from);
        if took > patience + GOODBYE {
            let what = format!(
                "server {} took {took:?} to stop, with {patience:?} allowed",
                self.server
            );
            book.violate(Property::Shutdown, what);
        }
        Some(ended)
    }
}

impl Household {
    fn new(world: &World, plan: &mut Plan, book: &Arc<Book>, servers: &[Simulated], number: usize) -> Option<Self> {
        let name = format!("client-{number}");
        let runtime = world.host(&name);
        let server = plan.random.index(servers.len());
        let line = plan.line(server);
        let client = match plan.client(&runtime, &line, servers[server].address(PORT), &name) {
            Ok(client) => client,
            Err(error) => {
                book.violate(Property::Honest, format!("no client of {line:?}: {error}"));
                return None;
            }
        };
        let lanes = plan.random.index(4) + 1;
        let mut scripts = Vec::new();
        for _ in 0..lanes {
            let tasks = plan.random.index(16) + 1;
            let script = (0..tasks).map(|_| {
                let random = &mut plan.random;
                let rest = random.duration(&(Duration::ZERO..=plan.scene.max_pause / 2));
                (rest, Task::draw(random, &plan.scene, &line))
            });
            scripts.push(script.collect());
        }
        Some(Self {
            caller: Arc::new(Caller::new(client, line, &runtime, book)),
            runtime,
            scripts,
        })
    }

    fn begin(&mut self, busy: &Group) {
        for script in std::mem::take(&mut self.scripts) {
            let (caller, runtime) = (Arc::clone(&self.caller), self.runtime.clone());
            busy.spawn(&self.runtime, async move {
                for (rest, task) in script {
                    runtime.sleep(rest).await;
                    caller.run(&task).await;
                }
            });
        }
    }
}

/// Lines of a trace that no world reaches.
const EVERYTHING: usize = 10_000_000;
/// Where every server listens.
const PORT: u16 = 8888;
/// What connections get for closing after a server's patience.
const GOODBYE: Duration = Duration::from_millis(502);
/// After which nothing is left of servers and clients that are gone.
const FAREWELL: Duration = Duration::from_secs(80);
