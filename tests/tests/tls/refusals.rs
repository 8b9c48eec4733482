//! What each side is told when the other is not what it should be.

use std::error::Error as _;
use std::future::poll_fn;
use std::time::Duration;

use kitewire::runtime::{BytesMut, Io};
use kitewire::{Address, Error, ErrorKind, Runtime, Transport};
use kitewire_testkit::certificates::{Authority, Valid};
use kitewire_tls::rustls::{AlertDescription, CertificateError};
use kitewire_tls::{Roots, Tls, TlsClient, TlsError, TlsErrorKind};

use crate::places::{Place, Scenario, everywhere, to};
use crate::promises::PromisesClient;
use crate::service::{Trust, ask, identity, serve};

/// How a call fails, over connections of each kind.
async fn failures<C: Runtime>(address: &Address, runtime: &C) -> [Error; 3] {
    let fail = async |builder: kitewire::ClientBuilder| {
        let client = PromisesClient::new(builder.build(runtime.clone()).unwrap());
        client.ping(ask("ping", 10)).await.map(|_| ()).unwrap_err()
    };
    [
        fail(to(address, Transport::TtHeader)).await,
        fail(to(address, Transport::TtHeader).multiplexed(1)).await,
        fail(to(address, Transport::Grpc)).await,
    ]
}

/// The same as TLS tells it.
#[track_caller]
fn told(error: &Error, kinds: &[ErrorKind]) -> TlsErrorKind {
    assert!(kinds.contains(&error.kind()), "{error}");
    let told = TlsError::of(error).unwrap_or_else(|| panic!("{error}: {:?}", error.source()));
    assert!(error.to_string().contains(&told.to_string()), "{error}");
    told.kind().clone()
}

struct BadServers;

impl Scenario for BadServers {
    async fn play<S: Runtime, C: Runtime>(place: Place<S, C>) {
        let trust = Trust::new();
        let expired = trust.authority.issue_valid(&["127.0.0.1", "10.0.0.1"], Valid::Past);
        let expired = kitewire_tls::TlsServer::builder(identity(&expired)).build().unwrap();
        let server = serve(&Tls::new(place.server.clone()).server(expired), &place.listen).await;
        let runtime = Tls::new(place.client.clone()).client(trust.client().build().unwrap());
        for error in failures(&server.address, &runtime).await {
            let kind = told(&error, &[ErrorKind::Connect]);
            let is_expired = matches!(kind, TlsErrorKind::Certificate(CertificateError::ExpiredContext { .. }));
            assert!(is_expired, "{kind:?}");
            assert!(error.to_string().contains("TLS handshake with "), "{error}");
        }
        let heard = server.stop().await;
        assert_eq!(heard.len(), 3, "{heard:?}");
        assert!(
            heard.iter().all(|text| text.contains("our certificate has expired")),
            "{heard:?}"
        );

        let server = trust.server().build().unwrap();
        let server = serve(&Tls::new(place.server).server(server), &place.listen).await;
        let stranger = TlsClient::builder(Roots::pem(Authority::new("stranger").certificate()));
        let runtime = Tls::new(place.client.clone()).client(stranger.build().unwrap());
        for error in failures(&server.address, &runtime).await {
            let expected = TlsErrorKind::Certificate(CertificateError::UnknownIssuer);
            assert_eq!(told(&error, &[ErrorKind::Connect]), expected);
        }
        let misnamed = trust.client().server_name("other.test").build().unwrap();
        let runtime = Tls::new(place.client).client(misnamed);
        for error in failures(&server.address, &runtime).await {
            let kind = told(&error, &[ErrorKind::Connect]);
            let is_misnamed = matches!(
                kind,
                TlsErrorKind::Certificate(CertificateError::NotValidForNameContext { .. })
            );
            assert!(is_misnamed, "{kind:?}");
        }
        assert_eq!(server.stop().await.len(), 6);
    }
}

#[test]
fn a_bad_server_certificate_is_an_error_of_the_connect() {
    everywhere::<BadServers>();
}

struct BadClients;

