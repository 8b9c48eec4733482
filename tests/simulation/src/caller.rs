//! A client of one server, and what its scripts do with it.

use std::sync::Arc;

use kitewire::service::Body;
use kitewire::{
    BidiStream, Call, CallResult, Client, ClientCall, ClientStats, ClientStream, Error, Receiver, RecvTimeout, Sender,
    ServerStream, StreamCall, Transport,
};
use kitewire_simulator::Simulated;

use crate::book::Book;
use crate::checks::Heard;
use crate::entry::{End, Failure};
use crate::messages::work::{SideClient, WorkClient};
use crate::messages::workpb::WorkPbClient;
use crate::messages::{Order, Piece, Receipt, Way, digest, payload};
use crate::property::Property;
use crate::station::order;
use crate::task::{Format, Kind, Line, RecvLimit, Task};
use crate::tools::{both, sleep, within};

/// A client.
pub(crate) struct Caller {
    client: Client,
    work: WorkClient,
    proto: WorkPbClient,
    side: SideClient,
    pub(crate) line: Line,
    runtime: Simulated,
    pub(crate) book: Arc<Book>,
}

impl Caller {
    pub(crate) fn new(client: Client, line: Line, runtime: &Simulated, book: &Arc<Book>) -> Self {
        Self {
            work: WorkClient::new(client.clone()),
            proto: WorkPbClient::new(client.clone()),
            side: SideClient::new(client.clone()),
            client,
            line,
            runtime: runtime.clone(),
            book: Arc::clone(book),
        }
    }

    pub(crate) const fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn stats(&self) -> ClientStats {
        self.client.stats()
    }

    /// Makes the call that `task` describes.
    pub(crate) async fn run(&self, task: &Task) {
        let call = self.book.open(task, &self.line, &self.runtime);
        let work = self.work(call, task, None);
        let end = match task.gives_up {
            None => Some(work.await),
            Some(patience) => within(&self.runtime, patience, work).await,
        };
        self.book.end(call, end.map_or(End::Dropped, End::from), false);
    }

    /// The same as a part of `parent`, which it ends with.
    pub(crate) async fn relay(&self, task: &Task, parent: &Call) -> Result<(), Error> {
        let call = self.book.open(task, &self.line, &self.runtime);
        self.book.relayed(call);
        let mut guard = Relayed {
            book: Some(&self.book),
            call,
        };
        let outcome = self.work(call, task, Some(parent)).await;
        let gone = parent.is_cancelled();
        guard.book = None;
        let failed = outcome.as_ref().err().map(|failure| failure.text.clone());
        self.book.end(call, End::from(outcome), gone);
        failed.map_or(Ok(()), |text| Err(Error::new(text)))
    }

    async fn work(&self, call: i64, task: &Task, parent: Option<&Call>) -> Result<(), Failure> {
        match (task.kind, task.format) {
            (Kind::Ask, Format::Thrift) => self.ask(call, task, parent).await,
            (Kind::Ask, Format::Protobuf) => {
                let asked = dress(self.proto.ask(order(call, task).into()), call, task, parent);
                self.check_answer(call, task, &asked.await?.into())
            }
            (Kind::Echo, _) => {
                let asked = dress(self.side.echo(order(call, task)), call, task, parent);
                self.check_answer(call, task, &asked.await?)
            }
            (Kind::Reserve, _) => {
                let asked = dress(self.work.reserve(order(call, task)), call, task, parent);
                self.check_answer(call, task, &asked.await?)
            }
            (Kind::Tell, _) => {
                self.book.count_messages(1);
                Ok(dress(self.work.tell(order(call, task)), call, task, parent).await?)
            }
            (Kind::Collect, Format::Thrift) => {
                self.collect(call, task, self.open(self.work.collect(), call, task, parent))
                    .await
            }
            (Kind::Collect, Format::Protobuf) => {
                self.collect(call, task, self.open(self.proto.collect(), call, task, parent))
                    .await
            }
            (Kind::Deliver, Format::Thrift) => {
                let opened = self.open(self.work.deliver(order(call, task)), call, task, parent);
                self.deliver(call, task, opened).await
            }
            (Kind::Deliver, Format::Protobuf) => {
                let opened = self.open(self.proto.deliver(order(call, task).into()), call, task, parent);
                self.deliver(call, task, opened).await
            }
            (Kind::Exchange | Kind::Duplex | Kind::Deaf, Format::Thrift) => {
                let opened = self.open(self.work.exchange(), call, task, parent);
                self.exchange(call, task, opened).await
            }
            (Kind::Exchange | Kind::Duplex | Kind::Deaf, Format::Protobuf) => {
                let opened = self.open(self.proto.exchange(), call, task, parent);
                self.exchange(call, task, opened).await
            }
        }
    }

