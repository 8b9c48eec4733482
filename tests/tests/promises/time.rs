//! Deadlines, cancellation, and what has no effect on streams: promises 50 to 56, 62 and 63.

use std::time::{Duration, Instant};

use kitewire::{Code, Error, RecvTimeout, StreamOptions};
use kitewire_tokio::Tokio;
use tokio::sync::mpsc;

use crate::site::{PATIENCE, PromisesClient, Scene, Site, ask, reply, within};

const SHORT: Duration = Duration::from_millis(600);
const LONG: Duration = Duration::from_secs(9);
const PASSED: &str = "rpc error: code = 4 desc = context deadline exceeded";

/// Handlers of `talk` that send nothing, and tell what their `recv` and `send` end with.
async fn silent() -> (Site, mpsc::UnboundedReceiver<(Error, Error)>) {
    let (seen, ends) = mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |call, mut asks, mut out| {
            let seen = seen.clone();
            Box::pin(async move {
                let received = loop {
                    match asks.recv().await {
                        Ok(Some(_)) => {}
                        // The client has sent everything, and goes on listening.
                        Ok(None) => {
                            call.cancelled().await;
                            break asks.recv().await.unwrap_err();
                        }
                        Err(error) => break error,
                    }
                };
                call.cancelled().await;
                let sent = out.send(reply("")).await.unwrap_err();
                seen.send((received, sent)).unwrap();
                Ok(())
            })
        })
        .serve()
        .await;
    (site, ends)
}

#[tokio::test]
async fn promise_50_the_deadline_travels() {
    let (seen, mut left) = mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |call, _, _| {
            seen.send(call.time_left()).unwrap();
            Box::pin(async { Ok(()) })
        })
        .serve()
        .await;
    let client = site.client();
    client.talk().timeout(LONG).await.unwrap().recv().await.unwrap();
    let with = left.recv().await.unwrap().unwrap();
    assert!(with <= LONG && with > LONG / 2, "{with:?}");
    client.talk().await.unwrap().recv().await.unwrap();
    assert_eq!(left.recv().await.unwrap(), None);
}

#[tokio::test]
async fn promises_51_and_52_both_sides_see_the_deadline_pass() {
    let (site, mut ends) = silent().await;
    let begun = Instant::now();
    let mut talk = site.client().talk().timeout(SHORT).await.unwrap();
    let error = within(talk.recv()).await.unwrap_err();
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(error.to_string(), PASSED);
    assert!(error.is_timeout());
    let error = within(talk.send(ask(""))).await.unwrap_err();
    assert_eq!(error.to_string(), PASSED);
    // The client's reset may be there before the handler's own clock says so.
    let (received, sent) = within(ends.recv()).await.unwrap();
    for error in [received, sent] {
        assert!([Code(1), Code(4)].contains(&error.code()), "{error}");
    }
    site.quiet().await;
}

#[tokio::test]
async fn promise_53_a_stream_that_is_given_up_is_cancelled_on_both_sides() {
    let (site, mut ends) = silent().await;
    let client = site.client();
    let mut talk = client.talk().await.unwrap();
    talk.send(ask("")).await.unwrap();
    talk.cancel();
    assert_eq!(talk.recv().await.unwrap_err().code(), Code::CANCELLED);
    let mut dropped = client.talk().await.unwrap();
    dropped.send(ask("")).await.unwrap();
    drop(dropped);
    for _ in 0..2 {
        let (received, sent) = within(ends.recv()).await.unwrap();
        assert_eq!((received.code(), sent.code()), (Code::CANCELLED, Code::CANCELLED));
        let text = received.to_string();
        assert!(
            text.contains("RSTStream Frame received with error code: CANCEL"),
            "{text}"
        );
    }
    site.quiet().await;
}

#[tokio::test]
async fn promise_54_a_recv_timeout_ends_the_stream_unless_told_not_to() {
    let (site, mut ends) = silent().await;
    let client = site.client();
    let mut talk = client.talk().recv_timeout(RecvTimeout::new(SHORT)).await.unwrap();
    let error = within(talk.recv()).await.unwrap_err();
    assert_eq!(error.code(), Code::RECV_DEADLINE_EXCEEDED);
    let text =
        "rpc error: code = 17 desc = stream Recv timeout, timeout config={Timeout:600ms DisableCancelRemote:false}";
    assert_eq!(error.to_string(), text);
    let (received, _) = within(ends.recv()).await.unwrap();
    assert_eq!(received.code(), Code::CANCELLED);

    let patient = RecvTimeout::new(SHORT).keep_remote();
    let mut talk = client.talk().recv_timeout(patient).await.unwrap();
    for _ in 0..2 {
        let error = within(talk.recv()).await.unwrap_err();
        assert_eq!(error.code(), Code::RECV_DEADLINE_EXCEEDED);
        assert!(error.to_string().contains("DisableCancelRemote:true"), "{error}");
    }
    talk.send(ask("it goes on")).await.unwrap();
    assert!(ends.try_recv().is_err());
}

