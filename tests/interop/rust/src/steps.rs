//! Runs one case on one lane in one direction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::call::{Call, Dial, Outcome};
use crate::cases::{Ask, Case, End, Step, say};
use crate::expect::{Expect, value};
use crate::lanes::{Direction, Lane, Side};
use crate::peers::{Client, Peers};
use crate::proxy::Proxy;

/// Where a case runs.
pub(crate) struct Place<'a> {
    pub(crate) peers: &'a mut Peers,
    pub(crate) client: Arc<Client>,
    pub(crate) lane: &'a Lane,
    pub(crate) direction: Direction,
}

/// What to print behind the cell, or the difference.
pub(crate) type Judged = Result<String, String>;

impl Place<'_> {
    pub(crate) async fn run(&mut self, case: &Case) -> Judged {
        let expect = (case.expect)(self.lane, self.direction);
        match &case.step {
            Step::Call(ask) => {
                let address = self.address(case).await?;
                self.expect(ask, &address, &expect).await
            }
            Step::Then(first, second) => {
                let address = self.address(case).await?;
                self.call(first, &address).await?;
                self.expect(second, &address, &expect).await
            }
            Step::Oneway(word) => self.oneway(case, word).await,
            Step::Sequence(count) => self.sequence(case, *count).await,
            Step::AtOnce(count) => self.at_once(case, *count).await,
            Step::Hop(next, ask) => self.hop(case, *next, ask, &expect).await,
            Step::ChecksumSeen => self.checksum_seen(case).await,
            Step::ChecksumBroken => self.checksum_broken(case, &expect).await,
            Step::ChecksumOneSided(knows) => self.checksum_one_sided(case, *knows, &expect).await,
            Step::StopWhileRunning => self.stop_while_running(case).await,
            Step::StopMarks => self.stop_marks(case).await,
        }
    }

    async fn address(&mut self, case: &Case) -> Result<String, String> {
        let side = self.direction.server();
        self.peers.shared(side, &case.setup.config(self.lane, side)).await
    }

    async fn call(&self, ask: &Ask, address: &str) -> Result<Outcome, String> {
        self.client.call(ask.call(self.lane, address)).await
    }

    async fn expect(&self, ask: &Ask, address: &str, expect: &Expect) -> Judged {
        let outcome = self.call(ask, address).await?;
        expect.check(&outcome)?;
        self.printed(&outcome)?;
        Ok(outcome.brief())
    }

    /// A Kitex program prints our exceptions as it prints Kitex's, and our client prints what Kitex's would.
    fn printed(&self, outcome: &Outcome) -> Result<(), String> {
        let want = format!("remote or network error[remote]: {}", outcome.text);
        if outcome.kind != "exception" || outcome.error == want {
            return Ok(());
        }
        Err(format!(
            "{} prints {:?}, want {want:?}",
            self.direction.client(),
            outcome.error
        ))
    }

    /// Oneway calls have no answer, so the server is asked what came.
    async fn oneway(&mut self, case: &Case, word: &str) -> Judged {
        let address = self.address(case).await?;
        // The words that make a handler fail stand alone; a plain text is made new for this cell.
        let text = if word == "token" {
            format!("token-{}-{}", self.direction, self.lane.name)
        } else {
            word.to_owned()
        };
        let mut push = say(&text).call(self.lane, &address);
        push.method = "push";
        let outcome = self.client.call(push).await?;
        value("done").check(&outcome)?;
        let asked = say(&format!("pushed {text}"));
        for _ in 0..500 {
            let outcome = self.call(&asked, &address).await?;
            if outcome.text == "yes" {
                return Ok(format!("arrived: {text}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("the oneway call did not arrive".to_owned())
    }

    async fn sequence(&mut self, case: &Case, count: u32) -> Judged {
        let address = self.address(case).await?;
        for number in 0..count {
            let text = format!("number {number}");
            self.expect(&say(&text), &address, &value(&text)).await?;
        }
        Ok(format!("{count} answers"))
    }

    async fn at_once(&mut self, case: &Case, count: u32) -> Judged {
        let address = self.address(case).await?;
        let asks = (0..count).map(|number| format!("sleep {}", 160 - number * 10));
        let running = self.start(asks, &address);
        for (text, task) in running {
            let outcome = task.await.map_err(|error| error.to_string())??;
            value(&text.replace("sleep", "slept")).check(&outcome)?;
        }
        Ok(format!("{count} answers"))
    }

    /// Calls that run beside each other.
    fn start(&self, texts: impl Iterator<Item = String>, address: &str) -> Vec<Running> {
        texts
            .map(|text| {
                let call = say(&text).call(self.lane, address);
                let client = Arc::clone(&self.client);
                (text, tokio::spawn(async move { client.call(call).await }))
            })
            .collect()
    }

    async fn hop(&mut self, case: &Case, next: Side, ask: &Ask, expect: &Expect) -> Judged {
        let last = self.peers.shared(next, &case.setup.config(self.lane, next)).await?;
        let side = self.direction.server();
        let mut config = case.setup.config(self.lane, side);
        // Second is a Thrift service; what the first hop carries it in does not matter to the second.
        let thrift = Lane {
            protobuf: false,
            ..*self.lane
        };
        config.next = Some(thrift.dial(&last));
        let address = self.peers.shared(side, &config).await?;
        self.expect(ask, &address, expect).await
    }

    async fn checksum_seen(&mut self, case: &Case) -> Judged {
        let address = self.address(case).await?;
        let proxy = Proxy::start(&address, None).await?;
        let outcome = self.checked("checked", &proxy.address).await?;
        value("checked").check(&outcome)?;
        let carried = proxy.carried();
        let has = |bytes: &[u8]| bytes.windows(6).any(|window| window == b"crc32c");
        if has(&carried.requests) && has(&carried.answers) {
            Ok("crc32c in request and answer".to_owned())
        } else {
            Err(format!(
                "crc32c in request: {}, in answer: {}",
                has(&carried.requests),
                has(&carried.answers)
            ))
        }
    }

    async fn checksum_broken(&mut self, case: &Case, expect: &Expect) -> Judged {
        let address = self.address(case).await?;
        let proxy = Proxy::start(&address, Some((b'~', b'!'))).await?;
        let mut call = self.checking("what~a~change", &proxy.address);
        // A multiplexed Kitex server only logs it.
        call.timeout_ms = 1500;
        let outcome = self.client.call(call).await?;
        expect.check(&outcome)?;
        Ok(outcome.brief())
    }

    async fn checksum_one_sided(&mut self, case: &Case, knows: End, expect: &Expect) -> Judged {
        let address = self.address(case).await?;
        let outcome = match knows {
            End::Client => self.checked("checked", &address).await?,
            End::Server => self.call(&say("checked"), &address).await?,
        };
        expect.check(&outcome)?;
        Ok(outcome.brief())
    }

    async fn checked(&self, text: &str, address: &str) -> Result<Outcome, String> {
        self.client.call(self.checking(text, address)).await
    }

    /// A call by a client with checksums.
    fn checking(&self, text: &str, address: &str) -> Call {
        let call = say(text).call(self.lane, address);
        let dial = Dial {
            crc32c: true,
            ..call.dial
        };
        Call { dial, ..call }
    }

    /// Every call that runs when the stop begins is answered; then nobody listens any more.
    async fn stop_while_running(&mut self, case: &Case) -> Judged {
        let side = self.direction.server();
        let mut server = self.peers.server(side, &case.setup.config(self.lane, side)).await?;
        let address = server.address().to_owned();
        // The calls begin on connections that are there already, so that none of them is still dialling at the stop.
        self.expect(&say("warm"), &address, &value("warm")).await?;
        let running = self.start((0..4).map(|number| format!("sleep {}", 1500 + number * 20)), &address);
        tokio::time::sleep(Duration::from_millis(700)).await;
        server.stop().await?;
        for (text, task) in running {
            let outcome = task.await.map_err(|error| error.to_string())??;
            value(&text.replace("sleep", "slept"))
                .check(&outcome)
                .map_err(|error| format!("running call: {error}"))?;
        }
        let stopped = server.stopped().await?;
        if !stopped.error.is_empty() {
            return Err(format!("stop: {}", stopped.error));
        }
        if stopped.elapsed_ms > 4000 {
            return Err(format!("stop took {} ms", stopped.elapsed_ms));
        }
        let late = self.call(&say("late").within_second(), &address).await?;
        if late.kind == "value" {
            return Err("a call after the stop was answered".to_owned());
        }
        Ok(format!("4 answers, stopped in {} ms", stopped.elapsed_ms))
    }

    /// A call made while the server still waits for another is answered, and its reply says that the connection will be closed.
    async fn stop_marks(&mut self, case: &Case) -> Judged {
        for _ in 0..10 {
            if let Some(outcome) = self.marked(case).await? {
                return Ok(outcome.brief());
            }
        }
        Err("no call came while the server was stopping".to_owned())
    }

    /// `None` when no call came in time: Kitex begins to mark its replies some 50 ms after the stop, and closes idle connections some 100 ms
    /// later. We close them 150 ms after it.
    async fn marked(&mut self, case: &Case) -> Result<Option<Outcome>, String> {
        let side = self.direction.server();
        let mut server = self.peers.server(side, &case.setup.config(self.lane, side)).await?;
        let address = server.address().to_owned();
        // Two connections: one for the call that keeps the server waiting, one idle.
        for (_, task) in self.start(["sleep 30", "sleep 30"].map(str::to_owned).into_iter(), &address) {
            task.await.map_err(|error| error.to_string())??;
        }
        let running = self.start(["sleep 2000".to_owned()].into_iter(), &address);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let stopping = Instant::now();
        server.stop().await?;
        let mut outcome = Outcome::default();
        while outcome.backward.is_empty() {
            tokio::time::sleep(Duration::from_millis(15)).await;
            outcome = self.call(&say("during"), &address).await?;
            let answered = value("during").check(&outcome);
            let late = side == Side::Kitex || stopping.elapsed() > IN_TIME;
            if answered.is_err() && late {
                return Ok(None);
            }
            answered?;
        }
        value("during").and_backward(&[("crrst", "1")]).check(&outcome)?;
        for (_, task) in running {
            let outcome = task.await.map_err(|error| error.to_string())??;
            value("slept 2000").check(&outcome)?;
        }
        server.stopped().await?;
        Ok(Some(outcome))
    }
}

type Running = (String, tokio::task::JoinHandle<Result<Outcome, String>>);

/// A call whose answer is there so long after a stop came before idle connections were closed.
const IN_TIME: Duration = Duration::from_millis(100);
