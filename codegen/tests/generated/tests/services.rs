//! Generated servers and clients, connected without a socket.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::future::IntoFuture;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use kitewire::service::{RawBody, Service};
use kitewire::{Call, CallResult, Client, Codec, Error, ErrorKind, MethodKind, Sender, thrift};
use kitewire_build_generated::everything::base::{self, BaseMoveToError, Color, Point, Refused};
use kitewire_build_generated::everything::{
    self, Choice, EVERYWHERE, Everything, Everywhere, EverywhereClient, EverywhereFailsError, EverywhereNamesArgs,
    EverywhereNamesError, EverywhereServer, EverywhereSumArgs, SilentServer, WithMessage,
};
use kitewire_build_generated::{comb, multi, no_namespace, pingpong_pb, ttstream, wire_pb};

#[test]
fn methods_give_their_results() {
    let client = client();
    assert_eq!(wait(client.ping("hi".to_owned())).unwrap(), "hi");
    assert_eq!(wait(client.echo(Everything::default())).unwrap(), Everything::default());
    wait(client.nothing()).unwrap();
    assert_eq!(wait(client.sum(2, 3)).unwrap(), 5);
    assert_eq!(wait(client.clone(Choice::Number(1))).unwrap(), Choice::Number(1));
    assert_eq!(wait(client.new_2()).unwrap(), vec![Everything::default()]);
    wait(client.push("x".to_owned())).unwrap();
    assert_eq!(
        wait(client.r#type(everything::Type::default()))
            .unwrap()
            .value
            .unwrap()
            .value,
        1
    );
}

#[test]
fn declared_exceptions_are_variants() {
    let client = client();
    let thrown = |word: &str| wait(client.names(vec![word.to_owned()], Color::Red, 0)).unwrap_err();
    assert!(matches!(thrown("message"), EverywhereNamesError::WithMessage(WithMessage { message }) if message == "m"));
    assert!(matches!(
        thrown("error"),
        EverywhereNamesError::Error2(everything::Error { code: 1 })
    ));
    assert!(matches!(
        thrown("again"),
        EverywhereNamesError::Error3(everything::Error { code: 2 })
    ));
    assert!(matches!(
        thrown("refused"),
        EverywhereNamesError::Refused(Refused { code: 3, .. })
    ));
    let plain = thrown("plain");
    assert!(matches!(&plain, EverywhereNamesError::Error(error) if error.kind() == ErrorKind::Remote));
    assert!(plain.to_string().ends_with("biz error: plain"), "{plain:?}");
    let missing = thrown("nothing");
    assert!(matches!(missing, EverywhereNamesError::Error(error) if error.kind() == ErrorKind::MissingResult));
    assert_eq!(
        wait(client.names(vec!["ok".to_owned()], Color::Green, 7)).unwrap(),
        ["ok", "7"]
    );
    // Inherited, and from a method without a result.
    let refused = wait(client.move_to(Point { x: -1, y: 0 }, None)).unwrap_err();
    assert!(matches!(refused, BaseMoveToError::Refused(Refused { code: -1, .. })));
    wait(client.fails(Some(Point::default()))).unwrap();
    assert!(matches!(
        wait(client.fails(None)).unwrap_err(),
        EverywhereFailsError::Refused(_)
    ));
}

#[test]
fn absent_parameters_are_errors_or_zero() {
    let empty = &thrift::Bytes::from_static(b"\0");
    assert_eq!(
        thrift::decode::<EverywhereSumArgs>(empty, 8).unwrap(),
        EverywhereSumArgs { a: 0, b: 5 }
    );
    let names = thrift::decode::<EverywhereNamesArgs>(empty, 8).unwrap();
    assert_eq!(
        (names.names.len(), names.color, names.call_2),
        (0, Color::Unknown(0), 0)
    );
    let error = thrift::decode::<everything::EverywhereEchoArgs>(empty, 8).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Everywhere.echo.everything: required field is not set at offset 1"
    );
    assert_eq!(
        thrift::decode::<everything::EverywhereFailsArgs>(empty, 8)
            .unwrap()
            .point,
        None
    );
    let client = Client::in_process(EverywhereServer::new(Handler)).unwrap();
    let error = wait(client.call::<_, RawBody>(&EVERYWHERE, 2, RawBody(empty.clone()))).unwrap_err();
    assert!(error.to_string().contains("Everywhere.echo.everything"), "{error}");
}

