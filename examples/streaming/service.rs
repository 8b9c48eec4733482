//! The market's handlers, one for each mode.

use kitewire::{Call, Error, Receiver, Sender};

/// Generated from `idl/market.thrift`.
pub(crate) mod market {
    kitewire::include_idl!("market");
}

use market::{Interest, Market, Order, Price, Receipt};

/// A stall where a letter costs a cent.
pub(crate) struct Stall;

fn price(order: &Order) -> Price {
    let each = i64::try_from(order.item.len()).unwrap_or(i64::MAX);
    Price {
        item: order.item.clone(),
        cents: each.saturating_mul(i64::from(order.count)),
    }
}

impl Market for Stall {
    async fn quote(&self, _call: &Call, order: Order) -> Result<Price, Error> {
        Ok(price(&order))
    }

    async fn reserve(&self, _call: &Call, order: Order) -> Result<Price, Error> {
        if order.count > 99 {
            return Err(Error::business(409, "not that many").with_extra("left", "99"));
        }
        Ok(price(&order))
    }

    async fn buy(&self, call: &Call, mut orders: Receiver<Order>) -> Result<Receipt, Error> {
        let mut receipt = Receipt { orders: 0, cents: 0 };
        while let Some(order) = orders.recv().await? {
            receipt.orders += 1;
            receipt.cents += price(&order).cents;
        }
        call.set_trailer("served-by", "stall 7")?;
        Ok(receipt)
    }

    async fn watch(&self, call: &Call, interest: Interest, mut out: Sender<Price>) -> Result<(), Error> {
        call.set_header("currency", "cents")?;
        for change in 0..interest.changes {
            let count = 10 + change;
            let item = interest.item.clone();
            out.send(price(&Order { item, count })).await?;
        }
        Ok(())
    }

    async fn haggle(&self, _call: &Call, mut orders: Receiver<Order>, mut out: Sender<Price>) -> Result<(), Error> {
        while let Some(order) = orders.recv().await? {
            let mut offer = price(&order);
            offer.cents = offer.cents * 9 / 10;
            out.send(offer).await?;
        }
        Ok(())
    }
}
