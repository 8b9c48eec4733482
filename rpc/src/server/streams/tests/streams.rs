//! Streams over both transports.

use kitewire_proto::Machine;
use kitewire_proto::ttstream::Strings;

use super::*;

const TALK: MethodKind = MethodKind::BidirectionalStreaming;

#[test]
fn streams_flow_in_all_directions() {
    for mut bench in BOTH.map(bench_over) {
        let id = bench.ask("watch", MethodKind::ServerStreaming, b"abc");
        assert_eq!(bench.turn(), 0, "it never waits");
        assert_eq!(bench.end(id), "a, b, c, end");

        let id = bench.open("collect", MethodKind::ClientStreaming);
        assert_eq!(bench.turn(), 1);
        for part in [&b"on"[..], b"e ", b"two"] {
            bench.send(id, part);
            bench.turn();
            assert_eq!(bench.work(), 1);
        }
        bench.close(id);
        bench.turn();
        assert_eq!(bench.work(), 0);
        bench.turn();
        assert_eq!(bench.end(id), "one two, end");

        let id = bench.open("talk", TALK);
        bench.send(id, b"1");
        assert_eq!(bench.turn(), 1);
        assert_eq!(bench.read(id), ["1"], "sent by the first poll, in place");
        bench.send(id, b"2");
        bench.turn();
        bench.work();
        bench.send(id, b"leave");
        bench.turn();
        assert_eq!(
            bench.work(),
            0,
            "a handler may leave before the caller has said everything"
        );
        bench.turn();
        assert_eq!(bench.end(id), "2, end");
        assert_eq!(bench.serving.load().calls, 0);
    }
}

#[test]
fn large_messages_and_large_single_requests_pass() {
    let large: &'static [u8] = vec![b'z'; 100_000].leak();
    for mut bench in BOTH.map(bench_over) {
        let id = bench.open("talk", TALK);
        bench.send(id, large);
        let mut read = Vec::new();
        for _ in 0..10 {
            bench.turn();
            bench.work();
            read.extend(bench.read(id));
        }
        assert!(read.len() == 1 && read[0].as_bytes() == large);
        let id = bench.ask("watch", MethodKind::ServerStreaming, &large[..10_000]);
        let mut read = Vec::new();
        while read.last().is_none_or(|last| last != "end") {
            bench.turn();
            bench.work();
            read.extend(bench.read(id));
        }
        assert_eq!(read.len(), 10_001);
    }
}

/// What a client hears of the end of a stream over TTHeader.
fn told(text: &str) -> String {
    format!("[ttstream error, code=12001] [client-side stream] {text}")
}

