//! Streams that are dropped, given up, or end by themselves.

use std::sync::Mutex;

use kitewire_proto::{DecodeError, Shutdown};

use super::*;

#[test]
fn a_client_that_drops_a_half_too_early_gives_the_stream_up() {
    for (transport, half) in BOTH
        .into_iter()
        .flat_map(|transport| [0, 1, 2].map(|half| (transport, half)))
    {
        let pair = Pair::over(transport);
        let (cancelled, given_up) = (pair.text(CANCELLED), pair.text(GIVEN_UP));
        let (mut client, mut server) = pair.open();
        match half {
            0 => client.send = None,
            1 => client.recv = None,
            _ => (client.send, client.recv) = (None, None),
        }
        assert_eq!(pair.drivers[0].take(), 1, "{half}");
        pair.run();
        assert_eq!([server.next(), server.try_send()], [cancelled, cancelled]);
        assert_eq!(server.next(), cancelled, "again");
        match half {
            0 => assert_eq!([client.next(), client.next()], [given_up, given_up]),
            1 => assert_eq!(client.try_send(), given_up),
            _ => {}
        }
        pair.finish(server.key, &Conclusion::Done);
        drop(client);
        pair.run();
        assert!(pair.is_idle(), "{half}");
    }
}

#[test]
fn a_client_that_is_done_with_a_half_can_drop_it() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        assert!(client.send(b"all").is_ready());
        client.close();
        client.send = None;
        pair.run();
        assert_eq!([server.next(), server.next()], ["all", "end"]);
        assert!(server.send(b"fine").is_ready());
        pair.finish(server.key, &Conclusion::Done);
        pair.run();
        assert_eq!([client.next(), client.next()], ["fine", "end"]);
        drop(client);

        let (mut client, mut server) = pair.open();
        assert!(server.send(b"early").is_ready());
        let enough = Error::status(Code(5), "enough");
        pair.finish(server.key, &Conclusion::Failed(&enough));
        pair.run();
        let over = pair.text([
            "rpc error: code = 5 desc = enough [biz error]",
            "[ttstream error, code=12001] [client-side stream] biz error: rpc error: code = 5 desc = enough",
        ]);
        // The call is over, so that the unfinished half takes nothing away.
        assert_eq!(client.try_send(), over);
        client.send = None;
        assert_eq!([client.next(), client.next(), client.next()], ["early", over, over]);
        drop(client);
        pair.run();
        assert!(pair.is_idle());
    }
}

#[test]
fn messages_come_before_a_business_status() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        assert!(server.send(b"1").is_ready());
        assert!(server.send(b"2").is_ready());
        let business = Error::business(404, "no").with_extra("k", "v");
        pair.finish(server.key, &Conclusion::Failed(&business));
        pair.run();
        assert_eq!([client.next(), client.next()], ["1", "2"]);
        let Poll::Ready(Err(error)) = client.recv() else {
            panic!("it is over")
        };
        assert_eq!(error.kind(), ErrorKind::Business);
        assert_eq!(error.business_status(), business.business_status());
        assert_eq!(client.try_send(), "biz error: code=404, msg=no");
    }
}

#[test]
fn a_server_that_drops_its_halves_goes_on() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        assert!(client.send(b"unread").is_ready());
        pair.run();
        server.recv = None;
        assert!(server.send(b"one").is_ready());
        server.close();
        let done = pair.text(DONE).replace("client-side", "server-side");
        assert_eq!(server.try_send(), done);
        server.send = None;
        pair.run();
        assert_eq!([client.next(), client.next()], ["one", "pending"]);
        assert_eq!(
            client.try_send(),
            "sent",
            "the end is the handler's return and nothing else"
        );
        pair.finish(server.key, &Conclusion::Done);
        pair.run();
        assert_eq!(client.next(), "end");
    }
}

#[test]
fn a_client_that_has_said_everything_says_no_more() {
    let pair = Pair::over(Transport::TtHeaderStream);
    let (mut client, mut server) = pair.open();
    client.close();
    client.close();
    assert_eq!(client.try_send(), pair.text(DONE));
    pair.run();
    assert_eq!(server.next(), "end");
}

#[test]
fn a_message_that_does_not_decode_is_the_end_of_its_half() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        assert!(client.send(b"\x0b\0").is_ready());
        assert!(client.send(b"\0").is_ready());
        pair.run();
        let text = "unexpected end of input at offset 2";
        let key = server.key;
        let stream = |hub: &Arc<Hub>| Stream::new(Arc::clone(hub), key, None);
        let mut strict = Receiver::of::<Empty>(stream(&pair.server), None);
        for _ in 0..2 {
            let Poll::Ready(Err(error)) = strict.poll_recv(&mut idle()) else {
                panic!("it is malformed, and that does not change")
            };
            assert_eq!((error.to_string().as_str(), error.kind()), (text, ErrorKind::Protocol));
            assert_eq!(error.code(), Code(7), "as Kitex has it for Thrift");
        }
        assert!(server.send(b"\x0b\0").is_ready());
        pair.run();
        let mut strict = Receiver::of::<Empty>(stream(&pair.client), None);
        assert!(matches!(strict.poll_recv(&mut idle()), Poll::Ready(Err(_))));
        pair.run();
        assert_eq!(server.try_send(), pair.text(CANCELLED), "a client gives the call up");
    }
}

