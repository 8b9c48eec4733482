//! Messages and metadata on their way through two hubs.

use super::*;

#[test]
fn messages_go_both_ways_and_end() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        assert!(client.send(b"one").is_ready());
        assert!(client.send(b"two").is_ready());
        client.close();
        pair.run();
        assert_eq!([server.next(), server.next(), server.next()], ["one", "two", "end"]);
        assert_eq!(server.next(), "end", "again");
        assert!(server.send(&[b'z'; 20_000]).is_ready());
        pair.run();
        assert_eq!(client.next().len(), 20_000);
        assert_eq!(client.next(), "pending");
        pair.finish(server.key, &Conclusion::Done);
        pair.run();
        assert_eq!([client.next(), client.next()], ["end", "end"]);
        assert_eq!(client.try_send(), pair.text(DONE));
        drop((client, server));
        pair.run();
        assert!(pair.is_idle());
    }
}

#[test]
fn a_burst_wakes_the_driver_once() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        for _ in 0..3 {
            assert!(client.send(b"m").is_ready());
        }
        assert_eq!(pair.drivers[0].take(), 1);
        assert!(pair.client.is_called());
        pair.run();
        assert!(!pair.client.is_called());
        assert_eq!([server.next(), server.next(), server.next()], ["m"; 3]);
        assert_eq!(
            pair.drivers[1].take(),
            0,
            "little was read, and the peer need not be told"
        );
        pair.server.begin_turn();
        assert!(server.send(b"a").is_ready());
        assert_eq!(pair.drivers[1].take(), 0, "it is awake");
        pair.server.rest();
        assert_eq!(pair.drivers[1].take(), 1, "but had asked before");
    }
}

#[test]
fn whoever_waits_is_woken() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        let count = Arc::new(Count::default());
        let waker = count.waker();
        let mut cx = Context::from_waker(&waker);
        assert!(server.recv.as_mut().unwrap().poll_recv(&mut cx).is_pending());
        assert!(client.send(b"m").is_ready());
        pair.run();
        assert_eq!(count.take(), 1);
        assert_eq!(server.next(), "m");

        let full = Bytes::from(vec![0; 600_000]);
        let sender = client.send.as_mut().unwrap();
        while sender.poll_send(&mut cx, &full).is_ready() {}
        pair.run();
        while sender.poll_send(&mut cx, &full).is_ready() {
            pair.run();
        }
        count.take();
        pair.run();
        assert_eq!(count.take(), 0, "nobody reads");
        assert_eq!(client.try_send(), "pending");
        assert!(client.send.as_mut().unwrap().poll_send(&mut cx, &full).is_pending());
        for _ in 0..5 {
            let _ = server.recv();
            pair.run();
        }
        assert_eq!(count.take(), 1);
        assert_eq!(client.try_send(), "sent");

        assert!(
            pair.server
                .poll_ended(server.key, &mut Place::default(), &cx)
                .is_pending()
        );
        assert!(client.recv.as_mut().unwrap().poll_recv(&mut cx).is_pending());
        drop(client);
        pair.run();
        assert_eq!(count.take(), 2, "both halves of both sides hear of the end");
        assert_eq!(pair.server.cancel_reason(server.key), Some(CancelReason::CallerGone));
    }
}

#[test]
fn a_message_larger_than_the_window_calls_the_driver_on_its_way() {
    let pair = Pair::over(Transport::Grpc);
    let (mut client, mut server) = pair.open();
    assert!(client.send(&vec![b'l'; 3 << 20]).is_ready());
    loop {
        pair.run();
        pair.drivers[1].take();
        let Poll::Ready(message) = server.recv() else {
            assert_eq!(
                pair.drivers[1].take(),
                1,
                "the client has to be told that it may send more"
            );
            continue;
        };
        assert_eq!(message.unwrap().unwrap().len(), 3 << 20);
        return;
    }
}

#[test]
fn whoever_empties_a_window_calls_the_driver() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        assert!(client.send(&vec![b'l'; 700_000]).is_ready());
        let mut calls = 0;
        for _ in 0..100 {
            pair.run();
            pair.drivers[1].take();
            let taken = server.recv().is_ready();
            calls += pair.drivers[1].take();
            if taken {
                break;
            }
        }
        assert!(calls > 0, "the client has to be told that it may send more");
    }
}

#[test]
fn dropped_futures_lose_nothing() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        let receiver = server.recv.as_mut().unwrap();
        assert!(poll_once(receiver.recv()).is_pending());
        assert!(poll_once(receiver.recv()).is_pending());
        let sender = client.send.as_mut().unwrap();
        let large = Bytes::from(vec![1; 1 << 20]);
        assert!(poll_once(sender.send(&large)).is_ready());
        let refused = Bytes::from_static(b"never sent");
        assert!(poll_once(sender.send(&refused)).is_pending());
        assert!(poll_once(sender.send(&refused)).is_pending());
        let mut got = Vec::new();
        for _ in 0..100 {
            pair.run();
            if let Poll::Ready(Ok(Some(message))) = server.recv() {
                got.push(message.len());
            }
        }
        assert_eq!(got, [1 << 20]);
        assert_eq!(client.try_send(), "sent");
        pair.run();
        assert_eq!(server.next(), "x");
        let header = client.recv.as_mut().unwrap();
        assert!(poll_once(header.header()).is_pending());
        assert_eq!(client.next(), "pending");
    }
}

