//! What is in the files, by name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kitewire::bytes::Bytes;
use kitewire::prost::{DecodeError, Message};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, ServiceDescriptorProto,
};

/// Protobuf files and where to find what in them.
#[derive(Debug, Default)]
pub(crate) struct Files {
    files: Vec<File>,
    names: BTreeMap<String, FileId>,
    /// Full names of everything that has one.
    symbols: BTreeMap<String, FileId>,
    /// By the full name of the extended message, then by field number.
    extensions: BTreeMap<String, BTreeMap<i32, FileId>>,
    services: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(usize);

/// Files that were sent on one stream.
pub(crate) type Sent = BTreeSet<FileId>;

#[derive(Debug)]
struct File {
    /// As it was given: to decode it and encode it again would lose options that are extensions.
    encoded: Bytes,
    imports: Vec<String>,
}

/// A `FileDescriptorSet` whose files stay encoded.
#[derive(Clone, PartialEq, kitewire::prost::Message)]
#[prost(prost_path = "kitewire::prost")]
struct EncodedSet {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    file: Vec<Bytes>,
}

impl Files {
    /// Adds the files of an encoded `FileDescriptorSet` whose names are new.
    pub(crate) fn add(&mut self, encoded: &[u8]) -> Result<(), DecodeError> {
        let set = EncodedSet::decode(encoded)?;
        let decoded = set.file.iter().map(|file| FileDescriptorProto::decode(file.clone()));
        let decoded = decoded.collect::<Result<Vec<_>, _>>()?;
        for (file, encoded) in decoded.into_iter().zip(set.file) {
            if !self.names.contains_key(file.name()) {
                self.file(&file, encoded);
            }
        }
        Ok(())
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<FileId> {
        self.names.get(name).copied()
    }

    pub(crate) fn by_symbol(&self, symbol: &str) -> Option<FileId> {
        self.symbols.get(symbol).copied()
    }

    pub(crate) fn by_extension(&self, extended: &str, number: i32) -> Option<FileId> {
        self.extensions.get(extended)?.get(&number).copied()
    }

    /// The numbers of the extensions of a message; `None` if there is no such message.
    pub(crate) fn extension_numbers(&self, extended: &str) -> Option<Vec<i32>> {
        let numbers = self.extensions.get(extended).map(|numbers| numbers.keys().copied());
        match numbers {
            Some(numbers) => Some(numbers.collect()),
            None => self.symbols.contains_key(extended).then(Vec::new),
        }
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str)
    }

    /// A file, and then what it imports, directly or not, nearest first: without what was `sent` already.
    pub(crate) fn with_imports(&self, file: FileId, sent: &mut Sent) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let mut queue = VecDeque::from([file]);
        while let Some(id) = queue.pop_front() {
            let Some(current) = self.files.get(id.0) else {
                continue;
            };
            sent.insert(id);
            out.push(current.encoded.to_vec());
            let imports = current.imports.iter().filter_map(|name| self.by_name(name));
            // In the queue once: what is in `sent` was sent, or is about to be.
            queue.extend(imports.filter(|import| sent.insert(*import)));
        }
        out
    }

    fn file(&mut self, file: &FileDescriptorProto, encoded: Bytes) {
        let id = FileId(self.files.len());
        self.names.insert(file.name().to_owned(), id);
        self.files.push(File {
            encoded,
            imports: file.dependency.clone(),
        });
        let package = file.package();
        file.message_type
            .iter()
            .for_each(|message| self.message(id, package, message));
        file.enum_type
            .iter()
            .for_each(|declared| self.enumeration(id, package, declared));
        file.extension
            .iter()
            .for_each(|extension| self.extension(id, package, extension));
        file.service
            .iter()
            .for_each(|service| self.service(id, package, service));
    }

    fn message(&mut self, id: FileId, scope: &str, message: &DescriptorProto) {
        let name = &self.symbol(id, scope, message.name());
        for field in &message.field {
            self.symbol(id, name, field.name());
        }
        for oneof in &message.oneof_decl {
            self.symbol(id, name, oneof.name());
        }
        for extension in &message.extension {
            self.extension(id, name, extension);
        }
        for declared in &message.enum_type {
            self.enumeration(id, name, declared);
        }
        for nested in &message.nested_type {
            self.message(id, name, nested);
        }
    }

    fn enumeration(&mut self, id: FileId, scope: &str, declared: &EnumDescriptorProto) {
        let name = &self.symbol(id, scope, declared.name());
        for value in &declared.value {
            // Values stand beside their type, by Protobuf's rules; some clients look for them inside of it.
            self.symbol(id, scope, value.name());
            self.symbol(id, name, value.name());
        }
    }

    fn extension(&mut self, id: FileId, scope: &str, extension: &FieldDescriptorProto) {
        self.symbol(id, scope, extension.name());
        let extended = extension.extendee();
        let extended = extended.strip_prefix('.').unwrap_or(extended).to_owned();
        let numbers = self.extensions.entry(extended).or_default();
        numbers.entry(extension.number()).or_insert(id);
    }

    fn service(&mut self, id: FileId, scope: &str, service: &ServiceDescriptorProto) {
        let name = self.symbol(id, scope, service.name());
        for method in &service.method {
            self.symbol(id, &name, method.name());
        }
        self.services.insert(name);
    }

    /// Notes a symbol, and gives its full name.
    fn symbol(&mut self, id: FileId, scope: &str, name: &str) -> String {
        let full = if scope.is_empty() {
            name.to_owned()
        } else {
            format!("{scope}.{name}")
        };
        self.symbols.entry(full.clone()).or_insert(id);
        full
    }
}

#[cfg(test)]
mod tests;
