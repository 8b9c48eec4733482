//! Options and entry points.

use std::path::{Path, PathBuf};

use crate::model::{Container, Strings};
use crate::thrift::{Files, stem};
use crate::{Error, generate};

/// Compiles IDL files with options of one's own.
///
/// ```no_run
/// // In build.rs:
/// kitewire_build::Builder::new()
///     .include("idl")
///     .string_type(kitewire_build::StringType::Text)
///     .compile("idl/shop.thrift");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    files: Files,
    out_dir: Option<PathBuf>,
    strings: StringType,
    containers: Containers,
    unknown_fields: UnknownFields,
    combine: Combine,
    layer: Layer,
    derives: Vec<String>,
    #[cfg(feature = "protobuf")]
    descriptors: Option<String>,
}

/// What an IDL `string` is in Rust. The annotation `kitewire.string` (`"string"`, `"text"` or `"bytes"`) on a field, type
/// or typedef overrules it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StringType {
    /// [`String`]: the simplest.
    #[default]
    String,
    /// `kitewire::thrift::Text`: shares the memory of the message it was read from, so that reading it allocates
    /// nothing.
    Text,
    /// `kitewire::bytes::Bytes`: for peers whose strings may not be UTF-8.
    Bytes,
}

/// What IDL sets and maps are in Rust. The annotation `kitewire.container` (`"ordered"`, `"hash"` or `"btree"`) on a
/// field, type or typedef overrules it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Containers {
    /// `kitewire::thrift::{Map, Set}`: the order of the wire is kept, and every type can be a key.
    #[default]
    Ordered,
    /// [`HashMap`](std::collections::HashMap) and [`HashSet`](std::collections::HashSet) where the keys allow it.
    Hash,
    /// [`BTreeMap`](std::collections::BTreeMap) and [`BTreeSet`](std::collections::BTreeSet) where the keys allow it.
    BTree,
}

/// Whether structs keep fields that their IDL does not know and write them again. The annotation
/// `kitewire.keep_unknown` (`"true"` or `"false"`) on a struct overrules it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownFields {
    /// They are passed over.
    #[default]
    Skip,
    /// They are kept in a field `unknown_fields`.
    Keep,
}

/// Whether the services of an IDL are also combined into one service, `CombineService`. The annotation
/// `kitewire.combine` on a `namespace` asks for it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combine {
    /// They are not.
    #[default]
    Off,
    /// They are. Their methods must have different names.
    On,
}

/// What generated code stands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    /// The crate `kitewire`: messages, and for each service a trait, a server and a client.
    #[default]
    Rpc,
    /// The crate `kitewire-proto` alone, for programs that drive its connections themselves: messages, and for each
    /// service a `ServiceInfo`, and the arguments and results of its calls. Protobuf messages need the crate `prost`.
    Core,
}

impl Builder {
    /// The default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder in which included files are looked for, after the folder of the including file.
    #[must_use]
    pub fn include(mut self, folder: impl Into<PathBuf>) -> Self {
        self.files.folders.push(folder.into());
        self
    }

