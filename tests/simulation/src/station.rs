//! The services' handlers. What a handler does is told by the request, so that its caller knows what has to come back.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kitewire::{Call, Error, ExceptionType, Receiver, Sender, Transport};
use kitewire_simulator::Simulated;

use crate::book::{Book, Visit};
use crate::caller::Caller;
use crate::entry::{NOBODY_WAITS, broken, business_code, typed};
use crate::messages::work::{Declined, Side, Work, WorkAskError};
use crate::messages::workpb::{self, WorkPb};
use crate::messages::{Act, Order, Piece, Receipt, Way, digest, is_payload, narrow, payload, wide};
use crate::property::Property;
use crate::task::{Format, Kind, RecvLimit, Task};
use crate::tools::{both, sleep};

/// A server's handlers.
#[derive(Clone)]
pub(crate) struct Station(Arc<Inner>);

struct Inner {
    server: usize,
    runtime: Simulated,
    book: Arc<Book>,
    /// Calls the next server.
    next: OnceLock<Caller>,
}

/// What a planned panic carries.
pub(crate) struct PlannedPanic;

/// Says that requests and answers of an exchange go side by side.
pub(crate) const DUPLEX: i32 = -1;
/// The same, and that the handler reads no further.
pub(crate) const DEAF: i32 = -2;

impl Station {
    pub(crate) fn new(server: usize, runtime: &Simulated, book: &Arc<Book>) -> Self {
        Self(Arc::new(Inner {
            server,
            runtime: runtime.clone(),
            book: Arc::clone(book),
            next: OnceLock::new(),
        }))
    }

    /// Gives it a client of the next server.
    pub(crate) fn connect(&self, next: Caller) {
        // A second one would be a mistake of the world's, and changes nothing.
        let _ = self.0.next.set(next);
    }

    fn begin(&self, call: &Call, order: &Order) -> Visit {
        let visit = self.0.book.visit(order.call, self.0.server);
        self.check(
            is_payload(&order.payload, order.call, 0, Way::Up),
            Property::Bytes,
            || format!("the order of call {} is damaged", order.call),
        );
        if !matches!(call.transport(), Transport::Bare | Transport::Framed) {
            let named = call.persistent("CALL").map(str::to_owned);
            self.check(
                named.as_deref() == Some(order.call.to_string().as_str()),
                Property::Bytes,
                || format!("call {} came with the metainfo of {named:?}", order.call),
            );
        }
        visit
    }

    fn check(&self, holds: bool, property: Property, what: impl FnOnce() -> String) {
        if !holds {
            self.0.book.violate(property, what());
        }
    }

    async fn pause(&self, order: &Order) {
        let pause = u64::try_from(order.pause).unwrap_or_default();
        sleep(&self.0.runtime, Duration::from_micros(pause)).await;
    }

    fn piece(order: &Order, index: i32) -> Piece {
        Piece {
            call: order.call,
            index,
            payload: payload(order.call, index, Way::Down, wide(order.size)),
            order: None,
        }
    }

    /// Has the next server work, too.
    async fn relay(&self, call: &Call, order: &Order, kind: Kind) -> Result<(), Error> {
        let Some(next) = self.0.next.get().filter(|_| order.hops > 0) else {
            return Ok(());
        };
        let task = Task {
            kind,
            format: Format::Thrift,
            act: Act::of(order),
            up: order.payload.len(),
            down: wide(order.size),
            requests: 2,
            answers: 0,
            pause: Duration::from_micros(u64::try_from(order.pause).unwrap_or_default()),
            rest: Duration::ZERO,
            timeout: None,
            recv: RecvLimit::None,
            gives_up: None,
            hops: order.hops,
        };
        next.relay(&task.next(), call).await
    }

    /// Ends as the order wants.
    async fn conclude<T>(&self, call: &Call, order: &Order, good: impl FnOnce() -> T) -> Result<T, WorkAskError> {
        let id = order.call;
        Err(match Act::of(order) {
            Act::Answer => {
                if call.is_cancelled() {
                    self.0.book.told_of_leaving(id);
                }
                return Ok(good());
            }
            Act::Business => Error::business(business_code(id), "no").into(),
            Act::Declined => WorkAskError::Declined(Declined { call: id }),
            Act::Fail => Error::new(broken(id)).into(),
            Act::Typed => Error::application(ExceptionType(77), typed(id)).into(),
            Act::Panic => std::panic::panic_any(PlannedPanic),
            Act::Linger => {
                call.cancelled().await;
                self.check(call.is_cancelled(), Property::Cancelled, || {
                    format!("call {id} is cancelled, and is not")
                });
                Error::new(NOBODY_WAITS).into()
            }
        })
    }

