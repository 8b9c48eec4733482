//! Where a scenario plays: servers on one runtime, clients on another, and the log of what came of it.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use kitewire::{Address, BidiStream, Bound, Client, ClientBuilder, Runtime, Server, ServerHandle};
use kitewire_tls::{Tls, TlsClient, TlsServer};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::any::Any;
use crate::desk::{Ask, DeskClient, DeskServer, SecondServer};
use crate::handlers::Clerk;
use crate::parcels::{ParcelsClient, ParcelsServer};
use crate::place::{PATIENCE, Place, Source, ask};
use crate::shown::Shown;

/// A stage for one scenario. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Site(Arc<Inner>);

struct Inner {
    server: Any,
    client: Any,
    /// Clients on the machine of the servers.
    neighbour: Any,
    /// Where servers listen who ask for nothing else.
    listen: Address,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    log: Vec<String>,
    /// Addresses, by the names they have in the log.
    names: Vec<(String, String)>,
    running: Vec<Running>,
}

/// What is left to do about a server.
#[derive(Clone)]
struct Running {
    name: String,
    home: Any,
    handle: ServerHandle,
    ended: watch::Receiver<Option<usize>>,
    noted: bool,
    /// Timing decides on how many connections are accepted.
    varies: bool,
}

impl Site {
    /// Servers on `server`, listening on `listen`, and clients on `client`, or on `neighbour` where both have to be on one
    /// machine.
    pub(crate) fn new(server: Any, client: Any, neighbour: Any, listen: Address) -> Self {
        Self(Arc::new(Inner {
            server,
            client,
            neighbour,
            listen,
            state: Arc::default(),
        }))
    }

    /// The same site with secured connections.
    pub(crate) fn over_tls(&self, server: TlsServer, client: TlsClient) -> Self {
        let secured = |runtime: &Any| Any::new(Tls::new(runtime.clone()).server(server.clone()).client(client.clone()));
        Self(Arc::new(Inner {
            server: secured(&self.0.server),
            client: secured(&self.0.client),
            neighbour: secured(&self.0.neighbour),
            listen: self.0.listen.clone(),
            state: Arc::clone(&self.0.state),
        }))
    }

    /// The runtime of the clients, on which the scenario itself runs.
    pub(crate) fn here(&self) -> &Any {
        &self.0.client
    }

    /// The runtime of clients on the machine of the servers.
    pub(crate) fn neighbour(&self) -> &Any {
        &self.0.neighbour
    }

    /// Runs a server of everything.
    pub(crate) async fn serve(&self) -> Place {
        self.serve_with(|server| server).await
    }

    /// Runs a server of everything, with other settings.
    pub(crate) async fn serve_with(&self, settings: impl FnOnce(Server<Any>) -> Server<Any>) -> Place {
        self.serve_next(None, settings).await
    }

    /// Runs a server of everything, and of plain requests.
    pub(crate) async fn serve_pages(&self) -> Place {
        self.serve_only(None, |clerk, server| {
            server
                .register(DeskServer::new(clerk.clone()).fallback())
                .register(ParcelsServer::new(clerk.clone()))
                .http(clerk)
        })
        .await
    }

    /// Runs a server whose handlers call on.
    pub(crate) async fn serve_next(
        &self,
        next: Option<DeskClient>,
        settings: impl FnOnce(Server<Any>) -> Server<Any>,
    ) -> Place {
        self.serve_only(next, |clerk, server| {
            settings(
                server
                    .register(DeskServer::new(clerk.clone()).fallback())
                    .register(SecondServer::new(clerk.clone()))
                    .register(ParcelsServer::new(clerk)),
            )
        })
        .await
    }

    /// Runs a server of what `settings` registers.
    pub(crate) async fn serve_only(
        &self,
        next: Option<DeskClient>,
        settings: impl FnOnce(Clerk, Server<Any>) -> Server<Any>,
    ) -> Place {
        let listen = self.0.listen.clone();
        self.serve_at(listen, next, settings).await
    }

    /// The same on this address.
    pub(crate) async fn serve_at(
        &self,
        address: Address,
        next: Option<DeskClient>,
        settings: impl FnOnce(Clerk, Server<Any>) -> Server<Any>,
    ) -> Place {
        let home = self.0.server.counted();
        let (seen, heard) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let clerk = Clerk {
            home: home.clone(),
            gate: Arc::clone(&gate),
            seen,
            next,
        };
        let server = settings(clerk, Server::new(home.clone()));
        let (bound, is_bound) = oneshot::channel();
        let (end, ended) = watch::channel(None);
        home.spawn(async move {
            let server = server.bind(address).await.unwrap();
            let local = server.local_addr().unwrap();
            assert!(bound.send((local, server.handle())).is_ok());
            run(server, end).await;
        });
        let (address, handle) = is_bound.await.unwrap();
        let name = self.named(&address);
        let running = Running {
            name,
            home,
            handle: handle.clone(),
            ended,
            noted: false,
            varies: false,
        };
        let mut state = self.state();
        let (index, home) = (state.running.len(), running.home.clone());
        state.running.push(running);
        Place {
            address,
            handle,
            gate,
            told: heard,
            home,
            index,
        }
    }

    /// Accepts `count` connections at a server's place, and has `act` do with each of them what it likes.
    pub(crate) async fn peer<F>(&self, count: usize, act: impl Fn(crate::wire::Wire) -> F + Send + 'static) -> Address
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let home = self.0.server.counted();
        let listen = self.0.listen.clone();
        let (bound, is_bound) = oneshot::channel();
        let spawner = home.clone();
        home.spawn(async move {
            use kitewire::runtime::Listener;
            let mut listener = spawner.listen(&listen).await.unwrap();
            assert!(bound.send(listener.local_address().unwrap()).is_ok());
            for _ in 0..count {
                let io = std::future::poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
                spawner.spawn(act(crate::wire::Wire::new(io)));
            }
        });
        let address = is_bound.await.unwrap();
        self.named(&address);
        address
    }

