//! Code that kitewire-build generates, under the workspace's lints. The tests beside put it to use.

/// `everything.thrift`, with the default options.
pub mod everything {
    include!(concat!(env!("OUT_DIR"), "/everything.rs"));
}
/// `everything.thrift`: strings are bytes, containers are trees.
pub mod everything_in_trees {
    include!(concat!(env!("OUT_DIR"), "/other/everything.rs"));
}
/// `pingpong.thrift`, with the default options.
pub mod pingpong {
    include!(concat!(env!("OUT_DIR"), "/pingpong.rs"));
}
/// `pingpong.thrift`: strings share memory, containers are hashed, unknown fields are kept.
pub mod pingpong_shared {
    include!(concat!(env!("OUT_DIR"), "/other/pingpong.rs"));
}
/// `multi.thrift`.
pub mod multi {
    include!(concat!(env!("OUT_DIR"), "/multi.rs"));
}
/// `comb.thrift`, its services combined.
pub mod comb {
    include!(concat!(env!("OUT_DIR"), "/comb.rs"));
}
/// `NoNamespace.thrift`.
pub mod no_namespace {
    include!(concat!(env!("OUT_DIR"), "/NoNamespace.rs"));
}
/// `wire.thrift`.
pub mod wire {
    include!(concat!(env!("OUT_DIR"), "/wire.rs"));
}
/// `ttstream.thrift`.
pub mod ttstream {
    include!(concat!(env!("OUT_DIR"), "/ttstream.rs"));
}
/// `streams.thrift`, its services combined, too.
pub mod streams {
    include!(concat!(env!("OUT_DIR"), "/streams.rs"));
}
/// Code that stands on the core alone.
pub mod core_alone {
    /// `everything.thrift`.
    pub mod everything {
        include!(concat!(env!("OUT_DIR"), "/core/everything.rs"));
    }
    /// `pingpong.thrift`.
    pub mod pingpong {
        include!(concat!(env!("OUT_DIR"), "/core/pingpong.rs"));
    }
    /// `ttstream.thrift`.
    pub mod ttstream {
        include!(concat!(env!("OUT_DIR"), "/core/ttstream.rs"));
    }
}
/// `multi.proto`.
pub mod pbm {
    include!(concat!(env!("OUT_DIR"), "/pbm.rs"));
}
/// `nopackage.proto`.
pub mod nopackage {
    include!(concat!(env!("OUT_DIR"), "/_.rs"));
}
/// `pingpong_pb.proto`.
pub mod pingpong_pb {
    include!(concat!(env!("OUT_DIR"), "/kw.pingpong.rs"));
}
/// `wire.proto`.
pub mod wire_pb {
    include!(concat!(env!("OUT_DIR"), "/kw.wire.v1.rs"));
}

/// `options.proto`.
pub mod options {
    include!(concat!(env!("OUT_DIR"), "/kw.options.rs"));
}
/// The files of `options.proto`.
pub const OPTIONS: &[u8] = kitewire::include_file_descriptor_set!("options.bin");
