//! A host of a world, as kitewire's runtime.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use kitewire_runtime::{Address, BytesMut, Instant, Io, IoSlice, Listener, Runtime, Timer};

use crate::core::{Entry, Key, Shared, Spawned};
use crate::net::Net;
use crate::network::{ConnectionId, HostId, Place, Side};
use crate::random::Random;
use crate::task::Task;
use crate::trace::Event;

/// A host of a [`World`](crate::World): a runtime for servers and clients, which believe that they run on a machine of
/// their own. Cheap to clone.
///
/// Its name resolves on the other hosts (`Client::to("shop:8888")`), and so does its address. `localhost`, `127.0.0.1`
/// and `[::]` are the host itself, and Unix sockets are its own.
#[derive(Clone)]
pub struct Simulated {
    pub(crate) shared: Arc<Shared>,
    pub(crate) host: HostId,
}

impl Simulated {
    /// The name that it was made with.
    #[must_use]
    pub fn name(&self) -> String {
        self.shared
            .with(|state| state.network.hosts[self.host].name.to_string())
    }

    /// Its IP address, with a port.
    #[must_use]
    pub fn address(&self, port: u16) -> Address {
        let ip = self.shared.with(|state| state.network.hosts[self.host].ip);
        Address::Tcp((ip, port).into())
    }

    /// Runs `future` as a task of this host, and gives its outcome to whoever waits for it.
    pub fn start<T: Send + 'static>(
        &self,
        name: impl Into<Box<str>>,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        let (task, work) = Task::new(future);
        self.enqueue(Some(name.into()), Box::pin(work));
        task
    }

    /// Waits for `time` to pass.
    pub fn sleep(&self, time: Duration) -> Sleep {
        Sleep::new(&self.shared, time)
    }

    /// A generator of random numbers; another one with each call.
    #[must_use]
    pub fn random(&self) -> Random {
        self.shared.with(|state| state.core.forks.fork())
    }

    /// The network, to do something to it.
    #[must_use]
    pub fn net(&self) -> Net {
        Net::new(&self.shared)
    }

    /// Writes a line into the world's trace, and into its hash.
    pub fn note(&self, text: impl Into<Box<str>>) {
        let text = text.into();
        self.shared.with(|state| state.core.record(Event::Note(text)));
    }

    fn enqueue(&self, name: Option<Box<str>>, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.shared.spawn(Spawned {
            host: Some(self.host),
            name,
            future,
        });
    }
}

impl Runtime for Simulated {
    type Io = SimulatedIo;
    type Listener = SimulatedListener;
    type Timer = SimulatedTimer;

    async fn listen(&self, address: &Address) -> io::Result<SimulatedListener> {
        let (address, place) = self.shared.with(|state| state.network.listen(self.host, address))?;
        Ok(SimulatedListener {
            shared: Arc::clone(&self.shared),
            host: self.host,
            address,
            place,
        })
    }

    async fn connect(&self, address: &Address) -> io::Result<SimulatedIo> {
        let id = self
            .shared
            .with(|state| state.network.connect(&mut state.core, self.host, address))?;
        // Made at once, so that a connect that nobody waits for any more is given up.
        let mut io = SimulatedIo {
            shared: Arc::clone(&self.shared),
            id,
            side: Side::Client,
            peer: None,
        };
        io.peer = poll_fn(|cx| self.shared.with(|state| state.network.poll_connect(id, cx))).await?;
        Ok(io)
    }

    fn timer(&self) -> SimulatedTimer {
        SimulatedTimer::new(&self.shared)
    }

    fn now(&self) -> Instant {
        self.shared.with(|state| state.core.now)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.enqueue(None, Box::pin(task));
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Simulated").field(&self.name()).finish()
    }
}

/// One end of a connection between hosts of a world.
pub struct SimulatedIo {
    shared: Arc<Shared>,
    id: ConnectionId,
    side: Side,
    peer: Option<Address>,
}

impl SimulatedIo {
    /// The connection that it is an end of, for [`Net`].
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        self.id
    }

    /// Which end it is.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }
}

impl Io for SimulatedIo {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let end = (self.id, self.side);
        self.shared
            .with(|state| state.network.read(&mut state.core, end, cx, buffer))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let end = (self.id, self.side);
        self.shared
            .with(|state| state.network.write(&mut state.core, end, cx, slices))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let end = (self.id, self.side);
        self.shared.with(|state| state.network.finish(&mut state.core, end));
        Poll::Ready(Ok(()))
    }

    fn peer(&self) -> Option<Address> {
        self.peer.clone()
    }
}

impl Drop for SimulatedIo {
    fn drop(&mut self) {
        self.shared
            .with(|state| state.network.drop_end(&mut state.core, self.id, self.side));
    }
}

impl fmt::Debug for SimulatedIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedIo")
            .field("connection", &self.id)
            .field("side", &self.side)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// Accepts connections on a host of a world.
pub struct SimulatedListener {
    shared: Arc<Shared>,
    host: HostId,
    address: Address,
    place: Place,
}

impl Listener for SimulatedListener {
    type Io = SimulatedIo;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<SimulatedIo>> {
        self.shared
            .with(|state| state.network.accept(&mut state.core, self.host, &self.place, cx))
            .map_ok(|(id, peer)| SimulatedIo {
                shared: Arc::clone(&self.shared),
                id,
                side: Side::Server,
                peer,
            })
    }

    fn local_address(&self) -> io::Result<Address> {
        Ok(self.address.clone())
    }
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        self.shared
            .with(|state| state.network.stop_listening(&mut state.core, self.host, &self.place));
    }
}

impl fmt::Debug for SimulatedListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedListener").field(&self.address).finish()
    }
}

/// A timer of a world. Only one that is waited for makes its clock go on.
pub struct SimulatedTimer {
    shared: Arc<Shared>,
    at: Option<Instant>,
    key: Option<Key>,
}

impl SimulatedTimer {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            at: None,
            key: None,
        }
    }

    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            self.shared.with(|state| state.core.forget(key));
        }
    }
}

impl Timer for SimulatedTimer {
    fn arm(&mut self, at: Instant) {
        self.forget();
        self.at = Some(at);
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        let key = &mut self.key;
        self.shared.with(|state| {
            let core = &mut state.core;
            if at <= core.now {
                if let Some(key) = key.take() {
                    core.forget(key);
                }
                return Poll::Ready(());
            }
            if !key.is_some_and(|key| core.rewake(key, cx)) {
                let late = at + core.random.duration(&core.settings.lateness);
                *key = Some(core.plan(late, Entry::Timer(cx.waker().clone())));
            }
            Poll::Pending
        })
    }
}

impl Drop for SimulatedTimer {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for SimulatedTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedTimer")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Waits until some virtual time has passed since it was made.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Sleep(SimulatedTimer);

impl Sleep {
    pub(crate) fn new(shared: &Arc<Shared>, time: Duration) -> Self {
        let mut timer = SimulatedTimer::new(shared);
        timer.arm(shared.with(|state| state.core.now) + time);
        Self(timer)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_expired(cx)
    }
}
