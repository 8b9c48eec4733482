//! Graceful stop.

use super::{Case, Step, needs_meta};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("graceful stop while calls run", Step::StopWhileRunning),
        Case::new("reply during the stop is marked", Step::StopMarks)
            .unless(needs_meta)
            .unless(|lane, _| {
                lane.multiplexed
                    .then_some("a multiplexed connection is told by a frame of its own")
            }),
    ]
}
