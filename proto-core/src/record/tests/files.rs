//! Files that are whole, cut, damaged and foreign.

use super::*;

#[test]
fn a_recording_tells_what_it_is_of() {
    let replayed = same(&recorded_call(), Subject::PingPongServer);
    assert_eq!((replayed.received, replayed.sent, replayed.events), (21, 21, 1));
    assert_eq!(replayed.times, (Instant::from_nanos(7), Instant::from_nanos(2000)));
    assert_eq!((replayed.steps, replayed.finish), (4, Finish::Whole));
}

#[test]
fn every_step_is_shown() {
    let mut steps = Vec::new();
    replay_with(&recorded_call(), |step| {
        steps.push((step.number, step.at.as_nanos(), step.text.to_owned()));
    })
    .unwrap();
    let expected = [
        (1, 1000, "receive 21 bytes behind 0, 0 left"),
        (2, 1000, "event Opened { id: CallId { index: 0, generation: 0 } }"),
        (3, 2000, "respond CallId { index: 0, generation: 0 }: done"),
    ];
    for (shown, expected) in steps.iter().zip(expected) {
        assert_eq!((shown.0, shown.1, &*shown.2), expected);
    }
    assert!(steps[3].2.starts_with("transmit 21 bytes ("), "{steps:?}");
}

#[test]
fn a_file_that_is_cut_anywhere_says_so() {
    let file = recorded_call();
    for len in 0..file.len() {
        let error = replay(&file[..len]).unwrap_err();
        let expected = match len {
            0..11 => RecordingError::new(RecordingErrorKind::NotARecording, 0),
            _ => RecordingError::new(RecordingErrorKind::Truncated, len),
        };
        assert_eq!(error, expected);
    }
}

#[test]
fn every_change_of_a_file_is_noticed() {
    let file = recorded_call();
    for at in 0..file.len() {
        for bit in [1, 0x80, 0xff] {
            let mut changed = file.clone();
            changed[at] ^= bit;
            let error = replay(&changed).expect_err("the checksum does not fit");
            assert!(error.offset <= file.len(), "{error}");
        }
    }
    let mut longer = file.clone();
    longer.push(0);
    let error = replay(&longer).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("bytes behind the end of the recording, at byte {}", file.len())
    );
}

#[test]
fn foreign_files_are_told_apart() {
    let mut newer = recorded_call();
    newer[11] = 2;
    for (file, text) in [
        (&b""[..], "not a recording of a kitewire connection, at byte 0"),
        (
            b"GET / HTTP/1.1\r\n",
            "not a recording of a kitewire connection, at byte 0",
        ),
        (
            &newer,
            "recording in version 2 of the format, which is not known here, at byte 11",
        ),
    ] {
        assert_eq!(replay(file).unwrap_err().to_string(), text);
    }
}

#[test]
fn at_its_limit_a_recording_ends() {
    let whole = recorded_call();
    let mut cut_at = 0;
    for limit in 200..whole.len() {
        let mut server = ServerConnection::new(services(Codec::Thrift), Arc::default(), Instant::ZERO);
        server.record(Recorder::new(limit));
        let call = b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07\0";
        let mut file = Vec::new();
        for _ in 0..10 {
            server.receive(Instant::ZERO, &mut BytesMut::from(&call[..]));
            while server.poll_event().is_some() {}
            file.extend(server.recorder().unwrap().take());
        }
        assert!(server.recorder().unwrap().is_over());
        file.extend(server.recorder().unwrap().finish());
        assert!(file.len() <= limit + 5, "a mark and its checksum");
        assert_eq!(server.recorder().unwrap().written(), file.len() as u64);
        let replayed = same(&file, Subject::PingPongServer);
        assert_eq!(replayed.finish, Finish::Cut);
        assert!(replayed.steps >= cut_at);
        cut_at = replayed.steps;
    }
}

#[test]
fn the_first_difference_is_named() {
    let mut file = recorded_call();
    // The checksum of what was sent is in front of the end mark and the file's own.
    let at = file.len() - 6;
    file[at] ^= 0xff;
    let end = file.len() - 4;
    let checksum = Digest::of(&file[..end]).checksum;
    file[end..].copy_from_slice(&checksum.to_le_bytes());
    let replayed = replay(&file).unwrap();
    assert_ne!(replayed.hash, replayed.recorded_hash);
    let difference = replayed.difference.expect("other bytes are sent");
    assert_eq!(difference.step, 4);
    assert_eq!(difference.at, Instant::from_nanos(2000));
    let text = difference.to_string();
    assert!(
        text.contains("recorded 21 bytes (") && text.contains(", replayed 21 bytes ("),
        "{text}"
    );
}

