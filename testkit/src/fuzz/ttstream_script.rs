//! Bytes as a script of frames of streams over TTHeader, good and bad.

use kitewire_proto::wire::ttheader::IntKey;
use kitewire_proto::wire::ttstream::{FlowFrame, FlowSettings, FrameType, StreamId, write_exception, write_frame};
use kitewire_proto::{ExceptionType, Output};

/// The methods of the service that scripts ask for, and one that it has not.
pub(super) const METHODS: [&str; 4] = ["client", "server", "bidi", "nope"];

/// The frames that a script asks for: three bytes each, what, on which stream, and how.
pub(super) fn frames(script: &[u8]) -> Vec<u8> {
    let mut out = Output::new();
    for step in script.chunks_exact(3) {
        let [what, stream, how] = [step[0], step[1], step[2]];
        // Few streams, so that they meet.
        let id = StreamId::new([1, 2, 3, 4, 0, -1][usize::from(stream) % 6]);
        write(&mut out, id, what, how);
    }
    assert_eq!(out.take_error(), None);
    out.to_vec()
}

fn write(out: &mut Output, id: StreamId, what: u8, how: u8) {
    let method = METHODS[usize::from(how) % METHODS.len()].as_bytes();
    let (kind, flow) = match what % 16 {
        0..3 => (FrameType::Header, None),
        3..7 => (FrameType::Data, None),
        7 | 8 => (FrameType::Trailer, None),
        9 => (FrameType::Rst, None),
        10 => (FrameType::Meta, None),
        11 => (FrameType::Meta, Some(FlowFrame::Limit(u64::from(how) * 20))),
        12 => (FrameType::Meta, Some(settings(how))),
        13 => (FrameType::Meta, Some(FlowFrame::Ack((how % 3).into()))),
        14 => return large(out, id, how),
        _ => return offer(out, how),
    };
    let frame = write_frame(
        out,
        id,
        kind,
        (how & 128 == 0).then_some(method),
        |writer| match kind {
            FrameType::Header => {
                writer.string("isn", ["Service", "Nope"][usize::from(how & 64 != 0)]);
                writer.string("RPC_PERSIST_key", "value");
                writer.string("own", "v".repeat(how.into()));
            }
            FrameType::Trailer if how & 32 != 0 => {
                writer.string("biz-status", "404");
                writer.string("biz-extra", if how & 16 == 0 { "{\"k\":\"v\"}" } else { "no object" });
            }
            FrameType::Rst => writer.string("ttscp", "A,B"),
            _ => {}
        },
        |writer| {
            if let Some((key, value)) = flow.map(|flow| flow.entry()) {
                writer.int(key, value);
            }
            writer.int(IntKey(77), [how]);
        },
    );
    match kind {
        FrameType::Data => out.put(&vec![how; usize::from(how) * 3]),
        FrameType::Trailer | FrameType::Rst if how & 8 != 0 => {
            write_exception(out, id, b"method", ExceptionType(how.into()), "why");
        }
        FrameType::Trailer | FrameType::Rst if how & 7 == 7 => out.put(b"no exception"),
        _ => {}
    }
    frame.finish(out, u32::MAX);
}

fn settings(how: u8) -> FlowFrame {
    FlowFrame::Settings(FlowSettings {
        version: (how % 3).into(),
        connection: u64::from(how) * 30,
        stream: u64::from(how) * 10,
    })
}

/// A message above every limit of the small configurations.
fn large(out: &mut Output, id: StreamId, how: u8) {
    let frame = write_frame(out, id, FrameType::Data, None, |_| {}, |_| {});
    out.put(&vec![how; 10_000 + usize::from(how) * 100]);
    frame.finish(out, u32::MAX);
}

/// A good offer or answer of flow control.
fn offer(out: &mut Output, how: u8) {
    let flow = match how % 2 {
        0 => FlowFrame::Settings(FlowSettings {
            version: 1,
            connection: 2000 + u64::from(how) * 100,
            stream: 1000,
        }),
        _ => FlowFrame::Ack(1),
    };
    let (key, value) = flow.entry();
    let ints = |writer: &mut kitewire_proto::wire::ttheader::HeaderWriter<'_>| writer.int(key, &value);
    write_frame(out, StreamId::CONNECTION, FrameType::Meta, None, |_| {}, ints).finish(out, u32::MAX);
}
