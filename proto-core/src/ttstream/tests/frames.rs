//! Frames of TTHeader streaming, written and read by hand.

use std::fmt;

pub(super) const FC_SETTINGS: u16 = 0xfc01;
pub(super) const FC_LIMIT: u16 = 0xfc02;
pub(super) const FC_ACK: u16 = 0xfc03;

const TO_METHOD: u16 = 9;
const FRAME_TYPE: u16 = 27;
const STRINGS: u8 = 0x01;
const INTS: u8 = 0x10;
const ACL_TOKEN: u8 = 0x11;
const NAMES: [&str; 5] = ["meta", "header", "data", "trailer", "rst"];

/// A frame. Its `Display` leaves out the method, which nobody looks at behind the client's header.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Frame {
    pub(super) id: i32,
    pub(super) strings: Vec<(String, String)>,
    pub(super) ints: Vec<(u16, String)>,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// A frame of any type, as text, with the method that all frames here are for.
    pub(super) fn of_type(id: i32, kind: &str) -> Self {
        Self { id, ..Self::default() }
            .int(FRAME_TYPE, kind)
            .int(TO_METHOD, "bidi")
    }

    pub(super) fn meta(id: i32) -> Self {
        Self { id, ..Self::default() }.int(FRAME_TYPE, "1")
    }

    /// What a client opens a stream of a method with.
    pub(super) fn open(id: i32, method: &str) -> Self {
        Self::header(id).text("isn", "Stream").int(TO_METHOD, method)
    }

    pub(super) fn header(id: i32) -> Self {
        Self::of_type(id, "2")
    }

    pub(super) fn data(id: i32, payload: impl AsRef<[u8]>) -> Self {
        Self::of_type(id, "3").body(payload)
    }

    pub(super) fn trailer(id: i32) -> Self {
        Self::of_type(id, "4")
    }

    pub(super) fn failure(id: i32, number: i32, text: &str) -> Self {
        Self::trailer(id).body(exception(id, 3, number, text))
    }

    pub(super) fn rst(id: i32, path: &str, number: i32, text: &str) -> Self {
        let rst = Self::of_type(id, "5").body(exception(id, 3, number, text));
        if path.is_empty() { rst } else { rst.text("ttscp", path) }
    }

    pub(super) fn settings(value: &str) -> Self {
        Self::meta(0).int(FC_SETTINGS, value)
    }

    pub(super) fn limit(id: i32, limit: u64) -> Self {
        Self::meta(id).int(FC_LIMIT, &limit.to_string())
    }

    pub(super) fn ack() -> Self {
        Self::meta(0).int(FC_ACK, "1")
    }

    pub(super) fn text(mut self, key: &str, value: &str) -> Self {
        self.strings.retain(|(name, _)| name != key);
        self.strings.push((key.to_owned(), value.to_owned()));
        self.strings.sort();
        self
    }

    pub(super) fn int(mut self, key: u16, value: &str) -> Self {
        self.ints.retain(|(name, _)| *name != key);
        self.ints.push((key, value.to_owned()));
        self.ints.sort();
        self
    }

    pub(super) fn without_int(mut self, key: u16) -> Self {
        self.ints.retain(|(name, _)| *name != key);
        self
    }

    pub(super) fn body(mut self, payload: impl AsRef<[u8]>) -> Self {
        self.payload = payload.as_ref().to_vec();
        self
    }

    pub(super) fn get_int(&self, key: u16) -> Option<&str> {
        let entry = self.ints.iter().find(|(name, _)| *name == key);
        entry.map(|(_, value)| value.as_str())
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut info = vec![0x10, 0];
        if !self.strings.is_empty() {
            info.push(STRINGS);
            info.extend(count(self.strings.len()));
            for (key, value) in &self.strings {
                put(&mut info, key);
                put(&mut info, value);
            }
        }
        if !self.ints.is_empty() {
            info.push(INTS);
            info.extend(count(self.ints.len()));
            for (key, value) in &self.ints {
                info.extend(key.to_be_bytes());
                put(&mut info, value);
            }
        }
        info.resize(info.len().next_multiple_of(4), 0);
        raw(self.id, &info, &self.payload)
    }

    /// What the sender of this data frame is charged for it (TFC-3).
    pub(super) fn charge(&self) -> u64 {
        self.payload.len() as u64 + 64
    }

    /// The first frame of `input` and its length, unless it is cut off. Checks what holds for all frames of ours.
    pub(super) fn parse(input: &[u8]) -> Option<(Self, usize)> {
        let length = u32::from_be_bytes(input.get(..4)?.try_into().unwrap()) as usize + 4;
        let frame = input.get(..length)?;
        assert_eq!(frame[4..8], [0x10, 0, 0, 2], "magic and flags");
        let size = usize::from(u16::from_be_bytes([frame[12], frame[13]])) * 4;
        let (info, payload) = frame[14..].split_at(size);
        assert_eq!(info[..2], [0x10, 0], "protocol id and transforms");
        let mut parsed = Self {
            id: i32::from_be_bytes(frame[8..12].try_into().unwrap()),
            payload: payload.to_vec(),
            ..Self::default()
        };
        let mut rest = Reader(&info[2..]);
        while rest.0.len() >= 4 || rest.0.first().is_some_and(|block| *block != 0) {
            match rest.u8() {
                STRINGS => {
                    for _ in 0..rest.u16() {
                        let key = rest.string();
                        parsed.strings.push((key, rest.string()));
                    }
                }
                INTS => {
                    for _ in 0..rest.u16() {
                        let key = rest.u16();
                        parsed.ints.push((key, rest.string()));
                    }
                }
                ACL_TOKEN => parsed
                    .strings
                    .push(("RPC_TRANSIT_gdpr-token".to_owned(), rest.string())),
                other => panic!("info block {other:#x}"),
            }
        }
        parsed.strings.sort();
        parsed.ints.sort();
        Some((parsed, length))
    }

    pub(super) fn kind(&self) -> &'static str {
        let number = self.get_int(FRAME_TYPE).unwrap_or("none");
        let index = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        index.and_then(|index| NAMES.get(index).copied()).unwrap_or("?")
    }

    fn payload_text(&self) -> String {
        match self.payload.strip_prefix(&[0x80, 1, 0, 3]) {
            Some(rest) => {
                let mut rest = Reader(rest);
                let method = rest.long_string();
                assert_eq!(Some(method.as_str()), self.get_int(TO_METHOD));
                assert_eq!(rest.u32(), self.id.cast_unsigned(), "sequence id");
                assert_eq!((rest.u8(), rest.u16()), (11, 1));
                let text = rest.long_string();
                assert_eq!((rest.u8(), rest.u16()), (8, 2));
                let number = rest.u32().cast_signed();
                assert_eq!(rest.0, [0]);
                format!("{number} {text}")
            }
            None if self.payload.len() > 40 => format!("{} bytes", self.payload.len()),
            None => String::from_utf8_lossy(&self.payload).into_owned(),
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.kind())?;
        for (key, value) in &self.ints {
            if ![TO_METHOD, FRAME_TYPE].contains(key) {
                write!(f, " {key:x}={value}")?;
            }
        }
        for (key, value) in &self.strings {
            write!(f, " {key}={value}")?;
        }
        if !self.payload.is_empty() {
            write!(f, " {}", self.payload_text())?;
        }
        Ok(())
    }
}