/// A struct without fields.
struct Empty;

impl crate::thrift::Struct for Empty {
    const NAME: &'static str = "Empty";

    fn encode(&self, out: &mut crate::thrift::Writer<'_>) {
        out.stop();
    }

    fn decode(input: &mut crate::thrift::Reader<'_>) -> Result<Self, DecodeError> {
        input.struct_begin()?;
        while let Some(field) = input.field()? {
            input.skip(field.kind)?;
        }
        Ok(Self)
    }
}

#[test]
fn halves_outlive_their_handler_and_fail() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        let count = Arc::new(Count::default());
        let waker = count.waker();
        let mut cx = Context::from_waker(&waker);
        assert!(server.recv.as_mut().unwrap().poll_recv(&mut cx).is_pending());
        pair.finish(server.key, &Conclusion::Done);
        assert_eq!(count.take(), 1);
        let text = pair.text(RETURNED);
        assert_eq!([server.next(), server.try_send()], [text, text]);
        pair.run();
        assert_eq!(client.next(), "end");
        drop(server);
        drop(client);
        pair.run();
        assert!(pair.is_idle());
    }
}

#[test]
fn an_id_that_is_used_again_is_another_stream() {
    let pair = Pair::over(Transport::TtHeaderStream);
    let (client, mut old) = pair.open();
    pair.finish(old.key, &Conclusion::Done);
    pair.run();
    // Another client begins with the same id.
    let mut config = ttstream::Config::default();
    config.flow_control = kitewire_proto::Switch::Off;
    let mut again = ttstream::Connection::client(Arc::new(config), NOW);
    let kind = MethodKind::BidirectionalStreaming;
    let id = again.open(NOW, &ttstream::Request::new("Svc", "talk", kind)).unwrap();
    again.sender(id).unwrap().send(&Bytes::from_static(b"new")).unwrap();
    let mut out = Transmit::new();
    assert!(again.poll_transmit(NOW, &mut out));
    let mut state = pair.server.lock();
    state.connection.receive(NOW, &mut BytesMut::from(&out.to_vec()[..]));
    drop(state);
    let mut new = End::of(pair.server.serve(id.into()));
    assert_eq!(new.key, client.key);
    let text = pair.text(RETURNED);
    assert_eq!(
        [old.next(), old.try_send()],
        [text, text],
        "it is nothing to what is left"
    );
    assert_eq!(new.next(), "new");
}

#[test]
fn the_end_of_the_driver_is_the_end_of_everything() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        let count = Arc::new(Count::default());
        let waker = count.waker();
        let mut cx = Context::from_waker(&waker);
        assert!(client.recv.as_mut().unwrap().poll_recv(&mut cx).is_pending());
        assert!(server.recv.as_mut().unwrap().poll_recv(&mut cx).is_pending());
        pair.client.close(NOW);
        pair.server.close(NOW);
        assert_eq!(count.take(), 2);
        let Poll::Ready(Err(lost)) = client.recv() else {
            panic!("it is over")
        };
        assert_eq!((lost.kind(), lost.code()), (ErrorKind::Transport, Code::UNAVAILABLE));
        let text = pair.text(["connection error", "[ttstream error, code=12006] "]);
        assert!(lost.to_string().starts_with(text), "{lost}");
        let text = pair.text([
            "code = 1 ",
            "[ttstream error, code=12013] canceled by connection closed",
        ]);
        assert!(server.next().contains(text), "{}", server.next());
        assert!(pair.server.cancel_reason(server.key).is_some());
        pair.finish(server.key, &Conclusion::Done);
        drop(client);
        assert!(pair.is_idle());
        assert!(
            pair.drivers.iter().all(|driver| driver.take() == 0),
            "nobody is there to be woken"
        );
    }
}

#[test]
fn a_graceful_stop_that_runs_out_says_so() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        let until = NOW + std::time::Duration::from_secs(1);
        let mut state = pair.server.lock();
        state.connection.shutdown(NOW, Shutdown::Graceful { until });
        drop(state);
        pair.run();
        assert_eq!(server.next(), "pending");
        pair.server.lock().connection.handle_timeout(until);
        pair.run();
        let text = pair.text([
            "rpc error: code = 14 desc = graceful shutdown",
            "canceled by connection closed",
        ]);
        for told in [server.next(), server.try_send(), client.next()] {
            assert!(told.ends_with(text), "{told}");
        }
    }
}

