//! The h2 crate. Nothing wakes anything here, so each future is polled when there is something for it, and only then.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream, client, server};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use crate::Failure;
use crate::pair::{
    CONNECTION_WINDOW, Ledger, MAX_STREAMS, MESSAGE, Pair, REQUEST, RESPONSE, STREAM_WINDOW, Side, TRAILERS,
};
use crate::pipe::End;

/// Client and server of the h2 crate.
#[derive(Debug)]
pub struct H2Pair {
    client: Client,
    server: Server,
}

#[derive(Debug)]
struct Client {
    connection: Box<client::Connection<End, Bytes>>,
    requests: SendRequest<Bytes>,
    head: Request<()>,
    answers: Vec<ResponseFuture>,
    senders: Vec<SendStream<Bytes>>,
    receivers: Vec<RecvStream>,
}

#[derive(Debug)]
struct Server {
    connection: Box<server::Connection<End, Bytes>>,
    head: Response<()>,
    trailers: HeaderMap,
    accepted: Vec<(Request<RecvStream>, SendResponse<Bytes>)>,
    senders: Vec<SendStream<Bytes>>,
    receivers: Vec<RecvStream>,
}

impl Pair for H2Pair {
    type Fields = ();

    fn connect<L: Ledger>(ledger: &mut L) -> Result<Self, Failure> {
        let (near, far) = End::joined();
        // What the application brings along is there before anything is counted.
        let (head, answer) = (request_head()?, response_head()?);
        let trailers = fields(&TRAILERS)?;
        let width = MAX_STREAMS as usize;
        let (answers, accepted) = (Vec::with_capacity(width), Vec::with_capacity(width));
        let senders = (Vec::with_capacity(width), Vec::with_capacity(width));
        let receivers = (Vec::with_capacity(width), Vec::with_capacity(width));
        ledger.ignore();

        let mut builder = client::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .enable_push(false);
        let (requests, connection) = ready(pin!(builder.handshake(near)))??;
        let mut client = Client {
            connection: Box::new(connection),
            requests,
            head,
            answers,
            senders: senders.0,
            receivers: receivers.0,
        };
        client.drive()?;
        ledger.charge(Side::Client);

        let mut builder = server::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(MAX_STREAMS);
        let connection = ready(pin!(builder.handshake(far)))??;
        let mut server = Server {
            connection: Box::new(connection),
            head: answer,
            trailers,
            accepted,
            senders: senders.1,
            receivers: receivers.1,
        };
        server.drive()?;
        ledger.charge(Side::Server);
        client.drive()?;
        ledger.charge(Side::Client);
        server.drive()?;
        ledger.charge(Side::Server);
        Ok(Self { client, server })
    }

    fn exchange<L: Ledger>(&mut self, count: usize, ledger: &mut L) -> Result<(), Failure> {
        self.client.ask(count)?;
        ledger.charge(Side::Client);
        self.server.drive()?;
        self.server.answer()?;
        ledger.charge(Side::Server);
        self.client.finish(count)?;
        ledger.charge(Side::Client);
        Ok(())
    }

    fn open<L: Ledger>(&mut self, count: usize, ledger: &mut L) -> Result<(), Failure> {
        self.client.open(count)?;
        ledger.charge(Side::Client);
        self.server.drive()?;
        self.server.accept_streams()?;
        ledger.charge(Side::Server);
        self.client.accept_answers()?;
        ledger.charge(Side::Client);
        Ok(())
    }

    fn echo(&mut self, message: &'static [u8]) -> Result<(), Failure> {
        let message = Bytes::from_static(message);
        for sender in &mut self.client.senders {
            sender.send_data(message.clone(), false)?;
        }
        self.client.drive()?;
        self.server.drive()?;
        for (sender, receiver) in self.server.senders.iter_mut().zip(&mut self.server.receivers) {
            sender.send_data(read(receiver, message.len())?, false)?;
        }
        self.server.drive()?;
        self.client.drive()?;
        for receiver in &mut self.client.receivers {
            read(receiver, message.len())?;
        }
        Ok(())
    }

    fn rest<L: Ledger>(&mut self, _: &mut L) {
        // It has nothing of the kind.
    }

    fn held_fields(&self, _: Side) -> Result<(), Failure> {
        // It hands them out with the request and the response.
        Ok(())
    }
}

impl Client {
    /// Lets the connection do what there is to do.
    fn drive(&mut self) -> Result<(), Failure> {
        match Pin::new(&mut *self.connection).poll(&mut idle()) {
            Poll::Pending => Ok(()),
            Poll::Ready(done) => Err(format!("the client's connection ended: {done:?}").into()),
        }
    }

