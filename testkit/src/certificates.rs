//! Certificates made on the spot, for tests of TLS.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// An authority that tests trust, or do not.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate with its key, both in PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub chain: String,
    /// Its private key.
    pub key: String,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Valid {
    /// Now.
    Now,
    /// Until some years ago.
    Past,
    /// In a hundred years or so.
    Future,
}

impl Authority {
    /// A new one, with a key of its own.
    ///
    /// # Panics
    /// If no certificate can be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("keys can be made");
        let certificate = params.self_signed(&key).expect("certificates can be made").pem();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// Its own certificate, in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for host names and IP addresses.
    ///
    /// # Panics
    /// If one of `names` is none.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_valid(names, Valid::Now)
    }

    /// A certificate for host names and IP addresses that is valid at another time.
    ///
    /// # Panics
    /// If one of `names` is none.
    #[must_use]
    pub fn issue_valid(&self, names: &[&str], valid: Valid) -> Issued {
        let mut params = named(names.first().copied().unwrap_or("nobody"), names);
        match valid {
            Valid::Now => {}
            Valid::Past => params.not_after = date_time_ymd(2001, 1, 1),
            Valid::Future => params.not_before = date_time_ymd(2999, 1, 1),
        }
        let key = KeyPair::generate().expect("keys can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("certificates can be made");
        Issued {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

fn named(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names are host names or addresses");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
