//! Networks under stress, from seeds.
use crate::network::{Scenario, run};

#[test]
fn four_calm_validators_decide_one_chain() {
    let report = run(Scenario::calm(1, 4));
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
}
