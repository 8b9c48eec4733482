//! What is tried over TLS, and what has to come of it.

use super::Files;
use crate::call::TlsFiles;
use crate::lanes::{Direction, Side};

pub(super) struct Case {
    pub(super) transport: &'static str,
    pub(super) name: &'static str,
    pub(super) server: fn(&Files) -> TlsFiles,
    pub(super) client: fn(&Files) -> TlsFiles,
    /// A part of what a Kitex client tells, and of what ours does.
    kitex: &'static str,
    ours: &'static str,
}

impl Case {
    /// Kitex secures its servers by a listener alone, and then they take ping-pong calls alone; clients of ours that stream over
    /// TLS have cells with grpc-go.
    pub(super) fn fits(&self, direction: Direction) -> bool {
        !self.streams() || direction == Direction::KitexToOurs
    }

    /// Whether the call is a stream over gRPC.
    pub(super) fn streams(&self) -> bool {
        self.transport == "grpc"
    }

    pub(super) const fn expected(&self, client: Side) -> &'static str {
        match client {
            Side::Kitex => self.kitex,
            Side::Ours => self.ours,
        }
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |transport, name, server, client, kitex, ours| Case {
        transport,
        name,
        server,
        client,
        kitex,
        ours,
    };
    let mut cases = Vec::new();
    for transport in ["framed", "ttheader", "ttheader-framed", "grpc"] {
        cases.extend([
            case(transport, "call", Files::server as _, Files::client as _, HELLO, HELLO),
            case(
                transport,
                "client certificate",
                Files::strict_server,
                Files::known_client,
                HELLO,
                HELLO,
            ),
            case(
                transport,
                "no client certificate",
                Files::strict_server,
                Files::client,
                "tls: certificate required",
                "it wants a client certificate",
            ),
            case(
                transport,
                "strange client certificate",
                Files::strict_server,
                Files::strange_client,
                // Go shows no certificate that the server has not asked for.
                "tls: certificate required",
                "our certificate is ",
            ),
            case(
                transport,
                "server not trusted",
                Files::server,
                Files::wary_client,
                "x509: certificate signed by unknown authority",
                "certificate is not accepted: UnknownIssuer",
            ),
        ]);
    }
    cases
}

const HELLO: &str = "hello over TLS";
