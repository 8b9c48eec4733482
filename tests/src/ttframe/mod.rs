//! Frames of streams over TTHeader, read and written by hand: without the code under test, and where wanted against its
//! rules.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

mod peer;

use crate::site::ask_bytes;

pub use peer::{Peer, Reading, Writing};

/// Type of a meta frame.
pub const META: &str = "1";
/// Type of a header frame.
pub const HEADER: &str = "2";
/// Type of a data frame.
pub const DATA: &str = "3";
/// Type of a trailer frame.
pub const TRAILER: &str = "4";
/// Type of a frame that resets.
pub const RST: &str = "5";

/// Int key of flow control's settings.
pub const FC_SETTINGS: u16 = 0xfc01;
/// Int key of its limits.
pub const FC_LIMIT: u16 = 0xfc02;
/// Int key that says that they are in force.
pub const FC_ACK: u16 = 0xfc03;

const METHOD: u16 = 9;
const TYPE: u16 = 27;

/// One frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The stream.
    pub id: i32,
    /// Key 27, the type.
    pub kind: String,
    /// Key 9.
    pub method: Option<String>,
    /// Entries of the string block, in order.
    pub strings: Vec<(String, String)>,
    /// Other entries of the int block, in order.
    pub ints: Vec<(u16, String)>,
    /// What comes behind the header.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame with the method `talk`.
    #[must_use]
    pub fn new(id: i32, kind: &str) -> Self {
        Self {
            id,
            kind: kind.into(),
            method: Some("talk".into()),
            ..Self::default()
        }
    }

    /// Opens a stream to a method of `Promises`.
    #[must_use]
    pub fn open(id: i32, method: &str) -> Self {
        Self::new(id, HEADER).of(method).string("isn", "Promises")
    }

    /// A message with this text.
    #[must_use]
    pub fn data(id: i32, text: &str) -> Self {
        Self::new(id, DATA).payload(&ask_bytes(text))
    }

    /// A trailer without entries.
    #[must_use]
    pub fn trailer(id: i32) -> Self {
        Self::new(id, TRAILER)
    }

    /// A frame of type `kind` with an exception in its payload.
    #[must_use]
    pub fn exception(id: i32, kind: &str, (code, text): (i32, &str)) -> Self {
        let length = |text: &str| u32::try_from(text.len()).unwrap().to_be_bytes();
        let payload = [
            &[0x80, 1, 0, 3][..],
            &length("talk"),
            b"talk",
            &id.to_be_bytes(),
            &[0x0b, 0, 1],
            &length(text),
            text.as_bytes(),
            &[0x08, 0, 2],
            &code.to_be_bytes(),
            &[0],
        ];
        Self::new(id, kind).payload(&payload.concat())
    }

    /// With another method.
    #[must_use]
    pub fn of(mut self, method: &str) -> Self {
        self.method = Some(method.into());
        self
    }

    /// With a string entry more.
    #[must_use]
    pub fn string(mut self, key: &str, value: &str) -> Self {
        self.strings.push((key.into(), value.into()));
        self
    }

    /// With an int entry more.
    #[must_use]
    pub fn int(mut self, key: u16, value: &str) -> Self {
        self.ints.push((key, value.into()));
        self
    }

    /// With a payload.
    #[must_use]
    pub fn payload(mut self, payload: &[u8]) -> Self {
        self.payload = payload.to_vec();
        self
    }

    /// The value of a string entry.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.strings.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The value of an int entry.
    #[must_use]
    pub fn get_int(&self, key: u16) -> Option<&str> {
        let found = self.ints.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The string entries, sorted.
    #[must_use]
    pub fn entries(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<_> = self.strings.iter().map(|(key, value)| (&**key, &**value)).collect();
        all.sort_unstable();
        all
    }

    /// Type and text of the exception in the payload.
    #[must_use]
    pub fn fault(&self) -> Option<(i32, String)> {
        let mut rest = Bytes(self.payload.strip_prefix(&[0x80, 1, 0, 3])?);
        rest.long_text();
        rest.take(4);
        rest.take(3);
        let text = rest.long_text();
        rest.take(3);
        let code = i32::from_be_bytes(rest.take(4).try_into().unwrap());
        Some((code, text))
    }

    /// The text of the message in the payload.
    #[must_use]
    pub fn text(&self) -> String {
        let mut rest = Bytes(&self.payload);
        rest.take(3);
        rest.long_text()
    }

    /// As it is on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut head = vec![0x10, 0];
        if !self.strings.is_empty() {
            head.push(0x01);
            put_length(&mut head, self.strings.len());
            for (key, value) in &self.strings {
                put_text(&mut head, key);
                put_text(&mut head, value);
            }
        }
        let method = self.method.iter().map(|method| (METHOD, method));
        let own = method.chain([(TYPE, &self.kind)]);
        let ints: Vec<_> = own.chain(self.ints.iter().map(|(key, value)| (*key, value))).collect();
        head.push(0x10);
        put_length(&mut head, ints.len());
        for (key, value) in ints {
            head.extend_from_slice(&key.to_be_bytes());
            put_text(&mut head, value);
        }
        head.resize(head.len().next_multiple_of(4), 0);
        let length = u32::try_from(10 + head.len() + self.payload.len()).unwrap();
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend_from_slice(&[0x10, 0, 0, 2]);
        bytes.extend_from_slice(&self.id.to_be_bytes());
        put_length(&mut bytes, head.len() / 4);
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Takes a whole frame off the front of `input`.
    ///
    /// # Panics
    /// If it is none.
    pub fn split(input: &mut Vec<u8>) -> Option<Self> {
        let length = u32::from_be_bytes(*input.first_chunk()?);
        let end = 4 + usize::try_from(length).unwrap();
        if input.len() < end {
            return None;
        }
        let bytes: Vec<u8> = input.drain(..end).collect();
        assert_eq!(bytes[4..8], [0x10, 0, 0, 2], "{bytes:x?}");
        let id = i32::from_be_bytes(bytes[8..12].try_into().unwrap());
        let start = 14 + 4 * usize::from(u16::from_be_bytes([bytes[12], bytes[13]]));
        assert_eq!(bytes[14..16], [0x10, 0], "protocol id and transforms: {bytes:x?}");
        let mut frame = Self {
            id,
            payload: bytes[start..].to_vec(),
            ..Self::default()
        };
        let mut head = Bytes(&bytes[16..start]);
        while !head.0.is_empty() {
            match head.take(1)[0] {
                0 => {}
                0x01 => {
                    for _ in 0..head.length() {
                        let key = head.text();
                        frame.strings.push((key, head.text()));
                    }
                }
                0x10 => frame.read_ints(&mut head),
                0x11 => {
                    let token = head.text();
                    frame.strings.push(("RPC_TRANSIT_gdpr-token".into(), token));
                }
                block => panic!("block {block:#x} in {bytes:x?}"),
            }
        }
        Some(frame)
    }

    fn read_ints(&mut self, head: &mut Bytes<'_>) {
        for _ in 0..head.length() {
            let key = head.length();
            let value = head.text();
            match u16::try_from(key).unwrap() {
                METHOD => self.method = Some(value),
                TYPE => self.kind = value,
                key => self.ints.push((key, value)),
            }
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn length(&mut self) -> usize {
        usize::from(u16::from_be_bytes(self.take(2).try_into().unwrap()))
    }

    fn text(&mut self) -> String {
        let length = self.length();
        String::from_utf8(self.take(length).to_vec()).unwrap()
    }

    fn long_text(&mut self) -> String {
        let length = u32::from_be_bytes(self.take(4).try_into().unwrap());
        String::from_utf8(self.take(usize::try_from(length).unwrap()).to_vec()).unwrap()
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// The types of `frames`, in a row.
#[must_use]
pub fn kinds(frames: &[Frame]) -> String {
    frames.iter().map(|frame| frame.kind.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::unhex;

    #[test]
    fn frames_are_those_of_the_recordings() {
        let rows = [
            (
                "0000001e10000002000000010005100010000200090004626964690 01b00013400 00",
                Frame::trailer(1).of("bidi"),
            ),
            (
                "0000002a10000002000000000008100010000200 1b000131fc010012312c31363737373231362c31303438353736",
                Peer::control(FC_SETTINGS, "1,16777216,1048576"),
            ),
        ];
        for (text, frame) in rows {
            let bytes = unhex(&text.replace(' ', ""));
            assert_eq!(Frame::split(&mut bytes.clone()), Some(frame.clone()));
            assert_eq!(frame.encode(), bytes);
        }
        let reset = Frame::exception(7, RST, (12007, "why")).string("ttscp", "A,B");
        let read = Frame::split(&mut reset.encode()).unwrap();
        assert_eq!(read.fault(), Some((12007, "why".into())));
        assert_eq!(read.get("ttscp"), Some("A,B"));
        assert_eq!(Frame::data(1, "a").text(), "a");
    }
}
