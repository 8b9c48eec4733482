//! The table of services in a recording.

use std::borrow::Cow;

use super::basic::choice;
use super::codec::{Reader, Value, Writer};
use super::error::{RecordingError, RecordingErrorKind};
use crate::dispatch::{MethodInfo, ServiceInfo, Services, Strictness, UnknownHandler};

impl Value for Services {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.strictness());
        out.put(&self.unknown_handler());
        let services = self.declared();
        out.len(services.len());
        for (info, role) in services {
            out.put(&role);
            out.put(info);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let offset = from.offset();
        let mut table = Self::builder();
        table.strictness(from.take::<Strictness>()?);
        if from.take::<UnknownHandler>()? == UnknownHandler::Present {
            table.unknown_handler();
        }
        for _ in 0..count(from, "number of services")? {
            let role = from.take()?;
            table.add(from.take()?, role);
        }
        let table = table.build();
        table.map_err(|error| RecordingError::new(RecordingErrorKind::Services(error), offset))
    }
}

impl Value for ServiceInfo {
    fn put(&self, out: &mut Writer<'_>) {
        out.bytes(self.name.as_bytes());
        out.bytes(self.package.as_bytes());
        out.put(&self.codec);
        out.byte(self.combine.into());
        out.len(self.methods.len());
        for method in self.methods.iter() {
            out.put(&method.kind);
            out.bytes(method.name.as_bytes());
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let name = from.take::<String>()?;
        let package = from.take::<String>()?;
        let codec = from.take()?;
        let combine = choice(from, "mark of a combined service", 1)? == 1;
        let mut methods = Vec::new();
        for _ in 0..count(from, "number of methods")? {
            let kind = from.take()?;
            let name = Cow::Owned(from.take()?);
            methods.push(MethodInfo { name, kind });
        }
        Ok(Self {
            name: Cow::Owned(name),
            package: Cow::Owned(package),
            codec,
            methods: Cow::Owned(methods),
            combine,
        })
    }
}

/// A length of which the square is no great number: all names are compared with each other.
fn count(from: &mut Reader<'_>, what: &'static str) -> Result<u64, RecordingError> {
    let offset = from.offset();
    match from.number()? {
        count if count <= MAX_NAMES => Ok(count),
        _ => Err(RecordingError::invalid(what, offset)),
    }
}

/// Most services of a server, and most methods of a service.
const MAX_NAMES: u64 = 4096;
