use super::*;

fn written(metadata: &[(&str, &[u8])], meta: &MetaInfo) -> Fields {
    let (mut user, mut out) = (Fields::new(), Fields::new());
    for (name, value) in metadata {
        user.push(name, value);
    }
    write(&mut out, &user, meta);
    out
}

fn field<'a>(fields: &'a mut Fields, name: &str, value: &str) -> Field<'a> {
    fields.clear();
    fields.push(name, value);
    fields.iter().next().unwrap()
}

#[test]
fn the_protocols_own_fields_are_never_metadata() {
    for name in [
        ":path",
        ":x",
        "content-type",
        "user-agent",
        "te",
        "grpc-message-type",
        "grpc-encoding",
        "grpc-message",
        "grpc-status",
        "grpc-timeout",
        "grpc-status-details-bin",
        "connection",
        "content-length",
    ] {
        assert!(is_reserved(name.as_bytes()), "{name}");
        assert_eq!(check(name.as_bytes(), b""), Err(MetadataError::Reserved));
        assert!(written(&[(name, b"x")], &MetaInfo::new()).is_empty(), "{name}");
    }
    for name in [
        "grpc-accept-encoding",
        "grpc-previous-rpc-attempts",
        "biz-status",
        "biz-extra",
        "destination-service",
        "source-method",
        "host",
        "k-one",
    ] {
        assert!(!is_reserved(name.as_bytes()), "{name}");
        assert_eq!(written(&[(name, b"x")], &MetaInfo::new()).len(), 1, "{name}");
    }
    assert_eq!(check(b"Content-Type", b""), Err(MetadataError::Reserved));
}

#[test]
fn metadata_that_has_no_wire_form_is_refused() {
    let rows: [(&[u8], &[u8], _); 9] = [
        (b"", b"x", Err(MetadataError::Name)),
        (b"a b", b"x", Err(MetadataError::Name)),
        ("é".as_bytes(), b"x", Err(MetadataError::Name)),
        (b"a", b"x\ny", Err(MetadataError::Value)),
        (b"a", b"\x7f", Err(MetadataError::Value)),
        (b"a-bin", b"\x00\n", Ok(())),
        (b"Upper", b"x", Ok(())),
        (b"a", "a\té".as_bytes(), Ok(())),
        (b"a", b"", Ok(())),
    ];
    for (name, value, expected) in rows {
        assert_eq!(check(name, value), expected, "{}", name.escape_ascii());
    }
}

#[test]
fn the_receiver_sees_what_is_not_the_protocols() {
    for name in [
        "content-type",
        ":authority",
        "user-agent",
        "grpc-tags-bin",
        "grpc-trace-bin",
        "grpc-previous-rpc-attempts",
        "source-service",
        "rpc-transit-a",
        "biz-other",
        "k",
    ] {
        assert!(is_visible(name.as_bytes()), "{name}");
    }
    for name in [
        ":path",
        ":status",
        "te",
        "grpc-encoding",
        "grpc-accept-encoding",
        "grpc-status",
        "grpc-message",
        "grpc-message-type",
        "grpc-timeout",
        "grpc-status-details-bin",
        "biz-status",
        "biz-extra",
    ] {
        assert!(!is_visible(name.as_bytes()), "{name}");
        assert_eq!(read(field(&mut Fields::new(), name, "")), Ok(None), "{name}");
    }
}

