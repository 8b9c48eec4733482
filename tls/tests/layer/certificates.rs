//! Which certificates are accepted, and what each side is told when one is not.

use std::sync::Arc;

use kitewire_runtime::{Address, Io, Runtime};
use kitewire_testkit::certificates::Valid;
use kitewire_tls::rustls::crypto::ring;
use kitewire_tls::rustls::pki_types::CertificateDer;
use kitewire_tls::rustls::pki_types::pem::PemObject;
use kitewire_tls::rustls::version::TLS12;
use kitewire_tls::rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use kitewire_tls::{Tls, TlsClient, TlsErrorKind, TlsServer};

use crate::ends::{World, identity, kind, meet, meet_at, tls_error};
use crate::wire::{Wire, run};

#[test]
fn a_good_certificate_connects() {
    let world = World::new();
    // By name, by number, and with the name set elsewhere for a socket that has none.
    for address in ["server.test:1", "127.0.0.1:1", "unix:/run/x.sock"] {
        run(async {
            let client = match address {
                "unix:/run/x.sock" => world.client().with_server_name("server.test").unwrap(),
                _ => world.client(),
            };
            let met = meet_at(&Wire::new(), world.server().build().unwrap(), client, address).await;
            let identity = met.client.unwrap().peer_identity().unwrap();
            assert_eq!(identity.certificates.len(), 1);
            assert_eq!(identity.application_protocol.as_deref(), Some(&b"h2"[..]));
            let seen = met.server.peer_identity().unwrap();
            assert!(seen.certificates.is_empty(), "nobody was asked for one");
            let name = (!address.starts_with("127")).then_some("server.test");
            assert_eq!(seen.server_name.as_deref(), name);
        });
    }
}

/// A server certificate that is not accepted: a connect error for the client, an alert for the server.
fn refused(world: &World, server: TlsServer, address: &str) -> (String, CertificateError, TlsErrorKind) {
    run(async {
        let met = meet_at(&Wire::new(), server, world.client(), address).await;
        let error = tls_error(met.client);
        assert!(error.is_handshake());
        let TlsErrorKind::Certificate(why) = error.kind().clone() else {
            panic!("{error}");
        };
        (error.to_string(), why, kind(met.first))
    })
}

#[test]
fn a_bad_server_certificate_is_a_connect_error() {
    let world = World::new();
    let name = "TLS handshake with 10.0.0.7:7 as server.test: the other side's certificate is not accepted: ";
    let of = |issued| TlsServer::builder(identity(issued)).build().unwrap();

    let strange = world.stranger.issue(&["server.test"]);
    let (text, why, told) = refused(&world, of(&strange), "server.test:1");
    assert_eq!(why, CertificateError::UnknownIssuer);
    assert_eq!(text, format!("{name}UnknownIssuer"));
    assert_eq!(told, TlsErrorKind::Alert(AlertDescription::UnknownCA));

    let expired = world.authority.issue_valid(&["server.test"], Valid::Past);
    let (text, why, told) = refused(&world, of(&expired), "server.test:1");
    assert!(matches!(why, CertificateError::ExpiredContext { .. }), "{why:?}");
    assert!(text.starts_with(&format!("{name}certificate expired: ")), "{text}");
    assert_eq!(told, TlsErrorKind::Alert(AlertDescription::CertificateExpired));

    let early = world.authority.issue_valid(&["server.test"], Valid::Future);
    let (_, why, _) = refused(&world, of(&early), "server.test:1");
    assert!(matches!(why, CertificateError::NotValidYetContext { .. }), "{why:?}");

    let (text, why, _) = refused(&world, world.server().build().unwrap(), "other.test:1");
    assert!(
        matches!(why, CertificateError::NotValidForNameContext { .. }),
        "{why:?}"
    );
    assert!(
        text.contains("as other.test: ") && text.contains("server.test"),
        "{text}"
    );
}