    /// Adds an IDL file that is not on the disk, for tests and for IDL that is itself generated.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>, text: impl Into<String>) -> Self {
        self.files.insert(path.as_ref(), text.into());
        self
    }

    /// Where generated files go, in place of `OUT_DIR`.
    #[must_use]
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(folder.into());
        self
    }

    /// Sets what a `string` is in Rust.
    #[must_use]
    pub const fn string_type(mut self, strings: StringType) -> Self {
        self.strings = strings;
        self
    }

    /// Sets what sets and maps are in Rust.
    #[must_use]
    pub const fn containers(mut self, containers: Containers) -> Self {
        self.containers = containers;
        self
    }

    /// Sets what happens to fields that the IDL does not know.
    #[must_use]
    pub const fn unknown_fields(mut self, unknown_fields: UnknownFields) -> Self {
        self.unknown_fields = unknown_fields;
        self
    }

    /// Sets whether the services are also combined into one.
    #[must_use]
    pub const fn combine_service(mut self, combine: Combine) -> Self {
        self.combine = combine;
        self
    }

    /// Sets what the generated code stands on.
    #[must_use]
    pub const fn layer(mut self, layer: Layer) -> Self {
        self.layer = layer;
        self
    }

    /// Adds a derive to every struct, union, exception and enum, such as `serde::Serialize`.
    #[must_use]
    pub fn derive(mut self, path: impl Into<String>) -> Self {
        self.derives.push(path.into());
        self
    }

    /// Compiles a Thrift IDL file and all it includes to `<OUT_DIR>/<name>.rs`, for a build script: prints what Cargo
    /// wants to know, and ends the process with a readable report when something is wrong.
    pub fn compile(&self, path: impl AsRef<Path>) {
        exit_on_error(self.try_compile(path.as_ref()));
    }

    /// As [`Self::compile`], and gives errors back instead of ending the process.
    ///
    /// # Errors
    /// Everything that is wrong with the IDL, or that a file cannot be read or written.
    pub fn try_compile(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let generated = generate(self, path)?;
        for input in &generated.inputs {
            println!("cargo:rerun-if-changed={}", input.display());
        }
        self.write(&format!("{}.rs", stem(path)), generated.code.as_bytes())
    }

    /// The code for a Thrift IDL file and all it includes.
    ///
    /// # Errors
    /// Everything that is wrong with the IDL, or that a file cannot be read.
    ///
    /// ```
    /// let code = kitewire_build::Builder::new()
    ///     .file("shop.thrift", "struct Item { 1: required string name }")
    ///     .generate_to_string("shop.thrift")?;
    /// assert!(code.contains("pub struct Item"));
    /// # Ok::<(), kitewire_build::Error>(())
    /// ```
    pub fn generate_to_string(&self, path: impl AsRef<Path>) -> Result<String, Error> {
        generate(self, path.as_ref()).map(|generated| generated.code)
    }

    /// Also writes the files that [`Self::compile_protos`] compiles, and all that they import, as an encoded
    /// `FileDescriptorSet` to `<OUT_DIR>/<name>`: what a reflection service answers from. Comments are left out.
    ///
    /// ```no_run
    /// // In build.rs; `kitewire::include_file_descriptor_set!("shop.bin")` are the bytes.
    /// kitewire_build::Builder::new()
    ///     .file_descriptor_set("shop.bin")
    ///     .compile_protos(&["idl/shop.proto"], &["idl"]);
    /// ```
    #[cfg(feature = "protobuf")]
    #[must_use]
    pub fn file_descriptor_set(mut self, name: impl Into<String>) -> Self {
        self.descriptors = Some(name.into());
        self
    }

    /// Compiles Protobuf files to `<OUT_DIR>/<package>.rs`, one for each package (`_.rs` for none), for a build script;
    /// `includes` are the folders that import paths are relative to. Needs no protoc.
    ///
    /// Messages are prost's; well-known types are those of the `prost-types` crate.
    #[cfg(feature = "protobuf")]
    pub fn compile_protos(&self, files: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) {
        exit_on_error(self.try_compile_protos(files, includes));
    }

    /// As [`Self::compile_protos`], and gives errors back instead of ending the process.
    ///
    /// # Errors
    /// What is wrong with the IDL, or that a file cannot be read or written.
    #[cfg(feature = "protobuf")]
    pub fn try_compile_protos(&self, files: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<(), Error> {
        let files_and_folders = files
            .iter()
            .map(AsRef::as_ref)
            .chain(includes.iter().map(AsRef::as_ref));
        for path in files_and_folders {
            println!("cargo:rerun-if-changed={}", path.display());
        }
        for (package, code) in crate::protobuf::generate(self, files, includes)? {
            let name = if package.is_empty() { "_" } else { &package };
            self.write(&format!("{name}.rs"), code.as_bytes())?;
        }
        match &self.descriptors {
            Some(name) => self.write(name, &crate::protobuf::descriptors(files, includes)?),
            None => Ok(()),
        }
    }

    /// The code for Protobuf files, by package.
    ///
    /// # Errors
    /// What is wrong with the IDL, or that a file cannot be read.
    #[cfg(feature = "protobuf")]
    pub fn generate_protos(
        &self,
        files: &[impl AsRef<Path>],
        includes: &[impl AsRef<Path>],
    ) -> Result<std::collections::BTreeMap<String, String>, Error> {
        crate::protobuf::generate(self, files, includes)
    }

    pub(crate) const fn files(&self) -> &Files {
        &self.files
    }

    pub(crate) const fn text(&self) -> Strings {
        match self.strings {
            StringType::String => Strings::Owned,
            StringType::Text => Strings::Shared,
            StringType::Bytes => Strings::Bytes,
        }
    }

    pub(crate) const fn container(&self) -> Container {
        match self.containers {
            Containers::Ordered => Container::Ordered,
            Containers::Hash => Container::Hash,
            Containers::BTree => Container::BTree,
        }
    }

    pub(crate) const fn keeps_unknown(&self) -> bool {
        matches!(self.unknown_fields, UnknownFields::Keep)
    }

    pub(crate) const fn combines(&self) -> bool {
        matches!(self.combine, Combine::On)
    }

    pub(crate) const fn stands_on(&self) -> Layer {
        self.layer
    }

    pub(crate) fn extra_derives(&self) -> Result<Vec<syn::Path>, Error> {
        let parse = |path: &String| {
            syn::parse_str(path).map_err(|_| Error::new(format!("error: `{path}` is no path of a derive macro\n")))
        };
        self.derives.iter().map(parse).collect()
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let folder = match &self.out_dir {
            Some(folder) => folder.clone(),
            None => std::env::var_os("OUT_DIR")
                .map(PathBuf::from)
                .ok_or_else(|| Error::new("error: no OUT_DIR: this is not a build script, set an out_dir\n"))?,
        };
        let path = folder.join(name);
        if std::fs::read(&path).is_ok_and(|present| present == content) {
            return Ok(());
        }
        std::fs::write(&path, content)
            .map_err(|error| Error::new(format!("error: cannot write {}: {error}\n", path.display())))
    }
}

fn exit_on_error(result: Result<(), Error>) {
    if let Err(error) = result {
        eprintln!("{error}");
        std::process::exit(1);
    }
}
