//! kitewire on smol, with the one thread that its executor has by default.

kitewire_adapter_tests::adapter_tests!(kitewire_smol::Smol, smol::block_on);