/// A frame of any header information and payload.
pub(super) fn raw(id: i32, info: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(10 + info.len() + payload.len()).unwrap();
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend([0x10, 0, 0, 2]);
    bytes.extend(id.to_be_bytes());
    bytes.extend(count(info.len() / 4));
    bytes.extend(info);
    bytes.extend(payload);
    bytes
}

/// A Thrift message with an exception in it; a message of type 3 says so.
pub(super) fn exception(id: i32, message_type: u8, number: i32, text: &str) -> Vec<u8> {
    let mut bytes = vec![0x80, 1, 0, message_type, 0, 0, 0, 4];
    bytes.extend(b"bidi");
    bytes.extend(id.to_be_bytes());
    bytes.extend([11, 0, 1]);
    bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend([8, 0, 2]);
    bytes.extend(number.to_be_bytes());
    bytes.push(0);
    bytes
}

fn count(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_be_bytes()
}

fn put(info: &mut Vec<u8>, text: &str) {
    info.extend(count(text.len()));
    info.extend(text.as_bytes());
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_first_chunk().expect("more of it");
        self.0 = rest;
        *taken
    }

    fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.take())
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take())
    }

    fn bytes(&mut self, length: usize) -> String {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(taken).into_owned()
    }

    fn string(&mut self) -> String {
        let length = self.u16();
        self.bytes(usize::from(length))
    }

    fn long_string(&mut self) -> String {
        let length = self.u32();
        self.bytes(length as usize)
    }
}
