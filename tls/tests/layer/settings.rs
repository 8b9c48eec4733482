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

    /// What `error` says of the file with this name, without the folder in front.
    fn shown(&self, name: &str, error: &ConfigError) -> String {
        assert_eq!(error.file(), Some(&*self.0.join(name)));
        let shown = error.to_string();
        let folder = format!("{}/", self.0.display());
        shown.strip_prefix(&folder).unwrap().to_owned()
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
fn a_file_without_what_is_wanted_is_named() {
    let folder = Folder::new("without");
    let issued = Authority::new("authority").issue(&["server.test"]);
    let chain = folder.put("chain.pem", &issued.chain);
    let key = folder.put("key.pem", &issued.key);

    let absent = folder.0.join("absent.pem");
    let error = build(&absent, &key);
    assert!(matches!(error.kind(), ConfigErrorKind::Read(error) if error.kind() == std::io::ErrorKind::NotFound));
    let shown = folder.shown("absent.pem", &error);
    assert!(shown.starts_with("absent.pem: cannot be read: "), "{shown}");

    let missing = [
        (&key, "key.pem: holds no CERTIFICATE"),
        (&chain, "chain.pem: holds no PRIVATE KEY"),
    ];
    for (file, expected) in missing {
        let (name, _) = expected.split_once(':').unwrap();
        assert_eq!(folder.shown(name, &build(file, file)), expected);
    }
    let roots = TlsClient::builder(Roots::pem("nothing")).build();
    assert_eq!(roots.map(|_| ()).unwrap_err().to_string(), "holds no CERTIFICATE");
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_with_its_line() {
    let folder = Folder::new("certificates");
    let issued = Authority::new("authority").issue(&["server.test"]);
    let key = folder.put("key.pem", &issued.key);

    let cut = issued.chain.lines().take(3).collect::<Vec<_>>().join("\n");
    let open = folder.put("open.pem", &format!("a comment\n{cut}"));
    let expected = "open.pem:2: the section CERTIFICATE that begins here has no end";
    assert_eq!(folder.shown("open.pem", &build(&open, &key)), expected);

    let twice = format!("{}{}", issued.chain, issued.chain.replace("MII", "M!I"));
    let broken = folder.put("broken.pem", &twice);
    let line = issued.chain.lines().count() + 1;
    let expected = format!("broken.pem:{line}: the section CERTIFICATE cannot be decoded: ");
    let shown = folder.shown("broken.pem", &build(&broken, &key));
    assert!(shown.starts_with(&expected), "{shown}");
    let roots = TlsClient::builder(Roots::file(&broken)).build();
    assert_eq!(roots.map(|_| ()).unwrap_err().line(), Some(line));

    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let empty = folder.put("empty.pem", empty);
    let shown = folder.shown("empty.pem", &build(&empty, &key));
    assert!(
        shown.starts_with("empty.pem:1: this certificate cannot be used: "),
        "{shown}"
    );
}

#[test]
fn a_key_that_cannot_be_used_is_named_with_its_line() {
    let folder = Folder::new("keys");
    let authority = Authority::new("authority");
    let chain = folder.put("chain.pem", &authority.issue(&["server.test"]).chain);

    let odd = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let odd = folder.put("odd.pem", odd);
    let shown = folder.shown("odd.pem", &build(&chain, &odd));
    assert!(
        shown.starts_with("odd.pem:1: this private key cannot be used: "),
        "{shown}"
    );

    let locked = "\n-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = folder.put("locked.pem", locked);
    let expected = "locked.pem:2: the private key is encrypted; decrypt it first";
    assert_eq!(folder.shown("locked.pem", &build(&chain, &locked)), expected);
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let old = folder.put("old.pem", old);
    assert!(matches!(build(&chain, &old).kind(), ConfigErrorKind::EncryptedKey));

    let other = folder.put("other.pem", &authority.issue(&["server.test"]).key);
    let expected = "other.pem:1: the private key belongs to another certificate";
    assert_eq!(folder.shown("other.pem", &build(&chain, &other)), expected);
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
