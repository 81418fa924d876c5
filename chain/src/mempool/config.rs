//! The pool's bounds.

use std::time::Duration;

use aureon_types::Genesis;

/// Bounds of the pool, and the network's rules that it checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Network hint that transactions must carry.
    pub network: u64,
    /// Lowest gas price, in base units.
    pub min_gas_price: u64,
    /// Highest gas limit of a transaction: a block's.
    pub max_gas: u64,
    /// Most transactions. When full: the cheapest go, or the newcomer is refused.
    pub max_transactions: usize,
    /// Most bytes of transactions, likewise. Memory is about four times as much: each transaction is
    /// kept decoded too, and stands in several indexes.
    pub max_bytes: usize,
    /// Most transactions of one sender. When full: a newcomer takes the place of the sender's last one
    /// if it comes before that, else it is refused.
    pub max_per_sender: usize,
    /// How far after the first missing nonce a transaction may be parked.
    pub max_ahead: u64,
    /// A transaction that was not included after this time is dropped.
    pub max_age: Duration,
    /// A parked transaction whose gap was not filled after this time is dropped.
    pub max_parked_age: Duration,
    /// By how much a replacement must be dearer, in percent.
    pub replacement_percent: u64,
}

impl Config {
    /// The default bounds with the network's rules.
    pub fn new(genesis: &Genesis) -> Self {
        Self::with_rules(
            genesis.id().network_hint(),
            genesis.min_gas_price,
            genesis.gas_limit,
        )
    }

    pub(super) fn with_rules(network: u64, min_gas_price: u64, max_gas: u64) -> Self {
        Self {
            network,
            min_gas_price,
            max_gas,
            max_transactions: 100_000,
            max_bytes: 64 << 20,
            max_per_sender: 1_024,
            max_ahead: 64,
            max_age: Duration::from_secs(3 * 60 * 60),
            max_parked_age: Duration::from_secs(10 * 60),
            replacement_percent: 10,
        }
    }

    /// The lowest price that replaces a transaction of `price`: at least 1 more.
    pub(super) fn replacement_price(&self, price: u64) -> u64 {
        let more = u128::from(price)
            .saturating_mul(u128::from(self.replacement_percent))
            .div_ceil(100)
            .max(1);
        price.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
    }
}
