//! The services of `ours` on async-std; it only serves.

use async_std::task::block_on;
use kitewire::AsyncStd;
use kitewire_benches::{Failure, serving};

fn main() -> Result<(), Failure> {
    block_on(serving::serve(AsyncStd, serving::server_args()?))
}
