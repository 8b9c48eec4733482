//! The services on kitewire's server, on any runtime.

use bench_load::{Command, ServerArgs};
use kitewire::{Address, Runtime, Server};

use crate::Failure;
use crate::chat::{ChatServer, Chatting};
use crate::echo::{EchoServer, Echoing};
use crate::lines::{LinesServer, Talking};

/// Serves echo, chat and lines on one port until the process is ended.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(runtime: impl Runtime, args: ServerArgs) -> Result<(), Failure> {
    let bound = Server::new(runtime)
        .register(EchoServer::new(Echoing))
        .register(ChatServer::new(Chatting))
        .register(LinesServer::new(Talking))
        .bind(args.addr)
        .await?;
    match bound.local_addr()? {
        Address::Tcp(address) => bench_load::announce(address)?,
        other => return Err(format!("listens on {other}, which is no TCP address").into()),
    }
    bound.run().await?;
    Ok(())
}

/// The command line of a program that only serves.
///
/// # Errors
/// When it is asked for anything else.
pub fn server_args() -> Result<ServerArgs, Failure> {
    match Command::from_env()? {
        Command::Server(args) => Ok(args),
        Command::Client(_) => Err("this program only serves".into()),
    }
}
