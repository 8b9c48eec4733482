//! Small inputs that stand for large ones, over ping-pong protocols.

use crate::attacker::Attacker;
use crate::stage::{PATIENCE, Stage};
use crate::wire::{arguments, envelope, framed, strings, ttheader};
use crate::{KIB, MIB};

/// Sends it once, and waits for what the server makes of it: an answer or the end.
async fn once(stage: &Stage, bytes: &[u8]) -> Attacker {
    let mut attacker = stage.attacker().await;
    attacker.send(bytes).await;
    attacker
}

/// Large frames of which only the head comes: nothing is reserved for them.
pub(crate) async fn lengths_that_are_announced(stage: Stage) {
    const PEERS: usize = 200;
    let fifteen = (15u32 << 20).to_be_bytes();
    let call = &envelope(&arguments("x"))[..];
    let string = [&[0x0b, 0, 1][..], &fifteen].concat();
    let heads = [
        [&fifteen, call].concat(),
        [&fifteen[..], &[0x10, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0], call].concat(),
        [&fifteen[..], &envelope(&[&[0x0c, 0, 1], &string[..]].concat())].concat(),
    ];
    for head in heads {
        let mut attackers = Vec::with_capacity(PEERS);
        let ((), cost) = stage
            .cost(async || {
                for _ in 0..PEERS {
                    attackers.push(once(&stage, &head).await);
                }
                stage.serves().await;
            })
            .await;
        println!("announced lengths: {} KiB", cost.memory / KIB);
        assert!(cost.memory <= PEERS * 32 * KIB, "{}", cost.memory);
        for attacker in &mut attackers {
            assert!(attacker.gone(&stage, PATIENCE).await, "it waits for ever");
        }
    }
    // Lengths that no frame may have end the connection at once.
    for length in [16 * MIB + 1, 0x7fff_ffff] {
        let length = u32::try_from(length).unwrap().to_be_bytes();
        let heads = [
            [&length, call].concat(),
            [&length[..], &[0x10, 0, 0, 0, 0, 0, 0, 1, 0, 1]].concat(),
        ];
        for head in heads {
            let begun = stage.now();
            let mut attacker = once(&stage, &head).await;
            assert!(attacker.gone(&stage, PATIENCE).await);
            let exact = stage.net.is_some();
            assert!(
                !exact || stage.now() - begun < stage.patience.rest,
                "it waited for more"
            );
        }
    }
    stage.serves().await;
    stage.quiet(3).await;
}

/// Headers longer than their frame, blocks longer than their header, entries longer than their block.
pub(crate) async fn lengths_that_do_not_fit_together(stage: Stage) {
    let call = envelope(&arguments("x"));
    let good = ttheader(&strings([("k".to_owned(), "v")].into_iter()), &call);
    let ((), cost) = stage
        .cost(async || {
            // Every two bytes of the header in turn say more than there is.
            for at in (12..32).step_by(2) {
                for lie in [0xffff_u16, 0x7fff, 0x0100] {
                    let mut bad = good.clone();
                    bad[at..at + 2].copy_from_slice(&lie.to_be_bytes());
                    let mut attacker = once(&stage, &bad).await;
                    // Whatever the server makes of it, the next call is served or the connection is over.
                    let patience = stage.patience.idle * 2;
                    assert!(attacker.gone(&stage, patience).await || !attacker.heard.is_empty());
                }
            }
            stage.serves().await;
        })
        .await;
    println!("lengths that do not fit: {} KiB", cost.memory / KIB);
    assert!(cost.memory <= 2 * MIB, "{}", cost.memory);
    assert_eq!(stage.handlers.most(), 1);
    stage.quiet(3).await;
}

/// As many entries as a header can hold, and as long ones.
pub(crate) async fn blocks_full_of_entries(stage: Stage) {
    let call = envelope(&arguments("x"));
    let value = "v".repeat(60_000);
    let many = strings((0..12_000).map(|n| (format!("{n:x}"), "")));
    let allowed = strings((0..1_000).map(|n| (n.to_string(), "")));
    let same = strings((0..1_000).map(|_| ("rpc-persist-x".to_owned(), "y")));
    let wide = strings(
        [
            ("a".to_owned(), &value[..]),
            ("b".to_owned(), &value),
            ("c".to_owned(), &value),
        ]
        .into_iter(),
    );
    for (what, blocks) in [("many", many), ("allowed", allowed), ("the same", same), ("wide", wide)] {
        let frame = ttheader(&blocks, &call);
        let mut attacker = stage.attacker().await;
        let flood = stage.flood(&mut attacker, 300, |_| frame.clone()).await;
        flood.within(&format!("blocks of {what} entries"), 2 * MIB, (KIB, 5));
        assert_eq!(flood.stopped, what == "many", "{what}");
    }
    stage.quiet(3).await;
}

/// Structs in structs, lists in lists, maps in maps: as deep as a frame is long.
pub(crate) async fn structs_in_structs(stage: Stage) {
    let depth = 200_000;
    let structs = [0x0c, 0, 7].repeat(depth);
    let lists = [&[0x0f, 0, 7][..], &[0x0f, 0, 0, 0, 1].repeat(depth)].concat();
    let maps = [&[0x0d, 0, 7][..], &[0x0b, 0x0d, 0, 0, 0, 1, 0, 0, 0, 0].repeat(depth)].concat();
    for (what, arguments) in [("structs", structs), ("lists", lists), ("maps", maps)] {
        let frame = framed(&arguments);
        let mut attacker = stage.attacker().await;
        let flood = stage.flood(&mut attacker, 10, |_| frame.clone()).await;
        flood.within(&format!("depth of {what}"), 3 * frame.len() + 2 * MIB, (KIB, 5));
    }
    stage.quiet(3).await;
}

/// Containers that announce 2^31 elements, and such as take no bytes at all.
pub(crate) async fn containers_that_hold_nothing(stage: Stage) {
    let huge = [0x7f, 0xff, 0xff, 0xff];
    let containers: [Vec<u8>; 6] = [
        [&[0x0f, 0, 7, 0x02][..], &huge].concat(),
        [&[0x0f, 0, 7, 0x0c][..], &huge].concat(),
        [&[0x0e, 0, 7, 0x0a][..], &huge].concat(),
        [&[0x0d, 0, 7, 0x0b, 0x0b][..], &huge].concat(),
        [&[0x0f, 0, 7, 0x01][..], &huge].concat(),
        [&[0x0b, 0, 7][..], &huge].concat(),
    ];
    for container in containers {
        for arguments in [container.clone(), [&[0x0c, 0, 1], &container[..]].concat()] {
            let frame = framed(&[&arguments[..], &[0; 16]].concat());
            let mut attacker = stage.attacker().await;
            let flood = stage.flood(&mut attacker, 5_000, |_| frame.clone()).await;
            flood.within("container bomb", MIB, (frame.len(), 2));
        }
    }
    stage.quiet(3).await;
}
