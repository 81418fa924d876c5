//! Applies transactions, one after the other.

use aureon_types::{
    Account, Action, Address, Amount, Failure, Hash, Receipt, RefusalCode, StateChanges, VerifiedTransaction,
    merkle,
};
use bytes::Bytes;

use super::{Inapplicable, Overlay, Slot, StateCommitment, StateError, StateReader};

/// What execution knows of the block beside its transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// Height of the block.
    pub height: u64,
    /// Receives the fees.
    pub proposer: Address,
    /// Most gas that all transactions together may use.
    pub gas_limit: u64,
    /// Lowest gas price, in base units.
    pub min_gas_price: u64,
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
    context: BlockContext,
    gas_used: u64,
    fees: Amount,
    receipts: Vec<Receipt>,
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
    /// The changed accounts.
    pub changes: StateChanges,
}

/// What a header commits to after execution, and the state that results.
pub struct Conclusion<V> {
    /// The outcome itself.
    pub outcome: Outcome,
    /// The encoded receipts, as stored and hashed.
    pub encoded_receipts: Vec<Bytes>,
    /// Root over the encoded receipts.
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
    /// Starts a block on the state of its parent.
    pub fn new(reader: &'a R, context: BlockContext) -> Self {
        Self {
            overlay: Overlay::new(reader),
            context,
            gas_used: 0,
            fees: Amount::ZERO,
            receipts: Vec::new(),
        }
    }

    /// Gas used so far.
    pub fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// The nonce that `address` had before the block.
    pub fn nonce_before(&mut self, address: &Address) -> Result<u64, StateError> {
        let slot = self.overlay.slot(address)?;
        Ok(self.overlay.before(slot).nonce)
    }

    /// Executes one transaction. If it is inapplicable, the block is as if it had not been tried.
    pub fn execute(&mut self, transaction: &VerifiedTransaction) -> Result<&Receipt, ExecutionError> {
        let charged = self.check(transaction)?;
        let receipt = self.run(transaction, &charged)?;
        self.overlay.keep();
        self.gas_used = self.gas_used.saturating_add(receipt.gas_used);
        self.fees = Amount(self.fees.0.saturating_add(receipt.fee.0));
        Ok(self.receipts.push_mut(receipt))
    }

    fn check(&mut self, signed: &VerifiedTransaction) -> Result<Chargeable, ExecutionError> {
        let transaction = signed.transaction();
        let BlockContext {
            height,
            gas_limit,
            min_gas_price,
            ..
        } = self.context;
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
            self.act(&transaction.action, charged.sender)?
        };
        if failure.is_some() {
            // However far the action came before it failed.
            self.overlay.revert(checkpoint);
        }
        Ok(Receipt {
            transaction_id: signed.id(),
            gas_used,
            fee,
            failure,
        })
    }

    fn act(&mut self, action: &Action, sender: Slot) -> Result<Option<Failure>, StateError> {
        match action {
            Action::Transfer { recipient, amount } => self.transfer(sender, recipient, *amount),
            Action::Bond { .. }
            | Action::Unbond { .. }
            | Action::Delegate { .. }
            | Action::Undelegate { .. }
            | Action::Unjail
            | Action::AuthorityVote { .. }
            | Action::Evidence(_)
            | Action::ClaimRewards { .. } => Ok(Some(Failure::refused(RefusalCode::WrongEngine))),
        }
    }

    /// Debits first and credits what is there then, so that a transfer to oneself comes out exact.
    fn transfer(
        &mut self,
        sender: Slot,
        recipient: &Address,
        amount: Amount,
    ) -> Result<Option<Failure>, StateError> {
        let account = *self.overlay.get(sender);
        let Some(balance) = account.balance.checked_sub(amount) else {
            return Ok(Some(Failure::InsufficientBalance {
                available: account.balance,
                required: amount,
            }));
        };
        self.overlay.set(sender, Account { balance, ..account });
        self.credit(recipient, amount)?;
        Ok(None)
    }

    fn credit(&mut self, address: &Address, amount: Amount) -> Result<(), StateError> {
        let slot = self.overlay.slot(address)?;
        let account = *self.overlay.get(slot);
        let balance = account
            .balance
            .checked_add(amount)
            .ok_or(StateError::BalanceOverflow {
                address: *address,
                balance: account.balance.0,
                credit: amount.0,
            })?;
        self.overlay.set(slot, Account { balance, ..account });
        Ok(())
    }

    /// Ends the block: pays the proposer and proves that the supply is as it was.
    pub fn finish(mut self) -> Result<Outcome, StateError> {
        if self.fees > Amount::ZERO {
            let (proposer, fees) = (self.context.proposer, self.fees);
            self.credit(&proposer, fees)?;
        }
        let difference = self.overlay.supply_difference();
        if difference != 0 {
            return Err(StateError::SupplyChanged { difference });
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
        let receipts_root = merkle::root(encoded_receipts.iter().map(|receipt| Receipt::leaf(receipt)));
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
    use crate::testing::MemoryState;

    #[test]
    fn a_block_that_makes_or_loses_money_has_no_outcome() {
        let state = MemoryState::with([(Address([1; 20]), 10)]);
        for (balance, difference) in [(11, 1), (9, -1), (0, -10)] {
            let context = BlockContext {
                height: 1,
                proposer: Address([2; 20]),
                gas_limit: 0,
                min_gas_price: 0,
            };
            let mut executor = BlockExecutor::new(&state, context);
            let slot = executor.overlay.slot(&Address([1; 20])).unwrap();
            executor.overlay.set(
                slot,
                Account {
                    balance: Amount(balance),
                    ..Account::default()
                },
            );
            let error = executor.finish().unwrap_err();
            assert!(matches!(error, StateError::SupplyChanged { difference: found } if found == difference));
        }
    }
}
