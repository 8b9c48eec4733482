use super::*;
use crate::buf::Output;
use crate::exception::ExceptionType;
use crate::wire::testing::hex;

/// E2: data with a struct that holds "a".
const DATA: &str = "00 00 00 27 10 00 00 02 00 00 00 01 00 05 10 00 10 00 02 00 1b 00 01 33 00 09 00 04 62 69 64 69 \
                    00 00 0b 00 01 00 00 00 01 61 00";

#[test]
fn a_data_frame_reads_and_writes() {
    let bytes = hex(DATA);
    for cut in 0..bytes.len() {
        assert_eq!(Frame::read(&bytes[..cut], 1 << 20, 64), Ok(None), "{cut}");
    }
    let frame = Frame::read(&bytes, 1 << 20, 64).unwrap().unwrap();
    assert_eq!((frame.id.get(), frame.kind), (1, FrameType::Data));
    assert_eq!(frame.method.unwrap().of(&bytes), b"bidi");
    assert_eq!(frame.payload(&bytes), &bytes[34..]);
    assert_eq!(DataFrame::of(&frame.header).charge(), 9 + 64);
    let prefix = FramePrefix::new(StreamId::new(1), b"bidi").unwrap();
    assert_eq!(prefix.method(), b"bidi");
    let mut out = Output::new();
    let start = prefix.begin(&mut out, FrameType::Data);
    out.put(&bytes[34..]);
    FramePrefix::end(&mut out, start);
    assert_eq!(out.to_vec(), bytes);
}

#[test]
fn an_rst_frame_carries_an_exception() {
    let mut out = Output::new();
    let id = StreamId::new(1);
    let strings = |writer: &mut crate::wire::ttheader::HeaderWriter<'_>| writer.string(CANCEL_PATH, "B");
    let frame = write_frame(&mut out, id, FrameType::Rst, Some(b"bidi"), strings, |_| {});
    let text = "canceled by business handler returning";
    write_exception(&mut out, id, b"bidi", ExceptionType(12012), text);
    frame.finish(&mut out, u32::MAX);
    // E8.
    let expected = hex(
        "00 00 00 6f 10 00 00 02 00 00 00 01 00 08 10 00 01 00 01 00 05 74 74 73 63 70 00 01 42 10 00 02 00 1b 00 01 \
         35 00 09 00 04 62 69 64 69 00 80 01 00 03 00 00 00 04 62 69 64 69 00 00 00 01 0b 00 01 00 00 00 26 63 61 6e \
         63 65 6c 65 64 20 62 79 20 62 75 73 69 6e 65 73 73 20 68 61 6e 64 6c 65 72 20 72 65 74 75 72 6e 69 6e 67 08 \
         00 02 00 00 2e ec 00",
    );
    assert_eq!(out.to_vec(), expected);
    let frame = Frame::read(&expected, 1 << 20, 64).unwrap().unwrap();
    assert_eq!(frame.strings(&expected, |_| true).get(CANCEL_PATH), Some(&b"B"[..]));
    let exception = read_exception(frame.payload(&expected)).unwrap();
    assert_eq!((exception.kind, &*exception.message), (ExceptionType(12012), text));
}

#[test]
fn flow_control_reads_and_writes() {
    // P1 and P2.
    let settings = FlowSettings {
        version: 1,
        connection: 16_777_216,
        stream: 1_048_576,
    };
    let rows = [
        (
            0,
            FlowFrame::Settings(settings),
            "00 00 00 2a 10 00 00 02 00 00 00 00 00 08 10 00 10 00 02 00 1b 00 01 31 fc 01 00 12 31 2c 31 36 37 37 37 \
             32 31 36 2c 31 30 34 38 35 37 36",
        ),
        (
            1,
            FlowFrame::Limit(98304),
            "00 00 00 1e 10 00 00 02 00 00 00 01 00 05 10 00 10 00 02 00 1b 00 01 31 fc 02 00 05 39 38 33 30 34 00",
        ),
    ];
    for (id, flow, bytes) in rows {
        let bytes = hex(bytes);
        let frame = Frame::read(&bytes, 1 << 20, 64).unwrap().unwrap();
        assert_eq!(
            (frame.id.get(), frame.kind, frame.flow),
            (id, FrameType::Meta, Some(flow))
        );
        let mut out = Output::new();
        let (key, value) = flow.entry();
        let ints = |writer: &mut crate::wire::ttheader::HeaderWriter<'_>| writer.int(key, &value);
        write_frame(&mut out, frame.id, FrameType::Meta, None, |_| {}, ints).finish(&mut out, u32::MAX);
        assert_eq!(out.to_vec(), bytes);
    }
}

#[test]
fn bad_kinds_and_flags_have_kitex_texts() {
    let mut bytes = hex(DATA);
    bytes[23] = b'9';
    let error = Frame::read(&bytes, 1 << 20, 64).unwrap_err();
    assert_eq!(error.kind.to_string(), "unexpected frame type: 9");
    bytes[7] = 0;
    let error = Frame::read(&bytes, 1 << 20, 64).unwrap_err();
    assert_eq!(error.kind.to_string(), "unexpected header flags: 0");
}

#[test]
fn ids_wrap_around_zero() {
    assert_eq!(StreamId::new(i32::MAX).next().get(), i32::MIN);
    assert_eq!(StreamId::new(-1).next().get(), 1);
}
