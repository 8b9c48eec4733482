//! Every codec on arbitrary input: what fuzzing asks of it, and round trips of what it writes.

use std::collections::BTreeMap;

use kitewire_proto::wire::ttheader::{Flags, Header, HeaderView, HeaderWriter, Info, IntKey};
use kitewire_proto::wire::{Envelope, MessageType, SequenceId, business, kitex_protobuf, thrift_message};
use kitewire_proto::{ApplicationException, BusinessStatus, DecodeError, ExceptionType, Limits, MetaInfo, Output};
use kitewire_testkit::fuzz;
use kitewire_tests::strategies::{any_bytes, real_frames};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

/// The codecs among the fuzz targets.
const TARGETS: [fn(&[u8]); 4] = [
    fuzz::detection,
    fuzz::ttheader,
    fuzz::thrift_reader,
    fuzz::kitex_protobuf,
];

#[test]
fn every_recorded_frame_and_every_part_of_it_holds() {
    for frame in real_frames() {
        for start in 0..frame.len().min(200) {
            TARGETS.iter().for_each(|target| target(&frame[start..]));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_hold(data in any_bytes(), skip in 0_usize..64) {
        for target in TARGETS {
            target(&data);
            target(data.get(skip..).unwrap_or(&[]));
        }
    }

    #[test]
    fn headers_round_trip(
        flags: u16,
        sequence: i32,
        acl_token in option::of(vec(any::<u8>(), 0..20)),
        strings in vec((vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..40)), 0..20),
        ints in vec((any::<u16>(), vec(any::<u8>(), 0..40)), 0..20),
        payload in vec(any::<u8>(), 0..50),
    ) {
        let mut out = Output::new();
        let mut writer = HeaderWriter::begin(&mut out, Flags(flags), SequenceId(sequence));
        if let Some(token) = &acl_token {
            writer.acl_token(token);
        }
        strings.iter().for_each(|(key, value)| writer.string(key, value));
        ints.iter().for_each(|(key, value)| writer.int(IntKey(*key), value));
        let frame = writer.end();
        out.put(&payload);
        frame.finish(&mut out, u32::MAX);
        prop_assert_eq!(out.take_error(), None);

        let bytes = out.to_vec();
        let header = Header::parse(&bytes, &Limits::default()).unwrap().unwrap();
        prop_assert!(Info::scan(&bytes, &header, 41).is_ok());
        prop_assert_eq!((header.flags.0, header.sequence.0), (flags, sequence));
        prop_assert_eq!((header.frame_len(), &bytes[header.payload_start()..]), (bytes.len(), &payload[..]));
        let view = HeaderView::new(&bytes, header);
        prop_assert_eq!(view.acl_token(), acl_token.as_deref());
        let read: Vec<_> = view.strings().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        prop_assert_eq!(read, strings);
        let read: Vec<_> = view.ints().map(|(key, value)| (key.0, value.to_vec())).collect();
        prop_assert_eq!(read, ints);
    }

    #[test]
    fn envelopes_round_trip(number in 1_u32..6, name in "\\PC{1,40}", sequence: i32, body in vec(any::<u8>(), 0..20)) {
        let message_type = MessageType::from_number(number).unwrap();
        let limits = Limits::default();
        let codecs: [(WriteEnvelope, ParseEnvelope); 2] = [
            (|out, kind, name, sequence| thrift_message::write_envelope(out, kind, name, sequence), thrift_message::parse),
            (|out, kind, name, sequence| kitex_protobuf::write_envelope(out, kind, name, sequence), kitex_protobuf::parse),
        ];
        for (write, parse) in codecs {
            let mut out = Output::new();
            write(&mut out, message_type, &name, SequenceId(sequence));
            let start = out.len();
            out.put(&body);
            let bytes = out.to_vec();
            let envelope = parse(&bytes, &limits).unwrap().unwrap();
            prop_assert_eq!(envelope.message_type, message_type);
            prop_assert_eq!(envelope.name(&bytes), name.as_bytes());
            prop_assert_eq!(envelope.sequence, SequenceId(sequence));
            prop_assert_eq!(envelope.body_start(), start);
        }
    }

    #[test]
    fn exceptions_round_trip(number: i32, message in "\\PC{0,60}") {
        let exception = ApplicationException::new(ExceptionType(number), message);
        let mut out = Output::new();
        kitex_protobuf::write_exception(&mut out, &exception);
        prop_assert_eq!(kitex_protobuf::parse_exception(&out.to_vec()), Ok(exception));
    }

    #[test]
    fn business_extra_is_the_json_that_others_read(extra in btree_map(".*", ".*", 0..6)) {
        let pairs: Vec<_> = extra.clone().into_iter().collect();
        let mut json = Vec::new();
        business::write_extra(&mut json, &pairs);
        let read: BTreeMap<String, String> = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(&read, &extra);
        prop_assert_eq!(business::parse_extra(&json), Some(pairs.clone()));
        prop_assert_eq!(business::parse_extra(&serde_json::to_vec(&extra).unwrap()), Some(pairs.clone()));
        prop_assert_eq!(business::parse_extra(&serde_json::to_vec_pretty(&extra).unwrap()), Some(pairs));
    }

    #[test]
    fn business_extra_agrees_with_serde_about_what_is_json(text in "[ \\[\\]{}:,\"\\\\abu0-9é]{0,24}") {
        let expected: Option<BTreeMap<String, Option<String>>> = serde_json::from_str(&text).ok();
        let read = business::parse_extra(text.as_bytes());
        // Lone surrogates are an error there and a replacement character here, as in Go.
        if !text.contains("\\u") {
            prop_assert_eq!(read.is_some(), expected.is_some());
        }
    }

    #[test]
    fn business_status_round_trips(code: i32, message in ".*", extra in btree_map(".*", ".*", 0..4)) {
        let extra = extra.into_iter().collect();
        let status = BusinessStatus { code, message, extra };
        let (bytes, header) = written(|writer| business::write(writer, &status));
        let read = business::read(&HeaderView::new(&bytes, header));
        prop_assert_eq!(read, (code != 0).then_some(status));
    }

    #[test]
    fn metainfo_reaches_the_next_hop(
        persistent in btree_map("\\PC{0,12}", "\\PC{0,12}", 0..6),
        transient in btree_map("\\PC{0,12}|gdpr-token", "\\PC{0,12}", 0..6),
    ) {
        let mut meta = MetaInfo::new();
        for (key, value) in &persistent {
            meta.set_persistent(key, value);
        }
        for (key, value) in &transient {
            meta.set_transient(key, value);
        }
        let (bytes, header) = written(|writer| meta.write(writer));
        let mut next = MetaInfo::from_header(&HeaderView::new(&bytes, header));
        prop_assert_eq!(&next, &meta);
        next.forward();
        prop_assert_eq!(next.transients().count(), 0);
        let (bytes, header) = written(|writer| next.write(writer));
        let last = MetaInfo::from_header(&HeaderView::new(&bytes, header));
        prop_assert!(last.persistents().eq(meta.persistents()));
        prop_assert_eq!(last.transients().count() + last.received_transients().count(), 0);
    }
}

type WriteEnvelope = fn(&mut Output, MessageType, &str, SequenceId);
type ParseEnvelope = fn(&[u8], &Limits) -> Result<Option<Envelope>, DecodeError>;

/// A frame without a payload whose header `write` fills.
fn written(write: impl FnOnce(&mut HeaderWriter<'_>)) -> (Vec<u8>, Header) {
    let mut out = Output::new();
    let mut writer = HeaderWriter::begin(&mut out, Flags::NONE, SequenceId(1));
    write(&mut writer);
    writer.end().finish(&mut out, u32::MAX);
    assert_eq!(out.take_error(), None);
    let bytes = out.to_vec();
    let header = Header::parse(&bytes, &Limits::default()).expect("good").expect("whole");
    (bytes, header)
}