#[test]
fn ends_of_a_handler_reach_the_caller_over_ttheader() {
    let mut bench = bench_over(Transport::TtHeaderStream);
    let user = "biz error: [ttstream error, code=12007] [client-side stream] user code invoking stream RPC with context \
                processed by context.WithCancel or context.WithTimeout, then invoking cancel() actively";
    let panic =
        "panic: [happened in biz handler, method=Svc.talk, please check the panic at the server side] in a stream";
    let rows: [(&'static [u8], String); 9] = [
        (b"leave", "end".to_owned()),
        (b"empty", "end".to_owned()),
        (b"plain", told("biz error: mock error")),
        (b"fail", told("biz error: rpc error: code = 5 desc = gone")),
        (b"business", "biz error: code=7, msg=no".to_owned()),
        (b"exception", told("biz error: special")),
        (b"late", told("biz error: context deadline exceeded")),
        (b"downstream", told(user)),
        (b"panic", told(panic)),
    ];
    for (request, end) in rows {
        let id = bench.open("talk", TALK);
        bench.send(id, request);
        assert_eq!(bench.turn(), 0);
        let connection = bench.client.tt_header().unwrap();
        if let Some(ttstream::Outcome::Exception(exception)) = connection.outcome(id.tt_header()) {
            assert_eq!(exception.remote, Some(ExceptionType::INTERNAL_ERROR));
        }
        assert_eq!(bench.end(id), end);
    }
    let id = bench.open("collect", MethodKind::ClientStreaming);
    bench.send(id, b"one");
    bench.close(id);
    bench.turn();
    assert_eq!(bench.end(id), "one, end");
    assert_eq!(bench.serving.load().calls, 0);
    assert_eq!(bench.take_said(), [""; 0], "none of it is news to the server's owner");
}

#[test]
fn a_handler_knows_the_stream_that_it_answers() {
    let mut bench = bench_over(Transport::TtHeaderStream);
    let (mut meta, mut strings) = (MetaInfo::new(), Strings::new());
    meta.set_transient("HELLO_WORLD", "1");
    meta.set_persistent("p", "2");
    strings.push("K", "a");
    let mut request = ttstream::Request::new("Svc", "talk", TALK);
    (request.meta, request.strings, request.caller) = (&meta, &strings, Some("S"));
    let now = bench.now();
    let id = bench.client.open_tt_header(now, &request).unwrap();
    bench.send(id, b"describe");
    bench.close(id);
    bench.turn();
    assert_eq!(
        bench.read(id),
        [
            "TtHeaderStream Svc.talk Thrift SequenceId(1) None/None Some(\"1\") Some(\"S\") None [\"a\"]",
            "end"
        ],
        "no timeout is told over TTHeader"
    );
    let header = bench.header(id).unwrap();
    assert_eq!(
        header.iter().collect::<Vec<_>>(),
        [("h", &b"2"[..])],
        "the last value goes"
    );
    assert_eq!(bench.trailer(id).iter().collect::<Vec<_>>(), [("t", &b"2"[..])]);
}

#[test]
fn a_header_goes_alone_if_asked() {
    for mut bench in BOTH.map(bench_over) {
        let id = bench.open("talk", TALK);
        bench.turn();
        assert!(bench.header(id).is_none());
        bench.send(id, b"header");
        bench.turn();
        bench.work();
        bench.turn();
        assert!(bench.header(id).is_some());
        assert_eq!(bench.read(id), [""; 0]);
    }
}

#[test]
fn what_nobody_knows_is_refused_at_once() {
    let mut bench = bench_over(Transport::TtHeaderStream);
    for (method, text) in [
        ("Svc.other", "unknown method other (service Svc)"),
        ("Other.thing", "unknown service Other, method thing"),
        ("Svc.unary", "unknown method unary (service Svc)"),
    ] {
        let id = bench.open(method, TALK);
        bench.turn();
        assert_eq!(bench.end(id), told(text));
        let said = bench.take_said();
        assert!(said[0].starts_with("Refused") && said[0].contains(text), "{said:?}");
    }
    assert_eq!(bench.serving.load().calls, 0);
    let id = bench.ask("watch", MethodKind::ServerStreaming, b"a");
    bench.turn();
    assert_eq!(bench.end(id), "a, end", "the connection goes on");
}

#[test]
fn what_nobody_knows_goes_to_its_handler() {
    let said = Said::default();
    let server = Server::detached().register(scripted(&said)).unknown_handler(Anything);
    let mut bench = Bench::over(Transport::TtHeaderStream, server, said);
    let id = bench.ask("Other.thing", TALK, b"12345");
    bench.turn();
    bench.work();
    bench.turn();
    assert_eq!(bench.end(id), "Other.thing Thrift 5, end");
}

#[test]
fn a_single_request_that_does_not_decode_is_refused() {
    let said = Said::default();
    let service = Arc::new(());
    let strict = Scripted {
        info: &STRICT_WATCH,
        methods: vec![server_streaming::<_, Nothing, RawBody, _, _>(
            &service,
            |_, call, _: Nothing, _| std::future::ready(call.finish(Ok(()))),
        )],
    };
    let server = Server::detached().register(strict);
    let mut bench = Bench::over(Transport::TtHeaderStream, server, said);
    let id = bench.ask("Strict.strict", MethodKind::ServerStreaming, b"\0");
    bench.turn();
    assert_eq!(bench.end(id), told("biz error: unexpected end of input at offset 1"));
    let said = bench.take_said();
    assert!(said.len() == 1 && said[0].starts_with("Refused"), "{said:?}");
    assert_eq!(bench.serving.load().calls, 0);
}

#[test]
fn settings_reach_the_connection() {
    let mut config = TtStreamConfig::default();
    (config.max_streams, config.max_message) = (1, 10);
    let said = Said::default();
    let server = Server::detached().register(scripted(&said)).tt_streams(config);
    let mut bench = Bench::over(Transport::TtHeaderStream, server, said);
    let kept = bench.open("talk", TALK);
    let refused = bench.open("talk", TALK);
    bench.turn();
    assert_eq!(bench.end(refused), told("too many streams on this connection"));
    assert_eq!(bench.read(kept), [""; 0]);
    bench.send(kept, b"eleven bytes");
    bench.turn();
    assert!(bench.serving.closed().is_some(), "no such message is taken");
}

#[test]
fn a_caller_that_goes_away_is_told_to_the_handler() {
    for mut bench in BOTH.map(bench_over) {
        let reading = bench.open("talk", TALK);
        let waiting = bench.open("talk", TALK);
        bench.send(waiting, b"wait");
        assert_eq!(bench.turn(), 2);
        assert_eq!(bench.work(), 2);
        bench.client.release(reading);
        bench.client.release(waiting);
        bench.turn();
        assert_eq!(bench.serving.load().calls, 2, "handlers run on");
        assert_eq!(bench.work(), 0);
        let text = bench.text([
            "rpc error: code = 1 desc = transport: RSTStream Frame received with error code: CANCEL [triggered by ]",
            "[ttstream error, code=12007] [server-side stream] [canceled path: A] user code invoking stream RPC with \
             context processed by context.WithCancel or context.WithTimeout, then invoking cancel() actively",
        ]);
        assert_eq!(
            bench.take_said(),
            [
                format!("recv {text}"),
                format!("send {text}"),
                "cancelled CallerGone true".to_owned()
            ]
        );
        bench.turn();
        assert_eq!(bench.serving.load().calls, 0);
        let id = bench.ask("watch", MethodKind::ServerStreaming, b"a");
        bench.turn();
        assert_eq!(bench.end(id), "a, end");
    }
}

#[test]
fn nothing_is_sent_to_a_client_that_has_given_up() {
    let mut bench = bench_over(Transport::TtHeaderStream);
    let id = bench.open("talk", TALK);
    bench.send(id, b"wait");
    assert_eq!(bench.turn(), 1);
    bench.client.release(id);
    bench.turn();
    assert_eq!(bench.work(), 0, "it returns well");
    let mut out = Transmit::new();
    let now = bench.now();
    assert!(
        !bench.serving.machine().poll_transmit(now, &mut out),
        "not even a header"
    );
}

#[test]
fn a_caller_whose_time_is_over_says_so() {
    let mut bench = bench_over(Transport::TtHeaderStream);
    let mut request = ttstream::Request::new("Svc", "talk", TALK);
    request.deadline = Some(bench.now() + Duration::from_secs(1));
    request.timeout = Some(Duration::from_secs(1));
    let now = bench.now();
    let id = bench.client.open_tt_header(now, &request).unwrap();
    bench.send(id, b"wait");
    assert_eq!(bench.turn(), 1);
    bench.pass(Duration::from_secs(2));
    bench.turn();
    assert_eq!(bench.work(), 0);
    assert_eq!(bench.take_said(), ["cancelled DeadlinePassed true"]);
    let text = "[ttstream error, code=12015] [client-side stream] stream timeout, timeout in ctx: 1s";
    assert_eq!(bench.end(id), text);
}
