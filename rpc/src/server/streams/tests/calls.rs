//! Calls with one request and one answer, over gRPC.

use super::*;

#[test]
fn a_unary_call_that_does_not_wait_is_answered_on_the_spot() {
    let mut bench = bench();
    let id = bench.ask("unary", MethodKind::Unary, b"hello");
    bench.driver.take();
    assert_eq!(bench.turn(), 0);
    assert_eq!(bench.driver.take(), 0, "the driver is awake and needs no call");
    assert_eq!(bench.end(id), "hello, end");
    assert_eq!(bench.serving.load().calls, 0);
    let large: &'static [u8] = vec![b'z'; 100_000].leak();
    assert_eq!(bench.call("unary", large).len(), 100_005);
}

#[test]
fn a_unary_call_that_waits_is_answered_by_its_task() {
    let mut bench = bench();
    let ids = [(); 3].map(|()| bench.ask("unary", MethodKind::Unary, b"yield"));
    assert_eq!(bench.turn(), 3);
    assert_eq!(bench.serving.load().calls, 3);
    bench.driver.take();
    assert_eq!(bench.work(), 0);
    assert_eq!(bench.driver.take(), 1, "once for all of them");
    bench.turn();
    for id in ids {
        assert_eq!(bench.end(id), "later, end");
    }
    assert_eq!(bench.serving.load().calls, 0);
}

#[test]
fn services_can_have_their_handlers_in_tasks_from_the_start() {
    let said = Said::default();
    let service = Registration::new(scripted(&said)).dispatch(Dispatch::Spawn);
    let mut bench = Bench::new(Server::detached().register(service), said);
    let id = bench.ask("unary", MethodKind::Unary, b"hello");
    assert_eq!(bench.turn(), 1);
    assert_eq!(bench.read(id), [""; 0]);
    bench.work();
    bench.turn();
    assert_eq!(bench.end(id), "hello, end");
}

#[test]
fn ends_of_a_handler_reach_the_caller() {
    let mut bench = bench();
    let rows: [(&'static [u8], &str); 5] = [
        (b"fail", "13: mock error [biz error]"),
        (b"business", "13: no, business 7 [(\"k\", \"v\")]"),
        (b"exception", "1204: special [biz error]"),
        (b"empty", "\0, end"),
        (
            b"panic",
            "13: panic: [happened in biz handler, method=Svc.unary, please check the panic at the server side] oh no",
        ),
    ];
    for (request, end) in rows {
        assert_eq!(bench.call("unary", request), end);
    }
    let id = bench.ask("talk", MethodKind::BidirectionalStreaming, b"fail");
    bench.turn();
    assert_eq!(bench.end(id), "5: gone [biz error]");
    let id = bench.open("talk", MethodKind::BidirectionalStreaming);
    assert_eq!(bench.turn(), 1);
    bench.send(id, b"panic");
    bench.turn();
    assert_eq!(bench.work(), 0);
    bench.turn();
    let text = "13: panic: [happened in biz handler, method=Svc.talk, please check the panic at the server side] in a \
                stream";
    assert_eq!(bench.end(id), text);
    assert_eq!(bench.serving.load().calls, 0);
    assert_eq!(bench.take_said(), [""; 0], "none of it is news to the server's owner");
}

#[test]
fn a_handler_knows_its_call() {
    let mut bench = bench();
    let (meta, mut metadata) = (meta("hello_world", "1"), Fields::new());
    metadata.push("k", "a");
    metadata.push("k", "b");
    let deadline = bench.now() + Duration::from_secs(3);
    let id = bench.open_with("unary", MethodKind::Unary, |request| {
        request.deadline = Some(deadline);
        request.names = Some(CallerNames {
            destination_service: "d",
            destination_method: "dm",
            source_service: "s",
            source_method: "sm",
        });
        (request.meta, request.metadata) = (leak(meta), leak(metadata));
    });
    bench.send(id, b"describe");
    bench.close(id);
    bench.pass(Duration::from_secs(1));
    bench.turn();
    assert_eq!(
        bench.read(id),
        [
            "Grpc Svc.unary Thrift SequenceId(1) Some(3s)/Some(3s) Some(\"1\") Some(\"s\") Some(\"sm\") [\"a\", \"b\"]",
            "end"
        ],
        "the timeout counts from when the server gets it"
    );
    let header = bench.header(id).unwrap();
    assert_eq!(header.get_all("h").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(bench.trailer(id).get("t"), Some("2"));
    let id = bench.open("talk", MethodKind::BidirectionalStreaming);
    bench.send(id, b"keep");
    bench.turn();
    assert_eq!(bench.take_said(), ["true"]);
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

#[test]
fn requests_that_do_not_decode_are_refused() {
    let said = Said::default();
    let service = Arc::new(());
    let strict = Scripted {
        info: &STRICT,
        methods: vec![method(&service, |_, call, Nothing| {
            std::future::ready(call.finish(Ok(Nothing)))
        })],
    };
    let server = Server::detached().register(scripted(&said)).register(strict);
    let mut bench = Bench::new(server, said);
    let end = bench.call("Strict.strict", b"\0");
    assert_eq!(end, "7: unexpected end of input at offset 1");
    let said = bench.take_said();
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("Refused"), "{said:?}");
    assert_eq!(bench.call("unary", b"fine"), "fine, end", "the connection goes on");
}

#[test]
fn what_nobody_knows_goes_to_its_handler() {
    let said = Said::default();
    let server = Server::detached().register(scripted(&said)).unknown_handler(Anything);
    let mut bench = Bench::new(server, said);
    assert_eq!(bench.call("Other.thing", b"12345"), "Other.thing Thrift 5, end");
    assert_eq!(bench.call("Svc.thing", b""), "Svc.thing Thrift 0, end");
    let id = bench.open("Other.thing", MethodKind::ClientStreaming);
    bench.close(id);
    bench.turn();
    bench.work();
    bench.turn();
    assert_eq!(bench.end(id), "13: a request without a message [biz error]");
}

#[test]
fn settings_reach_the_connection() {
    let config = GrpcConfig {
        max_received_message: 10,
        max_sent_message: 20,
        unknown_names: UnknownNames::Grpc,
        ..GrpcConfig::default()
    };
    let said = Said::default();
    let mut bench = Bench::new(Server::detached().register(scripted(&said)).grpc(config), said);
    let end = bench.call("unary", b"eleven bytes");
    assert_eq!(end, "8: received message larger than max (12 vs. 10)");
    assert_eq!(
        bench.call("unary", b"describe"),
        "8: trying to send message larger than max (63 vs. 20)"
    );
    assert_eq!(bench.call("Svc.other", b""), "12: unknown method other");
    assert_eq!(bench.take_said().len(), 2, "what is refused is noticed");
}
