//! `:path`: service and method.

use std::fmt;

use super::quoted::Quoted;
use super::{Code, Status};

/// The parts of a request's path: `/package.Service/method`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path<'a> {
    /// What is before the last dot in front of the service name. Not used to find the service, as in Kitex.
    pub package: &'a [u8],
    /// The service's name in the IDL.
    pub service: &'a [u8],
    /// The method's name.
    pub method: &'a [u8],
}

/// A path without a slash between service and method. The call ends with this as its status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MalformedPath<'a>(pub &'a [u8]);

impl<'a> Path<'a> {
    /// Takes a path apart. The first slash may be missing; the last one ends the service.
    ///
    /// # Errors
    /// No slash behind the first byte.
    ///
    /// ```
    /// use kitewire_proto::wire::grpc::Path;
    ///
    /// let path = Path::parse(b"/kw.wire.v1.WirePb/Unary").unwrap();
    /// assert_eq!((path.package, path.service, path.method), (&b"kw.wire.v1"[..], &b"WirePb"[..], &b"Unary"[..]));
    /// ```
    pub fn parse(path: &'a [u8]) -> Result<Self, MalformedPath<'a>> {
        let (name, method) = last_split(path.strip_prefix(b"/").unwrap_or(path), b'/').ok_or(MalformedPath(path))?;
        let (package, service) = last_split(name, b'.').unwrap_or((&[], name));
        Ok(Self {
            package,
            service,
            method,
        })
    }

    /// The path of a request. Without a package there is no dot.
    #[must_use]
    pub fn build(package: &str, service: &str, method: &str) -> String {
        let dot = if package.is_empty() { "" } else { "." };
        ["/", package, dot, service, "/", method].concat()
    }
}

fn last_split(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().rposition(|byte| *byte == separator)?;
    let (before, behind) = text.split_at_checked(place)?;
    Some((before, behind.get(1..)?))
}

impl fmt::Display for MalformedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed method name, method={}", Quoted(self.0))
    }
}

impl std::error::Error for MalformedPath<'_> {}

impl From<MalformedPath<'_>> for Status {
    fn from(error: MalformedPath<'_>) -> Self {
        Self::new(Code::INTERNAL, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let rows = [
            ("/wire.WireService/unary", "wire", "WireService", "unary"),
            ("wire.WireService/unary", "wire", "WireService", "unary"),
            ("/kw.wire.v1.WirePb/Unary", "kw.wire.v1", "WirePb", "Unary"),
            ("/NoPackage/Echo", "", "NoPackage", "Echo"),
            ("/a/b.C/d", "a/b", "C", "d"),
            ("/a.B/", "a", "B", ""),
            ("//m", "", "", "m"),
            ("/a./m", "a", "", "m"),
            ("/S/m.n", "", "S", "m.n"),
        ];
        for (path, package, service, method) in rows {
            let expected = Path {
                package: package.as_bytes(),
                service: service.as_bytes(),
                method: method.as_bytes(),
            };
            assert_eq!(Path::parse(path.as_bytes()), Ok(expected), "{path}");
        }
        assert_eq!(Path::build("wire", "WireService", "unary"), "/wire.WireService/unary");
        assert_eq!(Path::build("", "NoPackage", "Echo"), "/NoPackage/Echo");
    }

    #[test]
    fn a_path_without_a_slash_is_refused() {
        for path in ["", "/", "/unary", "unary", "/a.b"] {
            let error = Path::parse(path.as_bytes()).unwrap_err();
            let expected = Status::new(Code(13), format!("malformed method name, method=\"{path}\""));
            assert_eq!(Status::from(error), expected);
        }
    }
}
