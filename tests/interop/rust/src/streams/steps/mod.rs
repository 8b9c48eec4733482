//! Runs one case on one lane in one direction.

mod ttheader;

use std::sync::Arc;

use super::cases::{Ask, Case, Recorded, Size, Sizes, Step, say};
use super::expect::{Want, check, matches};
use super::lanes::{Carrier, Lane, Mode, OVER_GRPC, Target};
use super::ours::MARKED;
use super::peers::{Caller, Gzip, Peers};
use super::wish::{Told, Wish};
use crate::cases::say as pingpong_say;
use crate::expect::value;
use crate::lanes::{self as pingpong, Direction, Side};
use crate::proxy::Proxy;

pub(crate) use self::ttheader::MIDDLE;

/// Where a case runs.
pub(crate) struct Place<'a> {
    pub(crate) peers: &'a mut Peers,
    pub(crate) lane: &'a Lane,
    pub(crate) direction: Direction,
}

/// What to print behind the cell, or the difference.
pub(crate) type Judged = Result<String, String>;

impl Place<'_> {
    pub(crate) async fn run(&mut self, case: &Case) -> Judged {
        match &case.step {
            Step::Call(ask) => {
                let address = self.address(case).await?;
                self.expect(case, ask, &address).await
            }
            Step::Then(first, second) => {
                let address = self.address(case).await?;
                self.call(first.wish(self.lane, &address), Gzip::Absent).await?;
                self.expect(case, second, &address).await
            }
            Step::TooMany(count) => self.too_many(case, *count).await,
            Step::AtOnce(count, connections) => self.at_once(case, *count, *connections).await,
            Step::Repeat(ask, count) => self.repeat(case, ask, *count).await,
            Step::Hop(next, ask) => self.hop(case, *next, ask).await,
            Step::Beside(ask) => self.beside(case, ask).await,
            Step::Measured(ask, sizes) => self.measured(case, ask, *sizes).await,
            Step::StopWhileRunning(ask) => self.stop_while_running(case, ask).await,
            Step::StopExpires(ask) => self.stop_expires(case, ask).await,
            Step::ServerLost(ask) => self.server_lost(case, ask).await,
            Step::StopRefuses(ask) => self.stop_refuses(case, ask).await,
            Step::Cut(ask) => self.cut(case, ask).await,
            Step::Cascade(cascade) => self.cascade(case, cascade).await,
            Step::Race(race) => self.race(case, race).await,
            Step::Connections(ask) => self.connections(case, ask).await,
            Step::Memory(ask, limit) => self.memory(case, ask, *limit).await,
        }
    }

    async fn address(&mut self, case: &Case) -> Result<String, String> {
        self.peers
            .shared(self.direction.server(), &case.setup.config(self.lane))
            .await
    }

    fn caller(&mut self, gzip: Gzip) -> Result<Arc<Caller>, String> {
        self.peers.caller(self.direction.client(), gzip)
    }

    async fn call(&mut self, wish: Wish, gzip: Gzip) -> Result<Told, String> {
        self.caller(gzip)?.call(wish).await
    }

    async fn expect(&mut self, case: &Case, ask: &Ask, address: &str) -> Judged {
        let mut wish = ask.wish(self.lane, address);
        let key = self.key(case);
        if case.record.is_some() || ask.awaits() {
            self.recording(&mut wish, &key);
        }
        let gzip = if ask.gzip { Gzip::Linked } else { Gzip::Absent };
        let told = self.call(wish, gzip).await?;
        self.judge(case, &told)?;
        let saw = self
            .check_record(case.record.as_ref(), &key, address, self.direction.server())
            .await?;
        Ok(format!("{}{saw}", told.brief()))
    }

    fn key(&self, case: &Case) -> String {
        format!("{}-{}-{}", self.direction, self.lane.name, case.name)
    }

    /// Handlers record under the key: it goes as metadata or, where Kitex has none, as a persistent value.
    fn recording(&self, wish: &mut Wish, key: &str) {
        if self.lane.carrier == Carrier::Grpc {
            wish.metadata.push(("record".to_owned(), key.to_owned()));
        } else {
            wish.persistent.insert("record".to_owned(), key.to_owned());
        }
    }

    /// What the handlers saw, to print it behind the cell, or the difference.
    async fn check_record(&mut self, want: Option<&Recorded>, key: &str, address: &str, side: Side) -> Judged {
        let Some(record) = want else { return Ok(String::new()) };
        let saw = self.recorded(key, address, self.direction.client()).await?;
        let want = record(self.lane, self.direction);
        if matches(&saw, &want) || self.close_came_first(&saw, &want, side) {
            Ok(format!("; handler: {saw}"))
        } else {
            Err(format!("the handler recorded {saw:?}, want {want:?}"))
        }
    }

    fn judge(&self, case: &Case, told: &Told) -> Result<(), String> {
        let want = (case.want)(self.lane, self.direction);
        let want = want.lines(self.lane, &case.after);
        if case.refused {
            check(&told.without_refused_sends(), &want)
        } else {
            check(told, &want)
        }
    }

    /// What the handlers of that call saw, who of `ours` had called them at once.
    async fn recorded(&mut self, key: &str, address: &str, caller: Side) -> Result<String, String> {
        let unary = Lane {
            mode: Mode::Unary,
            ..match self.lane.carrier {
                Carrier::Grpc => OVER_GRPC[0],
                Carrier::TtHeader(_) => *self.lane,
            }
        };
        let report = say(&format!("report {key}")).to(Target::Plain).wish(&unary, address);
        let told = self.call(report, Gzip::Absent).await?;
        let late = told.elapsed_ms > AT_ONCE && caller == Side::Ours;
        match told.lines.as_slice() {
            [line] if late => Err(format!("recorded {} ms later: {line}", told.elapsed_ms)),
            [line] => Ok(line.trim_start_matches("got ").to_owned()),
            lines => Err(format!("report: {lines:?}")),
        }
    }

    async fn at_once(&mut self, case: &Case, count: u32, connections: u32) -> Judged {
        let address = self.address(case).await?;
        let caller = self.caller(Gzip::Absent)?;
        if connections > 0 {
            // The connection is there by then, and its limits are known.
            let mut wish = say("warm").wish(self.lane, &address);
            wish.dial.connections = connections;
            caller.call(wish).await?;
        }
        let mut running = Vec::new();
        for number in 0..count {
            let text = format!("number {number}");
            let mut wish = say(&format!("sleep 100; {text}")).wish(self.lane, &address);
            wish.dial.connections = connections;
            let caller = Arc::clone(&caller);
            running.push((text, tokio::spawn(async move { caller.call(wish).await })));
        }
        for (text, task) in running {
            let told = task.await.map_err(|error| error.to_string())??;
            check(&told, &Want::Answers(vec![text]).lines(self.lane, &[]))?;
        }
        Ok(format!("{count} answers"))
    }

    async fn repeat(&mut self, case: &Case, ask: &Ask, count: u32) -> Judged {
        let address = self.address(case).await?;
        let mut wish = ask.wish(self.lane, &address);
        wish.dial.connections = 1;
        for number in 0..count {
            let told = loop {
                let told = self.call(wish.clone(), Gzip::Absent).await?;
                let dropped = matches!(told.lines.as_slice(), [only] if only.ends_with(DROPPED));
                let unsent = dropped || told.lines.iter().any(|line| line.ends_with(DRAINING));
                if self.direction.client() == Side::Ours || !unsent {
                    break told;
                }
            };
            self.judge(case, &told)
                .map_err(|error| format!("call {number}: {error}"))?;
        }
        Ok(format!("{count} calls"))
    }

    async fn hop(&mut self, case: &Case, next: Side, ask: &Ask) -> Judged {
        let config = case.setup.config(self.lane);
        let last = self.peers.shared(next, &config).await?;
        let mut config = config;
        config.next = Some(self.lane.dial(&last));
        let address = self.peers.shared(self.direction.server(), &config).await?;
        self.expect(case, ask, &address).await
    }

    async fn beside(&mut self, case: &Case, ask: &Ask) -> Judged {
        let address = self.address(case).await?;
        let running = self.start(case, ask, &address)?;
        let client = self.peers.pingpong(self.direction.client())?;
        let with_header = pingpong::LANES.iter().filter(|lane| lane.meta && !lane.multiplexed);
        let mut calls = 0;
        for lane in with_header.cycle().take(12) {
            let outcome = client.call(pingpong_say("beside").call(lane, &address)).await?;
            value("beside")
                .check(&outcome)
                .map_err(|error| format!("{}: {error}", lane.name))?;
            calls += 1;
        }
        if self.lane.carrier != Carrier::Grpc {
            let [.., stream] = &OVER_GRPC;
            let told = self.call(say("beside").wish(stream, &address), Gzip::Absent).await?;
            check(&told, &Want::Answers(vec!["beside".to_owned()]).lines(stream, &[]))?;
            calls += 1;
        }
        let told = running.await.map_err(|error| error.to_string())??;
        self.judge(case, &told)?;
        Ok(format!("{}; {calls} calls", told.brief()))
    }

    async fn measured(&mut self, case: &Case, ask: &Ask, sizes: Sizes) -> Judged {
        let address = self.address(case).await?;
        let proxy = Proxy::start(&address, None).await?;
        let mut wish = ask.wish(self.lane, &proxy.address);
        wish.dial.connections = 1;
        let gzip = if ask.gzip { Gzip::Linked } else { Gzip::Absent };
        let told = self.call(wish, gzip).await?;
        self.judge(case, &told)?;
        let carried = proxy.carried();
        let (requests, answers) = (carried.requests.len(), carried.answers.len());
        if size(requests) == Some(sizes.requests) && size(answers) == Some(sizes.answers) {
            Ok(format!("{requests} bytes of requests, {answers} bytes of answers"))
        } else {
            Err(format!(
                "{requests} bytes of requests, {answers} of answers; want {sizes:?}"
            ))
        }
    }

    /// The call that runs when the stop begins comes to its end; then nobody listens any more.
    async fn stop_while_running(&mut self, case: &Case, ask: &Ask) -> Judged {
        let side = self.direction.server();
        let mut server = self.peers.server(side, &case.setup.config(self.lane)).await?;
        let address = server.address().to_owned();
        let running = self.start(case, ask, &address)?;
        self.under_way(case, ask, &address).await?;
        server.stop().await?;
        let told = running.await.map_err(|error| error.to_string())??;
        self.judge(case, &told)?;
        let stopped = server.stopped().await?;
        if self.never_drains() {
            return Ok(format!(
                "{}, {} after {} ms",
                told.brief(),
                stopped.error,
                stopped.elapsed_ms
            ));
        }
        if !stopped.error.is_empty() {
            return Err(format!("stop: {}", stopped.error));
        }
        if stopped.elapsed_ms > STOP {
            return Err(format!("stop took {} ms", stopped.elapsed_ms));
        }
        let late = self.call(say("late").wish(self.lane, &address), Gzip::Absent).await?;
        if late.lines.iter().any(|line| line.starts_with("got")) {
            return Err("a call after the stop was answered".to_owned());
        }
        Ok(format!("{}, stopped in {} ms", told.brief(), stopped.elapsed_ms))
    }

    async fn stop_expires(&mut self, case: &Case, ask: &Ask) -> Judged {
        let side = self.direction.server();
        let mut server = self.peers.server(side, &case.setup.config(self.lane)).await?;
        let address = server.address().to_owned();
        let running = self.start(case, ask, &address)?;
        self.under_way(case, ask, &address).await?;
        server.stop().await?;
        let told = running.await.map_err(|error| error.to_string())??;
        self.judge(case, &told)?;
        let stopped = server.stopped().await?;
        if stopped.elapsed_ms > STOP {
            return Err(format!("stop took {} ms", stopped.elapsed_ms));
        }
        Ok(format!("{}, stopped in {} ms", told.brief(), stopped.elapsed_ms))
    }

    async fn server_lost(&mut self, case: &Case, ask: &Ask) -> Judged {
        let server = self
            .peers
            .server(self.direction.server(), &case.setup.config(self.lane))
            .await?;
        let address = server.address().to_owned();
        let running = self.start(case, ask, &address)?;
        self.under_way(case, ask, &address).await?;
        drop(server);
        let told = running.await.map_err(|error| error.to_string())??;
        self.judge(case, &told)?;
        Ok(told.brief())
    }

    /// The call has reached its handler, which waits by then if it is to do so.
    async fn under_way(&mut self, case: &Case, ask: &Ask, address: &str) -> Result<(), String> {
        let key = self.key(case);
        self.marked(&key, if ask.waits() { "waits" } else { "begun" }, address)
            .await
    }

    /// A handler of the server with this key has made the mark.
    async fn marked(&mut self, key: &str, mark: &str, address: &str) -> Result<(), String> {
        let told = self.recorded(&format!("{key} {mark}"), address, Side::Kitex).await?;
        if told == MARKED {
            Ok(())
        } else {
            Err(format!("the handler has not {mark}: {told}"))
        }
    }

    fn start(&mut self, case: &Case, ask: &Ask, address: &str) -> Result<Running, String> {
        let mut wish = ask.wish(self.lane, address);
        self.recording(&mut wish, &self.key(case));
        let caller = self.caller(Gzip::Absent)?;
        Ok(tokio::spawn(async move { caller.call(wish).await }))
    }
}

/// A Kitex client has not sent this call: its connection got a GOAWAY between the call's choice of it and its header (`initStream` in
/// `http2_client.go`). It makes no new attempt then, unlike before.
const DRAINING: &str = "rpc error: code = 14 desc = the connection is draining";
/// The same, where the call's only message came after its header had been dropped (`Write` in `http2_client.go`).
const DROPPED: &str = "rpc error: code = 13 desc = the stream is done";

/// A stop takes less that does not wait until all patience is over or a handler has slept its time.
const STOP: u64 = 3000;

type Running = tokio::task::JoinHandle<Result<Told, String>>;

/// Nothing in between is expected.
fn size(bytes: usize) -> Option<Size> {
    match bytes {
        0..10_000 => Some(Size::Small),
        100_000.. => Some(Size::Full),
        _ => None,
    }
}

/// A handler whose caller is ours has recorded what it saw in this many milliseconds after that.
const AT_ONCE: u64 = 4000;
