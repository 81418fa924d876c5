//! Applies transactions, one after the other.

use aureon_types::{
    Account, Action, Address, Amount, Failure, GenesisId, Hash, Receipt, RefusalCode, StateChanges,
    VerifiedTransaction, account::SYSTEM_ADDRESS, limits::MAX_RECEIPTS_BYTES, merkle,
};
use bytes::Bytes;

use super::{
    Inapplicable, Overlay, Slot, StateCommitment, StateError, StateReader,
    contracts::{self, BlockInfo, ContractMachine, Performed},
};
use crate::system::{self, Rules, Sender, Stop};

/// What execution knows of the block beside its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// The network.
    pub genesis_id: GenesisId,
    /// Height of the block.
    pub height: u64,
    /// Its time, in milliseconds since 1970-01-01 UTC: contracts may ask.
    pub timestamp_ms: u64,
    /// The version of the contracts' cost table.
    pub cost_table: u32,
    /// Receives the fees and, as its engine says, the reward.
    pub proposer: Address,
    /// Most gas that all transactions together may use.
    pub gas_limit: u64,
    /// Lowest gas price, in base units.
    pub min_gas_price: u64,
    /// Base units that come into existence with the block.
    pub reward: Amount,
    /// What the engine does on chain.
    pub rules: Rules,
}

/// Why a transaction was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The transaction's fault; nothing changed.
    #[error(transparent)]
    Inapplicable(#[from] Inapplicable),
    /// Ours; the block cannot be executed.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Executes one block.
pub struct BlockExecutor<'a, R> {
    overlay: Overlay<'a, R>,
    machine: &'a dyn ContractMachine,
    context: BlockContext,
    gas_used: u64,
    fees: Amount,
    receipts: Vec<Receipt>,
    /// By [`Receipt::size`].
    receipts_bytes: usize,
}

/// What a block did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// One per transaction, in order.
    pub receipts: Vec<Receipt>,
    /// By all transactions.
    pub gas_used: u64,
    /// Credited to the proposer.
    pub fees: Amount,
    /// The changed accounts and their storage.
    pub changes: StateChanges,
}

/// What a header commits to after execution, and the state that results.
pub struct Conclusion<V> {
    /// The outcome itself.
    pub outcome: Outcome,
    /// The encoded receipts, as stored.
    pub encoded_receipts: Vec<Bytes>,
    /// Root over the receipts ([`Receipt::leaf`]).
    pub receipts_root: Hash,
    /// The state after the block.
    pub view: V,
}

/// A transaction that can be charged: its sender, and the most it can cost in gas.
struct Chargeable {
    sender: Slot,
    price: u64,
}

impl<'a, R: StateReader> BlockExecutor<'a, R> {
    /// Starts a block on the state of its parent. `machine` runs its contracts.
    pub fn new(reader: &'a R, machine: &'a dyn ContractMachine, context: BlockContext) -> Self {
        Self {
            overlay: Overlay::new(reader),
            machine,
            context,
            gas_used: 0,
            fees: Amount::ZERO,
            receipts: Vec::new(),
            receipts_bytes: 0,
        }
    }

    /// Gas used so far.
    pub fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// All transactions together, those that were executed included, may use no more than `gas` from here on:
    /// for a block that is being built. What was used stays used.
    pub fn lower_gas_limit(&mut self, gas: u64) {
        self.context.gas_limit = self.context.gas_limit.min(gas);
    }

    /// The nonce that `address` had before the block.
    pub fn nonce_before(&mut self, address: &Address) -> Result<u64, StateError> {
        let slot = self.overlay.slot(address)?;
        Ok(self.overlay.before(slot).nonce)
    }

    /// Executes one transaction. If it is inapplicable, the block is as if it had not been tried.
    pub fn execute(&mut self, transaction: &VerifiedTransaction) -> Result<&Receipt, ExecutionError> {
        let charged = self.check(transaction)?;
        let checkpoint = self.overlay.checkpoint();
        let executed = self.run(transaction, &charged);
        let weighed = executed.and_then(|receipt| Ok((self.weigh(&receipt)?, receipt)));
        let (receipts_bytes, receipt) = match weighed {
            Ok(done) => done,
            Err(error) => {
                self.overlay.revert(checkpoint);
                return Err(error);
            }
        };
        self.receipts_bytes = receipts_bytes;
        self.overlay.keep();
        self.gas_used = self.gas_used.saturating_add(receipt.gas_used);
        self.fees = Amount(self.fees.0.saturating_add(receipt.fee.0));
        Ok(self.receipts.push_mut(receipt))
    }

