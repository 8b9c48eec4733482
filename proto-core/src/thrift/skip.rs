//! Passing over values without decoding them.

use super::Type;
use crate::error::{DecodeError, DecodeErrorKind};

/// Finds the end of a struct in input that grows.
///
/// Each byte is looked at once, however the input is cut, and strings and containers of fixed-size elements are passed
/// in one step. Nesting takes no call stack.
///
/// ```
/// use kitewire_proto::thrift::Skipper;
///
/// let bytes = b"\x0b\0\x01\0\0\0\x02hi\0next";
/// let mut skipper = Skipper::new(64);
/// assert_eq!(skipper.advance(&bytes[..5])?, None);
/// assert_eq!(skipper.advance(bytes)?, Some(10));
/// # Ok::<(), kitewire_proto::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Skipper {
    /// Offset of the next byte to look at.
    position: usize,
    /// Bytes to pass before anything else.
    raw: usize,
    /// The type of the value that comes next; `None`: what the innermost open frame says.
    next: Option<Type>,
    open: Stack,
    /// Structs and containers that are open.
    depth: u16,
    max_depth: u16,
    /// No value may end behind this offset.
    limit: usize,
}

/// An open struct or container.
#[derive(Clone, Copy, Debug)]
enum Frame {
    /// So many structs directly inside one another.
    Structs {
        levels: u16,
    },
    List {
        element: Type,
        left: u32,
    },
    /// `left` counts keys and values.
    Map {
        key: Type,
        value: Type,
        left: u64,
    },
}

impl Skipper {
    /// Passes over one struct whose structs and containers are at most `max_depth` levels deep, itself included.
    #[must_use]
    pub const fn new(max_depth: u16) -> Self {
        Self {
            position: 0,
            raw: 0,
            next: Some(Type::Struct),
            open: Stack::new(),
            depth: 0,
            max_depth,
            limit: usize::MAX,
        }
    }

    /// Refuses lengths and counts that would make the struct longer than `bytes`, as soon as they are read.
    #[must_use]
    pub const fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Goes on with `input`: all bytes since the struct began, those seen before unchanged. Gives the struct's length
    /// once its end has been found, and the same again when called once more.
    ///
    /// # Errors
    /// If the bytes are no struct; offsets count from its first byte.
    pub fn advance(&mut self, input: &[u8]) -> Result<Option<usize>, DecodeError> {
        loop {
            if self.raw > 0 {
                let left = input.len().saturating_sub(self.position);
                if left < self.raw {
                    return Ok(None);
                }
                self.position = self.position.saturating_add(self.raw);
                self.raw = 0;
            }
            let rest = input.get(self.position..).unwrap_or(&[]);
            let more = match (self.next, self.open.last()) {
                (Some(kind), _) => self.begin(kind, rest)?,
                (None, Some(frame)) => self.step(frame, rest)?,
                (None, None) => return Ok(Some(self.position)),
            };
            if !more {
                return Ok(None);
            }
        }
    }

    /// The length of the value of type `kind` at the start of `input`, which lies in `depth` open structs and
    /// containers.
    pub(super) fn value(kind: Type, max_depth: u16, depth: u16, input: &[u8]) -> Result<usize, DecodeError> {
        let mut skipper = Self::new(max_depth.saturating_sub(depth)).limit(input.len());
        skipper.next = Some(kind);
        let end = skipper.advance(input).map_err(|mut error| {
            if let DecodeErrorKind::DepthExceeded(limit) = &mut error.kind {
                *limit = max_depth;
            }
            error
        })?;
        end.ok_or_else(|| DecodeError::new(DecodeErrorKind::UnexpectedEnd, input.len()))
    }

