//! The controls: with a rule broken on purpose the simulation must fail, and for the right reason.

use aureon_testkit::{Attack, Engine, Kind, Sabotage, Scenario, run};

fn violation(scenario: Scenario) -> Option<String> {
    run(scenario).unwrap().violation
}

/// A calm network of four in which the first `count` attack.
fn attacked_by(count: usize, attack: Attack) -> Scenario {
    let mut scenario = Scenario::new(Engine::Poa, Kind::Calm, 0);
    scenario.reserves = 0;
    scenario.attackers = (0..count).map(|node| (node, attack)).collect();
    scenario
}

#[test]
fn a_vote_that_leaves_before_it_is_durable_is_contradicted_after_a_crash() {
    let broken =
        |seed| violation(Scenario::new(Engine::Poa, Kind::AllCrash, seed).with(Sabotage::SkipLogSync));
    let found: Vec<String> = (0..12).filter_map(broken).collect();
    assert!(
        found.iter().any(|what| what.contains("contradicts itself")),
        "{found:#?}"
    );
}

#[test]
fn accepting_a_bad_root_is_noticed() {
    let found = violation(Scenario::new(Engine::Poa, Kind::Calm, 0).with(Sabotage::AcceptBadRoot));
    assert!(
        found.as_ref().is_some_and(|what| what.contains("stopped")),
        "{found:?}"
    );
}

/// A machine that counts or stores otherwise parts with the others at the first block in which that matters.
#[test]
fn a_contract_machine_that_differs_is_noticed_with_height_and_difference() {
    for (sabotage, difference) in [
        (Sabotage::DearMachine, ["gas was used", "gas was used"]),
        (Sabotage::OtherValues, ["root", "by the receipts"]),
    ] {
        for engine in Engine::ALL {
            let found = violation(Scenario::new(engine, Kind::Calm, 0).with(sabotage)).unwrap_or_default();
            let is_named = difference.iter().any(|word| found.contains(word));
            let is_placed = found.contains("node 1") && found.contains("block ");
            assert!(is_named && is_placed, "{engine} {sabotage:?}: {found}");
        }
    }
}

/// Where all machines are wrong alike, all roots agree, and only the book of receipts knows better.
#[test]
fn contract_machines_that_all_forget_are_noticed() {
    for engine in Engine::ALL {
        let forgetful =
            |seed| violation(Scenario::new(engine, Kind::Calm, seed).with(Sabotage::ForgetfulMachines));
        let found: Vec<String> = (0..6).filter_map(forgetful).collect();
        // What the state holds is not what was told, or what was told does not go on from what was told before.
        let is_named = |what: &&String| {
            let height = what.contains("after block") || what.contains("in block");
            let difference = what.contains("by the receipts") || what.contains("more than before");
            height && difference && what.contains("contract 0x")
        };
        assert!(found.iter().any(|what| is_named(&what)), "{engine}: {found:#?}");
    }
}

/// Attackers that pass for honest are noticed by what they do.
#[test]
fn signing_twice_is_noticed_by_itself() {
    for attack in [Attack::EquivocatingProposer, Attack::DoubleVoter] {
        let found = violation(attacked_by(1, attack).with(Sabotage::Undeclared));
        assert!(
            found
                .as_ref()
                .is_some_and(|what| what.contains("contradicts itself")),
            "{attack}: {found:?}"
        );
    }
}

#[test]
fn a_false_block_or_signature_of_a_node_that_passes_for_honest_is_noticed() {
    for attack in [
        Attack::InvalidProposer,
        Attack::SignatureCorrupter,
        Attack::Flooder,
    ] {
        let found = violation(attacked_by(1, attack).with(Sabotage::Undeclared));
        assert!(found.is_some(), "{attack}");
    }
}

/// Who passes for honest and does this is blamed, which is what the simulation is there to notice.
#[test]
fn withheld_bodies_rotten_branches_and_sold_keys_are_held_against_who_serves_them() {
    for (engine, attack) in [
        (Engine::Poa, Attack::BodyWithholder),
        (Engine::Pow, Attack::RottenBranch),
        (Engine::Poa, Attack::FormerValidators),
        (Engine::Pos, Attack::FormerValidators),
    ] {
        let undeclared =
            |seed| violation(Scenario::new(engine, Kind::Attacked(attack), seed).with(Sabotage::Undeclared));
        let found: Vec<String> = (0..4).filter_map(undeclared).collect();
        assert!(
            found.iter().any(|what| what.contains("blamed honest")),
            "{engine} {attack}: {found:#?}"
        );
    }
}

/// The defence against withheld bodies is somebody else to ask. Without that, who joins never arrives.
#[test]
fn who_hears_of_nobody_but_a_withholder_does_not_catch_up() {
    for engine in Engine::ALL {
        let mut scenario = Scenario::new(engine, Kind::Attacked(Attack::BodyWithholder), 1);
        let (attacker, follower) = (scenario.attackers[0].0, scenario.keys());
        scenario.attackers.truncate(1);
        scenario.apart = (0..follower)
            .filter(|node| *node != attacker)
            .map(|node| (node, follower))
            .collect();
        scenario.deadline = scenario.heal_at + 20 * aureon_testkit::SECOND;
        scenario.blocks_after = 4;
        let found = violation(scenario);
        assert!(
            found.as_ref().is_some_and(|what| what.contains("not all nodes")),
            "{engine}: {found:?}"
        );
    }
}

/// Beyond a third of the power nothing can be promised: two of four that sign twice split the two honest
/// ones, which is what "one block per height" is there to notice.
#[test]
fn two_of_four_that_sign_twice_break_the_agreement() {
    let mut scenario = attacked_by(2, Attack::EquivocatingProposer);
    scenario.apart = vec![(2, 3)];
    let found = violation(scenario);
    assert!(
        found
            .as_ref()
            .is_some_and(|what| what.contains("elsewhere it is")),
        "{found:?}"
    );
}

/// And two of four that withhold their votes stop it, which is what the deadline is there to notice.
#[test]
fn two_of_four_that_withhold_votes_hold_up_the_chain() {
    let mut scenario = attacked_by(2, Attack::VoteWithholder);
    scenario.deadline = 4 * aureon_testkit::SECOND;
    scenario.blocks_after = 40;
    let found = violation(scenario);
    assert!(
        found.as_ref().is_some_and(|what| what.contains("not all nodes")),
        "{found:?}"
    );
}
