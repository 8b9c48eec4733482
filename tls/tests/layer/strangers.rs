//! Those who do not speak TLS, or do not go on.

use std::time::Duration;

use kitewire_runtime::{Address, Listener, Runtime};
use kitewire_tls::{Tls, TlsErrorKind, TlsServer};

use crate::ends::{World, accept, receive, send, tls_error};
use crate::wire::{Wire, both, run, try_run};

/// What clients begin with, and what that is called.
const CLIENTS: [(&[u8], &str); 8] = [
    (b"GET / HTTP/1.1\r\n\r\n", ", as plain HTTP/1 does"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ", as plain HTTP/2 does"),
    (b"\0\0\0\x40\x10\0\0\0\0\0\0\x01", ", as plain TTHeader does"),
    (
        b"\0\0\0\x40\x10\0\0\x02\0\0\0\x01",
        ", as plain TTHeader streaming does",
    ),
    (b"\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x01", ", as plain Thrift does"),
    (b"\0\0\0\x40\x80\x01\0\x01\0\0\0\x04", ", as plain framed Thrift does"),
    (b"\0\0\0\x40\x90\x01\0\x01\0\0\0\x04", ", as plain framed Protobuf does"),
    (b"SSH-2.0-OpenSSH\r\n", ""),
];

#[test]
fn plain_text_to_a_secured_port_is_named() {
    let world = World::new();
    // The first byte alone is refused already.
    for ((first, name), cut) in CLIENTS
        .into_iter()
        .flat_map(|client| [(client, client.0.len()), (client, 1)])
    {
        let wire = Wire::new();
        run(async {
            let runtime = Tls::new(wire.clone()).server(world.server().build().unwrap());
            let mut listener = runtime.listen(&"x:1".into()).await.unwrap();
            let mut client = wire.dial();
            let asking = async {
                send(&mut client, &first[..cut]).await.unwrap();
                let alert = receive(&mut client).await.unwrap();
                assert_eq!(alert[..2], [21, 3], "an alert, for those who can read it");
                // What is still sent is taken, and nothing is answered.
                send(&mut client, &first[cut..]).await.unwrap();
                send(&mut client, &[1; 5000]).await.unwrap();
                assert!(receive(&mut client).await.unwrap().is_empty());
                drop(client);
            };
            let answering = async { receive(&mut accept(&mut listener).await).await };
            let ((), read) = both(asking, answering).await;
            let error = tls_error(read);
            assert_eq!(error.kind(), &TlsErrorKind::NotTls(first[..8].to_vec()));
            let (peer, text) = ("10.0.0.7:7", "the other side does not speak TLS: it begins with");
            let bytes = first[..8].escape_ascii();
            assert_eq!(
                error.to_string(),
                format!("TLS handshake with {peer}: {text} \"{bytes}\"{name}")
            );
        });
    }
}

#[test]
fn tls_to_a_plain_port_is_named() {
    let world = World::new();
    for (answer, name) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "plain HTTP/1 does"),
        (b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", "plain HTTP/2 does"),
        (b"", "it may not speak TLS"),
    ] {
        let wire = Wire::new();
        run(async {
            let mut listener = wire.listen(&"x:1".into()).await.unwrap();
            let runtime = Tls::new(wire.clone()).client(world.client());
            let address = Address::from("server.test:1");
            let answering = async {
                let mut server = accept(&mut listener).await;
                let hello = receive(&mut server).await.unwrap();
                assert_eq!(hello[..2], [22, 3]);
                send(&mut server, answer).await.unwrap();
            };
            let (connected, ()) = both(runtime.connect(&address), answering).await;
            let expected = match answer {
                [] => TlsErrorKind::Closed,
                answer => TlsErrorKind::NotTls(answer[..8].to_vec()),
            };
            let error = tls_error(connected);
            assert_eq!(error.kind(), &expected);
            assert!(error.to_string().ends_with(name), "{error}");
        });
    }
}

#[test]
fn a_handshake_has_to_end_in_time() {
    let world = World::new();
    let second = Duration::from_secs(1);
    let built = world.server().handshake_timeout(3 * second).build().unwrap();
    let given = TlsServer::from_config(built.config()).with_handshake_timeout(3 * second);
    for (server, first) in [
        (&built, &b""[..]),
        (&built, b"\x16"),
        (&built, b"\x16\x03\x01\x01"),
        (&given, b""),
    ] {
        let wire = Wire::new();
        let runtime = Tls::new(wire.clone()).server(server.clone());
        let mut client = wire.dial();
        let mut reading = std::pin::pin!(async {
            let mut listener = runtime.listen(&"x:1".into()).await.unwrap();
            receive(&mut accept(&mut listener).await).await
        });
        assert!(try_run(reading.as_mut()).is_none());
        run(send(&mut client, first)).unwrap();
        wire.advance(2 * second);
        assert!(try_run(reading.as_mut()).is_none(), "a byte now and then does not help");
        wire.advance(second);
        let error = tls_error(try_run(reading.as_mut()).unwrap());
        assert_eq!(error.kind(), &TlsErrorKind::TimedOut);
        assert!(error.is_handshake());
    }
}

/// As a load balancer does that only looks whether somebody listens.
#[test]
fn a_client_that_goes_without_a_word_is_no_failure() {
    let world = World::new();
    let wire = Wire::new();
    run(async {
        let runtime = Tls::new(wire.clone()).server(world.server().build().unwrap());
        let mut listener = runtime.listen(&"x:1".into()).await.unwrap();
        drop(wire.dial());
        let mut server = accept(&mut listener).await;
        assert!(receive(&mut server).await.unwrap().is_empty());
        assert!(send(&mut server, b"hello?").await.is_err());
    });
}

/// One client that does nothing keeps nobody from being accepted.
#[test]
fn accepting_does_not_wait() {
    let world = World::new();
    let wire = Wire::new();
    run(async {
        let runtime = Tls::new(wire.clone())
            .server(world.server().build().unwrap())
            .client(world.client());
        let mut listener = runtime.listen(&"x:1".into()).await.unwrap();
        let address = listener.local_address().unwrap();
        let silent: Vec<_> = (0..10).map(|_| wire.dial()).collect();
        let mut accepted = Vec::new();
        let answering = async {
            for _ in &silent {
                accepted.push(accept(&mut listener).await);
            }
            receive(&mut accept(&mut listener).await).await.unwrap()
        };
        let asking = async {
            let mut client = runtime.connect(&address).await.unwrap();
            send(&mut client, b"me").await.unwrap();
            client
        };
        let (_client, got) = both(asking, answering).await;
        assert_eq!(got, "me");
    });
}
