//! Cancels that race the first answer: no header follows a reset that was read (D8). A header that reaches a Kitex client
//! after its reset can end the whole connection (C21), so the client here counts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use kitewire::Error;
use kitewire_tests::site::{Scene, reply, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, Peer, RST, Reading, TRAILER};
use tokio::sync::Notify;

use crate::CANCELLED;

const CANCELS: i32 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c21_no_header_follows_a_reset_that_was_read() {
    let turns = Arc::new(AtomicU32::new(0));
    let site = Scene::new()
        .talk(move |call, mut asks, mut out| {
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                let _ = asks.recv().await;
                // The first answer comes somewhere around the reset.
                for _ in 0..turn % 7 {
                    tokio::task::yield_now().await;
                }
                if turn.is_multiple_of(3) {
                    tokio::time::sleep(Duration::from_micros(u64::from(turn % 50) * 10)).await;
                }
                match turn % 4 {
                    0 => out.send(reply("first")).await,
                    1 => call.send_header(),
                    2 => Err(Error::new("no")),
                    _ => {
                        call.cancelled().await;
                        Ok(())
                    }
                }
            })
        })
        .serve()
        .await;
    let (reading, mut writing) = Peer::connect(&site.address).await.split();
    let client = Arc::new(Client::default());
    let reader = tokio::spawn(read(reading, Arc::clone(&client)));
    // A stream that is open all the time, and must survive.
    writing.send(&Frame::open(1, "watch").encode()).await.unwrap();
    for number in 0..CANCELS {
        let (id, marker) = (number * 2 + 10, number * 2 + 11);
        let open = [Frame::open(id, "talk"), Frame::data(id, "x")];
        writing.send(&bytes(&open)).await.unwrap();
        for _ in 0..number % 5 {
            tokio::task::yield_now().await;
        }
        if number % 2 == 0 {
            tokio::time::sleep(Duration::from_micros(u64::from(number.unsigned_abs() % 30) * 10)).await;
        }
        client.reset.store(id, Ordering::SeqCst);
        // What comes behind the reset on the same connection shows that the reset was read.
        let reset = [
            Frame::exception(id, RST, (12007, CANCELLED)).string("ttscp", "A"),
            Frame::trailer(id),
            Frame::open(marker, "watch"),
            Frame::data(marker, "x"),
            Frame::trailer(marker),
        ];
        writing.send(&bytes(&reset)).await.unwrap();
        within(client.answered.notified()).await;
    }
    let end = [Frame::data(1, "alive"), Frame::trailer(1)];
    writing.send(&bytes(&end)).await.unwrap();
    within(reader).await.unwrap();
    let late = client.late.load(Ordering::Relaxed);
    println!("{late} of {CANCELS} headers came behind their reset; each had left before the reset was read");
    site.quiet().await;
}

/// What the two directions of the client know of each other.
#[derive(Default)]
struct Client {
    /// The stream that was reset last.
    reset: AtomicI32,
    /// Headers that came behind their reset: what can cost a Kitex client its connection.
    late: AtomicU32,
    /// What came behind a reset was answered.
    answered: Notify,
}

/// Reads until stream 1 has ended. No header may come behind the answer to what followed its stream's reset.
async fn read(mut reading: Reading, client: Arc<Client>) {
    let (mut answered, mut alive) = (0, false);
    loop {
        let frame = reading.next().await.expect("the connection lives");
        match (frame.id, frame.kind.as_str()) {
            (1, DATA) => alive = frame.text() == "alive",
            (1, TRAILER) => break assert!(alive),
            (id, TRAILER) if id % 2 == 1 => {
                answered = id;
                client.answered.notify_one();
            }
            (id, HEADER) if id % 2 == 0 => {
                assert!(
                    id > answered,
                    "a header behind the answer to what came behind the reset"
                );
                if client.reset.load(Ordering::SeqCst) == id {
                    client.late.fetch_add(1, Ordering::Relaxed);
                }
            }
            _ => {}
        }
    }
}

fn bytes(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::encode).collect()
}