    /// As [`Self::conclude`], for methods without declared exceptions.
    async fn finish<T>(&self, call: &Call, order: &Order, good: impl FnOnce() -> T) -> Result<T, Error> {
        self.conclude(call, order, good).await.map_err(|error| match error {
            WorkAskError::Declined(_) => Error::new(broken(order.call)),
            WorkAskError::Error(error) => error,
        })
    }

    async fn answer(&self, call: &Call, order: &Order) -> Result<Piece, WorkAskError> {
        let _visit = self.begin(call, order);
        call.set_backward("seq", order.call.to_string());
        call.set_header("seq", order.call.to_string())?;
        call.set_trailer("seq-bin", order.call.to_be_bytes())?;
        self.pause(order).await;
        self.relay(call, order, Kind::Ask).await?;
        self.conclude(call, order, || Self::piece(order, 0)).await
    }

    /// The next request of a stream, looked at.
    async fn take<P: Into<Piece>>(
        &self,
        order: &Order,
        index: i32,
        requests: &mut Receiver<P>,
    ) -> Result<Option<Piece>, Error> {
        let Some(piece) = requests.recv().await? else {
            return Ok(None);
        };
        let piece: Piece = piece.into();
        let (call, book) = (order.call, &self.0.book);
        if piece.call != call || piece.index != index {
            let what = format!(
                "call {call} received {} of {} in place of {index}",
                piece.index, piece.call
            );
            book.violate(Property::Order, what);
        } else if !is_payload(&piece.payload, call, index, Way::Up) {
            book.violate(Property::Bytes, format!("request {index} of call {call} is damaged"));
        }
        Ok(Some(piece))
    }

    /// The first request of a stream, which tells what to do.
    async fn first<P: Into<Piece>>(
        &self,
        call: &Call,
        requests: &mut Receiver<P>,
    ) -> Result<(Visit, Order, Piece), Error> {
        let piece: Option<Piece> = requests.recv().await?.map(Into::into);
        let Some(mut piece) = piece else {
            return Err(Error::new("a stream without a request"));
        };
        let Some(order) = piece.order.take() else {
            self.0.book.violate(
                Property::Order,
                format!("the first request of call {} comes late", piece.call),
            );
            return Err(Error::new("a stream without an order"));
        };
        let visit = self.begin(call, &order);
        let whole = piece.index == 0 && is_payload(&piece.payload, order.call, 0, Way::Up);
        self.check(whole, Property::Bytes, || {
            format!("request 0 of call {} is damaged", order.call)
        });
        call.set_header("seq", order.call.to_string())?;
        call.set_trailer("seq-bin", order.call.to_be_bytes())?;
        Ok((visit, order, piece))
    }

    async fn gather<P: Into<Piece>>(&self, call: &Call, mut requests: Receiver<P>) -> Result<Receipt, Error> {
        let (_visit, order, first) = self.first(call, &mut requests).await?;
        let (mut pieces, mut sum) = (1, digest(0, &first));
        let lingers = Act::of(&order) == Act::Linger;
        while !lingers && (order.count == 0 || pieces < order.count) {
            self.pause(&order).await;
            let Some(piece) = self.take(&order, pieces, &mut requests).await? else {
                break;
            };
            sum = digest(sum, &piece);
            pieces += 1;
        }
        self.finish(call, &order, || Receipt {
            call: order.call,
            pieces,
            digest: sum,
        })
        .await
    }

    async fn scatter<P: From<Piece>>(&self, call: &Call, order: Order, mut out: Sender<P>) -> Result<(), Error> {
        let _visit = self.begin(call, &order);
        call.set_header("seq", order.call.to_string())?;
        call.set_trailer("seq-bin", order.call.to_be_bytes())?;
        for index in 0..order.count {
            self.pause(&order).await;
            out.send(P::from(Self::piece(&order, index))).await?;
        }
        self.finish(call, &order, || ()).await
    }

