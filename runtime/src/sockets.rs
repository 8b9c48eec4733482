//! The system's sockets, for adapters: names are resolved, sockets bound and errors worded the same on every runtime.
//!
//! What can be done without waiting is done here, in the standard library's types; how to wait is the adapter's part.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
#[cfg(unix)]
use std::path::Path;
use std::{fmt, io};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::Address;

/// A socket that listens, and never blocks.
#[derive(Debug)]
pub enum Listening {
    /// On TCP.
    Tcp(TcpListener),
    /// On a Unix socket. Its file stays behind; listening there again replaces it.
    #[cfg(unix)]
    Unix(UnixListener),
}

/// Listens on `address`, with a queue as long as Go's where the system allows it: clients may come in hundreds at once.
///
/// A Unix socket that an earlier process left behind is replaced; any other file is not. Blocks while a name is
/// resolved, and only then.
///
/// # Errors
/// When the name leads nowhere or no address can be had.
pub fn listen(address: &Address) -> io::Result<Listening> {
    match address {
        Address::Tcp(address) => listen_tcp(*address),
        Address::Name(name) => {
            let mut failures = Failures::default();
            for address in resolve(name)? {
                match listen_tcp(address) {
                    Ok(listening) => return Ok(listening),
                    Err(error) => failures.add(address, error),
                }
            }
            Err(failures.into_error())
        }
        #[cfg(unix)]
        Address::Unix(path) => listen_unix(path),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// The addresses behind `host:port`. Blocks, perhaps for seconds.
///
/// # Errors
/// Whatever the system says of the name.
pub fn resolve(name: &str) -> io::Result<Vec<SocketAddr>> {
    Ok(name.to_socket_addrs()?.collect())
}

/// Connects to the first address that answers.
///
/// # Errors
/// When none does: what each of them said.
pub async fn connect_first<S, F>(
    addresses: impl IntoIterator<Item = SocketAddr> + Send,
    mut connect: impl FnMut(SocketAddr) -> F + Send,
) -> io::Result<S>
where
    F: Future<Output = io::Result<S>> + Send,
{
    let mut failures = Failures::default();
    for address in addresses {
        match connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failures.add(address, error),
        }
    }
    Err(failures.into_error())
}

/// The address of a Unix socket.
///
/// # Errors
/// When it has none, as is common among those of clients.
#[cfg(unix)]
pub fn unix_address(address: &std::os::unix::net::SocketAddr) -> io::Result<Address> {
    let path = address.as_pathname().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(Address::unix(path))
}

/// What the addresses behind a name said, one after the other. The kind of the error is that of the last.
#[derive(Debug, Default)]
struct Failures(Vec<(SocketAddr, io::Error)>);

impl Failures {
    fn add(&mut self, address: SocketAddr, error: io::Error) {
        self.0.push((address, error));
    }

    fn into_error(self) -> io::Error {
        let kind = self
            .0
            .last()
            .map_or(io::ErrorKind::AddrNotAvailable, |(_, error)| error.kind());
        io::Error::new(kind, self)
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no address behind the name");
        }
        for (at, (address, error)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.last().map(|(_, error)| error as _)
    }
}

/// Every address of the machine means those of IPv4, too, whatever the system's default, and where there is no IPv6.
fn listen_tcp(address: SocketAddr) -> io::Result<Listening> {
    let all = (Ipv4Addr::UNSPECIFIED, address.port()).into();
    match bind_tcp(address) {
        Err(error) if is_every_address(address) && error.kind() != io::ErrorKind::AddrInUse => {
            bind_tcp(all).map_err(|_| error)
        }
        bound => bound,
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<Listening> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if is_every_address(address) {
        socket.set_only_v6(false)?;
    }
    begin(&socket, &address.into())?;
    Ok(Listening::Tcp(socket.into()))
}

/// `[::]`, which `:8888` stands for.
fn is_every_address(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

#[cfg(unix)]
fn listen_unix(path: &Path) -> io::Result<Listening> {
    use std::os::unix::fs::FileTypeExt;

    if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    begin(&socket, &SockAddr::unix(path)?)?;
    Ok(Listening::Unix(socket.into()))
}

fn begin(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn the_first_address_that_answers_is_taken() {
        let mut tried = Vec::new();
        let connected = ready(connect_first([address(1), address(2), address(3)], |address| {
            tried.push(address.port());
            async move {
                if address.port() == 2 {
                    Ok(address)
                } else {
                    Err(refused())
                }
            }
        }));
        assert_eq!(connected.unwrap(), address(2));
        assert_eq!(tried, [1, 2]);
    }

    #[test]
    fn a_failure_tells_what_each_address_said() {
        let error = ready(connect_first([address(1), address(2)], async |address| {
            Err::<(), _>(match address.port() {
                1 => io::ErrorKind::TimedOut.into(),
                _ => refused(),
            })
        }))
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(
            error.to_string(),
            "127.0.0.1:1: timed out; 127.0.0.1:2: connection refused"
        );
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "connection refused");
    }

    #[test]
    fn a_name_without_addresses_is_said_to_be_one() {
        let error = ready(connect_first([], async |_| Ok(()))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        assert_eq!(error.to_string(), "no address behind the name");
    }

    #[test]
    fn what_listens_does_not_block() {
        let Listening::Tcp(listener) = listen(&"127.0.0.1:0".into()).unwrap() else {
            panic!("TCP was asked for");
        };
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn every_address_is_those_of_both_versions() {
        let Listening::Tcp(listener) = listen(&":0".into()).unwrap() else {
            panic!("TCP was asked for");
        };
        let bound = listener.local_addr().unwrap();
        assert!(bound.ip().is_unspecified());
        if bound.is_ipv6() {
            assert!(!socket2::SockRef::from(&listener).only_v6().unwrap());
        }
        TcpStream::connect((Ipv4Addr::LOCALHOST, bound.port())).unwrap();
    }

    /// The result of a future that does not wait.
    fn ready<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("there was nothing to wait for"),
        }
    }

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn refused() -> io::Error {
        io::ErrorKind::ConnectionRefused.into()
    }
}
