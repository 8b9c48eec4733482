//! Where to listen and to connect, and what is said when that fails.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use kitewire::runtime::Listener;
use kitewire::{Address, Client, Runtime, Server};

use crate::stream::{accept, pair, spawn};
use crate::turns::{EchoClient, EchoServer, Echoing};

/// The address that was taken is told.
pub async fn a_port_of_zero_takes_a_free_one<R: Runtime>(runtime: R) {
    for (address, ip) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
        let listener = runtime.listen(&address.into()).await.unwrap();
        let local = listener.local_address().unwrap();
        assert_ne!(local.port(), Some(0));
        assert_eq!(local.ip(), Some(ip.parse().unwrap()));
    }
}

/// To listen as well as to connect.
pub async fn names_are_resolved<R: Runtime>(runtime: R) {
    let mut listener = runtime.listen(&"localhost:0".into()).await.unwrap();
    let port = listener.local_address().unwrap().port().unwrap();
    let dialing = {
        let runtime = runtime.clone();
        spawn(&runtime.clone(), async move {
            runtime.connect(&format!("localhost:{port}").into()).await
        })
    };
    let _accepted = accept(&mut listener).await.unwrap();
    dialing.await.unwrap();
}

/// The runtime gives the system's words, the client says where.
pub async fn a_refused_connect_says_what_and_where<R: Runtime>(runtime: R) {
    let address = free_address(&runtime).await;
    let error = runtime.connect(&address).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let text = call_error(&runtime, &address).await;
    assert_eq!(
        text,
        format!("remote or network error: get connection error: dial {address}: {error}")
    );

    let address = Address::unix(socket_path("nobody"));
    let error = runtime.connect(&address).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = call_error(&runtime, &address).await;
    assert_eq!(
        text,
        format!("remote or network error: get connection error: dial {address}: {error}")
    );
}

/// What each address behind a name said.
pub async fn a_refused_name_tells_every_address<R: Runtime>(runtime: R) {
    let port = free_address(&runtime).await.port().unwrap();
    let error = runtime
        .connect(&format!("localhost:{port}").into())
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let text = error.to_string();
    assert!(text.contains(&format!("127.0.0.1:{port}: ")), "{text}");
    assert!(text.to_lowercase().contains("refused"), "{text}");
}

/// Neither listened on nor connected to, and named in the error of whoever tries.
pub async fn a_name_that_leads_nowhere_is_an_error<R: Runtime>(runtime: R) {
    // Longer than a label of a domain name may be, so that nobody is asked about it.
    let name = format!("{}:80", "x".repeat(80));
    let address = Address::from(&name);
    assert!(runtime.connect(&address).await.is_err());
    assert!(runtime.listen(&address).await.is_err());
    let text = call_error(&runtime, &address).await;
    assert!(text.contains(&format!("dial {name}: ")), "{text}");
    let error = Server::new(runtime)
        .register(EchoServer::new(Echoing))
        .bind(&address)
        .await;
    let text = error.err().unwrap().to_string();
    assert!(text.starts_with(&format!("listen {name}: ")), "{text}");
}

/// Nobody takes an address away from somebody who listens there.
pub async fn an_address_in_use_is_an_error<R: Runtime>(runtime: R) {
    let listener = runtime.listen(&"127.0.0.1:0".into()).await.unwrap();
    let address = listener.local_address().unwrap();
    let error = runtime.listen(&address).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

/// The path is the address of the listener.
pub async fn unix_sockets_have_their_paths<R: Runtime>(runtime: R) {
    let path = socket_path("path");
    let listener = runtime.listen(&Address::unix(&path)).await.unwrap();
    assert_eq!(listener.local_address().unwrap(), Address::unix(&path));
    std::fs::remove_file(path).unwrap();
}

/// A process that ended without cleaning up does not keep the next one from starting.
pub async fn a_socket_left_behind_is_replaced<R: Runtime>(runtime: R) {
    let path = socket_path("stale");
    drop(runtime.listen(&Address::unix(&path)).await.unwrap());
    let error = runtime.connect(&Address::unix(&path)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "the file is still there");
    pair(&runtime, &Address::unix(&path)).await;
    std::fs::remove_file(path).unwrap();
}

/// A file that is no socket may be dear to somebody.
pub async fn no_other_file_is_replaced<R: Runtime>(runtime: R) {
    let path = socket_path("file");
    std::fs::write(&path, "dear").unwrap();
    let error = runtime.listen(&Address::unix(&path)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear");
    std::fs::remove_file(path).unwrap();
}

/// A path that nobody else uses.
pub(crate) fn socket_path(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("kitewire-{}-{number}-{name}.sock", std::process::id()))
}

/// An address where nobody listens any more.
async fn free_address<R: Runtime>(runtime: &R) -> Address {
    let listener = runtime.listen(&"127.0.0.1:0".into()).await.unwrap();
    listener.local_address().unwrap()
}

/// What a caller is told who calls there.
async fn call_error<R: Runtime>(runtime: &R, address: &Address) -> String {
    let client = Client::to(address).connect_timeout(std::time::Duration::from_secs(10));
    let client = EchoClient::new(client.build(runtime.clone()).unwrap());
    client.echo("x".to_owned()).await.unwrap_err().to_string()
}
