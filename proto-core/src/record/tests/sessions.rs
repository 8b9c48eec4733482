//! Sessions of every kind of connections, both sides recorded.

use super::*;

/// A clock, and what lies between two sides.
#[derive(Default)]
struct Between {
    now: Instant,
    inputs: [BytesMut; 2],
    outs: [Transmit; 2],
}

impl Between {
    /// Carries what both say, half of what waits at a time and seven bytes late.
    fn carry(&mut self, client: &mut impl Machine, server: &mut impl Machine) {
        for _ in 0..4 {
            self.now += Duration::from_micros(300);
            let ([to_client, to_server], [out, back]) = (&mut self.inputs, &mut self.outs);
            carry(self.now, client, out, server, to_server);
            carry(self.now, server, back, client, to_client);
        }
    }
}

fn carry(now: Instant, from: &mut impl Machine, out: &mut Transmit, to: &mut impl Machine, input: &mut BytesMut) {
    while from.poll_transmit(now, out) {
        let mut bytes = out.to_vec();
        bytes.truncate(bytes.len().div_ceil(2));
        for piece in bytes.chunks(7) {
            input.extend_from_slice(piece);
            to.receive(now, input);
        }
        out.advance(bytes.len());
    }
}

/// A message that is another one each time it is encoded.
#[derive(Debug, Default)]
struct Changing(Cell<u8>);

impl EncodeBody for Changing {
    fn encode_body(&self, out: &mut Output) {
        self.0.set(self.0.get() + 1);
        out.put(&[3, 0, 1, self.0.get(), 0]);
    }
}

/// A message without an encoding.
#[derive(Debug)]
struct Unencodable;

impl EncodeBody for Unencodable {
    fn encode_body(&self, out: &mut Output) {
        out.put_u8(1);
        out.fail(EncodeError::NoWireForm("a union"));
    }
}

/// A Thrift struct with one string of this length.
fn text(len: u16) -> Bytes {
    let mut body = vec![11, 0, 1, 0, 0];
    body.extend(len.to_be_bytes());
    body.resize(body.len() + usize::from(len), b'x');
    body.push(0);
    body.into()
}

#[test]
fn ping_pong_over_every_transport() {
    for (transport, multiplex, codec) in [
        (Transport::Bare, Switch::Off, Codec::Thrift),
        (Transport::Framed, Switch::Off, Codec::Thrift),
        (Transport::TtHeader, Switch::Off, Codec::Thrift),
        (Transport::TtHeader, Switch::On, Codec::Thrift),
        (Transport::TtHeaderFramed, Switch::On, Codec::Thrift),
        (Transport::Framed, Switch::Off, Codec::Protobuf),
        (Transport::TtHeaderFramed, Switch::On, Codec::Protobuf),
    ] {
        let mut config = ClientConfig::default();
        (config.transport, config.multiplex, config.crc32c) = (transport, multiplex, Switch::On);
        let start = Instant::from_nanos(7);
        let mut client = ClientConnection::new(Arc::new(config), start);
        let mut server = ServerConnection::new(services(codec), Arc::default(), start);
        server.set_peer("10.0.0.7:80".into());
        client.record(Recorder::new(LIMIT));
        server.record(Recorder::new(LIMIT));
        let mut between = Between {
            now: start,
            ..Between::default()
        };
        for number in 0..6 {
            ping_pong(&mut between, &mut client, &mut server, codec, number);
        }
        server.release_memory();
        client.shutdown(between.now, Shutdown::Immediate);
        server.handle_disconnect(between.now, Disconnect::ReadEnd);
        while server.poll_event().is_some() {}
        let told = same(&server.recorder().unwrap().finish(), Subject::PingPongServer);
        assert!(told.events > 5 && told.sent > 9000, "{told:?}");
        let asked = same(&client.recorder().unwrap().finish(), Subject::PingPongClient);
        assert_eq!((asked.received, asked.sent), (told.sent, told.received));
        let times = (start, between.now);
        assert_eq!((asked.times, told.times), (times, times));
    }
}

