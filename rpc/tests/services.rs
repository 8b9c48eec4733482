//! Which service answers, and what is said where none does.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::{ECHO, Echo, EchoClient, EchoServer, bounded, handler, patient, run, run_at};
use kitewire::bytes::Bytes;
use kitewire::service::RawBody;
use kitewire::{
    BindError, Call, Client, Error, ErrorKind, ExceptionType, MethodInfo, MethodKind, RegistrationProblem, Server,
    ServiceInfo, Transport, UnknownHandler,
};
use kitewire_tokio::Tokio;

fn named(name: &'static str) -> impl Echo {
    let (mut handler, _) = handler();
    handler.name = name;
    handler
}

/// A client that calls `method` of `service`, whatever the server has.
async fn call(client: &Client, service: &'static str, method: &'static str) -> Result<Bytes, Error> {
    let info = ServiceInfo {
        name: service.into(),
        methods: vec![MethodInfo::new(method, MethodKind::Unary)].into(),
        ..ECHO.clone()
    };
    let who = RawBody(Bytes::from_static(b"\x0b\0\x01\0\0\0\x03who\0"));
    bounded(client.call::<_, RawBody>(&info, 0, who)).await
}

#[tokio::test]
async fn two_services_share_a_port() {
    let server = run(Server::new(Tokio)
        .register(EchoServer::new(named("one")).named("One"))
        .register(EchoServer::new(named("two")).named("Two").fallback()))
    .await;
    let header = patient(Client::to(&server.address)).build(Tokio).unwrap();
    let framed = patient(Client::to(&server.address))
        .transport(Transport::Framed)
        .build(Tokio)
        .unwrap();
    let text = |answer: Result<Bytes, Error>| String::from_utf8_lossy(&answer.unwrap()[7..]).into_owned();
    assert_eq!(text(call(&header, "One", "act").await), "one One.act\0");
    assert_eq!(text(call(&header, "Two", "act").await), "two Two.act\0");
    assert_eq!(
        text(call(&framed, "One", "act").await),
        "two Two.act\0",
        "without a name the fallback answers"
    );
    for multiplexed in [false, true] {
        let builder = patient(Client::to(&server.address));
        let client = if multiplexed { builder.multiplexed(1) } else { builder }
            .build(Tokio)
            .unwrap();
        let unknown = call(&client, "Three", "act").await.unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "remote or network error[remote]: unknown service Three, method act"
        );
        assert_eq!(unknown.exception().unwrap().kind, ExceptionType::UNKNOWN_SERVICE);
        let unknown = call(&client, "One", "nope").await.unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "remote or network error[remote]: unknown method nope (service One)"
        );
        assert_eq!(unknown.exception().unwrap().kind, ExceptionType::UNKNOWN_METHOD);
        assert_eq!(
            text(call(&client, "One", "act").await),
            "one One.act\0",
            "the client goes on"
        );
    }
}

#[tokio::test]
async fn services_that_do_not_fit_together_are_told_all_at_once() {
    let error = Server::new(Tokio)
        .register(EchoServer::new(named("a")))
        .register(EchoServer::new(named("b")))
        .register(EchoServer::new(named("c")).named("Other").fallback())
        .register(EchoServer::new(named("d")).named("More").fallback())
        .bind("127.0.0.1:0")
        .await
        .unwrap_err();
    let BindError::Registration(error) = error else {
        panic!("{error}")
    };
    let duplicate = RegistrationProblem::DuplicateService { service: "Echo".into() };
    let fallbacks = RegistrationProblem::MultipleFallbacks {
        first: "Other".into(),
        second: "More".into(),
    };
    assert!(
        error.problems.contains(&duplicate) && error.problems.contains(&fallbacks),
        "{error}"
    );
    let nothing = Server::new(Tokio).bind("127.0.0.1:0").await.unwrap_err();
    assert!(matches!(nothing, BindError::Registration(_)));
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let busy = Server::new(Tokio)
        .register(EchoServer::new(named("a")))
        .bind(taken)
        .await
        .unwrap_err();
    assert!(busy.to_string().starts_with(&format!("listen {taken}: ")), "{busy}");
}

