//! Calls over connections that carry one call at a time, kept between calls or not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use kitewire_proto::{Answer, ClientConfig, Instant, OpenError};
use kitewire_runtime::Address;

use super::connector::{Connector, Dial};
use super::exchange::{Exchange, Lost};
use super::pool::{Pool, PoolOptions, Sweep, Sweeping};
use super::request::CallHead;
use crate::Error;

/// Connections to call over, one call at a time each.
pub(crate) struct Pooled {
    config: Arc<ClientConfig>,
    connector: Arc<dyn Connector>,
    pool: Arc<Pool<Box<Exchange>>>,
    keep: Keep,
}

/// What happens to a connection after its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// It waits for the next one.
    Pooled,
    /// It is closed.
    Closed,
}

/// One call on its way.
pub(crate) enum PooledCall {
    Start {
        retried: Retried,
    },
    Dialing(Box<Dial>, Address),
    Exchanging {
        exchange: Box<Exchange>,
        fresh: Fresh,
        retried: Retried,
    },
    Ended(Option<Box<Exchange>>),
}

/// Whether a connection was made for this call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fresh {
    Yes,
    No,
}

/// Whether this call has already found a connection dead.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retried {
    Yes,
    No,
}

impl Pooled {
    pub(crate) fn new(
        config: &Arc<ClientConfig>,
        connector: &Arc<dyn Connector>,
        options: PoolOptions,
        keep: Keep,
    ) -> Self {
        Self {
            config: Arc::clone(config),
            connector: Arc::clone(connector),
            pool: Arc::new(Pool::new(options)),
            keep,
        }
    }

    /// Goes on with `call`.
    pub(crate) fn poll(
        &self,
        call: &mut PooledCall,
        head: &CallHead<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Error>> {
        let now = self.connector.now();
        loop {
            match call {
                PooledCall::Start { retried } => {
                    let retried = *retried;
                    *call = match self.reuse(head.address, now, retried, cx) {
                        Some(exchange) => self.begin(exchange, Fresh::No, retried, head)?,
                        None => self.dial(head),
                    };
                }
                PooledCall::Dialing(dial, address) => {
                    let io = match ready!(Pin::new(&mut **dial).poll(cx)) {
                        Ok(io) => io,
                        Err(_) if head.is_over(self.connector.now()) => return Poll::Ready(Err(head.timed_out())),
                        Err(error) => return Poll::Ready(Err(head.place(Error::connect(error)))),
                    };
                    let address = address.clone();
                    let exchange = Box::new(Exchange::new(io, address, &self.config, &*self.connector));
                    *call = self.begin(exchange, Fresh::Yes, Retried::Yes, head)?;
                }
                PooledCall::Exchanging {
                    exchange,
                    fresh,
                    retried,
                } => {
                    match ready!(exchange.poll(now, cx)) {
                        Ok(answer) => {
                            let ended = std::mem::replace(call, PooledCall::Ended(None));
                            if let PooledCall::Exchanging { exchange, .. } = ended {
                                *call = PooledCall::Ended(Some(exchange));
                            }
                            return Poll::Ready(Ok(answer));
                        }
                        // Nobody has seen the call, so a fresh connection can have it.
                        Err(Lost::Unsent(_)) if *fresh == Fresh::No && *retried == Retried::No => {
                            *call = PooledCall::Start { retried: Retried::Yes };
                        }
                        Err(Lost::Unsent(error) | Lost::Sent(error)) => {
                            let cause = exchange.take_cause();
                            *call = PooledCall::Ended(None);
                            return Poll::Ready(Err(head.failed(error).because(cause)));
                        }
                    }
                }
                PooledCall::Ended(_) => return Poll::Pending,
            }
        }
    }

    /// Gives the connection of an ended call back, once its answer has been read.
    pub(crate) fn settle(&self, call: &mut PooledCall) {
        let PooledCall::Ended(exchange) = call else { return };
        let Some(mut exchange) = exchange.take() else { return };
        if !exchange.settle() || self.keep == Keep::Closed {
            return;
        }
        let address = exchange.address.clone();
        if self.pool.put(&address, exchange, self.connector.now()) == Sweeping::Needed {
            self.connector.spawn(Box::pin(Sweep::new(&self.pool, &self.connector)));
        }
    }

    /// Idle connections.
    pub(crate) fn idle(&self) -> usize {
        self.pool.len()
    }

    /// An idle connection that is still there. Those found dead are dropped; a call that has already lost one looks no
    /// further.
    fn reuse(&self, address: &Address, now: Instant, retried: Retried, cx: &mut Context<'_>) -> Option<Box<Exchange>> {
        if self.keep == Keep::Closed || retried == Retried::Yes {
            return None;
        }
        loop {
            let mut exchange = self.pool.take(address, now)?;
            if exchange.is_alive(cx) {
                return Some(exchange);
            }
        }
    }

    fn dial(&self, head: &CallHead<'_>) -> PooledCall {
        let patience = head.dial_patience(self.connector.now());
        let dial = Dial::new(&*self.connector, head.address.clone(), patience);
        PooledCall::Dialing(Box::new(dial), head.address.clone())
    }

    fn begin(
        &self,
        mut exchange: Box<Exchange>,
        fresh: Fresh,
        retried: Retried,
        head: &CallHead<'_>,
    ) -> Result<PooledCall, Error> {
        match exchange.begin(&head.request) {
            Ok(()) => Ok(PooledCall::Exchanging {
                exchange,
                fresh,
                retried,
            }),
            Err(OpenError::NotUsable) if fresh == Fresh::No => Ok(PooledCall::Start { retried }),
            Err(error) => Err(head.not_opened(error)),
        }
    }
}