#[tokio::test]
async fn promise_55_the_shorter_of_two_timeouts_decides() {
    let (site, _ends) = silent().await;
    let client = site.client();
    for (recv, stream, code) in [(SHORT, LONG, 17), (LONG, SHORT, 4)] {
        let timeout = RecvTimeout::new(recv);
        let mut talk = client.talk().recv_timeout(timeout).timeout(stream).await.unwrap();
        assert_eq!(within(talk.recv()).await.unwrap_err().code(), Code(code));
    }
}

#[tokio::test]
async fn promise_56_a_recv_timeout_counts_from_the_call_of_recv() {
    let site = Scene::new()
        .talk(|_, _, mut out| {
            Box::pin(async move {
                for text in ["one", "two", "three"] {
                    tokio::time::sleep(SHORT).await;
                    out.send(reply(text)).await?;
                }
                Ok(())
            })
        })
        .serve()
        .await;
    // Longer than each wait, shorter than all of them.
    let timeout = RecvTimeout::new(SHORT * 5 / 2);
    let mut talk = site.client().talk().recv_timeout(timeout).await.unwrap();
    for text in ["one", "two", "three"] {
        assert_eq!(talk.recv().await.unwrap().unwrap().text, text);
    }
    assert!(talk.recv().await.unwrap().is_none());
}

#[tokio::test]
async fn promise_62_the_timeout_of_calls_has_no_effect_on_streams() {
    let site = Scene::new()
        .talk(|call, _, mut out| {
            Box::pin(async move {
                assert_eq!(call.time_left(), None);
                tokio::time::sleep(SHORT * 2).await;
                out.send(reply("still here")).await
            })
        })
        .serve()
        .await;
    let client = PromisesClient::new(site.builder().timeout(SHORT).build(Tokio).unwrap());
    let mut talk = client.talk().await.unwrap();
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "still here");
}

#[tokio::test]
async fn promise_63_where_a_stream_goes_is_decided_once() {
    let named = |name: &'static str| {
        Scene::new().talk(move |_, mut asks, mut out| {
            Box::pin(async move {
                while asks.recv().await?.is_some() {
                    out.send(reply(name)).await?;
                }
                Ok(())
            })
        })
    };
    let (one, two) = (named("one").serve().await, named("two").serve().await);
    let client = one.client();
    let mut there = client.talk().to(two.address.clone()).await.unwrap();
    let mut here = client.talk().await.unwrap();
    for _ in 0..20 {
        there.send(ask("")).await.unwrap();
        here.send(ask("")).await.unwrap();
        assert_eq!(there.recv().await.unwrap().unwrap().text, "two");
        assert_eq!(here.recv().await.unwrap().unwrap().text, "one");
    }
}

#[tokio::test]
async fn promise_92_an_option_of_one_stream_beats_the_client() {
    let (site, _ends) = silent().await;
    let options = StreamOptions::default().recv_timeout(RecvTimeout::new(LONG));
    let client = PromisesClient::new(site.builder().streaming(options).build(Tokio).unwrap());
    let mut talk = client.talk().recv_timeout(RecvTimeout::new(SHORT)).await.unwrap();
    let begun = Instant::now();
    assert_eq!(within(talk.recv()).await.unwrap_err().code(), Code(17));
    assert!(begun.elapsed() < LONG);
    let options = StreamOptions::default().timeout(SHORT);
    let client = PromisesClient::new(site.builder().streaming(options).build(Tokio).unwrap());
    let mut of_client = client.talk().await.unwrap();
    assert_eq!(within(of_client.recv()).await.unwrap_err().code(), Code(4));
    let mut of_call = client.talk().timeout(PATIENCE).await.unwrap();
    of_call.send(ask("")).await.unwrap();
    assert!(tokio::time::timeout(SHORT * 3, of_call.recv()).await.is_err());
}
