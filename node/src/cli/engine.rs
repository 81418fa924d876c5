//! The engine of a new genesis, from flags and configuration.

use std::time::Duration;

use aureon_types::{
    Amount, EngineKind, PublicKey,
    genesis::{GenesisStake, PoaParameters, PosParameters, PowParameters, RewardSchedule},
};
use clap::Args;

use super::{failure::Failure, parse};
use crate::config::Config;

/// What only one engine needs. A flag that belongs to another engine is refused.
#[derive(Clone, Debug, Default, Args)]
pub struct EngineFlags {
    /// Engine: pow, pos or poa; without it the configuration decides ("poa" by default)
    #[arg(long, value_name = "ENGINE", value_parser = parse::engine)]
    pub engine: Option<&'static str>,
    /// poa: public key of an authority; may be given several times
    #[arg(long = "authority", value_name = "PUBLIC_KEY")]
    pub authorities: Vec<PublicKey>,
    /// poa: blocks for which a vote on the authorities counts
    #[arg(long, value_name = "BLOCKS")]
    pub vote_expiry_blocks: Option<u64>,
    /// pos: a validator's stake in base units, and, after a colon, its commission (5000000:2.5%); may be
    /// given several times
    #[arg(long = "stake", value_name = "PUBLIC_KEY=AMOUNT[:COMMISSION]", value_parser = parse::stake)]
    pub stakes: Vec<GenesisStake>,
    /// pos: least stake of a validator in base units
    #[arg(long, value_name = "AMOUNT")]
    pub min_stake: Option<Amount>,
    /// pos, poa: blocks of an epoch; the validators change between epochs
    #[arg(long, value_name = "BLOCKS")]
    pub epoch_blocks: Option<u64>,
    /// pos: epochs until unbonded stake returns
    #[arg(long, value_name = "EPOCHS")]
    pub unbonding_epochs: Option<u64>,
    /// pos: most validators of an epoch
    #[arg(long, value_name = "COUNT")]
    pub max_validators: Option<u32>,
    /// pos: share of the stake that signing two blocks costs, such as 5%
    #[arg(long, value_name = "SHARE", value_parser = parse::basis_points)]
    pub slash: Option<u32>,
    /// pos: share of an epoch's blocks that a validator may miss, such as 50%
    #[arg(long, value_name = "SHARE", value_parser = parse::basis_points)]
    pub max_missed: Option<u32>,
    /// pos: epochs that a jailed validator stays in jail at least
    #[arg(long, value_name = "EPOCHS")]
    pub jail_epochs: Option<u64>,
    /// pow: leading zero bytes of the first target, 0 to 31
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u8).range(0..=31))]
    pub pow_difficulty: Option<u8>,
    /// pow: half-life of the difficulty adjustment [default: 10 block times]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub half_life: Option<Duration>,
    /// pow: a block this far below the head is final
    #[arg(long, value_name = "BLOCKS")]
    pub finality_depth: Option<u64>,
    /// pow, pos: new base units per block
    #[arg(long, value_name = "AMOUNT")]
    pub reward: Option<Amount>,
    /// pow, pos: blocks after which the reward is halved
    #[arg(long, value_name = "BLOCKS")]
    pub halving_blocks: Option<u64>,
}

