//! What `kitewire-build` makes of the IDL.

pub(crate) mod interop {
    kitewire::include_idl!("interop");
}
pub(crate) mod stranger {
    kitewire::include_idl!("stranger");
}
pub(crate) mod combined {
    kitewire::include_idl!("combined");
}
#[allow(unreachable_pub, unused_qualifications, clippy::use_self, reason = "as prost writes")]
pub(crate) mod interoppb {
    kitewire::include_idl!("kitewire.interop");
}
#[allow(unreachable_pub, unused_qualifications, clippy::use_self, reason = "as prost writes")]
pub(crate) mod strangerpb {
    kitewire::include_idl!("kitewire.strangerpb");
}
