//! What is generated for streaming methods, and for the names that gRPC makes of an IDL.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use kitewire_build::{Builder, Combine};

const SHOP: &str = r#"
namespace go demo.Shop
struct Line { 1: string text }
union Sum { 1: i32 count }
exception Refused { 1: i32 code }
typedef Sum Total
service Base { Total collect(1: Line line) (streaming.mode = "client") }
service Chat extends Base {
  Line unary(1: Line line) throws (1: Refused refused) (streaming.mode = "unary")
  void plain(1: Line a, 2: i32 b)
  oneway void tell(1: Line line)
  /** Changes, as they come. */
  Line watch(1: Line call) throws (1: Refused refused) (streaming.mode = "server")
  Line talk(1: Line out) (streaming.mode = "bidirectional")
}
"#;

#[test]
fn handlers_get_the_halves_of_their_mode() {
    let code = thrift(SHOP);
    for expected in [
        "fn unary(&self, call: &kitewire::Call, line: Line,) \
         -> impl Future<Output = Result<Line, ChatUnaryError>> + Send;",
        "fn plain(&self, call: &kitewire::Call, a: Line, b: i32,) \
         -> impl Future<Output = Result<(), kitewire::Error>> + Send;",
        "/// Client streaming: `requests` gives what the client sends, until it has said everything; the result is the \
         one answer. \
         fn collect(&self, call: &kitewire::Call, requests: kitewire::Receiver<Line>,) \
         -> impl Future<Output = Result<Total, kitewire::Error>> + Send;",
        "/// Changes, as they come. /// \
         /// Server streaming: one request, and any number of answers through `out`. To return ends the stream. What it \
         declares to throw (`Refused`) has no place in a stream: the other side gets the text of the error. \
         fn watch(&self, call: &kitewire::Call, call_2: Line, out: kitewire::Sender<Line>,) \
         -> impl Future<Output = Result<(), kitewire::Error>> + Send;",
        "fn talk(&self, call: &kitewire::Call, requests: kitewire::Receiver<Line>, out: kitewire::Sender<Line>,) \
         -> impl Future<Output = Result<(), kitewire::Error>> + Send;",
        "/// Oneway: there is no answer, and nothing tells what became of it. fn tell(",
    ] {
        holds(&code, expected);
    }
    for absent in ["ChatWatchArgs", "ChatWatchResult", "ChatWatchError", "BaseCollectArgs"] {
        assert!(!code.contains(absent), "{absent}: streams have bare structs");
    }
}

#[test]
fn servers_register_each_mode() {
    let code = thrift(SHOP);
    for expected in [
        "kitewire::service::client_streaming::<_, Line, Total, _, _,>(&service, |service, call, requests| async move { \
         let outcome = Chat::collect(&*service, &call, requests).await; call.finish(outcome) },)",
        "kitewire::service::server_streaming::<_, Line, Line, _, _,>(&service, |service, call, request, out| async move { \
         let outcome = Chat::watch(&*service, &call, request, out).await; call.finish(outcome) },)",
        "kitewire::service::bidirectional::<_, Line, Line, _, _,>(&service, |service, call, requests, out| async move { \
         let outcome = Chat::talk(&*service, &call, requests, out).await; call.finish(outcome) },)",
        "kitewire::MethodInfo::new(\"watch\", kitewire::MethodKind::ServerStreaming)",
        "kitewire::MethodInfo::new(\"unary\", kitewire::MethodKind::Unary)",
    ] {
        holds(&code, expected);
    }
}

#[test]
fn clients_open_streams() {
    let code = thrift(SHOP);
    for expected in [
        "pub fn collect(&self) -> kitewire::StreamCall<'_, kitewire::ClientStream<Line, Total>> { \
         self.client.client_streaming::<Line, Total>(&CHAT, 0) }",
        "/// Server streaming: sends the one request and opens a stream that receives any number of answers.",
        "pub fn watch(&self, call_2: Line) -> kitewire::StreamCall<'_, kitewire::ServerStream<Line>> { \
         self.client.server_streaming::<Line, Line>(&CHAT, 4, call_2) }",
        "pub fn talk(&self) -> kitewire::StreamCall<'_, kitewire::BidiStream<Line, Line>> { \
         self.client.bidirectional::<Line, Line>(&CHAT, 5) }",
    ] {
        holds(&code, expected);
    }
}

