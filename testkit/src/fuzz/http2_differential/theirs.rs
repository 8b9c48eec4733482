//! The `h2` crate's connection, seen from outside.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::server::SendResponse;
use h2::{Error, Reason, RecvStream, SendStream};
use http::{Request, Response};
use kitewire_proto::wire::http2::PREFACE;

use super::super::http2_script::{Side, Step};
use super::view::{End, Seen, Sent, View};
use crate::reference::{
    H2Client, H2Server, Remote, Socket, Tasks, canonical_map, canonical_request, canonical_response, pipe,
};

#[derive(Debug)]
pub(super) struct Theirs {
    tasks: Tasks,
    remote: Remote,
    application: Rc<RefCell<Application>>,
    sent: Sent,
    view: View,
    /// Keeps the connection open.
    _client: Option<H2Client>,
}

/// What the application has seen, and what it can still do.
#[derive(Default)]
struct Application {
    streams: BTreeMap<u32, Seen>,
    handles: BTreeMap<u32, Handle>,
}

enum Handle {
    Respond(SendResponse<Bytes>),
    Send { stream: SendStream<Bytes>, finished: bool },
}

impl Theirs {
    /// A connection whose peer is `side`.
    pub(super) fn new(side: Side) -> Self {
        let (socket, remote) = pipe(usize::MAX);
        let mut tasks = Tasks::default();
        let application: Rc<RefCell<Application>> = Rc::default();
        let mut sent = Sent::default();
        let mut view = View::default();
        let client = match side {
            Side::Client => {
                start_server(&mut tasks, socket, &application);
                None
            }
            Side::Server => Some(start_client(&mut tasks, socket, &application)),
        };
        tasks.run();
        let first = remote.take(usize::MAX);
        let rest = match side {
            Side::Client => &first[..],
            Side::Server => first.strip_prefix(PREFACE).expect("a client sends the preface first"),
        };
        sent.take(rest, &mut view);
        Self {
            tasks,
            remote,
            application,
            sent,
            view,
            _client: client,
        }
    }

    /// Does `step` and everything that follows from it.
    pub(super) fn take(&mut self, step: &Step) -> View {
        match step {
            Step::Frame(bytes) => self.remote.give(bytes),
            Step::Finish(id) => self.application.borrow_mut().finish(*id),
            Step::Cancel(id) => self.application.borrow_mut().cancel(*id),
        }
        self.tasks.run();
        self.sent.take(&self.remote.take(usize::MAX), &mut self.view);
        let mut view = self.view.clone();
        view.streams.clone_from(&self.application.borrow().streams);
        view
    }
}

impl Application {
    fn seen(&mut self, id: u32) -> &mut Seen {
        self.streams.entry(id).or_default()
    }

    /// The first end counts.
    fn end(&mut self, id: u32, end: End) {
        let seen = self.seen(id);
        if seen.end == End::Open {
            seen.end = end;
        }
    }

    fn finish(&mut self, id: u32) {
        match self.handles.remove(&id) {
            Some(Handle::Respond(mut respond)) => {
                // An error says that the stream is gone.
                if let Ok(stream) = respond.send_response(Response::new(()), true) {
                    self.handles.insert(id, Handle::Send { stream, finished: true });
                }
            }
            Some(Handle::Send { mut stream, finished }) => {
                if !finished {
                    let _ = stream.send_data(Bytes::new(), true);
                }
                self.handles.insert(id, Handle::Send { stream, finished: true });
            }
            None => {}
        }
    }

    fn cancel(&mut self, id: u32) {
        let over = self.streams.get(&id).is_some_and(|seen| seen.end != End::Open);
        match self.handles.remove(&id) {
            Some(Handle::Respond(mut respond)) => respond.send_reset(Reason::CANCEL),
            Some(Handle::Send { mut stream, finished }) if !(over && finished) => stream.send_reset(Reason::CANCEL),
            _ => {}
        }
    }
}

