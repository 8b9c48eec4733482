//! The steps of streams over TTHeader alone: cascades, cut connections, races, pools, memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Judged, Place};
use crate::lanes::{Direction, Side};
use crate::proxy::Proxy;
use crate::streams::cases::{Ask, Back, Cascade, Case, Front, Megabytes, Race, say};
use crate::streams::expect::{Want, check};
use crate::streams::lanes::{Carrier, GRPC, Lane, Mode, Pool};
use crate::streams::peers::{Caller, Gzip};
use crate::streams::wish::Wish;

impl Place<'_> {
    /// A Kitex server's stop waits for connections with streams as long as it may, whether they are quiet or not.
    pub(super) fn never_drains(&self) -> bool {
        self.lane.carrier != Carrier::Grpc && self.direction.server() == Side::Kitex
    }

    /// A Kitex server may tell its handler of the end of a connection before it has read the cancel that came by it: a client that makes a
    /// connection for each stream closes it right after. It may even do so before the handler has read what it was to wait with.
    pub(super) fn close_came_first(&self, saw: &str, want: &str, side: Side) -> bool {
        const ERROR: &str = "[ttstream error, code=";
        let short = self.lane.carrier == Carrier::TtHeader(Pool::Short);
        let (Some((saw, error)), Some((want, _))) = (saw.split_once(ERROR), want.split_once(ERROR)) else {
            return false;
        };
        let lost = error.starts_with("12013] ") && error.ends_with("canceled by connection closed");
        short && side == Side::Kitex && want.ends_with(saw) && lost
    }

    /// What runs when the stop begins comes to its end; what begins after that is refused, unless by Kitex.
    pub(super) async fn stop_refuses(&mut self, case: &Case, ask: &Ask) -> Judged {
        let config = case.setup.config(self.lane);
        let mut server = self.peers.server(self.direction.server(), &config).await?;
        let address = server.address().to_owned();
        let running = self.start(case, ask, &address)?;
        self.under_way(case, ask, &address).await?;
        server.stop().await?;
        let mut late = say("late").wish(self.lane, &address);
        late.dial.connections = ask.connections;
        let refusal = loop {
            let told = self.call(late.clone(), Gzip::Absent).await?;
            // A stream may be taken as long as the connection has not heard of the stop.
            let taken = check(&told, &Want::Answers(vec!["late".to_owned()]).lines(self.lane, &[])).is_ok();
            if !taken || self.never_drains() || running.is_finished() {
                break told.brief();
            }
        };
        let refused = refusal.contains("[ttstream error, code=12001] [client-side stream] ");
        if refused == self.never_drains() {
            return Err(format!("a stream during the stop: {refusal}"));
        }
        let told = running.await.map_err(|error| error.to_string())??;
        self.judge(case, &told)?;
        let stopped = server.stopped().await?;
        if !self.never_drains() && !stopped.error.is_empty() {
            return Err(format!("stop: {}", stopped.error));
        }
        Ok(format!("{}; during the stop: {refusal}", told.brief()))
    }

    /// Those that are taken are answered; the others are told at once.
    pub(super) async fn too_many(&mut self, case: &Case, count: usize) -> Judged {
        let config = case.setup.config(self.lane);
        let address = self.peers.shared(self.direction.server(), &config).await?;
        let mut wish = say("sleep 3000; a").wish(self.lane, &address);
        wish.dial.connections = 1;
        let mut answered = 0;
        let mut running = Vec::new();
        for _ in 0..count {
            running.push(self.start_wish(wish.clone())?);
        }
        let want = Want::Answers(vec!["a".to_owned()]).lines(self.lane, &[]);
        for running in running {
            let told = running.await.map_err(|error| error.to_string())??;
            if check(&told, &want).is_ok() {
                answered += 1;
            } else {
                let refusal = "error: [ttstream error, code=12001] [client-side stream] …".to_owned();
                check(&told.without_refused_sends(), &[refusal])?;
            }
        }
        let want = match self.direction.server() {
            Side::Kitex => count..=count,
            // One may come when another has ended.
            Side::Ours => config.max_streams as usize..=count - 1,
        };
        if want.contains(&answered) {
            Ok(format!("{answered} of {count} answered"))
        } else {
            Err(format!("{answered} of {count} answered, want {want:?}"))
        }
    }

    pub(super) async fn cut(&mut self, case: &Case, ask: &Ask) -> Judged {
        let address = self.address(case).await?;
        let proxy = Proxy::start(&address, None).await?;
        let mut wish = ask.wish(self.lane, &proxy.address);
        let key = self.key(case);
        self.recording(&mut wish, &key);
        let running = self.start_wish(wish)?;
        self.marked(&key, "waits", &address).await?;
        drop(proxy);
        let told = running.await.map_err(|error| error.to_string())??;
        self.judge(case, &told)?;
        let saw = self
            .check_record(case.record.as_ref(), &key, &address, self.direction.server())
            .await?;
        Ok(format!("{}{saw}", told.brief()))
    }

    pub(super) async fn cascade(&mut self, case: &Case, cascade: &Cascade) -> Judged {
        let mut config = case.setup.config(self.lane);
        let last = self.peers.shared(cascade.next, &config).await?;
        let mut dial = self.lane.dial(&last);
        let third = dial.clone();
        dial.caller = MIDDLE;
        if cascade.back == Back::Grpc {
            dial.transport = GRPC;
        }
        config.next = Some(dial);
        let address = self.peers.shared(self.direction.server(), &config).await?;
        let mut wish = cascade.ask.wish(self.lane, &address);
        let key = format!("{}-{}", self.key(case), cascade.next);
        self.recording(&mut wish, &key);
        wish.awaits = Some(third);
        let told = match cascade.front {
            Front::Lane => self.call(wish, Gzip::Absent).await?,
            Front::Grpc => {
                wish.dial.transport = GRPC;
                self.call(wish, Gzip::Absent).await?
            }
            Front::Cut => {
                let proxy = Proxy::start(&address, None).await?;
                wish.dial.address.clone_from(&proxy.address);
                let running = self.start_wish(wish)?;
                self.marked(&key, "waits", &last).await?;
                proxy.carries_answer(ANSWER).await?;
                tokio::time::sleep(SETTLED).await;
                drop(proxy);
                running.await.map_err(|error| error.to_string())??
            }
        };
        self.judge(case, &told)?;
        let side = self.direction.server();
        let middle = self.check_record(case.record.as_ref(), &key, &address, side).await?;
        let side = if side == Side::Kitex { side } else { cascade.next };
        let end = self.check_record(case.next_record.as_ref(), &key, &last, side).await?;
        Ok(format!("{}{middle}{end}", told.brief()))
    }

    pub(super) async fn race(&mut self, case: &Case, race: &Race) -> Judged {
        let address = self.address(case).await?;
        let ask = say("").wish(self.lane, &address);
        let mut wish = Wish {
            steps: vec![format!("race {} {} {}", race.cancels, race.within_micros, race.text)],
            ..ask
        };
        wish.dial.connections = 1;
        let limit = match self.direction {
            Direction::KitexToKitex => u32::MAX,
            // A client of ours takes a late header for that of an unknown stream.
            Direction::OursToKitex | Direction::OursToOurs => 0,
            Direction::KitexToOurs => race.lost,
        };
        // A busy machine lets more headers get under way before their cancels are read.
        let mut told = Err(String::new());
        for _ in 0..TRIES {
            let run = self.call(wish.clone(), Gzip::Absent).await?;
            let lost = run.lines.first().and_then(|line| {
                let (_, lost) = line.strip_suffix(" lost connections")?.rsplit_once(", ")?;
                lost.parse::<u32>().ok()
            });
            told = match lost {
                Some(lost) if lost <= limit => return Ok(run.brief()),
                _ => Err(format!("{}; want at most {limit}", run.brief())),
            };
        }
        told
    }

    pub(super) async fn connections(&mut self, case: &Case, ask: &Ask) -> Judged {
        let address = self.address(case).await?;
        let proxy = Proxy::start(&address, None).await?;
        let mut wish = ask.wish(self.lane, &proxy.address);
        wish.dial.connections = 1;
        let running = [(); 4].map(|()| self.start_wish(wish.clone()));
        for running in running {
            let told = running?.await.map_err(|error| error.to_string())??;
            self.judge(case, &told)?;
        }
        // The end of a stream may be told before its connection is back in the pool.
        tokio::time::sleep(SETTLED).await;
        for _ in 0..2 {
            let told = self.call(wish.clone(), Gzip::Absent).await?;
            self.judge(case, &told)?;
            tokio::time::sleep(SETTLED).await;
        }
        let made = proxy.accepted();
        let want = match self.lane.carrier {
            Carrier::Grpc | Carrier::TtHeader(Pool::Multiplexed) => 1,
            Carrier::TtHeader(Pool::Long) => 4,
            Carrier::TtHeader(Pool::Short) => 6,
        };
        if made == want {
            Ok(format!("{made} connections"))
        } else {
            Err(format!("{made} connections, want {want}"))
        }
    }

    pub(super) async fn memory(&mut self, case: &Case, ask: &Ask, limit: Megabytes) -> Judged {
        let address = self.address(case).await?;
        let caller = self.caller(Gzip::Absent)?;
        let lane = Lane {
            mode: Mode::Talk,
            ..*self.lane
        };
        let mut echo = say("beside").wish(&lane, &address);
        echo.dial.connections = ask.connections;
        // Connections and threads are there by then.
        caller.call(echo.clone()).await?;
        let before = memory::begin()?;
        let running = self.start(case, ask, &address)?;
        let slowest = self.beside_it(&caller, echo, &running).await?;
        let told = running.await.map_err(|error| error.to_string())??;
        let peak = memory::peak()?.saturating_sub(before) >> 10;
        self.judge(case, &told)?;
        let line = format!(
            "{}; {peak} MB at most; stream beside it within {} ms",
            told.brief(),
            slowest.as_millis()
        );
        if peak <= limit.0 && slowest < BESIDE {
            Ok(line)
        } else {
            Err(format!("{line}; want at most {} MB and {BESIDE:?}", limit.0))
        }
    }

    /// Echoes again and again until the call has ended: how long did the slowest take?
    async fn beside_it(&self, caller: &Arc<Caller>, echo: Wish, running: &super::Running) -> Result<Duration, String> {
        let mut slowest = Duration::ZERO;
        while !running.is_finished() {
            let began = Instant::now();
            let told = caller.call(echo.clone()).await?;
            slowest = slowest.max(began.elapsed());
            let lane = Lane {
                mode: Mode::Talk,
                ..*self.lane
            };
            check(&told, &Want::Answers(vec!["beside".to_owned()]).lines(&lane, &[]))?;
            tokio::time::sleep(SOON).await;
        }
        Ok(slowest)
    }

    fn start_wish(&mut self, wish: Wish) -> Result<super::Running, String> {
        let caller = self.caller(Gzip::Absent)?;
        Ok(tokio::spawn(async move { caller.call(wish).await }))
    }
}

/// How much memory this process has, in KiB, as Linux counts it.
mod memory {
    /// What it has now. The peak is measured from here on.
    pub(super) fn begin() -> Result<u64, String> {
        std::fs::write("/proc/self/clear_refs", "5").map_err(|error| format!("/proc/self/clear_refs: {error}"))?;
        read("VmRSS:")
    }

    /// The most that it had.
    pub(super) fn peak() -> Result<u64, String> {
        read("VmHWM:")
    }

    fn read(name: &str) -> Result<u64, String> {
        let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
        let found = status.lines().find_map(|line| line.strip_prefix(name));
        let value = found.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        value.ok_or_else(|| format!("no {name} in /proc/self/status"))
    }
}

/// As the second server of a cascade names itself to the third.
pub(crate) const MIDDLE: &str = "interop.server";
/// The text "a" as a field of a Thrift message.
const ANSWER: &[u8] = &[0, 0, 0, 1, b'a'];
const SOON: Duration = Duration::from_millis(50);
/// What has come to a client is known to it by then.
const SETTLED: Duration = Duration::from_millis(300);
/// A pause of the whole connection takes less.
const BESIDE: Duration = Duration::from_secs(10);
/// Races that may be run until one stays within its limit.
const TRIES: u32 = 3;
