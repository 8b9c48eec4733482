use super::*;
use crate::buf::Output;
use crate::wire::testing::hex;

fn split(frame: &[u8]) -> (FrameHead, &[u8]) {
    (FrameHead::parse(frame).unwrap(), &frame[HEAD_LEN..])
}

#[test]
fn a_head_is_nine_bytes_and_ignores_the_reserved_bit() {
    let bytes = hex("00 01 02 00 09 80 00 00 05");
    for cut in 0..HEAD_LEN {
        assert_eq!(FrameHead::parse(&bytes[..cut]), None);
    }
    let head = FrameHead::parse(&bytes).unwrap();
    assert_eq!(head.len, 0x0102);
    assert_eq!(head.frame_type, FrameType::DATA);
    assert!(head.flags.has(Flags::END_STREAM) && head.flags.has(Flags::PADDED));
    assert_eq!(head.stream.get(), 5);
    assert_eq!(head.to_bytes()[..], hex("00 01 02 00 09 00 00 00 05")[..]);
}

#[test]
fn payloads_are_read() {
    let (head, payload) = (hex("00 00 08 00 08 00 00 00 01"), hex("02 61 62 63 64 65 00 00"));
    let Payload::Data(data) = parse(FrameHead::parse(&head).unwrap(), &payload).unwrap() else {
        panic!("DATA");
    };
    assert_eq!((data.content, data.offset), (&b"abcde"[..], 1));

    let frame = hex("00 00 08 01 2c 00 00 00 03 01 80 00 00 01 0f 82 00");
    let (head, payload) = split(&frame);
    let Payload::Headers { fragment, priority } = parse(head, payload).unwrap() else {
        panic!("HEADERS");
    };
    assert_eq!((fragment.content, fragment.offset), (&[0x82][..], 6));
    let priority = priority.unwrap();
    assert_eq!(
        (priority.parent.get(), priority.exclusive, priority.weight),
        (1, true, 15)
    );

    let frame = hex("00 00 0a 07 00 00 00 00 00 80 00 00 07 00 00 00 0b 68 69");
    let (head, payload) = split(&frame);
    let Payload::GoAway { last, code, debug } = parse(head, payload).unwrap() else {
        panic!("GOAWAY");
    };
    assert_eq!((last.get(), code, debug), (7, ErrorCode::ENHANCE_YOUR_CALM, &b"hi"[..]));

    let frame = hex("00 00 0c 04 00 00 00 00 00 00 04 00 00 ff ff ab cd 00 00 00 01");
    let (head, payload) = split(&frame);
    let Payload::Settings(settings) = parse(head, payload).unwrap() else {
        panic!("SETTINGS");
    };
    let settings: Result<Vec<_>, _> = settings.collect();
    let unknown = Setting::Unknown { id: 0xabcd, value: 1 };
    assert_eq!(settings, Ok(vec![Setting::InitialWindowSize(65_535), unknown]));
}

