//! A socket that takes no more: whoever writes is told what the other side has said before it went.

use std::io;

use kitewire_runtime::{Address, Runtime};
use kitewire_tls::rustls::AlertDescription;
use kitewire_tls::{Tls, TlsError, TlsErrorKind};

use crate::ends::{Secured, World, accept, kind, meet, receive, send};
use crate::wire::{Wire, both, run};

const WANTED: TlsErrorKind = TlsErrorKind::Alert(AlertDescription::CertificateRequired);

/// When the alert comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alert {
    BeforeTheWrite,
    AfterIt,
}

/// A client without a certificate, connected to a server that wants one and goes at once when there is none. Over TLS
/// 1.3 it is the client's first write that hears of it.
async fn refused(wire: &Wire, alert: Alert) -> (Secured, io::Result<()>) {
    let world = World::new();
    let strict = world.server().require_client_certificates(world.roots());
    let runtime = Tls::new(wire.clone())
        .server(strict.build().unwrap())
        .client(world.client());
    let address = Address::from("server.test:1");
    let mut listener = runtime.listen(&address).await.unwrap();
    let asking = async {
        let mut client = runtime.connect(&address).await.unwrap();
        wire.pipes().0.cut();
        let sent = match alert {
            Alert::AfterIt => Some(send(&mut client, b"?").await),
            Alert::BeforeTheWrite => None,
        };
        (client, sent)
    };
    let answering = async { receive(&mut accept(&mut listener).await).await };
    let ((mut client, sent), read) = both(asking, answering).await;
    assert_eq!(kind(read), TlsErrorKind::NoCertificate);
    let sent = match sent {
        Some(sent) => sent,
        None => send(&mut client, b"?").await,
    };
    (client, sent)
}

#[test]
fn a_failed_write_tells_the_alert_that_is_there() {
    run(async {
        let (mut client, sent) = refused(&Wire::new(), Alert::BeforeTheWrite).await;
        assert_eq!(kind(sent), WANTED);
        assert_eq!(kind(receive(&mut client).await), WANTED, "and so does a read");
    });
}

#[test]
fn a_failed_write_waits_for_the_alert_that_comes() {
    run(async {
        let (mut client, sent) = refused(&Wire::new(), Alert::AfterIt).await;
        assert_eq!(kind(sent), WANTED);
        assert_eq!(kind(send(&mut client, b"?").await), WANTED, "and so it stays");
    });
}

/// The standard has both sides stop at once: nothing is sent behind an alert.
#[test]
fn nothing_is_written_after_an_alert() {
    let world = World::new();
    let wire = Wire::new();
    run(async {
        let met = meet(&wire, world.server().build().unwrap(), world.client()).await;
        let (mut client, mut server) = (met.client.unwrap(), met.server);
        wire.pipes().0.flow(|flow| flow.damage = Some((flow.written + 9, 1)));
        send(&mut client, b"bad").await.unwrap();
        let TlsErrorKind::Protocol(why) = kind(receive(&mut server).await) else {
            panic!("not noticed");
        };
        let alert = kind(receive(&mut client).await);
        assert!(matches!(alert, TlsErrorKind::Alert(_)));
        let before = [
            wire.pipes().0.flow(|flow| flow.written),
            wire.pipes().1.flow(|flow| flow.written),
        ];
        assert_eq!(kind(send(&mut server, b"!").await), TlsErrorKind::Protocol(why));
        assert_eq!(kind(send(&mut client, b"?").await), alert);
        let after = [
            wire.pipes().0.flow(|flow| flow.written),
            wire.pipes().1.flow(|flow| flow.written),
        ];
        assert_eq!(before, after);
    });
}

#[test]
fn without_an_alert_it_is_what_the_socket_says() {
    let world = World::new();
    let wire = Wire::new();
    run(async {
        let met = meet(&wire, world.server().build().unwrap(), world.client()).await;
        let (mut client, mut server) = (met.client.unwrap(), met.server);
        send(&mut server, b"last words").await.unwrap();
        let (there, back) = wire.pipes();
        there.cut();
        back.cut();
        let error = send(&mut client, b"?").await.unwrap_err();
        assert_eq!((error.kind(), TlsError::of(&error)), (io::ErrorKind::BrokenPipe, None));
        assert_eq!(receive(&mut client).await.unwrap(), "last words", "they stay readable");
    });
}
