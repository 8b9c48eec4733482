//! The codecs, one by one.

use std::fmt::Debug;

use bytes::Bytes;
use kitewire_proto::thrift::{self, Reader, Skipper, Struct};
use kitewire_proto::wire::detect::{Detection, PREFIX, Sniffed, detect, sniff, sniff_payload};
use kitewire_proto::wire::mesh::MeshHeader;
use kitewire_proto::wire::ttheader::{Flags, Header, HeaderView, HeaderWriter, Info};
use kitewire_proto::wire::{Codec, Envelope, SequenceId, business, checksum, framed, kitex_protobuf, thrift_message};
use kitewire_proto::{ApplicationException, DecodeError, EncodeBody, Limits, MetaInfo, Output};

use super::Fields;

/// Protocol detection, the mesh header and the inner length: the same answer for every split.
pub fn detection(data: &[u8]) {
    for cut in 0..=data.len() {
        let (prefix, _) = data.split_at(cut);
        assert_eq!(detect(prefix) == Detection::NeedMore, cut < PREFIX);
        assert_eq!(sniff(prefix) == Sniffed::NeedMore, cut < PREFIX);
        if cut >= PREFIX {
            assert_eq!((detect(prefix), sniff(prefix)), (detect(data), sniff(data)));
            assert_eq!(sniff_payload(prefix), sniff_payload(data));
            assert_eq!(
                sniff(prefix).error().is_some(),
                matches!(sniff(prefix), Sniffed::Unknown { .. })
            );
            break;
        }
    }
    let limits = Limits::default();
    for codec in [Codec::Thrift, Codec::Protobuf] {
        let _ = every_split(data, |prefix| framed::parse(prefix, codec, &limits));
    }
    if let Ok(Some(mesh)) = every_split(data, |prefix| MeshHeader::parse(prefix, &limits)) {
        assert!(mesh.payload_start() <= data.len());
        let meta = mesh.metainfo(data);
        assert!(mesh.has_metainfo || meta.is_empty());
        let isn = mesh.strings(data).filter(|(key, _)| *key == b"isn").last();
        assert_eq!(mesh.service_name.map(|span| span.of(data)), isn.map(|(_, value)| value));
    }
}

/// The TTHeader: the same answer for every split; what was read is written again and read back equal.
pub fn ttheader(data: &[u8]) {
    let limits = Limits::default();
    let Ok(Some(header)) = every_split(data, |prefix| Header::parse(prefix, &limits)) else {
        return;
    };
    assert!(header.payload_start() <= header.frame_len());
    assert_eq!(header.payload_start() + header.payload_len(), header.frame_len());
    let Some(head) = data.get(..header.payload_start()) else {
        assert!(Info::scan(data, &header, limits.max_header_entries).is_err());
        return;
    };
    let info = Info::scan(head, &header, limits.max_header_entries);
    assert_eq!(
        Info::scan(data, &header, limits.max_header_entries),
        info,
        "the payload does not matter"
    );
    let view = HeaderView::new(data, header);
    let entries = view.strings().count() + view.ints().count();
    let Ok(info) = info else {
        return;
    };
    assert!(entries <= limits.max_header_entries as usize);
    let last = |key: &[u8]| view.strings().filter(|(found, _)| *found == key).last();
    assert_eq!(
        info.service_name.map(|span| span.of(data)),
        last(b"isn").map(|(_, value)| value)
    );
    assert_eq!(info.connection_reset, last(b"crrst").is_some());
    let _ = (info.timeout(data), business::read(&view));
    let payload = data.get(header.payload_start()..).unwrap_or(&[]);
    let _ = checksum::check(data, info.checksum, payload);
    let meta = MetaInfo::from_header(&view);
    assert!(info.has_metainfo || meta.is_empty());
    rewrite_values(&view, payload);
    rewrite_metainfo(meta);
}

/// Thrift: the envelope, the reader, the skipper and the exception agree with one another and with every split.
pub fn thrift_reader(data: &[u8]) {
    let limits = Limits::default();
    if let Ok(Some(envelope)) = every_split(data, |prefix| thrift_message::parse(prefix, &limits)) {
        let mut out = Output::new();
        let name = envelope.name(data);
        thrift_message::write_envelope(&mut out, envelope.message_type, name, envelope.sequence);
        assert!(data.starts_with(&out.to_vec()));
        thrift_body(data.get(envelope.body_start()..).unwrap_or(&[]));
    }
    thrift_body(data);
}

/// KitexProtobuf: the envelope and the exception.
pub fn kitex_protobuf(data: &[u8]) {
    let limits = Limits::default();
    let parsed = every_split(data, |prefix| kitex_protobuf::parse(prefix, &limits));
    let body = match parsed {
        Ok(Some(envelope)) => {
            check_envelope(data, envelope);
            data.get(envelope.body_start()..).unwrap_or(&[])
        }
        _ => data,
    };
    if let Ok(exception) = kitex_protobuf::parse_exception(body) {
        let mut out = Output::new();
        kitex_protobuf::write_exception(&mut out, &exception);
        assert_eq!(kitex_protobuf::parse_exception(&out.to_vec()), Ok(exception));
    }
}

