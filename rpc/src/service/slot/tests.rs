use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo};
use kitewire_proto::wire::Codec;
use kitewire_proto::{Instant, ServerConnection, ServerEvent};

use super::*;
use crate::Server;
use crate::server::{Link, Shared};
use crate::service::{RawBody, Service, method};

/// What the handlers of these tests share.
#[derive(Default)]
struct Bench {
    open: AtomicBool,
    dropped: AtomicUsize,
}

struct OnDrop<'a>(&'a Bench);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until the bench is open, and answers with what it was given.
fn waiting(bench: &Arc<Bench>) -> Box<dyn Method> {
    method(bench, |bench, call, body: RawBody| async move {
        let _gone = OnDrop(&bench);
        poll_fn(|_| {
            if bench.open.load(Ordering::Relaxed) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        call.set_backward("k", "v");
        call.finish(Ok(body))
    })
}

fn start(slot: &mut Box<dyn Running>, body: &'static [u8]) {
    let share = || Bytes::from_static(body);
    slot.start(call(), Received::new(body, &share), 64).unwrap();
}

fn poll(slot: &mut Box<dyn Running>) -> Poll<()> {
    slot.poll(&mut Context::from_waker(std::task::Waker::noop()))
}

fn answer(slot: &mut Box<dyn Running>) -> String {
    let mut seen = String::from("nothing");
    let answered = slot.answer("Svc", "run", &mut |ended| {
        seen = match &ended.answer {
            Answer::Result(_) => format!("result {:?}", ended.backward),
            Answer::Panicked(exception) => format!("{:?} {exception}", exception.kind.0),
            Answer::Nothing | Answer::Failed(_) => "other".to_owned(),
        };
        Poll::Ready(())
    });
    assert!(answered.is_ready());
    seen
}

fn address(slot: &dyn Running) -> *const () {
    std::ptr::from_ref(slot).cast()
}

#[test]
fn a_slot_is_filled_again_and_again() {
    let bench = Arc::new(Bench::default());
    let method = waiting(&bench);
    let mut slot = method.slot();
    let place = address(&*slot);
    for turn in 0..3 {
        bench.open.store(false, Ordering::Relaxed);
        start(&mut slot, b"");
        assert!(poll(&mut slot).is_pending());
        bench.open.store(true, Ordering::Relaxed);
        assert!(poll(&mut slot).is_ready());
        assert_eq!(
            bench.dropped.load(Ordering::Relaxed),
            turn + 1,
            "nothing of the handler stays"
        );
        assert_eq!(answer(&mut slot), r#"result [("k", "v")]"#);
        assert_eq!(answer(&mut slot), "nothing", "an answer is given once");
        slot.recycle();
        slot = method.slot();
        assert_eq!(address(&*slot), place);
    }
}

#[test]
fn an_answer_that_has_no_room_is_given_again() {
    let bench = Arc::new(Bench::default());
    let mut slot = waiting(&bench).slot();
    bench.open.store(true, Ordering::Relaxed);
    start(&mut slot, b"");
    assert!(poll(&mut slot).is_ready());
    assert!(slot.answer("Svc", "run", &mut |_| Poll::Pending).is_pending());
    assert!(poll(&mut slot).is_ready(), "polling it again does no harm");
    assert_eq!(answer(&mut slot), r#"result [("k", "v")]"#);
    assert_eq!(answer(&mut slot), "nothing");
}

#[test]
fn a_slot_that_is_given_up_forgets_its_handler() {
    let bench = Arc::new(Bench::default());
    let method = waiting(&bench);
    let mut slot = method.slot();
    start(&mut slot, b"");
    assert!(poll(&mut slot).is_pending());
    slot.recycle();
    assert_eq!(bench.dropped.load(Ordering::Relaxed), 1);
    assert_eq!(answer(&mut method.slot()), "nothing");
}

#[test]
fn a_method_keeps_so_many_slots_and_no_more() {
    let bench = Arc::new(Bench::default());
    let method = waiting(&bench);
    let slots: Vec<_> = (0..MAX_FREE + 10).map(|_| method.slot()).collect();
    assert_eq!(Arc::strong_count(&bench), MAX_FREE + 10 + 1 + 1);
    for slot in slots {
        slot.recycle();
    }
    assert_eq!(
        Arc::strong_count(&bench),
        MAX_FREE + 1 + 1,
        "one for each free slot, the method's and ours"
    );
    let late = method.slot();
    drop(method);
    late.recycle();
    assert_eq!(Arc::strong_count(&bench), 1, "a slot without a home just goes");
}

#[test]
fn panics_end_in_the_slot() {
    struct PanicOnDrop;
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let bench = Arc::new(Bench::default());
    let at_once = method(&bench, |_, call, body: RawBody| {
        assert!(body.0.is_empty(), "before the future");
        std::future::ready(call.finish(Ok(body)))
    });
    let in_poll = method(&bench, |_, call, body: RawBody| async move {
        assert!(body.0.is_empty(), "inside {}", "it");
        call.finish(Ok(body))
    });
    let in_drop = method(&bench, |_, call, body: RawBody| async move {
        let trap = PanicOnDrop;
        poll_fn(|_| Poll::<()>::Pending).await;
        drop(trap);
        call.finish(Ok(body))
    });
    let text = "panic: [happened in biz handler, method=Svc.run, please check the panic at the server side]";
    for (method, end) in [(at_once, "before the future"), (in_poll, "inside it")] {
        let mut slot = method.slot();
        start(&mut slot, b"x");
        assert!(poll(&mut slot).is_ready());
        assert_eq!(answer(&mut slot), format!("6 {text} {end}"));
        start(&mut slot, b"");
        assert!(poll(&mut slot).is_ready());
        assert_eq!(answer(&mut slot), "result []", "the slot is as good as new");
    }
    let mut slot = in_drop.slot();
    start(&mut slot, b"");
    assert!(poll(&mut slot).is_pending());
    slot.recycle();
}

static METHODS: [MethodInfo; 1] = [MethodInfo::new("run", MethodKind::Unary)];
static SVC: ServiceInfo = ServiceInfo::new("", "Svc", Codec::Thrift, &METHODS);

struct Svc;

impl Service for Svc {
    fn info(&self) -> &ServiceInfo {
        &SVC
    }

    fn methods(&self) -> &[Box<dyn Method>] {
        &[]
    }
}

/// A call as a connection makes it.
fn call() -> Call {
    let fixed = Server::detached().register(Svc).fix().unwrap();
    let server = Arc::new(Shared::new(fixed, || Instant::ZERO));
    let (services, config) = (Arc::clone(&server.services), Arc::clone(&server.config));
    let mut connection = ServerConnection::new(services, config, Instant::ZERO);
    let mut input = BytesMut::from(&b"\0\0\0\x10\x80\x01\0\x01\0\0\0\x03run\0\0\0\x07\0"[..]);
    connection.receive(Instant::ZERO, &mut input);
    let Some(ServerEvent::Opened { id }) = connection.poll_event() else {
        panic!("a whole call opens")
    };
    let incoming = connection.request(id).unwrap();
    Call::new(&Arc::new(Link::new(server, None)), id, &incoming)
}
