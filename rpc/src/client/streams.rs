//! Streams of a client, once they are open.

use std::borrow::Borrow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use kitewire_proto::Instant;
use kitewire_proto::ttstream::Exception;
use kitewire_proto::wire::grpc::{Code, Status};
use kitewire_runtime::{Address, Timer};

use super::connector::Connector;
use super::options::{RecvTimeout, Tags};
use crate::service::Message;
use crate::stream::{Patience, Stream};
use crate::{Error, Metadata, Receiver, Sender, Transport, error};

/// What a stream is made of, whatever its kind.
pub(super) struct Opened {
    pub(super) stream: Arc<Stream>,
    pub(super) tags: Tags,
    pub(super) deadline: Option<Instant>,
    pub(super) recv_timeout: Option<(RecvTimeout, Arc<dyn Connector>)>,
}

/// What the kinds of streams have in common beside their halves.
struct Common {
    stream: Arc<Stream>,
    tags: Tags,
}

impl Common {
    /// The stream has ended well, without the one answer that it should have.
    #[cold]
    fn no_answer(&self) -> Error {
        self.stream.placed(match self.stream.hub().transport() {
            Transport::Grpc => error::stream_is_done(),
            _ => Error::protocol("EOF"),
        })
    }
}

impl Opened {
    fn split<M: Message>(self) -> (Common, Receiver<M::Value>) {
        let patience = self.recv_timeout.map(|(timeout, connector)| {
            Box::new(RecvWait {
                timeout,
                connector,
                stream: Arc::clone(&self.stream),
                timer: Mutex::default(),
                due: None,
                deadline: self.deadline.unwrap_or(Instant::FAR_FUTURE),
            }) as Box<dyn Patience>
        });
        let receiver = Receiver::of::<M>(Arc::clone(&self.stream), patience);
        let common = Common {
            stream: self.stream,
            tags: self.tags,
        };
        (common, receiver)
    }
}

/// A stream with many requests and one answer.
///
/// ```
/// # use kitewire::{ClientStream, Error};
/// async fn sum(mut numbers: ClientStream<i64, i64>) -> Result<i64, Error> {
///     for number in 0..10 {
///         numbers.send(number).await?;
///     }
///     numbers.finish().await
/// }
/// ```
///
/// Dropping it before its end gives the stream up: it is reset, and the server's handler hears about it.
///
/// Messages cannot be received one by one:
///
/// ```compile_fail,E0599
/// # use kitewire::{ClientStream, Error};
/// # async fn with(mut numbers: ClientStream<i64, i64>) -> Result<(), Error> {
/// numbers.recv().await?;
/// # Ok(()) }
/// ```
///
/// ```
/// # use kitewire::{ClientStream, Error};
/// # async fn with(mut numbers: ClientStream<i64, i64>) -> Result<(), Error> {
/// numbers.finish().await?;
/// # Ok(()) }
/// ```
pub struct ClientStream<Req, Resp> {
    out: Sender<Req>,
    input: Receiver<Resp>,
    /// The answer, as long as its end is waited for.
    answer: Option<Resp>,
    common: Common,
}

impl<Req, Resp> ClientStream<Req, Resp> {
    pub(super) fn open<A, R>(opened: Opened) -> Self
    where
        A: Message<Value = Req>,
        R: Message<Value = Resp>,
    {
        let out = Sender::of::<A>(Arc::clone(&opened.stream));
        let (common, input) = opened.split::<R>();
        Self {
            out,
            input,
            answer: None,
            common,
        }
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send(&mut self, message: impl Borrow<Req>) -> Result<(), Error> {
        self.out.send(message).await
    }

    /// Says that everything is sent, and waits for the answer. To be called once; the future can be dropped and made
    /// again.
    ///
    /// # Errors
    /// The call failed.
    pub async fn finish(&mut self) -> Result<Resp, Error> {
        self.out.close();
        if self.answer.is_none() {
            self.answer = self.input.recv().await?;
        }
        // Over TTHeader the end comes by itself, and may be an error. Kitex does not mind more than one answer.
        while self.input.recv().await?.is_some() {}
        self.answer.take().ok_or_else(|| self.common.no_answer())
    }
}

/// A stream with one request and many answers. The request has been sent when the stream is open.
///
/// ```
/// # use kitewire::{Error, ServerStream};
/// async fn print(mut changes: ServerStream<String>) -> Result<(), Error> {
///     while let Some(change) = changes.recv().await? {
///         println!("{change}");
///     }
///     println!("{:?}", changes.trailer());
///     Ok(())
/// }
/// ```
///
/// Dropping it before its end gives the stream up: it is reset, and the server's handler hears about it.
///
/// There is nothing more to send:
///
/// ```compile_fail,E0599
/// # use kitewire::{Error, ServerStream};
/// # async fn with(mut changes: ServerStream<String>) -> Result<(), Error> {
/// changes.send("more").await?;
/// # Ok(()) }
/// ```
///
/// ```
/// # use kitewire::{Error, ServerStream};
/// # async fn with(mut changes: ServerStream<String>) -> Result<(), Error> {
/// changes.recv().await?;
/// # Ok(()) }
/// ```
pub struct ServerStream<Resp> {
    input: Receiver<Resp>,
    common: Common,
}

impl<Resp> ServerStream<Resp> {
    pub(super) fn open<R: Message<Value = Resp>>(opened: Opened) -> Self {
        let (common, input) = opened.split::<R>();
        Self { input, common }
    }

