use super::*;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in pairs {
        fields.push(name, value);
    }
    fields
}

fn written(outcome: &Outcome) -> Fields {
    let mut trailers = Fields::new();
    outcome.write(&mut trailers);
    trailers
}

#[test]
fn a_business_error_is_written_as_kitex_does() {
    let business = BusinessStatus {
        code: 404,
        message: "né".to_owned(),
        extra: vec![("k".to_owned(), "v<é>&".to_owned())],
    };
    let outcome = Outcome::from(business);
    let trailers = fields(&[
        ("grpc-status", "13"),
        ("grpc-message", "n%C3%A9"),
        ("biz-status", "404"),
        ("biz-extra", r#"{"k":"v\u003cé\u003e\u0026"}"#),
    ]);
    assert_eq!(written(&outcome), trailers);
    assert_eq!(Outcome::read(&trailers), Ok(outcome));
}

#[test]
fn details_go_last_and_override_code_and_message() {
    let mut status = Status::new(Code(5), "gone [biz error]");
    status
        .details
        .push(b"\n/type.googleapis.com/google.protobuf.StringValue\x12\x05\n\x03why");
    let text =
        "CAUSEGdvbmUgW2JpeiBlcnJvcl0aOAovdHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucHJvdG9idWYuU3RyaW5nVmFsdWUSBQoDd2h5";
    let trailers = fields(&[
        ("grpc-status", "5"),
        ("grpc-message", "gone [biz error]"),
        ("grpc-status-details-bin", text),
    ]);
    let outcome = Outcome::from(status);
    assert_eq!(written(&outcome), trailers);
    assert_eq!(Outcome::read(&trailers).as_ref(), Ok(&outcome));
    let others = fields(&[
        ("grpc-status-details-bin", text),
        ("grpc-status", "13"),
        ("grpc-message", "other"),
    ]);
    assert_eq!(Outcome::read(&others), Ok(outcome));
}

#[test]
fn trailers_are_read_whatever_is_missing() {
    let status = |code, message: &str| Ok(Outcome::from(Status::new(Code(code), message)));
    let rows: [(&[(&str, &str)], _); 9] = [
        (&[], status(2, "")),
        (&[("x", "y")], status(2, "")),
        (&[("grpc-status", "0")], status(0, "")),
        (&[("grpc-status", "0"), ("grpc-message", "")], status(0, "")),
        (&[("grpc-status", "0"), ("biz-status", "404")], status(0, "")),
        (
            &[("grpc-status", "20"), ("grpc-message", "50%25 %E4%BD%A0")],
            status(20, "50% 你"),
        ),
        (
            &[("grpc-status", "-2147483648"), ("grpc-message", "%ff")],
            status(i32::MIN, "\u{fffd}"),
        ),
        (
            &[("grpc-status", "1"), ("grpc-status", "2147483647")],
            status(i32::MAX, ""),
        ),
        (&[("grpc-status-details-bin", "CAUSAW0=")], status(5, "m")),
    ];
    for (pairs, expected) in rows {
        assert_eq!(Outcome::read(&fields(pairs)), expected, "{pairs:?}");
    }
    let trailers = fields(&[("grpc-status", "13"), ("biz-status", "-7"), ("biz-extra", "{}")]);
    let business = Outcome::read(&trailers).unwrap().business.unwrap();
    assert_eq!((business.code, business.extra.len()), (-7, 0));
}

#[test]
fn fields_that_cannot_be_read_have_kitex_texts() {
    let rows = [
        (
            "grpc-status",
            "x",
            r#"grpc-status: strconv.Atoi: parsing "x": invalid syntax"#,
        ),
        (
            "grpc-status",
            "",
            r#"grpc-status: strconv.Atoi: parsing "": invalid syntax"#,
        ),
        (
            "grpc-status",
            "2147483648",
            r#"grpc-status: strconv.Atoi: parsing "2147483648": value out of range"#,
        ),
        (
            "biz-status",
            "1.5",
            r#"biz-status: strconv.ParseInt: parsing "1.5": invalid syntax"#,
        ),
        ("biz-extra", "{", "biz-extra: not a JSON object of strings"),
        (
            "grpc-status-details-bin",
            "a=bc",
            "grpc-status-details-bin: illegal base64 data at input byte 1",
        ),
        (
            "grpc-status-details-bin",
            "CA",
            "grpc-status-details-bin: unexpected end of message",
        ),
    ];
    for (name, value, text) in rows {
        let error = Outcome::read(&fields(&[("grpc-status", "13"), (name, value)])).unwrap_err();
        let expected = Status::new(Code::INTERNAL, format!("transport: malformed {text}"));
        assert_eq!(Status::from(error), expected);
    }
}
