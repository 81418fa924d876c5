//! The load: accounts, and transfers between them, signed before anything is timed.
//!
//! The accounts are dealt out to the connections. Each connection offers the transfers of its own
//! accounts only, round after round, so a sender's nonces come in order whatever the other connections
//! do, and every account has about the same number of transfers waiting.

use aureon_proto::v1 as proto;
use aureon_types::{
    Action, Address, Amount, GenesisId, SecretKey, SignedTransaction, Transaction, TransactionId,
    hash::blake3, transaction::TRANSFER_GAS,
};
use prost::Message as _;
use rayon::prelude::*;

use super::BenchError;
use crate::testnet::StopFlag;

/// Base units of each transfer.
const AMOUNT: Amount = Amount(1);
/// Batches that are signed between two looks at the stop flag.
const SIGN_AT_ONCE: usize = 64;

/// What transactions of one network have in common.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The network.
    pub genesis_id: GenesisId,
    /// Base units per unit of gas.
    pub gas_price: u64,
}

/// Signs a transfer.
pub fn transfer(
    terms: &Terms,
    key: &SecretKey,
    nonce: u64,
    recipient: Address,
    amount: Amount,
) -> SignedTransaction {
    let transaction = Transaction {
        network: terms.genesis_id.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: TRANSFER_GAS,
        gas_price: terms.gas_price,
        last_valid_height: None,
        action: Action::Transfer { recipient, amount },
    };
    transaction.sign(key, &terms.genesis_id)
}

/// Transactions that are sent in one request.
#[derive(Clone, Debug)]
pub struct Batch {
    /// A `TransactionBatch`, encoded.
    pub body: Vec<u8>,
    /// Ids in order.
    pub ids: Vec<TransactionId>,
}

impl Batch {
    /// Encodes.
    pub fn of(transactions: &[SignedTransaction]) -> Self {
        let message = proto::TransactionBatch {
            transactions: transactions.iter().map(SignedTransaction::to_proto).collect(),
            attempt: None,
        };
        Self {
            body: message.encode_to_vec(),
            ids: transactions.iter().map(SignedTransaction::id).collect(),
        }
    }

    /// The transactions at `places` only; what was encoded here can be decoded.
    pub fn only(&self, places: &[usize]) -> Self {
        let message = proto::TransactionBatch::decode(&self.body[..]).unwrap_or_default();
        let transactions = places
            .iter()
            .filter_map(|place| message.transactions.get(*place).cloned())
            .collect();
        let ids = places
            .iter()
            .filter_map(|place| self.ids.get(*place).copied())
            .collect();
        Self {
            body: proto::TransactionBatch {
                transactions,
                attempt: None,
            }
            .encode_to_vec(),
            ids,
        }
    }
}

/// The accounts that pay each other.
pub struct Accounts {
    keys: Vec<SecretKey>,
    addresses: Vec<Address>,
}

impl Accounts {
    /// `count` accounts from a seed: another seed, other accounts, whose nonces begin at 0.
    pub fn new(seed: &[u8; 32], count: usize) -> Self {
        let key = |number: usize| {
            SecretKey::from_seed(blake3(&[b"aureon bench account", seed, &number.to_le_bytes()]))
        };
        let (keys, addresses) = (0..count)
            .into_par_iter()
            .map(|number| {
                let key = key(number);
                let address = key.address();
                (key, address)
            })
            .unzip();
        Self { keys, addresses }
    }

    /// Their addresses.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }
}

/// How much is signed, and how it is dealt out.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Transfers of all connections together.
    pub transactions: usize,
    /// Transfers per request.
    pub batch: usize,
    /// Connections, at most as many as accounts.
    pub connections: usize,
}

impl Plan {
    /// Base units that an account must have for all its transfers, whoever receives; `None` if that is
    /// more than can be written.
    pub fn cost_per_account(&self, accounts: usize, gas_price: u64) -> Option<u64> {
        // A connection's share of the accounts can be one below the average, and its last batch is full.
        let accounts_of_connection = (accounts / self.connections).max(1);
        let of_connection = self.batches_of_connection().checked_mul(self.batch)?;
        let rounds = u64::try_from(of_connection.div_ceil(accounts_of_connection)).ok()?;
        let each = TRANSFER_GAS.checked_mul(gas_price)?.checked_add(AMOUNT.0)?;
        rounds.checked_mul(each)
    }

    fn batches_of_connection(&self) -> usize {
        self.transactions.div_ceil(self.connections).div_ceil(self.batch)
    }
}

