//! What can go wrong: with settings ([`ConfigError`]), and with a connection ([`TlsError`]).

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use kitewire_runtime::Address;
use rustls::{AlertDescription, CertificateError};

use crate::strangers;

/// Why a connection could not be secured, or was lost.
///
/// It comes as the inner error of an [`io::Error`]: from [`Runtime::connect`](kitewire_runtime::Runtime::connect) for a
/// client, from the first read for a server, from any read or write later on. [`TlsError::of`] finds it there.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsError {
    kind: TlsErrorKind,
    stage: Stage,
    peer: Option<Address>,
    server_name: Option<String>,
}

/// What is wrong with a connection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// The other side's certificate is not accepted: not trusted, expired, for another name.
    Certificate(CertificateError),
    /// The other side has no certificate to show, and has to.
    NoCertificate,
    /// The other side refuses: what we showed it, or what we asked for.
    Alert(AlertDescription),
    /// The other side does not speak TLS. These are its first bytes, eight at most; the text names what begins so.
    NotTls(Vec<u8>),
    /// The other side breaks the protocol, or has nothing in common with us.
    Protocol(rustls::Error),
    /// The other side closed the connection during the handshake, without a word about why.
    Closed,
    /// The handshake took longer than it may.
    TimedOut,
    /// The connection ended without the closing message that TLS ends with. What came last may be missing.
    Truncated,
    /// The address holds no name to check the server's certificate against: see
    /// [`TlsClientBuilder::server_name`](crate::TlsClientBuilder::server_name).
    NoServerName,
    /// Asked to connect without [`Tls::client`](crate::Tls::client), or to listen without
    /// [`Tls::server`](crate::Tls::server).
    NotConfigured,
}

/// How far a connection was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Handshake,
    Open,
}

impl TlsError {
    pub(crate) const fn new(
        kind: TlsErrorKind,
        stage: Stage,
        peer: Option<Address>,
        server_name: Option<String>,
    ) -> Self {
        Self {
            kind,
            stage,
            peer,
            server_name,
        }
    }

    /// The one that `error` was made of, if that was one. It is looked for along the chain of sources.
    #[must_use]
    pub fn of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            // The inner error of an `io::Error` is not its source.
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let here: Option<&'a (dyn Error + 'static)> = match inner {
                Some(inner) => Some(inner),
                None => Some(error),
            };
            if let Some(found) = here.and_then(|error| error.downcast_ref::<Self>()) {
                return Some(found);
            }
            next = here.and_then(Error::source);
        }
        None
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &TlsErrorKind {
        &self.kind
    }

    /// The other side's address.
    #[must_use]
    pub const fn peer(&self) -> Option<&Address> {
        self.peer.as_ref()
    }

    /// The name that a client asked for.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Whether the connection was still being secured, and nothing of a call had been read.
    #[must_use]
    pub fn is_handshake(&self) -> bool {
        self.stage == Stage::Handshake
    }
}

impl TlsErrorKind {
    pub(crate) fn of(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(why) => Self::Certificate(why),
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::AlertReceived(alert) => Self::Alert(alert),
            other => Self::Protocol(other),
        }
    }

    const fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::Truncated | Self::Closed => io::ErrorKind::UnexpectedEof,
            Self::NoServerName | Self::NotConfigured => io::ErrorKind::InvalidInput,
            Self::Certificate(_) | Self::NoCertificate | Self::Alert(_) | Self::NotTls(_) | Self::Protocol(_) => {
                io::ErrorKind::InvalidData
            }
        }
    }
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::new(error.kind.io_kind(), error)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Handshake => "TLS handshake",
            Stage::Open => "TLS connection",
        })?;
        if let Some(peer) = &self.peer {
            write!(f, " with {peer}")?;
        }
        if let Some(name) = &self.server_name {
            write!(f, " as {name}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl fmt::Display for TlsErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(why) => write!(f, "the other side's certificate is not accepted: {why}"),
            Self::NoCertificate => f.write_str("the other side shows no certificate, and has to"),
            Self::Alert(alert) => write!(f, "the other side refuses: {}", alert_text(*alert)),
            Self::NotTls(first) => {
                let bytes = first.escape_ascii();
                write!(f, "the other side does not speak TLS: it begins with \"{bytes}\"")?;
                match strangers::name(first) {
                    Some(name) => write!(f, ", as {name} does"),
                    None => Ok(()),
                }
            }
            Self::Protocol(error) => error.fmt(f),
            Self::Closed => f.write_str("the other side closed the connection; it may not speak TLS"),
            Self::TimedOut => f.write_str("not done in time"),
            Self::Truncated => f.write_str("it ended without a closing message, so the last bytes may be missing"),
            Self::NoServerName => {
                f.write_str("the address holds no name to check the server's certificate against; set one")
            }
            Self::NotConfigured => f.write_str("no settings for this side"),
        }
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.kind)
    }
}

