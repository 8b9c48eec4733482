//! Streams to services of the same process.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use common::bounded;
use common::chat::{ChatClient, ChatServer, Controls, line, talker};
use kitewire::{Client, Code};

fn here() -> (ChatClient, Controls) {
    let (talker, controls) = talker();
    let client = Client::in_process(ChatServer::new(talker)).unwrap();
    (ChatClient(client), controls)
}

/// Polls until ready, with a waker that does nothing.
fn run_now<T>(work: impl IntoFuture<Output = T>) -> T {
    let mut work = std::pin::pin!(work.into_future());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..10 {
        if let std::task::Poll::Ready(done) = work.as_mut().poll(&mut cx) {
            return done;
        }
    }
    panic!("the stream waits for something that never comes");
}

#[test]
fn the_modes_need_no_runtime() {
    let (chat, _controls) = here();
    for _ in 0..3 {
        assert_eq!(run_now(chat.unary("x")).unwrap(), "xx");

        let mut up = run_now(chat.collect()).unwrap();
        for text in ["a", "b"] {
            run_now(up.send(line(text))).unwrap();
        }
        assert_eq!(run_now(up.finish()).unwrap(), line("ab"));

        let mut changes = run_now(chat.watch("2")).unwrap();
        assert_eq!(run_now(changes.header()).unwrap().get("h"), Some("1"));
        assert_eq!(run_now(changes.recv()).unwrap(), Some(line("1")));
        assert_eq!(run_now(changes.recv()).unwrap(), Some(line("0")));
        assert_eq!(run_now(changes.recv()).unwrap(), None);
        assert_eq!(changes.trailer().get("t"), Some("2"));
        assert_eq!(changes.peer(), None);

        let mut talk = run_now(chat.talk()).unwrap();
        let large = line("x".repeat(300_000));
        for message in [line("a"), large, line("b")] {
            run_now(talk.send(&message)).unwrap();
            assert_eq!(run_now(talk.recv()).unwrap(), Some(message));
        }
        talk.close_send();
        assert_eq!(run_now(talk.recv()).unwrap(), None);
    }
    let mut changes = run_now(chat.watch("nothing")).unwrap();
    assert_eq!(run_now(changes.recv()).unwrap_err().code(), Code::INTERNAL);
}

#[test]
fn a_dropped_stream_is_cancelled() {
    let (chat, mut controls) = here();
    let mut changes = run_now(chat.watch("wait")).unwrap();
    run_now(changes.header()).unwrap();
    assert_eq!(run_now(controls.seen()), "waiting");
    drop(changes);
    assert_eq!(run_now(controls.seen()), "CallerGone");
}

#[tokio::test]
async fn a_handler_that_waits_wakes_whoever_waits_for_it() {
    let (chat, controls) = here();
    let mut talk = bounded(chat.talk()).await.unwrap();
    bounded(talk.send(line("gate"))).await.unwrap();
    let (mut out, mut input) = talk.split();
    let receiving = tokio::spawn(async move {
        let first = input.recv().await.unwrap();
        let second = input.recv().await.unwrap();
        (first, second, input.recv().await.unwrap())
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    controls.gate.add_permits(1);
    tokio::time::sleep(Duration::from_millis(20)).await;
    bounded(out.send(line("more"))).await.unwrap();
    out.close();
    let received = bounded(receiving).await.unwrap();
    assert_eq!(received, (Some(line("open")), Some(line("more")), None));
}

#[tokio::test]
async fn a_message_larger_than_every_window_gets_through() {
    let (chat, _controls) = here();
    let mut talk = bounded(chat.talk()).await.unwrap();
    for length in [300_000, 3_000_000] {
        let large = line("x".repeat(length));
        bounded(talk.send(&large)).await.unwrap();
        assert_eq!(bounded(talk.recv()).await.unwrap(), Some(large));
    }
}

#[tokio::test]
async fn a_reader_that_is_slow_holds_the_handler_up() {
    let (chat, _controls) = here();
    let mut changes = bounded(chat.watch("20000")).await.unwrap();
    for left in (0..20_000).rev() {
        let change = bounded(changes.recv()).await.unwrap();
        assert_eq!(change, Some(line(left.to_string())));
    }
    assert_eq!(bounded(changes.recv()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_in_two_threads_pump_together() {
    let (chat, _controls) = here();
    let (mut out, mut input) = bounded(chat.talk()).await.unwrap().split();
    let sending = tokio::spawn(async move {
        for turn in 0..2000 {
            out.send(line(turn.to_string())).await.unwrap();
        }
        out.close();
        out
    });
    for turn in 0..2000 {
        assert_eq!(bounded(input.recv()).await.unwrap(), Some(line(turn.to_string())));
    }
    assert_eq!(bounded(input.recv()).await.unwrap(), None);
    bounded(sending).await.unwrap();
}
