//! What `kitewire-build` makes of the IDL.

pub(super) mod streams {
    kitewire::include_idl!("streams");
}
pub(super) mod strangestreams {
    kitewire::include_idl!("strangestreams");
}
#[allow(unreachable_pub, unused_qualifications, clippy::use_self, reason = "as prost writes")]
pub(super) mod streamspb {
    kitewire::include_idl!("kitewire.streams");
}
#[allow(unreachable_pub, unused_qualifications, clippy::use_self, reason = "as prost writes")]
pub(super) mod strangestreamspb {
    kitewire::include_idl!("kitewire.strangestreams");
}
