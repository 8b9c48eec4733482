//! Generated streaming methods over a connection, beside other methods of the same service.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use kitewire::{
    BidiStream, Call, Client, ClientStream, Error, Receiver, Registration, Sender, Server, ServerStream, Transport,
};
use kitewire_build_generated::streams::{
    self, Chat, ChatClient, ChatEchoError, ChatServer, CombineServiceClient, CombineServiceServer, Line, Refused, Sum,
};
use kitewire_build_generated::wire_pb::{Req, Resp, WirePb, WirePbClient, WirePbServer};
use kitewire_tokio::Tokio;

#[tokio::test]
async fn thrift_streams_in_every_mode() {
    let chat = ChatClient::new(client(ChatServer::new(Handler), Transport::Grpc).await);
    let mut up: ClientStream<Line, Sum> = chat.collect().await.unwrap();
    for text in ["a", "b", "c"] {
        up.send(line(text)).await.unwrap();
    }
    assert_eq!(up.finish().await.unwrap(), sum(3, "abc"));

    let mut down: ServerStream<Line> = chat.repeat(line("x")).await.unwrap();
    for _ in 0..3 {
        assert_eq!(down.recv().await.unwrap(), Some(line("x")));
    }
    assert_eq!(down.recv().await.unwrap(), None);

    let mut both: BidiStream<Line, Line> = chat.talk().await.unwrap();
    for text in ["1", "2"] {
        both.send(line(text)).await.unwrap();
        assert_eq!(both.recv().await.unwrap(), Some(line(text)));
    }
    both.close_send();
    assert_eq!(both.recv().await.unwrap(), None);

    let mut waited = chat.r#await(line("w")).await.unwrap();
    assert_eq!(waited.recv().await.unwrap(), Some(line("w")));
    assert_eq!(waited.recv().await.unwrap(), None);
}

#[tokio::test]
async fn calls_go_beside_streams_whatever_carries_them() {
    for transport in [Transport::Grpc, Transport::TtHeader, Transport::Framed] {
        let chat = ChatClient::new(client(ChatServer::new(Handler), transport).await);
        let mut talk = chat.talk().await.unwrap();
        talk.send(line("early")).await.unwrap();
        assert_eq!(chat.echo(line("hi")).await.unwrap(), line("hi"));
        let refused = chat.echo(line("no")).await.unwrap_err();
        assert!(
            matches!(refused, ChatEchoError::Refused(Refused { code: 7 })),
            "{transport:?}"
        );
        assert_eq!(chat.join(line("a"), line("b")).await.unwrap(), sum(2, "ab"));
        assert_eq!(chat.greet(line("you")).await.unwrap(), line("hello you"));
        assert_eq!(chat.unary(line("u")).await.unwrap(), line("u"));
        chat.nothing(line("n")).await.unwrap();
        assert_eq!(talk.recv().await.unwrap(), Some(line("early")));
        talk.close_send();
        assert_eq!(talk.recv().await.unwrap(), None);
    }
}

#[tokio::test]
async fn declared_exceptions_are_ordinary_errors_in_a_stream() {
    let chat = ChatClient::new(client(ChatServer::new(Handler), Transport::Grpc).await);
    let mut down = chat.repeat(line("no")).await.unwrap();
    let error = down.recv().await.unwrap_err();
    assert_eq!(error.code().0, 13);
    assert!(error.to_string().contains("[biz error]"), "{error}");
    assert!(error.to_string().contains(&Refused { code: 7 }.to_string()), "{error}");
}

#[tokio::test]
async fn combined_services_stream_too() {
    let all = CombineServiceClient::new(client(CombineServiceServer::new(Handler), Transport::Grpc).await);
    let mut up = all.collect().await.unwrap();
    up.send(line("z")).await.unwrap();
    assert_eq!(up.finish().await.unwrap(), sum(1, "z"));
    let mut both = all.r#move().await.unwrap();
    both.send(line("m")).await.unwrap();
    assert_eq!(both.recv().await.unwrap(), Some(line("m")));
    assert_eq!(all.echo(line("e")).await.unwrap(), line("e"));
}

#[tokio::test]
async fn protobuf_streams_in_every_mode() {
    let wire = WirePbClient::new(client(WirePbServer::new(Handler), Transport::Grpc).await);
    assert_eq!(wire.unary(req("u", 1)).await.unwrap(), resp("u", 1));

    let mut down = wire.server_stream(req("d", 2)).await.unwrap();
    assert_eq!(down.recv().await.unwrap(), Some(resp("d", 0)));
    assert_eq!(down.recv().await.unwrap(), Some(resp("d", 1)));
    assert_eq!(down.recv().await.unwrap(), None);

    let mut up = wire.client_stream().await.unwrap();
    up.send(&req("a", 1)).await.unwrap();
    up.send(&req("b", 2)).await.unwrap();
    assert_eq!(up.finish().await.unwrap(), resp("ab", 3));

    let (mut out, mut input) = wire.bidi().await.unwrap().split();
    let sending = tokio::spawn(async move {
        for n in 0..50 {
            out.send(req("x", n)).await.unwrap();
        }
        out.close();
    });
    for n in 0..50 {
        assert_eq!(input.recv().await.unwrap(), Some(resp("x", n)));
    }
    assert_eq!(input.recv().await.unwrap(), None);
    sending.await.unwrap();
}

struct Handler;

