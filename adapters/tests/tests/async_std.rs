//! kitewire on async-std, with an executor of one thread.

use std::future::Future;

use async_global_executor::GlobalExecutorConfig;

kitewire_adapter_tests::adapter_tests!(kitewire_async_std::AsyncStd, crate::block_on);

fn block_on(test: impl Future<Output = ()>) {
    // Before async-std asks for a thread per core.
    async_global_executor::init_with_config(GlobalExecutorConfig::default().with_min_threads(1).with_max_threads(1));
    async_std::task::block_on(test);
}
