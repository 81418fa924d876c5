//! A hundred seeds over all scenarios. A thousand of each are run by hand: see the program `simulate`.
//!
//! A seed that fails is to be run alone (`simulate --seeds N --scenario KIND --verbose`), and stays here
//! as a test of its own once it is mended.

use aureon_testkit::{Kind, Report, Scenario, run};

fn hold(kind: Kind, seeds: std::ops::Range<u64>) -> Vec<Report> {
    let reports = seeds.map(|seed| {
        let report = run(Scenario::new(kind, seed)).unwrap();
        assert_eq!(report.violation, None, "trace {}", report.trace);
        report
    });
    reports.collect()
}

fn sum(reports: &[Report], count: fn(&Report) -> u64) -> u64 {
    reports.iter().map(count).sum()
}

#[test]
fn calm() {
    let reports = hold(Kind::Calm, 0..10);
    assert!(
        reports
            .iter()
            .all(|report| report.height >= 6 && report.lost == 0)
    );
    assert!(sum(&reports, |report| report.included) > 120 && sum(&reports, |report| report.refused) > 10);
}

#[test]
fn storm() {
    let reports = hold(Kind::Storm, 0..18);
    assert!(reports.iter().all(|report| report.crashes > 0 && report.lost > 0));
    assert!(
        sum(&reports, |report| report.imports) > 0,
        "somebody was left behind and caught up"
    );
    assert!(reports.iter().any(|report| report.highest_round > 0));
}

#[test]
fn all_crash() {
    let reports = hold(Kind::AllCrash, 0..12);
    assert!(
        sum(&reports, |report| report.torn) > 10,
        "crashes fall into syncs"
    );
}

#[test]
fn late_joiner() {
    let reports = hold(Kind::LateJoiner, 0..8);
    assert!(reports.iter().all(|report| report.imports > 0));
}

#[test]
fn lone() {
    hold(Kind::Lone, 0..16);
}

#[test]
fn every_sync() {
    let reports = hold(Kind::EverySync, 0..36);
    assert!(
        sum(&reports, |report| report.crashes) >= 34,
        "nearly every cut came"
    );
}

#[test]
fn a_seed_gives_one_trace_and_another_seed_another() {
    for kind in Kind::all() {
        let [first, again, other] = [1, 1, 2].map(|seed| run(Scenario::new(kind, seed)).unwrap());
        assert_eq!(first, again, "{kind}");
        assert_ne!(first.trace, other.trace, "{kind}");
    }
}