/// Signs the load: for each connection its batches in order. Uses all cores.
pub fn sign(
    plan: &Plan,
    accounts: &Accounts,
    terms: &Terms,
    stop: &StopFlag,
) -> Result<Vec<Vec<Batch>>, BenchError> {
    let mut lanes: Vec<Vec<Batch>> = (0..plan.connections).map(|_| Vec::new()).collect();
    for (lane, batches) in lanes.iter_mut().enumerate() {
        let numbers: Vec<usize> = (0..plan.batches_of_connection()).collect();
        for numbers in numbers.chunks(SIGN_AT_ONCE) {
            if stop.is_set() {
                return Err(BenchError::Interrupted);
            }
            batches.par_extend(
                numbers
                    .par_iter()
                    .map(|number| batch(plan, accounts, terms, lane, *number)),
            );
        }
    }
    Ok(lanes)
}

fn batch(plan: &Plan, accounts: &Accounts, terms: &Terms, lane: usize, number: usize) -> Batch {
    // Account `lane` and every `connections`-th after it.
    let own = (accounts.keys.len() - lane).div_ceil(plan.connections);
    let first = number * plan.batch;
    let transactions: Vec<_> = (first..first + plan.batch)
        .map(|position| {
            let sender = lane + position % own * plan.connections;
            let recipient = uniform(lane as u64, position as u64, accounts.addresses.len());
            let nonce = (position / own) as u64;
            transfer(
                terms,
                &accounts.keys[sender],
                nonce,
                accounts.addresses[recipient],
                AMOUNT,
            )
        })
        .collect();
    Batch::of(&transactions)
}

/// A number below `count`, the same for the same position: the finalizer of `SplitMix64`.
fn uniform(lane: u64, position: u64, count: usize) -> usize {
    let mut mixed = (lane << 48 ^ position)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // Multiply and shift: uniform to within count / 2^64.
    ((u128::from(mixed) * count as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aureon_types::VerifiedTransaction;

    use super::*;

    const TERMS: Terms = Terms {
        genesis_id: GenesisId([7; 32]),
        gas_price: 2,
    };

    fn decoded(batch: &Batch) -> Vec<SignedTransaction> {
        let message = proto::TransactionBatch::decode(&batch.body[..]).unwrap();
        message
            .transactions
            .iter()
            .map(|transaction| SignedTransaction::from_proto(transaction).unwrap())
            .collect()
    }

    #[test]
    fn nonces_of_each_account_come_in_order_on_one_connection() {
        let (plan, accounts) = (
            Plan {
                transactions: 100,
                batch: 7,
                connections: 3,
            },
            Accounts::new(&[1; 32], 10),
        );
        let lanes = sign(&plan, &accounts, &TERMS, &StopFlag::default()).unwrap();
        let mut next: BTreeMap<Address, (usize, u64)> = BTreeMap::new();
        let mut count = 0;
        for (lane, batches) in lanes.iter().enumerate() {
            for transaction in batches.iter().flat_map(decoded) {
                let (owner, nonce) = next.entry(transaction.sender()).or_insert((lane, 0));
                assert_eq!((*owner, *nonce), (lane, transaction.transaction().nonce));
                *nonce += 1;
                count += 1;
                assert!(accounts.addresses().contains(&transaction.sender()));
            }
        }
        assert_eq!((lanes.len(), next.len()), (3, 10));
        assert!(count >= 100, "{count}");
        // Nobody runs out of money.
        let cost = plan.cost_per_account(10, TERMS.gas_price).unwrap();
        let most = next.values().map(|(_, nonce)| *nonce).max().unwrap();
        assert!(most * (TRANSFER_GAS * TERMS.gas_price + AMOUNT.0) <= cost);
    }

    #[test]
    fn the_load_verifies_and_is_known_by_its_ids() {
        let (plan, accounts) = (
            Plan {
                transactions: 4,
                batch: 4,
                connections: 1,
            },
            Accounts::new(&[2; 32], 3),
        );
        let lanes = sign(&plan, &accounts, &TERMS, &StopFlag::default()).unwrap();
        let transactions = decoded(&lanes[0][0]);
        let ids: Vec<_> = transactions.iter().map(SignedTransaction::id).collect();
        assert_eq!(ids, lanes[0][0].ids);
        for transaction in transactions {
            assert!(VerifiedTransaction::verify(transaction, &TERMS.genesis_id).is_ok());
        }
        let rest = lanes[0][0].only(&[1, 3]);
        assert_eq!(rest.ids, [ids[1], ids[3]]);
        assert_eq!(
            decoded(&rest)
                .iter()
                .map(SignedTransaction::id)
                .collect::<Vec<_>>(),
            rest.ids
        );
    }

    #[test]
    fn recipients_are_spread_evenly() {
        let mut counts = [0_u32; 10];
        (0..10_000).for_each(|position| counts[uniform(3, position, 10)] += 1);
        assert!(
            counts.iter().all(|count| (800..1_200).contains(count)),
            "{counts:?}"
        );
    }
}