#[tokio::test]
async fn traffic_without_a_service_name_can_be_refused() {
    let server = run(Server::new(Tokio)
        .register(EchoServer::new(named("a")))
        .refuse_without_service_name())
    .await;
    let header = EchoClient(patient(Client::to(&server.address)).build(Tokio).unwrap());
    assert_eq!(bounded(header.echo("x")).await.unwrap(), "x");
    let framed = patient(Client::to(&server.address))
        .transport(Transport::Framed)
        .build(Tokio)
        .unwrap();
    let error = bounded(EchoClient(framed).echo("x")).await.unwrap_err();
    assert_eq!(error.exception().unwrap().kind, ExceptionType::UNKNOWN_SERVICE);
    assert!(
        error.to_string().contains("WithRefuseTrafficWithoutServiceName"),
        "{error}"
    );
}

struct Mirror;

impl UnknownHandler for Mirror {
    async fn handle(&self, call: &Call, body: Bytes) -> Result<Bytes, Error> {
        call.set_backward(
            "names",
            format!("{}.{} {}", call.service(), call.method(), call.codec()),
        );
        match call.method() {
            "fail" => return Err(Error::new("unknown to me, too")),
            "panic" => panic!("as told"),
            _ => {}
        }
        // The result's field is the argument's, under id 0.
        let mut body = body.to_vec();
        body[2] = 0;
        Ok(body.into())
    }
}

#[tokio::test]
async fn an_unknown_handler_takes_what_nobody_registered() {
    let server = run(Server::new(Tokio)
        .register(EchoServer::new(named("a")))
        .unknown_handler(Mirror))
    .await;
    for multiplexed in [false, true] {
        let builder = patient(Client::to(&server.address));
        let client = if multiplexed { builder.multiplexed(1) } else { builder }
            .build(Tokio)
            .unwrap();
        let answer = call(&client, "Elsewhere", "anything").await.unwrap();
        assert_eq!(&answer[..], b"\x0b\0\0\0\0\0\x03who\0");
        let failed = call(&client, "Echo", "fail").await.unwrap_err();
        assert_eq!(
            failed.to_string(),
            "remote or network error[remote]: biz error: unknown to me, too"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_serves_as_well() {
    let path = std::env::temp_dir().join(format!("kitewire-{}.sock", std::process::id()));
    for _ in 0..2 {
        // The second turn finds the first one's socket file.
        let server = run_at(Server::new(Tokio).register(EchoServer::new(named("a"))), path.clone()).await;
        assert_eq!(server.address.to_string(), format!("unix:{}", path.display()));
        for builder in [
            patient(Client::to(&server.address)),
            patient(Client::to(&server.address)).multiplexed(1),
        ] {
            let client = EchoClient(builder.build(Tokio).unwrap());
            assert_eq!(bounded(client.echo("x".repeat(100_000))).await.unwrap().len(), 100_000);
        }
        server.handle.shutdown(std::time::Duration::ZERO);
        bounded(server.ended).await.unwrap().unwrap();
    }
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn several_addresses_lead_to_the_same_services() {
    let bound = Server::new(Tokio)
        .register(EchoServer::new(named("a")))
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let bound = bound.listen_also("localhost:0").await.unwrap();
    let addresses = bound.local_addrs();
    let _server = common::start(bound);
    assert_eq!(addresses.len(), 2);
    for address in addresses {
        let client = EchoClient(patient(Client::to(address)).build(Tokio).unwrap());
        assert_eq!(bounded(client.echo("x")).await.unwrap(), "x");
    }
}

#[test]
fn services_can_be_called_in_process_without_a_runtime() {
    let client = EchoClient(Client::in_process(EchoServer::new(named("here"))).unwrap());
    for _ in 0..3 {
        assert_eq!(run_now(client.echo("x".repeat(50_000))).unwrap().len(), 50_000);
        assert_eq!(run_now(client.act("who")).unwrap(), "here Echo.act");
        assert_eq!(run_now(client.act("yield")).unwrap(), "yielded");
        assert_eq!(run_now(client.act("business")).unwrap_err().kind(), ErrorKind::Business);
        let panic = run_now(client.act("panic")).unwrap_err();
        assert!(panic.to_string().contains("method=Echo.act"), "{panic}");
        run_now(client.push("x")).unwrap();
        let response = run_now(client.act("call").persistent("user", "7").full()).unwrap();
        assert_eq!(response.value, "TTHeader|Framed - 7 - None false None");
        assert_eq!(response.backward("served-by"), Some("here"));
    }
    let unknown = run_now(client.0.call::<_, RawBody>(&ECHO, 9, RawBody::default())).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::InvalidRequest);
    let twice = Server::detached()
        .register(EchoServer::new(named("a")))
        .register(EchoServer::new(named("b")));
    assert_eq!(Client::to_server(twice).unwrap_err().kind(), ErrorKind::Configuration);
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
    panic!("the call waits for something that never comes");
}
