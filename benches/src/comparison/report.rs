//! All samples, and what they say.

use super::options::Options;
use super::run::Sample;
use super::{Comparison, verdict};
use crate::aims::Figure;
use crate::cases::Case;
use crate::peers::Peer;
use crate::summary::{Spread, Thousands};

/// Samples of all rounds.
#[derive(Debug, Default)]
pub struct Results {
    samples: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    round: usize,
    case: Case,
    peer: Peer,
    sample: Sample,
}

impl Results {
    /// Takes a sample in.
    pub fn add(&mut self, round: usize, case: Case, peer: Peer, sample: Sample) {
        self.samples.push(Entry {
            round,
            case,
            peer,
            sample,
        });
    }

    /// What a round brought in a case, on one line.
    #[must_use]
    pub fn line(&self, round: usize, case: Case, peers: &[Peer]) -> String {
        let parts: Vec<String> = peers
            .iter()
            .filter_map(|&peer| {
                let sample = self.of(case, peer).find(|entry| entry.round == round)?.sample;
                Some(format!("{} {}", peer.name(), Thousands(sample.qps)))
            })
            .collect();
        parts.join(", ")
    }

    fn of(&self, case: Case, peer: Peer) -> impl Iterator<Item = &Entry> {
        self.samples
            .iter()
            .filter(move |entry| entry.case == case && entry.peer == peer)
    }

    /// A figure in all rounds.
    #[must_use]
    pub fn spread(&self, case: Case, peer: Peer, figure: fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(self.of(case, peer).map(|entry| figure(&entry.sample)))
    }

    /// Our figure divided by the peer's, round by round.
    #[must_use]
    pub fn ratio(&self, case: Case, peer: Peer, figure: fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(self.of(case, Peer::Kitewire).filter_map(|ours| {
            let theirs = self.of(case, peer).find(|theirs| theirs.round == ours.round)?;
            Some(figure(&ours.sample) / figure(&theirs.sample))
        }))
    }
}

/// Prints the report.
pub fn print(comparison: &Comparison, results: &Results, options: &Options) {
    println!(
        "{}, each side with its own client; {} rounds of {} ms; server and client on a core each",
        comparison.title,
        options.rounds,
        options.window.duration.as_millis()
    );
    for &case in &options.cases {
        println!("\n{}", case.title);
        println!(
            "{:>10} {:>11} {:>11} {:>11} {:>17} {:>9} {:>9} {:>9}",
            "", "calls/s min", "median", "max", "server us/call", "client", "p50 us", "p99 us"
        );
        for &peer in &options.peers {
            print_peer(results, case, peer);
        }
        for &peer in options.peers.iter().filter(|&&peer| peer != Peer::Kitewire) {
            for (what, figure, of) in RATIOS {
                if let Some(ratio) = results.ratio(case, peer, of) {
                    println!(
                        "{:>24} {what:<11}  {:>5.2} x   ({:.2} .. {:.2}){}",
                        format!("kitewire / {}", peer.name()),
                        ratio.median,
                        ratio.min,
                        ratio.max,
                        verdict(comparison.aim(case, figure, Some(peer)), ratio.median)
                    );
                }
            }
        }
    }
}

fn print_peer(results: &Results, case: Case, peer: Peer) {
    let figure = |figure| results.spread(case, peer, figure);
    let (Some(qps), Some(server), Some(client), Some(p50), Some(p99)) = (
        figure(|sample| sample.qps),
        figure(|sample| sample.server_us),
        figure(|sample| sample.client_us),
        figure(|sample| sample.p50_us),
        figure(|sample| sample.p99_us),
    ) else {
        return;
    };
    println!(
        "{:>10} {:>11} {:>11} {:>11} {:>17.2} {:>9.2} {:>9.0} {:>9.0}",
        peer.name(),
        Thousands(qps.min),
        Thousands(qps.median),
        Thousands(qps.max),
        server.median,
        client.median,
        p50.median,
        p99.median
    );
}

type Of = fn(&Sample) -> f64;

const RATIOS: [(&str, Figure, Of); 2] = [
    ("calls/s", Figure::Speed, |sample| sample.qps),
    ("server time", Figure::ServerTime, |sample| sample.server_us),
];
