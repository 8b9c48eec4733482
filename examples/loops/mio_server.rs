//! A server on a readiness loop of its own: one thread, `mio` to wait, and kitewire's core for everything between bytes
//! and calls. No async runtime.
//!
//! ```console
//! $ cargo run --example mio_server -- --port 8888
//! listening on 127.0.0.1:8888
//! ```
//!
//! One port speaks everything that the core does: ping-pong calls (bare, framed, TTHeader), gRPC, streams over TTHeader,
//! and plain HTTP, as in `curl http://127.0.0.1:8888/`. `blocking_client` is a client for it. Ctrl-C stops it:
//! calls that run may end, for five seconds at most.
//!
//! # The loop
//!
//! `src/readiness.rs` waits until a socket is ready or a deadline has come, and `src/readiness/peer.rs` then does with that
//! connection what every loop on the core does, whatever the connection speaks:
//!
//! 1. `handle_timeout`, which does what is due, if anything is;
//! 2. `read_demand` says whether to read, to hand over again what could not be taken in before, or to leave the socket
//!    alone; what was read goes to `receive`;
//! 3. `poll_event`, until there is none: `src/echo.rs` handles the calls;
//! 4. `poll_transmit` and one vectored write, of which the socket may take a part: `advance` says how much;
//! 5. when nothing is left to do, the loop's timers get `poll_timeout`, and the socket is waited for. When `is_drained`,
//!    everything is said.
//!
//! Back-pressure needs nothing more: what nobody pulls closes the windows of streams, what nobody takes makes `send` say
//! `Full`, and a connection at its limits asks not to be read.

use kitewire_loops::arguments::Arguments;
use kitewire_loops::echo::Calls;
use kitewire_loops::readiness::Readiness;
use kitewire_loops::stop;
use kitewire_loops::streams::STREAMS;
use kitewire_proto::dispatch::Services;
use mio::net::TcpListener;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::read(&["port"], "mio_server [--port N]")?;
    let listener = TcpListener::bind(arguments.address()?)?;
    let address = listener.local_addr()?;
    let (server, handle) = Readiness::new(listener, Services::of(&[&STREAMS])?, Calls::default)?;
    stop::when_asked(move || handle.stop())?;
    println!("listening on {address}");
    server.run()?;
    println!("stopped");
    Ok(())
}
