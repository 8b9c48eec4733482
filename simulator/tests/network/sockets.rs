//! Sockets as one is used to them.

use std::future::poll_fn;
use std::io;

use kitewire_runtime::{BytesMut, Io, IoSlice, Listener, Runtime};
use kitewire_simulator::{Simulated, SimulatedIo, SimulatedListener, World};

pub(crate) async fn accept(listener: &mut SimulatedListener) -> io::Result<SimulatedIo> {
    poll_fn(|cx| listener.poll_accept(cx)).await
}

/// Some bytes, or nothing at the end.
pub(crate) async fn read(io: &mut SimulatedIo) -> io::Result<Vec<u8>> {
    let mut buffer = BytesMut::with_capacity(4096);
    poll_fn(|cx| io.poll_read(cx, &mut buffer)).await?;
    Ok(buffer.to_vec())
}

/// Everything up to the end.
pub(crate) async fn read_all(io: &mut SimulatedIo) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let some = read(io).await?;
        if some.is_empty() {
            return Ok(all);
        }
        all.extend(some);
    }
}

pub(crate) async fn write(io: &mut SimulatedIo, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = poll_fn(|cx| io.poll_write(cx, &[IoSlice::new(bytes)])).await?;
        bytes = &bytes[written..];
    }
    Ok(())
}

pub(crate) async fn close(io: &mut SimulatedIo) -> io::Result<()> {
    poll_fn(|cx| io.poll_close(cx)).await
}

pub(crate) fn message(length: usize) -> Vec<u8> {
    (0..length).map(|byte| u8::try_from(byte % 251).unwrap()).collect()
}

/// Serves at `server:1`: sends back what it gets, until the end.
pub(crate) fn echo(server: &Simulated) {
    let runtime = server.clone();
    server.spawn(async move {
        let mut listener = runtime.listen(&"[::]:1".into()).await.unwrap();
        loop {
            let Ok(mut io) = accept(&mut listener).await else {
                continue;
            };
            runtime.spawn(async move {
                while let Ok(bytes) = read(&mut io).await {
                    if bytes.is_empty() || write(&mut io, &bytes).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
}

/// Sends `message` to `server:1`, and reads as much.
pub(crate) async fn exchange(client: Simulated, message: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut io = client.connect(&"server:1".into()).await?;
    write(&mut io, &message).await?;
    let mut answer = Vec::new();
    while answer.len() < message.len() {
        let some = read(&mut io).await?;
        if some.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend(some);
    }
    Ok(answer)
}

/// Both ends of a connection from the host `client` to the host `server`.
pub(crate) fn pair(world: &mut World) -> (SimulatedIo, SimulatedIo) {
    let (server, client) = (world.host("server"), world.host("client"));
    let both = world.run_until(async {
        let mut listener = server.listen(&":1".into()).await.unwrap();
        let io = client.connect(&"server:1".into()).await.unwrap();
        (io, accept(&mut listener).await.unwrap())
    });
    both.unwrap()
}
