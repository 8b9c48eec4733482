//! The same as `ours`, over TLS. The server leaves the certificate of its authority in a file, where the client finds it.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use bench_load::{ClientArgs, ServerArgs};
use kitewire::Tokio;
use kitewire::tls::{Identity, Roots, Tls, TlsClient, TlsServer};
use kitewire_benches::tools::target_folder;
use kitewire_benches::{Failure, calling, serving};
use kitewire_testkit::certificates::Authority;

fn main() -> ExitCode {
    bench_load::run(serve, load)
}

async fn serve(args: ServerArgs) -> Result<(), Failure> {
    let authority = Authority::new("benches");
    fs::write(authority_file(), authority.certificate())?;
    let issued = authority.issue(&[HOST]);
    let tls = TlsServer::builder(Identity::pem(issued.chain, issued.key)).build()?;
    serving::serve(Tls::new(Tokio).server(tls), args).await
}

async fn load(args: ClientArgs) -> Result<(), Failure> {
    let tls = TlsClient::builder(Roots::file(authority_file())).build()?;
    calling::load(Tls::new(Tokio).client(tls), args).await
}

fn authority_file() -> PathBuf {
    target_folder().join("over-tls.pem")
}

const HOST: &str = "127.0.0.1";