    /// About how many bytes the receipts have with this one.
    fn weigh(&self, receipt: &Receipt) -> Result<usize, Inapplicable> {
        let (bytes, limit) = (
            self.receipts_bytes.saturating_add(receipt.size()),
            MAX_RECEIPTS_BYTES,
        );
        if bytes > limit {
            return Err(Inapplicable::ReceiptsFull { bytes, limit });
        }
        Ok(bytes)
    }

    fn check(&mut self, signed: &VerifiedTransaction) -> Result<Chargeable, ExecutionError> {
        let transaction = signed.transaction();
        let BlockContext {
            height,
            gas_limit,
            min_gas_price,
            ..
        } = &self.context;
        let (height, gas_limit, min_gas_price) = (*height, *gas_limit, *min_gas_price);
        if let Some(last_valid_height) = transaction.last_valid_height.filter(|last| *last < height) {
            return Err(Inapplicable::Expired {
                last_valid_height,
                height,
            }
            .into());
        }
        if transaction.gas_price < min_gas_price {
            let (given, minimum) = (transaction.gas_price, min_gas_price);
            return Err(Inapplicable::Underpriced { given, minimum }.into());
        }
        let left = gas_limit.saturating_sub(self.gas_used);
        if transaction.gas_limit > left {
            return Err(Inapplicable::NoRoom {
                gas_limit: transaction.gas_limit,
                left,
            }
            .into());
        }
        let max_fee = transaction.max_fee().ok_or(Inapplicable::FeeOverflow {
            gas_limit: transaction.gas_limit,
            gas_price: transaction.gas_price,
        })?;
        let address = signed.sender();
        if address == SYSTEM_ADDRESS {
            return Err(Inapplicable::SystemAccount.into());
        }
        let sender = self.overlay.slot(&address)?;
        let account = self.overlay.get(sender);
        check_nonce(transaction.nonce, account.nonce)?;
        if account.has_code() {
            return Err(Inapplicable::SenderHasCode(address).into());
        }
        if account.balance < max_fee {
            return Err(Inapplicable::CannotPayFee {
                max_fee,
                balance: account.balance,
            }
            .into());
        }
        Ok(Chargeable {
            sender,
            price: transaction.gas_price,
        })
    }

    /// Takes the fee and the nonce, then does what the transaction says; if that fails, only the
    /// fee and the nonce remain.
    fn run(&mut self, signed: &VerifiedTransaction, charged: &Chargeable) -> Result<Receipt, ExecutionError> {
        let transaction = signed.transaction();
        let required = transaction.action.gas();
        if transaction.action.is_contract() && transaction.gas_limit >= required {
            return self.run_contract(signed, charged);
        }
        let out_of_gas = transaction.gas_limit < required;
        let gas_used = required.min(transaction.gas_limit);
        // No more than the highest fee, which was checked: neither can overflow or go below zero.
        let fee = Amount(gas_used.saturating_mul(charged.price));
        let account = *self.overlay.get(charged.sender);
        let paid = Account {
            nonce: account.nonce.saturating_add(1),
            balance: Amount(account.balance.0.saturating_sub(fee.0)),
            ..account
        };
        self.overlay.set(charged.sender, paid);
        let checkpoint = self.overlay.checkpoint();
        let failure = if out_of_gas {
            Some(Failure::OutOfGas {
                gas_limit: transaction.gas_limit,
                required,
            })
        } else {
            self.act(signed, charged.sender)?
        };
        if failure.is_some() {
            // However far the action came before it failed.
            self.overlay.revert(checkpoint);
        }
        Ok(Receipt::plain(signed.id(), gas_used, fee, failure))
    }

    /// As [`Self::run`], for actions whose gas is known only afterwards: the highest fee is taken before
    /// and what was not used is given back after, so that a contract cannot move the fee away.
    fn run_contract(
        &mut self,
        signed: &VerifiedTransaction,
        charged: &Chargeable,
    ) -> Result<Receipt, ExecutionError> {
        let transaction = signed.transaction();
        let max_fee = transaction.gas_limit.saturating_mul(charged.price);
        let account = *self.overlay.get(charged.sender);
        let paid = Account {
            nonce: account.nonce.saturating_add(1),
            balance: Amount(account.balance.0.saturating_sub(max_fee)),
            ..account
        };
        self.overlay.set(charged.sender, paid);
        let block = BlockInfo::of(&self.context);
        let performed = contracts::perform(&mut self.overlay, self.machine, block, signed)?;
        let Performed {
            gas_used,
            failure,
            contract,
            return_data,
            events,
            ..
        } = performed;
        let fee = gas_used.saturating_mul(charged.price);
        let unused = Amount(max_fee.saturating_sub(fee));
        self.overlay.credit_at(charged.sender, unused)?;
        Ok(Receipt {
            transaction_id: signed.id(),
            gas_used,
            fee: Amount(fee),
            failure,
            contract,
            return_data,
            events,
        })
    }

