//! Time, tasks, and what is said when a run does not end.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::future::{Future, pending, poll_fn};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use kitewire_runtime::{Runtime, Timer};
use kitewire_simulator::{Instant, SEED, Schedule, Simulated, Why, World, seeds};

const SECOND: Duration = Duration::from_secs(1);

/// Lets every task that is ready by now run first, where the schedule is fair.
fn yield_now() -> impl Future<Output = ()> {
    let mut yielded = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

#[test]
fn the_clock_jumps_to_what_happens_next() {
    let mut world = World::new(1);
    assert_eq!(world.now(), Instant::ZERO);
    let host = world.host("a");
    let order = Arc::new(Mutex::new(Vec::new()));
    for seconds in [3, 1, 2] {
        let (host, order) = (host.clone(), Arc::clone(&order));
        host.clone().spawn(async move {
            host.sleep(SECOND * seconds).await;
            order.lock().unwrap().push((seconds, host.now()));
        });
    }
    world.run_for(SECOND * 60).unwrap();
    let at = |seconds| (seconds, Instant::ZERO + SECOND * seconds);
    assert_eq!(*order.lock().unwrap(), [at(1), at(2), at(3)]);
    assert_eq!(world.now(), Instant::ZERO + SECOND * 60);
}

#[test]
fn a_timer_is_set_again_and_again() {
    let mut world = World::new(1);
    let host = world.host("a");
    let mut timer = host.timer();
    let done = world.run_until(async {
        let unarmed = poll_fn(|cx| Poll::Ready(timer.poll_expired(cx))).await;
        assert!(unarmed.is_pending());
        timer.arm(host.now() + SECOND * 100);
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_expired(cx))).await.is_pending());
        timer.arm(host.now() + SECOND);
        poll_fn(|cx| timer.poll_expired(cx)).await;
        assert_eq!(host.now(), Instant::ZERO + SECOND);
        poll_fn(|cx| timer.poll_expired(cx)).await;
        timer.arm(host.now() + SECOND);
        poll_fn(|cx| timer.poll_expired(cx)).await;
        assert_eq!(host.now(), Instant::ZERO + SECOND * 2);
    });
    done.unwrap();
    // Nothing is left of the first.
    drop(timer);
    assert_eq!(world.run_until(pending::<()>()).unwrap_err().why, Why::Nothing);
}

#[test]
fn timers_are_late_and_steps_take_time_where_that_is_asked_for() {
    let mut world = World::builder(1).timer_lateness(SECOND..=SECOND).build();
    world.run_for(SECOND).unwrap();
    assert_eq!(world.now(), Instant::ZERO + SECOND * 2);

    let mut world = World::builder(1).poll_cost(SECOND..=SECOND).build();
    let host = world.host("a");
    let other = host.start("other", {
        let host = host.clone();
        async move {
            host.sleep(SECOND / 2).await;
            host.now()
        }
    });
    let woken = world.run_until(async {
        for _ in 0..10 {
            yield_now().await;
        }
        other.await.unwrap()
    });
    assert!(woken.unwrap() >= Instant::ZERO + SECOND, "others took their time");
}

#[test]
fn a_fair_schedule_lets_all_that_are_ready_run_before_one_that_wakes_itself() {
    for (schedule, fair) in [(Schedule::Fair, true), (Schedule::Seeded, false)] {
        let mut out_of_turn = 0;
        for seed in 0..50 {
            let mut world = World::builder(seed).schedule(schedule).build();
            let turns = Arc::new(Mutex::new(Vec::new()));
            for task in 0..4 {
                let turns = Arc::clone(&turns);
                world.spawn(async move {
                    for _ in 0..3 {
                        turns.lock().unwrap().push(task);
                        yield_now().await;
                    }
                });
            }
            world.run_for(SECOND).unwrap();
            out_of_turn += i32::from(*turns.lock().unwrap() != [0, 1, 2, 3].repeat(3));
        }
        assert_eq!(out_of_turn == 0, fair, "{schedule:?}: {out_of_turn}");
    }
}