#[test]
fn services_declare_parents_methods_first_and_streaming_ones_too() {
    let methods: Vec<(&str, MethodKind)> = EVERYWHERE
        .methods
        .iter()
        .map(|method| (&*method.name, method.kind))
        .collect();
    use MethodKind::{Oneway, ServerStreaming, Unary};
    let expected = [
        ("ping", Unary),
        ("move_to", Unary),
        ("echo", Unary),
        ("nothing", Unary),
        ("sum", Unary),
        ("names", Unary),
        ("fails", Unary),
        ("push", Oneway),
        ("clone", Unary),
        ("type", Unary),
        ("new", Unary),
        ("watch", ServerStreaming),
        ("unary", Unary),
    ];
    assert_eq!(methods, expected);
    let server = EverywhereServer::new(Handler);
    assert_eq!(server.methods().len(), EVERYWHERE.methods.len());
    assert_eq!((&*EVERYWHERE.name, &*EVERYWHERE.package), ("Everywhere", "everything"));
    assert_eq!(
        (&*base::BASE.package, &*no_namespace::BARE.package),
        ("shared", "nonamespace")
    );
    assert_eq!(format!("{server:?}"), "EverywhereServer");
    assert_eq!(SilentServer::new(Handler).info().methods.len(), 0);
    let kinds = |info: &kitewire::ServiceInfo| info.methods.iter().map(|method| method.kind).collect::<Vec<_>>();
    let streaming = [
        Unary,
        MethodKind::ClientStreaming,
        ServerStreaming,
        MethodKind::BidirectionalStreaming,
    ];
    assert_eq!(kinds(&ttstream::STREAM), streaming);
    assert_eq!(
        kinds(&wire_pb::WIRE_PB),
        [
            Unary,
            ServerStreaming,
            MethodKind::ClientStreaming,
            MethodKind::BidirectionalStreaming
        ]
    );
    assert_eq!(multi::SERVICE_A.methods[2].name, "BidiA");
}

#[test]
fn services_can_be_combined() {
    let info = &comb::COMBINE_SERVICE;
    assert!(info.combine && !comb::COMB_A.combine);
    assert_eq!((&*info.name, info.methods.len()), ("CombineService", 2));
    let client = comb::CombineServiceClient::new(Client::in_process(comb::CombineServiceServer::new(Handler)).unwrap());
    assert_eq!(
        wait(client.echo1(comb::Req { msg: "a".to_owned() })).unwrap().msg,
        "1:a"
    );
    assert_eq!(
        wait(client.echo2(comb::Req { msg: "b".to_owned() })).unwrap().msg,
        "2:b"
    );
}

#[test]
fn protobuf_services_work_alike() {
    let server = pingpong_pb::PingPongPbServer::new(Handler);
    assert_eq!(
        (server.info().codec, &*server.info().package),
        (Codec::Protobuf, "kw.pingpong")
    );
    let client = pingpong_pb::PingPongPbClient::new(Client::in_process(server.fallback()).unwrap());
    let message = pingpong_pb::Msg {
        text: "hi".to_owned(),
        n: 3,
    };
    assert_eq!(wait(client.echo(message.clone())).unwrap(), message);
    assert!(
        wait(client.fail(message))
            .unwrap_err()
            .to_string()
            .ends_with("biz error: boom")
    );
}

struct Handler;

impl Everywhere for Handler {
    async fn ping(&self, _call: &Call, text: String) -> Result<String, Error> {
        Ok(text)
    }

