//! Streams that are dropped, given up, or end by themselves.

use std::sync::Mutex;

use kitewire_proto::{DecodeError, Shutdown};

use super::*;

#[test]
fn a_client_that_drops_a_half_too_early_gives_the_stream_up() {
    let cancelled = "rpc error: code = 1 desc = transport: RSTStream Frame received with error code: CANCEL [triggered \
                     by ]";
    let given_up = "rpc error: code = 1 desc = context canceled";
    for half in 0..3 {
        let pair = Pair::new();
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
        pair.finish(server.id, Status::default());
        drop(client);
        pair.run();
        assert!(pair.is_idle(), "{half}");
    }
}

#[test]
fn a_client_that_is_done_with_a_half_can_drop_it() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    assert!(client.send(b"all").is_ready());
    client.send.as_mut().unwrap().close();
    client.send = None;
    pair.run();
    assert_eq!([server.next(), server.next()], ["all", "end"]);
    assert!(server.send(b"fine").is_ready());
    pair.finish(server.id, Status::default());
    pair.run();
    assert_eq!([client.next(), client.next()], ["fine", "end"]);
    drop(client);

    let (mut client, mut server) = pair.open();
    assert!(server.send(b"early").is_ready());
    pair.finish(server.id, Status::new(Code(5), "enough"));
    pair.run();
    // The call is over, so that the unfinished half takes nothing away.
    assert_eq!(client.try_send(), "rpc error: code = 5 desc = enough");
    client.send = None;
    let over = "rpc error: code = 5 desc = enough";
    assert_eq!([client.next(), client.next(), client.next()], ["early", over, over]);
    drop(client);
    pair.run();
    assert!(pair.is_idle());
}

#[test]
fn a_server_that_drops_its_halves_goes_on() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    assert!(client.send(b"unread").is_ready());
    pair.run();
    server.recv = None;
    assert!(server.send(b"one").is_ready());
    server.send.as_mut().unwrap().close();
    assert_eq!(server.try_send(), "rpc error: code = 13 desc = the stream is done");
    server.send = None;
    pair.run();
    assert_eq!([client.next(), client.next()], ["one", "pending"]);
    assert_eq!(
        client.try_send(),
        "sent",
        "the end is the handler's return and nothing else"
    );
    pair.finish(server.id, Status::default());
    pair.run();
    assert_eq!(client.next(), "end");
}

#[test]
fn a_message_that_does_not_decode_is_the_end_of_its_half() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    assert!(client.send(b"\x0b\0").is_ready());
    assert!(client.send(b"\0").is_ready());
    pair.run();
    let text = "unexpected end of input at offset 2";
    let id = server.id;
    let stream = |hub: &Arc<Hub>| Stream::new(Arc::clone(hub), id, None);
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
    assert!(
        server.try_send().contains("error code: CANCEL"),
        "a client gives the call up"
    );
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
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    let count = Arc::new(Count::default());
    let waker = count.waker();
    let mut cx = Context::from_waker(&waker);
    assert!(server.recv.as_mut().unwrap().poll_recv(&mut cx).is_pending());
    pair.finish(server.id, Status::default());
    assert_eq!(count.take(), 1);
    let text = "rpc error: code = 1 desc = transport: canceled by business handler returning";
    assert_eq!([server.next(), server.try_send()], [text, text]);
    pair.run();
    assert_eq!(client.next(), "end");
    assert!(client.recv.as_mut().unwrap().trailer().get("content-type").is_some());
    drop(server);
    drop(client);
    pair.run();
    assert!(pair.is_idle());
}

#[test]
fn the_end_of_the_driver_is_the_end_of_everything() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    let count = Arc::new(Count::default());
    let waker = count.waker();
    let mut cx = Context::from_waker(&waker);
    assert!(client.recv.as_mut().unwrap().poll_recv(&mut cx).is_pending());
    assert!(server.recv.as_mut().unwrap().poll_recv(&mut cx).is_pending());
    pair.client.close(NOW);
    pair.server.close(NOW);
    assert_eq!(count.take(), 2);
    assert!(client.next().contains("connection error"), "{}", client.next());
    assert!(server.next().contains("code = 1 "), "{}", server.next());
    assert!(pair.server.cancel_reason(server.id).is_some());
    pair.finish(server.id, Status::default());
    drop(client);
    assert!(pair.is_idle());
    assert!(
        pair.drivers.iter().all(|driver| driver.take() == 0),
        "nobody is there to be woken"
    );
}