impl EngineFlags {
    /// The name of the engine that flags and configuration ask for.
    pub fn name<'a>(&self, config: &'a Config) -> &'a str {
        self.engine.unwrap_or(&config.consensus.engine)
    }

    /// The engine that flags and configuration ask for.
    pub fn engine(&self, config: &Config, block_time_ms: u64) -> Result<EngineKind, Failure> {
        let name = self.name(config);
        self.refuse_strangers(name)?;
        match name {
            "pow" => Ok(EngineKind::Pow(self.pow(config, block_time_ms))),
            "pos" => self.pos(config).map(EngineKind::Pos),
            _ => self.poa(config).map(EngineKind::Poa),
        }
    }

    /// A flag that would be ignored is a mistake, or a misunderstanding.
    fn refuse_strangers(&self, engine: &str) -> Result<(), Failure> {
        let flags: [(&str, &[&str], bool); 15] = [
            ("authority", &["poa"], !self.authorities.is_empty()),
            ("vote-expiry-blocks", &["poa"], self.vote_expiry_blocks.is_some()),
            ("stake", &["pos"], !self.stakes.is_empty()),
            ("min-stake", &["pos"], self.min_stake.is_some()),
            ("epoch-blocks", &["pos", "poa"], self.epoch_blocks.is_some()),
            ("unbonding-epochs", &["pos"], self.unbonding_epochs.is_some()),
            ("max-validators", &["pos"], self.max_validators.is_some()),
            ("slash", &["pos"], self.slash.is_some()),
            ("max-missed", &["pos"], self.max_missed.is_some()),
            ("jail-epochs", &["pos"], self.jail_epochs.is_some()),
            ("pow-difficulty", &["pow"], self.pow_difficulty.is_some()),
            ("half-life", &["pow"], self.half_life.is_some()),
            ("finality-depth", &["pow"], self.finality_depth.is_some()),
            ("reward", &["pow", "pos"], self.reward.is_some()),
            ("halving-blocks", &["pow", "pos"], self.halving_blocks.is_some()),
        ];
        match flags
            .into_iter()
            .find(|(_, engines, given)| *given && !engines.contains(&engine))
        {
            Some((flag, engines, _)) => Err(Failure::usage(format!(
                "--{flag} belongs to the engine {}, the engine is \"{engine}\": give --engine, or leave it out",
                engines
                    .iter()
                    .map(|name| format!("\"{name}\""))
                    .collect::<Vec<_>>()
                    .join(" or ")
            ))),
            None => Ok(()),
        }
    }

    fn reward(&self, default: RewardSchedule) -> RewardSchedule {
        RewardSchedule {
            per_block: self.reward.map_or(default.per_block, |amount| amount.0),
            halving_blocks: self.halving_blocks.unwrap_or(default.halving_blocks),
        }
    }

    fn pow(&self, config: &Config, block_time_ms: u64) -> PowParameters {
        let default = PowParameters::with_block_time(block_time_ms);
        PowParameters {
            difficulty: self.pow_difficulty.unwrap_or(config.consensus.pow_difficulty),
            half_life_ms: self.half_life.map_or(default.half_life_ms, milliseconds),
            finality_depth: self.finality_depth.unwrap_or(default.finality_depth),
            reward: self.reward(default.reward),
        }
    }

    fn pos(&self, config: &Config) -> Result<PosParameters, Failure> {
        if self.stakes.is_empty() {
            return Err(Failure::usage(
                "a genesis of proof of stake needs at least one validator: give --stake <public key>=<base units> \
                 (`aureon-node keys show <file>` prints the key)",
            ));
        }
        let default = PosParameters::new(self.stakes.clone());
        Ok(PosParameters {
            min_stake: self
                .min_stake
                .map_or(config.consensus.pos_min_stake, |amount| amount.0),
            epoch_blocks: self.epoch_blocks.unwrap_or(default.epoch_blocks),
            unbonding_epochs: self.unbonding_epochs.unwrap_or(default.unbonding_epochs),
            max_validators: self.max_validators.unwrap_or(default.max_validators),
            slash_basis_points: self.slash.unwrap_or(default.slash_basis_points),
            max_missed_basis_points: self.max_missed.unwrap_or(default.max_missed_basis_points),
            jail_epochs: self.jail_epochs.unwrap_or(default.jail_epochs),
            reward: self.reward(default.reward),
            validators: default.validators,
        })
    }

    fn poa(&self, config: &Config) -> Result<PoaParameters, Failure> {
        let mut authorities = self.authorities.clone();
        authorities.extend(&config.consensus.poa_authorities);
        authorities.sort();
        authorities.dedup();
        if authorities.is_empty() {
            return Err(Failure::usage(
                "a genesis of proof of authority needs at least one authority: give --authority <public key> \
                 (`aureon-node keys show <file>` prints it), or consensus.poa_authorities",
            ));
        }
        let default = PoaParameters::new(authorities);
        Ok(PoaParameters {
            epoch_blocks: self.epoch_blocks.unwrap_or(default.epoch_blocks),
            vote_expiry_blocks: self.vote_expiry_blocks.unwrap_or(default.vote_expiry_blocks),
            authorities: default.authorities,
        })
    }
}