fn start_server(tasks: &mut Tasks, socket: Socket, application: &Rc<RefCell<Application>>) {
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(HEADER_LIST)
        .max_local_error_reset_streams(None)
        .max_pending_accept_reset_streams(1_000)
        .max_concurrent_reset_streams(1_000)
        .reset_stream_duration(std::time::Duration::from_secs(3_600));
    let application = application.clone();
    H2Server::start(tasks, socket, &builder, move |request: Request<RecvStream>, respond| {
        let id = respond.stream_id().as_u32();
        let (parts, body) = request.into_parts();
        let mut now = application.borrow_mut();
        now.seen(id).head = Some(canonical_request(&parts));
        now.handles.insert(id, Handle::Respond(respond));
        read(application.clone(), id, body)
    });
}

fn start_client(tasks: &mut Tasks, socket: Socket, application: &Rc<RefCell<Application>>) -> H2Client {
    let mut builder = h2::client::Builder::new();
    builder
        .enable_push(false)
        .max_header_list_size(HEADER_LIST)
        .max_local_error_reset_streams(None)
        .max_concurrent_reset_streams(1_000)
        .reset_stream_duration(std::time::Duration::from_secs(3_600));
    let client = H2Client::start(tasks, socket, &builder);
    for (method, finished) in [("GET", true), ("POST", false), ("HEAD", true)] {
        let request = Request::builder()
            .method(method)
            .uri("http://peer/")
            .body(())
            .expect("a good request");
        let sent = client.requests().send_request(request, finished);
        let (response, stream) = sent.expect("the first streams can be opened");
        let id = stream.stream_id().as_u32();
        let mut now = application.borrow_mut();
        now.seen(id);
        now.handles.insert(id, Handle::Send { stream, finished });
        tasks.spawn(receive(application.clone(), id, response));
    }
    client
}

async fn receive(application: Rc<RefCell<Application>>, id: u32, mut response: ResponseFuture) {
    loop {
        match poll_fn(|context| response.poll_informational(context)).await {
            Some(Ok(interim)) => {
                let head = canonical_response(&interim.into_parts().0);
                application.borrow_mut().seen(id).interim.push(head);
            }
            Some(Err(error)) => return application.borrow_mut().end(id, end(&error)),
            None => break,
        }
    }
    match response.await {
        Ok(response) => {
            let (parts, body) = response.into_parts();
            application.borrow_mut().seen(id).head = Some(canonical_response(&parts));
            read(application, id, body).await;
        }
        Err(error) => application.borrow_mut().end(id, end(&error)),
    }
}

async fn read(application: Rc<RefCell<Application>>, id: u32, mut body: RecvStream) {
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                application.borrow_mut().seen(id).body.extend_from_slice(&data);
                // The stream may be gone; the window of the connection is given back all the same.
                let _ = body.flow_control().release_capacity(data.len());
            }
            Err(error) => return application.borrow_mut().end(id, end(&error)),
        }
    }
    match body.trailers().await {
        Ok(trailers) => {
            let mut now = application.borrow_mut();
            now.seen(id).trailers = trailers
                .map(|trailers| canonical_map(&trailers))
                .filter(|list| !list.is_empty());
            now.end(id, End::Complete);
        }
        Err(error) => application.borrow_mut().end(id, end(&error)),
    }
}

fn end(error: &Error) -> End {
    match error.reason() {
        // A GOAWAY that leaves the stream out says the same as REFUSED_STREAM does.
        Some(_) if error.is_go_away() && error.is_remote() => End::Reset(Reason::REFUSED_STREAM.into()),
        Some(reason) if error.is_reset() && error.is_remote() => End::Reset(reason.into()),
        _ => End::Failed,
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

/// Streams that the peer may have open.
pub(super) const MOST_STREAMS: u32 = 8;
/// The largest header list that is taken.
pub(super) const HEADER_LIST: u32 = 250;
