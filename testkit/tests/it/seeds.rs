//! A hundred seeds for each engine, with those of `attacks`. Two thousand are run by hand: see the program
//! `simulate`.
//!
//! A seed that fails is to be run alone (`simulate --engine E --scenario KIND --seeds N --verbose`), and
//! stays here as a test of its own once it is mended.

use std::ops::Range;

use aureon_testkit::{Engine, Kind, Report, Scenario, run};

pub fn hold(engine: Engine, kind: Kind, seeds: Range<u64>) -> Vec<Report> {
    let reports = seeds.map(|seed| {
        let report = run(Scenario::new(engine, kind, seed)).unwrap();
        assert_eq!(report.violation, None, "trace {}", report.trace);
        report
    });
    reports.collect()
}

pub fn sum(reports: &[Report], count: fn(&Report) -> u64) -> u64 {
    reports.iter().map(count).sum()
}

fn calm(engine: Engine) {
    let reports = hold(engine, Kind::Calm, 0..6);
    assert!(
        reports
            .iter()
            .all(|report| report.height >= 6 && report.lost == 0)
    );
    assert!(sum(&reports, |report| report.included) > 70 && sum(&reports, |report| report.refused) > 5);
    assert!(
        sum(&reports, |report| report.contracts) >= 6,
        "contracts were deployed"
    );
    let (done, failed) = (
        sum(&reports, |report| report.contract_calls),
        sum(&reports, |report| report.failed_calls),
    );
    assert!(
        done > 20 && failed > 10,
        "{done} transactions with contracts did something, {failed} failed"
    );
    assert!(
        engine == Engine::Pow || sum(&reports, |report| report.sets) >= 10,
        "validators have come and gone"
    );
}

fn storm(engine: Engine) {
    let reports = hold(engine, Kind::Storm, 0..12);
    assert!(reports.iter().all(|report| report.crashes > 0 && report.lost > 0));
    if engine == Engine::Pow {
        assert!(sum(&reports, |report| report.reorgs) > 12, "branches lost");
        assert!(reports.iter().any(|report| report.deepest_reorg > 2));
        let undone = sum(&reports, |report| report.undone_calls);
        assert!(undone > 20, "{undone} transactions with contracts were undone");
    } else {
        assert!(
            sum(&reports, |report| report.imports) > 0,
            "somebody was left behind and caught up"
        );
        assert!(reports.iter().any(|report| report.highest_round > 0));
    }
}

fn all_crash(engine: Engine) {
    let reports = hold(engine, Kind::AllCrash, 0..8);
    // Miners sync only what they have mined, and are idle between.
    let few = if engine == Engine::Pow { 0 } else { 3 };
    assert!(
        sum(&reports, |report| report.torn) > few,
        "crashes fall into syncs"
    );
}

fn late_joiner(engine: Engine) {
    let reports = hold(engine, Kind::LateJoiner, 0..6);
    assert!(
        engine == Engine::Pow || reports.iter().all(|report| report.imports > 0),
        "it caught up by ranges"
    );
}

fn lone(engine: Engine) {
    hold(engine, Kind::Lone, 0..8);
}

fn every_sync(engine: Engine) {
    let reports = hold(engine, Kind::EverySync, 0..18);
    // Where blocks are mined there is no consensus log, so a third of the cuts cannot come.
    let most = if engine == Engine::Pow { 11 } else { 16 };
    assert!(
        sum(&reports, |report| report.crashes) >= most,
        "nearly every cut came"
    );
}

/// The only node was down when clients came again with what they lacked.
#[test]
fn clients_come_again_when_somebody_is_there() {
    hold(Engine::Pos, Kind::EverySync, 86..87);
}

/// The cut that was to come had not come when everything was over, and came when the disks were looked at.
#[test]
fn a_power_cut_that_never_came_is_called_off() {
    hold(Engine::Pow, Kind::EverySync, 111..112);
}

/// A node whose disk is full stops, says why, and loses nothing.
fn full_disk(engine: Engine) {
    let reports = hold(engine, Kind::FullDisk, 0..12);
    assert!(
        sum(&reports, |report| report.crashes) >= 7,
        "nodes stopped by themselves"
    );
}

/// Each of the plots as a test of each engine; then those of engines that vote; then those of proof of work.
macro_rules! for_every_engine {
    ($($plot:ident),*; $($voted:ident),*; $($mined:ident),*) => {
        mod poa {
            $(#[test]
            fn $plot() {
                super::$plot(aureon_testkit::Engine::Poa);
            })*
            $(#[test]
            fn $voted() {
                super::$voted(aureon_testkit::Engine::Poa);
            })*
        }

        mod pos {
            $(#[test]
            fn $plot() {
                super::$plot(aureon_testkit::Engine::Pos);
            })*
            $(#[test]
            fn $voted() {
                super::$voted(aureon_testkit::Engine::Pos);
            })*
        }

        mod pow {
            $(#[test]
            fn $plot() {
                super::$plot(aureon_testkit::Engine::Pow);
            })*
            $(#[test]
            fn $mined() {
                super::$mined(aureon_testkit::Engine::Pow);
            })*
        }
    };
}

pub(crate) use for_every_engine;

for_every_engine!(calm, storm, all_crash, late_joiner, lone, every_sync, full_disk;;);

#[test]
fn a_seed_gives_one_trace_and_another_seed_another() {
    for (place, kind) in Kind::all().enumerate() {
        // Each plot under one engine that has it.
        let mut engines = Engine::ALL.into_iter().cycle().skip(place);
        let engine = engines
            .find(|engine| Kind::of(*engine).any(|other| other == kind))
            .unwrap();
        let [first, again, other] = [1, 1, 2].map(|seed| run(Scenario::new(engine, kind, seed)).unwrap());
        assert_eq!(first, again, "{engine} {kind}");
        assert_ne!(first.trace, other.trace, "{engine} {kind}");
    }
}
