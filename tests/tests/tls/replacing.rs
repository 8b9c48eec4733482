//! Other settings come into force while a server runs.

use kitewire::{ErrorKind, GrpcOptions, Runtime, Transport};
use kitewire_testkit::certificates::Authority;
use kitewire_tls::{Roots, Tls, TlsClient, TlsServer};

use crate::places::{Place, Scenario, everywhere, to};
use crate::promises::PromisesClient;
use crate::service::{Trust, ask, identity, serve};

struct Replacing;

impl Scenario for Replacing {
    async fn play<S: Runtime, C: Runtime>(place: Place<S, C>) {
        let trust = Trust::new();
        let tls = trust.server().build().unwrap();
        let server = serve(&Tls::new(place.server).server(tls.clone()), &place.listen).await;
        let client = |tls: &TlsClient, transport| {
            let runtime = Tls::new(place.client.clone()).client(tls.clone());
            // One connection, which is the one that lives on.
            let builder = to(&server.address, transport).grpc(GrpcOptions::default().connections(1));
            PromisesClient::new(builder.build(runtime).unwrap())
        };
        let mine = trust.client().build().unwrap();
        let old = [client(&mine, Transport::TtHeader), client(&mine, Transport::Grpc)];
        for client in &old {
            client.ping(ask("before", 10)).await.unwrap();
        }

        let next = Authority::new("the next authority");
        let issued = next.issue(&["127.0.0.1", "10.0.0.1"]);
        tls.replace(TlsServer::builder(identity(&issued)).build().unwrap().config());
        for client in &old {
            // What lives goes on with what it has.
            assert_eq!(client.ping(ask("after", 50_000)).await.unwrap().text, "after");
        }
        let refused = client(&mine, Transport::TtHeader).ping(ask("new", 10)).await;
        assert_eq!(refused.map(|_| ()).unwrap_err().kind(), ErrorKind::Connect);
        let roots = Roots::pem(next.certificate());
        mine.replace(TlsClient::builder(roots).build().unwrap().config());
        assert_eq!(
            client(&mine, Transport::Grpc).ping(ask("new", 10)).await.unwrap().text,
            "new"
        );
        drop(old);
        server.stop().await;
    }
}

#[test]
fn new_settings_hold_for_new_connections() {
    everywhere::<Replacing>();
}