    fn ask(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            let (answer, mut sender) = self.requests.send_request(self.head.clone(), false)?;
            sender.send_data(Bytes::from_static(MESSAGE), true)?;
            self.answers.push(answer);
        }
        self.drive()
    }

    fn finish(&mut self, count: usize) -> Result<(), Failure> {
        self.drive()?;
        let mut finished = 0;
        for answer in self.answers.drain(..) {
            let mut body = checked(answer)?;
            read(&mut body, MESSAGE.len())?;
            let trailers = polled(body.poll_trailers(&mut idle()))??.ok_or("no trailers")?;
            if trailers.get("grpc-status").is_some_and(|status| status == "0") {
                finished += 1;
            }
        }
        if finished == count {
            Ok(())
        } else {
            Err(format!("{finished} of {count} exchanges came to their end").into())
        }
    }

    fn open(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            let (answer, sender) = self.requests.send_request(self.head.clone(), false)?;
            self.answers.push(answer);
            self.senders.push(sender);
        }
        self.drive()
    }

    fn accept_answers(&mut self) -> Result<(), Failure> {
        self.drive()?;
        for answer in self.answers.drain(..) {
            self.receivers.push(checked(answer)?);
        }
        Ok(())
    }
}

impl Server {
    /// Lets the connection do what there is to do.
    fn drive(&mut self) -> Result<(), Failure> {
        while let Poll::Ready(accepted) = self.connection.poll_accept(&mut idle()) {
            self.accepted.push(accepted.ok_or("the server's connection ended")??);
        }
        Ok(())
    }

    fn answer(&mut self) -> Result<(), Failure> {
        for (request, mut respond) in self.accepted.drain(..) {
            let mut body = checked_request(request)?;
            let message = read(&mut body, MESSAGE.len())?;
            if !body.is_end_stream() {
                return Err("the request goes on".into());
            }
            let mut sender = respond.send_response(self.head.clone(), false)?;
            sender.send_data(message, false)?;
            sender.send_trailers(self.trailers.clone())?;
        }
        self.drive()
    }

    fn accept_streams(&mut self) -> Result<(), Failure> {
        for (request, mut respond) in self.accepted.drain(..) {
            self.receivers.push(checked_request(request)?);
            self.senders.push(respond.send_response(self.head.clone(), false)?);
        }
        self.drive()
    }
}

/// Looks at the request as a server has to, and goes on with its body.
fn checked_request(request: Request<RecvStream>) -> Result<RecvStream, Failure> {
    let is_grpc = request.headers().get(CONTENT_TYPE).is_some();
    if !is_grpc || request.uri().path().len() < 2 {
        return Err(format!("not the request: {request:?}").into());
    }
    Ok(request.into_body())
}

/// Looks at the response as a client has to, and goes on with its body.
fn checked(mut answer: ResponseFuture) -> Result<RecvStream, Failure> {
    let answer = ready(Pin::new(&mut answer))??;
    let is_grpc = answer.headers().get(CONTENT_TYPE).is_some();
    if answer.status() != 200 || !is_grpc {
        return Err(format!("not the answer: {answer:?}").into());
    }
    Ok(answer.into_body())
}

/// The next message, which comes in one piece; its room in the windows is given back.
fn read(body: &mut RecvStream, len: usize) -> Result<Bytes, Failure> {
    let message = polled(body.poll_data(&mut idle()))?.ok_or("the body has ended")??;
    if message.len() != len {
        return Err(format!("{} bytes instead of {len}", message.len()).into());
    }
    body.flow_control().release_capacity(len)?;
    Ok(black_box(message))
}

/// Nothing is ever woken.
fn idle() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn ready<F: Future>(future: Pin<&mut F>) -> Result<F::Output, Failure> {
    polled(future.poll(&mut idle()))
}

/// What must be there by now.
fn polled<T>(poll: Poll<T>) -> Result<T, Failure> {
    match poll {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("what should be there is not".into()),
    }
}

fn request_head() -> Result<Request<()>, Failure> {
    let [method, scheme, path, authority, ref ordinary @ ..] = REQUEST;
    let mut request = Request::builder()
        .method(method.1)
        .uri(format!("{}://{}{}", scheme.1, authority.1, path.1))
        .body(())?;
    *request.headers_mut() = fields(ordinary)?;
    Ok(request)
}

fn response_head() -> Result<Response<()>, Failure> {
    let [status, ref ordinary @ ..] = RESPONSE;
    let mut response = Response::builder().status(status.1).body(())?;
    *response.headers_mut() = fields(ordinary)?;
    Ok(response)
}

fn fields(fields: &[(&'static str, &'static str)]) -> Result<HeaderMap, Failure> {
    fields
        .iter()
        .map(|&(name, value)| {
            let name: HeaderName = name.parse()?;
            Ok((name, HeaderValue::from_static(value)))
        })
        .collect()
}
