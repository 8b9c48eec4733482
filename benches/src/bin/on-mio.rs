//! The echo of `ours` on the core alone, in the readiness loop of the examples; it only serves, and only ping-pong.

use kitewire_benches::echo::{ECHO, EchoEchoArgs, EchoEchoResult};
use kitewire_benches::{Failure, serving};
use kitewire_loops::readiness::{Readiness, Serve};
use kitewire_proto::connection::{Ending, Event, Pull};
use kitewire_proto::dispatch::Services;
use kitewire_proto::{CallId, Connection, Instant};
use mio::net::TcpListener;

fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind(serving::server_args()?.addr)?;
    bench_load::announce(listener.local_addr()?)?;
    let (readiness, _stop) = Readiness::new(listener, Services::of(&[&ECHO])?, || Echo)?;
    readiness.run()?;
    Ok(())
}

struct Echo;

impl Serve for Echo {
    fn serve(&mut self, connection: &mut Connection, now: Instant) -> bool {
        let mut any = false;
        while let Some(event) = connection.poll_event() {
            any = true;
            match event {
                Event::Opened { id } => answer(connection, now, id),
                Event::Ended { id } => connection.release(now, id),
                _ => {}
            }
        }
        any
    }
}

fn answer(connection: &mut Connection, now: Instant, id: CallId) {
    let Pull::Message(message) = connection.pull(id) else {
        return connection.release(now, id);
    };
    let args: EchoEchoArgs = match message.thrift() {
        Ok(args) => args,
        Err(error) => return connection.finish(now, id, &Ending::Undecodable(&error)),
    };
    let result = EchoEchoResult {
        success: Some(args.message),
    };
    match connection.send(now, id, &result) {
        Ok(()) => connection.finish(now, id, &Ending::Ok),
        Err(error) => connection.finish(now, id, &Ending::Failed(&error.to_string())),
    }
}
