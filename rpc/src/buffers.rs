//! Read buffers, kept per thread and held by a connection only while bytes are in them.
//!
//! A connection takes a block when its socket has something to say and gives it back before it goes to sleep, within one
//! poll. So a handful of blocks per thread serves any number of connections, and nobody has to lock anything.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use kitewire_runtime::Io;

/// What was read and not yet taken in, in a block of memory that comes and goes.
pub(crate) struct Input {
    pub(crate) bytes: BytesMut,
    /// Size of the block that `bytes` is a part of, if it is one of ours.
    block: usize,
    /// The last read took all the room there was, so there is probably more.
    filled: Filled,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Filled {
    Yes,
    No,
}

impl Input {
    /// No bytes and no memory.
    pub(crate) fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            block: 0,
            filled: Filled::No,
        }
    }

    /// Reads what `io` has, as much as there is room for.
    pub(crate) fn poll_read<I: Io + ?Sized>(&mut self, io: &mut I, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.make_room();
        let room = self.bytes.capacity() - self.bytes.len();
        self.filled = Filled::No;
        let read = ready!(io.poll_read(cx, &mut self.bytes))?;
        if read >= room {
            self.filled = Filled::Yes;
        }
        Poll::Ready(Ok(read))
    }

    /// At the end of what a server says: whether it spoke TLS to a client that does not. All that it has said is an alert
    /// then, which is shorter than a message of any protocol.
    pub(crate) fn objection(&self) -> Option<io::Error> {
        matches!(&self.bytes[..], [21, 3, _, 0, 2, 1 | 2, _]).then(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the server answers with an alert of TLS, which this client does not speak",
            )
        })
    }

    /// Gives the memory back, if no bytes are in it.
    pub(crate) fn rest(&mut self) {
        if !self.bytes.is_empty() || self.block == 0 {
            return;
        }
        let (size, mut bytes) = (std::mem::take(&mut self.block), std::mem::take(&mut self.bytes));
        // While there is enough left of it, the block goes on from where it is. Then it starts anew, unless somebody
        // still holds a part of it.
        if bytes.capacity() < size / 2 && !bytes.try_reclaim(size) {
            return;
        }
        // A thread that is about to end keeps nothing.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            let (list, most) = free.list(size);
            if list.len() >= most {
                list.remove(0);
            }
            list.push(bytes);
        });
    }

    fn make_room(&mut self) {
        let (least, size) = match self.filled {
            Filled::No => (MIN_ROOM, SMALL),
            Filled::Yes => (SMALL, LARGE),
        };
        if self.bytes.capacity() - self.bytes.len() >= least {
            return;
        }
        if self.bytes.is_empty() {
            self.rest();
            self.take(size);
        } else if !self.bytes.try_reclaim(least) {
            // Doubling, so that a frame of any length is copied a bounded number of times.
            self.bytes.reserve(self.bytes.len().max(size));
            self.block = 0;
        }
    }

    fn take(&mut self, size: usize) {
        let kept = FREE
            .try_with(|free| free.borrow_mut().list(size).0.pop())
            .ok()
            .flatten();
        self.bytes = kept.unwrap_or_else(|| BytesMut::with_capacity(size));
        if self.bytes.capacity() < size {
            // How much is read at once must not tell what the block was used for before: a simulated world goes the same
            // way whatever the thread has done. Where somebody still holds a part, that is of this world.
            let _ = self.bytes.try_reclaim(size);
        }
        self.block = size;
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.bytes.clear();
        self.rest();
    }
}

struct Free {
    small: Vec<BytesMut>,
    large: Vec<BytesMut>,
}

impl Free {
    fn list(&mut self, size: usize) -> (&mut Vec<BytesMut>, usize) {
        if size == LARGE {
            (&mut self.large, MAX_LARGE)
        } else {
            (&mut self.small, MAX_SMALL)
        }
    }
}

thread_local! {
    static FREE: RefCell<Free> = const { RefCell::new(Free { small: Vec::new(), large: Vec::new() }) };
}

/// A block for the usual wake: a request or two.
const SMALL: usize = 16 * 1024;
/// A block for a connection with much to say.
const LARGE: usize = 64 * 1024;
/// With less room than this a read is not worth its system call.
const MIN_ROOM: usize = 2 * 1024;
/// Blocks kept per thread.
const MAX_SMALL: usize = 8;
/// Blocks kept per thread.
const MAX_LARGE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_serves_one_connection_after_the_other() {
        let mut first = Input::new();
        first.make_room();
        let block = first.bytes.as_ptr();
        first.bytes.resize(100, 7);
        drop(first.bytes.split_to(100).freeze());
        first.rest();
        assert_eq!(first.bytes.capacity(), 0, "an idle connection holds nothing");
        let mut second = Input::new();
        second.make_room();
        assert_eq!(
            (second.bytes.as_ptr(), second.bytes.capacity()),
            (block, SMALL),
            "nothing tells of the first"
        );
        second.bytes.resize(12_000, 7);
        drop(second.bytes.split_to(12_000).freeze());
        second.rest();
        first.make_room();
        assert_eq!(
            (first.bytes.as_ptr(), first.bytes.capacity()),
            (block, SMALL),
            "and starts anew in time"
        );
    }

    #[test]
    fn a_block_of_which_somebody_holds_a_part_goes_on_behind_it() {
        let mut input = Input::new();
        input.make_room();
        let block = input.bytes.as_ptr();
        input.bytes.resize(100, 7);
        let frame = input.bytes.split_to(100).freeze();
        input.rest();
        input.make_room();
        assert_eq!(input.bytes.as_ptr(), block.wrapping_add(100));
        assert!(frame.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn blocks_kept_from_before_do_not_drive_out_newer_ones() {
        let mut inputs: Vec<_> = (0..=MAX_SMALL).map(|_| Input::new()).collect();
        for input in &mut inputs {
            input.make_room();
        }
        let last = inputs.last().map(|input| input.bytes.as_ptr());
        drop(inputs);
        let mut next = Input::new();
        next.make_room();
        assert_eq!(Some(next.bytes.as_ptr()), last);
    }

    #[test]
    fn a_block_that_somebody_holds_is_let_go() {
        let mut input = Input::new();
        input.make_room();
        input.bytes.resize(SMALL, 7);
        let frame = input.bytes.split_to(SMALL).freeze();
        input.rest();
        input.make_room();
        assert_ne!(input.bytes.as_ptr(), frame.as_ptr());
        assert!(frame.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_large_block_stays_one() {
        let mut input = Input::new();
        for used in [100, LARGE - 100, LARGE] {
            input.filled = Filled::Yes;
            input.make_room();
            assert!(input.bytes.capacity() >= LARGE / 2);
            input.bytes.resize(used.min(input.bytes.capacity()), 7);
            drop(input.bytes.split().freeze());
            input.rest();
            FREE.with_borrow(|free| assert_eq!((free.small.len(), free.large.len()), (0, 1), "{used} bytes used"));
        }
    }

    #[test]
    fn a_large_frame_gets_room_by_doubling() {
        let mut input = Input::new();
        let mut enlarged = 0;
        while input.bytes.len() < 4 * 1024 * 1024 {
            let before = input.bytes.capacity();
            input.filled = Filled::Yes;
            input.make_room();
            enlarged += u32::from(input.bytes.capacity() != before);
            let all = input.bytes.capacity();
            input.bytes.resize(all, 1);
        }
        assert!(enlarged < 12, "{enlarged} times enlarged");
        input.bytes.clear();
        input.rest();
        FREE.with_borrow(|free| assert!(free.large.len() <= 1, "what has grown is not kept"));
    }
}
