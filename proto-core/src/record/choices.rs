//! Choices among a few, in a recording: one byte each.

use super::basic::choice;
use super::codec::{Reader, Value, Writer};
use super::error::RecordingError;
use crate::config::{Multiplex, Switch};
use crate::dispatch::{MethodKind, ServiceRole, Strictness, UnknownHandler};
use crate::grpc::UnknownNames;
use crate::http2::{ErrorCode, KeepAlive};
use crate::pingpong::RequestKind;
use crate::ttstream::Stall;
use crate::wire::{Codec, Transport};

impl Value for Switch {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Off => 0,
            Self::On => 1,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "switch", 1)? {
            0 => Self::Off,
            _ => Self::On,
        })
    }
}

impl Value for Multiplex {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Auto => 0,
            Self::Only => 1,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "way to multiplex", 1)? {
            0 => Self::Auto,
            _ => Self::Only,
        })
    }
}

impl Value for Transport {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Bare => 0,
            Self::Framed => 1,
            Self::TtHeader => 2,
            Self::TtHeaderFramed => 3,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "transport", 3)? {
            0 => Self::Bare,
            1 => Self::Framed,
            2 => Self::TtHeader,
            _ => Self::TtHeaderFramed,
        })
    }
}

impl Value for Codec {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Thrift => 0,
            Self::Protobuf => 1,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "codec", 1)? {
            0 => Self::Thrift,
            _ => Self::Protobuf,
        })
    }
}

impl Value for MethodKind {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Unary => 0,
            Self::Oneway => 1,
            Self::ClientStreaming => 2,
            Self::ServerStreaming => 3,
            Self::BidirectionalStreaming => 4,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "kind of methods", 4)? {
            0 => Self::Unary,
            1 => Self::Oneway,
            2 => Self::ClientStreaming,
            3 => Self::ServerStreaming,
            _ => Self::BidirectionalStreaming,
        })
    }
}

impl Value for RequestKind {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Call => 0,
            Self::Oneway => 1,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "kind of requests", 1)? {
            0 => Self::Call,
            _ => Self::Oneway,
        })
    }
}

impl Value for ServiceRole {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Ordinary => 0,
            Self::Fallback => 1,
            Self::Named => 2,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "role of a service", 2)? {
            0 => Self::Ordinary,
            1 => Self::Fallback,
            _ => Self::Named,
        })
    }
}

impl Value for Strictness {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Lenient => 0,
            Self::RefuseWithoutServiceName => 1,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "strictness", 1)? {
            0 => Self::Lenient,
            _ => Self::RefuseWithoutServiceName,
        })
    }
}

impl Value for UnknownHandler {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Absent => 0,
            Self::Present => 1,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "unknown handler", 1)? {
            0 => Self::Absent,
            _ => Self::Present,
        })
    }
}

impl Value for UnknownNames {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Auto => 0,
            Self::Kitex => 1,
            Self::Grpc => 2,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "dialect", 2)? {
            0 => Self::Auto,
            1 => Self::Kitex,
            _ => Self::Grpc,
        })
    }
}

impl Value for Stall {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Pause => 0,
            Self::Reset => 1,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "way to stall", 1)? {
            0 => Self::Pause,
            _ => Self::Reset,
        })
    }
}

impl Value for ErrorCode {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.0);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        from.take().map(Self)
    }
}

impl Value for KeepAlive {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.interval);
        out.put(&self.timeout);
        out.put(&self.without_streams);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(Self {
            interval: from.take()?,
            timeout: from.take()?,
            without_streams: from.take()?,
        })
    }
}
