//! Everything over TLS, and what becomes of those who are not let in.

use std::time::Duration;

use kitewire::{Notice, StreamTransport, Transport};
use kitewire_testkit::certificates::{Authority, Issued, Valid};
use kitewire_tls::{Identity, Roots, TlsClient, TlsServer};
use tokio::sync::mpsc;

use super::{Scenario, row};
use crate::desk::DeskClient;
use crate::place::{PATIENCE, Place, ask, to};
use crate::shown::{Shown, tls_word};
use crate::site::Site;
use crate::wire::Wire;

pub(super) fn list() -> Vec<Scenario> {
    vec![
        row("TLS: calls of every transport", calls),
        row("TLS: streams", streams),
        row("TLS: pages", pages),
        row("TLS: large messages", large),
        row("TLS: a connection is used again", kept),
        row("TLS: a server that stops", stop),
        row("TLS: client certificates", client_certificates),
        row("TLS: no client certificate", no_client_certificate),
        row("TLS: servers that are not trusted", untrusted),
        row("TLS: plain text to a TLS port", plain_to_tls),
        row("TLS: TLS to a plain port", tls_to_plain),
        row("TLS: reloaded certificates", reloaded),
    ]
}

/// A site whose connections are secured, and the settings of both sides.
fn secured(site: &Site) -> Site {
    let authority = Authority::new("authority");
    site.over_tls(
        TlsServer::builder(identity(&authority.issue(NAMES))).build().unwrap(),
        client(&authority),
    )
}

fn client(authority: &Authority) -> TlsClient {
    let roots = Roots::pem(authority.certificate());
    TlsClient::builder(roots).server_name("server.test").build().unwrap()
}

fn identity(issued: &Issued) -> Identity {
    Identity::pem(issued.chain.clone(), issued.key.clone())
}

async fn calls(site: Site) {
    let site = secured(&site);
    let place = site.serve().await;
    for transport in [Transport::Bare, Transport::Framed, Transport::TtHeader, Transport::Grpc] {
        let desk = site.desk(place.over(transport));
        for text in ["hello", "boom", "who", "big 70000"] {
            site.say(&desk, text).await;
        }
    }
    let shared = site.desk(place.over(Transport::TtHeader).multiplexed(1));
    site.say(&shared, "hello").await;
    site.say(&site.desk(place.over(Transport::Framed).short()), "hello")
        .await;
}

async fn streams(site: Site) {
    let site = secured(&site);
    let mut place = site.serve().await;
    for transport in [StreamTransport::Grpc, StreamTransport::TtHeader] {
        let desk = site.desk(place.tt_streams().stream_transport(transport));
        let mut up = desk.collect().await.unwrap();
        up.send(ask("a")).await.unwrap();
        site.told("collect", up.finish().await);
        let mut down = desk.watch(ask("a b c biz")).await.unwrap();
        site.rest("watch", &mut down).await;
        let mut talk = desk.talk().await.unwrap();
        site.exchange(&mut talk, "hello").await;
        site.exchange(&mut talk, "listen").await;
        drop(talk);
        site.note(place.heard().await);
    }
}

async fn pages(site: Site) {
    let site = secured(&site);
    let place = site.serve_pages().await;
    let mut wire = Wire::connect(site.here(), &place.address).await;
    for path in ["/hello", "/sleep", "/big"] {
        site.note(wire.get(path).await);
    }
    let mut http2 = crate::wire::Http2::connect(site.here(), &place.address).await;
    site.note(http2.get("/big").await);
}

async fn large(site: Site) {
    let site = secured(&site);
    let place = site.serve().await;
    for builder in [place.over(Transport::TtHeader).multiplexed(1), place.grpc()] {
        let desk = site.desk(builder);
        let ask = crate::desk::Ask {
            text: "echo".into(),
            payload: crate::handlers::pattern(300_000),
        };
        site.told("echo", desk.say(ask).await);
        site.say(&desk, "big 300000").await;
    }
}

async fn kept(site: Site) {
    let site = secured(&site);
    let place = site.serve().await;
    let client = site.built(place.over(Transport::TtHeader));
    let desk = DeskClient::new(client.clone());
    for turn in 0..10 {
        site.say(&desk, &turn.to_string()).await;
        // Long enough for what comes behind a handshake.
        site.here().sleep(Duration::from_millis(3)).await;
    }
    site.note(format!("{} idle", client.idle_connections()));
}

async fn stop(site: Site) {
    let site = secured(&site);
    let mut place = site.serve().await;
    let desk = site.desk(place.over(Transport::TtHeader));
    let call = site.beside(async move { desk.say(ask("wait x")).await.shown() });
    site.note(place.heard().await);
    place.handle.shutdown(PATIENCE);
    place.gate.add_permits(1);
    site.note(call.await.unwrap());
    site.ended(&place).await;
}