fn ping_pong(
    between: &mut Between,
    client: &mut ClientConnection,
    server: &mut ServerConnection,
    codec: Codec,
    number: u8,
) {
    let mut meta = MetaInfo::new();
    meta.set_persistent("user", "7");
    let body = text(u16::from(number > 4) * 9000);
    let request = Request {
        service: "Echo",
        method: "echo",
        codec,
        kind: RequestKind::Call,
        body: &body,
        deadline: Some(between.now + Duration::from_secs(1)),
        timeout: Some(Duration::from_secs(1)),
        connect_timeout: None,
        caller_method: "main",
        meta: &meta,
    };
    // Behind an exception a connection without multiplexing takes no further call.
    let _ = client.open(&request);
    between.carry(client, server);
    while let Some(event) = server.poll_event() {
        if let ServerEvent::Opened { id } = event {
            answer(server, between.now, id, number);
        }
    }
    between.carry(client, server);
    while let Some(event) = client.poll_event() {
        if let ClientEvent::Answered { id } = event {
            assert!(client.take_answer(id).is_some());
        }
    }
    server.handle_timeout(between.now, &mut between.inputs[1]);
    client.handle_timeout(between.now);
}

fn answer(server: &mut ServerConnection, now: Instant, id: CallId, number: u8) {
    let status = BusinessStatus {
        code: 9,
        message: "no".to_owned(),
        extra: vec![("a".to_owned(), "b".to_owned())],
    };
    let exception = ApplicationException::new(ExceptionType(6), "failed");
    let changing = Changing::default();
    let large = text(9000);
    let backward = [("k".to_owned(), "v".to_owned())];
    let outcome = match number {
        0 => ReplyOutcome::Result(&changing),
        1 => ReplyOutcome::Business {
            status: &status,
            result: Some(&changing),
        },
        2 => ReplyOutcome::Empty,
        3 => ReplyOutcome::Result(&large),
        4 => ReplyOutcome::Result(&Unencodable),
        _ => ReplyOutcome::Exception(&exception),
    };
    server.release_request(id);
    let reply = Reply {
        outcome,
        backward: &backward,
    };
    let sent = server.respond(now, id, &reply);
    assert_eq!(sent.is_err(), number == 4, "{sent:?}");
    assert_eq!(server.respond(now, id, &reply), Err(RespondError::UnknownCall));
}

