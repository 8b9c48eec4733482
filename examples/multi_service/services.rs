//! The handlers: each says which service it belongs to, and what it was called over.

use kitewire::{Call, Error};

/// Generated from `idl/library.thrift`.
pub(crate) mod library {
    kitewire::include_idl!("library");
}
/// Generated from `idl/postcards.proto`.
#[allow(unreachable_pub, reason = "generated for libraries too")]
pub(crate) mod postcards {
    kitewire::include_idl!("postcards");
}

use library::{Books, Maps, Query, Shelf};
use postcards::{Card, Postcards};

/// One implementation for all three services; holds the name of the one it is registered as.
pub(crate) struct Shop(pub(crate) &'static str);

impl Shop {
    fn answer(&self, call: &Call) -> String {
        format!("{} ({}, {})", self.0, call.transport(), call.codec())
    }

    fn shelf(&self, call: &Call, query: &Query) -> Result<Shelf, Error> {
        if query.title.is_empty() {
            return Err(Error::business(404, "no title, no shelf"));
        }
        let number = i32::try_from(query.title.len()).unwrap_or(i32::MAX);
        Ok(Shelf {
            answered_by: self.answer(call),
            number,
        })
    }
}

impl Books for Shop {
    async fn find(&self, call: &Call, query: Query) -> Result<Shelf, Error> {
        self.shelf(call, &query)
    }

    async fn borrow(&self, call: &Call, query: Query) -> Result<Shelf, Error> {
        self.shelf(call, &query)
    }
}

impl Maps for Shop {
    async fn find(&self, call: &Call, query: Query) -> Result<Shelf, Error> {
        self.shelf(call, &query)
    }

    async fn unroll(&self, call: &Call, query: Query) -> Result<Shelf, Error> {
        self.shelf(call, &query)
    }
}

impl Postcards for Shop {
    async fn send(&self, call: &Call, _query: postcards::Query) -> Result<Card, Error> {
        Ok(Card {
            answered_by: self.answer(call),
        })
    }
}