#[test]
fn binary_values_are_bytes_here_and_base64_there() {
    let rows: [(&[u8], &str, &str); 3] = [(b"ab", "YWI", "YWI="), (b"\x00\x01\xfe", "AAH+", "AAH+"), (b"", "", "")];
    let mut fields = Fields::new();
    for (bytes, bare, padded) in rows {
        let out = written(&[("t-raw-bin", bytes)], &MetaInfo::new());
        assert_eq!(out.get("t-raw-bin"), Some(bare.as_bytes()));
        for text in [bare, padded] {
            let value = read(field(&mut fields, "t-raw-bin", text));
            assert_eq!(value, Ok(Some(Cow::Borrowed(bytes))));
        }
    }
    assert_eq!(
        read(field(&mut fields, "k", "a%41")),
        Ok(Some(Cow::Borrowed(&b"a%41"[..])))
    );
    assert_eq!(read(field(&mut fields, "t-raw-bin", "!")), Ok(None), "dropped");
    for name in OWN_BINARY {
        let error = read(field(&mut fields, name, "!")).unwrap_err();
        let text = format!("transport: malformed {name}: illegal base64 data at input byte 0");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn values_keep_their_order_and_their_sensitivity() {
    let mut user = Fields::new();
    user.push("K-One", "1");
    user.push_sensitive("authorization", "secret");
    user.push("k-one", "2");
    let mut out = Fields::new();
    write(&mut out, &user, &MetaInfo::new());
    assert_eq!(out.get_all("k-one").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(out.iter().nth(1).unwrap().sensitivity, Sensitivity::Sensitive);
}

#[test]
fn metainfo_keys_change_their_spelling_on_the_way() {
    let rows = [
        ("HELLO_WORLD", "rpc-transit-hello-world", "HELLO_WORLD"),
        ("HELLO", "rpc-transit-hello", "HELLO"),
        ("hello_world", "rpc-transit-hello-world", "HELLO_WORLD"),
        ("HELLO-WORLD", "rpc-transit-hello-world", "HELLO_WORLD"),
    ];
    for (key, name, arriving) in rows {
        let mut meta = MetaInfo::new();
        meta.set_transient(key, "1");
        let out = written(&[], &meta);
        assert_eq!(out.len(), 1);
        assert_eq!(out.get(name), Some(&b"1"[..]), "{key}");
        let read = read_metainfo(&out);
        assert_eq!(read.transients().collect::<Vec<_>>(), [(arriving, "1")]);
    }
    let mut meta = MetaInfo::new();
    meta.set_persistent("Foo", "1");
    meta.set_persistent("a-bin", "ab");
    meta.set_transient("a b", "1");
    meta.set_transient("a", "1\n");
    let out = written(&[], &meta);
    let mut expected = Fields::new();
    expected.push("rpc-persist-a-bin", "YWI");
    expected.push("rpc-persist-foo", "1");
    assert_eq!(out, expected);
    let read = read_metainfo(&out);
    assert_eq!(read.persistents().collect::<Vec<_>>(), [("A_BIN", "ab"), ("FOO", "1")]);
}

#[test]
fn metainfo_replaces_metadata_and_sends_one_spelling() {
    let mut meta = MetaInfo::new();
    meta.set_transient("HELLO_WORLD", "upper");
    meta.set_transient("hello_world", "lower");
    meta.set_persistent("p", "1");
    let user: [(&str, &[u8]); 3] = [
        ("rpc-transit-hello-world", b"user"),
        ("rpc-transit-other", b"user"),
        ("rpc-persist-p", b"user"),
    ];
    let out = written(&user, &meta);
    let names: Vec<_> = out.iter().map(|field| field.name.escape_ascii().to_string()).collect();
    assert_eq!(names, ["rpc-transit-other", "rpc-persist-p", "rpc-transit-hello-world"]);
    assert_eq!(out.get("rpc-transit-hello-world"), Some(&b"upper"[..]));
}

#[test]
fn the_first_value_counts_and_empty_ones_are_skipped() {
    let mut head = Fields::new();
    for (name, value) in [
        ("rpc-transit-b", "first"),
        ("rpc-transit-b", "second"),
        ("rpc-transit-empty", ""),
        ("rpc-transit-", "no key"),
        ("rpc-transit-upstream-u", "1"),
        ("rpc-persist-a", "1"),
        ("rpc-backward-a", "1"),
        ("rpc-persist-c-bin", "!"),
    ] {
        head.push(name, value);
    }
    head.push("rpc-persist-d", b"\xff");
    let meta = read_metainfo(&head);
    assert_eq!(
        meta.transients().collect::<Vec<_>>(),
        [("B", "first"), ("UPSTREAM_U", "1")]
    );
    assert_eq!(meta.persistents().collect::<Vec<_>>(), [("A", "1"), ("D", "\u{fffd}")]);
}
