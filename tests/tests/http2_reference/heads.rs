//! Heads: methods, interim responses, many fields, large sections, compression tables of other sizes.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderName, HeaderValue, Request, Response};
use kitewire_proto::http::{Fields, Sensitivity};
use kitewire_proto::http2::{Config, Finish, Outcome};
use kitewire_testkit::reference::{
    Body, Canonical, Cuts, Reply, canonical, canonical_map, canonical_request, canonical_response, read_body,
};

use crate::setup::{
    Kept, bytes, echo, echo_ours, keep, our_client, our_client_with, our_server, our_server_with, post, post_fields,
    some_cuts, stream,
};

/// So many fields of such a size, none like another.
fn fields(count: usize, size: usize) -> Vec<(String, String)> {
    let value = |index: usize| format!("{index}-{}", "v".repeat(size));
    (0..count).map(|index| (format!("x-{index}"), value(index))).collect()
}

fn with_fields(mut request: Request<()>, fields: &[(String, String)]) -> Request<()> {
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a good name");
        request
            .headers_mut()
            .append(name, HeaderValue::from_str(value).expect("a good value"));
    }
    request
}

/// Few and small; many; larger than a frame, so that CONTINUATION frames follow; many again, that are known by then.
const SECTIONS: [(usize, usize); 5] = [(1, 1), (300, 20), (8, 5_000), (3, 17_000), (300, 20)];

fn wide(mut config: Config) -> Config {
    config.limits.max_header_list = 200_000;
    config.limits.max_header_block = 200_000;
    config
}

#[test]
fn sections_of_any_size_reach_our_server_and_come_back() {
    for cuts in some_cuts() {
        let (mut pair, client) = our_server(wide(Config::default()), cuts);
        pair.ours.service = Some(echo_ours);
        for (index, (count, size)) in (0..).zip(SECTIONS) {
            let fields = fields(count, size);
            let request = with_fields(post("/fields"), &fields);
            let sent = canonical_request(&request.clone().into_parts().0);
            let answer = client.request(request, Body::new("x"));
            pair.settle();
            let answer = answer.done().expect("an answer");
            assert_eq!(canonical_map(answer.head.headers()), sorted(&fields));
            let seen = pair.ours.log.streams[&stream(index)].head.as_ref().expect("a head");
            assert_eq!(canonical(seen), sent);
        }
    }
}

#[test]
fn sections_of_any_size_reach_the_reference_server_and_come_back() {
    for cuts in some_cuts() {
        let (mut pair, _server) = our_client(wide(Config::default()), cuts);
        for (count, size) in SECTIONS {
            let fields = fields(count, size);
            let mut head = post_fields("/fields");
            fields.iter().for_each(|(name, value)| head.push(name, value));
            let id = pair.ours.request(Reply::new(head, "x"));
            pair.settle();
            let seen = &pair.ours.log.streams[&id];
            assert_eq!(seen.outcome, Some(Outcome::Complete));
            let mut expected = sorted(&fields);
            expected.insert(0, (b":status".to_vec(), b"200".to_vec()));
            assert_eq!(canonical(seen.head.as_ref().expect("a head")), expected);
        }
    }
}

#[test]
fn sensitive_and_repeated_fields_arrive_in_order() {
    let kept = Kept::default();
    let (mut pair, _server) = our_client_with(
        Config::default(),
        Cuts::whole(),
        &h2::server::Builder::new(),
        keep(&kept),
    );
    let mut head = post_fields("/fields");
    head.push_sensitive("authorization", "secret");
    for value in ["a", "b", "", "a"] {
        head.push("x-many", value);
    }
    pair.ours.request(Reply::new(head, ""));
    pair.settle();
    let (request, _) = &kept.borrow()[0];
    assert_eq!(request.headers()["authorization"], "secret");
    let many: Vec<_> = request
        .headers()
        .get_all("x-many")
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    assert_eq!(many, [&b"a"[..], b"b", b"", b"a"]);

    let (mut pair, client) = our_server(Config::default(), Cuts::whole());
    let mut request = post("/fields");
    let mut secret = HeaderValue::from_static("secret");
    secret.set_sensitive(true);
    request.headers_mut().insert("authorization", secret);
    let _answer = client.request(request, Body::default());
    pair.settle();
    let seen = pair.ours.log.streams[&stream(0)].head.as_ref().expect("a head");
    let field = seen
        .iter()
        .find(|field| field.name == b"authorization")
        .expect("the field");
    assert_eq!(
        (field.value, field.sensitivity),
        (&b"secret"[..], Sensitivity::Sensitive)
    );
}