/// A frame, and the error that it is.
type Broken = (&'static str, ErrorCode, Scope);

const BROKEN: [Broken; 19] = [
    // RFC 9113 §6.1, §6.2: padding
    (
        "00 00 00 00 08 00 00 00 01",
        ErrorCode::FRAME_SIZE_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 02 00 08 00 00 00 01 02 00",
        ErrorCode::PROTOCOL_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 04 01 20 00 00 00 01 00 00 00 00",
        ErrorCode::FRAME_SIZE_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 06 01 28 00 00 00 01 01 00 00 00 00 00",
        ErrorCode::PROTOCOL_ERROR,
        Scope::Connection,
    ),
    // streams where there must be one, and where there must be none
    (
        "00 00 00 00 00 00 00 00 00",
        ErrorCode::PROTOCOL_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 00 01 04 00 00 00 00",
        ErrorCode::PROTOCOL_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 05 02 00 00 00 00 00 00 00 00 00 00",
        ErrorCode::PROTOCOL_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 04 03 00 00 00 00 00 00 00 00 00",
        ErrorCode::PROTOCOL_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 00 04 00 00 00 00 01",
        ErrorCode::PROTOCOL_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 08 06 00 00 00 00 01 0 0 0 0 0 0 0 0",
        ErrorCode::PROTOCOL_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 08 07 00 00 00 00 01 0 0 0 0 0 0 0 0",
        ErrorCode::PROTOCOL_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 00 09 04 00 00 00 00",
        ErrorCode::PROTOCOL_ERROR,
        Scope::Connection,
    ),
    // lengths
    (
        "00 00 04 02 00 00 00 00 01 00 00 00 00",
        ErrorCode::FRAME_SIZE_ERROR,
        Scope::Stream,
    ),
    (
        "00 00 03 03 00 00 00 00 01 00 00 00",
        ErrorCode::FRAME_SIZE_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 03 04 00 00 00 00 00 00 00 00",
        ErrorCode::FRAME_SIZE_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 06 04 01 00 00 00 00 00 01 00 00 00 00",
        ErrorCode::FRAME_SIZE_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 06 06 00 00 00 00 00 0 0 0 0 0 0",
        ErrorCode::FRAME_SIZE_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 07 07 00 00 00 00 00 0 0 0 0 0 0 0",
        ErrorCode::FRAME_SIZE_ERROR,
        Scope::Connection,
    ),
    (
        "00 00 03 08 00 00 00 00 00 00 00 00",
        ErrorCode::FRAME_SIZE_ERROR,
        Scope::Connection,
    ),
];

#[test]
fn what_breaks_a_rule_names_code_and_scope() {
    for (frame, code, scope) in BROKEN {
        let bytes: Vec<u8> = frame
            .split_whitespace()
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect();
        let (head, payload) = split(&bytes);
        assert_eq!(head.len as usize, payload.len(), "{frame}");
        let error = parse(head, payload).unwrap_err();
        assert_eq!((error.code, error.scope), (code, scope), "{frame}: {error}");
    }
}

#[test]
fn settings_with_impossible_values_name_their_code() {
    let rows = [
        (0x2, 2, ErrorCode::PROTOCOL_ERROR),
        (0x4, 0x8000_0000, ErrorCode::FLOW_CONTROL_ERROR),
        (0x5, 16_383, ErrorCode::PROTOCOL_ERROR),
        (0x5, 0x0100_0000, ErrorCode::PROTOCOL_ERROR),
        (0x8, 2, ErrorCode::PROTOCOL_ERROR),
    ];
    for (id, value, code) in rows {
        let mut out = Output::new();
        FrameWriter::new(&mut out).settings(&[Setting::Unknown { id, value }]);
        let bytes = out.to_vec();
        let (head, payload) = split(&bytes);
        let Ok(Payload::Settings(mut settings)) = parse(head, payload) else {
            panic!("SETTINGS");
        };
        let error = settings.next().unwrap().unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().ends_with(&format!(": {value}")));
    }
}

#[test]
fn frames_are_written_as_they_are_read() {
    let mut out = Output::new();
    let mut frames = FrameWriter::new(&mut out);
    let id = StreamId::new(5);
    frames.settings(&[Setting::InitialWindowSize(65_535)]);
    frames.settings_ack();
    frames.ping(Flags::ACK, *b"\x02\x04\x10\x10\x09\x0e\x07\x07");
    frames.reset(id, ErrorCode::CANCEL);
    frames.window_update(StreamId::CONNECTION, 65_535);
    frames.go_away(id, ErrorCode::ENHANCE_YOUR_CALM, "calm");
    let expected = hex(
        "00 00 06 04 00 00 00 00 00 00 04 00 00 ff ff  00 00 00 04 01 00 00 00 00  00 00 08 06 01 00 00 00 00 02 04 10
         10 09 0e 07 07  00 00 04 03 00 00 00 00 05 00 00 00 08  00 00 04 08 00 00 00 00 00 00 00 ff ff  00 00 0c 07
         00 00 00 00 00 00 00 00 05 00 00 00 0b 63 61 6c 6d",
    );
    assert_eq!(out.to_vec(), expected);
}