#[test]
fn combined_services_stream_too() {
    let builder = Builder::new().combine_service(Combine::On);
    let idl = "struct A {} service B { A f(1: A a) (streaming.mode = \"client\") } service C { A g(1: A a) }";
    let code = one_line(
        &builder
            .file("main.thrift", idl)
            .generate_to_string("main.thrift")
            .unwrap(),
    );
    holds(&code, "CombineService::f(&*service, &call, requests).await");
    holds(&code, "self.client.client_streaming::<A, A>(&COMBINE_SERVICE, 0)");
}

#[test]
fn protobuf_messages_come_unwrapped() {
    let codes = Builder::new()
        .generate_protos(&["tests/idl/wire.proto"], &["tests/idl"])
        .unwrap();
    let code = one_line(&codes["kw.wire.v1"]);
    for expected in [
        "fn server_stream(&self, call: &kitewire::Call, request: Req, out: kitewire::Sender<Resp>,)",
        "kitewire::service::server_streaming::<_, kitewire::Protobuf<Req>, kitewire::Protobuf<Resp>, _, _,>",
        "WirePb::server_stream(&*service, &call, request.0, out)",
        "WirePb::client_stream(&*service, &call, requests).await; call.finish(outcome.map(kitewire::Protobuf))",
        "WirePb::bidi(&*service, &call, requests, out).await; call.finish(outcome)",
        "pub fn client_stream(&self,) -> kitewire::StreamCall<'_, kitewire::ClientStream<Req, Resp>> { \
         self.client.client_streaming::<kitewire::Protobuf<Req>, kitewire::Protobuf<Resp>,>(&WIRE_PB, 2) }",
    ] {
        holds(&code, expected);
    }
}

/// As Kitex's own tool computes it: the prefix of the path on the wire.
#[test]
fn packages_are_those_of_the_go_namespace() {
    for (file, idl, package) in [
        ("x.thrift", "namespace go kw.Wire", "wire"),
        ("x.thrift", "namespace go echo", "echo"),
        ("x.thrift", "namespace go a.b.C", "c"),
        (
            "x.thrift",
            "namespace rs other\nnamespace go a.first\nnamespace go a.second",
            "first",
        ),
        ("x.thrift", "namespace * a.All\nnamespace go b.Go", "go"),
        ("x.thrift", "namespace * a.All\nnamespace py b", "all"),
        ("x.thrift", "namespace * a\nnamespace * b", "b"),
        ("x.thrift", "namespace rs a.b", "x"),
        ("NoNamespace.thrift", "", "nonamespace"),
        ("idl/a.b.c.thrift", "", "c"),
    ] {
        let text = format!("{idl}\nservice S {{ void f() }}");
        let code = Builder::new().file(file, text).generate_to_string(file).unwrap();
        holds(
            &one_line(&code),
            &format!("kitewire::ServiceInfo::new(\"{package}\", \"S\","),
        );
    }
}

#[test]
fn services_of_included_files_have_their_own_package() {
    let code = Builder::new()
        .file(
            "main.thrift",
            "namespace go main\ninclude \"base.thrift\"\nservice S extends base.B {}",
        )
        .file("base.thrift", "namespace go the.Base\nservice B { void f() }")
        .generate_to_string("main.thrift")
        .unwrap();
    let code = one_line(&code);
    holds(&code, "kitewire::ServiceInfo::new(\"main\", \"S\",");
    holds(&code, "kitewire::ServiceInfo::new(\"base\", \"B\",");
}

fn thrift(idl: &str) -> String {
    one_line(
        &Builder::new()
            .file("main.thrift", idl)
            .generate_to_string("main.thrift")
            .unwrap(),
    )
}

/// The code without regard to where its lines end.
fn one_line(code: &str) -> String {
    let words: Vec<&str> = code.split_whitespace().collect();
    words
        .join(" ")
        .replace("( ", "(")
        .replace(" )", ")")
        .replace(" .", ".")
        .replace("< ", "<")
        .replace(" >", ">")
}

fn holds(code: &str, expected: &str) {
    let squeezed = |text: &str| text.replace(",)", ")").replace(",>", ">");
    assert!(
        squeezed(code).contains(&squeezed(expected)),
        "not there: {expected}\nin {code}"
    );
}
