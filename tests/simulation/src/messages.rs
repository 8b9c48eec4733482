//! What travels: the generated messages, and bytes that tell which message of which call they belong to.

use bytes::Bytes;
use kitewire_simulator::Random;

/// Generated from `idl/work.thrift`.
#[allow(missing_docs, missing_debug_implementations, reason = "generated")]
pub(crate) mod work {
    kitewire::include_idl!("work");
}

/// Generated from `idl/workpb.proto`.
#[allow(missing_docs, missing_debug_implementations, reason = "generated")]
pub(crate) mod workpb {
    kitewire::include_idl!("workpb");
}

pub(crate) use work::{Order, Piece, Receipt};

/// How a handler ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Answer,
    Business,
    Declined,
    Fail,
    Typed,
    Panic,
    /// Waits until nobody waits for it any more.
    Linger,
}

impl Act {
    const ALL: [Self; 7] = [
        Self::Answer,
        Self::Business,
        Self::Declined,
        Self::Fail,
        Self::Typed,
        Self::Panic,
        Self::Linger,
    ];

    pub(crate) const fn number(self) -> i32 {
        self as i32
    }

    pub(crate) fn of(order: &Order) -> Self {
        let index = usize::try_from(order.act).unwrap_or_default();
        Self::ALL.get(index).copied().unwrap_or(Self::Answer)
    }
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// The payload of one message: nobody else's looks like it.
pub(crate) fn payload(call: i64, index: i32, way: Way, size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    source(call, index, way).fill(&mut bytes);
    bytes.into()
}

/// Whether `bytes` are the payload of that message.
pub(crate) fn is_payload(bytes: &[u8], call: i64, index: i32, way: Way) -> bool {
    let mut random = source(call, index, way);
    bytes.chunks(8).all(|chunk| {
        let right = random.next_u64().to_le_bytes();
        right.get(..chunk.len()) == Some(chunk)
    })
}

fn source(call: i64, index: i32, way: Way) -> Random {
    let way = match way {
        Way::Up => 0,
        Way::Down => 1 << 63,
    };
    let place = u64::from(index.cast_unsigned()) << 32;
    Random::new(call.cast_unsigned() ^ place ^ way)
}

/// The sum of what was received, in its order.
pub(crate) fn digest(sum: i64, piece: &Piece) -> i64 {
    let last = piece.payload.last().copied().unwrap_or_default();
    sum.wrapping_mul(31)
        .wrapping_add(i64::try_from(piece.payload.len()).unwrap_or_default())
        .wrapping_add(i64::from(last))
}

/// A length as the messages tell it.
pub(crate) fn narrow(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

/// A length that a message tells.
pub(crate) fn wide(size: i32) -> usize {
    usize::try_from(size).unwrap_or_default()
}

impl From<Order> for workpb::Order {
    fn from(order: Order) -> Self {
        Self {
            call: order.call,
            act: order.act,
            size: order.size,
            count: order.count,
            pause: order.pause,
            hops: order.hops,
            payload: order.payload.into(),
        }
    }
}

impl From<workpb::Order> for Order {
    fn from(order: workpb::Order) -> Self {
        Self {
            call: order.call,
            act: order.act,
            size: order.size,
            count: order.count,
            pause: order.pause,
            hops: order.hops,
            payload: order.payload.into(),
        }
    }
}

impl From<Piece> for workpb::Piece {
    fn from(piece: Piece) -> Self {
        Self {
            call: piece.call,
            index: piece.index,
            payload: piece.payload.into(),
            order: piece.order.map(Into::into),
        }
    }
}

impl From<workpb::Piece> for Piece {
    fn from(piece: workpb::Piece) -> Self {
        Self {
            call: piece.call,
            index: piece.index,
            payload: piece.payload.into(),
            order: piece.order.map(Into::into),
        }
    }
}

impl From<Receipt> for workpb::Receipt {
    fn from(receipt: Receipt) -> Self {
        Self {
            call: receipt.call,
            pieces: receipt.pieces,
            digest: receipt.digest,
        }
    }
}

impl From<workpb::Receipt> for Receipt {
    fn from(receipt: workpb::Receipt) -> Self {
        Self {
            call: receipt.call,
            pieces: receipt.pieces,
            digest: receipt.digest,
        }
    }
}