#[test]
fn methods_and_targets_arrive_as_they_were_sent() {
    let rows = [
        ("GET", "http", "peer", "/"),
        ("OPTIONS", "http", "peer", "/"),
        ("DELETE", "https", "peer:81", "/a%20b?c=d&e"),
        ("PATCH", "http", "[::1]:81", "/a/../b;c"),
        ("M-SEARCH", "http", "peer", "/?"),
    ];
    let kept = Kept::default();
    let (mut pair, _server) = our_client_with(
        Config::default(),
        Cuts::whole(),
        &h2::server::Builder::new(),
        keep(&kept),
    );
    for (method, scheme, authority, path) in rows {
        let head = Fields::request(method, scheme, authority, path);
        pair.ours.request(Reply::new(head.clone(), ""));
        pair.settle();
        let (request, _) = kept.borrow_mut().pop().expect("a request");
        assert_eq!(canonical_request(&request.into_parts().0), canonical(&head));
    }

    let (mut pair, client) = our_server(Config::default(), Cuts::whole());
    pair.ours.service = Some(echo_ours);
    for (index, (method, scheme, authority, path)) in (0..).zip(rows) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{scheme}://{authority}{path}"));
        let answer = client.request(request.body(()).expect("a good request"), Body::default());
        pair.settle();
        assert_eq!(answer.done().expect("an answer").head.status(), 200);
        let seen = pair.ours.log.streams[&stream(index)].head.as_ref().expect("a head");
        let expected = Fields::request(method, scheme, authority, path);
        assert_eq!(canonical(seen), canonical(&expected));
    }
}

#[test]
fn answers_to_head_have_a_length_and_no_body() {
    let (mut pair, client) = our_server(Config::default(), Cuts::whole());
    pair.ours.service = Some(|_| {
        let mut head = Fields::response(200);
        head.push("content-length", "1000");
        Reply::new(head, "")
    });
    let request = Request::head("http://peer/").body(()).expect("a good request");
    let answer = client.request(request, Body::default());
    pair.settle();
    let answer = answer.done().expect("an answer");
    assert_eq!(answer.head.headers()["content-length"], "1000");
    assert_eq!(answer.body.expect("an end").data, b"");

    let handle = |_, mut respond: SendResponse<Bytes>| async move {
        let response = Response::builder().header("content-length", "1000").body(());
        respond
            .send_response(response.expect("a good response"), true)
            .expect("it is sent");
    };
    let (mut pair, _server) = our_client_with(Config::default(), Cuts::whole(), &h2::server::Builder::new(), handle);
    let id = pair
        .ours
        .request(Reply::new(Fields::request("HEAD", "http", "peer", "/"), ""));
    pair.settle();
    let seen = &pair.ours.log.streams[&id];
    assert_eq!(seen.outcome, Some(Outcome::Complete));
    assert_eq!(
        seen.head.as_ref().and_then(|head| head.get("content-length")),
        Some(&b"1000"[..])
    );
}

#[test]
fn interim_responses_come_before_the_final_one() {
    for cuts in some_cuts() {
        let (mut pair, client) = our_server(Config::default(), cuts.clone());
        let answer = client.request(post("/"), Body::new(bytes(10)));
        pair.settle();
        for status in [100, 103, 103] {
            let mut head = Fields::response(status);
            head.push("link", "</style.css>");
            let mut sender = pair.ours.connection.sender(stream(0)).expect("an open stream");
            sender.interim(&head).expect("it is sent");
            pair.settle();
        }
        pair.ours.respond(stream(0), Reply::new(Fields::response(204), ""));
        pair.settle();
        let answer = answer.done().expect("an answer");
        let statuses: Vec<u16> = answer.interim.iter().map(|head| head.status().as_u16()).collect();
        assert_eq!(statuses, [100, 103, 103]);
        assert_eq!(answer.head.status(), 204);

        let handle = |request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>| async move {
            for status in [100, 103] {
                let head = Response::builder().status(status).body(()).expect("a good response");
                respond.send_informational(head).expect("it is sent");
            }
            let _ = read_body(request.into_body()).await;
            respond.send_response(Response::new(()), true).expect("it is sent");
        };
        let (mut pair, _server) = our_client_with(Config::default(), cuts, &h2::server::Builder::new(), handle);
        let id = pair.ours.request(Reply::new(post_fields("/"), bytes(70_000)));
        pair.settle();
        let seen = &pair.ours.log.streams[&id];
        let statuses: Vec<u16> = seen.interim.iter().map(Fields::status).collect();
        assert_eq!(statuses, [100, 103]);
        assert_eq!(seen.head.as_ref().map(Fields::status), Some(200));
        assert_eq!(seen.outcome, Some(Outcome::Complete));
    }
}

