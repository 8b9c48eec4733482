//! Thrift and Protobuf IDL to Rust: types, clients and service traits for kitewire.
//!
//! In the `main` of a build script:
//!
//! ```no_run
//! kitewire_build::compile("idl/shop.thrift");
//! ```
//!
//! and in the crate:
//!
//! ```text
//! mod shop {
//!     kitewire::include_idl!("shop");
//! }
//! ```
//!
//! A mistake in the IDL fails the build with the file, line and column, the line itself and a mark under what is wrong;
//! all mistakes are shown at once. The generated code needs the crates `kitewire` and, for Protobuf with well-known
//! types, `prost-types`; or, without the traits, servers and clients, `kitewire-proto` alone ([`Layer::Core`]).
//!
//! # Thrift
//!
//! The grammar is what Kitex's tool takes. Included files become modules named after them, beside the main file's own
//! definitions; type names are in camel case, fields and methods in snake case, and two names that become the same get a
//! number behind. The wire keeps the names of the IDL.
//!
//! | IDL | Rust |
//! |---|---|
//! | `bool`, `byte`/`i8`, `i16`, `i32`, `i64`, `double` | `bool`, `i8`, `i16`, `i32`, `i64`, `f64` |
//! | `string` | `String`, or as [`StringType`] says |
//! | `binary`, `uuid` | `Bytes`, `thrift::Uuid` |
//! | `list<T>` | `Vec<T>` |
//! | `set<T>`, `map<K, V>` | `thrift::Set<T>`, `thrift::Map<K, V>`, or as [`Containers`] says |
//! | `enum` | an enum with a variant `Unknown(i32)` for all other numbers |
//! | `struct`, `exception` | a struct; exceptions implement [`std::error::Error`] |
//! | `union` | an enum with a variant `Unknown(UnknownFields)` for no field, or one that the IDL does not know |
//! | `typedef`, `const` | a type alias, a constant (or a static, if it cannot be one) |
//! | `service` | a trait, a server, a client and a `ServiceInfo` |
//!
//! Where `Unknown` is taken by the IDL itself, the variant is called `Other`. Fields:
//!
//! | requiredness | type | written | absent when read |
//! |---|---|---|---|
//! | `required` | `T` | always | an error that names the field |
//! | none | `T` | always | the IDL's default, or zero |
//! | `optional` | `Option<T>` | when it is set and not the IDL's default | `None`; with a default, `Some` of that |
//!
//! A field by which a struct contains itself is boxed, and optional unless it is `required`. A parameter that is a
//! struct and not `optional` must be there, other parameters are zero when they are absent. Fields without an id get one
//! more than the field before them, and the first one gets 1. Two entries with the same key, or elements of a set that
//! are the same, are kept in the ordered containers as the peer sent them.
//!
//! Annotations that mean something here: `kitewire.name` (the name in Rust), `kitewire.string` (or `kitewire.bytes`, for
//! `kitewire.string = "bytes"`), `kitewire.container`, `kitewire.keep_unknown`, `kitewire.combine`, and Kitex's
//! `streaming.mode`.
//!
//! # Methods
//!
//! A service has methods of all kinds side by side. A handler gets the `Call` first; what follows, and what a client's
//! method gives:
//!
//! | kind | Thrift | Protobuf | handler | client |
//! |---|---|---|---|---|
//! | one request, one answer | no `streaming.mode`, or `unary` | `rpc M(A) returns (R)` | the parameters, returns `R` | `ClientCall` |
//! | client streaming | `client` | `rpc M(stream A) returns (R)` | `requests: Receiver<A>`, returns `R` | `StreamCall` of a `ClientStream<A, R>` |
//! | server streaming | `server` | `rpc M(A) returns (stream R)` | the request, `out: Sender<R>` | `StreamCall` of a `ServerStream<R>` |
//! | bidirectional streaming | `bidirectional` | `rpc M(stream A) returns (stream R)` | `requests: Receiver<A>`, `out: Sender<R>` | `StreamCall` of a `BidiStream<A, R>` |
//!
//! A Thrift method with a `streaming.mode` has one parameter. What is streamed is a struct, and declared exceptions have
//! no place in a stream: a handler fails with a `kitewire::Error`, of which the other side gets code and text.

mod builder;
mod check;
mod emit;
mod error;
mod model;
#[cfg(feature = "protobuf")]
mod protobuf;
mod report;
mod source;
mod thrift;

use std::path::{Path, PathBuf};

pub use builder::{Builder, Combine, Containers, Layer, StringType, UnknownFields};
pub use error::Error;

use report::Problems;
use source::Sources;

/// Compiles a Thrift IDL file and all it includes to `<OUT_DIR>/<name>.rs`, for a build script. See [`Builder`] for
/// options.
pub fn compile(path: impl AsRef<Path>) {
    Builder::new().compile(path);
}

/// Compiles Protobuf files to `<OUT_DIR>/<package>.rs`, for a build script. See [`Builder::compile_protos`].
#[cfg(feature = "protobuf")]
pub fn compile_protos(files: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) {
    Builder::new().compile_protos(files, includes);
}

/// What comes out of a Thrift IDL.
struct Generated {
    code: String,
    /// The files that were read.
    inputs: Vec<PathBuf>,
}

fn generate(options: &Builder, path: &Path) -> Result<Generated, Error> {
    let mut sources = Sources::default();
    let mut problems = Problems::default();
    let units = thrift::load(path, options.files(), &mut sources, &mut problems)
        .map_err(|error| Error::new(format!("error: {error}\n")))?;
    let model = check::check(&units, options, &mut problems);
    if !problems.is_empty() {
        return Err(Error::new(problems.render(&sources)));
    }
    let code = emit::thrift(&model, options)?;
    Ok(Generated {
        code,
        inputs: units.into_iter().map(|unit| unit.path).collect(),
    })
}
