//! The controls: with a rule broken on purpose the simulation must fail, and for the right reason.

use aureon_testkit::{Kind, Sabotage, Scenario, run};

fn violation(scenario: Scenario) -> Option<String> {
    run(scenario).unwrap().violation
}

#[test]
fn a_vote_that_leaves_before_it_is_durable_is_contradicted_after_a_crash() {
    let broken = |seed| violation(Scenario::new(Kind::AllCrash, seed).with(Sabotage::SkipLogSync));
    let found: Vec<String> = (0..12).filter_map(broken).collect();
    assert!(
        found.iter().any(|what| what.contains("contradicts itself")),
        "{found:#?}"
    );
}

#[test]
fn a_block_with_a_bad_root_is_refused_and_the_others_go_on() {
    for seed in 0..2 {
        let scenario = Scenario::new(Kind::Calm, seed).with(Sabotage::BadRoot { accepted: false });
        let report = run(scenario).unwrap();
        assert_eq!(report.violation, None);
        assert!(
            report.refused_blocks >= 3,
            "all three honest nodes refused it: {report:?}"
        );
    }
}

#[test]
fn accepting_a_bad_root_is_noticed() {
    let found = violation(Scenario::new(Kind::Calm, 0).with(Sabotage::BadRoot { accepted: true }));
    assert!(
        found.as_ref().is_some_and(|what| what.contains("stopped")),
        "{found:?}"
    );
}

#[test]
fn signing_twice_is_noticed_by_itself() {
    let scenario = Scenario::new(Kind::Calm, 0).with(Sabotage::SignTwice {
        nodes: 1,
        known: false,
    });
    let found = violation(scenario);
    assert!(
        found
            .as_ref()
            .is_some_and(|what| what.contains("contradicts itself")),
        "{found:?}"
    );
}

#[test]
fn one_of_four_that_signs_twice_harms_nobody() {
    for seed in 0..3 {
        let scenario = Scenario::new(Kind::Calm, seed).with(Sabotage::SignTwice {
            nodes: 1,
            known: true,
        });
        assert_eq!(violation(scenario), None);
    }
}

/// Beyond a third of the power nothing can be promised: two of four that sign twice split the two honest
/// ones, which is what "one block per height" is there to notice.
#[test]
fn two_of_four_that_sign_twice_break_the_agreement() {
    let mut scenario = Scenario::new(Kind::Calm, 0).with(Sabotage::SignTwice {
        nodes: 2,
        known: true,
    });
    scenario.apart = vec![(2, 3)];
    let found = violation(scenario);
    assert!(
        found
            .as_ref()
            .is_some_and(|what| what.contains("elsewhere it is")),
        "{found:?}"
    );
}
