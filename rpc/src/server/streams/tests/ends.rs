//! Calls and connections that end before their handlers do.

use kitewire_proto::{CancelReason, Machine, http2};

use super::bench::Said;
use super::*;
use crate::server::shared::Stop;

/// A bench with a unary handler that waits for the end of its caller, and a stream's that waits for a message. Returns
/// their calls.
fn waiting() -> (Bench, StreamKey, StreamKey) {
    let mut bench = bench();
    let unary = bench.ask("unary", MethodKind::Unary, b"wait");
    let talk = bench.open("talk", MethodKind::BidirectionalStreaming);
    assert_eq!(bench.turn(), 2);
    assert_eq!(bench.work(), 2);
    (bench, unary, talk)
}

#[test]
fn a_caller_that_goes_away_is_told_to_the_handler() {
    let (mut bench, unary, talk) = waiting();
    bench.client.release(unary);
    bench.client.release(talk);
    bench.turn();
    assert_eq!(bench.serving.load().calls, 2, "handlers run on");
    assert_eq!(bench.work(), 0);
    let text = "rpc error: code = 1 desc = transport: RSTStream Frame received with error code: CANCEL [triggered by ]";
    assert_eq!(
        bench.take_said(),
        [
            "cancelled CallerGone true".to_owned(),
            format!("recv {text}"),
            format!("send {text}")
        ]
    );
    bench.turn();
    assert_eq!(bench.serving.load().calls, 0);
    assert_eq!(bench.call("unary", b"still there"), "still there, end");
}

#[test]
fn a_deadline_is_told_to_the_handler_and_its_answer_to_the_caller() {
    let mut bench = bench();
    let deadline = bench.now() + Duration::from_secs(1);
    let id = bench.open_with("talk", MethodKind::BidirectionalStreaming, |request| {
        request.deadline = Some(deadline);
    });
    assert_eq!(bench.turn(), 1);
    bench.pass(Duration::from_secs(2));
    // Only the server's clock counts here.
    let now = bench.now();
    bench.serving.machine().handle_timeout(now, &mut BytesMut::new());
    assert_eq!(bench.serving.hub.cancel_reason(id), Some(CancelReason::DeadlinePassed));
    bench.work();
    let said = bench.take_said();
    assert_eq!(said[0], "recv rpc error: code = 4 desc = context deadline exceeded");
}

#[test]
fn an_answer_that_comes_too_late_ends_with_the_deadline() {
    let mut bench = bench();
    let deadline = bench.now() + Duration::from_secs(1);
    let id = bench.open_with("unary", MethodKind::Unary, |request| request.deadline = Some(deadline));
    bench.send(id, b"wait");
    assert_eq!(bench.turn(), 1);
    bench.pass(Duration::from_secs(2));
    // Only the server's clock counts here.
    let now = bench.now();
    bench.serving.machine().handle_timeout(now, &mut BytesMut::new());
    assert_eq!(bench.work(), 0);
    let mut out = Transmit::new();
    while bench.serving.machine().poll_transmit(now, &mut out) {
        bench.client.receive(now, &mut BytesMut::from(&out.to_vec()[..]));
        out.advance(out.len());
    }
    assert_eq!(bench.end(id), "4: context deadline exceeded");
}

/// A bench with two streams whose handlers wait for a message.
fn talking(transport: Transport) -> (Bench, [StreamKey; 2]) {
    let mut bench = bench_over(transport);
    let ids = [(); 2].map(|()| bench.open("talk", MethodKind::BidirectionalStreaming));
    assert_eq!(bench.turn(), 2);
    assert_eq!(bench.work(), 2);
    (bench, ids)
}

#[test]
fn a_graceful_stop_waits_and_then_counts_what_it_cuts_off() {
    for transport in BOTH {
        let (mut bench, [talk, _other]) = talking(transport);
        let until = bench.now() + Duration::from_secs(5);
        bench.shared.stop(Stop::Graceful(until));
        let now = bench.now();
        bench.serving.machine().shutdown(now, Shutdown::Graceful { until });
        bench.turn();
        assert!(!bench.serving.machine().is_drained());
        bench.send(talk, b"goes on");
        bench.turn();
        bench.work();
        bench.turn();
        assert_eq!(bench.read(talk), ["goes on"]);
        bench.client_events();
        bench.pass(Duration::from_secs(5));
        bench.turn();
        assert_eq!(bench.serving.closed(), Some(&CloseReason::Shutdown));
        assert_eq!(bench.shared.cut_off(), 2);
        assert!(bench.serving.machine().is_drained());
        bench.serving.abandon(None);
        assert_eq!(bench.work(), 0, "handlers hear of it");
        let said = bench.take_said().join("\n");
        let text = bench.text([
            "code = 14 desc = graceful shutdown",
            "code=12013] [server-side stream] canceled by",
        ]);
        assert!(said.contains(text), "{said}");
        let end = bench.end(talk);
        assert!(
            end.contains(bench.text(["14: graceful shutdown", "code=12013]"])),
            "{end}"
        );
    }
}

