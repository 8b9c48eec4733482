//! Reading a frame.

use super::{FC_ACK, FC_LIMIT, FC_SETTINGS, FlowFrame, FrameType, StreamId, Strings};
use crate::config::Limits;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::wire::Span;
use crate::wire::cursor::Cursor;
use crate::wire::ttheader::{Flags, Header, HeaderView, IntKey, MAX_INFO, string_key};

/// What stands in the header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The TTHeader.
    pub header: Header,
    /// The stream.
    pub id: StreamId,
    /// The kind.
    pub kind: FrameType,
    /// Int key 9; `None` where it is absent.
    pub method: Option<Span>,
    /// String key `isn`.
    pub service: Option<Span>,
    /// Whether there are string entries or an ACL token.
    pub has_strings: bool,
    /// What it says about flow control, if it is a meta frame that does.
    pub flow: Option<FlowFrame>,
}

impl Frame {
    /// Reads the frame that starts `input`. `None`: it is not all there, and nothing is wrong so far.
    ///
    /// # Errors
    /// What [`Header::parse`] refuses, with a frame of at most `max_message` bytes of payload; a frame without the
    /// streaming flag; a block id or kind of frame that does not exist; info that its blocks reach out of; more than
    /// `max_entries` of them.
    #[inline]
    pub fn read(input: &[u8], max_message: u32, max_entries: u32) -> Result<Option<Self>, DecodeError> {
        let limits = Limits {
            max_frame: max_message.saturating_add(MAX_FRAME_HEAD),
            ..Limits::default()
        };
        let Some(header) = Header::parse(input, &limits)? else {
            return Ok(None);
        };
        if !header.flags.contains(Flags::STREAMING) {
            let kind = DecodeErrorKind::UnexpectedFlags(header.flags.0);
            return Err(DecodeError::new(kind, 6));
        }
        if header.payload_len() > max_message as usize {
            let length = u32::try_from(header.payload_len()).unwrap_or(u32::MAX);
            return Err(DecodeError::new(DecodeErrorKind::LengthTooLarge(length), 0));
        }
        let info = match input.get(..header.payload_start()) {
            Some(head) if input.len() >= header.frame_len() => head,
            _ => return Ok(None),
        };
        Self::scan(info, header, max_entries).map(Some)
    }

    /// Looks at the info blocks of a frame, of which `head` is all in front of the payload.
    #[inline]
    fn scan(head: &[u8], header: Header, max_entries: u32) -> Result<Self, DecodeError> {
        let mut scan = Scan {
            cursor: Cursor::new(head, header.info_start as usize, header.payload_start())
                .ok_or_else(|| DecodeError::new(DecodeErrorKind::UnexpectedEnd, head.len()))?,
            kind: None,
            method: None,
            service: None,
            has_strings: false,
            flow: None,
            allowed: max_entries,
        };
        while let Some(id) = scan.cursor.u8() {
            match id {
                PADDING => {}
                INTS => scan.ints(max_entries)?,
                STRINGS => scan.strings(max_entries)?,
                ACL_TOKEN => {
                    scan.cursor.counted().ok_or_else(|| scan.cursor.cut())?;
                    scan.has_strings = true;
                }
                _ => {
                    let at = scan.cursor.offset().saturating_sub(1);
                    return Err(DecodeError::new(DecodeErrorKind::UnknownInfoId(id), at));
                }
            }
        }
        let kind = scan.kind.unwrap_or(&[]);
        let Some(kind) = FrameType::of(kind) else {
            return Err(bad_kind(kind));
        };
        Ok(Self {
            header,
            id: StreamId::new(header.sequence.0),
            kind,
            method: scan.method,
            service: scan.service,
            has_strings: scan.has_strings,
            flow: scan.flow.filter(|_| kind == FrameType::Meta),
        })
    }

    /// Its payload, in the bytes that it was read from.
    #[must_use]
    #[inline]
    pub fn payload<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input
            .get(self.header.payload_start()..self.header.frame_len())
            .unwrap_or(&[])
    }

    /// All values of its header.
    #[must_use]
    pub const fn view<'a>(&self, input: &'a [u8]) -> HeaderView<'a> {
        HeaderView::new(input, self.header)
    }

    /// The string entries that `wanted` takes, to keep.
    #[must_use]
    pub fn strings(&self, input: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Strings {
        let mut strings = Strings::new();
        if self.has_strings {
            for (key, value) in self.view(input).strings().filter(|(key, _)| wanted(key)) {
                strings.push(key, value);
            }
        }
        strings
    }
}

/// A walk over the blocks.
struct Scan<'a> {
    cursor: Cursor<'a>,
    kind: Option<&'a [u8]>,
    method: Option<Span>,
    service: Option<Span>,
    has_strings: bool,
    flow: Option<FlowFrame>,
    allowed: u32,
}

impl<'a> Scan<'a> {
    #[inline]
    fn count(&mut self, max_entries: u32) -> Result<u16, DecodeError> {
        let count = self.cursor.u16().ok_or_else(|| self.cursor.cut())?;
        match self.allowed.checked_sub(count.into()) {
            Some(allowed) => self.allowed = allowed,
            None => {
                let at = self.cursor.offset().saturating_sub(2);
                return Err(DecodeError::new(DecodeErrorKind::TooManyEntries(max_entries), at));
            }
        }
        Ok(count)
    }

    #[inline]
    fn ints(&mut self, max_entries: u32) -> Result<(), DecodeError> {
        for _ in 0..self.count(max_entries)? {
            let (Some(key), Some(value)) = (self.cursor.u16(), self.cursor.counted()) else {
                return Err(self.cursor.cut());
            };
            match IntKey(key) {
                IntKey::FRAME_TYPE => self.kind = Some(value),
                IntKey::TO_METHOD => self.method = self.cursor.span_behind(value.len()),
                _ if key >= FC_SETTINGS.0 => self.flow(IntKey(key), value),
                _ => {}
            }
        }
        Ok(())
    }

    #[inline]
    fn strings(&mut self, max_entries: u32) -> Result<(), DecodeError> {
        for _ in 0..self.count(max_entries)? {
            let (Some(key), Some(value)) = (self.cursor.counted(), self.cursor.counted()) else {
                return Err(self.cursor.cut());
            };
            self.has_strings = true;
            if key == string_key::SERVICE_NAME.as_bytes() {
                self.service = self.cursor.span_behind(value.len());
            }
        }
        Ok(())
    }

    #[cold]
    fn flow(&mut self, key: IntKey, value: &'a [u8]) {
        let read = match key {
            FC_SETTINGS | FC_LIMIT | FC_ACK => FlowFrame::read(key, value),
            _ => return,
        };
        self.flow = read.or(self.flow);
    }
}

#[cold]
fn bad_kind(text: &[u8]) -> DecodeError {
    let mut short = [0; 8];
    for (place, byte) in short.iter_mut().zip(text) {
        *place = *byte;
    }
    let len = u8::try_from(text.len()).unwrap_or(u8::MAX);
    DecodeError::new(DecodeErrorKind::UnexpectedFrameType { text: short, len }, 0)
}

const PADDING: u8 = 0x00;
const STRINGS: u8 = 0x01;
const INTS: u8 = 0x10;
const ACL_TOKEN: u8 = 0x11;

/// Most that a frame can be longer than its payload, its own `LENGTH` field apart.
#[expect(clippy::cast_possible_truncation, reason = "262,140 and a little")]
const MAX_FRAME_HEAD: u32 = MAX_INFO as u32 + 10;