impl Chat for Handler {
    async fn collect(&self, _call: &Call, requests: Receiver<Line>) -> Result<Sum, Error> {
        collected(requests).await
    }

    async fn greet(&self, _call: &Call, line: Line) -> Result<Line, Error> {
        Ok(greeting(&line))
    }

    async fn echo(&self, _call: &Call, line: Line) -> Result<Line, ChatEchoError> {
        echoed(line)
    }

    async fn join(&self, _call: &Call, a: Line, b: Line) -> Result<Sum, Error> {
        Ok(sum(2, &(a.text + &b.text)))
    }

    async fn unary(&self, _call: &Call, line: Line) -> Result<Line, Error> {
        Ok(line)
    }

    async fn nothing(&self, _call: &Call, _line: Line) -> Result<(), Error> {
        Ok(())
    }

    async fn repeat(&self, _call: &Call, out_2: Line, out: Sender<Line>) -> Result<(), Error> {
        repeated(&out_2, 3, out).await
    }

    async fn talk(&self, _call: &Call, requests: Receiver<Line>, out: Sender<Line>) -> Result<(), Error> {
        talked(requests, out).await
    }

    async fn r#await(&self, _call: &Call, call_2: Line, out: Sender<Line>) -> Result<(), Error> {
        repeated(&call_2, 1, out).await
    }
}

impl streams::CombineService for Handler {
    async fn collect(&self, _call: &Call, requests: Receiver<Line>) -> Result<Sum, Error> {
        collected(requests).await
    }

    async fn greet(&self, _call: &Call, line: Line) -> Result<Line, Error> {
        Ok(greeting(&line))
    }

    async fn echo(&self, _call: &Call, line: Line) -> Result<Line, ChatEchoError> {
        echoed(line)
    }

    async fn join(&self, _call: &Call, a: Line, b: Line) -> Result<Sum, Error> {
        Ok(sum(2, &(a.text + &b.text)))
    }

    async fn unary(&self, _call: &Call, line: Line) -> Result<Line, Error> {
        Ok(line)
    }

    async fn nothing(&self, _call: &Call, _line: Line) -> Result<(), Error> {
        Ok(())
    }

    async fn repeat(&self, _call: &Call, line: Line, out: Sender<Line>) -> Result<(), Error> {
        repeated(&line, 3, out).await
    }

    async fn talk(&self, _call: &Call, requests: Receiver<Line>, out: Sender<Line>) -> Result<(), Error> {
        talked(requests, out).await
    }

    async fn r#await(&self, _call: &Call, line: Line, out: Sender<Line>) -> Result<(), Error> {
        repeated(&line, 1, out).await
    }

    async fn r#move(&self, _call: &Call, requests: Receiver<Line>, out: Sender<Line>) -> Result<(), Error> {
        talked(requests, out).await
    }
}

impl WirePb for Handler {
    async fn unary(&self, _call: &Call, request: Req) -> Result<Resp, Error> {
        Ok(resp(&request.msg, request.count))
    }

    async fn server_stream(&self, _call: &Call, request: Req, mut out: Sender<Resp>) -> Result<(), Error> {
        for n in 0..request.count {
            out.send(resp(&request.msg, n)).await?;
        }
        Ok(())
    }

    async fn client_stream(&self, _call: &Call, mut requests: Receiver<Req>) -> Result<Resp, Error> {
        let mut all = Resp::default();
        while let Some(request) = requests.recv().await? {
            all.msg += &request.msg;
            all.n += request.count;
        }
        Ok(all)
    }

    async fn bidi(&self, _call: &Call, mut requests: Receiver<Req>, mut out: Sender<Resp>) -> Result<(), Error> {
        while let Some(request) = requests.recv().await? {
            out.send(resp(&request.msg, request.count)).await?;
        }
        Ok(())
    }
}

async fn collected(mut requests: Receiver<Line>) -> Result<Sum, Error> {
    let mut all = Sum::default();
    while let Some(line) = requests.recv().await? {
        all.count += 1;
        all.all += &line.text;
    }
    Ok(all)
}

async fn talked(mut requests: Receiver<Line>, mut out: Sender<Line>) -> Result<(), Error> {
    while let Some(line) = requests.recv().await? {
        out.send(line).await?;
    }
    Ok(())
}

async fn repeated(line: &Line, times: usize, mut out: Sender<Line>) -> Result<(), Error> {
    if line.text == "no" {
        return Err(Error::new(Refused { code: 7 }));
    }
    for _ in 0..times {
        out.send(line).await?;
    }
    Ok(())
}

fn echoed(line: Line) -> Result<Line, ChatEchoError> {
    match line.text.as_str() {
        "no" => Err(Refused { code: 7 }.into()),
        _ => Ok(line),
    }
}

fn greeting(to: &Line) -> Line {
    line(&format!("hello {}", to.text))
}

fn line(text: &str) -> Line {
    Line { text: text.to_owned() }
}

fn sum(count: i32, all: &str) -> Sum {
    let all = all.to_owned();
    Sum { count, all }
}

fn req(msg: &str, count: i32) -> Req {
    let msg = msg.to_owned();
    Req { msg, count }
}

fn resp(msg: &str, n: i32) -> Resp {
    let msg = msg.to_owned();
    Resp { msg, n }
}

/// A client of a server that has `service` alone.
async fn client(service: impl Into<Registration>, transport: Transport) -> Client {
    let server = Server::new(Tokio).register(service).bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.run());
    Client::to(address).transport(transport).build(Tokio).unwrap()
}
