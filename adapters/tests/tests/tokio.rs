//! kitewire on tokio, with one worker.

use std::future::Future;

kitewire_adapter_tests::adapter_tests!(kitewire_tokio::Tokio, crate::block_on);

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.expect("the system has room for a runtime").block_on(test);
}
