//! What `kitewire-build` makes of the IDL.

#[allow(
    unreachable_pub,
    unused_qualifications,
    clippy::use_self,
    reason = "as prost and kitewire-build write"
)]
pub(super) mod interop {
    kitewire::include_idl!("grpc.testing");
}
/// What no server has.
#[allow(
    unreachable_pub,
    unused_qualifications,
    clippy::use_self,
    dead_code,
    reason = "as prost writes"
)]
pub(super) mod absent {
    kitewire::include_idl!("absent/grpc.testing");
}
#[allow(unreachable_pub, unused_qualifications, clippy::use_self, reason = "as prost writes")]
pub(super) mod peers {
    kitewire::include_idl!("kitewire.peers");
}
