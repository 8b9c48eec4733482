//! gRPC's codecs, one by one.

use kitewire_proto::http::Fields;
use kitewire_proto::wire::grpc::{
    CallDeadline, Code, ContentType, Outcome, Path, Status, base64, message, metadata, percent, timeout,
};
use kitewire_proto::wire::http2::ErrorCode;
use kitewire_proto::{MetaInfo, Output};

/// gRPC's codecs: what can be read is written and read back equal; what cannot is refused, with a text.
pub fn grpc_codecs(data: &[u8]) {
    messages(data);
    texts(data);
    if let Ok(status) = Status::decode(data) {
        let mut again = Vec::new();
        status.encode(&mut again);
        assert_eq!(Status::decode(&again).as_ref(), Ok(&status));
        assert!(status.details.iter().map(<[u8]>::len).sum::<usize>() <= data.len());
    }
    if let Some(content_type) = ContentType::parse(data) {
        let response = content_type.of_response();
        let again = ContentType::parse(&response).expect("a response names its codec");
        assert_eq!(
            (again.codec(), again.subtype()),
            (content_type.codec(), content_type.subtype())
        );
    }
    match Path::parse(data) {
        Ok(path) => assert!(path.package.len() + path.service.len() + path.method.len() < data.len().max(1)),
        Err(error) => assert_eq!(Status::from(error).code, Code::INTERNAL),
    }
    let fields = section(data);
    outcome(&fields);
    application(&fields);
}

/// Message after message until the first that is not whole.
fn messages(data: &[u8]) {
    let mut rest = data;
    let mut out = Output::new();
    while let Ok(Some(prefix)) = message::parse(rest, u32::MAX) {
        let [flag, length @ ..] = prefix.to_bytes();
        assert_eq!(rest[1..message::PREFIX_SIZE], length);
        assert_eq!(flag == 1, rest[0] == 1);
        let Some(body) = rest[message::PREFIX_SIZE..].get(..prefix.length as usize) else {
            break;
        };
        let mark = message::begin(&mut out, prefix.compression);
        out.put(body);
        message::finish(&mut out, mark, prefix.length);
        rest = &rest[message::PREFIX_SIZE + body.len()..];
    }
    assert_eq!(out.take_error(), None);
    let written = out.to_vec();
    assert_eq!(written.len(), data.len() - rest.len());
    for cut in 0..data.len().min(message::PREFIX_SIZE) {
        assert_eq!(message::parse(&data[..cut], 0), Ok(None));
    }
}

fn texts(data: &[u8]) {
    match timeout::decode(data) {
        Ok(read) => assert!(timeout::decode(timeout::encode(read).as_bytes()).expect("our own") >= read),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let encoded = percent::encode(data);
    assert!(encoded.iter().all(|byte| matches!(byte, b' '..=b'~')));
    let each_replaced =
        |chunk: std::str::Utf8Chunk<'_>| chunk.valid().to_owned() + &"\u{fffd}".repeat(chunk.invalid().len());
    let text: String = data.utf8_chunks().map(each_replaced).collect();
    assert_eq!(*percent::decode(&encoded), *text.as_bytes());
    assert!(percent::decode(data).len() <= data.len());

    let (mut text, mut back) = (Vec::new(), Vec::new());
    base64::encode(data, &mut text);
    assert_eq!(base64::decode(&text, &mut back), Ok(()));
    assert_eq!(back, data);
    back.clear();
    if base64::decode(data, &mut back).is_ok() {
        text.clear();
        base64::encode(&back, &mut text);
        assert!(text.len() <= data.len());
    } else {
        assert!(back.is_empty());
    }
}

/// Lines of `name: value` as a header section.
fn section(data: &[u8]) -> Fields {
    let mut fields = Fields::new();
    for line in data.split(|byte| *byte == b'\n').take(40) {
        let colon = line
            .iter()
            .skip(1)
            .position(|byte| *byte == b':')
            .map_or(line.len(), |at| at + 1);
        let (name, value) = line.split_at(colon);
        fields.push(name, value.strip_prefix(b":").unwrap_or(value));
    }
    fields
}

fn outcome(fields: &Fields) {
    match Outcome::read(fields) {
        Ok(outcome) => {
            let mut again = Fields::new();
            outcome.write(&mut again);
            assert_eq!(Outcome::read(&again), Ok(outcome));
        }
        Err(error) => assert!(Status::from(error).message.starts_with("transport: malformed ")),
    }
    assert!(!Status::from_http(fields).message.is_empty());
    let code = ErrorCode(u32::try_from(fields.len()).unwrap_or(0));
    assert_ne!(Status::from_reset(code, CallDeadline::Passed).code, Code::OK);
}

/// What one side's application sets, the other's sees.
fn application(fields: &Fields) {
    let meta = metadata::read_metainfo(fields);
    let mut head = Fields::new();
    metadata::write(&mut head, fields, &MetaInfo::new());
    for field in fields
        .iter()
        .filter(|field| metadata::check(field.name, field.value).is_ok())
    {
        let name = field.name.to_ascii_lowercase();
        let is_sent = head.iter().any(|sent| {
            sent.name == name && metadata::read(sent).is_ok_and(|value| value.as_deref() == Some(field.value))
        });
        assert!(
            is_sent || !metadata::is_visible(&name) || name != field.name,
            "{field:?}"
        );
    }
    assert!(head.iter().all(|field| !metadata::is_reserved(field.name)));
    head.clear();
    metadata::write(&mut head, &Fields::new(), &meta);
    let again = metadata::read_metainfo(&head);
    for (key, value) in again.transients() {
        assert_eq!(meta.transient(key), Some(value));
    }
    for (key, value) in again.persistents() {
        assert_eq!(meta.persistent(key), Some(value));
    }
}