#[test]
fn each_message_is_waited_for_anew() {
    /// Lasts for two polls of one wait.
    struct Two(u32);
    impl Patience for Two {
        fn begin(&mut self) {
            self.0 = 0;
        }

        fn poll_expired(&mut self, _: &mut Context<'_>) -> Poll<Error> {
            self.0 += 1;
            match self.0 > 2 {
                true => Poll::Ready(Error::status(Code::RECV_DEADLINE_EXCEEDED, "late")),
                false => Poll::Pending,
            }
        }
    }
    for pair in Pair::both() {
        let (client, mut server) = pair.open();
        let stream = Stream::new(Arc::clone(&pair.client), client.key, None);
        let mut receiver = Receiver::of::<RawBody>(stream, Some(Box::new(Two(0))));
        for _ in 0..3 {
            assert!(receiver.poll_recv(&mut idle()).is_pending());
            assert!(receiver.poll_recv(&mut idle()).is_pending());
            assert!(server.send(b"m").is_ready());
            pair.run();
            assert!(matches!(receiver.poll_recv(&mut idle()), Poll::Ready(Ok(Some(_)))));
        }
    }
}

#[test]
fn what_a_client_ends_a_stream_with_is_what_both_halves_hear() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        let stream = Stream::new(Arc::clone(&pair.client), client.key, None);
        let text = "stream Recv timeout, timeout config={Timeout:1s DisableCancelRemote:false}";
        match pair.transport {
            Transport::Grpc => stream.end_with(Status::new(Code::RECV_DEADLINE_EXCEEDED, text)),
            _ => stream.end_with(ttstream::Exception::recv_timeout(
                "{Timeout:1s DisableCancelRemote:false}",
            )),
        }
        for told in [client.next(), client.try_send()] {
            match pair.transport {
                // The verdict is the stream's that it was told to.
                Transport::Grpc => assert_eq!(told, pair.text(GIVEN_UP)),
                _ => assert_eq!(
                    told,
                    format!("[ttstream error, code=12014] [client-side stream] {text}")
                ),
            }
        }
        pair.run();
        let cancelled = format!("[ttstream error, code=12014] [server-side stream] [canceled path: A] {text}");
        assert_eq!(server.next(), pair.text([CANCELLED[0], &cancelled]));
    }
}

#[test]
fn a_waker_that_holds_a_half_may_be_the_last_to_go() {
    /// As an executor's task that nobody but its wakers keeps alive.
    struct Task(#[expect(dead_code, reason = "kept to be dropped")] Mutex<End>);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }
    for pair in Pair::both() {
        let (mut client, server) = pair.open();
        let (other, _server) = pair.open();
        let task: Waker = Arc::new(Task(Mutex::new(other))).into();
        let mut receiver = server.recv.unwrap();
        let mut cx = Context::from_waker(&task);
        assert!(receiver.poll_recv(&mut cx).is_pending());
        let mut place = Place::default();
        assert!(pair.server.poll_ended(server.key, &mut place, &cx).is_pending());
        let large = Bytes::from(vec![0; 1 << 20]);
        let sender = client.send.as_mut().unwrap();
        assert!(sender.poll_send(&mut cx, &large).is_ready());
        assert!(sender.poll_send(&mut cx, &large).is_pending());
        drop(task);
        assert!(receiver.poll_recv(&mut idle()).is_pending());
        assert!(pair.server.poll_ended(server.key, &mut place, &idle()).is_pending());
        assert!(sender.poll_send(&mut idle(), &large).is_pending());
        assert!(pair.client.is_called(), "the other stream was given up");
    }
}

#[test]
fn a_panic_inside_a_message_ends_the_connection() {
    for pair in Pair::both() {
        let (mut client, _server) = pair.open();
        let hub = Arc::clone(&pair.client);
        let panicked = std::thread::spawn(move || {
            let _state = hub.lock();
            panic!("an encoder");
        });
        assert!(panicked.join().is_err());
        let text = pair.text(["connection error", "[ttstream error, code=12006] "]);
        assert!(client.next().starts_with(text), "{}", client.next());
        pair.run();
        assert!(pair.client.lock().connection.read_demand() == kitewire_proto::Demand::Stop);
    }
}

#[test]
fn everybody_who_waits_for_the_end_of_a_call_is_woken() {
    for pair in Pair::both() {
        let (client, server) = pair.open();
        let waiting: [Arc<Count>; 3] = Default::default();
        for count in &waiting {
            let mut place = Place::default();
            for _ in 0..2 {
                let waker = count.waker();
                let polled = pair
                    .server
                    .poll_ended(server.key, &mut place, &Context::from_waker(&waker));
                assert!(polled.is_pending());
            }
        }
        let gone: Arc<Count> = Arc::default();
        for _ in 0..2 {
            let (mut place, waker) = (Place::default(), gone.waker());
            let polled = pair
                .server
                .poll_ended(server.key, &mut place, &Context::from_waker(&waker));
            assert!(polled.is_pending());
            pair.server.leave(server.key, &place);
        }
        drop(client);
        pair.run();
        assert_eq!(gone.take(), 0, "nobody waits there any more");
        assert_eq!(waiting.each_ref().map(|count| count.take()), [1, 1, 1]);
        pair.finish(server.key, &Conclusion::Done);
        pair.run();
        assert!(pair.is_idle());
    }
}
