//! Bytes that are changed on their way: an error on both sides, never a panic, and never another byte.

use std::time::Duration;

use kitewire_runtime::{Address, Runtime};
use kitewire_tls::{Tls, TlsErrorKind};

use crate::ends::{World, accept, kind, meet, receive, send};
use crate::wire::{Wire, both, run, try_run};

#[test]
fn a_changed_record_ends_the_connection() {
    let world = World::new();
    let wire = Wire::new();
    run(async {
        let met = meet(&wire, world.server().build().unwrap(), world.client()).await;
        let (mut client, mut server) = (met.client.unwrap(), met.server);
        send(&mut client, b"good").await.unwrap();
        wire.pipes().0.flow(|flow| flow.damage = Some((flow.written + 9, 1)));
        send(&mut client, b"bad").await.unwrap();
        assert_eq!(receive(&mut server).await.unwrap(), "good", "what was whole is given");
        let error = receive(&mut server).await;
        assert!(matches!(kind(error), TlsErrorKind::Protocol(_)));
        assert!(receive(&mut server).await.is_err(), "and so it stays");
        assert!(
            matches!(kind(receive(&mut client).await), TlsErrorKind::Alert(_)),
            "the other side is told"
        );
    });
}

/// Every third byte of the handshake and of what follows it, in both directions.
#[test]
fn any_changed_byte_is_noticed() {
    let world = World::new();
    let wire = Wire::new();
    let runtime = Tls::new(wire.clone())
        .server(world.server().build().unwrap())
        .client(world.client());
    let address = Address::from("server.test:1");
    let mut listener = run(runtime.listen(&address)).unwrap();
    for (side, bytes) in [(0, 700), (1, 1400)] {
        let mut noticed = 0;
        for at in (0..bytes).step_by(3) {
            let mut damage = [None; 2];
            damage[side] = Some((at, 1 << (at % 8)));
            wire.damage(damage);
            let mut meeting = std::pin::pin!(both(
                async {
                    let mut client = runtime.connect(&address).await?;
                    send(&mut client, b"!").await
                },
                async { receive(&mut accept(&mut listener).await).await },
            ));
            // A length may have grown, and one side waits for the rest. Then it is time that ends it.
            let (sent, got) = try_run(meeting.as_mut()).unwrap_or_else(|| {
                wire.advance(Duration::from_secs(11));
                try_run(meeting.as_mut()).expect("a handshake ends")
            });
            match (sent, got) {
                (Ok(()), Ok(got)) => assert_eq!(got, "!", "byte {at} of side {side}"),
                _ => noticed += 1,
            }
        }
        assert!(noticed > 100, "{noticed} of side {side}");
    }
}
