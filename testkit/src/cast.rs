//! Who takes part: the network, its validators, its accounts.

use std::{collections::BTreeMap, sync::Arc};

use aureon_consensus::Lineage;
use aureon_node::core::Chain;
use aureon_protocol::PeerId;
use aureon_types::{
    Address, Amount, EmptyBlocks, EngineKind, Genesis, SecretKey,
    account::SYSTEM_ADDRESS,
    genesis::{BftTimeouts, GenesisStake, PoaParameters, PosParameters, PowParameters, RewardSchedule},
    hash::blake3,
    transaction::TRANSFER_GAS,
};

use crate::scenario::{Engine, Scenario};

/// What clocks that are not off show at the beginning, in milliseconds since 1970-01-01 UTC.
pub(crate) const WALL_MS: u64 = 1_700_000_000_000;
/// Accounts that send.
const SENDERS: u64 = 6;
/// Addresses that only receive and are in no genesis.
const STRANGERS: u8 = 3;
const BALANCE: u64 = 1_000_000_000_000;
/// Of a round, where validators vote.
const TIMEOUTS: BftTimeouts = BftTimeouts {
    propose_ms: 800,
    vote_ms: 400,
    increment_ms: 200,
    ceiling_ms: 4_000,
};
/// Least stake of a validator.
pub(crate) const MIN_STAKE: u64 = 1_000;
/// What every validator keeps of its delegators' rewards, in hundredths of a percent.
pub(crate) const COMMISSION: u32 = 333;

/// Why a simulation cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The scenario makes no valid genesis.
    #[error(transparent)]
    Genesis(#[from] aureon_types::genesis::GenesisError),
    /// The genesis makes no valid engine.
    #[error(transparent)]
    Consensus(#[from] aureon_consensus::ConfigError),
    /// A seed makes no peer identity.
    #[error(transparent)]
    Identity(#[from] aureon_protocol::StartError),
    /// A new machine's log cannot be written.
    #[error("the log of a new machine cannot be written: {0}")]
    Log(#[from] std::io::Error),
}

/// See the module.
pub(crate) struct Cast {
    pub chain: Chain,
    /// Who decides the first heights.
    pub first: Lineage,
    /// Keys of nodes, those that validate from the first block on first.
    pub validators: Vec<SecretKey>,
    /// Peer ids by node.
    pub peers: Vec<PeerId>,
    /// Keys of funded accounts.
    pub senders: Vec<SecretKey>,
    /// The key of an account that holds nothing.
    pub pauper: SecretKey,
    /// Every address that can hold something.
    pub addresses: Vec<Address>,
}

fn seed(role: &str, number: u64) -> [u8; 32] {
    blake3(&[b"aureon/testkit/1", role.as_bytes(), &number.to_be_bytes()])
}

fn keys(role: &str, count: u64) -> Vec<SecretKey> {
    (0..count)
        .map(|number| SecretKey::from_seed(seed(role, number)))
        .collect()
}

impl Cast {
    pub fn new(scenario: &Scenario) -> Result<Self, SetupError> {
        let validators = keys("validator", number(scenario.keys()));
        let senders = keys("sender", SENDERS);
        let balances: BTreeMap<Address, Amount> = senders
            .iter()
            .chain(&validators)
            .map(|key| (key.address(), Amount(BALANCE)))
            .collect();
        let genesis = Genesis {
            chain: "simulation".to_owned(),
            timestamp_ms: WALL_MS - 10_000,
            engine: engine(scenario, &validators),
            block_time_ms: scenario.block_time_ms,
            empty_blocks: EmptyBlocks::Always,
            gas_limit: 500 * TRANSFER_GAS,
            min_gas_price: 1,
            vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
            timeouts: if scenario.engine == Engine::Pow {
                BftTimeouts::default()
            } else {
                TIMEOUTS
            },
            balances,
        };
        let pauper = SecretKey::from_seed(seed("pauper", 0));
        let mut addresses: Vec<Address> = senders
            .iter()
            .chain(&validators)
            .map(SecretKey::address)
            .collect();
        addresses.extend(strangers());
        addresses.extend([pauper.address(), SYSTEM_ADDRESS]);
        let chain = Chain::new(Arc::new(genesis.checked()?));
        Ok(Self {
            first: chain.genesis_lineage()?,
            chain,
            peers: (0..number(scenario.nodes()))
                .map(|node| aureon_protocol::peer_id(seed("node", node)))
                .collect::<Result<_, _>>()?,
            validators,
            senders,
            pauper,
            addresses,
        })
    }

    /// The node whose key is to propose in a round.
    pub fn proposer(&self, height: u64, round: u32) -> usize {
        let proposer = self
            .first
            .schedule()
            .and_then(|schedule| schedule.proposer(height, round))
            .map(|validator| validator.address);
        self.validators
            .iter()
            .position(|key| Some(key.address()) == proposer)
            .unwrap_or(0)
    }

    /// Whether blocks are mined.
    pub fn is_mined(&self) -> bool {
        self.first.work().is_some()
    }

    /// The node that signs as `validator`.
    pub fn node_of(&self, validator: &Address) -> Option<usize> {
        self.validators.iter().position(|key| key.address() == *validator)
    }
}

fn engine(scenario: &Scenario, validators: &[SecretKey]) -> EngineKind {
    let first = validators
        .iter()
        .take(scenario.validators)
        .map(SecretKey::public_key);
    match scenario.engine {
        Engine::Poa => EngineKind::Poa(PoaParameters {
            epoch_blocks: scenario.epoch_blocks,
            ..PoaParameters::new(first.collect())
        }),
        Engine::Pos => {
            let stake = |(public_key, stake): (_, &u64)| GenesisStake {
                public_key,
                stake: Amount(*stake),
                commission_basis_points: COMMISSION,
            };
            EngineKind::Pos(PosParameters {
                min_stake: MIN_STAKE,
                epoch_blocks: scenario.epoch_blocks,
                unbonding_epochs: 2,
                max_validators: 10,
                slash_basis_points: 500,
                max_missed_basis_points: scenario.max_missed_basis_points,
                jail_epochs: 1,
                reward: RewardSchedule {
                    per_block: 1_001,
                    halving_blocks: 10,
                },
                ..PosParameters::new(first.zip(&scenario.stakes).map(stake).collect())
            })
        }
        Engine::Pow => EngineKind::Pow(PowParameters {
            difficulty: 1,
            finality_depth: scenario.finality_depth,
            reward: RewardSchedule {
                per_block: 1_001,
                halving_blocks: 10,
            },
            ..PowParameters::with_block_time(scenario.block_time_ms)
        }),
    }
}

/// Addresses without a known key.
pub(crate) fn strangers() -> impl Iterator<Item = Address> {
    (1..=STRANGERS).map(|number| Address([number; 20]))
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
