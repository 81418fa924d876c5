//! From what somebody wants done to signed transactions.

use std::collections::BTreeMap;

use aureon_types::{Account, Action, Address, SignedTransaction, Transaction, VerifiedTransaction};

use super::{Sandbox, SandboxError};

/// Gas limit of an order that names none, or what its sender can pay for if that is less.
pub const DEFAULT_GAS_LIMIT: u64 = 100_000_000;
/// What somebody wants done in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// An account of the sandbox.
    pub from: Address,
    /// What to do.
    pub action: Action,
    /// Most gas; without it [`DEFAULT_GAS_LIMIT`] or less, see there.
    pub gas_limit: Option<u64>,
    /// Base units per unit of gas; without it the least that the sandbox takes.
    pub gas_price: Option<u64>,
}

impl Order {
    /// With the default gas.
    pub fn new(from: Address, action: Action) -> Self {
        Self {
            from,
            action,
            gas_limit: None,
            gas_price: None,
        }
    }
}

impl Sandbox {
    /// The nonces go on from the state, and on from each other.
    pub(super) fn sign(&self, orders: &[Order]) -> Result<Vec<VerifiedTransaction>, SandboxError> {
        let genesis_id = self.chain.genesis_id;
        let mut nonces: BTreeMap<Address, u64> = BTreeMap::new();
        let mut signed = Vec::with_capacity(orders.len());
        for (place, order) in orders.iter().enumerate() {
            let key = self.key(&order.from)?;
            let account = self.account_at(&order.from)?;
            let nonce = nonces.entry(order.from).or_insert(account.nonce);
            let gas_price = order.gas_price.unwrap_or(self.chain.genesis.min_gas_price);
            let transaction = Transaction {
                network: genesis_id.network_hint(),
                public_key: key.public_key(),
                nonce: *nonce,
                gas_limit: order
                    .gas_limit
                    .unwrap_or_else(|| self.gas_limit(order, &account, gas_price)),
                gas_price,
                last_valid_height: None,
                action: order.action.clone(),
            };
            *nonce = nonce.saturating_add(1);
            // Through the bytes, as everything comes to a node: they are judged there.
            let bytes = transaction.sign(key, &genesis_id).encode();
            let decoded = SignedTransaction::decode(&bytes);
            signed.push(decoded.map_err(|reason| SandboxError::Malformed { place, reason })?);
        }
        let verified = VerifiedTransaction::verify_all(signed, &genesis_id);
        Ok(verified.into_iter().collect::<Result<_, _>>()?)
    }

    fn gas_limit(&self, order: &Order, account: &Account, gas_price: u64) -> u64 {
        let least = order.action.gas();
        let limit = DEFAULT_GAS_LIMIT.max(least).min(self.chain.genesis.gas_limit);
        let left = account.balance.0.saturating_sub(order.action.amount().0);
        match left.checked_div(gas_price) {
            Some(affordable) => limit.min(affordable).max(least),
            None => limit,
        }
    }
}
