//! Where to listen or connect.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where to listen or to connect: an IP address with a port, a Unix socket, or a name to resolve.
///
/// ```
/// use kitewire_runtime::Address;
///
/// assert!(matches!(Address::from("127.0.0.1:8888"), Address::Tcp(_)));
/// assert!(matches!(Address::from("[::1]:8888"), Address::Tcp(_)));
/// assert!(matches!(Address::from("/run/shop.sock"), Address::Unix(_)));
/// assert!(matches!(Address::from("unix:shop.sock"), Address::Unix(_)));
/// assert!(matches!(Address::from("shop.internal:8888"), Address::Name(_)));
/// // As in Go, no host means every address of this machine.
/// assert_eq!(Address::from(":8888").to_string(), "[::]:8888");
/// assert!("shop.internal".parse::<Address>().is_err(), "no port");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A Unix domain socket.
    Unix(PathBuf),
    /// `host:port`, resolved when it is used.
    Name(Box<str>),
}

impl Address {
    /// The Unix socket at `path`.
    pub fn unix(path: impl AsRef<Path>) -> Self {
        Self::Unix(path.as_ref().to_path_buf())
    }

    /// The IP address, where there is one.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix(_) | Self::Name(_) => None,
        }
    }

    /// The port, where there is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Name(name) => name.rsplit_once(':')?.1.parse().ok(),
            Self::Unix(_) => None,
        }
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Tcp(address));
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(InvalidAddress(text.into()))
            } else {
                Ok(Self::unix(path))
            };
        }
        if text.starts_with('/') || text.starts_with("./") || text.starts_with("../") {
            return Ok(Self::unix(text));
        }
        match text.rsplit_once(':') {
            Some((host, port)) => match port.parse() {
                Ok(port) if host.is_empty() => Ok(Self::Tcp(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))),
                Ok(_) => Ok(Self::Name(text.into())),
                Err(_) => Err(InvalidAddress(text.into())),
            },
            None => Err(InvalidAddress(text.into())),
        }
    }
}

impl From<&str> for Address {
    /// As [`FromStr`]. Text that is no address becomes a name, and is reported when it is used.
    fn from(text: &str) -> Self {
        text.parse().unwrap_or_else(|_| Self::Name(text.into()))
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&String> for Address {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl From<(IpAddr, u16)> for Address {
    fn from(address: (IpAddr, u16)) -> Self {
        Self::Tcp(address.into())
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self::unix(path)
    }
}

impl From<&Self> for Address {
    fn from(address: &Self) -> Self {
        address.clone()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Text that is no address: neither `ip:port`, nor `host:port`, nor a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidAddress(Box<str>);

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no address: ip:port, host:port, unix:path or an absolute path is needed",
            self.0
        )
    }
}

impl std::error::Error for InvalidAddress {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back() {
        for text in [
            "127.0.0.1:80",
            "[::1]:8888",
            "unix:/run/x.sock",
            "unix:x.sock",
            "host.name:1",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "host", "host:", "host:port", "host:70000", "unix:"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        assert_eq!(Address::from("nonsense"), Address::Name("nonsense".into()));
    }

    #[test]
    fn ports_are_known_where_they_are_told() {
        assert_eq!(Address::from("host:80").port(), Some(80));
        assert_eq!(Address::from("1.2.3.4:81").port(), Some(81));
        assert_eq!(Address::from("/x").port(), None);
        assert_eq!(Address::from("1.2.3.4:81").ip(), Some(IpAddr::from([1, 2, 3, 4])));
    }
}