fn check_envelope(data: &[u8], envelope: Envelope) {
    let mut out = Output::new();
    let name = envelope.name(data);
    kitex_protobuf::write_envelope(&mut out, envelope.message_type, name, envelope.sequence);
    assert!(data.starts_with(&out.to_vec()));
}

fn thrift_body(body: &[u8]) {
    let depth = Limits::default().max_depth;
    let mut reader = Reader::new(body, depth);
    let decoded = Fields::decode(&mut reader);
    let shared = Bytes::copy_from_slice(body);
    assert_eq!(
        thrift::decode::<Fields>(&shared, depth),
        decoded,
        "sharing changes nothing"
    );

    let whole = Skipper::new(depth).advance(body);
    let mut skipper = Skipper::new(depth);
    let mut stepwise = Ok(None);
    for cut in 0..=body.len() {
        let (prefix, _) = body.split_at(cut);
        stepwise = skipper.advance(prefix);
        if stepwise != Ok(None) {
            break;
        }
    }
    assert_eq!(stepwise, whole, "skipping byte by byte");
    match &decoded {
        Ok(fields) => {
            assert_eq!(whole, Ok(Some(reader.position())), "what can be read can be skipped");
            let mut out = Output::new();
            fields.encode_body(&mut out);
            assert_eq!(out.take_error(), None);
            let encoded = Bytes::from(out.to_vec());
            assert_eq!(encoded.len(), reader.position());
            assert_eq!(thrift::decode::<Fields>(&encoded, depth).as_ref(), Ok(fields));
        }
        Err(_) => assert!(!matches!(whole, Ok(Some(_))), "what can be skipped can be read"),
    }
    if let Ok(exception) = thrift::decode::<ApplicationException>(&shared, depth) {
        let mut out = Output::new();
        exception.encode_body(&mut out);
        assert_eq!(
            thrift::decode::<ApplicationException>(&out.to_vec().into(), depth),
            Ok(exception)
        );
    }
}

/// Writes all values of a header in Kitex's order and reads them back.
fn rewrite_values(view: &HeaderView<'_>, payload: &[u8]) {
    let mut out = Output::new();
    let mut writer = HeaderWriter::begin(&mut out, view.header().flags, view.header().sequence);
    writer.protocol_id(view.header().protocol_id);
    if let Some(token) = view.acl_token() {
        writer.acl_token(token);
    }
    view.strings().for_each(|(key, value)| writer.string(key, value));
    view.ints().for_each(|(key, value)| writer.int(key, value));
    let frame = writer.end();
    out.put(payload);
    frame.finish(&mut out, u32::MAX);
    assert_eq!(out.take_error(), None, "what came in a header fits a header");
    let (bytes, header) = read_back(&out);
    let again = HeaderView::new(&bytes, header);
    assert_eq!(
        (header.flags, header.sequence),
        (view.header().flags, view.header().sequence)
    );
    assert_eq!(
        (header.protocol_id, header.frame_len()),
        (view.header().protocol_id, bytes.len())
    );
    assert_eq!(again.acl_token(), view.acl_token());
    assert!(again.strings().eq(view.strings()));
    assert!(again.ints().eq(view.ints()));
}

/// What the next hop gets of metainfo, read back.
fn rewrite_metainfo(mut meta: MetaInfo) {
    let received = meta.clone();
    meta.forward();
    assert_eq!(meta.transients().count(), 0);
    for (key, value) in received.transients() {
        assert_eq!(meta.transient(key), Some(value));
        meta.set_transient(key, value);
    }
    let mut out = Output::new();
    let mut writer = HeaderWriter::begin(&mut out, Flags::NONE, SequenceId(1));
    meta.write(&mut writer);
    writer.end().finish(&mut out, u32::MAX);
    // Replacement characters are longer than what they replace.
    if out.take_error().is_none() {
        let (bytes, header) = read_back(&out);
        let again = MetaInfo::from_header(&HeaderView::new(&bytes, header));
        assert!(again.persistents().eq(received.persistents()));
    }
}

fn read_back(out: &Output) -> (Vec<u8>, Header) {
    let bytes = out.to_vec();
    let mut limits = Limits::default();
    limits.max_frame = u32::MAX;
    let header = Header::parse(&bytes, &limits).expect("a written header is good");
    (bytes, header.expect("and whole"))
}

/// Runs `parse` on every prefix of the first bytes, and on a few further ones. Once it has decided, longer prefixes must
/// not change its mind.
fn every_split<T: PartialEq + Debug>(
    data: &[u8],
    mut parse: impl FnMut(&[u8]) -> Result<Option<T>, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    let whole = parse(data);
    let mut decided = false;
    let far = (CLOSELY..data.len()).step_by(CLOSELY);
    for cut in (0..data.len().min(CLOSELY)).chain(far) {
        let (prefix, _) = data.split_at(cut);
        match parse(prefix) {
            Ok(None) => assert!(!decided, "asks for more at {cut}, after it had decided"),
            answer => {
                assert_eq!(answer, whole, "at {cut} of {}", data.len());
                decided = true;
            }
        }
    }
    whole
}

/// Bytes whose every cut is tried.
const CLOSELY: usize = 64;
