//! What attackers say.

use kitewire_tests::site::ask_bytes;

/// The flag of a last frame of a stream.
pub(crate) const END_STREAM: u8 = 0x1;
/// The flag of a whole header block.
pub(crate) const END_HEADERS: u8 = 0x4;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// The code of an end without a fault.
pub(crate) const NO_ERROR: u32 = 0;
/// The code of a frame behind the end of its stream.
pub(crate) const STREAM_CLOSED: u32 = 5;
/// The code of a server that has had enough.
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame of HTTP/2.
pub(crate) fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &id.to_be_bytes(), payload].concat()
}

/// The first bytes of a client over HTTP/2.
pub(crate) fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, b"")].concat()
}

/// A field that no table keeps.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 127);
        [&[length], text.as_bytes()].concat()
    };
    [vec![0], text(name), text(value)].concat()
}

/// The header block of a call to `method`.
pub(crate) fn request(method: &str) -> Vec<u8> {
    let path = format!("/promises.Promises/{method}");
    [
        // POST, http.
        vec![0x83, 0x86],
        field(":path", &path),
        field(":authority", "promises"),
        field("content-type", "application/grpc+thrift"),
        field("te", "trailers"),
    ]
    .concat()
}

/// A call to `method`, with its stream left open.
pub(crate) fn open(id: u32, method: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, id, &request(method))
}

/// A gRPC message with this text.
pub(crate) fn message(id: u32, text: &str) -> Vec<u8> {
    let body = ask_bytes(text);
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    frame(DATA, 0, id, &[&[0], &length[..], &body].concat())
}

/// The code of the last GOAWAY among these frames.
pub(crate) fn go_away(mut heard: &[u8]) -> Option<u32> {
    let mut code = None;
    while let Some((head, rest)) = heard.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some(payload) = rest.get(..length) else { break };
        if head[3] == GOAWAY {
            code = payload
                .get(4..8)
                .map(|code| u32::from_be_bytes(code.try_into().unwrap()));
        }
        heard = &rest[length..];
    }
    code
}

/// A framed Thrift call of `ping` with these arguments.
pub(crate) fn framed(arguments: &[u8]) -> Vec<u8> {
    let body = envelope(arguments);
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), &body[..]].concat()
}

/// A Thrift call of `ping` with these arguments.
pub(crate) fn envelope(arguments: &[u8]) -> Vec<u8> {
    [b"\x80\x01\0\x01\0\0\0\x04ping\0\0\0\x01", arguments].concat()
}

/// The arguments of an honest `ping`.
pub(crate) fn arguments(text: &str) -> Vec<u8> {
    [&[0x0c, 0, 1], &ask_bytes(text)[..], &[0]].concat()
}

/// A TTHeader frame with these blocks behind its protocol and transforms, and this payload.
pub(crate) fn ttheader(blocks: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut header = [&[0, 0], blocks].concat();
    while header.len() % 4 != 0 {
        header.push(0);
    }
    let words = u16::try_from(header.len() / 4).unwrap();
    let length = u32::try_from(10 + header.len() + payload.len()).unwrap();
    [
        &length.to_be_bytes()[..],
        &[0x10, 0, 0, 0, 0, 0, 0, 1],
        &words.to_be_bytes(),
        &header,
        payload,
    ]
    .concat()
}

/// A block of string entries.
pub(crate) fn strings<'a>(entries: impl ExactSizeIterator<Item = (String, &'a str)>) -> Vec<u8> {
    let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let mut block = vec![1];
    block.extend(u16::try_from(entries.len()).unwrap().to_be_bytes());
    for (key, value) in entries {
        block.extend(text(&key));
        block.extend(text(value));
    }
    block
}