    /// As [`Receiver::recv`].
    ///
    /// # Errors
    /// As [`Receiver::recv`].
    pub async fn recv(&mut self) -> Result<Option<Resp>, Error> {
        self.input.recv().await
    }
}

/// A stream with many requests and many answers.
///
/// ```
/// # use kitewire::{BidiStream, Error};
/// async fn echo(mut talk: BidiStream<String, String>) -> Result<(), Error> {
///     talk.send("hello".to_owned()).await?;
///     println!("{:?}", talk.recv().await?);
///     talk.close_send();
///     assert_eq!(talk.recv().await?, None);
///     Ok(())
/// }
/// ```
///
/// Dropping it before its end gives the stream up: it is reset, and the server's handler hears about it.
pub struct BidiStream<Req, Resp> {
    out: Sender<Req>,
    input: Receiver<Resp>,
    common: Common,
}

impl<Req, Resp> BidiStream<Req, Resp> {
    pub(super) fn open<A, R>(opened: Opened) -> Self
    where
        A: Message<Value = Req>,
        R: Message<Value = Resp>,
    {
        let out = Sender::of::<A>(Arc::clone(&opened.stream));
        let (common, input) = opened.split::<R>();
        Self { out, input, common }
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send(&mut self, message: impl Borrow<Req>) -> Result<(), Error> {
        self.out.send(message).await
    }

    /// As [`Sender::close`]. Answers can still be received.
    pub fn close_send(&mut self) {
        self.out.close();
    }

    /// As [`Receiver::recv`].
    ///
    /// # Errors
    /// As [`Receiver::recv`].
    pub async fn recv(&mut self) -> Result<Option<Resp>, Error> {
        self.input.recv().await
    }

    /// The halves, which may live in different tasks.
    #[must_use = "a stream whose halves are dropped is given up"]
    pub fn split(self) -> (Sender<Req>, Receiver<Resp>) {
        (self.out, self.input)
    }
}

/// What every kind of stream can do.
macro_rules! common {
    ($stream:ident<$($message:ident),+>) => {
        impl<$($message),+> $stream<$($message),+> {
            /// As [`Receiver::header`]: the metadata that the server's answer begins with.
            ///
            /// # Errors
            /// The call failed before it came.
            pub async fn header(&mut self) -> Result<&Metadata, Error> {
                self.input.header().await
            }

            /// As [`Receiver::trailer`]: the metadata that came with the end.
            #[must_use]
            pub fn trailer(&self) -> &Metadata {
                self.input.trailer()
            }

            /// Gives the stream up, if it is not over: it is reset, and both directions fail with code 1 from now on. Over
            /// TTHeader that is exception 12007, and messages that have come in before can still be received.
            pub fn cancel(&mut self) {
                self.common.stream.give_up();
            }

            /// Where the stream goes. `None` in process.
            #[must_use]
            pub fn peer(&self) -> Option<&Address> {
                self.common.stream.peer()
            }

            /// A tag that was set for this stream or for its client.
            #[must_use]
            pub fn tag(&self, key: &str) -> Option<&str> {
                self.common.tags.get(key)
            }
        }

        impl<$($message),+> fmt::Debug for $stream<$($message),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($stream))
                    .field("stream", &self.common.stream.key())
                    .field("peer", &self.peer())
                    .finish_non_exhaustive()
            }
        }
    };
}

common!(ClientStream<Req, Resp>);
common!(ServerStream<Resp>);
common!(BidiStream<Req, Resp>);

/// The wait for one message, as long as it may be.
struct RecvWait {
    timeout: RecvTimeout,
    connector: Arc<dyn Connector>,
    stream: Arc<Stream>,
    /// Made by the first wait. Nobody shares it; the lock is for sharing the halves of a stream between threads.
    timer: Mutex<Option<Box<dyn Timer>>>,
    /// The end of the present wait, once it has begun to wait.
    due: Option<Instant>,
    /// The end of the stream.
    deadline: Instant,
}

impl Patience for RecvWait {
    fn begin(&mut self) {
        self.due = None;
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let timer = self.timer.get_mut().unwrap_or_else(PoisonError::into_inner);
        let timer = timer.get_or_insert_with(|| self.connector.timer());
        if self.due.is_none() {
            let due = self.connector.now() + self.timeout.timeout();
            self.due = Some(due);
            timer.arm(due);
        }
        if self.due.is_some_and(|due| due >= self.deadline) {
            // The stream ends first, and whoever waits is woken.
            return Poll::Pending;
        }
        timer.poll_expired(cx).map(|()| {
            self.due = None;
            let cancels = self.timeout.cancels_remote();
            match self.stream.hub().transport() {
                Transport::Grpc => {
                    let text = format!("stream Recv timeout, timeout config={}", self.timeout);
                    let status = Status::new(Code::RECV_DEADLINE_EXCEEDED, text);
                    if cancels {
                        self.stream.end_with(status.clone());
                    }
                    status.into()
                }
                _ => {
                    let exception = Exception::recv_timeout(self.timeout);
                    if cancels {
                        self.stream.end_with(exception.clone());
                    }
                    exception.into()
                }
            }
        })
    }
}