    /// Looks at everything that comes with an answer.
    async fn ask(&self, call: i64, task: &Task, parent: Option<&Call>) -> Result<(), Failure> {
        let asked = dress(self.work.ask(order(call, task)), call, task, parent);
        let answer = asked.full().await?;
        match self.line.calls {
            Transport::Grpc => self.check_metadata(call, &answer.header, &answer.trailer),
            transport if transport.has_header() => {
                let seq = answer.backward("seq");
                if seq != Some(call.to_string().as_str()) {
                    self.found(Property::Bytes, call, &format!("came with the values of call {seq:?}"));
                }
            }
            _ => {}
        }
        self.check_answer(call, task, &answer.value)
    }

    async fn collect<P, R>(
        &self,
        call: i64,
        task: &Task,
        opening: StreamCall<'_, ClientStream<P, R>>,
    ) -> Result<(), Failure>
    where
        P: From<Piece>,
        R: Into<Receipt>,
    {
        let mut stream = opening.await?;
        let (mut taken, mut sum) = (0, 0);
        let most = if task.answers == 0 { task.requests } else { task.answers };
        for index in 0..task.requests {
            let piece = request(call, task, index);
            if taken < most {
                sum = digest(sum, &piece);
                taken += 1;
            }
            // Why nothing can be sent any more is told by the end.
            if stream.send(P::from(piece)).await.is_err() {
                break;
            }
            self.book.count_messages(1);
            sleep(&self.runtime, task.rest).await;
        }
        let receipt: Receipt = stream.finish().await?.into();
        self.book.count_messages(1);
        let right = Receipt {
            call,
            pieces: most.min(task.requests),
            digest: sum,
        };
        if receipt.pieces != right.pieces {
            self.found(Property::Order, call, &format!("got {receipt:?} in place of {right:?}"));
        } else if taken == right.pieces && receipt != right {
            self.found(Property::Bytes, call, &format!("got {receipt:?} in place of {right:?}"));
        }
        self.check_metadata(call, &stream.header().await?.clone(), stream.trailer());
        Ok(())
    }

    async fn deliver<R: Into<Piece>>(
        &self,
        call: i64,
        task: &Task,
        opening: StreamCall<'_, ServerStream<R>>,
    ) -> Result<(), Failure> {
        let mut stream = opening.await?;
        let mut pieces = 0;
        let end = loop {
            sleep(&self.runtime, task.rest).await;
            match stream.recv().await {
                Ok(Some(piece)) => {
                    self.check_piece(call, task, pieces, &piece.into());
                    pieces += 1;
                }
                Ok(None) => break Ok(()),
                Err(error) if task.waits_on(&error) => {}
                Err(error) => break Err(error),
            }
        };
        if end.is_ok() {
            self.check_metadata(call, &stream.header().await?.clone(), stream.trailer());
            self.check_silence(call, stream.recv().await);
        }
        self.check_count(call, task, task.answers, &Heard { pieces, end })
    }

    async fn exchange<P, R>(
        &self,
        call: i64,
        task: &Task,
        opening: StreamCall<'_, BidiStream<P, R>>,
    ) -> Result<(), Failure>
    where
        P: From<Piece>,
        R: Into<Piece>,
    {
        let stream = opening.await?;
        let (mut out, mut input) = stream.split();
        if task.is_side_by_side() {
            let sending = async {
                for index in 0..task.requests {
                    if !self.send(call, task, index, &mut out).await {
                        break;
                    }
                    sleep(&self.runtime, task.rest).await;
                }
                out.close();
            };
            let ((), heard) = both(sending, self.hear(call, task, 0, i32::MAX, &mut input)).await;
            if heard.end.is_ok() {
                self.check_silence(call, input.recv().await);
            }
            return self.check_count(call, task, task.answers, &heard);
        }
        let most = if task.answers == 0 {
            task.requests
        } else {
            task.requests.min(task.answers)
        };
        let mut pieces = 0;
        for index in 0..task.requests {
            self.send(call, task, index, &mut out).await;
            let heard = self.hear(call, task, index, index + 1, &mut input).await;
            pieces = heard.pieces;
            if heard.end.is_err() || heard.pieces == index {
                return self.check_count(call, task, most, &heard);
            }
            sleep(&self.runtime, task.rest).await;
        }
        out.close();
        let heard = self.hear(call, task, pieces, i32::MAX, &mut input).await;
        if heard.end.is_ok() {
            self.check_metadata(call, &input.header().await?.clone(), input.trailer());
        }
        self.check_count(call, task, most, &heard)
    }

