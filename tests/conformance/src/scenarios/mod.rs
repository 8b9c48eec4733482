//! The list. A scenario is a name and a few lines; the parts of the project have a file each.

mod calls;
mod ends;
mod grpc;
mod pages;
mod shutdown;
mod streams;
mod timeouts;
mod tls;
mod ttheader;

use std::future::Future;

use crate::any::Work;
use crate::site::Site;

/// One row of the table.
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) run: Box<dyn Fn(Site) -> Work<'static, ()> + Send + Sync>,
}

/// Every scenario.
pub(crate) fn all() -> Vec<Scenario> {
    [
        calls::list(),
        timeouts::list(),
        grpc::list(),
        streams::list(),
        ttheader::list(),
        ends::list(),
        pages::list(),
        shutdown::list(),
        tls::list(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A row.
fn row<F>(name: impl Into<String>, run: impl Fn(Site) -> F + Send + Sync + 'static) -> Scenario
where
    F: Future<Output = ()> + Send + 'static,
{
    Scenario {
        name: name.into(),
        run: Box::new(move |site| Box::pin(run(site))),
    }
}
