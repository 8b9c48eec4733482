//! Streams that hang on the call that their client is serving.

use super::*;

/// A call being served over the first transport, and a stream over the second one that hangs on it.
struct Chain {
    up: Pair,
    down: Pair,
    caller: Option<End>,
    handler: End,
    client: End,
    callee: End,
}

impl Chain {
    fn new(up: Transport, down: Transport) -> Self {
        let (up, down) = (Pair::over(up), Pair::over(down));
        let (caller, handler) = up.open();
        let (stream, callee) = down.open_stream();
        stream.hang_on(&up.server.tie(handler.key));
        let client = End::of(stream);
        Self {
            up,
            down,
            caller: Some(caller),
            handler,
            client,
            callee,
        }
    }

    /// What the ends of the lower stream hear.
    fn told(&mut self) -> [String; 2] {
        self.down.run();
        [self.client.next(), self.callee.next()]
    }
}

const USER: &str = "user code invoking stream RPC with context processed by context.WithCancel or \
                    context.WithTimeout, then invoking cancel() actively";

#[test]
fn a_cancel_goes_down_the_chain_with_its_way() {
    let mut chain = Chain::new(Transport::TtHeaderStream, Transport::TtHeaderStream);
    assert_eq!(chain.told(), ["pending", "pending"]);
    chain.caller = None;
    chain.up.run();
    assert_eq!(
        chain.told(),
        [
            format!("[ttstream error, code=12007] [client-side stream] [canceled path: A] {USER}"),
            format!("[ttstream error, code=12007] [server-side stream] [canceled path: A -> A] {USER}"),
        ]
    );
    assert!(
        chain
            .client
            .try_send()
            .starts_with("[ttstream error, code=12007] [client-side")
    );
    let Poll::Ready(Err(error)) = chain.client.recv() else {
        panic!("it is over")
    };
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_handler_that_returns_ends_its_streams() {
    let mut chain = Chain::new(Transport::TtHeaderStream, Transport::TtHeaderStream);
    chain.up.finish(chain.handler.key, &Conclusion::Done);
    let text = "canceled by business handler returning";
    assert_eq!(
        chain.told(),
        [
            format!("[ttstream error, code=12012] [client-side stream] {text}"),
            format!("[ttstream error, code=12012] [server-side stream] [canceled path: A] {text}"),
        ]
    );
}

#[test]
fn a_lost_connection_ends_the_streams_that_hang_on_its_calls() {
    let mut chain = Chain::new(Transport::TtHeaderStream, Transport::TtHeaderStream);
    chain.up.server.close(NOW);
    let text = "canceled by connection closed";
    assert_eq!(
        chain.told(),
        [
            format!("[ttstream error, code=12013] [client-side stream] {text}"),
            format!("[ttstream error, code=12013] [server-side stream] [canceled path: A] {text}"),
        ]
    );
}

#[test]
fn a_handler_whose_task_is_dropped_ends_its_streams() {
    for (up, down) in [(BOTH[0], BOTH[1]), (BOTH[1], BOTH[0]), (BOTH[1], BOTH[1])] {
        let mut chain = Chain::new(up, down);
        chain.up.server.release(chain.handler.key);
        assert!(chain.told().iter().all(|told| told != "pending"));
    }
}

#[test]
fn a_cancel_of_another_kind_is_foreign() {
    let mut chain = Chain::new(Transport::Grpc, Transport::TtHeaderStream);
    chain.caller = None;
    chain.up.run();
    let [client, callee] = chain.told();
    assert_eq!(
        client,
        format!("[ttstream error, code=12011] [client-side stream] {}", CANCELLED[0])
    );
    let path = "[ttstream error, code=12011] [server-side stream] [canceled path: non-ttstream path -> A] ";
    assert_eq!(callee, format!("{path}{}", CANCELLED[0]));
}

#[test]
fn a_call_over_grpc_is_given_up_too() {
    let mut chain = Chain::new(Transport::TtHeaderStream, Transport::Grpc);
    chain.caller = None;
    chain.up.run();
    let [client, callee] = chain.told();
    let text = CANCELLED[1].replace("server-side", "client-side");
    assert_eq!(client, format!("rpc error: code = 1 desc = {text}"));
    assert_eq!(callee, CANCELLED[0]);
    assert_eq!(chain.client.try_send(), client);

    let mut chain = Chain::new(Transport::Grpc, Transport::Grpc);
    chain.up.finish(chain.handler.key, &Conclusion::Done);
    assert_eq!(chain.told(), [RETURNED[0], CANCELLED[0]]);
}

#[test]
fn a_stream_that_is_opened_too_late_ends_at_once() {
    for transport in BOTH {
        let (up, down) = (Pair::over(transport), Pair::over(transport));
        let (caller, handler) = up.open();
        let early = up.server.tie(handler.key);
        drop(caller);
        up.run();
        let late = up.server.tie(handler.key);
        up.finish(handler.key, &Conclusion::Done);
        let later = up.server.tie(handler.key);
        for (tie, returned) in [(early, false), (late, false), (later, true)] {
            let (stream, _callee) = down.open_stream();
            stream.hang_on(&tie);
            let told = End::of(stream).next();
            assert_eq!(told.contains("handler returning"), returned, "{told}");
            assert_ne!(told, "pending");
        }
    }
}

#[test]
fn a_stream_that_has_ended_stays_as_it_ended() {
    for transport in BOTH {
        let mut chain = Chain::new(transport, transport);
        chain.down.finish(chain.callee.key, &Conclusion::Done);
        chain.down.run();
        chain.caller = None;
        chain.up.run();
        assert_eq!(chain.client.next(), "end");
    }
}

#[test]
fn streams_that_are_gone_leave_nothing_behind() {
    for pair in Pair::both() {
        let (_caller, handler) = pair.open();
        let mut most = 0;
        for _ in 0..1000 {
            let tie = pair.server.tie(handler.key);
            drop(tie);
            most = most.max(pair.server.lock().watches.of(handler.key).ties.len());
        }
        assert!(most <= 8, "{most}");
        let kept: Vec<_> = (0..100).map(|_| pair.server.tie(handler.key)).collect();
        let all = pair.server.lock().watches.of(handler.key).ties.len();
        assert!((100..200).contains(&all), "{all}");
        drop(kept);
    }
}
