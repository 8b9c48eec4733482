use kitewire_proto::DecodeErrorKind;
use kitewire_proto::ttstream::{Class, Ending, Exception, Side};
use kitewire_proto::wire::grpc::{Code, Outcome, Status};

use super::*;

/// Code and message that a peer gets of a handler's error over gRPC.
fn told(error: &Error) -> (i32, String) {
    let Outcome { status, .. } = error.outcome();
    (status.code.0, status.message)
}

#[test]
fn what_a_handlers_error_becomes_over_grpc() {
    let undecodable = DecodeError::new(DecodeErrorKind::MissingField, 3);
    let text = "required field is not set at offset 3 [biz error]";
    let upstream = Outcome::from(Status::new(Code::NOT_FOUND, "gone"));
    let rows = [
        (Error::new("mock error"), 13, "mock error [biz error]"),
        (Error::status(Code(17), "late"), 17, "late [biz error]"),
        (Error::status(Code(-3), ""), -3, " [biz error]"),
        (Error::from_stream(&upstream), 5, "gone [biz error]"),
        // Kitex wraps what a unary call ends with, and a wrapped status is no status.
        (
            Error::from_unary(&upstream),
            13,
            "remote or network error: rpc error: code = 5 desc = gone [biz error]",
        ),
        (
            Error::new(Error::status(Code::NOT_FOUND, "gone")),
            13,
            "rpc error: code = 5 desc = gone [biz error]",
        ),
        (
            Error::application(ExceptionType(1204), "special"),
            1204,
            "special [biz error]",
        ),
        (
            Error::remote(ApplicationException::new(
                ExceptionType::UNKNOWN_METHOD,
                "unknown method m",
            )),
            13,
            "remote or network error[remote]: unknown method m [biz error]",
        ),
        (Error::deadline_exceeded(), 4, "context deadline exceeded [biz error]"),
        (Error::message(undecodable, Codec::Thrift), 7, text),
        (Error::message(undecodable, Codec::Protobuf), 13, text),
        (Error::missing_result(), 13, "missing result [biz error]"),
        (Error::reply_empty(), 0, ""),
    ];
    for (error, code, message) in rows {
        assert_eq!(told(&error), (code, message.to_owned()), "{error:?}");
        assert_eq!(error.outcome().business, None);
        let Outcome { status, .. } = error.plain_outcome();
        let alone = message.strip_suffix(" [biz error]").unwrap_or(message);
        assert_eq!((status.code.0, &*status.message), (code, alone), "to other callers");
    }
}

#[test]
fn a_business_status_goes_as_it_is() {
    let plain = Error::business(404, "né").with_extra("k", "v");
    let outcome = plain.outcome();
    assert_eq!(outcome.status, Status::new(Code::INTERNAL, "né"));
    assert_eq!(outcome.business.as_ref(), plain.business_status());

    let wrapped = Error::new(Error::business(7, "inside"));
    assert_eq!(wrapped.outcome().business.map(|status| status.code), Some(7));

    let own = Error::business(404, "no").with_status(Status::new(Code::NOT_FOUND, "not there"));
    assert_eq!((own.kind(), own.code()), (ErrorKind::Business, Code::NOT_FOUND));
    assert_eq!(told(&own), (5, "not there".to_owned()));

    let detailed = Error::business(404, "no").with_details(b"any");
    assert_eq!(told(&detailed), (13, "no".to_owned()));
    assert_eq!(detailed.outcome().status.details.iter().collect::<Vec<_>>(), [b"any"]);

    let back = Error::from_stream(&detailed.outcome());
    assert_eq!(back.business_status(), detailed.business_status());
    assert_eq!(back.grpc_status(), detailed.grpc_status());
    assert_eq!(Error::from_stream(&plain.outcome()).grpc_status(), None);
    assert_eq!(back.to_string(), "biz error: code=404, msg=no");
}

#[test]
fn statuses_read_as_in_kitex() {
    let outcome = Outcome::from(Status::new(Code::INTERNAL, "mock error [biz error]"));
    let stream = Error::from_stream(&outcome);
    assert_eq!(stream.to_string(), "rpc error: code = 13 desc = mock error [biz error]");
    let unary = Error::from_unary(&outcome);
    assert_eq!(unary.to_string(), format!("remote or network error: {stream}"));
    assert_eq!(unary.grpc_status(), Some(&outcome.status));
    let lost = "connection error: desc = \"transport is closing\"";
    let lost = Error::status(Code::UNAVAILABLE, lost);
    assert_eq!(lost.to_string(), "connection error: desc = \"transport is closing\"");
    assert_eq!(lost.kind(), ErrorKind::Transport);
}

