//! The `h2` crate's connections, each as tasks.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use h2::client::{self, ResponseFuture, SendRequest};
use h2::server::{self, SendResponse};
use h2::{Error, RecvStream};
use http::{Request, Response};

use super::exchange::{Body, Received, read_body, send_body};
use super::pipe::Socket;
use super::tasks::{Spawned, Spawner, Tasks};

/// An `h2` client.
pub struct H2Client {
    connection: Shared<client::Connection<Socket, Bytes>>,
    requests: Rc<RefCell<Option<SendRequest<Bytes>>>>,
    spawner: Spawner,
    /// How the connection ended.
    pub ended: Spawned<Result<(), Error>>,
}

/// An `h2` server.
pub struct H2Server {
    connection: Shared<server::Connection<Socket, Bytes>>,
    /// How the connection ended.
    pub ended: Spawned<Result<(), Error>>,
}

/// There from the end of the handshake to the end of the connection.
type Shared<T> = Rc<RefCell<Option<T>>>;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Responses with a status of 1xx.
    pub interim: Vec<Response<()>>,
    /// The final one.
    pub head: Response<()>,
    /// What followed, or why it broke off.
    pub body: Result<Received, Error>,
}

impl H2Client {
    /// Begins a connection and brings its handshake as far as it gets alone.
    pub fn start(tasks: &mut Tasks, socket: Socket, builder: &client::Builder) -> Self {
        let connection: Shared<_> = Rc::default();
        let requests: Rc<RefCell<Option<SendRequest<Bytes>>>> = Rc::default();
        let (shared, sender) = (connection.clone(), requests.clone());
        let handshake = builder.handshake::<_, Bytes>(socket);
        let ended = tasks.spawn(async move {
            let (requests, connection) = handshake.await?;
            *sender.borrow_mut() = Some(requests);
            *shared.borrow_mut() = Some(connection);
            let end = poll_fn(|context| {
                let mut connection = shared.borrow_mut();
                let connection = connection.as_mut().expect("there until the end");
                Pin::new(connection).poll(context)
            });
            let end = end.await;
            shared.take();
            end
        });
        tasks.run();
        Self {
            connection,
            requests,
            spawner: tasks.spawner(),
            ended,
        }
    }

    /// Sends a request and its body and reads the answer.
    pub fn request(&self, request: Request<()>, body: Body) -> Spawned<Result<Answer, Error>> {
        let spawner = self.spawner.clone();
        let requests = self.requests();
        self.spawner.spawn(async move {
            let mut requests = requests.ready().await?;
            let whole = body.data.is_empty() && body.trailers.is_none();
            let (response, mut stream) = requests.send_request(request, whole)?;
            drop(requests);
            if !whole {
                // What cannot be sent shows in the answer.
                spawner.spawn(async move { send_body(&mut stream, body).await });
            }
            receive(response).await
        })
    }

    /// To send requests by hand.
    ///
    /// # Panics
    /// After [`Self::finish`].
    #[must_use]
    pub fn requests(&self) -> SendRequest<Bytes> {
        let requests = self.requests.borrow();
        requests.clone().expect("no request after the last one")
    }

    /// No more requests: the connection ends with the last stream.
    pub fn finish(&self) {
        self.requests.take();
    }

    /// Changes settings of the open connection.
    ///
    /// # Panics
    /// If the connection has ended.
    pub fn change<T>(&self, tasks: &mut Tasks, change: impl FnOnce(&mut client::Connection<Socket, Bytes>) -> T) -> T {
        let changed = change(self.connection.borrow_mut().as_mut().expect("the connection is open"));
        tasks.run_all();
        changed
    }
}

impl H2Server {
    /// Begins a connection; every request gets a task with what `handle` returns for it.
    pub fn start<F>(
        tasks: &mut Tasks,
        socket: Socket,
        builder: &server::Builder,
        handle: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        let connection: Shared<_> = Rc::default();
        let shared = connection.clone();
        let spawner = tasks.spawner();
        let handshake = builder.handshake::<_, Bytes>(socket);
        let ended = tasks.spawn(async move {
            *shared.borrow_mut() = Some(handshake.await?);
            let end = loop {
                let accept = poll_fn(|context| {
                    let mut connection = shared.borrow_mut();
                    connection.as_mut().expect("there until the end").poll_accept(context)
                });
                match accept.await {
                    Some(Ok((request, respond))) => drop(spawner.spawn(handle(request, respond))),
                    Some(Err(error)) => break Err(error),
                    None => break Ok(()),
                }
            };
            shared.take();
            end
        });
        tasks.run();
        Self { connection, ended }
    }

    /// Changes settings of the open connection, or ends it.
    ///
    /// # Panics
    /// If the handshake is not over, or the connection is.
    pub fn change<T>(&self, tasks: &mut Tasks, change: impl FnOnce(&mut server::Connection<Socket, Bytes>) -> T) -> T {
        let changed = change(self.connection.borrow_mut().as_mut().expect("the connection is open"));
        tasks.run_all();
        changed
    }
}

/// Reads a whole answer.
///
/// # Errors
/// If the stream or the connection ends before the final head.
pub async fn receive(mut response: ResponseFuture) -> Result<Answer, Error> {
    let mut interim = Vec::new();
    while let Some(head) = poll_fn(|context| response.poll_informational(context)).await {
        interim.push(head?);
    }
    let (head, body) = response.await?.into_parts();
    Ok(Answer {
        interim,
        head: Response::from_parts(head, ()),
        body: read_body(body).await,
    })
}

impl fmt::Debug for H2Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H2Client")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for H2Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H2Server")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
