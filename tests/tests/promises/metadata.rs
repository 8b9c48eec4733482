//! Metainfo, metadata, headers and trailers, and options: promises 85 to 93.

use std::time::Duration;

use kitewire::{Call, Error};
use tokio::sync::mpsc;

use crate::site::{PATIENCE, Scene, ask, reply, within};

/// What the handler of `talk` finds with `look`.
async fn seen_by_handler<T: Send + 'static>(
    look: impl Fn(&Call) -> T + Send + Sync + Clone + 'static,
    send: impl AsyncFnOnce(crate::site::PromisesClient),
) -> T {
    let (found, mut finds) = mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |call, _, _| {
            assert!(found.send(look(call)).is_ok());
            Box::pin(async { Ok(()) })
        })
        .serve()
        .await;
    send(site.client()).await;
    within(finds.recv()).await.unwrap()
}

#[tokio::test]
async fn promise_85_metainfo_arrives_under_its_upper_case_spelling() {
    let values = seen_by_handler(
        |call| {
            let transient = |key: &str| call.transient(key).map(str::to_owned);
            let persistent = call.persistent("FOO").map(str::to_owned);
            [
                transient("HELLO_WORLD"),
                transient("hello_world"),
                transient("LOWER"),
                persistent,
                transient("A B"),
            ]
        },
        async |client| {
            let stream = client
                .talk()
                .meta("HELLO_WORLD", "1")
                .meta("lower", "2")
                .persistent("Foo", "3")
                .meta("a b", "4");
            stream.await.unwrap().recv().await.unwrap();
        },
    )
    .await;
    let expected = [Some("1"), None, Some("2"), Some("3"), None];
    assert_eq!(values, expected.map(|value| value.map(str::to_owned)));
}

#[tokio::test]
async fn promise_86_metadata_keys_have_no_case_and_values_keep_their_order() {
    let values = seen_by_handler(
        |call| {
            let all = call.metadata().get_all("X-Key").map(str::to_owned).collect::<Vec<_>>();
            (all, call.metadata().get("x-key").map(str::to_owned))
        },
        async |client| {
            let stream = client.talk().metadata("X-Key", "b").metadata("x-kEY", "a");
            stream.await.unwrap().recv().await.unwrap();
        },
    )
    .await;
    assert_eq!(values, (vec!["b".to_owned(), "a".to_owned()], Some("b".to_owned())));
}

#[tokio::test]
async fn promises_87_and_88_headers_and_trailers_arrive_intact_and_in_lower_case() {
    let site = Scene::new()
        .talk(|call, _, mut out| {
            Box::pin(async move {
                for (key, value) in [("low", "1"), ("d1git_and-hyphen", "2"), ("UPPER", "3")] {
                    call.append_header(key, value)?;
                    call.append_trailer(key, value)?;
                }
                call.append_header("low", "again")?;
                call.append_trailer("raw-bin", "\u{1}é")?;
                out.send(reply("")).await?;
                assert!(call.set_header("late", "x").is_err(), "the header is out");
                assert!(call.set_trailer("no good", "x").is_err(), "no name of a field");
                Ok(())
            })
        })
        .serve()
        .await;
    let mut talk = site.client().talk().await.unwrap();
    let header = talk.header().await.unwrap().clone();
    assert_eq!(header.get_all("low").collect::<Vec<_>>(), ["1", "again"]);
    assert_eq!(header.get("d1git_and-hyphen"), Some("2"));
    // Kitex sends capitals as they are, and its own clients refuse the header.
    assert_eq!(header.get("upper"), Some("3"));
    while talk.recv().await.unwrap().is_some() {}
    let trailer = talk.trailer();
    assert_eq!((trailer.get("low"), trailer.get("upper")), (Some("1"), Some("3")));
    assert_eq!(trailer.get_binary("raw-bin"), Some("\u{1}é".as_bytes()));
}

#[tokio::test]
async fn promise_89_a_log_id_is_seen_by_the_handler() {
    let id = seen_by_handler(
        |call| call.metadata().get("stream-log-id").map(str::to_owned),
        async |client| {
            let stream = client.talk().metadata("stream-log-id", "021");
            stream.await.unwrap().recv().await.unwrap();
        },
    )
    .await;
    assert_eq!(id.as_deref(), Some("021"));
}

#[tokio::test]
async fn promise_91_a_quiet_stream_is_not_timed_out() {
    let site = Scene::new().serve().await;
    let builder = site
        .builder()
        .connect_timeout(PATIENCE)
        .timeout(Duration::from_millis(20));
    let client = crate::site::PromisesClient::new(builder.build(kitewire_tokio::Tokio).unwrap());
    let mut talk = client.talk().await.unwrap();
    assert!(
        tokio::time::timeout(Duration::from_millis(150), talk.recv())
            .await
            .is_err()
    );
    talk.send(ask("awake")).await.unwrap();
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "awake");
}

#[tokio::test]
async fn promise_93_the_header_is_there_with_the_first_message() {
    let site = Scene::new()
        .talk(|call, mut asks, mut out| {
            Box::pin(async move {
                call.set_header("k", "v")?;
                while let Some(ask) = asks.recv().await? {
                    out.send(reply(&ask.text)).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .serve()
        .await;
    let mut talk = site.client().talk().await.unwrap();
    talk.send(ask("")).await.unwrap();
    within(talk.recv()).await.unwrap();
    let header = tokio::time::timeout(Duration::ZERO, talk.header()).await;
    assert_eq!(header.unwrap().unwrap().get("k"), Some("v"));
}
