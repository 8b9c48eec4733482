//! The servers that were recorded, as ours.

use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::{
    Call, Codec, Error, Multiplex, Receiver, Registration, Sender, Server, ServerHandle, Switch, UnknownHandler,
};
use kitewire_tokio::Tokio;
use serde_json::Value;

use crate::handlers::{self, multi, multi_pb, pp, pp_pb};

/// A server that answers until it is stopped.
pub(crate) struct Running {
    pub(crate) address: String,
    handle: ServerHandle,
    task: tokio::task::JoinHandle<()>,
}

/// Starts the server that `options` describe.
pub(crate) async fn start(options: &Value) -> Running {
    let flag = |name: &str| options.get(name) == Some(&Value::Bool(true));
    let switch = |name: &str| if flag(name) { Switch::On } else { Switch::Off };
    let mut server = Server::new(Tokio)
        .meta(switch("ttheader_meta"))
        .crc32c(switch("crc32c"))
        .deadline_from_header(switch("deadline_from_header"));
    if flag("multiplex_only") {
        server = server.multiplex(Multiplex::Only);
    }
    if flag("refuse_traffic_without_service_name") {
        server = server.refuse_without_service_name();
    }
    for name in options["services"].as_array().expect("a list of services") {
        let name = name.as_str().expect("a name");
        let registration = service(name);
        server = server.register(if options.get("fallback").and_then(Value::as_str) == Some(name) {
            registration.fallback()
        } else {
            registration
        });
    }
    if flag("unknown_handler") {
        server = server.unknown_handler(Unknown);
    }
    run(server).await
}

/// Starts `server`.
pub(crate) async fn run(server: Server<Tokio>) -> Running {
    let bound = server
        .bind("127.0.0.1:0")
        .await
        .expect("the recorded services can share a server");
    let address = bound.local_addr().expect("bound").to_string();
    let handle = bound.handle();
    let task = tokio::spawn(async move {
        let _ = bound.run().await;
    });
    Running { address, handle, task }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.handle.shutdown(Duration::ZERO);
        self.task.await.expect("the server stops");
    }
}

fn service(name: &str) -> Registration {
    match name {
        "PingPong" => pp::PingPongServer::new(handlers::PingPong).into(),
        "Second" => pp::SecondServer::new(handlers::Second).into(),
        "PingPongPb" => pp_pb::PingPongPbServer::new(handlers::PingPong).into(),
        "ServiceA" => multi::ServiceAServer::new(handlers::Named("A:")).into(),
        "ServiceB" => multi::ServiceBServer::new(handlers::Named("B:")).into(),
        "ServiceC" => multi::ServiceCServer::new(handlers::Named("C:")).into(),
        "PbA" => multi_pb::PbAServer::new(handlers::Named("PbA:")).into(),
        "CombineService" => handlers::comb::CombineServiceServer::new(handlers::Named("Comb:")).into(),
        other => panic!("no service {other}"),
    }
}

/// Answers every call with a result of msg "U", and a stream with its first message.
struct Unknown;

impl UnknownHandler for Unknown {
    async fn handle(&self, call: &Call, _request: Bytes) -> Result<Bytes, Error> {
        Ok(match call.codec() {
            Codec::Thrift => Bytes::from_static(b"\x0c\0\0\x0b\0\x01\0\0\0\x01U\0\0"),
            Codec::Protobuf => Bytes::from_static(b"\x0a\x01U"),
        })
    }

    async fn handle_stream(
        &self,
        _call: &Call,
        mut messages: Receiver<Bytes>,
        mut out: Sender<Bytes>,
    ) -> Result<(), Error> {
        match messages.recv().await? {
            Some(message) => out.send(message).await,
            None => Ok(()),
        }
    }
}