#[test]
fn parts_make_the_same_file() {
    let mut server = ServerConnection::new(services(Codec::Thrift), Arc::default(), Instant::ZERO);
    server.record(Recorder::new(LIMIT));
    let mut file = Vec::new();
    for byte in *b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07\0" {
        server.receive(Instant::ZERO, &mut BytesMut::from(&[byte][..]));
        file.extend(server.recorder().unwrap().take());
    }
    file.extend(server.recorder().unwrap().finish());
    assert_eq!(server.recorder().unwrap().finish(), b"", "it ends once");
    same(&file, Subject::PingPongServer);
}

#[test]
fn settings_come_back_whatever_they_are() {
    fn check<T: Value + PartialEq + std::fmt::Debug>(value: &T) {
        let mut bytes = Vec::new();
        let mut out = Writer::new(&mut bytes, Instant::ZERO, usize::MAX);
        out.put(value);
        let mut from = Reader::new(&bytes);
        assert_eq!(&from.take::<T>().unwrap(), value);
        assert!(from.is_at_end());
    }
    let mut server = ServerConfig::default();
    (server.meta, server.crc32c) = (Switch::Off, Switch::On);
    server.multiplex = Multiplex::Only;
    server.limits.max_memory = 77;
    server.limits.write_stall_timeout = Duration::from_millis(5);
    check(&server);
    check(&ClientConfig {
        transport: Transport::Bare,
        caller: "a".to_owned(),
        destination: "b".to_owned(),
        ..ClientConfig::default()
    });
    let mut http2 = http2::Config::default();
    http2.connection_window = Some(99_999);
    http2.max_age = Some(Duration::from_secs(9));
    http2.keep_alive = Some(http2::KeepAlive {
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
        without_streams: Switch::On,
    });
    http2.limits.max_ignored = 3;
    let mut grpc = grpc::Config::default();
    grpc.http2 = Arc::new(http2);
    grpc.http = None;
    grpc.unknown_names = grpc::UnknownNames::Kitex;
    grpc.user_agent = "me".to_owned();
    check(&grpc);
    check(&ttstream::Config {
        stall: Some(ttstream::Stall::Reset),
        idle_timeout: Some(Duration::from_secs(3)),
        service_name: "self".to_owned(),
        write_stall_timeout: Duration::from_nanos(1),
        ..ttstream::Config::default()
    });
    let mut http1 = http1::Config::default();
    http1.requests.max_body = 12;
    http1.limits.write_stall_timeout = Duration::from_nanos(2);
    http1.secured = Switch::On;
    check(&http1);
}

#[test]
fn settings_may_have_fields_that_the_other_side_does_not_know() {
    let limits = RequestLimits::default();
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, Instant::ZERO, usize::MAX).put(&limits);
    // Another field behind the known ones, and one of them missing.
    let mut more = bytes.clone();
    more[0] += 1;
    more.push(1);
    assert_eq!(Reader::new(&more).take::<RequestLimits>(), Ok(limits.clone()));
    let mut fewer = Vec::new();
    Writer::new(&mut fewer, Instant::ZERO, usize::MAX).bytes(&[5]);
    let expected = RequestLimits { max_body: 5, ..limits };
    assert_eq!(Reader::new(&fewer).take::<RequestLimits>(), Ok(expected));
}

#[test]
fn services_come_back_with_their_roles() {
    let mut table = Services::builder();
    let mut info = ServiceInfo::new("demo", "Echo", Codec::Protobuf, &METHODS);
    table.add(info.clone(), ServiceRole::Fallback);
    info.name = "Other".into();
    table.add(info, ServiceRole::Named);
    table.strictness(Strictness::RefuseWithoutServiceName).unknown_handler();
    let table = table.build().unwrap();
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, Instant::ZERO, usize::MAX).put(&table);
    let read = Reader::new(&bytes).take::<Services>().unwrap();
    assert_eq!(format!("{read:?}"), format!("{table:?}"));
    // Two services of one name.
    let at = bytes.windows(5).position(|name| name == b"Other").unwrap();
    let mut twice = bytes[..at - 1].to_vec();
    twice.extend(b"\x04Echo");
    twice.extend(&bytes[at + 5..]);
    let error = Reader::new(&twice).take::<Services>().unwrap_err();
    assert!(matches!(error.kind, RecordingErrorKind::Services(_)), "{error}");
}