impl Scenario for BadClients {
    async fn play<S: Runtime, C: Runtime>(place: Place<S, C>) {
        let trust = Trust::new();
        let strict = trust.server().require_client_certificates(trust.roots());
        let server = serve(&Tls::new(place.server).server(strict.build().unwrap()), &place.listen).await;
        let strange = Authority::new("stranger").issue(&["caller.test"]);
        for (client, alert) in [
            (trust.client(), AlertDescription::CertificateRequired),
            (trust.client().identity(identity(&strange)), AlertDescription::UnknownCA),
        ] {
            let runtime = Tls::new(place.client.clone()).client(client.build().unwrap());
            for error in failures(&server.address, &runtime).await {
                // Over TLS 1.3 the connection is there before the server has seen the client's certificate. So it is
                // refused either before the call goes out or after.
                let kinds = [ErrorKind::Connect, ErrorKind::Transport];
                assert_eq!(told(&error, &kinds), TlsErrorKind::Alert(alert));
            }
        }
        let heard = server.stop().await;
        let missing = heard
            .iter()
            .filter(|text| text.ends_with("shows no certificate, and has to"));
        let unknown = heard
            .iter()
            .filter(|text| text.ends_with("is not accepted: UnknownIssuer"));
        let (missing, unknown) = (missing.count(), unknown.count());
        // What was surely not taken in goes out again over gRPC, over another connection.
        assert!(
            missing >= 3 && unknown >= 3 && missing + unknown == heard.len(),
            "{heard:?}"
        );
    }
}

#[test]
fn a_bad_client_certificate_is_told_to_both() {
    everywhere::<BadClients>();
}

struct Mixed;

impl Scenario for Mixed {
    async fn play<S: Runtime, C: Runtime>(place: Place<S, C>) {
        let trust = Trust::new();
        let secured = trust.server().build().unwrap();
        let secured = serve(&Tls::new(place.server.clone()).server(secured), &place.listen).await;
        for error in failures(&secured.address, &place.client).await {
            assert!(
                matches!(error.kind(), ErrorKind::Connect | ErrorKind::Transport),
                "{error}"
            );
            assert!(error.to_string().contains("an alert of TLS"), "{error}");
        }
        let heard = secured.stop().await;
        assert!(heard.len() >= 3, "{heard:?}");
        assert!(
            heard
                .iter()
                .all(|text| text.ends_with(", as plain TTHeader does") || text.ends_with(", as plain HTTP/2 does")),
            "{heard:?}"
        );

        let plain = serve(&place.server, &place.listen).await;
        let runtime = Tls::new(place.client).client(trust.client().build().unwrap());
        for error in failures(&plain.address, &runtime).await {
            let kind = told(&error, &[ErrorKind::Connect]);
            assert!(
                matches!(kind, TlsErrorKind::Closed | TlsErrorKind::NotTls(_)),
                "{kind:?}"
            );
        }
        plain.stop().await;
    }
}

#[test]
fn plain_and_secured_do_not_mix() {
    everywhere::<Mixed>();
}

struct Silent;

impl Scenario for Silent {
    async fn play<S: Runtime, C: Runtime>(place: Place<S, C>) {
        let trust = Trust::new();
        let tls = trust
            .server()
            .handshake_timeout(Duration::from_millis(1500))
            .build()
            .unwrap();
        let server = serve(&Tls::new(place.server).server(tls), &place.listen).await;
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(place.client.connect(&server.address).await.unwrap());
        }
        // Nobody who waits keeps others out.
        let runtime = Tls::new(place.client).client(trust.client().build().unwrap());
        let client = PromisesClient::new(to(&server.address, Transport::Framed).build(runtime).unwrap());
        assert_eq!(client.ping(ask("ping", 10)).await.unwrap().text, "ping");
        for io in &mut silent {
            let mut nothing = BytesMut::with_capacity(100);
            let _ = poll_fn(|cx| io.poll_read(cx, &mut nothing)).await;
            assert!(nothing.is_empty());
        }
        drop(client);
        let heard = server.stop().await;
        assert_eq!(heard.len(), silent.len(), "{heard:?}");
        assert!(
            heard.iter().all(|text| text.ends_with(": not done in time")),
            "{heard:?}"
        );
    }
}

#[test]
fn a_handshake_that_does_not_come_is_not_waited_for() {
    everywhere::<Silent>();
}