    async fn send<P: From<Piece>>(&self, call: i64, task: &Task, index: i32, out: &mut Sender<P>) -> bool {
        let sent = out.send(P::from(request(call, task, index))).await.is_ok();
        if sent {
            self.book.count_messages(1);
        }
        sent
    }

    /// Receives until there are `until` pieces, or the end is there.
    async fn hear<R: Into<Piece>>(
        &self,
        call: i64,
        task: &Task,
        from: i32,
        until: i32,
        input: &mut Receiver<R>,
    ) -> Heard {
        let mut pieces = from;
        let end = loop {
            if pieces == until {
                break Ok(());
            }
            match input.recv().await {
                Ok(Some(piece)) => {
                    self.check_piece(call, task, pieces, &piece.into());
                    pieces += 1;
                }
                Ok(None) => break Ok(()),
                Err(error) if task.waits_on(&error) => {}
                Err(error) => break Err(error),
            }
            if task.is_side_by_side() {
                sleep(&self.runtime, task.rest).await;
            }
        };
        Heard { pieces, end }
    }

    /// A stream with the options of its task.
    fn open<'a, S>(
        &self,
        stream: StreamCall<'a, S>,
        call: i64,
        task: &Task,
        parent: Option<&Call>,
    ) -> StreamCall<'a, S> {
        let mut stream = stream
            .persistent("CALL", call.to_string())
            .metadata("seq", call.to_string());
        if let Some(timeout) = task.timeout {
            stream = stream.timeout(timeout);
        }
        stream = match task.recv {
            RecvLimit::None => stream,
            RecvLimit::Cancels(limit) => stream.recv_timeout(RecvTimeout::new(limit)),
            RecvLimit::Keeps(limit) => stream.recv_timeout(RecvTimeout::new(limit).keep_remote()),
        };
        match parent {
            Some(parent) => stream.forward(parent),
            None => stream,
        }
    }
}

/// A call with the options of its task.
fn dress<'a, A: Body, R: CallResult>(
    asked: ClientCall<'a, A, R>,
    call: i64,
    task: &Task,
    parent: Option<&Call>,
) -> ClientCall<'a, A, R> {
    let mut asked = asked.persistent("CALL", call.to_string());
    if let Some(timeout) = task.timeout {
        asked = asked.timeout(timeout);
    }
    match parent {
        Some(parent) => asked.forward(parent),
        None => asked,
    }
}

/// A request of a stream; the first one tells the handler what to do.
fn request(call: i64, task: &Task, index: i32) -> Piece {
    Piece {
        call,
        index,
        payload: payload(call, index, Way::Up, task.up),
        order: (index == 0).then(|| Order {
            payload: payload(call, 0, Way::Up, 16),
            ..order(call, task)
        }),
    }
}

/// A relayed call whose handler goes before it has ended.
struct Relayed<'a> {
    /// Nothing, once it has ended.
    book: Option<&'a Book>,
    call: i64,
}

impl Drop for Relayed<'_> {
    fn drop(&mut self) {
        if let Some(book) = self.book {
            book.end(self.call, End::Dropped, true);
        }
    }
}

impl Task {
    /// Whether requests and answers go side by side.
    fn is_side_by_side(&self) -> bool {
        matches!(self.kind, Kind::Duplex | Kind::Deaf)
    }

    /// Whether this is a message that has not come in time, on a stream that goes on.
    fn waits_on(&self, error: &Error) -> bool {
        matches!(self.recv, RecvLimit::Keeps(_))
            && error.is_timeout()
            && (error.code() == kitewire::Code::RECV_DEADLINE_EXCEEDED)
    }
}