#[test]
fn a_stuck_world_says_what_waits() {
    let mut world = World::new(77);
    drop(world.host("shop").start("till", pending::<()>()));
    world.note("a line of the test's own");
    let stuck = world.run_until(pending::<()>()).unwrap_err();
    assert_eq!(stuck.why, Why::Nothing);
    let text = stuck.to_string();
    for part in [
        "the world of seed 77 is stuck: every task waits, and nothing will ever happen again",
        "task 1 of shop: till",
        "a line of the test's own",
        "replay it with KITEWIRE_SEED=77",
    ] {
        assert!(text.contains(part), "{text}");
    }

    let mut world = World::builder(1).time_limit(SECOND * 10).build();
    let host = world.host("a");
    world.spawn(async move {
        loop {
            host.sleep(SECOND).await;
        }
    });
    let stuck = world.run_until(pending::<()>()).unwrap_err();
    assert_eq!(stuck.why, Why::Time(SECOND * 10));
    assert_eq!(stuck.trace.elapsed, SECOND * 10);
}

#[test]
fn tasks_that_turn_in_circles_come_to_the_limit_of_steps() {
    type Circle = fn(&World);
    let circles: [Circle; 4] = [
        // One wakes itself.
        |world| world.spawn(turn_for_ever()),
        // Two wake each other.
        |world| {
            let ball = Arc::new(Mutex::new(None::<Waker>));
            for _ in 0..2 {
                let ball = Arc::clone(&ball);
                world.spawn(poll_fn(move |cx| {
                    let other = ball.lock().unwrap().replace(cx.waker().clone());
                    other.into_iter().for_each(Waker::wake);
                    Poll::Pending
                }));
            }
        },
        // Each begins the next one.
        |world| beget(&world.host("a")),
        // One waits for a time that is always over, and lets others run.
        |world| {
            let host = world.host("a");
            world.spawn(async move {
                loop {
                    host.sleep(Duration::ZERO).await;
                    yield_now().await;
                }
            });
        },
    ];
    for circle in circles {
        for schedule in [Schedule::Fair, Schedule::Seeded] {
            let mut world = World::builder(1).schedule(schedule).step_limit(1000).build();
            circle(&world);
            let stuck = world.run_until(pending::<()>()).unwrap_err();
            assert_eq!(stuck.why, Why::Steps(1000));
        }
    }
    let mut world = World::builder(1).step_limit(1000).build();
    let stuck = world.run_until(turn_for_ever()).unwrap_err();
    assert_eq!(stuck.why, Why::Steps(1000), "the future that the world is run with");
}

async fn turn_for_ever() {
    loop {
        yield_now().await;
    }
}

fn beget(host: &Simulated) {
    let next = host.clone();
    host.spawn(async move { beget(&next) });
}

/// Counts itself when it is dropped, and spawns another that does.
struct Guard(Arc<AtomicU32>, Option<Simulated>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        if let Some(host) = self.1.take() {
            let guard = Self(Arc::clone(&self.0), None);
            host.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
        }
    }
}

#[test]
fn what_a_killed_task_begins_as_it_goes_is_killed_with_it() {
    let dropped = Arc::new(AtomicU32::new(0));
    let mut world = World::new(1);
    let host = world.host("a");
    let guard = Guard(Arc::clone(&dropped), Some(host.clone()));
    host.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    world.run_for(SECOND).unwrap();
    world.net().kill(&host);
    let afterwards = host.start("afterwards", async {});
    world.run_for(SECOND).unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
    assert_eq!((afterwards.is_finished(), world.tasks().len()), (true, 0));
}

#[test]
fn everything_goes_with_the_world() {
    let dropped = Arc::new(AtomicU32::new(0));
    let mut world = World::new(1);
    let host = world.host("a");
    for run in [false, true] {
        let guard = Guard(Arc::clone(&dropped), Some(host.clone()));
        host.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        if run {
            world.run_for(SECOND).unwrap();
        }
    }
    let task = host.start("waiting", pending::<()>());
    drop(world);
    assert_eq!(dropped.load(Ordering::Relaxed), 4);
    assert!(task.is_finished());
    // What is left of it does no harm.
    let guard = Guard(Arc::clone(&dropped), None);
    host.spawn(async move { drop(guard) });
    assert_eq!(dropped.load(Ordering::Relaxed), 5);
}

#[test]
fn generators_are_independent_of_each_other() {
    let draw = |extra: bool| {
        let mut world = World::new(5);
        let mut first = world.random();
        if extra {
            first.next_u64();
        }
        let mut second = world.host("a").random();
        world.run_for(SECOND).unwrap();
        second.next_u64()
    };
    assert_eq!(draw(false), draw(true));
}

#[test]
fn a_seed_of_the_environment_is_the_only_one() {
    if std::env::var_os(SEED).is_none() {
        assert_eq!(seeds(3..6).collect::<Vec<_>>(), [3, 4, 5]);
    }
}
