//! The half of a stream that messages come out of.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use kitewire_proto::DecodeError;
use kitewire_proto::wire::Codec;

use super::handle::Stream;
use crate::service::{Message, Received};
use crate::{Error, Metadata};

/// The half of a stream that messages come out of: a handler's requests, or a client's answers.
///
/// ```
/// # use kitewire::{Error, Receiver};
/// async fn sum(mut numbers: Receiver<i64>) -> Result<i64, Error> {
///     let mut sum = 0;
///     while let Some(number) = numbers.recv().await? {
///         sum += number;
///     }
///     Ok(sum)
/// }
/// ```
///
/// A client that drops it before the end gives up the whole stream, which is reset. A server's handler may drop it at
/// any time.
pub struct Receiver<T> {
    stream: Arc<Stream>,
    decode: Decode<T>,
    codec: Codec,
    /// Somebody waits no longer than this for a message.
    patience: Option<Box<dyn Patience>>,
    phase: Phase,
    /// Messages in a row that were there at once.
    streak: u16,
}

/// How the messages of a stream are decoded.
pub(crate) type Decode<T> = fn(Received<'_>, u16) -> Result<T, DecodeError>;

/// How long a message is waited for.
pub(crate) trait Patience: Send + Sync {
    /// A new wait begins.
    fn begin(&mut self);

    /// Ready with what the wait ends in once it has been too long.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Error>;
}

/// How far a receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Receiving,
    /// The good end has been told.
    Ended,
    /// The failure has been told; the connection knows which.
    Failed,
    /// A message could not be decoded.
    Malformed(DecodeError),
}

impl<T> Receiver<T> {
    /// A receiver of `M`, which may come with a limit on each wait.
    pub(crate) fn of<M: Message<Value = T>>(stream: Arc<Stream>, patience: Option<Box<dyn Patience>>) -> Self {
        Self {
            stream,
            decode: decode::<M>,
            codec: M::CODEC,
            patience,
            phase: Phase::Receiving,
            streak: 0,
        }
    }

    /// The next message; `None` once the other side has said everything, which for a client means that the call went
    /// well. Messages that came in before an end or a failure come first; after that, every call tells the same again.
    ///
    /// The future can be dropped without losing a message. Where messages are always there already, it lets other tasks
    /// have their turn at times.
    ///
    /// # Errors
    /// The call failed. For a handler: nobody waits for its answer any more.
    pub async fn recv(&mut self) -> Result<Option<T>, Error> {
        if let Some(patience) = &mut self.patience {
            patience.begin();
        }
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`Self::recv`], for futures written by hand.
    ///
    /// # Errors
    /// As [`Self::recv`].
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, Error>> {
        match self.phase {
            Phase::Receiving | Phase::Failed => {}
            Phase::Ended => return Poll::Ready(Ok(None)),
            Phase::Malformed(error) => return Poll::Ready(Err(self.malformed(error))),
        }
        if self.streak >= MAX_STREAK || (self.streak >= CALLED_STREAK && self.stream.hub().is_called()) {
            self.streak = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.stream.check_returned()?;
        let (key, decode) = (self.stream.key(), self.decode);
        let polled = self.stream.poll(|hub| hub.poll_recv(key, cx, decode));
        if polled.is_ready()
            && let Some(patience) = &mut self.patience
        {
            // The next message is waited for anew.
            patience.begin();
        }
        match polled {
            Poll::Ready(Ok(Ok(Some(message)))) => {
                self.streak += 1;
                Poll::Ready(Ok(Some(message)))
            }
            Poll::Ready(Ok(Ok(None))) => {
                self.phase = Phase::Ended;
                Poll::Ready(Ok(None))
            }
            Poll::Ready(Ok(Err(error))) => {
                self.stream.give_up();
                self.phase = Phase::Malformed(error);
                Poll::Ready(Err(self.malformed(error)))
            }
            Poll::Ready(Err(error)) => {
                self.phase = Phase::Failed;
                Poll::Ready(Err(self.stream.placed(error)))
            }
            Poll::Pending => {
                self.streak = 0;
                match &mut self.patience {
                    None => Poll::Pending,
                    Some(patience) => patience.poll_expired(cx).map(|error| Err(self.stream.placed(error))),
                }
            }
        }
    }

    /// The metadata that the other side began with. A handler has it at once; a client waits for it, and gets none from
    /// a server that answers with nothing but an end.
    ///
    /// # Errors
    /// The call failed before it came.
    pub async fn header(&mut self) -> Result<&Metadata, Error> {
        poll_fn(|cx| self.poll_header(cx)).await?;
        Ok(self.stream.header().get().unwrap_or(Metadata::none()))
    }

    /// The metadata that came with the end of the call. Empty before the end was received, and for handlers: clients
    /// send none.
    #[must_use]
    pub fn trailer(&self) -> &Metadata {
        self.stream.trailer()
    }

    fn poll_header(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let stream = &self.stream;
        if stream.header().get().is_some() {
            return Poll::Ready(Ok(()));
        }
        stream.check_returned()?;
        stream
            .poll(|hub| hub.poll_header(stream.key(), cx))
            .map(|header| match header {
                Ok(header) => {
                    let _ = stream.header().set(header);
                    Ok(())
                }
                Err(error) => Err(stream.placed(error)),
            })
    }

    #[cold]
    fn malformed(&self, error: DecodeError) -> Error {
        self.stream.placed(Error::message(error, self.codec))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.phase == Phase::Receiving {
            self.stream.stop_receiving();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("stream", &self.stream.key())
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

fn decode<M: Message>(message: Received<'_>, max_depth: u16) -> Result<M::Value, DecodeError> {
    M::decode_body(message, max_depth).map(M::into_value)
}

/// Messages that are there at once before others get their turn.
const MAX_STREAK: u16 = 128;
/// The same where the driver has been called and waits for its turn: with many messages under way, a part of the answers
/// leaves while the rest is made, so that neither side waits for the other. Measured with 32 under way on one stream; more
/// than a few keep both sides in lockstep.
const CALLED_STREAK: u16 = 4;
