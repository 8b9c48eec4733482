//! Generates messages and service tables that stand on the core alone.

use kitewire_build::{Builder, Layer};

fn main() {
    Builder::new().layer(Layer::Core).compile("idl/streams.thrift");
}