#[test]
fn a_request_that_does_not_decode() {
    let mut server = ServerConnection::new(services(Codec::Thrift), Arc::default(), Instant::ZERO);
    server.record(Recorder::new(LIMIT));
    let mut input = BytesMut::from(&b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07\x63"[..]);
    server.receive(Instant::ZERO, &mut input);
    let Some(ServerEvent::Opened { id }) = server.poll_event() else {
        panic!("nobody has looked at the arguments")
    };
    server.reject(
        Instant::ZERO,
        id,
        &DecodeError::new(DecodeErrorKind::UnknownType(0x63), 17),
    );
    assert!(server.poll_transmit(Instant::ZERO, &mut Transmit::new()));
    while server.poll_event().is_some() {}
    same(&server.recorder().unwrap().finish(), Subject::PingPongServer);
}

#[test]
fn grpc_in_every_mode() {
    for gzip in [Switch::Off, Switch::On] {
        let config = Arc::new(grpc::Config {
            send_gzip: gzip,
            ..grpc::Config::default()
        });
        let mut server = grpc::Connection::server(services(Codec::Protobuf), Arc::clone(&config), Instant::ZERO);
        let mut client = grpc::Connection::client(config, Instant::ZERO);
        client.record(Recorder::new(LIMIT));
        server.record(Recorder::new(LIMIT));
        let mut between = Between::default();
        for (method, kind) in [
            ("echo", MethodKind::Unary),
            ("talk", MethodKind::BidirectionalStreaming),
        ] {
            let mut metadata = Fields::new();
            metadata.push("k", "v");
            metadata.push_sensitive("token", "secret");
            let mut request = grpc::Request::new("demo", "Echo", method, Codec::Protobuf, kind);
            (request.gzip, request.metadata) = (gzip, &metadata);
            request.deadline = Some(between.now + Duration::from_secs(1));
            let id = client.open(between.now, &request).unwrap();
            assert!(client.sender(id).unwrap().send(&Unencodable).is_err());
            client.sender(id).unwrap().send(&Changing::default()).unwrap();
            client.sender(id).unwrap().finish().unwrap();
            between.carry(&mut client, &mut server);
            while let Some(event) = server.poll_event() {
                if let grpc::Event::Opened { id } = event {
                    answer_grpc(&mut server, id, kind);
                }
            }
            between.carry(&mut client, &mut server);
            while client.poll_event().is_some() {}
            while let Ok(grpc::Pull::Message(_)) = client.receiver(id).map(|receiver| receiver.pull()) {}
            client.release(id);
        }
        let later = between.now + Duration::from_secs(2);
        server.handle_timeout(later);
        server.shutdown(later, Shutdown::Graceful { until: later });
        between.carry(&mut client, &mut server);
        server.handle_disconnect(later, Disconnect::ReadFailed);
        while server.poll_event().is_some() {}
        server.release_memory();
        let told = same(&server.recorder().unwrap().finish(), Subject::GrpcServer);
        let asked = same(&client.recorder().unwrap().finish(), Subject::GrpcClient);
        assert_eq!((asked.received, asked.sent), (told.sent, told.received));
    }
}

fn answer_grpc(server: &mut grpc::Connection, id: grpc::StreamId, kind: MethodKind) {
    match server.receiver(id).unwrap().pull() {
        grpc::Pull::Message(message) => drop(message.to_bytes()),
        other => panic!("{other:?}"),
    }
    assert!(matches!(server.receiver(id).unwrap().pull(), grpc::Pull::End));
    let mut header = Fields::new();
    header.push("h", "1");
    server.sender(id).unwrap().send_header(&header).unwrap();
    for size in [1, 300, 20_000] {
        server.sender(id).unwrap().send(&Bytes::from(vec![b'm'; size])).unwrap();
        if kind == MethodKind::Unary {
            break;
        }
    }
    let mut outcome = Outcome::from(Status::new(wire::grpc::Code(5), "gone"));
    outcome.status.details.push(b"\x0a\x01x");
    server.finish(id, &outcome, &header);
}

#[test]
fn streams_over_ttheader() {
    for flow_control in [Switch::On, Switch::Off] {
        let mut config = ttstream::Config::default();
        (config.flow_control, config.stream_window) = (flow_control, 200);
        let config = Arc::new(config);
        let mut server = ttstream::Connection::server(services(Codec::Thrift), Arc::clone(&config), Instant::ZERO);
        let mut client = ttstream::Connection::client(config, Instant::ZERO);
        client.record(Recorder::new(LIMIT));
        server.record(Recorder::new(LIMIT));
        let mut between = Between::default();
        for number in 0..4 {
            let kind = MethodKind::BidirectionalStreaming;
            let mut request = ttstream::Request::new("Echo", "talk", kind);
            (request.caller, request.timeout) = (Some("main"), Some(Duration::from_secs(1)));
            request.deadline = Some(between.now + Duration::from_secs(1));
            let id = client.open(between.now, &request).unwrap();
            for _ in 0..4 {
                // Without room the rest waits.
                let _ = client.sender(id).unwrap().send(&Bytes::from(vec![1; 150]));
            }
            between.carry(&mut client, &mut server);
            while let Some(event) = server.poll_event() {
                if let ttstream::Event::Opened { id } = event {
                    answer_stream(&mut server, id, number);
                }
            }
            let _ = client.sender(id).unwrap().finish();
            between.carry(&mut client, &mut server);
            while client.poll_event().is_some() {}
            while let Ok(ttstream::Pull::Message(_)) = client.receiver(id).map(|receiver| receiver.pull()) {}
            match number {
                0 => client.cancel(id, &ttstream::Exception::canceled_by_user()),
                1 => client.receiver(id).unwrap().discard(),
                _ => {}
            }
            client.release(id);
        }
        between.carry(&mut client, &mut server);
        client.abort(between.now, &ttstream::Exception::foreign("enough"));
        server.shutdown(between.now, Shutdown::Immediate);
        while server.poll_event().is_some() {}
        server.release_memory();
        let told = same(&server.recorder().unwrap().finish(), Subject::TtStreamServer);
        let asked = same(&client.recorder().unwrap().finish(), Subject::TtStreamClient);
        assert_eq!((asked.received, asked.sent), (told.sent, told.received));
    }
}

fn answer_stream(server: &mut ttstream::Connection, id: ttstream::StreamId, number: u8) {
    while let ttstream::Pull::Message(message) = server.receiver(id).unwrap().pull() {
        drop(message);
    }
    let mut strings = ttstream::Strings::new();
    strings.push("h", "1");
    let _ = server.sender(id).unwrap().send_header(&strings);
    let _ = server.sender(id).unwrap().send(&Changing::default());
    assert!(server.sender(id).unwrap().send(&Unencodable).is_err());
    let ending = match number {
        0 => return server.release(id),
        1 => ttstream::Ending::Ok,
        2 => ttstream::Ending::Business(BusinessStatus {
            code: 3,
            ..BusinessStatus::default()
        }),
        _ => ttstream::Ending::Exception(ApplicationException::new(ExceptionType(6), "failed")),
    };
    server.finish(id, &ending, &strings);
}

#[test]
fn plain_requests_over_both_versions() {
    let limits = RequestLimits::default();
    let http1 = http::ServerConnection::http1(Arc::default(), Instant::ZERO);
    let requests = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nhost: x\r\n\r\n";
    plain(http1, requests, Subject::Http1Server);
    let mut client = http2::Connection::client(Arc::default(), Instant::ZERO);
    let head = Fields::request("GET", "http", "x", "/a");
    client.open(Instant::ZERO, &head, http2::Finish::Now).unwrap();
    let mut out = Transmit::new();
    client.poll_transmit(Instant::ZERO, &mut out);
    let http2 = http::ServerConnection::http2(Arc::default(), limits, Instant::ZERO);
    plain(http2, &out.to_vec(), Subject::Http2Server);
}

fn plain(mut connection: http::ServerConnection, requests: &[u8], subject: Subject) {
    connection.record(Recorder::new(LIMIT));
    let (mut now, mut input, mut out) = (Instant::ZERO, BytesMut::new(), Transmit::new());
    let mut answered = 0;
    for piece in requests.chunks(5) {
        now += Duration::from_millis(1);
        input.extend_from_slice(piece);
        connection.receive(now, &mut input);
        while let Some(event) = connection.poll_event() {
            if let http::ServerEvent::Request { id } = event {
                let bad = Response::new(99, "");
                assert!(connection.respond(now, id, &bad).is_err());
                connection.respond(now, id, &Response::text(200, "fine\n")).unwrap();
                answered += 1;
            }
        }
        connection.poll_transmit(now, &mut out);
        out.advance(9);
    }
    assert!(answered > 0);
    connection.handle_timeout(now + Duration::from_secs(100));
    connection.shutdown(now, Shutdown::Immediate);
    connection.handle_disconnect(now, Disconnect::WriteFailed);
    while connection.poll_event().is_some() {}
    connection.release_memory();
    let replayed = same(&connection.recorder().unwrap().finish(), subject);
    assert_eq!(replayed.received, requests.len() as u64);
}
