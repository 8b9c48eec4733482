//! What applications hand to a connection, in a recording.

use bytes::Bytes;

use super::basic::choice;
use super::codec::{Reader, Value, Writer};
use super::error::RecordingError;
use crate::buf::Output;
use crate::error::{Disconnect, EncodeError};
use crate::exception::{ApplicationException, ExceptionType};
use crate::http::{Fields, RequestId, Response, Sensitivity};
use crate::metainfo::MetaInfo;
use crate::pingpong::{CallId, EncodeBody, Shutdown};
use crate::status::BusinessStatus;
use crate::ttstream as streams;
use crate::wire::grpc::{Outcome, Status};
use crate::wire::{http2, ttstream};

/// A message body as it was encoded, so that nobody is asked to encode it twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Encoded {
    bytes: Bytes,
    failed: Option<EncodeError>,
}

impl Encoded {
    pub(crate) fn of(body: &dyn EncodeBody) -> Self {
        let mut out = Output::new();
        body.encode_body(&mut out);
        let failed = out.take_error();
        Self {
            bytes: out.to_vec().into(),
            failed,
        }
    }

    pub(crate) const fn error(&self) -> Option<EncodeError> {
        self.failed
    }
}

impl EncodeBody for Encoded {
    fn encode_body(&self, out: &mut Output) {
        match self.failed {
            None => out.put_shared(&self.bytes),
            Some(error) => out.fail(error),
        }
    }
}

impl Value for Encoded {
    fn put(&self, out: &mut Writer<'_>) {
        match self.failed {
            None => {
                out.byte(0);
                out.bytes(&self.bytes);
            }
            Some(_) => out.byte(1),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "body", 1)? {
            0 => Self {
                bytes: Bytes::copy_from_slice(from.bytes()?),
                failed: None,
            },
            // Which error it was is for the caller alone.
            _ => Self {
                bytes: Bytes::new(),
                failed: Some(EncodeError::NoWireForm("a message that had none when it was recorded")),
            },
        })
    }
}

impl Value for CallId {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&(self.index(), self.generation()));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let (index, generation) = from.take()?;
        Ok(Self::from_parts(index, generation))
    }
}

impl Value for http2::StreamId {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.get());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        from.take().map(Self::new)
    }
}

impl Value for ttstream::StreamId {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.get());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        from.take().map(Self::new)
    }
}

impl Value for RequestId {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.0);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        from.take().map(Self)
    }
}

impl Value for Disconnect {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::ReadEnd => 0,
            Self::ReadFailed => 1,
            Self::WriteFailed => 2,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "way to disconnect", 2)? {
            0 => Self::ReadEnd,
            1 => Self::ReadFailed,
            _ => Self::WriteFailed,
        })
    }
}

impl Value for Shutdown {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Self::Immediate => out.byte(0),
            Self::Graceful { until } => {
                out.byte(1);
                out.moment(*until);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "way to shut down", 1)? {
            0 => Self::Immediate,
            _ => Self::Graceful { until: from.moment()? },
        })
    }
}

impl Value for crate::Instant {
    fn put(&self, out: &mut Writer<'_>) {
        out.moment(*self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        from.moment()
    }
}

impl Value for Fields {
    fn put(&self, out: &mut Writer<'_>) {
        out.len(self.len());
        for field in self {
            out.bytes(field.name);
            out.bytes(field.value);
            out.byte(match field.sensitivity {
                Sensitivity::Ordinary => 0,
                Sensitivity::Sensitive => 1,
            });
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let mut fields = Self::new();
        for _ in 0..from.number()? {
            let (name, value) = (from.bytes()?, from.bytes()?);
            match choice(from, "field", 1)? {
                0 => fields.push(name, value),
                _ => fields.push_sensitive(name, value),
            }
        }
        Ok(fields)
    }
}

impl Value for ttstream::Strings {
    fn put(&self, out: &mut Writer<'_>) {
        out.len(self.len());
        for (key, value) in self {
            out.bytes(key);
            out.bytes(value);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let mut strings = Self::new();
        for _ in 0..from.number()? {
            strings.push(from.bytes()?, from.bytes()?);
        }
        Ok(strings)
    }
}

impl Value for MetaInfo {
    fn put(&self, out: &mut Writer<'_>) {
        // What came with the call being served goes no further.
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        out.put(&self.persistents().map(owned).collect::<Vec<_>>());
        out.put(&self.transients().map(owned).collect::<Vec<_>>());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let mut meta = Self::new();
        for (key, value) in from.take::<Vec<(String, String)>>()? {
            meta.set_persistent(key, value);
        }
        for (key, value) in from.take::<Vec<(String, String)>>()? {
            meta.set_transient(key, value);
        }
        Ok(meta)
    }
}

impl Value for BusinessStatus {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.code);
        out.put(&self.message);
        out.put(&self.extra);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(Self {
            code: from.take()?,
            message: from.take()?,
            extra: from.take()?,
        })
    }
}

impl Value for ApplicationException {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.kind.0);
        out.bytes(self.message.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let kind = ExceptionType(from.take()?);
        Ok(Self::new(kind, from.take::<String>()?))
    }
}

impl Value for Status {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.code.0);
        out.put(&self.message);
        out.put(&self.details.iter().map(Bytes::copy_from_slice).collect::<Vec<_>>());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let code = crate::wire::grpc::Code(from.take()?);
        let mut status = Self::new(code, from.take::<String>()?);
        for detail in from.take::<Vec<Bytes>>()? {
            status.details.push(&detail);
        }
        Ok(status)
    }
}

impl Value for Outcome {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.status);
        out.put(&self.business);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(Self {
            status: from.take()?,
            business: from.take()?,
        })
    }
}

impl Value for streams::Ending {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Self::Ok => out.byte(0),
            Self::Business(status) => {
                out.byte(1);
                out.put(status);
            }
            Self::Exception(exception) => {
                out.byte(2);
                out.put(exception);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "ending", 2)? {
            0 => Self::Ok,
            1 => Self::Business(from.take()?),
            _ => Self::Exception(from.take()?),
        })
    }
}

impl Value for streams::Exception {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.code);
        out.byte(match self.class {
            streams::Class::Application => 0,
            streams::Class::Protocol => 1,
            streams::Class::Canceled => 2,
            streams::Class::Timeout => 3,
        });
        out.byte(match self.side {
            None => 0,
            Some(streams::Side::Client) => 1,
            Some(streams::Side::Server) => 2,
        });
        out.put(&self.path);
        out.put(&self.message);
        out.put(&self.remote.map(|kind| kind.0));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let code = from.take()?;
        let class = match choice(from, "class of exceptions", 3)? {
            0 => streams::Class::Application,
            1 => streams::Class::Protocol,
            2 => streams::Class::Canceled,
            _ => streams::Class::Timeout,
        };
        let side = match choice(from, "side of a stream", 2)? {
            0 => None,
            1 => Some(streams::Side::Client),
            _ => Some(streams::Side::Server),
        };
        let path = from.take()?;
        let mut exception = Self::new(code, class, from.take::<String>()?);
        exception.side = side;
        exception.path = path;
        exception.remote = from.take::<Option<i32>>()?.map(ExceptionType);
        Ok(exception)
    }
}

impl Value for Response {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.status);
        out.put(&self.fields);
        out.put(&self.body);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(Self {
            status: from.take()?,
            fields: from.take()?,
            body: from.take()?,
        })
    }
}
