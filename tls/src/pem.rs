//! Certificates and keys out of PEM, with errors that say where.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use crate::error::{ConfigError, ConfigErrorKind};

/// A certificate chain with its private key: what a side shows of itself.
///
/// Files are read when the settings are built, and again when they are reloaded.
#[derive(Clone, Debug)]
pub struct Identity {
    chain: Source,
    key: Source,
}

/// Certificates of the authorities that are trusted.
#[derive(Clone, Debug)]
pub struct Roots(Vec<Source>);

#[derive(Clone)]
enum Source {
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl Identity {
    /// Reads the chain, the own certificate first, from one PEM file and the key from another or the same one.
    pub fn files(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            chain: Source::File(chain.into()),
            key: Source::File(key.into()),
        }
    }

    /// Takes the same from memory, in PEM as well.
    pub fn pem(chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self {
            chain: Source::Bytes(chain.into()),
            key: Source::Bytes(key.into()),
        }
    }

    pub(crate) fn load(&self, provider: &CryptoProvider) -> Result<CertifiedKey, ConfigError> {
        let chain = self.chain.certificates()?;
        let (key, line) = self.key.private_key()?;
        let at = |kind: ConfigErrorKind| ConfigError::from(kind).in_file(self.key.path()).at_line(line);
        let key = provider.key_provider.load_private_key(key);
        let key = CertifiedKey::new(chain, key.map_err(|error| at(ConfigErrorKind::Key(error)))?);
        match key.keys_match() {
            // Some kinds of keys do not tell.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(key),
            Err(rustls::Error::InconsistentKeys(_)) => Err(at(ConfigErrorKind::Mismatch)),
            Err(error) => Err(ConfigError::from(ConfigErrorKind::Certificate(error)).in_file(self.chain.path())),
        }
    }
}

impl Roots {
    /// Every certificate of a PEM file. A system's own are often in `/etc/ssl/certs/ca-certificates.crt`.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(vec![Source::File(path.into())])
    }

    /// Every certificate of a PEM text.
    pub fn pem(text: impl Into<Vec<u8>>) -> Self {
        Self(vec![Source::Bytes(text.into())])
    }

    /// Those of `other`, too.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(crate) fn load(&self) -> Result<RootCertStore, ConfigError> {
        let mut store = RootCertStore::empty();
        for source in &self.0 {
            let text = source.read()?;
            for section in source.sections(&text, CERTIFICATE)? {
                let added = section.certificate().and_then(|certificate| {
                    let added = store.add(certificate);
                    added.map_err(|error| section.error(ConfigErrorKind::Certificate(error)))
                });
                added.map_err(|error| error.in_file(source.path()))?;
            }
        }
        Ok(store)
    }
}

impl Source {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Bytes(_) => None,
        }
    }

    fn read(&self) -> Result<Vec<u8>, ConfigError> {
        match self {
            Self::File(path) => {
                std::fs::read(path).map_err(|error| ConfigError::from(ConfigErrorKind::Read(error)).in_file(Some(path)))
            }
            Self::Bytes(bytes) => Ok(bytes.clone()),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
        let text = self.read()?;
        let sections = self.sections(&text, CERTIFICATE)?;
        let certificates = sections.iter().map(Section::certificate).collect::<Result<_, _>>();
        certificates.map_err(|error| error.in_file(self.path()))
    }

    /// The first key, and its line.
    fn private_key(&self) -> Result<(PrivateKeyDer<'static>, usize), ConfigError> {
        let text = self.read()?;
        let sections = self.sections(&text, KEY)?;
        let found = match sections.first() {
            Some(section) => section.private_key().map(|key| (key, section.line)),
            None => Err(ConfigErrorKind::Missing(KEY).into()),
        };
        found.map_err(|error| error.in_file(self.path()))
    }

    /// The sections whose label ends with `wanted`, of which there is at least one.
    fn sections<'a>(&self, text: &'a [u8], wanted: &'static str) -> Result<Vec<Section<'a>>, ConfigError> {
        let mut found = sections(text).map_err(|error| error.in_file(self.path()))?;
        found.retain(|section| section.label.ends_with(wanted.as_bytes()));
        if found.is_empty() {
            return Err(ConfigError::from(ConfigErrorKind::Missing(wanted)).in_file(self.path()));
        }
        Ok(found)
    }
}

/// Says nothing about keys.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Bytes(bytes) => write!(f, "{} bytes of PEM", bytes.len()),
        }
    }
}

/// A section of a PEM text.
struct Section<'a> {
    label: &'a [u8],
    /// From its first line to its last.
    text: &'a [u8],
    line: usize,
}

impl Section<'_> {
    fn certificate(&self) -> Result<CertificateDer<'static>, ConfigError> {
        let certificate = CertificateDer::from_pem_slice(self.text).map_err(|error| self.pem_error(&error))?;
        ParsedCertificate::try_from(&certificate).map_err(|error| self.error(ConfigErrorKind::Certificate(error)))?;
        Ok(certificate.into_owned())
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, ConfigError> {
        // Two ways to say so: by the label, and by a header line within.
        let header = self.text.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
        if self.label == b"ENCRYPTED PRIVATE KEY" || header.starts_with(b"Proc-Type:") {
            return Err(self.error(ConfigErrorKind::EncryptedKey));
        }
        PrivateKeyDer::from_pem_slice(self.text).map_err(|error| self.pem_error(&error))
    }

    fn pem_error(&self, error: &rustls::pki_types::pem::Error) -> ConfigError {
        let label = String::from_utf8_lossy(self.label);
        self.error(ConfigErrorKind::Pem(format!(
            "the section {label} cannot be decoded: {error}"
        )))
    }

    fn error(&self, kind: ConfigErrorKind) -> ConfigError {
        ConfigError::from(kind).at_line(self.line)
    }
}

/// All sections of a PEM text; what stands between them is a comment.
fn sections(text: &[u8]) -> Result<Vec<Section<'_>>, ConfigError> {
    let mut found = Vec::new();
    // Label, line and offset of the section that has begun.
    let mut open: Option<(&[u8], usize, usize)> = None;
    let mut offset = 0;
    for (at, whole) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (line, number) = (whole.trim_ascii(), at + 1);
        let end = offset + whole.len();
        if let Some(label) = between(line, b"-----BEGIN ") {
            if let Some((label, line, _)) = open {
                return Err(unfinished(label, line));
            }
            open = Some((label, number, offset));
        } else if let Some(label) = between(line, b"-----END ")
            && let Some((begun, line, start)) = open.take()
        {
            if begun != label {
                return Err(unfinished(begun, line));
            }
            let text = text.get(start..end).unwrap_or_default();
            found.push(Section { label, text, line });
        }
        offset = end;
    }
    match open {
        Some((label, line, _)) => Err(unfinished(label, line)),
        None => Ok(found),
    }
}

fn between<'a>(line: &'a [u8], begin: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(begin)?.strip_suffix(b"-----")
}

fn unfinished(label: &[u8], line: usize) -> ConfigError {
    let label = String::from_utf8_lossy(label);
    let text = format!("the section {label} that begins here has no end");
    ConfigError::from(ConfigErrorKind::Pem(text)).at_line(line)
}

const CERTIFICATE: &str = "CERTIFICATE";
const KEY: &str = "PRIVATE KEY";
