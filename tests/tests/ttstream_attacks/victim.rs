//! A server in a thread of its own, so that its work can be told from everybody else's, and what an attack cost it.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kitewire::{Client, ServerHandle, StreamPool, StreamTransport, TtStreamOptions};
use kitewire_tests::heap::Growth;
use kitewire_tests::site::{PATIENCE, PromisesClient, Scene, Site, ask, within};
use kitewire_tests::ttframe::{DATA, Frame, META, Peer};
use kitewire_tokio::Tokio;
use tokio::sync::{Mutex, MutexGuard};

/// A server that is attacked. Its `talk` echoes; a stream that begins with "deaf" is read no further until it is
/// cancelled.
pub(crate) struct Victim {
    pub(crate) site: Site,
    pub(crate) handlers: Arc<Handlers>,
    /// Where the system tells how long its thread has run.
    clock: String,
    _turn: MutexGuard<'static, ()>,
}

/// How many handlers there were.
#[derive(Default)]
pub(crate) struct Handlers {
    begun: AtomicUsize,
    ended: AtomicUsize,
    most: AtomicUsize,
}

impl Handlers {
    fn enter(self: &Arc<Self>) -> Running {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let now = begun.saturating_sub(self.ended.load(Ordering::Relaxed));
        self.most.fetch_max(now, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// At any one time.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
}

struct Running(Arc<Handlers>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Victim {
    pub(crate) async fn new() -> Self {
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        let handlers = Arc::new(Handlers::default());
        let counted = Arc::clone(&handlers);
        let scene = Scene::new().talk(move |call, mut asks, mut out| {
            let running = counted.enter();
            Box::pin(async move {
                let _running = running;
                while let Some(ask) = asks.recv().await? {
                    if ask.text == "deaf" {
                        call.cancelled().await;
                        return Ok(());
                    }
                    out.send(kitewire_tests::site::reply(&ask.text)).await?;
                }
                Ok(())
            })
        });
        let (told, tell) = tokio::sync::oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let site = scene.serve().await;
                let handle = site.handle.clone();
                let task = fs::read_link("/proc/thread-self").unwrap_or_default();
                assert!(told.send((site, format!("/proc/{}/schedstat", task.display()))).is_ok());
                handle.wait().await;
            });
        });
        let (site, clock) = tell.await.unwrap();
        Self {
            site,
            handlers,
            clock,
            _turn: turn,
        }
    }

    /// A client whose streams share one connection.
    pub(crate) fn client(&self) -> PromisesClient {
        let pool = StreamPool::Multiplexed { connections: 1 };
        let builder = Client::to(self.site.address.clone())
            .stream_transport(StreamTransport::TtHeader)
            .tt_streams(TtStreamOptions::default().pool(pool))
            .connect_timeout(PATIENCE);
        PromisesClient::new(builder.build(Tokio).unwrap())
    }

    /// How long its thread has run, where the system tells.
    fn work(&self) -> Option<Duration> {
        let text = fs::read_to_string(&self.clock).ok()?;
        Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
    }

    /// Does something to it.
    pub(crate) async fn cost<T>(&self, attack: impl AsyncFnOnce() -> T) -> (T, Cost) {
        let (growth, before) = (Growth::watch(), self.work());
        let done = attack().await;
        let work = self.work().zip(before).map(|(after, before)| after - before);
        let memory = growth.peak();
        (done, Cost { memory, work })
    }

    /// What an honest message costs it: one of a stream that echoes.
    pub(crate) async fn fair_price(&self) -> Duration {
        const MESSAGES: u32 = 4_000;
        let mut peer = Peer::connect(&self.site.address).await;
        peer.send([Frame::open(1, "talk")]).await;
        let frames: Vec<u8> = (0..100).flat_map(|_| Frame::data(1, "x").encode()).collect();
        let ((), cost) = self
            .cost(async || {
                for _ in 0..MESSAGES / 100 {
                    peer.send_bytes(&frames).await.unwrap();
                    for _ in 0..100 {
                        peer.until(DATA).await;
                    }
                }
            })
            .await;
        cost.work.map_or(Duration::MAX, |work| work / MESSAGES)
    }

    /// Asserts that honest streams go on, quickly.
    pub(crate) async fn serves(&self, client: &PromisesClient) {
        let begun = Instant::now();
        let mut talk = within(client.talk()).await.unwrap();
        within(talk.send(ask("honest"))).await.unwrap();
        assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "honest");
        talk.close_send();
        assert!(within(talk.recv()).await.unwrap().is_none());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    pub(crate) const fn handle(&self) -> &ServerHandle {
        &self.site.handle
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.site.handle.shutdown(Duration::ZERO);
    }
}