/// Each side may keep a table of any size, and the other one follows (RFC 7541 §4.2).
#[test]
fn compression_tables_follow_the_settings_of_either_side() {
    for size in [0, 64, 4_096, 65_536] {
        let mut config = wide(Config::default());
        config.header_table_size = size;
        config.encoder_table_size = 65_536;
        let mut builder = h2::client::Builder::new();
        builder.header_table_size(size / 2);
        let (mut pair, client) = our_server_with(config.clone(), Cuts::seeded(2), &builder);
        pair.ours.service = Some(echo_ours);
        for round in 0..4 {
            let fields = fields(40 + round, 30);
            let answer = client.request(with_fields(post("/"), &fields), Body::default());
            pair.settle();
            assert_eq!(
                canonical_map(answer.done().expect("an answer").head.headers()),
                sorted(&fields)
            );
        }

        let heads: Rc<RefCell<Vec<Canonical>>> = Rc::default();
        let seen = heads.clone();
        let mut builder = h2::server::Builder::new();
        builder.header_table_size(size / 2);
        let handle = move |request: Request<h2::RecvStream>, respond| {
            let (parts, body) = request.into_parts();
            seen.borrow_mut().push(canonical_map(&parts.headers));
            echo(Request::from_parts(parts, body), respond)
        };
        let (mut pair, _server) = our_client_with(config, Cuts::seeded(2), &builder, handle);
        for round in 0..4 {
            let fields = fields(40 + round, 30);
            let mut head = post_fields("/");
            fields.iter().for_each(|(name, value)| head.push(name, value));
            let id = pair.ours.request(Reply::new(head, ""));
            pair.settle();
            assert_eq!(heads.borrow_mut().pop(), Some(sorted(&fields)));
            let answered = pair.ours.log.streams[&id].head.as_ref().expect("a head");
            assert_eq!(canonical(answered)[1..], sorted(&fields));
        }
    }
}

#[test]
fn a_section_above_our_limit_costs_its_stream_only() {
    let mut config = Config::default();
    config.limits.max_header_list = 4_000;
    let (mut pair, client) = our_server(config.clone(), Cuts::whole());
    pair.ours.service = Some(echo_ours);
    let large = client.request(with_fields(post("/"), &fields(100, 100)), Body::default());
    let small = client.request(with_fields(post("/"), &fields(2, 100)), Body::default());
    pair.settle();
    let refused = large.done().expect_err("too large");
    assert_eq!(refused.reason(), Some(h2::Reason::ENHANCE_YOUR_CALM));
    assert_eq!(small.done().expect("an answer").head.status(), 200);

    let handle = |_, mut respond: SendResponse<Bytes>| async move {
        let mut response = Response::new(());
        for (name, value) in fields(100, 100) {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a good name");
            response
                .headers_mut()
                .append(name, value.parse().expect("a good value"));
        }
        respond.send_response(response, true).expect("it is sent");
    };
    let (mut pair, _server) = our_client_with(config, Cuts::whole(), &h2::server::Builder::new(), handle);
    let id = pair.ours.request(Reply::new(post_fields("/"), ""));
    pair.settle();
    let outcome = pair.ours.log.streams[&id].outcome.clone();
    assert!(matches!(outcome, Some(Outcome::Reset { .. })), "{outcome:?}");
    assert_eq!(pair.ours.log.closed, None);
}

#[test]
fn a_body_may_be_sent_after_an_early_answer() {
    let kept = Kept::default();
    let (mut pair, _server) = our_client_with(
        Config::default(),
        Cuts::whole(),
        &h2::server::Builder::new(),
        keep(&kept),
    );
    let id = pair
        .ours
        .connection
        .open(pair.ours.now, &post_fields("/"), Finish::Later)
        .expect("a stream");
    pair.ours
        .log
        .streams
        .insert(id, kitewire_testkit::reference::Exchange::default());
    pair.settle();
    let (request, mut respond) = kept.borrow_mut().pop().expect("a request");
    respond.send_response(Response::new(()), true).expect("it is sent");
    pair.tasks.run_all();
    pair.settle();
    assert_eq!(pair.ours.log.streams[&id].head.as_ref().map(Fields::status), Some(200));
    assert_eq!(pair.ours.log.streams[&id].outcome, None, "our half is open");
    pair.ours.send(id, bytes(100_000), None);
    let body = pair.tasks.spawn(read_body(request.into_body()));
    pair.settle();
    assert_eq!(body.done().expect("a whole body").data, bytes(100_000));
    assert_eq!(pair.ours.log.streams[&id].outcome, Some(Outcome::Complete));
    let response: http::response::Parts = Response::new(()).into_parts().0;
    assert_eq!(canonical_response(&response).len(), 1);
}

fn sorted(fields: &[(String, String)]) -> Canonical {
    let mut list: Canonical = fields
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    list.sort();
    list
}