    /// Starts a value. `false`: more bytes are needed first.
    #[inline]
    fn begin(&mut self, kind: Type, rest: &[u8]) -> Result<bool, DecodeError> {
        match kind {
            Type::String => {
                let Some(length) = length(rest) else {
                    return Ok(false);
                };
                self.raw = self.checked(length, 1, 4, 0)?;
                self.pass(4);
            }
            Type::Struct => {
                self.enter()?;
                match self.open.last() {
                    Some(Frame::Structs { levels }) => {
                        self.open.replace(Frame::Structs {
                            levels: levels.saturating_add(1),
                        });
                    }
                    _ => self.open.push(Frame::Structs { levels: 1 }),
                }
            }
            Type::List | Type::Set => {
                let Some((&element, rest)) = rest.split_first() else {
                    return Ok(false);
                };
                let Some(count) = length(rest) else {
                    return Ok(false);
                };
                self.begin_list(element, count)?;
                self.pass(5);
            }
            Type::Map => {
                let Some((&[key, value], rest)) = rest.split_first_chunk() else {
                    return Ok(false);
                };
                let Some(count) = length(rest) else {
                    return Ok(false);
                };
                self.begin_map(key, value, count)?;
                self.pass(6);
            }
            Type::Bool | Type::Byte | Type::Double | Type::I16 | Type::I32 | Type::I64 | Type::Uuid => {
                self.raw = kind.min_size();
            }
        }
        self.next = None;
        Ok(true)
    }

    /// Goes on in the innermost open struct or container. `false`: more bytes are needed first.
    #[inline]
    fn step(&mut self, frame: Frame, rest: &[u8]) -> Result<bool, DecodeError> {
        match frame {
            Frame::Structs { levels } => return self.step_structs(levels, rest),
            Frame::List { left: 0, .. } | Frame::Map { left: 0, .. } => {
                self.open.pop();
                self.leave();
            }
            Frame::List { element, left } => {
                self.open.replace(Frame::List {
                    element,
                    left: left.saturating_sub(1),
                });
                self.next = Some(element);
            }
            Frame::Map { key, value, left } => {
                self.open.replace(Frame::Map {
                    key,
                    value,
                    left: left.saturating_sub(1),
                });
                self.next = Some(if left % 2 == 0 { key } else { value });
            }
        }
        Ok(true)
    }

    /// Goes on in structs that lie directly inside one another.
    fn step_structs(&mut self, levels: u16, rest: &[u8]) -> Result<bool, DecodeError> {
        let (left, after) = self.plain_fields(levels, rest);
        self.pass(rest.len().saturating_sub(after.len()));
        self.depth = self.depth.saturating_add(left).saturating_sub(levels);
        if left == 0 {
            self.open.pop();
            return Ok(true);
        }
        self.open.replace(Frame::Structs { levels: left });
        let Some((&kind, rest)) = after.split_first() else {
            return Ok(false);
        };
        let kind = self.known(kind, 0)?;
        if rest.len() < 2 {
            return Ok(false);
        }
        self.pass(3);
        self.next = Some(kind);
        Ok(true)
    }