/// A server that lets in only clients that `authority` knows.
fn strict(authority: &Authority) -> TlsServer {
    TlsServer::builder(identity(&authority.issue(NAMES)))
        .require_client_certificates(Roots::pem(authority.certificate()))
        .build()
        .unwrap()
}

async fn client_certificates(site: Site) {
    let authority = Authority::new("authority");
    let known = TlsClient::builder(Roots::pem(authority.certificate()))
        .identity(identity(&authority.issue(&["client.test"])))
        .server_name("server.test")
        .build()
        .unwrap();
    let site = site.over_tls(strict(&authority), known);
    let place = site.serve().await;
    for builder in [place.over(Transport::TtHeader), place.grpc()] {
        site.say(&site.desk(builder), "identity").await;
    }
}

/// A server that tells why connections fail.
async fn telling(site: &Site) -> (Place, mpsc::UnboundedReceiver<String>) {
    let (told, why) = mpsc::unbounded_channel();
    let place = site
        .serve_with(|server| {
            server.observe(move |notice| {
                if let Notice::SocketFailed { error, .. } = notice {
                    let _ = told.send(tls_word(*error).unwrap_or_else(|| format!("{:?}", error.kind())));
                }
            })
        })
        .await;
    (place, why)
}

async fn no_client_certificate(site: Site) {
    let authority = Authority::new("authority");
    let site = site.over_tls(strict(&authority), client(&authority));
    let (place, mut why) = telling(&site).await;
    site.vary_accepted(&place);
    for builder in [place.over(Transport::TtHeader), place.grpc()] {
        // Over TLS 1.3 the connection is there before the server has said what it thinks.
        let error = site.desk(builder).say(ask("x")).await.unwrap_err();
        let told = tls_word(&error);
        site.one_of(
            "told",
            &["Alert(CertificateRequired)", "nothing"],
            told.as_deref().unwrap_or("nothing"),
        );
        site.note(why.recv().await.unwrap());
    }
}

async fn untrusted(site: Site) {
    let (authority, stranger) = (Authority::new("authority"), Authority::new("stranger"));
    for issued in [
        stranger.issue(NAMES),
        authority.issue(&["other.test"]),
        authority.issue_valid(NAMES, Valid::Past),
        authority.issue_valid(NAMES, Valid::Future),
    ] {
        let server = TlsServer::builder(identity(&issued)).build().unwrap();
        let site = site.over_tls(server, client(&authority));
        let (place, mut why) = telling(&site).await;
        site.say(&site.desk(place.over(Transport::TtHeader)), "x").await;
        site.told("talk", site.desk(place.tt_streams()).talk().await.map(drop));
        site.note(why.recv().await.unwrap());
    }
}

async fn plain_to_tls(site: Site) {
    let over_tls = secured(&site);
    let (place, mut why) = telling(&over_tls).await;
    site.vary_accepted(&place);
    for transport in [Transport::Framed, Transport::Grpc] {
        let desk = site.desk(to(&place.address, transport));
        let error = desk.say(ask("x")).await.unwrap_err();
        site.note(format!("fails: {}", error.shown().starts_with("Transport")));
        let why = why.recv().await.unwrap();
        site.note(why.split('(').next().unwrap().to_owned());
    }
}

async fn tls_to_plain(site: Site) {
    let place = site.serve().await;
    let secured = secured(&site);
    site.say(&secured.desk(to(&place.address, Transport::TtHeader)), "x")
        .await;
    site.say(&secured.desk(to(&place.address, Transport::Grpc)), "x").await;
}

async fn reloaded(site: Site) {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let server = TlsServer::builder(identity(&old.issue(NAMES))).build().unwrap();
    let both = Roots::pem(old.certificate()).and(Roots::pem(new.certificate()));
    let trusting = TlsClient::builder(both).server_name("server.test").build().unwrap();
    let of_old = site.over_tls(server.clone(), client(&old));
    let of_both = site.over_tls(server.clone(), trusting);
    let place = of_old.serve().await;
    let living = of_old.desk(place.over(Transport::TtHeader));
    site.say(&living, "before").await;
    let next = TlsServer::builder(identity(&new.issue(NAMES))).build().unwrap();
    server.replace(next.config());
    site.say(&living, "a connection that lives keeps what it has").await;
    site.say(&of_old.desk(place.over(Transport::TtHeader)), "a new one")
        .await;
    site.say(&of_both.desk(place.over(Transport::TtHeader)), "trusts both")
        .await;
}

const NAMES: &[&str] = &["server.test"];
