//! What every adapter must do, written once against [`kitewire::Runtime`].
//!
//! Each function of the modules is one test; a file in `tests` runs all of them on one runtime with
//! [`adapter_tests!`](crate::adapter_tests).
#![allow(clippy::unwrap_used, reason = "tests")]

pub mod addresses;
pub mod hasty;
pub mod stream;
pub mod streams;
pub mod tasks;
pub mod timers;
pub mod turns;
pub mod watched;

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Runs a test on a thread of its own, and gives it up when it hangs.
///
/// # Panics
/// When the test does, or hangs.
pub fn bounded(test: impl FnOnce() + Send + 'static) {
    let (sender, over) = channel::<()>();
    let thread = std::thread::spawn(move || {
        let _sender = sender;
        test();
    });
    // Nothing is ever sent: the sender goes away when the test has ended, however it does.
    let hangs = over.recv_timeout(FOREVER) == Err(RecvTimeoutError::Timeout);
    assert!(!hangs, "the test hangs");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Makes a test of each function of this crate, for a runtime and the function that runs a future on it.
#[macro_export]
macro_rules! adapter_tests {
    ($runtime:expr, $block_on:path) => {
        $crate::adapter_tests!($runtime, $block_on,
            addresses: a_port_of_zero_takes_a_free_one, names_are_resolved, a_refused_connect_says_what_and_where,
                a_refused_name_tells_every_address, a_name_that_leads_nowhere_is_an_error,
                an_address_in_use_is_an_error, unix_sockets_have_their_paths,
                a_socket_left_behind_is_replaced, no_other_file_is_replaced;
            streams: bytes_come_in_order_over_tcp, bytes_come_in_order_over_unix_sockets,
                reads_fill_the_spare_room_and_no_more, short_messages_go_back_and_forth, closing_ends_one_direction,
                dropping_ends_both_directions, hundreds_wait_to_be_accepted, peers_are_known,
                what_came_while_nobody_waited_is_seen_at_once;
            tasks: spawned_tasks_run, a_panic_ends_its_task_only, a_task_that_wakes_itself_comes_after_those_ready;
            timers: an_idle_timer_stays_pending, time_that_has_passed_is_told_again_and_again,
                a_timer_waits_for_its_time, arming_anew_replaces_the_earlier_time, far_times_do_not_overflow,
                the_latest_waker_counts, a_timer_armed_at_the_end_of_a_busy_turn_wakes;
            turns: answers_in_flight_share_writes, an_executor_in_a_hurry_only_writes_more;
        );
    };
    ($runtime:expr, $block_on:path, $($module:ident: $($test:ident),*;)*) => {
        $(mod $module {
            $(#[test]
            fn $test() {
                $crate::bounded(|| $block_on($crate::$module::$test($runtime)));
            })*
        })*
    };
}

const FOREVER: Duration = Duration::from_secs(30);
