//! What a cluster is made of.

use std::collections::BTreeMap;

use aureon_node::core::MiningOptions;
use aureon_types::{
    Action, Address, Amount, EmptyBlocks, EngineKind, Genesis, SecretKey, SignedTransaction, Transaction,
    genesis::{BftTimeouts, GenesisError, GenesisStake, PoaParameters, PosParameters, PowParameters},
    hash::blake3,
    transaction::TRANSFER_GAS,
};

use crate::scenario::Engine;

/// What the one account of the genesis holds, in base units.
const BALANCE: u64 = 1_000_000_000;
/// What every validator has at stake, under proof of stake.
const STAKE: u64 = 1_000_000;
/// Of a round: long enough for a busy machine, short enough for tests in which validators are away.
const TIMEOUTS: BftTimeouts = BftTimeouts {
    propose_ms: 1_000,
    vote_ms: 500,
    increment_ms: 250,
    ceiling_ms: 5_000,
};

/// What a cluster is made of. Changed by the methods that start with `with_`.
#[derive(Clone, Debug)]
pub struct Setup {
    engine: Engine,
    validators: usize,
    pub(super) started: usize,
    block_time_ms: u64,
    known: Known,
}

/// Whose addresses a node is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Those of all nodes before it.
    AllBefore,
    /// That of node 0.
    First,
    /// None.
    Nobody,
}

impl Setup {
    /// A network of so many validators, all of them running, each of which knows those that were started
    /// before it. Proof of authority, unless [`Setup::with_engine`] says otherwise.
    pub fn validators(count: usize) -> Self {
        Self {
            engine: Engine::Poa,
            validators: count,
            started: count,
            block_time_ms: 100,
            known: Known::AllBefore,
        }
    }

    /// The same with another engine; under proof of work they mine.
    #[must_use]
    pub fn with_engine(self, engine: Engine) -> Self {
        Self { engine, ..self }
    }

    /// Only so many nodes run at first; or more than there are validators: the rest follow.
    #[must_use]
    pub fn with_started(self, started: usize) -> Self {
        Self { started, ..self }
    }

    /// Time between blocks, in milliseconds. 100 without this.
    #[must_use]
    pub fn with_block_time_ms(self, block_time_ms: u64) -> Self {
        Self {
            block_time_ms,
            ..self
        }
    }

    /// Nodes are given the address of node 0 and nothing else: they find the others through it.
    #[must_use]
    pub fn with_one_known_address(self) -> Self {
        Self {
            known: Known::First,
            ..self
        }
    }

    /// Nodes are given no address.
    #[must_use]
    pub fn with_no_known_address(self) -> Self {
        Self {
            known: Known::Nobody,
            ..self
        }
    }

    /// Those whose addresses `node` is given.
    pub(super) fn known_to(&self, node: usize) -> std::ops::Range<usize> {
        match self.known {
            Known::AllBefore => 0..node,
            Known::First => 0..node.min(1),
            Known::Nobody => 0..0,
        }
    }

    /// The key with which `node` validates; `None`: it follows.
    pub fn validator_key(&self, node: usize) -> Option<SecretKey> {
        (node < self.validators).then(|| key("validator", node))
    }

    /// The key of the account that holds everything.
    pub fn account(&self) -> SecretKey {
        key("account", 0)
    }

    /// A transfer from that account.
    pub fn transfer(
        &self,
        genesis: &Genesis,
        nonce: u64,
        recipient: Address,
        amount: u64,
    ) -> SignedTransaction {
        let (key, network) = (self.account(), genesis.id());
        let transaction = Transaction {
            network: network.network_hint(),
            public_key: key.public_key(),
            nonce,
            gas_limit: TRANSFER_GAS,
            gas_price: genesis.min_gas_price,
            last_valid_height: None,
            action: Action::Transfer {
                recipient,
                amount: Amount(amount),
            },
        };
        transaction.sign(&key, &network)
    }

    /// Mines with one thread for its own key, where blocks are mined.
    pub(super) fn mining(&self, node: usize) -> MiningOptions {
        let key = self.validator_key(node).filter(|_| self.engine == Engine::Pow);
        MiningOptions {
            threads: usize::from(key.is_some()),
            reward: key.map(|key| key.address()),
        }
    }

    pub(super) fn genesis(&self) -> Result<Genesis, GenesisError> {
        let genesis = Genesis {
            chain: "cluster".to_owned(),
            // Long past on every clock.
            timestamp_ms: 1_700_000_000_000,
            engine: self.engine_kind(),
            block_time_ms: self.block_time_ms,
            empty_blocks: EmptyBlocks::Always,
            gas_limit: 1_000 * TRANSFER_GAS,
            min_gas_price: 1,
            vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
            timeouts: match self.engine {
                Engine::Pow => BftTimeouts::default(),
                Engine::Poa | Engine::Pos => TIMEOUTS,
            },
            balances: BTreeMap::from([(self.account().address(), Amount(BALANCE))]),
        };
        genesis.checked()
    }

    fn engine_kind(&self) -> EngineKind {
        let keys = (0..self.validators).map(|node| key("validator", node).public_key());
        match self.engine {
            Engine::Poa => EngineKind::Poa(PoaParameters::new(keys.collect())),
            Engine::Pos => {
                let stake = |public_key| GenesisStake {
                    public_key,
                    stake: Amount(STAKE),
                    commission_basis_points: 0,
                };
                EngineKind::Pos(PosParameters::new(keys.map(stake).collect()))
            }
            Engine::Pow => EngineKind::Pow(PowParameters {
                difficulty: 1,
                ..PowParameters::with_block_time(self.block_time_ms)
            }),
        }
    }
}

fn seed(role: &str, number: usize) -> [u8; 32] {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    blake3(&[
        b"aureon/testkit/cluster/1",
        role.as_bytes(),
        &number.to_be_bytes(),
    ])
}

fn key(role: &str, number: usize) -> SecretKey {
    SecretKey::from_seed(seed(role, number))
}

pub(super) fn node_seed(node: usize) -> [u8; 32] {
    seed("node", node)
}
