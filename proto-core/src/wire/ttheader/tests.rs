use std::time::Duration;

use super::*;
use crate::buf::Output;
use crate::config::Limits;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::wire::testing::{every_split, hex};
use crate::wire::{SequenceId, Span, checksum};

const SMALLEST: &str = "00 00 00 2c 10 00 00 00 00 00 00 01 00 01 00 00 00 00
    80 01 00 01 00 00 00 04 65 63 68 6f 00 00 00 01 0c 00 01 0b 00 01 00 00 00 02 68 69 00 00";

const EVERYTHING: &str = "
    00 00 00 a9 10 00 00 00 00 00 00 01 00 20 00 00 11 00 03 74 6f 6b 01 00 03 00 03 69 73 6e 00 08
    50 69 6e 67 50 6f 6e 67 00 11 52 50 43 5f 54 52 41 4e 53 49 54 5f 74 72 61 2d 4b 00 02 74 31 00
    11 52 50 43 5f 50 45 52 53 49 53 54 5f 50 65 72 5f 4b 00 02 70 31 10 00 06 00 03 00 09 6b 77 2e
    63 6c 69 65 6e 74 00 14 00 00 00 06 00 04 6b 77 2e 62 00 09 00 04 65 63 68 6f 00 16 00 01 31 00
    01 00 08 75 6e 66 72 61 6d 65 64 00 00 00 80 01 00 01 00 00 00 04 65 63 68 6f 00 00 00 01 0c 00
    01 0b 00 01 00 00 00 03 68 6f 70 00 00";

const CHECKED: &str = "
    00 00 00 44 10 00 00 00 00 00 00 01 00 06 00 00 01 00 01 00 06 63 72 63 33 32 63 00 08 64 33 63 31 62 30 32 65 00
    00 00 00 1e 80 01 00 01 00 00 00 04 65 63 68 6f 00 00 00 01 0c 00 01 0b 00 01 00 00 00 02 68 69 00 00";

const BUSINESS: &str = "
    00 00 00 73 10 00 00 00 00 00 00 06 00 16 00 00 01 00 03
    00 0a 62 69 7a 2d 73 74 61 74 75 73 00 03 34 30 34
    00 0b 62 69 7a 2d 6d 65 73 73 61 67 65 00 09 6e 6f 74 20 66 6f 75 6e 64
    00 09 62 69 7a 2d 65 78 74 72 61 00 15 7b 22 6b 22 3a 22 5c 75 30 30 33 63 76 5c 75 30 30 33 65 22 7d
    10 00 01 00 16 00 01 32 80 01 00 02 00 00 00 04 65 63 68 6f 00 00 00 06 00";

const UNKNOWN_METHOD: &str = "
    00 00 00 6b 10 00 00 00 00 00 00 07 00 06 00 00 01 00 01 00 05 63 72 72 73 74 00 01 31
    10 00 01 00 16 00 01 33 00 00 00 00 45 80 01 00 03 00 00 00 04 6e 6f 70 65 00 00 00 07
    0b 00 01 00 00 00 26 75 6e 6b 6e 6f 77 6e 20 6d 65 74 68 6f 64 20 6e 6f 70 65 20 28 73 65 72 76 69 63 65 20
    50 69 6e 67 50 6f 6e 67 29 08 00 02 00 00 00 01 00";

const CONTROL: &str = "
    00 00 00 2b 10 00 00 00 00 00 00 00 00 04 00 00 01 00 01 00 05 63 72 72 73 74 00 01 31 00
    80 01 00 02 00 00 00 04 6e 6f 6e 65 00 00 00 00 00";

fn parse(frame: &[u8]) -> Result<Option<Header>, DecodeError> {
    let limits = Limits::default();
    every_split(frame, |prefix| Header::parse(prefix, &limits))
}

fn read(text: &str) -> (Vec<u8>, Header, Info) {
    let frame = hex(text);
    let header = parse(&frame).unwrap().unwrap();
    assert_eq!(header.frame_len(), frame.len());
    let info = Info::scan(&frame, &header, 16).unwrap();
    assert_eq!(rewrite(&frame, header), frame);
    (frame, header, info)
}

/// The frame again, from what the view shows of it.
fn rewrite(frame: &[u8], header: Header) -> Vec<u8> {
    let view = HeaderView::new(frame, header);
    let mut out = Output::new();
    out.put(b"other frames");
    let mut writer = HeaderWriter::begin(&mut out, header.flags, header.sequence);
    writer.protocol_id(header.protocol_id);
    if let Some(token) = view.acl_token() {
        writer.acl_token(token);
    }
    for (key, value) in view.strings() {
        match key {
            b"crc32c" => writer.checksum(),
            _ => writer.string(key, value),
        }
    }
    for (key, value) in view.ints() {
        writer.int(key, value);
    }
    let open = writer.end();
    out.put(&frame[header.payload_start()..]);
    open.finish(&mut out, u32::MAX);
    assert_eq!(out.take_error(), None);
    out.to_vec()[12..].to_vec()
}

