//! Certificates of a run, and runtimes of ours that use them.

use std::fs;
use std::io;
use std::path::PathBuf;

use kitewire::Tokio;
use kitewire_testkit::certificates::{Authority, Issued};
use kitewire_tls::{Identity, Roots, Tls, TlsClient, TlsServer};

use crate::call::TlsFiles;

/// A folder with certificates, which goes with this.
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn new() -> io::Result<Self> {
        let files = Self(std::env::temp_dir().join(format!("kitewire-interop-tls-{}", std::process::id())));
        fs::create_dir_all(&files.0)?;
        let (authority, stranger) = (Authority::new("authority"), Authority::new("stranger"));
        files.put("ca", authority.certificate())?;
        files.put("strange-ca", stranger.certificate())?;
        files.put_both("server", &authority.issue(&["127.0.0.1", "localhost"]))?;
        files.put_both("client", &authority.issue(&["interop.caller"]))?;
        files.put_both("strange-client", &stranger.issue(&["interop.caller"]))?;
        Ok(files)
    }

    pub(crate) fn ca(&self) -> String {
        self.path("ca")
    }

    /// A server that lets everybody in.
    pub(crate) fn server(&self) -> TlsFiles {
        self.trusting("", "server")
    }

    /// A server that wants to know its clients.
    pub(crate) fn strict_server(&self) -> TlsFiles {
        self.trusting("ca", "server")
    }

    /// A client that nobody knows.
    pub(crate) fn client(&self) -> TlsFiles {
        self.trusting("ca", "")
    }

    pub(crate) fn known_client(&self) -> TlsFiles {
        self.trusting("ca", "client")
    }

    /// A client with a certificate of an authority that the server does not trust.
    pub(crate) fn strange_client(&self) -> TlsFiles {
        self.trusting("ca", "strange-client")
    }

    /// A client that trusts another authority than the server's.
    pub(crate) fn wary_client(&self) -> TlsFiles {
        self.trusting("strange-ca", "")
    }

    fn trusting(&self, ca: &str, shown: &str) -> TlsFiles {
        let path = |name: &str, kind: &str| match name {
            "" => String::new(),
            name => self.path(&format!("{name}{kind}")),
        };
        TlsFiles {
            ca: path(ca, ""),
            cert: path(shown, ""),
            key: path(shown, "-key"),
        }
    }

    fn put_both(&self, name: &str, issued: &Issued) -> io::Result<()> {
        self.put(name, &issued.chain)?;
        self.put(&format!("{name}-key"), &issued.key)
    }

    fn put(&self, name: &str, text: &str) -> io::Result<()> {
        fs::write(self.path(name), text)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(format!("{name}.pem")).display().to_string()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left behind harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What to listen with.
pub(crate) fn listening(files: &TlsFiles) -> Result<Tls<Tokio>, String> {
    let mut tls = TlsServer::builder(Identity::files(&files.cert, &files.key));
    if !files.ca.is_empty() {
        tls = tls.require_client_certificates(Roots::file(&files.ca));
    }
    let tls = tls.build().map_err(|error| error.to_string())?;
    Ok(Tls::new(Tokio).server(tls))
}

/// What to connect with.
pub(crate) fn connecting(files: &TlsFiles) -> Result<Tls<Tokio>, String> {
    let mut tls = TlsClient::builder(Roots::file(&files.ca));
    if !files.cert.is_empty() {
        tls = tls.identity(Identity::files(&files.cert, &files.key));
    }
    let tls = tls.build().map_err(|error| error.to_string())?;
    Ok(Tls::new(Tokio).client(tls))
}
