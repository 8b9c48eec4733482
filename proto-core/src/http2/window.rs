//! Flow-control windows (RFC 9113 §5.2 and §6.9), with checked arithmetic.

use crate::wire::http2::MAX_WINDOW;

/// How much may still be sent. SETTINGS can make it negative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SendWindow(i64);

/// More than 2^31-1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Overflow;

impl SendWindow {
    pub(super) const fn new(size: u32) -> Self {
        Self(size as i64)
    }

    /// Bytes that may be sent now.
    #[inline]
    pub(super) fn available(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// Whether `len` bytes, at least one, may be sent now.
    #[inline]
    pub(super) const fn allows(self, len: usize) -> bool {
        len as i64 <= self.0
    }

    /// Counts `len` sent bytes.
    #[inline]
    pub(super) const fn take(&mut self, len: usize) {
        // Far from its ends: a window is below 2^31, and so is what SETTINGS and DATA take from it.
        self.0 = self.0.wrapping_sub(len as i64);
    }

    /// The peer gave so much more room.
    pub(super) const fn open(&mut self, increment: u32) -> Result<(), Overflow> {
        self.shift(increment as i64)
    }

    /// The peer changed the initial size of its windows by `delta`.
    pub(super) const fn shift(&mut self, delta: i64) -> Result<(), Overflow> {
        let shifted = self.0.saturating_add(delta);
        if shifted > MAX_WINDOW as i64 {
            return Err(Overflow);
        }
        self.0 = shifted;
        Ok(())
    }
}

/// How much the peer may still send, and how much of that is to be given back.
///
/// Invariant: `left + held + returned` is the window's size, where `held` is what the application has not taken yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecvWindow {
    /// Bytes that the peer may still send.
    left: i64,
    /// Bytes that were taken and are not announced yet.
    returned: u32,
    /// From how many on they are worth a frame. Half a window: the peer never stands still while the reader keeps up,
    /// and updates stay few.
    worth: u32,
    size: u32,
}

impl RecvWindow {
    pub(super) const fn new(size: u32) -> Self {
        Self {
            left: size as i64,
            returned: 0,
            worth: if size == 0 { 1 } else { size.div_ceil(2) },
            size,
        }
    }

    /// Bytes that were received and are not given back: what the application has not taken yet.
    pub(super) fn held(&self) -> usize {
        let open = self.left.saturating_add(self.returned.into());
        usize::try_from(i64::from(self.size).saturating_sub(open)).unwrap_or(0)
    }

    /// Whether `len` more bytes are within the window, or no more than `grace` above it. No bytes always are, whatever
    /// SETTINGS have made of the window (RFC 9113 §6.9.1).
    #[inline]
    pub(super) const fn allows(&self, len: usize, grace: u32) -> bool {
        len == 0 || len as i64 <= self.left.wrapping_add(grace as i64)
    }

    /// Counts `len` received bytes.
    #[inline]
    pub(super) const fn take(&mut self, len: usize) {
        // A frame is below 2^24 bytes and was allowed: far from the ends.
        self.left = self.left.wrapping_sub(len as i64);
    }

    /// Counts `len` bytes that are done with. Returns the increment to announce, once it is worth a frame.
    #[inline]
    pub(super) fn give_back(&mut self, len: usize) -> Option<u32> {
        self.returned = self.returned.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        if self.returned < self.worth {
            return None;
        }
        Some(self.announce())
    }

    /// As [`Self::give_back`], for a window that streams share: bytes that one of them holds may stay there for ever, and
    /// what the others take has to count all the same when the peer has less than that left.
    #[inline]
    pub(super) fn give_back_shared(&mut self, len: usize) -> Option<u32> {
        let increment = self.give_back(len);
        if increment.is_none() && self.returned >= WORTH_A_FRAME && i64::from(self.returned) >= self.left {
            return Some(self.announce());
        }
        increment
    }

    const fn announce(&mut self) -> u32 {
        let increment = self.returned;
        self.returned = 0;
        self.left = self.left.saturating_add(increment as i64);
        increment
    }
}

/// Bytes that are worth an update of their own when the peer has few left to send.
const WORTH_A_FRAME: u32 = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_window_can_be_negative_and_cannot_overflow() {
        let mut window = SendWindow::new(65_535);
        window.take(65_535);
        assert_eq!(window.available(), 0);
        window.shift(-65_535).unwrap();
        assert_eq!(window.available(), 0);
        window.open(65_535).unwrap();
        assert_eq!(window.available(), 0);
        window.open(1).unwrap();
        assert_eq!(window.available(), 1);
        assert_eq!(window.open(MAX_WINDOW), Err(Overflow));
        assert_eq!(window.available(), 1, "a refused update changes nothing");
        window.open(MAX_WINDOW - 1).unwrap();
        assert_eq!(window.available(), MAX_WINDOW as usize);
    }

    #[test]
    fn a_receive_window_is_given_back_by_halves() {
        let mut window = RecvWindow::new(100);
        assert!(window.allows(100, 0));
        assert!(!window.allows(101, 0));
        assert!(window.allows(110, 10));
        window.take(100);
        assert!(!window.allows(1, 0));
        assert_eq!(window.give_back(49), None);
        assert_eq!(window.give_back(1), Some(50));
        assert!(window.allows(50, 0) && !window.allows(51, 0));
        assert_eq!(window.give_back(0), None);
    }

    #[test]
    fn a_shared_window_is_given_back_although_much_of_it_is_held() {
        let mut window = RecvWindow::new(100_000);
        window.take(100_000);
        assert_eq!(window.give_back_shared(8_000), None);
        assert_eq!(window.give_back_shared(1_000), Some(9_000));
        assert_eq!(window.give_back_shared(8_999), None, "as much is left");
        assert_eq!(window.give_back_shared(1), Some(9_000));
        let mut window = RecvWindow::new(100_000);
        window.take(40_000);
        assert_eq!(window.give_back_shared(40_000), None, "the peer has enough");
    }

    #[test]
    fn no_bytes_need_no_room() {
        let mut window = RecvWindow::new(100);
        window.take(1000);
        assert!(window.allows(0, 0) && !window.allows(1, 0));
    }

    #[test]
    fn a_window_of_nothing_asks_for_nothing() {
        let mut window = RecvWindow::new(0);
        assert_eq!(window.give_back(0), None);
        assert!(!window.allows(1, 0));
    }
}
