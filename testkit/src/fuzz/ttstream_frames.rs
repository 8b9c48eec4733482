//! Frames of streams over TTHeader, one by one.

use kitewire_proto::Output;
use kitewire_proto::wire::ttstream::{
    FC_ACK, FC_LIMIT, FC_SETTINGS, FlowFrame, Frame, FramePrefix, FrameType, StreamId, read_exception, write_exception,
    write_frame,
};

/// Frames of streams over TTHeader: what is read of a frame is the same however little of it is there first, and what is
/// written from it reads as the same again.
pub fn ttstream_frames(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some(frame)) = Frame::read(rest, MAX_MESSAGE, MAX_ENTRIES) {
        let (bytes, later) = rest.split_at(frame.header.frame_len());
        assert!(frame.header.payload_len() <= MAX_MESSAGE as usize);
        assert_eq!(frame.payload(bytes).len(), frame.header.payload_len());
        for cut in 0..bytes.len().min(80) {
            assert_eq!(
                Frame::read(&bytes[..cut], MAX_MESSAGE, MAX_ENTRIES),
                Ok(None),
                "{cut} bytes"
            );
        }
        written_again(&frame, bytes);
        exceptions(&frame, bytes);
        rest = later;
    }
    // What is wrong is wrong for good.
    if let Some(cut) = (0..rest.len().min(80)).find(|cut| Frame::read(&rest[..*cut], MAX_MESSAGE, MAX_ENTRIES).is_err())
    {
        assert!(
            Frame::read(rest, MAX_MESSAGE, MAX_ENTRIES).is_err(),
            "only {cut} bytes are wrong"
        );
    }
    flow(data);
}

/// The same strings and ints, written by us.
fn written_again(frame: &Frame, bytes: &[u8]) {
    let view = frame.view(bytes);
    let strings = frame.strings(bytes, |_| true);
    assert_eq!(frame.has_strings, !strings.is_empty() || view.acl_token().is_some());
    let method = frame.method.map(|span| span.of(bytes));
    let mut out = Output::new();
    let open = write_frame(
        &mut out,
        frame.id,
        frame.kind,
        method,
        |writer| strings.iter().for_each(|(key, value)| writer.string(key, value)),
        |writer| {
            let others = view.ints().filter(|(key, _)| !matches!(key.0, 9 | 27));
            others.for_each(|(key, value)| writer.int(key, value));
        },
    );
    out.put(frame.payload(bytes));
    open.finish(&mut out, u32::MAX);
    // What was folded together, or had a block of its own, may be too much for one header.
    if out.take_error().is_some() {
        return;
    }
    let written = out.to_vec();
    let again = Frame::read(&written, MAX_MESSAGE, u32::MAX)
        .expect("our own")
        .expect("whole");
    assert_eq!((again.id, again.kind, again.flow), (frame.id, frame.kind, frame.flow));
    assert_eq!(again.payload(&written), frame.payload(bytes));
    assert_eq!(again.method.map(|span| span.of(&written)), method);
    assert_eq!(again.strings(&written, |_| true), strings);
    if let (Some(method), FrameType::Data | FrameType::Trailer) = (method, frame.kind)
        && let Some(prefix) = FramePrefix::new(frame.id, method)
    {
        let mut out = Output::new();
        let start = prefix.begin(&mut out, frame.kind);
        out.put(frame.payload(bytes));
        FramePrefix::end(&mut out, start);
        let plain = out.to_vec();
        let plain = Frame::read(&plain, MAX_MESSAGE, 2).expect("our own").expect("whole");
        assert_eq!((plain.id, plain.kind), (frame.id, frame.kind));
    }
}

fn exceptions(frame: &Frame, bytes: &[u8]) {
    match read_exception(frame.payload(bytes)) {
        Ok(exception) => {
            let mut out = Output::new();
            write_exception(&mut out, frame.id, b"method", exception.kind, &exception.message);
            assert_eq!(out.take_error(), None);
            assert_eq!(read_exception(&out.to_vec()), Ok(exception));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The values of flow control.
fn flow(data: &[u8]) {
    for key in [FC_SETTINGS, FC_LIMIT, FC_ACK] {
        if let Some(read) = FlowFrame::read(key, data) {
            let (written_key, text) = read.entry();
            assert_eq!(written_key, key);
            assert_eq!(FlowFrame::read(key, text.as_bytes()), Some(read));
            // What stands behind the third number is for later versions to say.
            let mut numbers = data.split(|byte| *byte == b',').take(3);
            assert!(
                numbers.all(|number| number.iter().all(u8::is_ascii_digit)),
                "{data:?} is no number"
            );
        }
    }
    if let Some(id) = data.first_chunk() {
        assert_ne!(StreamId::new(i32::from_be_bytes(*id)).next(), StreamId::CONNECTION);
    }
}

/// Small enough to be reached.
const MAX_MESSAGE: u32 = 100_000;
const MAX_ENTRIES: u32 = 100;
