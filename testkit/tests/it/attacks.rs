//! Fewer than a third of the validators attack: the others agree, go on, and blame nobody but them.

use aureon_testkit::{Attack, Kind, Report, Scenario, run};

fn hold(attack: Attack, seeds: std::ops::Range<u64>) -> Vec<Report> {
    let reports = seeds.map(|seed| {
        let report = run(Scenario::new(Kind::Attacked(attack), seed)).unwrap();
        assert_eq!(report.violation, None, "trace {}", report.trace);
        report
    });
    reports.collect()
}

#[test]
fn equivocating_proposer() {
    hold(Attack::EquivocatingProposer, 0..5);
}

#[test]
fn double_voter() {
    hold(Attack::DoubleVoter, 0..5);
}

#[test]
fn vote_withholder() {
    hold(Attack::VoteWithholder, 0..5);
}

#[test]
fn invalid_proposer() {
    let reports = hold(Attack::InvalidProposer, 0..5);
    let refused: u64 = reports.iter().map(|report| report.refused_blocks).sum();
    assert!(refused >= 5, "honest nodes refused its blocks: {refused}");
}

#[test]
fn time_liar() {
    hold(Attack::TimeLiar, 0..5);
}

#[test]
fn flooder() {
    hold(Attack::Flooder, 0..4);
}

#[test]
fn signature_corrupter() {
    hold(Attack::SignatureCorrupter, 0..5);
}
