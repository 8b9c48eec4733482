//! Business errors and statuses: promises 44 to 49.

use kitewire::{Code, Error, ErrorKind, ExceptionType, Status};

use crate::raw::{Raw, arguments};
use crate::site::{Reply, Scene, ask, reply};

fn refusal() -> Error {
    Error::business(404, "né").with_extra("k", "v<é>&")
}

/// What a client has to get for [`refusal`].
fn check(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Business);
    let status = error.business_status().unwrap();
    assert_eq!((status.code, status.message.as_str()), (404, "né"));
    assert_eq!(status.extra, [("k".to_owned(), "v<é>&".to_owned())]);
    assert_eq!(error.to_string(), "biz error: code=404, msg=né");
}

/// Every mode ends with [`refusal`]; streams that can send do so before.
fn refusing() -> Scene {
    Scene::new()
        .ping(|_, _| Box::pin(async { Err(refusal()) }))
        .collect(|_, mut asks| {
            Box::pin(async move {
                asks.recv().await?;
                Err(refusal())
            })
        })
        .watch(|_, _, mut out| {
            Box::pin(async move {
                out.send(reply("first")).await?;
                Err(refusal())
            })
        })
        .talk(|_, mut asks, mut out| {
            Box::pin(async move {
                asks.recv().await?;
                out.send(reply("first")).await?;
                Err(refusal())
            })
        })
}

#[tokio::test]
async fn promise_44_a_business_error_arrives_whole_in_every_mode() {
    let site = refusing().serve().await;
    let client = site.client();
    check(&client.unary(ask("")).await.unwrap_err());
    check(&client.ping(ask("")).await.unwrap_err());
    let mut up = client.collect().await.unwrap();
    up.send(ask("")).await.unwrap();
    check(&up.finish().await.unwrap_err());
    let mut down = client.watch(ask("")).await.unwrap();
    assert_eq!(down.recv().await.unwrap().unwrap().text, "first");
    check(&down.recv().await.unwrap_err());
    let mut talk = client.talk().await.unwrap();
    talk.send(ask("")).await.unwrap();
    assert_eq!(talk.recv().await.unwrap().unwrap().text, "first");
    check(&talk.recv().await.unwrap_err());
}

#[tokio::test]
async fn promise_45_a_business_error_is_no_failure_of_the_call() {
    let site = refusing().serve().await;
    let error = site.client().unary(ask("")).await.unwrap_err();
    // It is told apart by its kind, and is no status for those who count failures.
    assert_eq!(error.kind(), ErrorKind::Business);
    assert!(error.grpc_status().is_none_or(|status| status.code == Code::INTERNAL));
    // The connection carries the next call.
    check(&site.client().unary(ask("")).await.unwrap_err());
}

#[tokio::test]
async fn promise_46_details_of_a_status_arrive() {
    let site = Scene::new()
        .talk(|_, _, _| {
            Box::pin(async {
                let mut status = Status::new(Code::NOT_FOUND, "gone");
                status.details.push(b"\x0a\x03a/b\x12\x01x");
                Err(status.into())
            })
        })
        .serve()
        .await;
    let mut talk = site.client().talk().await.unwrap();
    let error = talk.recv().await.unwrap_err();
    let status = error.grpc_status().unwrap();
    assert_eq!(status.code, Code::NOT_FOUND);
    assert_eq!(status.details.iter().collect::<Vec<_>>(), [b"\x0a\x03a/b\x12\x01x"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_47_a_unary_business_error_sends_no_message() {
    let site = refusing().serve().await;
    let address = site.address.clone();
    let answer = tokio::task::spawn_blocking(move || {
        Raw::connect(&address).call("/promises.Promises/unary", &[], &arguments(""))
    });
    let answer = answer.await.unwrap();
    assert!(
        answer.body.is_empty() && answer.trailers.is_empty(),
        "trailers and nothing else"
    );
    let expected = [
        (":status", "200"),
        ("content-type", "application/grpc+thrift"),
        ("grpc-status", "13"),
        ("grpc-message", "n%C3%A9"),
        ("biz-status", "404"),
        ("biz-extra", r#"{"k":"v\u003cé\u003e\u0026"}"#),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(answer.head, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_48_unknown_names_have_codes_of_their_own() {
    let site = Scene::new().serve().await;
    let address = site.address.clone();
    let statuses = tokio::task::spawn_blocking(move || {
        let mut raw = Raw::connect(&address);
        ["/promises.Promises/none", "/promises.None/unary"].map(|path| raw.call(path, &[], b"").status)
    });
    let [method, service] = statuses.await.unwrap();
    assert_eq!(method, Status::new(Code(1), "unknown method none"));
    assert_eq!(service, Status::new(Code(20), "unknown service None"));
}

#[tokio::test]
async fn promise_49_a_handlers_status_keeps_its_code_and_gains_a_mark() {
    let site = Scene::new()
        .talk(|_, mut asks, _| {
            Box::pin(async move {
                let wish = asks.recv().await?.map(|ask| ask.text).unwrap_or_default();
                Err(match wish.as_str() {
                    "status" => Error::status(Code(5), "gone"),
                    "typed" => Error::application(ExceptionType(1000), "mine"),
                    _ => panic!("as you wish"),
                })
            })
        })
        .ping(|_, _| Box::pin(async { Err::<Reply, _>(Error::status(Code(9), "not now")) }))
        .serve()
        .await;
    let client = site.client();
    let rows = [
        ("status", 5, "gone [biz error]"),
        ("typed", 1000, "mine [biz error]"),
        (
            "panic",
            13,
            "panic: [happened in biz handler, method=Promises.talk, please check the panic at the server side] as you wish",
        ),
    ];
    for (wish, code, text) in rows {
        let mut talk = client.talk().await.unwrap();
        talk.send(ask(wish)).await.unwrap();
        let error = talk.recv().await.unwrap_err();
        assert_eq!(*error.grpc_status().unwrap(), Status::new(Code(code), text));
        assert_eq!(error.code(), Code(code));
        assert_eq!(error.to_string(), format!("rpc error: code = {code} desc = {text}"));
    }
    let error = client.unary(ask("")).await.unwrap_err();
    let text = "remote or network error: rpc error: code = 9 desc = not now [biz error]";
    assert_eq!(error.to_string(), text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_with_another_content_type_is_told_so_in_words() {
    let site = Scene::new().serve().await;
    let address = site.address.clone();
    let answers = tokio::task::spawn_blocking(move || {
        let mut raw = Raw::connect(&address);
        ["application/json", "application/grpc-web", "text/plain"].map(|value| {
            let fields = [("content-type", value)];
            raw.call("/promises.Promises/unary", &fields, &arguments(""))
        })
    });
    for answer in answers.await.unwrap() {
        assert_eq!(answer.head[0], (":status".into(), "415".into()));
        assert!(
            answer.body.starts_with(b"415 Unsupported Media Type: "),
            "{:?}",
            answer.head
        );
    }
}