impl Error for TlsErrorKind {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Protocol(error) => Some(error),
            _ => None,
        }
    }
}

/// What an alert means, in words, for those that name a cause.
fn alert_text(alert: AlertDescription) -> String {
    let text = match alert {
        AlertDescription::CertificateRequired => "it wants a client certificate",
        AlertDescription::BadCertificate => "our certificate is not accepted",
        AlertDescription::UnsupportedCertificate => "our certificate is of a kind that it does not take",
        AlertDescription::CertificateRevoked => "our certificate is revoked",
        AlertDescription::CertificateExpired => "our certificate has expired, or is not valid yet",
        AlertDescription::UnknownCA => "our certificate is from an authority that it does not trust",
        AlertDescription::AccessDenied => "our certificate is valid, but has no access",
        AlertDescription::HandshakeFailure => "we have no cipher, key or signature in common",
        AlertDescription::ProtocolVersion => "we have no TLS version in common",
        AlertDescription::NoApplicationProtocol => "we have no application protocol (ALPN) in common",
        AlertDescription::UnrecognisedName => "it does not know the server name",
        _ => return format!("alert {alert:?}"),
    };
    format!("{text} (alert {alert:?})")
}

/// Why settings cannot be used: where it is, and what is wrong there.
#[derive(Debug)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    file: Option<PathBuf>,
    line: Option<usize>,
}

/// What is wrong with settings.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// A file cannot be read.
    Read(io::Error),
    /// A file holds no section of the kind that is wanted, which this says.
    Missing(&'static str),
    /// A section of a PEM file cannot be decoded.
    Pem(String),
    /// A certificate cannot be used.
    Certificate(rustls::Error),
    /// A private key cannot be used.
    Key(rustls::Error),
    /// The private key is encrypted.
    EncryptedKey,
    /// The private key belongs to another certificate.
    Mismatch,
    /// The name is neither a host name nor an IP address.
    ServerName(String),
    /// What rustls says about the settings as a whole.
    Settings(rustls::Error),
    /// There is nothing to read again, as the settings were made elsewhere: use `replace`.
    NotReloadable,
}

impl ConfigError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &ConfigErrorKind {
        &self.kind
    }

    /// The file it is about.
    #[must_use]
    pub fn file(&self) -> Option<&std::path::Path> {
        self.file.as_deref()
    }

    /// The line where the section begins that it is about.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    pub(crate) fn in_file(mut self, file: Option<&std::path::Path>) -> Self {
        self.file = file.map(Into::into);
        self
    }

    pub(crate) const fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

impl From<ConfigErrorKind> for ConfigError {
    fn from(kind: ConfigErrorKind) -> Self {
        Self {
            kind,
            file: None,
            line: None,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
        }
        if let Some(line) = self.line {
            match self.file {
                Some(_) => write!(f, "{line}:")?,
                None => write!(f, "line {line}:")?,
            }
        }
        if self.file.is_some() || self.line.is_some() {
            f.write_str(" ")?;
        }
        match &self.kind {
            ConfigErrorKind::Read(error) => write!(f, "cannot be read: {error}"),
            ConfigErrorKind::Missing(what) => write!(f, "holds no {what}"),
            ConfigErrorKind::Pem(what) => f.write_str(what),
            ConfigErrorKind::Certificate(error) => write!(f, "this certificate cannot be used: {error}"),
            ConfigErrorKind::Key(error) => write!(f, "this private key cannot be used: {error}"),
            ConfigErrorKind::EncryptedKey => f.write_str("the private key is encrypted; decrypt it first"),
            ConfigErrorKind::Mismatch => f.write_str("the private key belongs to another certificate"),
            ConfigErrorKind::ServerName(name) => write!(f, "\"{name}\" is neither a host name nor an IP address"),
            ConfigErrorKind::Settings(error) => write!(f, "the settings do not fit together: {error}"),
            ConfigErrorKind::NotReloadable => f.write_str("there is nothing to read again; replace the settings"),
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            ConfigErrorKind::Read(error) => Some(error),
            ConfigErrorKind::Certificate(error) | ConfigErrorKind::Key(error) | ConfigErrorKind::Settings(error) => {
                Some(error)
            }
            _ => None,
        }
    }
}
