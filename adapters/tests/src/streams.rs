//! Connected sockets and how they come to be.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use kitewire::runtime::{BytesMut, Io, IoSlice, Listener, Timer};
use kitewire::{Address, Runtime};

use crate::addresses::socket_path;
use crate::stream::{accept, close, pair, pattern, read, read_up_to, spawn, write_all};

/// More than any socket buffers, in pieces of all lengths, while the other side sends it back.
pub async fn bytes_come_in_order_over_tcp<R: Runtime>(runtime: R) {
    let (near, far) = pair(&runtime, &"127.0.0.1:0".into()).await;
    there_and_back(&runtime, near, far).await;
}

/// The same.
pub async fn bytes_come_in_order_over_unix_sockets<R: Runtime>(runtime: R) {
    let path = socket_path("order");
    let (near, far) = pair(&runtime, &Address::unix(&path)).await;
    std::fs::remove_file(path).unwrap();
    there_and_back(&runtime, near, far).await;
}

/// Idle connections are in nobody's task; whoever takes one up again must see at once what became of it.
pub async fn what_came_while_nobody_waited_is_seen_at_once<R: Runtime>(runtime: R) {
    for last in [&b"more"[..], b""] {
        let (mut near, mut far) = pair(&runtime, &"127.0.0.1:0".into()).await;
        write_all(&mut far, b"answer").await.unwrap();
        let mut bytes = BytesMut::with_capacity(64);
        assert_eq!(read(&mut near, &mut bytes).await.unwrap(), 6);
        write_all(&mut far, last).await.unwrap();
        drop(far);
        let mut timer = runtime.timer();
        timer.arm(runtime.now() + Duration::from_millis(20));
        poll_fn(|cx| timer.poll_expired(cx)).await;
        let polled = poll_fn(|cx| Poll::Ready(near.poll_read(cx, &mut bytes))).await;
        assert!(
            matches!(polled, Poll::Ready(Ok(read)) if read == last.len()),
            "{polled:?}"
        );
    }
}

