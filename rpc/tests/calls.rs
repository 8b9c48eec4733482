//! Calls over every transport and kind of connection, and what comes of them.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use common::{ECHO, EchoClient, EchoServer, Running, bounded, handler, kept_address, patient, run};
use kitewire::service::RawBody;
use kitewire::{Client, ClientBuilder, Dispatch, ErrorKind, ExceptionType, PoolOptions, Server, Switch, Transport};
use kitewire_tokio::Tokio;

const TRANSPORTS: [Transport; 4] = [
    Transport::Bare,
    Transport::Framed,
    Transport::TtHeader,
    Transport::TtHeaderFramed,
];

/// Every way to make a call that the transport allows.
fn ways(server: &Running, transport: Transport) -> Vec<(&'static str, EchoClient)> {
    let base = || patient(Client::to(&server.address)).transport(transport);
    let mut ways: Vec<(&'static str, ClientBuilder)> = vec![
        ("short", base().short()),
        ("pooled", base().pooled(PoolOptions::default())),
    ];
    if transport.has_header() {
        ways.push(("one lane", base().multiplexed(1)));
        ways.push(("three lanes", base().multiplexed(3)));
        ways.push(("checksum", base().crc32c(Switch::On)));
    }
    ways.into_iter()
        .map(|(name, builder)| (name, EchoClient(builder.build(Tokio).unwrap())))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_through_over_every_transport() {
    for dispatch in [Dispatch::InPlace, Dispatch::Spawn] {
        let (handler, _controls) = handler();
        let server = run(Server::new(Tokio).register(EchoServer::new(handler).dispatch(dispatch))).await;
        for transport in TRANSPORTS {
            for (way, client) in ways(&server, transport) {
                for length in [0, 1, 1000, 9000, 200_000] {
                    let text = "x".repeat(length);
                    let answer = bounded(client.echo(text.clone())).await;
                    assert_eq!(answer.expect(way), text, "{transport} {way} {dispatch:?}");
                }
                assert_eq!(
                    bounded(client.act("yield")).await.unwrap(),
                    "yielded",
                    "{transport} {way}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_get_their_own_answers() {
    let (handler, controls) = handler();
    controls.gate.add_permits(1_000_000);
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    for transport in TRANSPORTS {
        for (way, client) in ways(&server, transport) {
            let callers: Vec<_> = (0..20)
                .map(|caller| {
                    let client = client.clone();
                    tokio::spawn(async move {
                        for turn in 0..20 {
                            let text = format!("{caller}.{turn}");
                            assert_eq!(client.echo(text.clone()).await.unwrap(), text);
                            assert_eq!(client.wait(text.clone()).await.unwrap(), text);
                            assert_eq!(client.act(text.clone()).await.unwrap(), text.repeat(2));
                        }
                    })
                })
                .collect();
            for caller in callers {
                bounded(caller).await.expect(way);
            }
        }
    }
}

#[tokio::test]
async fn failures_reach_the_caller_as_kitex_words_them() {
    let (handler, _controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    for transport in TRANSPORTS {
        for (way, client) in ways(&server, transport) {
            let fail = async |what: &str| bounded(client.act(what)).await.unwrap_err();
            let plain = fail("plain").await;
            assert_eq!(plain.kind(), ErrorKind::Remote);
            assert_eq!(
                plain.to_string(),
                "remote or network error[remote]: biz error: boom",
                "{way}"
            );
            assert_eq!(plain.exception().unwrap().kind, ExceptionType::INTERNAL_ERROR);
            assert_eq!((plain.service(), plain.method()), ("Echo", "act"));
            assert_eq!(plain.peer(), Some(&server.address));

            let typed = fail("typed").await;
            assert_eq!(typed.exception().unwrap().kind, ExceptionType(77));
            assert_eq!(typed.to_string(), "remote or network error[remote]: odd [biz error]");

            let panic = fail("panic").await;
            assert_eq!(
                panic.to_string(),
                "remote or network error[remote]: panic: [happened in biz handler, method=Echo.act, \
                 please check the panic at the server side] at the disco"
            );
            let deadline = fail("deadline").await;
            assert_eq!(
                deadline.to_string(),
                "remote or network error[remote]: biz error: context deadline exceeded"
            );
            assert_eq!(fail("empty").await.kind(), ErrorKind::MissingResult);
            let wrapped = fail("wrapped").await;
            assert_eq!(
                wrapped.business_status().map(|status| status.code),
                transport.has_header().then_some(8)
            );
            let business = fail("business").await;
            if transport.has_header() {
                assert_eq!(business.kind(), ErrorKind::Business, "{way}");
                let status = business.business_status().unwrap();
                assert_eq!((status.code, status.message.as_str()), (404, "not found"));
                assert_eq!(status.extra, [("k".to_owned(), "<v>".to_owned())]);
            } else {
                assert_eq!(
                    business.kind(),
                    ErrorKind::MissingResult,
                    "lost without a header, as with Kitex"
                );
            }
            assert_eq!(bounded(client.echo("alive")).await.unwrap(), "alive");
        }
    }
}

#[tokio::test]
async fn metainfo_goes_there_and_back() {
    let (handler, _controls) = handler();
    let server = run(Server::new(Tokio)
        .register(EchoServer::new(handler))
        .deadline_from_header(Switch::On))
    .await;
    for builder in [
        patient(Client::to(&server.address)),
        patient(Client::to(&server.address)).multiplexed(1),
    ] {
        let client = EchoClient(builder.caller("shop").build(Tokio).unwrap());
        let call = client
            .act("call")
            .persistent("user", "7")
            .meta("token", "t")
            .timeout(Duration::from_secs(4));
        let response = bounded(call.full()).await.unwrap();
        assert_eq!(response.value, "TTHeader|Framed shop 7 t Some(4s) true Some(true)");
        assert_eq!(response.backward("served-by"), Some("first"));
        let response = bounded(client.act("call").full()).await.unwrap();
        assert_eq!(response.value, "TTHeader|Framed shop - - None true None");
        let failed = bounded(client.act("business").full()).await.unwrap_err();
        assert!(
            failed
                .backward()
                .iter()
                .any(|(key, value)| key == "biz-status" && value == "404")
        );
    }
}

#[tokio::test]
async fn oneway_calls_arrive() {
    let (handler, mut controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    for transport in TRANSPORTS {
        for (way, client) in ways(&server, transport) {
            bounded(client.push(format!("{transport} {way}"))).await.unwrap();
            assert_eq!(
                bounded(controls.seen.recv()).await.unwrap(),
                format!("{transport} {way}")
            );
            assert_eq!(bounded(client.echo("next")).await.unwrap(), "next");
        }
    }
}

#[tokio::test]
async fn a_oneway_call_survives_its_client() {
    let (handler, mut controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    for way in 0..3 {
        let (_, client) = ways(&server, Transport::TtHeader).swap_remove(way);
        let text = "x".repeat(3_000_000);
        bounded(client.push(text.clone())).await.unwrap();
        drop(client);
        assert_eq!(bounded(controls.seen.recv()).await.unwrap(), text);
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (handler, _controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    let client = EchoClient(patient(Client::to(&server.address)).build(Tokio).unwrap());
    for _ in 0..10 {
        bounded(client.echo("x")).await.unwrap();
    }
    assert_eq!(client.0.idle_connections(), 1);
    assert_eq!(server.handle.stats().connections, 1);
    bounded(client.push("x")).await.unwrap();
    assert_eq!(
        client.0.idle_connections(),
        0,
        "an exception that comes all the same must not meet another call"
    );
    let short = EchoClient(patient(Client::to(&server.address)).short().build(Tokio).unwrap());
    bounded(short.echo("x")).await.unwrap();
    assert_eq!(short.0.idle_connections(), 0);
}

#[tokio::test]
async fn a_call_can_go_elsewhere() {
    let (mut handler_b, _b) = handler();
    handler_b.name = "second";
    let (handler_a, _a) = handler();
    let first = run(Server::new(Tokio).register(EchoServer::new(handler_a))).await;
    let second = run(Server::new(Tokio).register(EchoServer::new(handler_b))).await;
    for builder in [
        patient(Client::to(&first.address)),
        patient(Client::to(&first.address)).multiplexed(2),
    ] {
        let client = EchoClient(builder.build(Tokio).unwrap());
        assert_eq!(bounded(client.act("who")).await.unwrap(), "first Echo.act");
        assert_eq!(
            bounded(client.act("who").to(&second.address)).await.unwrap(),
            "second Echo.act"
        );
        assert_eq!(bounded(client.act("who")).await.unwrap(), "first Echo.act");
    }
}

#[tokio::test]
async fn raw_bytes_can_be_called_with_and_come_back() {
    let (handler, _controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    let client = patient(Client::to(&server.address)).build(Tokio).unwrap();
    let args = RawBody(b"\x0b\0\x01\0\0\0\x02hi\0".as_slice().into());
    let answer = bounded(client.call::<_, RawBody>(&ECHO, 0, args)).await.unwrap();
    assert_eq!(&answer[..], b"\x0b\0\0\0\0\0\x02hi\0");
}

#[tokio::test]
async fn nothing_to_connect_to_is_a_connect_error() {
    let (_kept, unused) = kept_address();
    for builder in [
        Client::to(unused),
        Client::to(unused).multiplexed(1),
        Client::to(unused).short(),
    ] {
        let client = EchoClient(patient(builder).build(Tokio).unwrap());
        let error = bounded(client.echo("x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(
            error.to_string().starts_with(&format!(
                "remote or network error: get connection error: dial {unused}: "
            )),
            "{error}"
        );
    }
    let nonsense = EchoClient(Client::to("nonsense").build(Tokio).unwrap());
    assert_eq!(
        bounded(nonsense.echo("x")).await.unwrap_err().kind(),
        ErrorKind::Connect
    );
}