fn text(frame: &[u8], span: Option<Span>) -> Option<&str> {
    span.map(|span| std::str::from_utf8(span.of(frame)).unwrap())
}

#[test]
fn the_smallest_frame() {
    let (frame, header, info) = read(SMALLEST);
    assert_eq!(header.length, 44);
    assert_eq!(header.sequence, SequenceId(1));
    assert_eq!(
        (header.flags, header.protocol_id, header.header_size()),
        (Flags::NONE, 0, 1)
    );
    assert_eq!((header.payload_start(), header.payload_len()), (18, 30));
    assert_eq!(header.transforms(&frame), []);
    assert_eq!(info, Info::default());
}

#[test]
fn everything_at_once() {
    let (frame, header, info) = read(EVERYTHING);
    assert_eq!(header.header_size(), 0x20);
    assert_eq!(text(&frame, info.service_name), Some("PingPong"));
    assert!(info.has_metainfo && !info.connection_reset);
    let view = HeaderView::new(&frame, header);
    assert_eq!(view.acl_token(), Some(&b"tok"[..]));
    assert_eq!(view.int(IntKey::FROM_SERVICE), Some(&b"kw.client"[..]));
    assert_eq!(view.int(IntKey::FROM_METHOD), Some(&b""[..]));
    assert_eq!(view.string("RPC_TRANSIT_tra-K"), Some(&b"t1"[..]));
    assert_eq!(view.int(IntKey::TO_METHOD), Some(&b"echo"[..]));
    assert_eq!(view.int(IntKey::RPC_TIMEOUT), None);
    assert_eq!((view.strings().count(), view.ints().count()), (3, 6));
}

