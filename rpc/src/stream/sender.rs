//! The half of a stream that messages go into.

use std::borrow::Borrow;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use kitewire_proto::{EncodeBody, Output};

use super::handle::Stream;
use super::hub::Side;
use crate::Error;
use crate::service::Message;

/// The half of a stream that messages go into: a handler's answers, or a client's requests.
///
/// ```
/// # use kitewire::{Error, Sender};
/// async fn count(out: &mut Sender<i64>) -> Result<(), Error> {
///     for number in 0..10 {
///         out.send(number).await?;
///     }
///     Ok(())
/// }
/// ```
///
/// A client says with [`Self::close`] that it has sent everything; if it drops the sender before that, it gives up the
/// whole stream, which is reset. A handler's answers end when it returns: what lives on of a stream then fails with
/// code 1, `transport: canceled by business handler returning`; over TTHeader with exception 12012.
pub struct Sender<T> {
    stream: Arc<Stream>,
    encode: Encode<T>,
    phase: Phase,
}

/// How the messages of a stream are encoded.
pub(crate) type Encode<T> = fn(&T, &mut Output);

/// How far a sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has been sent yet.
    New,
    Sending,
    Closed,
}

impl<T> Sender<T> {
    /// A sender of `M`.
    pub(crate) fn of<M: Message<Value = T>>(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            encode: M::encode_value,
            phase: Phase::New,
        }
    }

    /// Sends a message, and waits before that while too much waits to be sent already. That it is sent does not say that
    /// it was received.
    ///
    /// The future can be dropped: a message whose sending did not end was not sent.
    ///
    /// # Errors
    /// The call is over: the error tells why. After [`Self::close`], and where the call has ended well: code 13, `the
    /// stream is done`; over TTHeader exception 12005, `stream is closed send`. The message has no encoding or is too large; then the stream goes on.
    pub async fn send(&mut self, message: impl Borrow<T>) -> Result<(), Error> {
        poll_fn(|cx| self.poll_send(cx, message.borrow())).await
    }

    /// As [`Self::send`], for futures written by hand.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn poll_send(&mut self, cx: &mut Context<'_>, message: &T) -> Poll<Result<(), Error>> {
        let stream = &self.stream;
        stream.check_returned()?;
        if self.phase == Phase::Closed && stream.hub().side() == Side::Server {
            return Poll::Ready(Err(stream.hub().stream_is_done()));
        }
        let body = Encoding {
            message,
            encode: self.encode,
        };
        let first = self.phase == Phase::New && stream.hub().side() == Side::Server;
        let sent = match first {
            true => stream.hub().poll_send_first(stream.key(), cx, &body),
            false => stream.poll(|hub| hub.poll_send(stream.key(), cx, &body)),
        };
        match sent {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                if self.phase == Phase::New {
                    self.phase = Phase::Sending;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(stream.placed(error))),
        }
    }

    /// Says that everything is sent. The answers go on. Closing again, or after the end, changes nothing.
    ///
    /// A handler need not call it, and its answers end no sooner: the end of a stream is the return of its handler.
    pub fn close(&mut self) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            self.stream.close_send();
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.phase != Phase::Closed {
            self.stream.give_up();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("stream", &self.stream.key())
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

/// A message on its way into the connection.
struct Encoding<'a, T> {
    message: &'a T,
    encode: Encode<T>,
}

impl<T> EncodeBody for Encoding<'_, T> {
    fn encode_body(&self, out: &mut Output) {
        (self.encode)(self.message, out);
    }
}