#[test]
fn a_server_may_want_to_know_its_clients() {
    let world = World::new();
    let known = world.authority.issue(&["client.test"]);
    let strange = world.stranger.issue(&["client.test"]);
    let client = |issued| {
        let builder = TlsClient::builder(world.roots());
        match issued {
            Some(issued) => builder.identity(identity(issued)).build().unwrap(),
            None => builder.build().unwrap(),
        }
    };
    let cases = [
        (true, Some(&known), None),
        (
            true,
            None,
            Some((TlsErrorKind::NoCertificate, AlertDescription::CertificateRequired)),
        ),
        (
            true,
            Some(&strange),
            Some((
                TlsErrorKind::Certificate(CertificateError::UnknownIssuer),
                AlertDescription::UnknownCA,
            )),
        ),
        (false, Some(&known), None),
        (false, None, None),
        (
            false,
            Some(&strange),
            Some((
                TlsErrorKind::Certificate(CertificateError::UnknownIssuer),
                AlertDescription::UnknownCA,
            )),
        ),
    ];
    for (required, issued, expected) in cases {
        let server = match required {
            true => world.server().require_client_certificates(world.roots()),
            false => world.server().request_client_certificates(world.roots()),
        };
        run(async {
            let met = meet(&Wire::new(), server.build().unwrap(), client(issued)).await;
            match expected {
                None => {
                    met.client.unwrap();
                    assert_eq!(met.first.unwrap(), 1);
                    let seen = met.server.peer_identity().unwrap().certificates.len();
                    assert_eq!(seen, usize::from(issued.is_some()));
                }
                Some((why, alert)) => {
                    assert_eq!(kind(met.first), why);
                    let error = tls_error(met.client);
                    assert_eq!(error.kind(), &TlsErrorKind::Alert(alert));
                    // Over TLS 1.3 the client is through before the server has seen its certificate.
                    assert!(!error.is_handshake());
                }
            }
        });
    }
}

#[test]
fn over_tls_12_a_missing_client_certificate_is_a_connect_error() {
    let world = World::new();
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(world.authority.certificate().as_bytes());
    roots.add(authority.unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = TlsClient::from_config(Arc::new(config));
    run(async {
        let met = meet(&Wire::new(), world.server().build().unwrap(), client.clone()).await;
        assert_eq!(met.first.unwrap(), 1);
        let strict = world.server().require_client_certificates(world.roots());
        let met = meet(&Wire::new(), strict.build().unwrap(), client).await;
        assert!(matches!(kind(met.client), TlsErrorKind::Alert(_)));
        assert_eq!(kind(met.first), TlsErrorKind::NoCertificate);
    });
}

#[test]
fn application_protocols_are_agreed_on() {
    let world = World::new();
    for (offered, agreed) in [
        (&["h2"][..], Ok(Some("h2"))),
        (&["http/1.1", "h2"], Ok(Some("h2"))),
        (&["http/1.1"], Ok(Some("http/1.1"))),
        (&[], Ok(None)),
        (&["gopher"], Err(())),
    ] {
        let client = TlsClient::builder(world.roots()).application_protocols(offered);
        run(async {
            let met = meet(&Wire::new(), world.server().build().unwrap(), client.build().unwrap()).await;
            match agreed {
                Ok(agreed) => {
                    met.first.unwrap();
                    let seen = met.server.peer_identity().unwrap().application_protocol.clone();
                    assert_eq!(seen.as_deref(), agreed.map(str::as_bytes));
                }
                Err(()) => {
                    let alert = AlertDescription::NoApplicationProtocol;
                    assert_eq!(kind(met.client), TlsErrorKind::Alert(alert));
                }
            }
        });
    }
}

#[test]
fn what_is_not_set_is_refused() {
    let world = World::new();
    let plain = Tls::new(Wire::new());
    run(async {
        let address = Address::from("server.test:1");
        assert_eq!(kind(plain.listen(&address).await), TlsErrorKind::NotConfigured);
        assert_eq!(kind(plain.connect(&address).await), TlsErrorKind::NotConfigured);
        let nameless = plain.client(world.client()).connect(&"unix:/run/x.sock".into()).await;
        let error = tls_error(nameless);
        assert_eq!(error.kind(), &TlsErrorKind::NoServerName);
        assert_eq!(error.peer(), Some(&"unix:/run/x.sock".into()));
    });
    let name = world.client().with_server_name("no name");
    assert_eq!(
        name.unwrap_err().to_string(),
        "\"no name\" is neither a host name nor an IP address"
    );
}
