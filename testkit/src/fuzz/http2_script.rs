//! HTTP/2 frames made of a fuzzer's bytes: mostly legal ones, with every way to break a rule within a byte's reach.

mod sections;

use std::collections::VecDeque;

use sections::{BASES, SNIPPETS};

/// Which side a script speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A frame, or bytes that pretend to be one.
    Frame(Vec<u8>),
    /// The other side's application ends its half of a stream.
    Finish(u32),
    /// The other side's application resets a stream.
    Cancel(u32),
}

/// Reads steps off a fuzzer's bytes until they are used up.
#[derive(Debug)]
pub(super) struct Script<'a> {
    bytes: &'a [u8],
    side: Side,
    /// The id of the next stream that the client opens.
    next: u32,
    /// Streams that the client has opened.
    streams: Vec<u32>,
    /// Frames that follow the last one: the rest of a header block.
    pending: VecDeque<Vec<u8>>,
}

impl<'a> Script<'a> {
    /// A script for `side`, when the client has opened so many streams already.
    pub(super) fn new(side: Side, opened: u32, bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            side,
            next: 2 * opened + 1,
            streams: (0..opened).map(|index| 2 * index + 1).collect(),
            pending: VecDeque::new(),
        }
    }

    /// All frames of the script, one after the other.
    pub(super) fn frames(self) -> Vec<u8> {
        let frames = self.filter_map(|step| match step {
            Step::Frame(bytes) => Some(bytes),
            Step::Finish(_) | Step::Cancel(_) => None,
        });
        frames.flatten().collect()
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        *first
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(length.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    /// A stream that was opened; sometimes one that was not, or the connection.
    fn stream(&mut self) -> u32 {
        let choice = self.byte();
        let opened = usize::from(choice).checked_rem(self.streams.len());
        match choice {
            0xf8 => 0,
            0xf9 => 2,
            0xfa => self.next,
            0xfb => self.next + 40,
            0xfc => 0x7fff_ffff,
            0xfd => 0x8000_0001,
            _ => opened.and_then(|index| self.streams.get(index)).copied().unwrap_or(1),
        }
    }

    fn open(&mut self, skip: u32) -> u32 {
        let id = self.next;
        self.next += 2 * (1 + skip);
        self.streams.push(id);
        id
    }

    /// A head: a client opens a stream with it, a server answers one.
    fn head(&mut self) -> Vec<u8> {
        let choice = self.byte();
        let stream = match self.side {
            Side::Server => self.stream(),
            Side::Client => self.open(u32::from(choice >> 3 & 0x7 == 0x7)),
        };
        let bases = match self.side {
            Side::Client => BASES.0,
            Side::Server => BASES.1,
        };
        let base = bases.get(usize::from(choice & 0x7)).copied().unwrap_or(&[]);
        let flags = self.byte();
        self.block(stream, base, flags, flags & 1)
    }

    /// HEADERS on a stream that has had its head.
    fn trailers(&mut self) -> Vec<u8> {
        let stream = self.stream();
        let flags = self.byte();
        // They end the stream, unless that rule is to be broken.
        self.block(stream, &[], flags, u8::from(flags & 3 != 3))
    }

    /// A header block of a base and up to three more pieces, in one frame or in several.
    fn block(&mut self, stream: u32, base: &[u8], flags: u8, end_stream: u8) -> Vec<u8> {
        let mut block = base.to_vec();
        for _ in 0..flags >> 6 {
            let index = usize::from(self.byte());
            match SNIPPETS.get(index % (SNIPPETS.len() + 6)) {
                Some(snippet) => block.extend(*snippet),
                None => block.extend(self.take(index & 0x1f)),
            }
        }
        let mut bits = end_stream | END_HEADERS;
        if flags & 0x30 == 0x30 {
            bits &= !END_HEADERS;
            self.split(stream, &mut block);
        }
        if flags & 0x0c == 0x0c {
            bits |= PRIORITY;
            let parent = if flags & 2 == 0 { 0 } else { stream };
            block.splice(0..0, parent.to_be_bytes().into_iter().chain([7]));
        }
        if flags & 0x0c == 0x08 {
            bits |= PADDED;
            self.pad(&mut block);
        }
        frame(0x1, bits, stream, &block)
    }

    /// Moves the end of a block into CONTINUATION frames.
    fn split(&mut self, stream: u32, block: &mut Vec<u8>) {
        let choice = self.byte();
        let mut rest = block.split_off(block.len().min(usize::from(choice & 0x1f)));
        if choice & 0x40 != 0 {
            let middle = rest.split_off(rest.len() / 2);
            self.pending.push_back(frame(0x9, 0, stream, &rest));
            rest = middle;
        }
        match choice {
            // The block is left open, or goes on for another stream.
            0xff => {}
            0xfe => self.pending.push_back(frame(0x9, END_HEADERS, stream + 2, &rest)),
            _ => self.pending.push_back(frame(0x9, END_HEADERS, stream, &rest)),
        }
    }

    fn pad(&mut self, payload: &mut Vec<u8>) {
        let choice = self.byte();
        payload.insert(0, choice);
        if choice != 0xff {
            payload.extend((0..choice).map(|_| 0));
        }
    }

    fn data(&mut self) -> Vec<u8> {
        let stream = self.stream();
        let choice = self.byte();
        let mut payload = match choice >> 5 {
            0 => Vec::new(),
            1..=4 => vec![b'd'; usize::from(choice >> 5)],
            5 => vec![b'd'; 5],
            6 => vec![b'd'; 400 * usize::from(self.byte())],
            _ => {
                let length = usize::from(self.byte());
                self.take(length).to_vec()
            }
        };
        let mut bits = choice & 1;
        if choice & 0x1e == 0x1e {
            bits |= PADDED;
            self.pad(&mut payload);
        }
        frame(0x0, bits, stream, &payload)
    }

    fn settings(&mut self) -> Vec<u8> {
        let choice = self.byte();
        let mut payload = Vec::new();
        for _ in 0..choice & 0x3 {
            let id = self.byte();
            let value = match id >> 4 {
                0 => 0,
                1 => 1,
                2 => 2,
                3 => 16_383,
                4 => 16_384,
                5 => 65_535,
                6 => 0x7fff_ffff,
                7 => 0x8000_0000,
                8 => 100,
                9 => 0x00ff_ffff,
                _ => u32::from(self.byte()) << (id >> 4),
            };
            payload.extend([0, id & 0xf]);
            payload.extend(value.to_be_bytes());
        }
        match choice >> 4 {
            0xf => frame(0x4, 0x1, 0, &payload),
            0xe => frame(0x4, 0, 1, &payload),
            0xd => frame(0x4, 0, 0, &[&payload[..], &[0]].concat()),
            _ => frame(0x4, 0, 0, &payload),
        }
    }

    fn window_update(&mut self) -> Vec<u8> {
        let stream = self.stream();
        let choice = self.byte();
        let increment = match choice >> 4 {
            0 => 0,
            1 => 0x7fff_ffff,
            2 => 0x8000_0001,
            3 => 0x7fff_0000,
            _ => u32::from(choice) << (choice >> 4),
        };
        let stream = if choice & 1 == 0 { 0 } else { stream };
        frame(0x8, 0, stream, &increment.to_be_bytes())
    }

    /// What a peer sends rarely.
    fn other(&mut self) -> Vec<u8> {
        let choice = self.byte();
        let stream = if choice & 1 == 0 { 0 } else { self.stream() };
        match choice >> 1 & 0x7 {
            0 => frame(0x6, choice >> 7, stream, &[choice; 8]),
            1 => frame(0x6, 0, 0, &[0; 7]),
            2 => {
                let last = u32::from(choice >> 4).to_be_bytes();
                let code = u32::from(choice >> 5).to_be_bytes();
                frame(0x7, 0, stream, &[&last[..], &code, b"text"].concat())
            }
            3 => frame(0x2, 0, stream, &[0, 0, 0, choice >> 4, 1]),
            4 => frame(0x5, END_HEADERS, stream, &[&[0, 0, 0, 2][..], BASES.0[0]].concat()),
            5 => frame(0x9, END_HEADERS, stream, &[]),
            6 => frame(0x10 | choice, choice, stream, b"ignored"),
            _ => frame(0x3, 0, stream, &[0; 3]),
        }
    }

    /// Any frame, or no frame at all.
    fn raw(&mut self) -> Vec<u8> {
        let kind = self.byte();
        let length = self.byte();
        if kind == 0xff {
            return self.take(usize::from(length)).to_vec();
        }
        let flags = self.byte();
        let stream = self.stream();
        let mut bytes = frame(kind & 0xf, flags, stream, self.take(usize::from(length)));
        if kind == 0xee {
            bytes.splice(0..3, [0, 0x40, length & 1]);
        }
        bytes
    }
}

impl Iterator for Script<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if let Some(bytes) = self.pending.pop_front() {
            return Some(Step::Frame(bytes));
        }
        if self.bytes.is_empty() {
            return None;
        }
        Some(Step::Frame(match self.byte() & 0xf {
            0..=3 => self.head(),
            4 => self.trailers(),
            5..=7 => self.data(),
            8 => {
                let stream = self.stream();
                let code = u32::from(self.byte() & 0xf);
                frame(0x3, 0, stream, &code.to_be_bytes())
            }
            9 => self.window_update(),
            10 => self.settings(),
            11 => self.other(),
            12 => self.raw(),
            13 | 14 => return Some(Step::Finish(self.stream() & MAX_ID)),
            _ => return Some(Step::Cancel(self.stream() & MAX_ID)),
        }))
    }
}

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

const MAX_ID: u32 = 0x7fff_ffff;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