#[test]
fn replies_carry_status_reset_and_checksum() {
    let (frame, header, info) = read(BUSINESS);
    assert!(info.has_business_status);
    let view = HeaderView::new(&frame, header);
    assert_eq!(view.string(string_key::BUSINESS_STATUS), Some(&b"404"[..]));
    assert_eq!(view.string(string_key::BUSINESS_MESSAGE), Some(&b"not found"[..]));
    assert_eq!(
        view.string(string_key::BUSINESS_EXTRA),
        Some(&br#"{"k":"\u003cv\u003e"}"#[..])
    );
    let (_, header, info) = read(UNKNOWN_METHOD);
    assert!(info.connection_reset);
    assert_eq!(header.header_size(), 6);
    let (_, header, info) = read(CONTROL);
    assert!(info.connection_reset && !info.has_metainfo);
    assert_eq!(header.sequence, SequenceId(0));
    let (frame, header, info) = read(CHECKED);
    assert_eq!(text(&frame, info.checksum), Some("d3c1b02e"));
    let payload = &frame[header.payload_start()..];
    assert_eq!(checksum::check(&frame, info.checksum, payload), Ok(()));
    assert!(checksum::check(&frame, info.checksum, &payload[1..]).is_err());
}

#[test]
fn bad_heads_are_refused_as_early_as_possible() {
    let rows = [
        ("00 00 00 00", DecodeErrorKind::LengthTooSmall(0), 0),
        ("00 00 00 0d", DecodeErrorKind::LengthTooSmall(13), 0),
        ("01 00 00 01", DecodeErrorKind::LengthTooLarge(0x0100_0001), 0),
        ("ff ff ff ff", DecodeErrorKind::LengthTooLarge(u32::MAX), 0),
        ("00 00 00 2c 10 01", DecodeErrorKind::BadMagic(0x1001), 4),
        (
            "00 00 00 2c 10 00 00 00 00 00 00 01 00 00",
            DecodeErrorKind::LengthTooSmall(0),
            12,
        ),
        (
            "00 00 00 2c 10 00 00 00 00 00 00 01 00 09",
            DecodeErrorKind::LengthTooLarge(36),
            12,
        ),
        (
            "00 00 00 2c 10 00 00 00 00 00 00 01 ff ff",
            DecodeErrorKind::LengthTooLarge(262_140),
            12,
        ),
        (
            "00 00 00 2c 10 00 00 00 00 00 00 01 00 01 02",
            DecodeErrorKind::UnsupportedProtocolId(2),
            14,
        ),
        (
            "00 00 00 2c 10 00 00 00 00 00 00 01 00 01 00 03",
            DecodeErrorKind::TooManyTransforms(3),
            15,
        ),
    ];
    for (bytes, kind, offset) in rows {
        let mut bytes = hex(bytes);
        let error = DecodeError::new(kind, offset);
        assert_eq!(parse(&bytes), Err(error));
        let last = bytes.len() - 1;
        assert_eq!(parse(&bytes[..last]), Ok(None), "{bytes:?}");
        bytes.resize(64, 0);
        assert_eq!(parse(&bytes), Err(error));
    }
}

#[test]
fn odd_but_legal_heads_are_taken() {
    for id in [0, 3, 4, 0x10, 0x11] {
        let mut frame = hex("00 00 00 0e 10 00 ff fd 80 00 00 00 00 01 00 02 01 03");
        frame[14] = id;
        let header = parse(&frame).unwrap().unwrap();
        assert_eq!(header.protocol_id, id);
        assert_eq!(header.sequence, SequenceId(i32::MIN));
        assert!(header.flags.contains(Flags::OUT_OF_ORDER));
        assert!(!header.flags.contains(Flags::STREAMING));
        assert_eq!(header.transforms(&frame), [1, 3]);
        assert_eq!((header.payload_start(), header.payload_len()), (18, 0));
        assert_eq!(Info::scan(&frame, &header, 0), Ok(Info::default()));
    }
}

/// A frame whose header info is `blocks`, padded with zeros, and no payload.
fn frame_of(blocks: &str) -> (Vec<u8>, Header) {
    let mut frame = hex("00 00 00 00 10 00 00 00 00 00 00 01 00 00 00 00");
    frame.extend(hex(blocks));
    while !(frame.len() - 14).is_multiple_of(4) {
        frame.push(0);
    }
    frame[3] = u8::try_from(frame.len() - 4).unwrap();
    frame[13] = u8::try_from((frame.len() - 14) / 4).unwrap();
    let header = parse(&frame).unwrap().unwrap();
    (frame, header)
}

#[test]
fn blocks_may_repeat_and_the_last_value_counts() {
    let (frame, header) = frame_of(
        "10 0001 000c 0001 31  01 0000  00 00  01 0001 0003 69736e 0001 41  11 0001 61
         10 0002 0007 0000 000c 0002 3135  01 0002 0003 69736e 0001 42 0003 787878 0000  11 0002 6263",
    );
    let info = Info::scan(&frame, &header, 8).unwrap();
    assert_eq!(text(&frame, info.service_name), Some("B"));
    assert_eq!(HeaderView::new(&frame, header).acl_token(), Some(&b"bc"[..]));
    assert_eq!(info.timeout(&frame), Some(Duration::from_millis(15)));
    let view = HeaderView::new(&frame, header);
    assert_eq!(view.string("isn"), Some(&b"B"[..]));
    assert_eq!(view.acl_token(), Some(&b"bc"[..]));
    let keys: Vec<_> = view.ints().map(|(key, _)| key.0).collect();
    assert_eq!(keys, [12, 7, 12]);
    assert_eq!(
        Info::scan(&frame, &header, 7),
        Err(DecodeError::new(DecodeErrorKind::TooManyEntries(7), frame.len() - 7))
    );
}

#[test]
fn broken_blocks_are_refused() {
    let rows = [
        ("02", DecodeErrorKind::UnknownInfoId(2), 16),
        ("00 00 ff", DecodeErrorKind::UnknownInfoId(0xff), 18),
        ("00 01", DecodeErrorKind::UnexpectedEnd, 18),
        ("01 00 01 00 03 61", DecodeErrorKind::LengthTooLarge(3), 19),
        (
            "01 00 01 00 01 61 ff ff 61 61",
            DecodeErrorKind::LengthTooLarge(0xffff),
            22,
        ),
        ("01 00 02 00 00 00 00 00 00 00", DecodeErrorKind::UnexpectedEnd, 26),
        ("10 00 01 00 03 00 02 61 61 10", DecodeErrorKind::UnexpectedEnd, 26),
        ("10 00 01 00 03 00 04 61 61 10", DecodeErrorKind::LengthTooLarge(4), 21),
        ("11 00 03 61 61 61 00 00 00 11", DecodeErrorKind::UnexpectedEnd, 26),
        ("11 00 02 61 61 01 04 01", DecodeErrorKind::TooManyEntries(1024), 22),
    ];
    for (blocks, kind, offset) in rows {
        let (frame, header) = frame_of(blocks);
        let found = Info::scan(&frame, &header, 1024).unwrap_err();
        assert_eq!(found.kind, kind, "{blocks}: {found}");
        assert_eq!(found.offset, offset, "{blocks}");
        let view = HeaderView::new(&frame, header);
        assert!(view.strings().count() + view.ints().count() < 5, "ends at the fault");
    }
}

#[test]
fn a_header_that_is_not_whole_cannot_be_scanned() {
    let frame = hex(EVERYTHING);
    let header = parse(&frame).unwrap().unwrap();
    for cut in 0..header.payload_start() {
        let error = Info::scan(&frame[..cut], &header, 16).unwrap_err();
        assert_eq!(error, DecodeError::new(DecodeErrorKind::UnexpectedEnd, cut));
        assert_eq!(HeaderView::new(&frame[..cut], header).strings().count(), 0);
    }
    assert!(Info::scan(&frame[..header.payload_start()], &header, 16).is_ok());
}

#[test]
fn timeouts_are_positive_milliseconds_or_nothing() {
    let rows = [
        ("1500", Some(1500)),
        ("0", None),
        ("-5", None),
        ("", None),
        ("soon", None),
        ("99999999999999999999", None),
    ];
    for (value, millis) in rows {
        let mut out = Output::new();
        let mut writer = HeaderWriter::begin(&mut out, Flags::NONE, SequenceId(1));
        writer.int(IntKey::RPC_TIMEOUT, value);
        writer.end().finish(&mut out, u32::MAX);
        let frame = out.to_vec();
        let header = parse(&frame).unwrap().unwrap();
        let info = Info::scan(&frame, &header, 1).unwrap();
        assert_eq!(info.timeout(&frame), millis.map(Duration::from_millis), "{value}");
    }
}

#[test]
fn decimals_have_no_leading_zeros() {
    for value in [0, 7, 10, 1500, u64::MAX] {
        let mut out = Output::new();
        let mut writer = HeaderWriter::begin(&mut out, Flags::NONE, SequenceId(1));
        writer.decimal(IntKey::RPC_TIMEOUT, value);
        writer.end().finish(&mut out, u32::MAX);
        let frame = out.to_vec();
        let header = parse(&frame).unwrap().unwrap();
        let view = HeaderView::new(&frame, header);
        assert_eq!(view.int(IntKey::RPC_TIMEOUT), Some(value.to_string().as_bytes()));
    }
}

#[test]
fn what_does_not_fit_the_format_fails_once_and_stays_failed() {
    let fail = |write: &dyn Fn(&mut HeaderWriter<'_>), max_frame| {
        let mut out = Output::new();
        let mut writer = HeaderWriter::begin(&mut out, Flags::NONE, SequenceId(1));
        write(&mut writer);
        writer.end().finish(&mut out, max_frame);
        out.take_error()
    };
    let long = vec![b'x'; 65_536];
    let longest = &long[..65_535];
    let too_long = Some(EncodeError::HeaderStringTooLong(65_536));
    assert_eq!(fail(&|writer| writer.string(&long, "v"), u32::MAX), too_long);
    assert_eq!(fail(&|writer| writer.string("k", &long), u32::MAX), too_long);
    assert_eq!(fail(&|writer| writer.int(IntKey(1), &long), u32::MAX), too_long);
    assert_eq!(fail(&|writer| writer.acl_token(&long), u32::MAX), too_long);
    assert_eq!(
        fail(&|writer| writer.prefixed_string("xy", "k", longest), u32::MAX),
        None
    );
    let many = |writer: &mut HeaderWriter<'_>| (0..5).for_each(|_| writer.string("k", longest));
    assert!(matches!(fail(&many, u32::MAX), Some(EncodeError::HeaderTooLarge(_))));
    // 2 + 3 + 3 * (2 + 65,535) + (2 + 65,522) are 262,140 bytes, the most there can be.
    let largest = |extra: usize| {
        move |writer: &mut HeaderWriter<'_>| {
            writer.string(longest, longest);
            writer.string(longest, &longest[..65_522 + extra]);
        }
    };
    assert_eq!(fail(&largest(0), u32::MAX), None);
    assert_eq!(
        fail(&largest(1), u32::MAX),
        Some(EncodeError::HeaderTooLarge(MAX_INFO + 4))
    );
    assert_eq!(fail(&|_| {}, 14), None);
    assert_eq!(fail(&|_| {}, 13), Some(EncodeError::FrameTooLarge(14)));
}

#[test]
fn heads_stay_small() {
    assert!(size_of::<Header>() <= 24);
    assert!(size_of::<Info>() <= 96);
    assert!(size_of::<Option<crate::wire::Envelope>>() <= 24);
}
