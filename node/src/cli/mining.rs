//! Whether a node mines, and for whom: flags, configuration and genesis together.

use aureon_types::{EngineKind, Genesis, SecretKey};

use super::failure::Failure;
use crate::{config, run::MiningOptions};

/// How the node mines. Refuses what cannot be: mining where nothing is mined, and rewards that nobody
/// would receive. A node that does not mine knows the reward's address too, for miners that ask it for
/// work.
pub fn options(
    mining: &config::Mining,
    genesis: &Genesis,
    validator_key: Option<&SecretKey>,
) -> Result<MiningOptions, Failure> {
    let is_mined = matches!(genesis.engine, EngineKind::Pow(_));
    if !is_mined && mining.enabled {
        return Err(Failure::failed(format!(
            "mining is on (mining.enabled, --mine), but the engine of this network is \"{}\", which is not mined: \
             turn it off",
            genesis.engine.name()
        )));
    }
    if !is_mined {
        return Ok(MiningOptions::default());
    }
    let reward = mining
        .reward_address
        .or_else(|| validator_key.map(SecretKey::address));
    if mining.enabled && reward.is_none() {
        return Err(Failure::failed(
            "mining is on, but nobody would receive the rewards: this node has no validator key, so give \
             --reward-address <address> (or mining.reward_address)",
        ));
    }
    let threads = || mining.threads.unwrap_or_else(default_threads);
    Ok(MiningOptions {
        threads: if mining.enabled { threads() } else { 0 },
        reward,
    })
}

/// One core is left to the node itself.
fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.saturating_sub(1).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aureon_types::{
        Address, EmptyBlocks,
        genesis::{BftTimeouts, PoaParameters, PowParameters},
    };

    use super::*;

    const ADDRESS: Address = Address([7; 20]);
    const ON: config::Mining = config::Mining {
        enabled: true,
        threads: Some(3),
        reward_address: None,
    };

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
    }

    #[test]
    fn rewards_go_to_the_named_address_or_to_the_nodes_own() {
        let key = SecretKey::from_seed([1; 32]);
        let pow = genesis(EngineKind::Pow(PowParameters::with_block_time(1_000)));
        let of = |mining: &config::Mining, key| {
            let options = options(mining, &pow, key).unwrap();
            (options.threads, options.reward)
        };
        let named = config::Mining {
            reward_address: Some(ADDRESS),
            ..ON
        };
        assert_eq!(of(&named, Some(&key)), (3, Some(ADDRESS)));
        assert_eq!(of(&ON, Some(&key)), (3, Some(key.address())));
        let off = config::Mining {
            enabled: false,
            ..named.clone()
        };
        assert_eq!(of(&off, None), (0, Some(ADDRESS)));
        let free = config::Mining {
            threads: None,
            ..named
        };
        assert!(of(&free, None).0 >= 1);
        let error = options(&ON, &pow, None).unwrap_err().to_string();
        assert!(error.contains("--reward-address"), "{error}");
    }

    #[test]
    fn only_proof_of_work_is_mined() {
        let key = SecretKey::from_seed([1; 32]);
        let poa = genesis(EngineKind::Poa(PoaParameters::new(vec![key.public_key()])));
        let error = options(&ON, &poa, Some(&key)).unwrap_err().to_string();
        assert!(error.contains("\"poa\""), "{error}");
        let off = config::Mining { enabled: false, ..ON };
        assert_eq!(options(&off, &poa, Some(&key)).unwrap(), MiningOptions::default());
    }
}