#[test]
fn a_stopping_server_takes_no_new_streams() {
    let (mut bench, [talk, other]) = talking(Transport::TtHeaderStream);
    let until = bench.now() + Duration::from_secs(5);
    bench.shared.stop(Stop::Graceful(until));
    let now = bench.now();
    bench.serving.machine().shutdown(now, Shutdown::Graceful { until });
    bench.turn();
    let late = bench.open("talk", MethodKind::BidirectionalStreaming);
    assert_eq!(bench.turn(), 0);
    let text = "[ttstream error, code=12001] [client-side stream] the server is shutting down";
    assert_eq!(bench.end(late), text);
    for id in [talk, other] {
        bench.send(id, b"leave");
    }
    bench.turn();
    assert_eq!(bench.work(), 0);
    bench.turn();
    bench.turn();
    assert!(bench.serving.machine().is_drained(), "with its last stream");
    assert_eq!(bench.shared.cut_off(), 0);
    assert_eq!([bench.end(talk), bench.end(other)], ["end", "end"]);
}

#[test]
fn a_graceful_stop_without_calls_is_quick() {
    for mut bench in BOTH.map(bench_over) {
        let id = bench.ask("watch", MethodKind::ServerStreaming, b"a");
        bench.turn();
        assert_eq!(bench.end(id), "a, end");
        let until = bench.now() + Duration::from_secs(5);
        bench.shared.stop(Stop::Graceful(until));
        let now = bench.now();
        bench.serving.machine().shutdown(now, Shutdown::Graceful { until });
        bench.turn();
        bench.turn();
        assert!(bench.serving.machine().is_drained());
        assert_eq!(bench.shared.cut_off(), 0);
    }
}

#[test]
fn a_lost_connection_ends_its_calls() {
    for transport in BOTH {
        let (mut bench, [talk, _other]) = talking(transport);
        bench.send(talk, b"wait");
        bench.turn();
        assert_eq!(bench.work(), 2);
        let now = bench.now();
        bench.serving.machine().handle_disconnect(now, Disconnect::ReadFailed);
        bench.turn();
        assert!(bench.serving.machine().is_drained());
        bench.driver.take();
        bench.serving.abandon(None);
        assert_eq!(bench.work(), 0);
        assert_eq!(bench.driver.take(), 0, "nobody is there to be woken");
        assert_eq!(bench.shared.cut_off(), 0);
        let said = bench.take_said().join("\n");
        assert!(said.contains("cancelled CallerGone"), "{said}");
        let text = bench.text([
            "recv rpc error: code = 1 desc = transport: ",
            "recv [ttstream error, code=12013] canceled by connection closed",
        ]);
        assert!(said.contains(text), "{said}");
        assert_eq!(bench.serving.load().calls, 0);
    }
}

#[test]
fn calls_whose_tasks_are_dropped_do_not_stay_open() {
    for transport in BOTH {
        let (mut bench, ids) = talking(transport);
        bench.drop_tasks();
        bench.turn();
        assert_eq!(bench.serving.load().calls, 0);
        for id in ids {
            assert!(bench.client.is_ended(id));
        }
    }
}

#[test]
fn an_answer_that_has_no_room_waits_for_it() {
    let said = Said::default();
    let mut config = http2::Config::default();
    config.limits.max_memory = 1 << 20;
    let server = Server::detached().register(scripted(&said)).http2_config(config);
    let mut bench = Bench::new(server, said);
    let large: &'static [u8] = vec![b'z'; 1 << 20].leak();
    let ids = [(); 3].map(|()| bench.ask("unary", MethodKind::Unary, large));
    let mut waited = 0;
    let mut ends = Vec::new();
    while bench.serving.load().calls > 0 || ends.len() < ids.len() {
        waited += bench.turn();
        bench.work();
        ends.extend(ids.iter().flat_map(|id| bench.read(*id)).filter(|text| text.len() > 3));
    }
    assert!(waited > 0, "there was no room for all of them");
    assert!(ends.iter().all(|text| text.len() == 1 << 20));
}

#[test]
fn plain_requests_come_over_the_same_connection() {
    let said = Said::default();
    let server = Server::detached()
        .register(scripted(&said))
        .http(|request: http::Request<Bytes>| async move {
            http::Response::new(Bytes::from(request.uri().path().to_owned()))
        });
    let mut bench = Bench::new(server, said);
    let mut plain = http2::Connection::client(Arc::new(http2::Config::default()), bench.now());
    let head = Fields::request("GET", "http", "shop", "/page");
    let id = plain.open(bench.now(), &head, http2::Finish::Now).unwrap();
    let (now, mut input, mut out) = (bench.now(), BytesMut::new(), Transmit::new());
    while plain.poll_transmit(now, &mut out) {
        input.extend_from_slice(&out.to_vec());
        out.advance(out.len());
    }
    bench.serving.machine().receive(now, &mut input);
    let mut cx = Context::from_waker(Waker::noop());
    bench.serving.handle_events(now, &mut cx, &mut Budget::new(), None);
    while bench.serving.machine().poll_transmit(now, &mut out) {
        plain.receive(now, &mut BytesMut::from(&out.to_vec()[..]));
        out.advance(out.len());
    }
    assert_eq!(plain.head(id).unwrap().status(), 200);
    assert_eq!(plain.receiver(id).unwrap().chunk(), b"/page");
}
