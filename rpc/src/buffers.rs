//! Read buffers, kept per thread and held by a connection only while bytes are in them.
//!
//! A connection takes a block when its socket has something to say and gives it back before it goes to sleep, within one
//! poll. So a handful of blocks per thread serves any number of connections, and nobody has to lock anything.

use std::cell::RefCell;

use bytes::BytesMut;

/// Makes room to read into. `last` is the capacity that the last read filled up, if it did: there is probably more.
pub(crate) fn make_room(input: &mut BytesMut, filled: Filled) {
    let (least, block) = match filled {
        Filled::No => (MIN_ROOM, SMALL),
        Filled::Yes => (SMALL, LARGE),
    };
    if input.capacity() - input.len() >= least {
        return;
    }
    if input.is_empty() {
        give(input);
        *input = take(block);
    } else if !input.try_reclaim(least) {
        // Doubling, so that a frame of any length is copied a bounded number of times.
        input.reserve(input.len().max(block));
    }
}

/// Takes the memory of an empty buffer back, unless somebody still holds a part of it.
pub(crate) fn give(input: &mut BytesMut) {
    // A block that was used up has no capacity left, and yet is one.
    if !input.is_empty() {
        return;
    }
    let mut buffer = std::mem::take(input);
    // The whole block, from its start; what is left behind the frames would be less.
    if !buffer.try_reclaim(LARGE) && !buffer.try_reclaim(SMALL) {
        return;
    }
    FREE.with_borrow_mut(|free| {
        let (list, most) = match buffer.capacity() {
            LARGE..=HUGE => (&mut free.large, MAX_LARGE),
            SMALL..LARGE => (&mut free.small, MAX_SMALL),
            _ => return,
        };
        if list.len() < most {
            list.push(buffer);
        }
    });
}

/// Whether the last read took all the room there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Yes,
    No,
}

struct Free {
    small: Vec<BytesMut>,
    large: Vec<BytesMut>,
}

thread_local! {
    static FREE: RefCell<Free> = const { RefCell::new(Free { small: Vec::new(), large: Vec::new() }) };
}

fn take(size: usize) -> BytesMut {
    let kept = FREE.with_borrow_mut(|free| if size > SMALL { free.large.pop() } else { free.small.pop() });
    kept.unwrap_or_else(|| BytesMut::with_capacity(size))
}

/// A block for the usual wake: a request or two.
const SMALL: usize = 16 * 1024;
/// A block for a connection with much to say.
const LARGE: usize = 64 * 1024;
/// What is larger grew around one large frame, and is not kept.
const HUGE: usize = 2 * LARGE;
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
    fn a_block_comes_back_once_nobody_holds_a_part_of_it() {
        let mut input = BytesMut::new();
        make_room(&mut input, Filled::No);
        input.extend_from_slice(&[7; 100]);
        let block = input.as_ptr();
        let frame = input.split_to(100).freeze();
        drop(frame);
        give(&mut input);
        assert_eq!(input.capacity(), 0);
        make_room(&mut input, Filled::No);
        assert_eq!(input.as_ptr(), block, "the same block again, from its start");
        assert_eq!(input.capacity(), SMALL);
    }

    #[test]
    fn a_large_block_stays_one() {
        let mut input = BytesMut::new();
        make_room(&mut input, Filled::Yes);
        let block = input.as_ptr();
        for used in [100, LARGE - 100, LARGE] {
            input.resize(used, 7);
            drop(input.split_to(used).freeze());
            give(&mut input);
            make_room(&mut input, Filled::Yes);
            assert_eq!((input.as_ptr(), input.capacity()), (block, LARGE), "{used} bytes used");
        }
    }

    #[test]
    fn a_block_that_somebody_holds_is_let_go() {
        let mut input = BytesMut::new();
        make_room(&mut input, Filled::No);
        input.extend_from_slice(&[7; 100]);
        let frame = input.split_to(100).freeze();
        give(&mut input);
        let mut next = BytesMut::new();
        make_room(&mut next, Filled::No);
        assert_ne!(next.as_ptr(), frame.as_ptr());
        assert_eq!(&frame[..], &[7; 100]);
    }

    #[test]
    fn a_large_frame_gets_room_by_doubling() {
        let mut input = BytesMut::new();
        let mut copies = 0;
        while input.len() < 4 * 1024 * 1024 {
            let before = input.capacity();
            make_room(&mut input, Filled::Yes);
            copies += usize::from(input.capacity() != before);
            let room = input.capacity() - input.len();
            input.resize(input.len() + room, 1);
        }
        assert!(copies < 12, "{copies} times enlarged");
        input.clear();
        give(&mut input);
        assert_eq!(input.capacity(), 0, "too large to keep");
    }
}
