//! Files: what is wrong with them and where, and reading them again.

use std::fs;
use std::path::{Path, PathBuf};

use kitewire_runtime::{Io, Runtime};
use kitewire_testkit::certificates::{Authority, Issued};
use kitewire_tls::{ConfigError, ConfigErrorKind, Identity, Roots, Tls, TlsClient, TlsServer};

use crate::ends::{World, accept, identity, meet, receive, send};
use crate::wire::{Wire, both, run};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kitewire-tls-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn put_both(&self, issued: &Issued) -> Identity {
        Identity::files(self.put("chain.pem", &issued.chain), self.put("key.pem", &issued.key))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn build(chain: &Path, key: &Path) -> ConfigError {
    let built = TlsServer::builder(Identity::files(chain, key)).build();
    built.map(|_| ()).expect_err("a server")
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place() {
    let folder = Folder::new("wrong");
    let authority = Authority::new("authority");
    let issued = authority.issue(&["server.test"]);
    let chain = folder.put("chain.pem", &issued.chain);
    let key = folder.put("key.pem", &issued.key);

    let absent = folder.0.join("absent.pem");
    let error = build(&absent, &key);
    assert!(matches!(error.kind(), ConfigErrorKind::Read(error) if error.kind() == std::io::ErrorKind::NotFound));
    assert!(
        error
            .to_string()
            .starts_with(&format!("{}: cannot be read: ", absent.display()))
    );

    let text = |name: &str, error: ConfigError| {
        assert_eq!(error.file(), Some(&*folder.0.join(name)));
        let shown = error.to_string();
        shown
            .strip_prefix(&format!("{}/", folder.0.display()))
            .unwrap()
            .to_owned()
    };
    assert_eq!(text("key.pem", build(&key, &key)), "key.pem: holds no CERTIFICATE");
    assert_eq!(
        text("chain.pem", build(&chain, &chain)),
        "chain.pem: holds no PRIVATE KEY"
    );

    let cut = issued.chain.lines().take(3).collect::<Vec<_>>().join("\n");
    let open = folder.put("open.pem", &format!("a comment\n{cut}"));
    let expected = "open.pem:2: the section CERTIFICATE that begins here has no end";
    assert_eq!(text("open.pem", build(&open, &key)), expected);

    let broken = folder.put(
        "broken.pem",
        &format!("{}{}", issued.chain, issued.chain.replace("MII", "M!I")),
    );
    let line = issued.chain.lines().count() + 1;
    let shown = text("broken.pem", build(&broken, &key));
    assert!(
        shown.starts_with(&format!(
            "broken.pem:{line}: the section CERTIFICATE cannot be decoded: "
        )),
        "{shown}"
    );

    let empty = folder.put(
        "empty.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let shown = text("empty.pem", build(&empty, &key));
    assert!(
        shown.starts_with("empty.pem:1: this certificate cannot be used: "),
        "{shown}"
    );

    let odd = folder.put(
        "odd.pem",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    let shown = text("odd.pem", build(&chain, &odd));
    assert!(
        shown.starts_with("odd.pem:1: this private key cannot be used: "),
        "{shown}"
    );

    let locked = "\n-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = folder.put("locked.pem", locked);
    let expected = "locked.pem:2: the private key is encrypted; decrypt it first";
    assert_eq!(text("locked.pem", build(&chain, &locked)), expected);
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let old = folder.put("old.pem", old);
    assert!(matches!(build(&chain, &old).kind(), ConfigErrorKind::EncryptedKey));

    let other = folder.put("other.pem", &authority.issue(&["server.test"]).key);
    let expected = "other.pem:1: the private key belongs to another certificate";
    assert_eq!(text("other.pem", build(&chain, &other)), expected);

    let roots = TlsClient::builder(Roots::file(&broken))
        .build()
        .map(|_| ())
        .expect_err("a client");
    assert_eq!(roots.line(), Some(line));
    let roots = TlsClient::builder(Roots::pem("nothing"))
        .build()
        .map(|_| ())
        .expect_err("a client");
    assert_eq!(roots.to_string(), "holds no CERTIFICATE");
}

#[test]
fn keys_are_not_shown() {
    let issued = Authority::new("authority").issue(&["server.test"]);
    let shown = format!("{:?} {:?}", identity(&issued), TlsServer::builder(identity(&issued)));
    assert!(
        !shown.contains("PRIVATE") && !shown.contains(&format!("{:?}", issued.key.as_bytes())),
        "{shown}"
    );
}

/// The certificate that a server shows, as the client has seen it.
async fn shown(wire: &Wire, server: &TlsServer, client: &TlsClient) -> Vec<u8> {
    let met = meet(wire, server.clone(), client.clone()).await;
    met.first.unwrap();
    met.client.unwrap().peer_identity().unwrap().certificates[0].clone()
}

#[test]
fn files_are_read_again_without_a_restart() {
    let folder = Folder::new("again");
    let world = World::new();
    let server = TlsServer::builder(folder.put_both(&world.server)).build().unwrap();
    let ca = folder.put("ca.pem", world.authority.certificate());
    let client = TlsClient::builder(Roots::file(ca)).build().unwrap();
    run(async {
        // A listener that goes on through all of it, with a connection that lives on.
        let wire = Wire::new();
        let runtime = Tls::new(wire.clone()).server(server.clone()).client(client.clone());
        let address = "server.test:1".into();
        let mut listener = runtime.listen(&address).await.unwrap();
        let (old, mut kept) = both(
            async {
                let mut old = runtime.connect(&address).await.unwrap();
                send(&mut old, b"old").await.unwrap();
                old
            },
            async {
                let mut kept = accept(&mut listener).await;
                assert_eq!(receive(&mut kept).await.unwrap(), "old");
                kept
            },
        )
        .await;
        let mut old = old;
        let first = shown(&Wire::new(), &server, &client).await;

        let other = Authority::new("another authority");
        folder.put_both(&other.issue(&["server.test"]));
        assert_eq!(
            shown(&Wire::new(), &server, &client).await,
            first,
            "not before it is asked for"
        );
        server.reload().unwrap();
        assert!(
            meet(&Wire::new(), server.clone(), client.clone()).await.client.is_err(),
            "nobody trusts it yet"
        );
        folder.put("ca.pem", other.certificate());
        client.reload().unwrap();
        let second = shown(&Wire::new(), &server, &client).await;
        assert_ne!(first, second);

        folder.put("key.pem", "no key");
        let error = server.reload().expect_err("a key");
        assert_eq!(
            error.to_string(),
            format!("{}: holds no PRIVATE KEY", folder.0.join("key.pem").display())
        );
        assert_eq!(
            shown(&Wire::new(), &server, &client).await,
            second,
            "what was in force stays"
        );

        send(&mut old, b"still here").await.unwrap();
        assert_eq!(receive(&mut kept).await.unwrap(), "still here");
    });
}

#[test]
fn settings_can_be_exchanged() {
    let world = World::new();
    let (client, server) = (world.client(), world.server().build().unwrap());
    run(async {
        let first = shown(&Wire::new(), &server, &client).await;
        let next = world.authority.issue(&["server.test"]);
        server.replace(TlsServer::builder(identity(&next)).build().unwrap().config());
        assert_ne!(shown(&Wire::new(), &server, &client).await, first);
        let given = TlsServer::from_config(server.config());
        assert!(matches!(
            given.reload().expect_err("files").kind(),
            ConfigErrorKind::NotReloadable
        ));
    });
}
