//! The HTTP/2 frame codec.

use kitewire_proto::Output;
use kitewire_proto::wire::http2::{
    Flags, FrameHead, FrameType, FrameWriter, HEAD_LEN, Padded, Payload, Priority, Scope, Setting, StreamId, parse,
};

/// Frames, one after the other: what was read is written again and is the same, but for reserved bits and padding.
pub fn http2_frames(data: &[u8]) {
    let mut rest = data;
    while let Some(mut head) = FrameHead::parse(rest) {
        let (bytes, behind) = rest.split_at(HEAD_LEN);
        let mut plain = bytes.to_vec();
        if let Some(reserved) = plain.get_mut(5) {
            *reserved &= 0x7f;
        }
        assert_eq!(head.to_bytes().as_slice(), plain);
        let (payload, next) = behind.split_at(behind.len().min(head.len as usize));
        head.len = u32::try_from(payload.len()).expect("at most 24 bits");
        match parse(head, payload) {
            Ok(parsed) => written_again(head, payload, parsed),
            Err(error) => {
                assert!(!error.text.is_empty());
                assert!(error.scope == Scope::Connection || !head.stream.is_connection());
            }
        }
        rest = next;
    }
    assert!(rest.len() < HEAD_LEN);
}

fn written_again(head: FrameHead, payload: &[u8], parsed: Payload<'_>) {
    let mut out = Output::new();
    let mut writer = FrameWriter::new(&mut out);
    match parsed {
        Payload::Data(data) => return padded(head.flags, payload, data, None),
        Payload::Headers { fragment, priority } => return padded(head.flags, payload, fragment, priority),
        Payload::Priority(priority) => return assert_eq!(dependency(priority), payload),
        Payload::Continuation(fragment) => return assert_eq!(fragment, payload),
        Payload::Reset(code) => writer.reset(head.stream, code),
        Payload::Settings(settings) => match settings.collect::<Result<Vec<Setting>, _>>() {
            Ok(entries) => writer.settings(&entries),
            Err(error) => return assert!(!error.text().is_empty() && error.code().0 != 0),
        },
        Payload::SettingsAck => writer.settings_ack(),
        Payload::Ping(bytes) => writer.ping(Flags::NONE, bytes),
        Payload::PingAck(bytes) => writer.ping(Flags::ACK, bytes),
        Payload::GoAway { last, code, debug } => match str::from_utf8(debug) {
            Ok(text) => writer.go_away(last, code, text),
            Err(_) => return assert_eq!(payload.get(8..), Some(debug)),
        },
        Payload::WindowUpdate(increment) => writer.window_update(head.stream, increment),
        Payload::PushPromise => return assert_eq!(head.frame_type, FrameType::PUSH_PROMISE),
        _ => return assert!(!head.frame_type.is_known()),
    }
    let written = out.to_vec();
    let again = FrameHead::parse(&written).expect("a written frame has a head");
    assert_eq!(
        (again.frame_type, again.stream, again.len),
        (head.frame_type, head.stream, head.len)
    );
    assert!(head.flags.has(again.flags), "a flag that was not there");
    let mut expected = payload.to_vec();
    if matches!(head.frame_type, FrameType::GOAWAY | FrameType::WINDOW_UPDATE)
        && let Some(reserved) = expected.first_mut()
    {
        *reserved &= 0x7f;
    }
    assert_eq!(written.get(HEAD_LEN..), Some(expected.as_slice()));
}

/// Content, dependency and padding make up the payload (RFC 9113 §6.1, §6.2).
fn padded(flags: Flags, payload: &[u8], content: Padded<'_>, priority: Option<Priority>) {
    let mut expected = Vec::new();
    let mut padding = 0;
    if flags.has(Flags::PADDED) {
        padding = usize::from(*payload.first().expect("a padding length"));
        expected.extend(payload.first());
    }
    expected.extend(priority.map(dependency).unwrap_or_default());
    assert_eq!(content.offset, expected.len());
    expected.extend(content.content);
    assert_eq!(expected.len() + padding, payload.len());
    assert!(payload.starts_with(&expected));
}

fn dependency(priority: Priority) -> Vec<u8> {
    let exclusive = u32::from(priority.exclusive) << 31;
    let parent = exclusive | StreamId::new(priority.parent.get()).get();
    let mut bytes = parent.to_be_bytes().to_vec();
    bytes.push(priority.weight);
    bytes
}