    async fn converse<P: Into<Piece> + From<Piece>>(
        &self,
        call: &Call,
        mut requests: Receiver<P>,
        mut out: Sender<P>,
    ) -> Result<(), Error> {
        let (_visit, order, _) = self.first(call, &mut requests).await?;
        if Act::of(&order) == Act::Linger {
            return self.finish(call, &order, || ()).await;
        }
        if order.hops == DEAF {
            drop(requests);
            for index in 0..order.count {
                out.send(P::from(Self::piece(&order, index))).await?;
                self.pause(&order).await;
            }
        } else if order.hops == DUPLEX {
            let reading = async {
                let mut index = 1;
                while self.take(&order, index, &mut requests).await?.is_some() {
                    index += 1;
                    self.pause(&order).await;
                }
                Ok::<_, Error>(())
            };
            let writing = async {
                for index in 0..order.count {
                    out.send(P::from(Self::piece(&order, index))).await?;
                    self.pause(&order).await;
                }
                Ok::<_, Error>(())
            };
            let (read, written) = both(reading, writing).await;
            read.and(written)?;
        } else {
            self.relay(call, &order, Kind::Exchange).await?;
            let mut index = 0;
            loop {
                self.pause(&order).await;
                out.send(P::from(Self::piece(&order, index))).await?;
                index += 1;
                if index == order.count || self.take(&order, index, &mut requests).await?.is_none() {
                    break;
                }
            }
        }
        self.finish(call, &order, || ()).await
    }
}

impl Work for Station {
    async fn ask(&self, call: &Call, order: Order) -> Result<Piece, WorkAskError> {
        self.answer(call, &order).await
    }

    async fn tell(&self, call: &Call, order: Order) -> Result<(), Error> {
        let _visit = self.begin(call, &order);
        self.pause(&order).await;
        Ok(())
    }

    async fn reserve(&self, call: &Call, order: Order) -> Result<Piece, Error> {
        self.plain(call, &order).await
    }

    async fn collect(&self, call: &Call, requests: Receiver<Piece>) -> Result<Receipt, Error> {
        self.gather(call, requests).await
    }

    async fn deliver(&self, call: &Call, order: Order, out: Sender<Piece>) -> Result<(), Error> {
        self.scatter(call, order, out).await
    }

    async fn exchange(&self, call: &Call, requests: Receiver<Piece>, out: Sender<Piece>) -> Result<(), Error> {
        self.converse(call, requests, out).await
    }
}

impl Side for Station {
    async fn echo(&self, call: &Call, order: Order) -> Result<Piece, Error> {
        self.plain(call, &order).await
    }
}

impl Station {
    async fn plain(&self, call: &Call, order: &Order) -> Result<Piece, Error> {
        self.answer(call, order).await.map_err(|error| match error {
            WorkAskError::Declined(_) => Error::new(broken(order.call)),
            WorkAskError::Error(error) => error,
        })
    }
}

impl WorkPb for Station {
    async fn ask(&self, call: &Call, order: workpb::Order) -> Result<workpb::Piece, Error> {
        self.plain(call, &order.into()).await.map(Into::into)
    }

    async fn collect(&self, call: &Call, requests: Receiver<workpb::Piece>) -> Result<workpb::Receipt, Error> {
        self.gather(call, requests).await.map(Into::into)
    }

    async fn deliver(&self, call: &Call, order: workpb::Order, out: Sender<workpb::Piece>) -> Result<(), Error> {
        self.scatter(call, order.into(), out).await
    }

    async fn exchange(
        &self,
        call: &Call,
        requests: Receiver<workpb::Piece>,
        out: Sender<workpb::Piece>,
    ) -> Result<(), Error> {
        self.converse(call, requests, out).await
    }
}

/// What the order of `task` says to its handler.
pub(crate) fn order(call: i64, task: &Task) -> Order {
    let hops = match task.kind {
        Kind::Duplex => DUPLEX,
        Kind::Deaf => DEAF,
        _ => task.hops,
    };
    Order {
        call,
        act: task.act.number(),
        size: narrow(task.down),
        count: task.answers,
        pause: i32::try_from(task.pause.as_micros()).unwrap_or(i32::MAX),
        hops,
        payload: payload(call, 0, Way::Up, task.up),
    }
}
