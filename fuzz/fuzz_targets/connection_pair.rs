#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kitewire_testkit::fuzz::connection_pair(data));