    fn act(&mut self, signed: &VerifiedTransaction, sender: Slot) -> Result<Option<Failure>, StateError> {
        let action = &signed.transaction().action;
        if let Action::Transfer { recipient, amount } = action {
            return self.transfer(sender, recipient, *amount);
        }
        let sender = Sender {
            address: signed.sender(),
            key: signed.transaction().public_key,
        };
        match system::act(&mut self.overlay, &self.context, sender, action) {
            Ok(()) => Ok(None),
            Err(Stop::Refused(failure)) => Ok(Some(failure)),
            Err(Stop::State(error)) => Err(error),
        }
    }

    /// Debits first and credits what is there then, so that a transfer to oneself comes out exact.
    fn transfer(
        &mut self,
        sender: Slot,
        recipient: &Address,
        amount: Amount,
    ) -> Result<Option<Failure>, StateError> {
        if *recipient == SYSTEM_ADDRESS {
            return Ok(Some(Failure::refused(RefusalCode::SystemAccount)));
        }
        let recipient = self.overlay.slot(recipient)?;
        if self.overlay.get(recipient).has_code() {
            return Ok(Some(Failure::refused(RefusalCode::ContractAccount)));
        }
        let account = *self.overlay.get(sender);
        let Some(balance) = account.balance.checked_sub(amount) else {
            return Ok(Some(Failure::InsufficientBalance {
                available: account.balance,
                required: amount,
            }));
        };
        self.overlay.set(sender, Account { balance, ..account });
        self.overlay.credit_at(recipient, amount)?;
        Ok(None)
    }

    /// Ends the block: pays fees and reward, does what the engine does at this height, and proves that
    /// the supply has grown by the reward, to the unit.
    pub fn finish(mut self) -> Result<Outcome, StateError> {
        system::end_block(&mut self.overlay, &self.context, self.fees)?;
        let (difference, reward) = (self.overlay.supply_difference(), self.context.reward);
        if difference != i128::from(reward.0) {
            return Err(StateError::SupplyChanged { difference, reward });
        }
        let changes = self.overlay.into_changes();
        Ok(Outcome {
            receipts: self.receipts,
            gas_used: self.gas_used,
            fees: self.fees,
            changes,
        })
    }
}

fn check_nonce(given: u64, expected: u64) -> Result<(), Inapplicable> {
    match given.cmp(&expected) {
        std::cmp::Ordering::Less => Err(Inapplicable::NonceTooLow { given, expected }),
        std::cmp::Ordering::Greater => Err(Inapplicable::NonceTooHigh { given, expected }),
        std::cmp::Ordering::Equal if given == u64::MAX => Err(Inapplicable::NonceExhausted(given)),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

impl Outcome {
    /// Encodes the receipts and computes the roots: the expensive end of a block.
    pub fn conclude<V: StateCommitment>(self, view: &V, height: u64) -> Result<Conclusion<V>, StateError> {
        let encoded_receipts: Vec<Bytes> = self.receipts.iter().map(Receipt::encode).collect();
        let leaves = self.receipts.iter().zip(&encoded_receipts);
        let receipts_root = merkle::root(leaves.map(|(receipt, encoded)| receipt.leaf(encoded)));
        let view = view.apply(height, &self.changes)?;
        Ok(Conclusion {
            outcome: self,
            encoded_receipts,
            receipts_root,
            view,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MemoryState, NoCode, context};

    #[test]
    fn a_block_that_makes_or_loses_money_has_no_outcome() {
        let state = MemoryState::with([(Address([1; 20]), 10)]);
        for (balance, reward, made) in [
            (11, 0, 1),
            (9, 0, -1),
            (0, 0, -10),
            (10, 5, 5),
            (9, 1, 0),
            (12, 1, 3),
        ] {
            let context = BlockContext {
                reward: Amount(reward),
                ..context()
            };
            let mut executor = BlockExecutor::new(&state, &NoCode, context);
            let slot = executor.overlay.slot(&Address([1; 20])).unwrap();
            let account = Account {
                balance: Amount(balance),
                ..Account::default()
            };
            executor.overlay.set(slot, account);
            let found = match executor.finish() {
                Ok(_) => i128::from(reward),
                Err(StateError::SupplyChanged { difference, .. }) => difference,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(found, made, "balance {balance}, reward {reward}");
        }
    }
}
