//! The ways that a call can take on the wire: one row of the matrix each.

use std::fmt;

use crate::call::Dial;

/// Who calls whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    KitexToOurs,
    OursToKitex,
    /// Shows that the expectations are Kitex's own behaviour.
    KitexToKitex,
    /// Needs no Go, and shows what no Kitex peer can do.
    OursToOurs,
}

impl Direction {
    pub(crate) fn client(self) -> Side {
        match self {
            Self::KitexToOurs | Self::KitexToKitex => Side::Kitex,
            Self::OursToKitex | Self::OursToOurs => Side::Ours,
        }
    }

    pub(crate) fn server(self) -> Side {
        match self {
            Self::OursToKitex | Self::KitexToKitex => Side::Kitex,
            Self::KitexToOurs | Self::OursToOurs => Side::Ours,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::KitexToOurs => "Kitex->ours",
            Self::OursToKitex => "ours->Kitex",
            Self::KitexToKitex => "Kitex->Kitex",
            Self::OursToOurs => "ours->ours",
        })
    }
}

/// Whose peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Kitex,
    Ours,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kitex => "Kitex",
            Self::Ours => "ours",
        })
    }
}

/// A transport with its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) name: &'static str,
    pub(crate) transport: &'static str,
    pub(crate) multiplexed: bool,
    /// Meta handlers on both sides: service name, caller, timeout, business errors.
    pub(crate) meta: bool,
    pub(crate) protobuf: bool,
    /// How Kitex names the transport to a handler.
    pub(crate) seen_as: &'static str,
}

impl Lane {
    /// A TTHeader carries the call.
    pub(crate) fn has_header(&self) -> bool {
        self.transport.starts_with("ttheader")
    }

    pub(crate) fn dial(&self, address: &str) -> Dial {
        Dial {
            address: address.to_owned(),
            transport: self.transport,
            mux: u32::from(self.multiplexed),
            ttheader_meta: self.meta,
            protobuf: self.protobuf,
            ..Dial::default()
        }
    }

    /// Why this lane cannot be run in a direction.
    pub(crate) fn missing(&self, direction: Direction) -> Option<&'static str> {
        let framed_protobuf = self.protobuf && self.transport == "framed";
        (framed_protobuf && direction.client() == Side::Kitex)
            .then_some("a Kitex Protobuf client always sends TTHeader with an inner length")
    }
}

pub(crate) const LANES: [Lane; 12] = [
    lane("bare", "bare", "PurePayload"),
    lane("framed", "framed", "Framed"),
    lane("ttheader", "ttheader", "TTHeader").with_meta(),
    lane("ttheader+framed", "ttheader-framed", "TTHeader|Framed").with_meta(),
    lane("ttheader/plain", "ttheader", "TTHeader"),
    lane("ttheader+framed/plain", "ttheader-framed", "TTHeader|Framed"),
    lane("mux", "ttheader-framed", "TTHeader|Framed").with_meta().over_mux(),
    lane("mux/unframed", "ttheader", "TTHeader").with_meta().over_mux(),
    lane("kitexpb", "ttheader-framed", "TTHeader|Framed")
        .with_meta()
        .in_protobuf(),
    lane("kitexpb/plain", "ttheader-framed", "TTHeader|Framed").in_protobuf(),
    lane("kitexpb/framed", "framed", "Framed").in_protobuf(),
    lane("kitexpb/mux", "ttheader-framed", "TTHeader|Framed")
        .with_meta()
        .over_mux()
        .in_protobuf(),
];

const fn lane(name: &'static str, transport: &'static str, seen_as: &'static str) -> Lane {
    Lane {
        name,
        transport,
        multiplexed: false,
        meta: false,
        protobuf: false,
        seen_as,
    }
}

impl Lane {
    const fn with_meta(mut self) -> Self {
        self.meta = true;
        self
    }

    const fn over_mux(mut self) -> Self {
        self.multiplexed = true;
        self
    }

    const fn in_protobuf(mut self) -> Self {
        self.protobuf = true;
        self
    }
}
