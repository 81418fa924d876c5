//! Where the configuration says one thing and the genesis another.
//!
//! The configuration serves new networks; a running one obeys its genesis, else its nodes would
//! disagree. What somebody set and what therefore has no effect is worth a line.

use aureon_types::{EngineKind, Genesis};

use super::Config;

/// One sentence for each key that was set and that the genesis overrules.
pub fn contradictions(config: &Config, genesis: &Genesis) -> Vec<String> {
    let mut lines = engine(config, &genesis.engine);
    let differs = |(address, amount)| genesis.balances.get(address) != Some(amount);
    if config.initial_balances.iter().any(differs) {
        lines.push(
            "state.initial_balances differs from the genesis: the genesis wins, balances begin there"
                .to_owned(),
        );
    }
    lines
}

fn engine(config: &Config, engine: &EngineKind) -> Vec<String> {
    let mut lines = Vec::new();
    let (consensus, name) = (&config.consensus, engine.name());
    if config.given.contains("consensus.engine") && consensus.engine != name {
        lines.push(format!(
            "consensus.engine is \"{}\", but the genesis says \"{name}\": the genesis wins, because all nodes of a \
             network must follow the same rules",
            consensus.engine
        ));
    }
    match engine {
        EngineKind::Pow(pow) => {
            let (ours, theirs) = (consensus.pow_difficulty, pow.difficulty);
            if config.given.contains("consensus.pow_difficulty") && ours != theirs {
                lines.push(format!(
                    "consensus.pow_difficulty is {ours}, but the network began with {theirs}: the genesis wins, and \
                     every block since has set the difficulty of the next"
                ));
            }
        }
        EngineKind::Pos(pos) => {
            let (ours, theirs) = (consensus.pos_min_stake, pos.min_stake);
            if config.given.contains("consensus.pos_min_stake") && ours != theirs {
                lines.push(format!(
                    "consensus.pos_min_stake is {ours}, but the genesis says {theirs}: the genesis wins, because all \
                     nodes must agree on who may be a validator"
                ));
            }
        }
        EngineKind::Poa(poa) => {
            let mut ours = consensus.poa_authorities.clone();
            ours.sort();
            ours.dedup();
            if !ours.is_empty() && ours != poa.authorities {
                lines.push(format!(
                    "consensus.poa_authorities names {} keys that are not exactly the {} of the genesis: the genesis \
                     wins, and since then the authorities' own votes",
                    ours.len(),
                    poa.authorities.len()
                ));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aureon_types::{
        Address, Amount, EmptyBlocks, SecretKey,
        genesis::{BftTimeouts, GenesisStake, PoaParameters, PosParameters, PowParameters},
    };

    use super::*;
    use crate::config::{self, Overrides, Source};

    const BALANCE: &str = "0x52908400098527886E0F7030069857D2E4169EE7=5";

    fn genesis(engine: EngineKind) -> Genesis {
        Genesis {
            chain: "test".to_owned(),
            timestamp_ms: 0,
            engine,
            block_time_ms: 1_000,
            empty_blocks: EmptyBlocks::Always,
            gas_limit: 2_100_000,
            min_gas_price: 1,
            vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
            timeouts: BftTimeouts::default(),
            balances: BTreeMap::new(),
        }
        .checked()
        .unwrap()
    }

    fn engines() -> [EngineKind; 3] {
        let public_key = SecretKey::from_seed([1; 32]).public_key();
        [
            EngineKind::Pow(PowParameters {
                difficulty: 2,
                ..PowParameters::with_block_time(1_000)
            }),
            EngineKind::Pos(PosParameters {
                min_stake: 7,
                ..PosParameters::new(vec![GenesisStake {
                    public_key,
                    stake: Amount(7),
                    commission_basis_points: 0,
                }])
            }),
            EngineKind::Poa(PoaParameters::new(vec![public_key])),
        ]
    }

    /// What is said of each engine when these variables are set.
    fn said(variables: &[(&str, &str)]) -> [Vec<String>; 3] {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let source = Source::Directory("/nonexistent".into());
        let config = config::load(&source, variables, &Overrides::default()).unwrap();
        engines().map(|engine| contradictions(&config, &genesis(engine)))
    }

    #[test]
    fn defaults_contradict_nothing() {
        assert_eq!(said(&[]), [const { Vec::<String>::new() }; 3]);
    }

    #[test]
    fn what_was_set_and_has_no_effect_is_said() {
        let other = SecretKey::from_seed([2; 32]).public_key().to_string();
        for (variable, value, expected) in [
            ("AUREON_CONSENSUS_ENGINE", "poa", [true, true, false]),
            ("AUREON_CONSENSUS_ENGINE", "pow", [false, true, true]),
            ("AUREON_POW_DIFFICULTY", "3", [true, false, false]),
            ("AUREON_POW_DIFFICULTY", "2", [false, false, false]),
            ("AUREON_POS_MIN_STAKE", "1000", [false, true, false]),
            ("AUREON_POS_MIN_STAKE", "7", [false, false, false]),
            ("AUREON_POA_AUTHORITIES", &other, [false, false, true]),
            ("AUREON_STATE_INITIAL_BALANCES", BALANCE, [true, true, true]),
        ] {
            let said = said(&[(variable, value)]);
            let any = said.each_ref().map(|lines| !lines.is_empty());
            assert_eq!(any, expected, "{variable}={value}: {said:?}");
            assert!(
                said.iter()
                    .flatten()
                    .all(|line| line.contains("the genesis wins"))
            );
        }
    }

    #[test]
    fn a_balance_of_the_genesis_is_no_contradiction() {
        let address: Address = BALANCE.split_once('=').unwrap().0.parse().unwrap();
        let [_, _, poa] = engines();
        let genesis = Genesis {
            balances: BTreeMap::from([(address, Amount(5))]),
            ..genesis(poa)
        };
        let variables = [("AUREON_STATE_INITIAL_BALANCES".to_owned(), BALANCE.to_owned())];
        let source = Source::Directory("/nonexistent".into());
        let config = config::load(&source, variables, &Overrides::default()).unwrap();
        assert_eq!(contradictions(&config, &genesis), Vec::<String>::new());
    }
}
