//! Everything that can happen to a connection, recorded and replayed, and recordings that are none.

use kitewire_proto::record::replay;
use kitewire_testkit::fuzz;
use kitewire_tests::recorded::sessions;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[test]
fn a_session_of_every_kind_is_replayed_to_the_same() {
    for (name, file) in sessions() {
        let replayed = replay(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(replayed.difference, None, "{name}");
        assert_eq!(replayed.hash, replayed.recorded_hash, "{name}");
        assert!(replayed.sent > 10 && replayed.received > 10, "{name}: {replayed:?}");
        let steps = usize::try_from(replayed.steps).expect("few");
        assert!(steps > 3 && file.len() < 2000, "{name}: {} bytes", file.len());
    }
}

fn any_session() -> impl Strategy<Value = Vec<u8>> {
    select(sessions()).prop_map(|(_, file)| file)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_recorded_is_replayed(
        what in 0u8..8,
        bits: u8,
        seed: [u8; 4],
        peer in vec(any::<u8>(), 0..400),
    ) {
        fuzz::recording(&[&[what, bits], &seed[..], &peer].concat());
    }

    #[test]
    fn anything_behind_a_good_beginning(
        mut file in any_session(),
        rest in vec(any::<u8>(), 0..300),
        kept: Index,
    ) {
        file.truncate(kept.index(file.len()));
        file.extend(rest);
        fuzz::recording(&file);
    }

    #[test]
    fn changed_steps(mut file in any_session(), changes in vec((any::<Index>(), any::<u8>()), 1..6)) {
        for (at, byte) in changes {
            let at = 12 + at.index(file.len() - 12);
            file[at] = byte;
        }
        fuzz::recording(&file);
    }
}