/// What an attack cost.
#[derive(Debug)]
pub(crate) struct Cost {
    /// The most that the heap has grown by.
    pub(crate) memory: usize,
    /// How long the server has run.
    work: Option<Duration>,
}

impl Cost {
    /// Checks memory, and work per frame as a multiple of what an honest message costs.
    #[track_caller]
    pub(crate) fn within(&self, what: &str, memory: usize, (frames, fair, times): (usize, Duration, u32)) {
        println!(
            "{what}: {} KiB, {:?} for {frames} frames",
            self.memory / 1024,
            self.work
        );
        assert!(self.memory <= memory, "{what}: {} bytes, {memory} allowed", self.memory);
        if let Some(work) = self.work {
            let each = work / u32::try_from(frames.max(1)).unwrap();
            let bound = fair.saturating_mul(times);
            assert!(each <= bound, "{what}: {each:?} a frame, {bound:?} allowed");
        }
    }
}

/// What came back from an attacked server, flow control apart: each kind of answer once, so that it costs nothing here.
#[derive(Debug, Default)]
pub(crate) struct Answers(Vec<(Frame, usize)>);

impl Answers {
    fn add(&mut self, frame: Frame) {
        let kind = |frame: &Frame| (frame.kind.clone(), frame.fault());
        let wanted = kind(&frame);
        match self.0.iter_mut().find(|(known, _)| kind(known) == wanted) {
            Some((_, count)) => *count += 1,
            None if frame.kind != META => self.0.push((frame, 1)),
            None => {}
        }
    }

    /// The first of each kind.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Frame> {
        self.0.iter().map(|(frame, _)| frame)
    }
}

/// What became of a flood.
#[derive(Debug)]
pub(crate) struct Flood {
    /// How many numbers were used.
    pub(crate) used: i32,
    /// What came back.
    pub(crate) answers: Answers,
    /// Whether the server had enough of it.
    pub(crate) stopped: bool,
}

/// Sends what `frames` makes of numbers up to `most` while it reads what comes back, until the server closes.
pub(crate) async fn flood(peer: Peer, most: i32, mut frames: impl FnMut(i32) -> Vec<u8>) -> Flood {
    let (mut reading, mut writing) = peer.split();
    let mut reader = tokio::spawn(async move {
        let mut seen = Answers::default();
        while let Some(frame) = reading.next().await {
            seen.add(frame);
        }
        seen
    });
    let (mut used, mut batch) = (0, Vec::new());
    while used < most {
        batch.clear();
        while used < most && batch.len() < 64 * 1024 {
            batch.extend(frames(used));
            used += 1;
        }
        if writing.send(&batch).await.is_err() {
            break;
        }
    }
    let waited = tokio::time::timeout(Duration::from_millis(300), &mut reader).await;
    let stopped = waited.is_ok();
    let answers = match waited {
        Ok(answers) => answers,
        Err(_) => {
            // What was sent is read before the end of it is.
            writing.end().await;
            reader.await
        }
    };
    Flood {
        used,
        answers: answers.unwrap(),
        stopped,
    }
}
