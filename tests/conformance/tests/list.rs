//! The whole list, as `cargo test` runs it.

#[test]
fn every_scenario_gives_the_same_on_every_runtime() {
    let report = kitewire_conformance::run(&kitewire_conformance::Wish::default());
    println!("{}", report.text);
    assert_eq!(report.differences, 0, "{}", report.text);
}
