//! The reference peer against itself: what the harness does without our engine.

use bytes::Bytes;
use h2::{client, server};
use http::{HeaderMap, Request, Response};

use super::*;

#[test]
fn the_reference_peer_talks_to_itself_over_any_cuts() {
    for cuts in [Cuts::whole(), Cuts::every(1), Cuts::every(7), Cuts::seeded(3)] {
        let mut tasks = Tasks::default();
        let (socket, left) = pipe(3000);
        let client = H2Client::start(&mut tasks, socket, &client::Builder::new());
        let (socket, right) = pipe(3000);
        let server = H2Server::start(&mut tasks, socket, &server::Builder::new(), echo);

        let body = Body {
            data: (0..70_000).map(|at: u32| at.to_le_bytes()[0]).collect(),
            trailers: Some(HeaderMap::from_iter([(
                http::HeaderName::from_static("sum"),
                "7".parse().unwrap(),
            )])),
        };
        let request = Request::post("http://peer/echo").body(()).unwrap();
        let answer = client.request(request, body.clone());
        client.finish();
        exchange_bytes(&mut tasks, &left, &right, cuts);

        let answer = answer.done().expect("an answer");
        assert_eq!(answer.interim[0].status(), 103);
        assert_eq!(answer.head.status(), 200);
        let received = answer.body.expect("a whole body");
        assert_eq!(received.data, body.data);
        assert_eq!(received.trailers, body.trailers);
        client.ended.done().expect("the client ends well");
        server.ended.done().expect("the server ends well");
    }
}

async fn echo(request: Request<h2::RecvStream>, mut respond: server::SendResponse<Bytes>) {
    let interim = Response::builder().status(103).body(()).unwrap();
    respond.send_informational(interim).unwrap();
    let received = read_body(request.into_body()).await.unwrap();
    let mut stream = respond.send_response(Response::new(()), false).unwrap();
    let body = Body {
        data: received.data.into(),
        trailers: received.trailers,
    };
    send_body(&mut stream, body).await.unwrap();
}

fn exchange_bytes(tasks: &mut Tasks, left: &Remote, right: &Remote, mut cuts: Cuts) {
    loop {
        let mut moved = tasks.run();
        for (from, to) in [(left, right), (right, left)] {
            let piece = from.take(cuts.piece(from.waiting()));
            if !piece.is_empty() {
                to.give(&piece);
                moved = true;
            } else if from.is_ended() {
                to.end();
            }
        }
        if !moved {
            return;
        }
    }
}
