//! The services of `ours` on smol; it only serves.

use kitewire::Smol;
use kitewire_benches::{Failure, serving};

fn main() -> Result<(), Failure> {
    smol::block_on(serving::serve(Smol, serving::server_args()?))
}
