//! Parameters of the engines that no genesis may have.

use super::*;

/// What is said when the parameters of proof of work are changed so.
fn pow_error(change: impl FnOnce(&mut Genesis, &mut PowParameters)) -> String {
    let mut parameters = PowParameters::with_block_time(1_000);
    let mut genesis = genesis();
    change(&mut genesis, &mut parameters);
    genesis.engine = EngineKind::Pow(parameters);
    genesis.checked().unwrap_err().to_string()
}

#[test]
fn proof_of_work_is_refused_with_field_and_reason() {
    for (error, field) in [
        (pow_error(|_, pow| pow.difficulty = 32), "pow.difficulty"),
        (pow_error(|_, pow| pow.half_life_ms = 999), "pow.half_life_ms"),
        (
            pow_error(|_, pow| pow.half_life_ms = 10_000_001),
            "pow.half_life_ms",
        ),
        (pow_error(|_, pow| pow.finality_depth = 0), "pow.finality_depth"),
        (
            pow_error(|_, pow| pow.finality_depth = 1_025),
            "pow.finality_depth",
        ),
        (
            pow_error(|_, pow| pow.reward.halving_blocks = 0),
            "pow.reward.halving_blocks",
        ),
        (
            pow_error(|_, pow| pow.reward.per_block = MAX_SUPPLY / pow.reward.halving_blocks),
            "pow.reward",
        ),
        (
            pow_error(|genesis, _| genesis.empty_blocks = EmptyBlocks::OnDemand),
            "empty_blocks",
        ),
        (pow_error(|genesis, _| genesis.timeouts.vote_ms += 1), "timeouts"),
    ] {
        assert!(
            error.starts_with(&format!("genesis field \"{field}\": ")),
            "{error}"
        );
    }
}

/// What is said when the parameters of proof of stake are changed so.
fn pos_error(change: impl FnOnce(&mut PosParameters)) -> String {
    let mut parameters = PosParameters::new(vec![stake(1, 5_000), stake(2, 6_000)]);
    change(&mut parameters);
    let genesis = Genesis {
        engine: EngineKind::Pos(parameters),
        ..genesis()
    };
    genesis.checked().unwrap_err().to_string()
}

#[test]
fn proof_of_stake_is_refused_with_field_and_reason() {
    for (error, field, reason) in [
        (
            pos_error(|pos| pos.validators.clear()),
            "validators",
            "at least one",
        ),
        (
            pos_error(|pos| pos.validators[1].stake = Amount::ZERO),
            "validators",
            "is 0, below pos.min_stake, 1000",
        ),
        (
            pos_error(|pos| pos.min_stake = 5_001),
            "validators",
            "is 5000, below pos.min_stake, 5001",
        ),
        (
            pos_error(|pos| pos.validators[1].public_key = key(1)),
            "validators",
            "more than once",
        ),
        (
            pos_error(|pos| pos.validators[1].public_key = PublicKey([0; 32])),
            "validators",
            "small order",
        ),
        (
            pos_error(|pos| pos.validators[0].stake = Amount(MAX_SUPPLY)),
            "validators",
            "total voting power is above",
        ),
        (
            pos_error(|pos| pos.validators[0].stake = Amount(MAX_SUPPLY - 6_000)),
            "validators",
            "above the greatest supply",
        ),
        (
            pos_error(|pos| pos.validators[0].commission_basis_points = 10_001),
            "validators",
            "above 10000",
        ),
        (
            pos_error(|pos| pos.max_validators = 1),
            "validators",
            "more than pos.max_validators",
        ),
        (pos_error(|pos| pos.min_stake = 0), "pos.min_stake", "0 is not"),
        (pos_error(|pos| pos.epoch_blocks = 3), "pos.epoch_blocks", "4 to"),
        (
            pos_error(|pos| pos.epoch_blocks = 100_001),
            "pos.epoch_blocks",
            "100000",
        ),
        (
            pos_error(|pos| pos.unbonding_epochs = 0),
            "pos.unbonding_epochs",
            "1 to 100",
        ),
        (
            pos_error(|pos| pos.max_validators = 1_001),
            "pos.max_validators",
            "1 to 1000",
        ),
        (
            pos_error(|pos| pos.slash_basis_points = 0),
            "pos.slash_basis_points",
            "1 to 10000",
        ),
        (
            pos_error(|pos| pos.max_missed_basis_points = 10_001),
            "pos.max_missed_basis_points",
            "0 to 10000",
        ),
        (
            pos_error(|pos| pos.jail_epochs = 0),
            "pos.jail_epochs",
            "1 to 10000",
        ),
        (
            pos_error(|pos| pos.reward.halving_blocks = 0),
            "pos.reward.halving_blocks",
            "at least 1",
        ),
        (
            pos_error(|pos| pos.reward.per_block = MAX_SUPPLY),
            "pos.reward",
            "above the greatest supply",
        ),
    ] {
        let expected = format!("genesis field \"{field}\": ");
        assert!(
            error.starts_with(&expected) && error.contains(reason),
            "{field}, {reason}: {error}"
        );
    }
}

#[test]
fn what_belongs_to_another_engine_is_refused() {
    let pow = pow().to_json();
    for (addition, word) in [
        ("\"authorities\": [],", "authorities"),
        ("\"validators\": [],", "validators"),
        ("\"pos\": {},", "\"pos\""),
        ("\"poa\": {},", "\"poa\""),
        ("\"timeouts\": {},", "timeouts"),
    ] {
        let text = pow.replacen('{', &format!("{{{addition}"), 1);
        let error = Genesis::from_json(&text).unwrap_err().to_string();
        assert!(error.contains(word), "{addition}: {error}");
    }
    let typo = pow.replacen("\"difficulty\"", "\"dificulty\"", 1);
    assert!(
        Genesis::from_json(&typo)
            .unwrap_err()
            .to_string()
            .contains("dificulty")
    );
}

#[test]
fn a_block_has_room_for_what_its_engine_needs() {
    let with = |engine, gas_limit| {
        let genesis = Genesis {
            engine,
            gas_limit,
            ..genesis()
        };
        genesis.checked().map_err(|error| error.to_string())
    };
    let pow = || EngineKind::Pow(PowParameters::with_block_time(1_000));
    let pos = || EngineKind::Pos(PosParameters::new(vec![stake(1, 5_000)]));
    assert!(with(pow(), 21_000).is_ok() && with(pos(), 2_000_000).is_ok());
    for (engine, gas_limit, least) in [
        (pow(), 20_999, "one transfer"),
        (pos(), 1_999_999, "one piece of evidence"),
        (genesis().engine, 21_000, "one piece of evidence"),
    ] {
        let error = with(engine, gas_limit).unwrap_err();
        assert!(
            error.starts_with("genesis field \"gas_limit\": ") && error.contains(least),
            "{error}"
        );
    }
}