#[test]
fn metadata_goes_with_the_first_message_and_the_end() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        let key = server.key;
        let set = |section, name: &str| pair.server.edit(key, section, |metadata| metadata.insert(name, "1"));
        set(Section::Header, "Head").unwrap();
        set(Section::Trailer, "Tail").unwrap();
        assert!(set(Section::Header, "te").is_err());
        pair.run();
        assert!(poll_once(client.recv.as_mut().unwrap().header()).is_pending());
        assert!(server.send(b"m").is_ready());
        let late = set(Section::Header, "late").unwrap_err();
        let (kind, text) = match pair.transport {
            Transport::Grpc => (
                ErrorKind::Status,
                "the stream is done or WriteHeader was already called",
            ),
            _ => (ErrorKind::InvalidRequest, "stream header already sent"),
        };
        assert_eq!((late.kind(), late.code()), (kind, Code::INTERNAL));
        assert!(late.to_string().contains(text), "{late}");
        assert!(pair.server.send_header(key).is_err());
        set(Section::Trailer, "tail-bin").unwrap();
        pair.finish(key, &Conclusion::Done);
        pair.run();
        let receiver = client.recv.as_mut().unwrap();
        let Poll::Ready(Ok(header)) = poll_once(receiver.header()) else {
            panic!("it is there")
        };
        assert_eq!(header.get("head"), Some("1"));
        let names = |metadata: &Metadata| metadata.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        assert!(names(header).contains(&pair.text(["head", "Head"]).to_owned()));
        assert!(
            receiver.trailer().get("tail").is_some(),
            "the end is known, messages wait"
        );
        assert_eq!(client.next(), "m");
        assert_eq!(client.next(), "end");
        let trailer = client.recv.as_ref().unwrap().trailer();
        assert_eq!(
            (trailer.get("tail"), trailer.get_binary("tail-bin")),
            (Some("1"), Some(&b"1"[..]))
        );
        assert!(names(trailer).contains(&pair.text(["tail", "Tail"]).to_owned()));
    }
}

#[test]
fn entries_that_no_frame_can_hold_are_refused_when_they_are_set() {
    for (section, name, length, good) in [
        (Section::Header, "biz-status", 1, true),
        (Section::Trailer, "biz-status", 1, false),
        (Section::Trailer, "biz-extra", 1, false),
        (Section::Trailer, "Biz-Extra", 1, true),
        (Section::Header, "k", 65_535, true),
        (Section::Header, "k", 65_536, false),
    ] {
        let checked = section.check_entry(name, &vec![b'v'; length]);
        assert_eq!(checked.is_ok(), good, "{section:?} {name} {length}");
        if let Err(error) = checked {
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        }
    }
}

#[test]
fn a_header_goes_alone_if_asked() {
    for pair in Pair::both() {
        let (mut client, server) = pair.open();
        pair.server.send_header(server.key).unwrap();
        assert_eq!(pair.drivers[1].take(), 1);
        pair.run();
        assert!(poll_once(client.recv.as_mut().unwrap().header()).is_ready());
        assert_eq!(client.next(), "pending");
    }
}

#[test]
fn a_half_that_always_finds_messages_lets_others_have_their_turn() {
    for pair in Pair::both() {
        let (mut client, mut server) = pair.open();
        for _ in 0..1000 {
            assert!(client.send(b"m").is_ready());
        }
        pair.run();
        let count = Arc::new(Count::default());
        let waker = count.waker();
        let mut cx = Context::from_waker(&waker);
        let (mut got, mut pauses) = (0, 0);
        while got < 1000 {
            match server.recv.as_mut().unwrap().poll_recv(&mut cx) {
                Poll::Ready(message) => got += message.unwrap().unwrap().len(),
                Poll::Pending => {
                    assert_eq!(count.take(), 1, "it goes on by itself");
                    pauses += 1;
                }
            }
        }
        assert!((1..500).contains(&pauses), "{pauses}");
    }
}

#[test]
fn halves_and_their_futures_may_move_between_threads() {
    fn movable<T: Send>(value: T) -> T {
        value
    }
    for pair in Pair::both() {
        let (client, _server) = movable(pair.open());
        let (mut receiver, mut sender) = (client.recv.unwrap(), client.send.unwrap());
        let message = Bytes::from_static(b"m");
        assert!(poll_once(movable(receiver.recv())).is_pending());
        assert!(poll_once(movable(receiver.header())).is_pending());
        assert!(poll_once(movable(sender.send(&message))).is_ready());
        assert!(poll_once(movable(sender.send(message))).is_ready());
    }
}