/// Whole milliseconds; stays at the end of 64 bits, which every check refuses.
pub fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aureon_types::{SecretKey, genesis::ENGINE_NAMES};

    use super::*;
    use crate::config::Document;

    fn config(change: impl FnOnce(&mut Document)) -> Config {
        let mut document = Document::default();
        change(&mut document);
        Config::resolve(&document, Path::new("/")).unwrap()
    }

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed([seed; 32]).public_key()
    }

    fn stake(seed: u8) -> GenesisStake {
        GenesisStake {
            public_key: key(seed),
            stake: Amount(5_000),
            commission_basis_points: 0,
        }
    }

    #[test]
    fn flags_win_over_the_configuration_and_the_rest_is_default() {
        let config = config(|document| {
            document.consensus.engine = "pow".to_owned();
            document.consensus.pow_difficulty = 5;
        });
        let flags = EngineFlags {
            finality_depth: Some(9),
            ..EngineFlags::default()
        };
        let EngineKind::Pow(pow) = flags.engine(&config, 2_000).unwrap() else {
            unreachable!("the configuration says pow")
        };
        assert_eq!(
            (pow.difficulty, pow.half_life_ms, pow.finality_depth),
            (5, 20_000, 9)
        );
        let flags = EngineFlags {
            pow_difficulty: Some(1),
            ..flags
        };
        let EngineKind::Pow(pow) = flags.engine(&config, 2_000).unwrap() else {
            unreachable!("the configuration says pow")
        };
        assert_eq!(pow.difficulty, 1);
    }

    #[test]
    fn the_least_stake_is_that_of_the_configuration() {
        let config = config(|document| document.consensus.pos_min_stake = 4_000);
        let flags = EngineFlags {
            engine: Some("pos"),
            stakes: vec![stake(1)],
            reward: Some(Amount(7)),
            ..EngineFlags::default()
        };
        let EngineKind::Pos(pos) = flags.engine(&config, 1).unwrap() else {
            unreachable!("the flag says pos")
        };
        assert_eq!((pos.min_stake, pos.reward.per_block), (4_000, 7));
        assert_eq!(pos.validators, [stake(1)]);
    }

    #[test]
    fn every_flag_of_another_engine_is_refused() {
        let all = EngineFlags {
            engine: None,
            authorities: vec![key(1)],
            vote_expiry_blocks: Some(1),
            stakes: vec![stake(1)],
            min_stake: Some(Amount(1)),
            epoch_blocks: Some(4),
            unbonding_epochs: Some(1),
            max_validators: Some(1),
            slash: Some(1),
            max_missed: Some(1),
            jail_epochs: Some(1),
            pow_difficulty: Some(1),
            half_life: Some(Duration::from_secs(1)),
            finality_depth: Some(1),
            reward: Some(Amount(1)),
            halving_blocks: Some(1),
        };
        for engine in ENGINE_NAMES {
            let flags = EngineFlags {
                engine: Some(engine),
                ..all.clone()
            };
            assert!(flags.engine(&config(|_| {}), 1_000).is_err(), "{engine}");
        }
        let flags = EngineFlags {
            engine: Some("pow"),
            epoch_blocks: Some(4),
            ..EngineFlags::default()
        };
        let error = flags.engine(&config(|_| {}), 1_000).unwrap_err().to_string();
        assert!(
            error.contains("--epoch-blocks belongs to the engine \"pos\" or \"poa\""),
            "{error}"
        );
    }
}
