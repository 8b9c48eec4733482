//! Our client asks a server how it is doing.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::time::Duration;

use kitewire::service::{Method, RawBody, Service, method};
use kitewire::{Client, Code, Codec, Error, MethodInfo, MethodKind, Server, ServerStream, ServiceInfo, Transport};
use kitewire_health::v1::health_check_response::ServingStatus as Status;
use kitewire_health::v1::{HealthCheckRequest, HealthCheckResponse, HealthClient, HealthListRequest};
use kitewire_health::{HealthReporter, ServingStatus};
use kitewire_tokio::Tokio;
use tokio::time::timeout;

#[tokio::test]
async fn check_gives_the_status_now() {
    let (health, client) = start().await;
    assert_eq!(client.check(ask("")).await.unwrap().status(), Status::Serving);
    for (reported, seen) in [
        (ServingStatus::NotServing, Status::NotServing),
        (ServingStatus::Unknown, Status::Unknown),
        (ServingStatus::Serving, Status::Serving),
    ] {
        health.set("shop.Cart", reported);
        assert_eq!(client.check(ask("shop.Cart")).await.unwrap().status(), seen);
    }
}

#[tokio::test]
async fn check_of_an_unknown_service_is_not_found() {
    let (health, client) = start().await;
    let error = client.check(ask("shop.Cart")).await.unwrap_err();
    assert_eq!(error.code(), Code::NOT_FOUND, "{error}");
    assert!(error.to_string().contains("unknown service"), "{error}");
    health.set("shop.Cart", ServingStatus::Serving);
    health.remove("shop.Cart");
    assert_eq!(
        client.check(ask("shop.Cart")).await.unwrap_err().code(),
        Code::NOT_FOUND
    );
}

#[tokio::test]
async fn watch_gives_changes_alone() {
    let (health, client) = start().await;
    let mut changes = client.watch(ask("shop.Cart")).await.unwrap();
    assert_eq!(next(&mut changes).await, Status::ServiceUnknown);
    health.set("shop.Stock", ServingStatus::Serving);
    health.set("shop.Cart", ServingStatus::Serving);
    assert_eq!(next(&mut changes).await, Status::Serving);
    health.set("shop.Cart", ServingStatus::Serving);
    assert!(
        timeout(Duration::from_millis(50), changes.recv()).await.is_err(),
        "nothing changed"
    );
    health.set("shop.Cart", ServingStatus::NotServing);
    assert_eq!(next(&mut changes).await, Status::NotServing);
    health.remove("shop.Cart");
    assert_eq!(next(&mut changes).await, Status::ServiceUnknown);
}

#[tokio::test]
async fn shutdown_and_resume_reach_all_watchers() {
    let (health, client) = start().await;
    health.set("shop.Cart", ServingStatus::Serving);
    let mut whole = client.watch(ask("")).await.unwrap();
    let mut cart = client.watch(ask("shop.Cart")).await.unwrap();
    let mut other = client.watch(ask("shop.Cart")).await.unwrap();
    for stream in [&mut whole, &mut cart, &mut other] {
        assert_eq!(next(stream).await, Status::Serving);
    }
    health.clone().shutdown();
    health.set("shop.Cart", ServingStatus::Serving);
    for stream in [&mut whole, &mut cart, &mut other] {
        assert_eq!(next(stream).await, Status::NotServing);
    }
    health.resume();
    for stream in [&mut whole, &mut cart, &mut other] {
        assert_eq!(next(stream).await, Status::Serving);
    }
}

#[tokio::test]
async fn list_gives_all_up_to_a_hundred() {
    let (health, client) = start().await;
    health.set("a", ServingStatus::NotServing);
    let listed = client.list(HealthListRequest {}).await.unwrap().statuses;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed["a"].status(), Status::NotServing);
    assert_eq!(listed[""].status(), Status::Serving);
    for n in 2..100 {
        health.set(n.to_string(), ServingStatus::Serving);
    }
    assert_eq!(client.list(HealthListRequest {}).await.unwrap().statuses.len(), 100);
    health.set("one too many", ServingStatus::Serving);
    let error = client.list(HealthListRequest {}).await.unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED, "{error}");
}

#[tokio::test]
async fn endless_names_are_not_watched() {
    let (_health, client) = start().await;
    let mut changes = client.watch(ask(&"x".repeat(1025))).await.unwrap();
    assert_eq!(changes.recv().await.unwrap_err().code(), Code::INVALID_ARGUMENT);
}

#[tokio::test]
async fn the_server_stops_although_it_is_watched() {
    let health = HealthReporter::new();
    let server = Server::new(Tokio).register(&health).bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    let client = Client::to(address).transport(Transport::Grpc).build(Tokio).unwrap();
    let mut changes = HealthClient::new(client).watch(ask("")).await.unwrap();
    assert_eq!(next(&mut changes).await, Status::Serving);
    health.shutdown();
    handle.shutdown(Duration::from_millis(100));
    assert_eq!(next(&mut changes).await, Status::NotServing);
    assert!(changes.recv().await.is_err());
    let _ = timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
}

#[tokio::test]
async fn other_services_can_have_methods_of_the_same_names() {
    let server = Server::new(Tokio)
        .register(&HealthReporter::new())
        .register(Cart::new());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.run());
    for transport in [Transport::Grpc, Transport::TtHeader] {
        let client = Client::to(address.clone()).transport(transport).build(Tokio).unwrap();
        let health = HealthClient::new(client.clone());
        assert_eq!(health.check(ask("")).await.unwrap().status(), Status::Serving);
        let body = client.call::<_, RawBody>(&CART, 0, RawBody::default()).await.unwrap();
        assert!(body.is_empty());
    }
}

static METHODS: [MethodInfo; 1] = [MethodInfo::new("Check", MethodKind::Unary)];
static CART: ServiceInfo = ServiceInfo::new("shop", "Cart", Codec::Protobuf, &METHODS);

/// A service whose method gives back what it gets.
struct Cart(Vec<Box<dyn Method>>);

impl Cart {
    fn new() -> Self {
        let echo = method(
            &Arc::new(()),
            |_, call, body: RawBody| async move { call.finish(Ok(body)) },
        );
        Self(vec![echo])
    }
}

impl Service for Cart {
    fn info(&self) -> &ServiceInfo {
        &CART
    }

    fn methods(&self) -> &[Box<dyn Method>] {
        &self.0
    }
}

/// A running server's reporter, and a client of it.
async fn start() -> (HealthReporter, HealthClient) {
    let health = HealthReporter::new();
    let server = Server::new(Tokio).register(&health).bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.run());
    let client = Client::to(address).transport(Transport::Grpc).build(Tokio).unwrap();
    (health, HealthClient::new(client))
}

fn ask(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

async fn next(changes: &mut ServerStream<HealthCheckResponse>) -> Status {
    let change: Result<_, Error> = timeout(Duration::from_secs(5), changes.recv()).await.unwrap();
    change.unwrap().unwrap().status()
}
