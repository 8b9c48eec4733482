//! What a secured connection holds: little while it is idle, and no more than its bound while its peer does not read.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::alloc::System;
use std::future::poll_fn;
use std::task::{Context, Waker};

use kitewire::Address;
use kitewire::runtime::{BytesMut, Io, IoSlice, Listener, Runtime};
use kitewire_testkit::certificates::Authority;
use kitewire_tests::heap::{INSTRUMENTED_SYSTEM, StatsAlloc, live};
use kitewire_tls::{Identity, Roots, Tls, TlsClient, TlsServer};
use kitewire_tokio::Tokio;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type Secured = <Tls<Tokio> as Runtime>::Io;

struct Ends {
    runtime: Tls<Tokio>,
    listener: <Tls<Tokio> as Runtime>::Listener,
    address: Address,
}

impl Ends {
    async fn new() -> Self {
        let authority = Authority::new("authority");
        let issued = authority.issue(&["127.0.0.1"]);
        let server = TlsServer::builder(Identity::pem(issued.chain, issued.key))
            .build()
            .unwrap();
        let client = TlsClient::builder(Roots::pem(authority.certificate())).build().unwrap();
        let runtime = Tls::new(Tokio).server(server).client(client);
        let listener = runtime.listen(&Address::from("127.0.0.1:0")).await.unwrap();
        let address = listener.local_address().unwrap();
        Self {
            runtime,
            listener,
            address,
        }
    }

    /// A connection over which each side has sent something.
    async fn connect(&mut self) -> (Secured, Secured) {
        let connecting = async {
            let mut client = self.runtime.connect(&self.address).await.unwrap();
            say(&mut client).await;
            hear(&mut client).await;
            client
        };
        let accepting = async {
            let mut server = poll_fn(|cx| self.listener.poll_accept(cx)).await.unwrap();
            hear(&mut server).await;
            say(&mut server).await;
            server
        };
        tokio::join!(connecting, accepting)
    }
}

async fn say(io: &mut Secured) {
    let slices = [IoSlice::new(b"a word")];
    assert_eq!(poll_fn(|cx| io.poll_write(cx, &slices)).await.unwrap(), 6);
}

async fn hear(io: &mut Secured) {
    let mut bytes = BytesMut::with_capacity(100);
    assert_eq!(poll_fn(|cx| io.poll_read(cx, &mut bytes)).await.unwrap(), 6);
}

#[tokio::test(flavor = "current_thread")]
async fn a_connection_holds_little_and_never_more_than_its_bound() {
    let mut ends = Ends::new().await;
    drop(ends.connect().await);
    let before = live();
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(ends.connect().await);
    }
    let each = (live() - before) / CONNECTIONS;
    println!("{each} bytes for both ends of an idle connection");
    assert!(each < 2 * MAX_IDLE, "{each} bytes");

    // Megabytes for somebody who does not read.
    let (client, _server) = connections.last_mut().unwrap();
    let much = vec![7; 1024 * 1024];
    let before = live();
    let mut most = 0;
    for _ in 0..100 {
        let mut cx = Context::from_waker(Waker::noop());
        let _ = client.poll_write(&mut cx, &[IoSlice::new(&much)]);
        most = most.max(live() - before);
        tokio::task::yield_now().await;
    }
    println!("{most} bytes for output that waits");
    assert!(most < MAX_OUTPUT, "{most} bytes");
}

const CONNECTIONS: usize = 50;
/// Of one end: rustls's state, the block that it reads into, the certificates that it was shown.
const MAX_IDLE: usize = 16 * 1024;
/// 64 KiB with what encryption adds.
const MAX_OUTPUT: usize = 72 * 1024;