#[test]
fn codes_decide_the_kind() {
    for (code, kind) in [
        (1, ErrorKind::Cancelled),
        (4, ErrorKind::Timeout),
        (17, ErrorKind::Timeout),
        (14, ErrorKind::Status),
        (20, ErrorKind::Status),
        (99, ErrorKind::Status),
    ] {
        assert_eq!(Error::status(Code(code), "").kind(), kind, "{code}");
    }
    let status = Error::status(Code::NOT_FOUND, "gone").with_details(b"any");
    assert!(!status.grpc_status().unwrap().details.is_empty());
    assert_eq!(
        Error::new("x")
            .with_details(b"any")
            .with_status(Status::default())
            .grpc_status(),
        None
    );
    assert_eq!(Error::timed_out(None).code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(
        Error::connect(io::ErrorKind::ConnectionRefused.into()).code(),
        Code::UNAVAILABLE
    );
}

#[test]
fn exceptions_of_streams_have_their_kinds_and_codes() {
    let remote = Exception {
        remote: Some(ExceptionType::UNKNOWN_METHOD),
        ..Exception::new(12001, Class::Application, "unknown method m")
    };
    let row = |code, class, kind, grpc| (Exception::new(code, class, "t"), kind, grpc);
    let rows = [
        (remote.clone(), ErrorKind::Remote, 1),
        row(12001, Class::Application, ErrorKind::Remote, 6),
        row(12002, Class::Protocol, ErrorKind::Protocol, 13),
        row(12003, Class::Protocol, ErrorKind::Protocol, 13),
        row(12004, Class::Protocol, ErrorKind::Protocol, 13),
        row(12005, Class::Protocol, ErrorKind::Protocol, 13),
        row(12006, Class::Protocol, ErrorKind::Transport, 14),
        row(12007, Class::Canceled, ErrorKind::Cancelled, 1),
        row(12009, Class::Canceled, ErrorKind::Cancelled, 1),
        row(12010, Class::Canceled, ErrorKind::Cancelled, 1),
        row(12011, Class::Canceled, ErrorKind::Cancelled, 1),
        row(12012, Class::Canceled, ErrorKind::Cancelled, 1),
        row(12013, Class::Canceled, ErrorKind::Cancelled, 1),
        // The class belongs to the side that shows it: these are timeouts where the timer was.
        row(12014, Class::Timeout, ErrorKind::Timeout, 17),
        row(12015, Class::Timeout, ErrorKind::Timeout, 4),
        row(12014, Class::Canceled, ErrorKind::Cancelled, 1),
        row(12015, Class::Canceled, ErrorKind::Cancelled, 1),
        // A peer may send any number.
        row(99, Class::Canceled, ErrorKind::Cancelled, 1),
    ];
    for (exception, kind, grpc) in rows {
        let error = Error::from(exception.clone());
        assert_eq!((error.kind(), error.code()), (kind, Code(grpc)), "{exception:?}");
        assert_eq!(error.stream_exception(), Some(&exception));
        assert_eq!(error.to_string(), exception.to_string());
        assert_eq!(error.exception().is_some(), kind == ErrorKind::Remote);
        assert_eq!(error.is_timeout(), kind == ErrorKind::Timeout);
    }
    let error = Error::from(remote);
    let told = error
        .exception()
        .map(|exception| (exception.kind, exception.to_string()));
    assert_eq!(
        told,
        Some((ExceptionType::UNKNOWN_METHOD, "unknown method m".to_owned()))
    );
    assert_eq!(Error::new("x").stream_exception(), None);
}

#[test]
fn what_a_handlers_error_becomes_over_ttheader() {
    let canceled = Exception::new(12012, Class::Canceled, "canceled by business handler returning");
    let undecodable = DecodeError::new(DecodeErrorKind::MissingField, 3);
    let upstream = Outcome::from(Status::new(Code::NOT_FOUND, "gone"));
    let rows = [
        (Error::new("mock error"), "mock error"),
        (Error::status(Code(17), "late"), "rpc error: code = 17 desc = late"),
        (Error::from_stream(&upstream), "rpc error: code = 5 desc = gone"),
        (Error::application(ExceptionType(1204), "special"), "special"),
        (Error::deadline_exceeded(), "context deadline exceeded"),
        (
            Error::message(undecodable, Codec::Thrift),
            "required field is not set at offset 3",
        ),
        (
            Error::from(canceled.on(Side::Client)),
            "[ttstream error, code=12012] [client-side stream] canceled by business handler returning",
        ),
    ];
    for (error, text) in rows {
        let Ending::Exception(exception) = error.ending() else {
            panic!("{error:?} is one")
        };
        assert_eq!(
            exception.kind,
            ExceptionType::INTERNAL_ERROR,
            "as Kitex has it for everything"
        );
        assert_eq!(exception.to_string(), format!("biz error: {text}"));
        if error.stream_exception().is_some() {
            assert_eq!(told(&error), (13, format!("{text} [biz error]")), "over gRPC");
        }
    }
    let business = Error::new(Error::business(7, "inside").with_extra("k", "v"));
    let Ending::Business(status) = business.ending() else {
        panic!("it counts wherever it is")
    };
    assert_eq!((status.code, &*status.message, status.extra.len()), (7, "inside", 1));
    assert_eq!(Error::reply_empty().ending(), Ending::Ok);
}
