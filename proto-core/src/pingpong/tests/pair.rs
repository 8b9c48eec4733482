//! Both engines, bytes in between.

use super::*;
use crate::wire::Transport;
use crate::{BusinessStatus, MetaInfo};

fn carry(client: &mut Client, server: &mut Server) {
    let bytes = client.sent(0);
    server.feed(0, &bytes);
}

#[test]
fn every_transport_and_switch_goes_through() {
    for transport in [
        Transport::Bare,
        Transport::Framed,
        Transport::TtHeader,
        Transport::TtHeaderFramed,
    ] {
        for (meta, crc32c) in [
            (Switch::On, Switch::On),
            (Switch::Off, Switch::Off),
            (Switch::On, Switch::Off),
        ] {
            for multiplex in [Switch::Off, Switch::On] {
                let config = ClientConfig {
                    transport,
                    meta,
                    crc32c,
                    multiplex,
                    ..ClientConfig::default()
                };
                let mut client = Client::with(config);
                let mut server = Server::with(ServerConfig {
                    meta,
                    crc32c,
                    ..ServerConfig::default()
                });
                let id = client.call(&[0]);
                carry(&mut client, &mut server);
                let [call] = server.opened()[..] else {
                    panic!("{transport} opens")
                };
                server.echo(0, call);
                let bytes = server.sent(0);
                client.feed(0, &bytes);
                assert_eq!(client.events(), [ClientEvent::Answered { id }], "{transport}");
                assert_eq!(client.connection.take_answer(id).unwrap().body(), [0]);
            }
        }
    }
}

#[test]
fn metainfo_caller_and_status_travel_in_the_header() {
    let config = ClientConfig {
        caller: "me".into(),
        destination: "you".into(),
        ..ClientConfig::default()
    };
    let mut client = Client::with(config);
    let mut server = Server::new();
    let body = Bytes::from_static(&[0]);
    let mut meta = MetaInfo::new();
    meta.set_persistent("P", "1");
    meta.set_transient("T", "2");
    let request = Request {
        service: "Main",
        method: "echo",
        codec: Codec::Thrift,
        kind: RequestKind::Call,
        body: &body,
        deadline: None,
        timeout: Some(Duration::from_millis(1500)),
        connect_timeout: None,
        caller_method: "outer",
        meta: &meta,
    };
    let id = client.connection.open(&request).unwrap();
    carry(&mut client, &mut server);
    let [call] = server.opened()[..] else { panic!("opens") };
    let incoming = server.connection.request(call).unwrap();
    let header = incoming.call_header();
    let view = header.view();
    assert_eq!(
        (view.caller_service(), view.caller_method()),
        (Some("me"), Some("outer"))
    );
    assert_eq!(
        (view.service_name(), view.timeout()),
        ("Main", Some(Duration::from_millis(1500)))
    );
    assert_eq!(
        (view.meta_info().persistent("P"), view.meta_info().transient("T")),
        (Some("1"), Some("2"))
    );
    let status = BusinessStatus {
        code: -7,
        message: String::new(),
        extra: vec![],
    };
    let backward = [("back".to_owned(), "val".to_owned())];
    let outcome = ReplyOutcome::Business {
        status: &status,
        result: None,
    };
    server
        .connection
        .respond(
            at(0),
            call,
            &Reply {
                outcome,
                backward: &backward,
            },
        )
        .unwrap();
    let bytes = server.sent(0);
    client.feed(0, &bytes);
    let answer = client.connection.take_answer(id).unwrap();
    assert_eq!(answer.business_status(), Some(status));
    assert_eq!(answer.body(), [0]);
    assert!(
        answer
            .backward()
            .any(|entry| entry == (b"back".as_slice(), b"val".as_slice()))
    );
}

#[test]
fn a_wrong_checksum_closes_without_an_answer() {
    let mut client = Client::with(ClientConfig {
        crc32c: Switch::On,
        ..ClientConfig::default()
    });
    let mut server = Server::with(ServerConfig {
        crc32c: Switch::On,
        ..ServerConfig::default()
    });
    client.call(&[0]);
    let mut bytes = client.sent(0);
    let at_key = bytes.windows(6).position(|window| window == b"crc32c").unwrap();
    bytes[at_key + 8] ^= 1;
    server.feed(0, &bytes);
    assert_eq!(server.sent(0), b"");
    assert!(server.connection.is_drained());
}

#[test]
fn large_payloads_pass_as_segments() {
    let mut client = Client::with(ClientConfig {
        crc32c: Switch::On,
        ..ClientConfig::default()
    });
    let mut server = Server::with(ServerConfig {
        crc32c: Switch::On,
        ..ServerConfig::default()
    });
    static LARGE: [u8; 100_000] = [7; 100_000];
    let id = client.call(&LARGE);
    carry(&mut client, &mut server);
    let [call] = server.opened()[..] else { panic!("opens") };
    let body = server.connection.request(call).unwrap().shared_body();
    server
        .connection
        .respond(at(0), call, &Reply::new(ReplyOutcome::Result(&body)))
        .unwrap();
    let bytes = server.sent(0);
    client.feed(0, &bytes);
    assert_eq!(client.connection.take_answer(id).unwrap().body(), LARGE);
}
