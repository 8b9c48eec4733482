//! The settings of servers.

use std::sync::Arc;
use std::time::Duration;

use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, server};

use crate::error::{ConfigError, ConfigErrorKind};
use crate::pem::{Identity, Roots};
use crate::settings::{Settings, protocols, provider};

/// What a server shows, and what it asks of its clients. A handle: clones share their settings, and
/// [`reload`](Self::reload) changes them for all.
///
/// ```no_run
/// # use kitewire_tls::{ConfigError, Identity, Roots, TlsServer};
/// let tls = TlsServer::builder(Identity::files("server.pem", "server.key"))
///     .require_client_certificates(Roots::file("clients-ca.pem"))
///     .build()?;
/// // Later, when the files have changed:
/// tls.reload()?;
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TlsServer {
    settings: Arc<Settings<ServerConfig>>,
    handshake_timeout: Duration,
}

impl TlsServer {
    /// A server that shows `identity`.
    pub fn builder(identity: Identity) -> TlsServerBuilder {
        TlsServerBuilder {
            recipe: Recipe {
                identity,
                clients: Clients::Anybody,
                protocols: protocols(["h2", "http/1.1"]),
            },
            handshake_timeout: HANDSHAKE_TIMEOUT,
        }
    }

    /// A server with settings of rustls's own, for everything that the builder does not offer.
    #[must_use]
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self {
            settings: Arc::new(Settings::given(config)),
            handshake_timeout: HANDSHAKE_TIMEOUT,
        }
    }

    /// The same server, which gives clients as long as `timeout` for the handshake: see
    /// [`TlsServerBuilder::handshake_timeout`].
    #[must_use]
    pub const fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Reads the files again. New connections get what they hold now; those that live keep what they have. When
    /// something is wrong with the files, everything stays as it was. It blocks as long as reading takes.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn reload(&self) -> Result<(), ConfigError> {
        self.settings.reload()
    }

    /// Puts other settings in force, for new connections.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        self.settings.replace(config);
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        self.settings.current()
    }

    pub(crate) const fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }
}

/// Makes a [`TlsServer`].
#[derive(Clone, Debug)]
#[must_use]
pub struct TlsServerBuilder {
    recipe: Recipe,
    handshake_timeout: Duration,
}

#[derive(Clone, Debug)]
struct Recipe {
    identity: Identity,
    clients: Clients,
    protocols: Vec<Vec<u8>>,
}

/// Who may connect.
#[derive(Clone, Debug)]
enum Clients {
    Anybody,
    /// Whoever shows a certificate shows a good one.
    Checked(Roots),
    Known(Roots),
}

impl TlsServerBuilder {
    /// Lets in only clients with a certificate from one of `roots`.
    pub fn require_client_certificates(mut self, roots: Roots) -> Self {
        self.recipe.clients = Clients::Known(roots);
        self
    }

    /// Asks clients for a certificate, and lets in those without one, too. Handlers see who has shown which.
    pub fn request_client_certificates(mut self, roots: Roots) -> Self {
        self.recipe.clients = Clients::Checked(roots);
        self
    }

    /// The application protocols (ALPN) to agree on, the preferred one first. Default `h2` and `http/1.1`.
    ///
    /// A client that offers none is always let in; one that offers only others is refused, as the standard says. What a
    /// connection speaks is told by its first bytes, whatever was agreed on.
    pub fn application_protocols<P: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = P>) -> Self {
        self.recipe.protocols = protocols(names);
        self
    }

    /// How long a client may take for the handshake. Default 10 s.
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Reads the files, and checks everything.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn build(self) -> Result<TlsServer, ConfigError> {
        Ok(TlsServer {
            settings: Arc::new(Settings::made_by(move || self.recipe.make())?),
            handshake_timeout: self.handshake_timeout,
        })
    }
}

impl Recipe {
    fn make(&self) -> Result<ServerConfig, ConfigError> {
        let provider = provider();
        let key = self.identity.load(&provider)?;
        let failed = |error| ConfigError::from(ConfigErrorKind::Settings(error));
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let verifier = |roots: &Roots| {
            let roots = Arc::new(roots.load()?);
            Ok::<_, ConfigError>(WebPkiClientVerifier::builder_with_provider(
                roots,
                Arc::clone(&provider),
            ))
        };
        let failed = |error: server::VerifierBuilderError| {
            ConfigError::from(ConfigErrorKind::Settings(rustls::Error::General(error.to_string())))
        };
        let builder = match &self.clients {
            Clients::Anybody => builder.with_no_client_auth(),
            Clients::Known(roots) => builder.with_client_cert_verifier(verifier(roots)?.build().map_err(failed)?),
            Clients::Checked(roots) => {
                let verifier = verifier(roots)?.allow_unauthenticated().build();
                builder.with_client_cert_verifier(verifier.map_err(failed)?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(config)
    }
}

/// As long as a client may take for the first bytes of a plain connection, about.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