    /// Passes over all fields at the start of `rest` that are there as a whole and hold no container. Gives how many of
    /// the structs are open then, and what is left: the stop byte of the outermost has been passed, or something is next
    /// that takes more thought.
    #[inline]
    fn plain_fields<'a>(&self, mut levels: u16, rest: &'a [u8]) -> (u16, &'a [u8]) {
        let deepest = levels.saturating_add(self.max_depth.saturating_sub(self.depth));
        let allowed = self.limit.saturating_sub(self.position);
        let mut after = rest;
        while levels > 0 {
            if let Some((0, behind)) = after.split_first() {
                after = behind;
                levels = levels.saturating_sub(1);
                continue;
            }
            let Some((&[kind, _, _], value)) = after.split_first_chunk() else {
                break;
            };
            let size = match Type::from_id(kind) {
                Some(Type::Struct) if levels < deepest => {
                    levels = levels.saturating_add(1);
                    after = value;
                    continue;
                }
                Some(Type::String) => match length(value).map(usize::try_from) {
                    Some(Ok(length)) => length.saturating_add(4),
                    _ => break,
                },
                Some(kind) => match kind.fixed_size() {
                    Some(size) => size,
                    None => break,
                },
                None => break,
            };
            match value.get(size..) {
                Some(behind) if rest.len().saturating_sub(behind.len()) <= allowed => after = behind,
                _ => break,
            }
        }
        (levels, after)
    }

    fn begin_list(&mut self, element: u8, count: i32) -> Result<(), DecodeError> {
        self.enter()?;
        if count == 0 {
            self.leave();
            return Ok(());
        }
        let element = self.known(element, 0)?;
        let bytes = self.checked(count, element.min_size(), 5, 1)?;
        if element.fixed_size().is_some() {
            self.raw = bytes;
            self.leave();
        } else {
            self.open.push(Frame::List {
                element,
                left: count.unsigned_abs(),
            });
        }
        Ok(())
    }

    fn begin_map(&mut self, key: u8, value: u8, count: i32) -> Result<(), DecodeError> {
        self.enter()?;
        if count == 0 {
            self.leave();
            return Ok(());
        }
        let (key, value) = (self.known(key, 0)?, self.known(value, 1)?);
        let bytes = self.checked(count, key.min_size().saturating_add(value.min_size()), 6, 2)?;
        if key.fixed_size().is_some() && value.fixed_size().is_some() {
            self.raw = bytes;
            self.leave();
        } else {
            let left = u64::from(count.unsigned_abs()).saturating_mul(2);
            self.open.push(Frame::Map { key, value, left });
        }
        Ok(())
    }

    const fn pass(&mut self, bytes: usize) {
        self.position = self.position.saturating_add(bytes);
    }

    fn known(&self, kind: u8, ahead: usize) -> Result<Type, DecodeError> {
        Type::from_id(kind).ok_or_else(|| self.error(DecodeErrorKind::UnknownType(kind), ahead))
    }

    fn enter(&mut self) -> Result<(), DecodeError> {
        if self.depth >= self.max_depth {
            return Err(self.error(DecodeErrorKind::DepthExceeded(self.max_depth), 0));
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    const fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// At least how many bytes `count` elements of `size` bytes take that begin `head` bytes on; the count itself
    /// stands `ahead` bytes on.
    fn checked(&self, count: i32, size: usize, head: usize, ahead: usize) -> Result<usize, DecodeError> {
        let Ok(elements) = u32::try_from(count) else {
            return Err(self.error(DecodeErrorKind::NegativeLength(count), ahead));
        };
        let bytes = (elements as usize).saturating_mul(size);
        let end = self.position.saturating_add(head).saturating_add(bytes);
        if end > self.limit {
            return Err(self.error(DecodeErrorKind::LengthTooLarge(elements), ahead));
        }
        Ok(bytes)
    }

    #[cold]
    fn error(&self, kind: DecodeErrorKind, ahead: usize) -> DecodeError {
        DecodeError::new(kind, self.position.saturating_add(ahead))
    }
}

/// A stack whose first levels need no allocation.
#[derive(Clone, Debug)]
struct Stack {
    near: [Frame; NEAR],
    far: Vec<Frame>,
    len: usize,
}

impl Stack {
    const fn new() -> Self {
        Self {
            near: [Frame::Structs { levels: 0 }; NEAR],
            far: Vec::new(),
            len: 0,
        }
    }

    fn push(&mut self, frame: Frame) {
        match self.near.get_mut(self.len) {
            Some(place) => *place = frame,
            None => self.far.push(frame),
        }
        self.len = self.len.saturating_add(1);
    }

    fn pop(&mut self) {
        self.far.pop();
        self.len = self.len.saturating_sub(1);
    }

    fn replace(&mut self, frame: Frame) {
        let top = self.len.wrapping_sub(1);
        if let Some(place) = self.far.last_mut().or_else(|| self.near.get_mut(top)) {
            *place = frame;
        }
    }

    fn last(&self) -> Option<Frame> {
        self.far
            .last()
            .or_else(|| self.near.get(self.len.wrapping_sub(1)))
            .copied()
    }
}

fn length(rest: &[u8]) -> Option<i32> {
    rest.first_chunk().map(|word| i32::from_be_bytes(*word))
}

/// Levels of nesting that need no allocation.
const NEAR: usize = 4;
