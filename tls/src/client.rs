//! The settings of clients.

use std::net::IpAddr;
use std::sync::Arc;

use kitewire_runtime::Address;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;

use crate::error::{ConfigError, ConfigErrorKind};
use crate::pem::{Identity, Roots};
use crate::settings::{Settings, protocols, provider};

/// Whom a client trusts, and what it shows. A handle: clones share their settings, and [`reload`](Self::reload) changes
/// them for all.
///
/// ```no_run
/// # use kitewire_tls::{ConfigError, Identity, Roots, TlsClient};
/// let tls = TlsClient::builder(Roots::file("ca.pem"))
///     .identity(Identity::files("client.pem", "client.key"))
///     .build()?;
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TlsClient {
    settings: Arc<Settings<ClientConfig>>,
    server_name: Option<ServerName<'static>>,
}

impl TlsClient {
    /// A client that trusts servers with a certificate from one of `roots`.
    pub fn builder(roots: Roots) -> TlsClientBuilder {
        TlsClientBuilder {
            recipe: Recipe {
                roots,
                identity: None,
                protocols: protocols(["h2"]),
            },
            server_name: None,
        }
    }

    /// A client with settings of rustls's own, for everything that the builder does not offer.
    #[must_use]
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        Self {
            settings: Arc::new(Settings::given(config)),
            server_name: None,
        }
    }

    /// The same client, which expects servers to be called `name`: see [`TlsClientBuilder::server_name`].
    ///
    /// # Errors
    /// [`ConfigErrorKind::ServerName`] if that is no name.
    pub fn with_server_name(mut self, name: &str) -> Result<Self, ConfigError> {
        self.server_name = Some(server_name(name)?);
        Ok(self)
    }

    /// Reads the files again. New connections get what they hold now; those that live, in pools too, keep what they
    /// have. When something is wrong with the files, everything stays as it was. It blocks as long as reading takes.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn reload(&self) -> Result<(), ConfigError> {
        self.settings.reload()
    }

    /// Puts other settings in force, for new connections.
    pub fn replace(&self, config: Arc<ClientConfig>) {
        self.settings.replace(config);
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        self.settings.current()
    }

    /// What the server at `address` has to be called.
    pub(crate) fn name_of(&self, address: &Address) -> Option<ServerName<'static>> {
        self.server_name.clone().or_else(|| match address {
            Address::Tcp(address) => Some(ServerName::from(address.ip())),
            Address::Name(name) => server_name(name.rsplit_once(':')?.0).ok(),
            Address::Unix(_) => None,
        })
    }
}

/// Makes a [`TlsClient`].
#[derive(Clone, Debug)]
#[must_use]
pub struct TlsClientBuilder {
    recipe: Recipe,
    server_name: Option<String>,
}

#[derive(Clone, Debug)]
struct Recipe {
    roots: Roots,
    identity: Option<Identity>,
    protocols: Vec<Vec<u8>>,
}

impl TlsClientBuilder {
    /// Shows `identity` to servers that ask for a client certificate.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.recipe.identity = Some(identity);
        self
    }

    /// The name that servers have to prove, and that they are asked for (SNI), in place of the one in their address.
    /// Unix sockets have none, and addresses out of a registry are numbers.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// The application protocols (ALPN) to offer, the preferred one first. Default `h2`, which grpc-go and Kitex want for
    /// gRPC. Servers of ours do not mind for other transports; for one that does, give it what it wants, or nothing.
    pub fn application_protocols<P: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = P>) -> Self {
        self.recipe.protocols = protocols(names);
        self
    }

    /// Reads the files, and checks everything.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn build(self) -> Result<TlsClient, ConfigError> {
        let server_name = self.server_name.as_deref().map(server_name).transpose()?;
        Ok(TlsClient {
            settings: Arc::new(Settings::made_by(move || self.recipe.make())?),
            server_name,
        })
    }
}

impl Recipe {
    fn make(&self) -> Result<ClientConfig, ConfigError> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(ConfigErrorKind::Settings)?
            .with_root_certificates(self.roots.load()?);
        let mut config = match &self.identity {
            Some(identity) => {
                let key = identity.load(&provider)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(config)
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, ConfigError> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let parsed = match bare.unwrap_or(name).parse::<IpAddr>() {
        Ok(ip) => Ok(ServerName::from(ip)),
        Err(_) => ServerName::try_from(name).map(|name| name.to_owned()),
    };
    parsed.map_err(|_| ConfigErrorKind::ServerName(name.to_owned()).into())
}
