//! Our client asks a server about its files.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use kitewire::prost::Message;
use kitewire::{BidiStream, Client, Code, Server, Transport};
use kitewire_health::HealthReporter;
use kitewire_reflection::v1::server_reflection_request::MessageRequest;
use kitewire_reflection::v1::server_reflection_response::MessageResponse;
use kitewire_reflection::v1::{
    ErrorResponse, ExtensionRequest, ServerReflectionClient, ServerReflectionRequest, ServerReflectionResponse,
};
use kitewire_reflection::{Reflection, v1alpha};
use kitewire_tokio::Tokio;
use prost_types::FileDescriptorProto;

const SERVICES: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

#[tokio::test]
async fn services_are_listed() {
    let mut stream = ask().await;
    let MessageResponse::ListServicesResponse(list) =
        answer(&mut stream, MessageRequest::ListServices("*".into())).await
    else {
        panic!("not a list");
    };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, SERVICES);
}

#[tokio::test]
async fn files_come_by_name_and_by_symbol() {
    let mut stream = ask().await;
    for question in [
        MessageRequest::FileByFilename("grpc/health/v1/health.proto".into()),
        MessageRequest::FileContainingSymbol("grpc.health.v1.Health".into()),
        MessageRequest::FileContainingSymbol("grpc.health.v1.Health.Watch".into()),
        MessageRequest::FileContainingSymbol("grpc.health.v1.HealthCheckResponse.ServingStatus".into()),
        MessageRequest::FileContainingSymbol("grpc.health.v1.HealthCheckResponse.status".into()),
    ] {
        let MessageResponse::FileDescriptorResponse(files) = answer(&mut stream, question.clone()).await else {
            panic!("no file for {question:?}");
        };
        let [file] = files.file_descriptor_proto.as_slice() else {
            panic!("it imports nothing");
        };
        let file = FileDescriptorProto::decode(file.as_slice()).unwrap();
        assert_eq!(file.name(), "grpc/health/v1/health.proto");
        assert_eq!(file.service[0].method.len(), 3);
    }
}

#[tokio::test]
async fn what_is_not_there_is_an_answer_too() {
    let mut stream = ask().await;
    let extension = ExtensionRequest {
        containing_type: "grpc.health.v1.HealthCheckRequest".into(),
        extension_number: 9,
    };
    for (question, text) in [
        (
            MessageRequest::FileByFilename("no.proto".into()),
            "unknown file: no.proto",
        ),
        (
            MessageRequest::FileContainingSymbol("no.Thing".into()),
            "unknown symbol: no.Thing",
        ),
        (
            MessageRequest::FileContainingExtension(extension),
            "unknown extension: 9 of grpc.health.v1.HealthCheckRequest",
        ),
        (
            MessageRequest::AllExtensionNumbersOfType("no.Type".into()),
            "unknown type: no.Type",
        ),
    ] {
        let expected = MessageResponse::ErrorResponse(ErrorResponse {
            error_code: 5,
            error_message: text.to_owned(),
        });
        assert_eq!(answer(&mut stream, question).await, expected);
    }
    let known = MessageRequest::AllExtensionNumbersOfType("grpc.health.v1.HealthCheckRequest".into());
    let MessageResponse::AllExtensionNumbersResponse(none) = answer(&mut stream, known).await else {
        panic!("the type is known");
    };
    assert_eq!(
        (none.base_type_name.as_str(), none.extension_number.len()),
        ("grpc.health.v1.HealthCheckRequest", 0)
    );
}

#[tokio::test]
async fn a_request_that_asks_nothing_ends_the_stream() {
    let mut stream = ask().await;
    stream.send(ServerReflectionRequest::default()).await.unwrap();
    assert_eq!(stream.recv().await.unwrap_err().code(), Code::INVALID_ARGUMENT);
}

#[tokio::test]
async fn the_stream_ends_when_the_client_has_no_more_questions() {
    let mut stream = ask().await;
    stream.close_send();
    assert_eq!(stream.recv().await.unwrap(), None);
}

#[tokio::test]
async fn the_old_version_is_served_alike() {
    let client = v1alpha::ServerReflectionClient::new(client().await);
    let mut stream = client.server_reflection_info().await.unwrap();
    let request = v1alpha::ServerReflectionRequest {
        host: "h".into(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    stream.send(&request).await.unwrap();
    let response = stream.recv().await.unwrap().unwrap();
    assert_eq!(response.original_request, Some(request));
    let Some(v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        response.message_response
    else {
        panic!("not a list");
    };
    assert_eq!(list.service.len(), SERVICES.len());
}

type Stream = BidiStream<ServerReflectionRequest, ServerReflectionResponse>;

/// Asks on `stream`, checks what every answer has, and gives the rest.
async fn answer(stream: &mut Stream, question: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest {
        host: "shop.example".into(),
        message_request: Some(question),
    };
    stream.send(&request).await.unwrap();
    let response = stream.recv().await.unwrap().unwrap();
    assert_eq!(response.valid_host, request.host);
    assert_eq!(response.original_request, Some(request));
    response.message_response.unwrap()
}

async fn ask() -> Stream {
    let client = ServerReflectionClient::new(client().await);
    client.server_reflection_info().await.unwrap()
}

/// A client of a server with a health and a reflection service.
async fn client() -> Client {
    let reflection = Reflection::new();
    let reflection = reflection
        .file_descriptor_set(kitewire_health::FILE_DESCRIPTOR_SET)
        .unwrap();
    let server = Server::new(Tokio).register(&HealthReporter::new()).register(reflection);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.run());
    Client::to(address).transport(Transport::Grpc).build(Tokio).unwrap()
}
