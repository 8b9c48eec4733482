//! Small faults that can be switched on, to see which tests find them.
//!
//! They are in the code under `cfg(kitewire_planted)` alone, and one of them at most is on: the one that
//! `KITEWIRE_PLANTED` names, or that [`plant`] was given last. Without the cfg, [`planted`] is a constant.

#![cfg_attr(
    not(kitewire_planted),
    expect(unreachable_pub, reason = "what is public under the cfg")
)]

#[cfg(kitewire_planted)]
pub use switched::{plant, reached};

macro_rules! bugs {
    ($($variant:ident $name:literal $text:literal)*) => {
        /// A fault that can be switched on.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Bug {
            $(
                #[doc = $text]
                $variant,
            )*
        }

        #[cfg(kitewire_planted)]
        impl Bug {
            /// All faults.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// What `KITEWIRE_PLANTED` calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What goes wrong.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

bugs! {
    SegmentStartsOver "segment-starts-over" "Output: a large payload behind a partial write sends what went before again."
    SegmentForgotten "segment-forgotten" "Output: a small piece between two large ones that wait gets no place of its own."
    DeadlineLost "deadline-lost" "Timers: the end of a call takes the deadline of the next one with it."
    LingerRunsOn "linger-runs-on" "Ping-pong server: a call that comes while a stop lingers does not keep the connection."
    OnewayHeld "oneway-held" "Ping-pong server: the bytes of a oneway request count for ever."
    CancelledHeld "cancelled-held" "Ping-pong server: the bytes of a request count for ever whose caller's deadline passed before the answer."
    LateAnswerTaken "late-answer-taken" "Ping-pong client: the late answer to a call that timed out goes to the next call in its place."
    FinishedForgotten "finished-forgotten" "HTTP/2: SETTINGS that open windows put back no stream that has said everything."
    ResetKeepsCredit "reset-keeps-credit" "HTTP/2: unread data of a stream that was reset is not given back to the connection's window."
    ReleasedKeepsCredit "released-keeps-credit" "HTTP/2: data that comes for a released stream is not given back to the connection's window."
    StrayKeepsCredit "stray-keeps-credit" "HTTP/2: data that comes for a stream that is forgotten is not given back to the connection's window."
    IgnoredKeepsCredit "ignored-keeps-credit" "HTTP/2: data that comes for a stream that was reset here is not given back to the connection's window."
    EndedKeepsCredit "ended-keeps-credit" "HTTP/2: what nobody reads of a body that is over is not given back to the connection's window."
    RestKeepsCredit "rest-keeps-credit" "HTTP/2: what is read of a body after its end is not given back to the connection's window if it is large."
    LargeTakenKeepsCredit "large-taken-keeps-credit" "HTTP/2: a large piece that is taken after the end of its body is not given back to the connection's window."
    LargeUnreadLost "large-unread-lost" "HTTP/2: large unread pieces of a released stream are not counted off."
    WrongTurn "wrong-turn" "HTTP/2: the turn of a stream that is gone goes to the one in its place, under the old id."
    TailOutlives "tail-outlives" "HTTP/2: a DATA frame that was handed out can still grow."
    StopMovesNot "stop-moves-not" "HTTP/2 server: requests that cross the announcement of a stop are not among those it names."
    LastRefused "last-refused" "HTTP/2 client: the last stream that a GOAWAY names counts as refused while its request still goes out."
}

/// Whether a fault is switched on. The last word of a condition, as it counts.
#[cfg(not(kitewire_planted))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}

#[cfg(kitewire_planted)]
pub(crate) use switched::planted;

#[cfg(kitewire_planted)]
mod switched {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use super::Bug;

    pub(crate) fn planted(bug: Bug) -> bool {
        let chosen = match CHOSEN.load(Ordering::Relaxed) {
            UNREAD => read(),
            chosen => chosen,
        };
        let is_on = chosen == bug as usize;
        if is_on {
            REACHED.fetch_add(1, Ordering::Relaxed);
        }
        is_on
    }

    /// Switches a fault on, for the whole process, and the one before off.
    pub fn plant(bug: Option<Bug>) {
        CHOSEN.store(bug.map_or(NONE, |bug| bug as usize), Ordering::Relaxed);
        REACHED.store(0, Ordering::Relaxed);
    }

    /// How often the fault that is on has made a difference at its place since it was switched on.
    #[must_use]
    pub fn reached() -> u64 {
        REACHED.load(Ordering::Relaxed)
    }

    #[cold]
    fn read() -> usize {
        let chosen = match std::env::var("KITEWIRE_PLANTED") {
            Err(_) => NONE,
            Ok(name) => match Bug::ALL.iter().find(|bug| bug.name() == name) {
                Some(bug) => *bug as usize,
                None => panic!("KITEWIRE_PLANTED: no fault is called {name:?}"),
            },
        };
        CHOSEN.store(chosen, Ordering::Relaxed);
        chosen
    }

    static CHOSEN: AtomicUsize = AtomicUsize::new(UNREAD);
    static REACHED: AtomicU64 = AtomicU64::new(0);
    const UNREAD: usize = usize::MAX;
    const NONE: usize = usize::MAX - 1;
}