    /// A path for a Unix socket that nobody else uses.
    pub(crate) fn socket_file(&self) -> Address {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kitewire-conformance-{}-{number}.sock", std::process::id());
        Address::unix(std::env::temp_dir().join(name))
    }

    /// Removes the file of a Unix socket, which servers leave behind; in a simulated world there is none.
    pub(crate) fn remove_file(&self, address: &Address) {
        if let Address::Unix(path) = address {
            let _ = std::fs::remove_file(path);
        }
    }

    /// A client of the Thrift service.
    pub(crate) fn desk(&self, builder: ClientBuilder) -> DeskClient {
        DeskClient::new(self.built(builder))
    }

    /// A client of the Protobuf service.
    pub(crate) fn parcels(&self, builder: ClientBuilder) -> ParcelsClient {
        ParcelsClient::new(self.built(builder))
    }

    pub(crate) fn built(&self, builder: ClientBuilder) -> Client {
        builder.build(self.0.client.clone()).unwrap()
    }

    /// A client for the handlers of another server.
    pub(crate) fn next(&self, builder: ClientBuilder) -> Option<DeskClient> {
        Some(DeskClient::new(builder.build(self.0.server.clone()).unwrap()))
    }

    /// Runs `work` beside the scenario.
    pub(crate) fn beside<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (done, is_done) = oneshot::channel();
        self.0.client.spawn(async move {
            let _ = done.send(work.await);
        });
        is_done
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..3000 {
            if is_so() {
                return;
            }
            self.0.client.sleep(Duration::from_millis(1)).await;
        }
        self.note(format!("never: {what}"));
    }

    /// Writes a line of the outcome.
    pub(crate) fn note(&self, line: impl Into<String>) {
        let line = self.canonical(line.into());
        self.state().log.push(line);
    }

    /// With the names of servers in place of their addresses.
    fn canonical(&self, mut line: String) -> String {
        for (address, name) in &self.state().names {
            line = line.replace(address, name);
        }
        line
    }

    /// Writes down what a call gave.
    pub(crate) fn told(&self, what: &str, result: impl Shown) {
        self.note(format!("{what}: {}", result.shown()));
    }

    /// Writes down something that timing decides on: one of `allowed`, or what it is instead.
    pub(crate) fn one_of(&self, what: &str, allowed: &[&str], found: &str) {
        let found = self.canonical(found.to_owned());
        if allowed.contains(&found.as_str()) {
            self.note(format!("{what}: one of {allowed:?}"));
        } else {
            self.note(format!("{what}: {found:?}, and not one of {allowed:?}"));
        }
    }

    /// Makes a call of `say`, and writes it down.
    pub(crate) async fn say(&self, desk: &DeskClient, text: &str) {
        self.told(&format!("say {text:?}"), desk.say(ask(text)).await);
    }

    /// Sends on a stream, and writes down the next answer.
    pub(crate) async fn exchange(&self, talk: &mut BidiStream<Ask, crate::desk::Reply>, text: &str) {
        if let Err(error) = talk.send(ask(text)).await {
            self.told(&format!("send {text:?}"), error);
        } else {
            self.told(&format!("talk {text:?}"), talk.recv().await);
        }
    }

    /// Receives until the end, and writes it down.
    pub(crate) async fn rest(&self, what: &str, source: &mut impl Source) {
        let mut line = format!("{what}:");
        loop {
            let (text, last) = source.next().await;
            line += " ";
            line += &text;
            if last {
                break;
            }
        }
        self.note(line);
    }

    /// Says that timing decides on how many connections a server accepts: one that is lost before a call has it is
    /// replaced, and a call may have given up its dial.
    pub(crate) fn vary_accepted(&self, place: &Place) {
        if let Some(running) = self.state().running.get_mut(place.index) {
            running.varies = true;
        }
    }

    /// Waits for the end of a server, and writes down how it came.
    pub(crate) async fn ended(&self, place: &Place) {
        let running = {
            let mut state = self.state();
            let running = &mut state.running[place.index];
            running.noted = true;
            running.clone()
        };
        self.note_end(&running).await;
    }

    /// Stops what still runs, and writes down how that went.
    pub(crate) async fn close(&self) {
        let running = self.state().running.clone();
        for running in running.into_iter().filter(|running| !running.noted) {
            running.handle.shutdown(PATIENCE);
            self.note_end(&running).await;
        }
    }

    /// What was written so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.state().log.clone()
    }

    async fn note_end(&self, running: &Running) {
        let mut ended = running.ended.clone();
        let unfinished = *ended.wait_for(Option::is_some).await.unwrap();
        let stats = running.handle.stats();
        let accepted = match running.varies {
            false => running.home.accepted().to_string(),
            true => "some".to_owned(),
        };
        self.note(format!(
            "{} ended: {} unfinished, {accepted} accepted, {} connections and {} calls left",
            running.name,
            unfinished.unwrap_or_default(),
            stats.connections,
            stats.calls,
        ));
    }

    /// Gives the address of a server a name for the log.
    fn named(&self, address: &Address) -> String {
        let mut state = self.state();
        let name = format!("server-{}", state.names.len() + 1);
        state.names.push((address.to_string(), name.clone()));
        name
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

async fn run(server: Bound<Any>, end: watch::Sender<Option<usize>>) {
    let unfinished = server.run().await.map_or_else(|unfinished| unfinished.calls, |()| 0);
    let _ = end.send(Some(unfinished));
}