/// Reading, writing and a timer wait at the same time, in one task.
async fn there_and_back<R: Runtime>(runtime: &R, mut near: R::Io, mut far: R::Io) {
    let echo = spawn(runtime, async move {
        let mut bytes = BytesMut::new();
        loop {
            bytes.reserve(10_000);
            if read(&mut far, &mut bytes).await.unwrap() == 0 {
                return close(&mut far).await.unwrap();
            }
            write_all(&mut far, &bytes.split()).await.unwrap();
        }
    });
    let sent = pattern(6 * 1024 * 1024 + 17);
    let mut timer = runtime.timer();
    timer.arm(runtime.now() + Duration::from_secs(3600));
    let (mut written, mut closed, mut received) = (0, false, BytesMut::new());
    poll_fn(|cx| {
        assert!(timer.poll_expired(cx).is_pending());
        while written < sent.len() {
            let slices: Vec<IoSlice<'_>> = sent[written..]
                .chunks(1000 + written % 5000)
                .take(13)
                .map(IoSlice::new)
                .collect();
            match near.poll_write(cx, &slices) {
                Poll::Ready(taken) => written += taken.unwrap(),
                Poll::Pending => break,
            }
        }
        if written == sent.len() && !closed {
            closed = near.poll_close(cx).map(Result::unwrap).is_ready();
        }
        loop {
            received.reserve(5000);
            match near.poll_read(cx, &mut received) {
                Poll::Ready(Ok(0)) => return Poll::Ready(()),
                Poll::Ready(read) => assert!(read.unwrap() > 0),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    echo.await;
    assert_eq!(received.len(), sent.len());
    assert!(received == sent, "what came back is not what was sent");
}

/// A read adds to what is in the buffer, and never makes it grow.
pub async fn reads_fill_the_spare_room_and_no_more<R: Runtime>(runtime: R) {
    for (room, bytes) in [(64, 1000), (1024 * 1024, 300_000)] {
        let (mut near, mut far) = pair(&runtime, &"127.0.0.1:0".into()).await;
        let sent = pattern(bytes);
        let expected = sent.clone();
        let sending = spawn(&runtime, async move {
            write_all(&mut far, &sent).await.unwrap();
            close(&mut far).await.unwrap();
        });
        let mut received = Vec::new();
        loop {
            let mut buffer = BytesMut::with_capacity(room);
            buffer.extend_from_slice(b"before");
            let capacity = buffer.capacity();
            let read = read(&mut near, &mut buffer).await.unwrap();
            assert_eq!((buffer.len(), buffer.capacity()), (6 + read, capacity));
            assert_eq!(&buffer[..6], b"before");
            received.extend_from_slice(&buffer[6..]);
            if read == 0 {
                break;
            }
        }
        sending.await;
        assert!(received == expected, "what came is not what was sent");
        let mut buffer = BytesMut::with_capacity(room);
        assert_eq!(read(&mut near, &mut buffer).await.unwrap(), 0, "the end is told again");
    }
}

/// Each message arrives while the other side already waits for it, after a read that left room.
pub async fn short_messages_go_back_and_forth<R: Runtime>(runtime: R) {
    let (mut near, mut far) = pair(&runtime, &"127.0.0.1:0".into()).await;
    let echo = spawn(&runtime, async move {
        for _ in 0..ROUNDS {
            let bytes = read_up_to(&mut far, 4).await.unwrap();
            write_all(&mut far, &bytes).await.unwrap();
        }
    });
    for round in 0..ROUNDS {
        let sent = round.to_be_bytes();
        write_all(&mut near, &sent).await.unwrap();
        assert_eq!(read_up_to(&mut near, 4).await.unwrap()[..], sent);
    }
    echo.await;
}

/// What the other side still has to say can be read after closing.
pub async fn closing_ends_one_direction<R: Runtime>(runtime: R) {
    for address in [Address::from("127.0.0.1:0"), Address::unix(socket_path("close"))] {
        let (mut near, mut far) = pair(&runtime, &address).await;
        write_all(&mut near, b"question").await.unwrap();
        close(&mut near).await.unwrap();
        assert_eq!(read_up_to(&mut far, usize::MAX).await.unwrap()[..], b"question"[..]);
        write_all(&mut far, b"answer").await.unwrap();
        close(&mut far).await.unwrap();
        assert_eq!(read_up_to(&mut near, usize::MAX).await.unwrap()[..], b"answer"[..]);
        let error = write_all(&mut near, b"more").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
        if let Address::Unix(path) = address {
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// Whoever waits to read learns of it.
pub async fn dropping_ends_both_directions<R: Runtime>(runtime: R) {
    let (near, mut far) = pair(&runtime, &"127.0.0.1:0".into()).await;
    let waiting = spawn(&runtime, async move {
        let end = read_up_to(&mut far, 1).await;
        (end, far)
    });
    drop(near);
    let (end, mut far) = waiting.await;
    assert_eq!(end.unwrap().len(), 0);
    let mut failed = false;
    // The first bytes may go out; what comes back for them ends the connection.
    for _ in 0..1000 {
        failed = write_all(&mut far, &[0; 1000]).await.is_err();
        if failed {
            break;
        }
    }
    assert!(failed, "nobody is there to read");
}

/// Clients come in hundreds at once, before the first is accepted. A listener that says that nobody waits is right: a
/// server that stops takes in who does, and resets the others.
pub async fn hundreds_wait_to_be_accepted<R: Runtime>(runtime: R) {
    let mut listener = runtime.listen(&"127.0.0.1:0".into()).await.unwrap();
    let address = listener.local_address().unwrap();
    let mut near = Vec::new();
    for _ in 0..300 {
        near.push(runtime.connect(&address).await.unwrap());
    }
    for io in &mut near {
        write_all(io, b"x").await.unwrap();
    }
    let mut far = vec![accept(&mut listener).await.unwrap()];
    poll_fn(|cx| {
        while let Poll::Ready(accepted) = listener.poll_accept(cx) {
            far.push(accepted.unwrap());
        }
        Poll::Ready(())
    })
    .await;
    assert_eq!(far.len(), 300, "all in one turn");
    for io in &mut far {
        assert_eq!(read_up_to(io, 1).await.unwrap()[..], b"x"[..]);
    }
}

/// Both sides know each other's address.
pub async fn peers_are_known<R: Runtime>(runtime: R) {
    let mut listener = runtime.listen(&"127.0.0.1:0".into()).await.unwrap();
    let address = listener.local_address().unwrap();
    let near = runtime.connect(&address).await.unwrap();
    let far = accept(&mut listener).await.unwrap();
    assert_eq!(near.peer(), Some(address));
    assert!(matches!(far.peer(), Some(Address::Tcp(peer)) if peer.ip().is_loopback()));
    let path = socket_path("peer");
    let (near, far) = pair(&runtime, &Address::unix(&path)).await;
    assert_eq!((near.peer(), far.peer()), (Some(Address::unix(&path)), None));
    std::fs::remove_file(path).unwrap();
}

const ROUNDS: u32 = 500;