#[test]
fn a_graceful_stop_that_runs_out_says_so() {
    let pair = Pair::new();
    let (mut client, mut server) = pair.open();
    let until = NOW + std::time::Duration::from_secs(1);
    let mut state = pair.server.lock();
    state.connection.shutdown(NOW, Shutdown::Graceful { until });
    drop(state);
    pair.run();
    assert_eq!(server.next(), "pending");
    pair.server.lock().connection.handle_timeout(until);
    pair.run();
    let text = "rpc error: code = 14 desc = graceful shutdown";
    assert_eq!([server.next(), server.try_send(), client.next()], [text; 3]);
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
    let pair = Pair::new();
    let (client, mut server) = pair.open();
    let stream = Stream::new(Arc::clone(&pair.client), client.id, None);
    let mut receiver = Receiver::of::<RawBody>(stream, Some(Box::new(Two(0))));
    for _ in 0..3 {
        assert!(receiver.poll_recv(&mut idle()).is_pending());
        assert!(receiver.poll_recv(&mut idle()).is_pending());
        assert!(server.send(b"m").is_ready());
        pair.run();
        assert!(matches!(receiver.poll_recv(&mut idle()), Poll::Ready(Ok(Some(_)))));
    }
}

#[test]
fn a_waker_that_holds_a_half_may_be_the_last_to_go() {
    /// As an executor's task that nobody but its wakers keeps alive.
    struct Task(#[expect(dead_code, reason = "kept to be dropped")] Mutex<End>);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }
    let pair = Pair::new();
    let (client, server) = pair.open();
    let (other, _server) = pair.open();
    let task: Waker = Arc::new(Task(Mutex::new(other))).into();
    let mut receiver = server.recv.unwrap();
    let mut cx = Context::from_waker(&task);
    assert!(receiver.poll_recv(&mut cx).is_pending());
    assert!(pair.server.poll_ended(server.id, &cx).is_pending());
    let mut client = client;
    let large = Bytes::from(vec![0; 1 << 20]);
    let sender = client.send.as_mut().unwrap();
    assert!(sender.poll_send(&mut cx, &large).is_ready());
    assert!(sender.poll_send(&mut cx, &large).is_pending());
    drop(task);
    assert!(receiver.poll_recv(&mut idle()).is_pending());
    assert!(pair.server.poll_ended(server.id, &idle()).is_pending());
    assert!(sender.poll_send(&mut idle(), &large).is_pending());
    assert!(pair.client.is_called(), "the other stream was given up");
}

#[test]
fn a_panic_inside_a_message_ends_the_connection() {
    let pair = Pair::new();
    let (mut client, _server) = pair.open();
    let hub = Arc::clone(&pair.client);
    let panicked = std::thread::spawn(move || {
        let _state = hub.lock();
        panic!("an encoder");
    });
    assert!(panicked.join().is_err());
    assert!(client.next().starts_with("connection error"), "{}", client.next());
    assert!(pair.client.lock().connection.close_reason().is_some());
}

#[test]
fn everybody_who_waits_for_the_end_of_a_call_is_woken() {
    let pair = Pair::new();
    let (client, server) = pair.open();
    let waiting: [Arc<Count>; 3] = Default::default();
    for count in &waiting {
        for _ in 0..2 {
            let waker = count.waker();
            let polled = pair.server.poll_ended(server.id, &Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
    }
    drop(client);
    pair.run();
    assert_eq!(waiting.each_ref().map(|count| count.take()), [1, 1, 1]);
    pair.finish(server.id, Status::default());
    pair.run();
    assert!(pair.is_idle());
}
