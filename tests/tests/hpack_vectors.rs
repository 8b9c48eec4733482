//! Every recorded header block decodes to the fields that its file lists, and survives our encoder.

use kitewire_proto::http::Fields;
use kitewire_proto::wire::hpack::{Decoded, Decoder, Encoder};
use kitewire_tests::vectors::{Connection, Step, folder};
use serde_json::Value;

#[test]
fn grpc_header_blocks_decode_and_encode() {
    assert_eq!(check("grpc"), 140);
}

#[test]
fn service_header_blocks_decode_and_encode() {
    assert_eq!(check("services"), 24);
}

/// Checks a folder and tells how many header blocks it holds.
fn check(name: &str) -> usize {
    let mut blocks = 0;
    for vector in folder(name) {
        for connection in vector.connections() {
            blocks += Direction::check(&connection, "client") + Direction::check(&connection, "server");
        }
    }
    blocks
}

/// One direction of a connection.
struct Direction {
    decoder: Decoder,
    /// The same fields on a connection of ours.
    encoder: Encoder,
    reader: Decoder,
    /// A header block that goes on in CONTINUATION frames, and the fields that its file lists.
    block: Vec<u8>,
    listed: Vec<(Vec<u8>, Vec<u8>)>,
    blocks: usize,
}

impl Direction {
    fn check(connection: &Connection<'_>, from: &str) -> usize {
        let mut direction = Self {
            decoder: Decoder::new(4096),
            encoder: Encoder::new(4096),
            reader: Decoder::new(4096),
            block: Vec::new(),
            listed: Vec::new(),
            blocks: 0,
        };
        for step in connection.steps.iter().filter(|step| step.from == from) {
            match step.decoded.and_then(|decoded| decoded["type"].as_str()) {
                Some("HEADERS") => direction.frame(step, fragment),
                Some("CONTINUATION") => direction.frame(step, |_, payload| payload),
                _ => assert!(
                    direction.block.is_empty(),
                    "{}: in the middle of a header block",
                    step.name
                ),
            }
        }
        assert!(
            direction.block.is_empty(),
            "{}: an unfinished header block",
            connection.name
        );
        direction.blocks
    }

    fn frame(&mut self, step: &Step<'_>, fragment: fn(u8, &[u8]) -> &[u8]) {
        let bytes = step.bytes.as_deref().expect("a frame has bytes");
        let (head, payload) = bytes.split_at(9);
        let flags = head[4];
        self.block.extend_from_slice(fragment(flags, payload));
        self.listed.extend(listed(step));
        if flags & END_HEADERS != 0 {
            self.block(&step.name);
        }
    }

    fn block(&mut self, name: &str) {
        let mut fields = Fields::new();
        let decoded = self.decoder.decode(&self.block, usize::MAX, &mut fields);
        assert_eq!(decoded, Ok(Decoded::Complete), "{name}");
        assert_eq!(pairs(&fields), self.listed, "{name}");

        let mut block = Vec::new();
        self.encoder.encode(&fields, &mut block);
        let mut again = Fields::new();
        let decoded = self.reader.decode(&block, usize::MAX, &mut again);
        assert_eq!(decoded, Ok(Decoded::Complete), "{name}: from our encoder");
        assert_eq!(pairs(&again), self.listed, "{name}: from our encoder");

        self.block.clear();
        self.listed.clear();
        self.blocks += 1;
    }
}

/// The header block fragment of a HEADERS frame (RFC 9113 §6.2).
fn fragment(flags: u8, payload: &[u8]) -> &[u8] {
    let (padding, payload) = match flags & PADDED {
        0 => (0, payload),
        _ => (usize::from(payload[0]), &payload[1..]),
    };
    let start = if flags & PRIORITY == 0 { 0 } else { 5 };
    &payload[start..payload.len() - padding]
}

fn listed(step: &Step<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let Some(headers) = step.decoded.and_then(|decoded| decoded["headers"].as_array()) else {
        return Vec::new();
    };
    let text = |value: &Value| value.as_str().map(|text| text.as_bytes().to_vec());
    let pair = |pair: &Value| Some((text(&pair[0])?, text(&pair[1])?));
    let pairs: Option<Vec<_>> = headers.iter().map(pair).collect();
    pairs.unwrap_or_else(|| panic!("{}: headers are not text", step.name))
}

fn pairs(fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pair = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
    fields.iter().map(|field| pair((field.name, field.value))).collect()
}

const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;
