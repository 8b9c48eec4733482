//! What a connection waits for ends by its deadline, on each kind of loop.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use kitewire_loops::blocking::Line;
use kitewire_loops::clock::Clock;
use kitewire_loops::echo::Calls;
use kitewire_loops::readiness::Readiness;
use kitewire_loops::streams::STREAMS;
use kitewire_proto::connection::Config;
use kitewire_proto::dispatch::Services;
use kitewire_proto::{Connection, ServerConfig};

#[test]
fn readiness_ends_connections_that_do_not_speak() {
    let listener = mio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (server, stop) = Readiness::new(listener, services(), Calls::default).expect("a loop");
    let running = std::thread::spawn(move || server.configured(hasty()).run());
    let sockets = SAID.map(|said| say(address, said));
    sockets.iter().for_each(ends);
    stop.stop();
    running.join().expect("no panic").expect("it ran to its end");
}

#[test]
fn a_blocking_line_ends_a_connection_that_does_not_speak() {
    for said in SAID {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let client = say(listener.local_addr().expect("it is bound"), said);
        let (socket, _) = listener.accept().expect("it has connected");
        let clock = Clock::start();
        let connection = Connection::server(Arc::new(services()), Arc::new(hasty()), clock.now());
        let serving = std::thread::spawn(move || {
            let mut calls = Calls::default();
            Line::new(connection, clock).drive(&socket, |connection, now| calls.serve(connection, now))
        });
        ends(&client);
        drop(client);
        serving.join().expect("no panic").expect("the socket was good");
    }
}

fn say(address: SocketAddr, said: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("it listens");
    socket.write_all(said).expect("a few bytes have room");
    socket
}

/// The server closes it.
fn ends(mut socket: &TcpStream) {
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("not zero");
    match socket.read(&mut [0; 16]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?} in place of the end"),
    }
}

fn services() -> Services {
    Services::of(&[&STREAMS]).expect("one service is fine")
}

/// Patience is short.
fn hasty() -> Config {
    let mut pingpong = ServerConfig::default();
    pingpong.limits.idle_timeout = Duration::from_millis(50);
    pingpong.limits.detection_timeout = Duration::from_millis(50);
    Config {
        pingpong: Arc::new(pingpong),
        ..Config::default()
    }
}

/// Nothing, and too little to tell a protocol by.
const SAID: [&[u8]; 2] = [b"", b"\0"];
