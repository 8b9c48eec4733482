//! What a secure transport knows about the other side.

/// Whom the other side has proved to be, and what was agreed on with it. Only a transport such as TLS knows.
///
/// The transport has checked what stands here as its settings ask for: certificates that are not trusted end a
/// connection before anybody sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerIdentity {
    /// The certificates that the other side has shown, its own first, in DER. Empty for a client without one.
    pub certificates: Vec<Vec<u8>>,
    /// The application protocol that was agreed on (ALPN), such as `h2`.
    pub application_protocol: Option<Vec<u8>>,
    /// The name that the client asked for (SNI).
    pub server_name: Option<String>,
}