    async fn move_to(&self, _call: &Call, to: Point, from: Option<Point>) -> Result<Point, BaseMoveToError> {
        if to.x < 0 {
            return Err(Refused { code: to.x, why: None }.into());
        }
        Ok(from.unwrap_or(to))
    }

    async fn echo(&self, _call: &Call, everything: Everything) -> Result<Everything, Error> {
        Ok(everything)
    }

    async fn nothing(&self, _call: &Call) -> Result<(), Error> {
        Ok(())
    }

    async fn sum(&self, _call: &Call, a: i32, b: i64) -> Result<i64, Error> {
        Ok(i64::from(a) + b)
    }

    async fn names(
        &self,
        _call: &Call,
        mut names: everything::Names,
        color: Color,
        number: i32,
    ) -> Result<everything::Names, EverywhereNamesError> {
        match names[0].as_str() {
            "message" => {
                return Err(WithMessage {
                    message: "m".to_owned(),
                }
                .into());
            }
            "error" => return Err(everything::Error { code: 1 }.into()),
            "again" => return Err(EverywhereNamesError::Error3(everything::Error { code: 2 })),
            "refused" => return Err(Refused { code: 3, why: None }.into()),
            "plain" => return Err(Error::new("plain").into()),
            "nothing" => return Err(Error::reply_empty().into()),
            _ => names.push(number.to_string()),
        }
        assert_eq!(color, Color::Green);
        Ok(names)
    }

    async fn fails(&self, _call: &Call, point: Option<Point>) -> Result<(), EverywhereFailsError> {
        point.map(|_| ()).ok_or_else(|| Refused::default().into())
    }

    async fn push(&self, _call: &Call, _text: String) -> Result<(), Error> {
        Ok(())
    }

    async fn clone(&self, _call: &Call, choice: Choice) -> Result<Choice, Error> {
        Ok(choice)
    }

    async fn r#type(&self, _call: &Call, _type: everything::Type) -> Result<everything::Result, Error> {
        Ok(everything::Result {
            value: Some(everything::Default::default()),
        })
    }

    async fn new_2(&self, _call: &Call) -> Result<Vec<Everything>, Error> {
        Ok(vec![Everything::default()])
    }

    async fn watch(&self, _call: &Call, _point: Point, _out: Sender<Point>) -> Result<(), Error> {
        Ok(())
    }

    async fn unary(&self, _call: &Call, point: Point) -> Result<Point, Error> {
        Ok(point)
    }
}

impl everything::Silent for Handler {}

impl comb::CombineService for Handler {
    async fn echo1(&self, _call: &Call, req: comb::Req) -> Result<comb::Resp, Error> {
        Ok(comb::Resp {
            msg: format!("1:{}", req.msg),
        })
    }

    async fn echo2(&self, _call: &Call, req: comb::Req) -> Result<comb::Resp, Error> {
        Ok(comb::Resp {
            msg: format!("2:{}", req.msg),
        })
    }
}

impl pingpong_pb::PingPongPb for Handler {
    async fn echo(&self, _call: &Call, request: pingpong_pb::Msg) -> Result<pingpong_pb::Msg, Error> {
        Ok(request)
    }

    async fn fail(&self, _call: &Call, _request: pingpong_pb::Msg) -> Result<pingpong_pb::Msg, Error> {
        Err(Error::new("boom"))
    }
}

fn client() -> EverywhereClient {
    EverywhereClient::new(Client::in_process(EverywhereServer::new(Handler)).unwrap())
}

/// Runs a call whose handler never waits.
fn wait<A: kitewire::service::Body, R: CallResult>(call: kitewire::ClientCall<'_, A, R>) -> Result<R::Value, R::Error> {
    let mut call = pin!(call.into_future());
    for _ in 0..10 {
        if let Poll::Ready(result) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
    panic!("the call waits for something");
}
