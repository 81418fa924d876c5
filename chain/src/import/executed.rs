//! Step 3: execution, and what comes of it.

use std::{fmt, sync::Arc};

use aureon_types::{Address, Block, BlockId, Header, Receipt, StateChanges, VerifiedTransaction};
use bytes::Bytes;

use super::{BlockFault, BlockPlace, ImportError, ParentInfo, VerifiedBlock};
use crate::{
    execution::{
        BlockExecutor, Conclusion, ExecutionError, Outcome, StateCommitment, StateError,
        contracts::ContractMachine,
    },
    mempool::AccountState,
};

/// A block that was executed here and came out as its header says. Cheap to clone if `V` is.
///
/// It can only be made by [`execute`] and by [`crate::production::build`] (with
/// [`crate::production::seal`] under proof of work): whoever holds one may commit it.
#[derive(Clone, Debug)]
pub struct ExecutedBlock<V> {
    block: Arc<Block>,
    receipts: Arc<[Receipt]>,
    encoded_receipts: Arc<[Bytes]>,
    changes: Arc<StateChanges>,
    senders: Arc<[(Address, AccountState)]>,
    view: V,
}

impl<V> ExecutedBlock<V> {
    /// Joins a block with its execution. Callers have made the header from `conclusion`, or compared
    /// it.
    pub(crate) fn new(
        block: Arc<Block>,
        transactions: &[VerifiedTransaction],
        conclusion: Conclusion<V>,
    ) -> Self {
        let Conclusion {
            outcome,
            encoded_receipts,
            view,
            ..
        } = conclusion;
        let senders = sender_states(transactions, &outcome.changes);
        Self {
            block,
            receipts: outcome.receipts.into(),
            encoded_receipts: encoded_receipts.into(),
            changes: Arc::new(outcome.changes),
            senders: senders.into(),
            view,
        }
    }

    /// The same execution with another seal on its block; the header and the body are the same.
    pub(crate) fn with_block(&self, block: Arc<Block>) -> Self
    where
        V: Clone,
    {
        Self {
            block,
            ..self.clone()
        }
    }

    /// The block.
    pub fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Its id.
    pub fn id(&self) -> BlockId {
        self.block.id()
    }

    /// What its header says.
    pub fn header(&self) -> &Header {
        self.block.header()
    }

    /// The block as a parent.
    pub fn as_parent(&self) -> ParentInfo {
        ParentInfo::of(self.block.sealed_header())
    }

    /// One receipt per transaction.
    pub fn receipts(&self) -> &Arc<[Receipt]> {
        &self.receipts
    }

    /// The receipts as they are stored and hashed.
    pub fn encoded_receipts(&self) -> &Arc<[Bytes]> {
        &self.encoded_receipts
    }

    /// The accounts that changed.
    pub fn changes(&self) -> &Arc<StateChanges> {
        &self.changes
    }

    /// The senders of the block's transactions with their accounts after it, sorted: what
    /// [`crate::mempool::Mempool::on_block`] needs.
    pub fn senders(&self) -> &Arc<[(Address, AccountState)]> {
        &self.senders
    }

    /// The state after the block.
    pub fn view_after(&self) -> &V {
        &self.view
    }
}

/// Every sender's nonce changed, so each is among the changes.
fn sender_states(
    transactions: &[VerifiedTransaction],
    changes: &StateChanges,
) -> Vec<(Address, AccountState)> {
    let mut senders: Vec<Address> = transactions
        .iter()
        .map(|transaction| transaction.sender())
        .collect();
    senders.sort_unstable();
    senders.dedup();
    senders
        .into_iter()
        .filter_map(|sender| {
            let place = changes
                .accounts
                .binary_search_by_key(&sender, |(address, _)| *address)
                .ok()?;
            let (_, account) = changes.accounts.get(place)?;
            Some((sender, AccountState::from(*account)))
        })
        .collect()
}

/// Executes `verified` on `view`, the state after its parent, and compares gas, receipts and state
/// with the header. `machine` runs its contracts.
pub fn execute<V: StateCommitment>(
    view: &V,
    machine: &dyn ContractMachine,
    verified: VerifiedBlock,
) -> Result<ExecutedBlock<V>, ImportError> {
    let outcome = run(view, machine, &verified)?;
    let VerifiedBlock {
        block, transactions, ..
    } = verified;
    let header = block.header();
    let conclusion = outcome.conclude(view, header.height)?;
    compare(header, &conclusion)?;
    Ok(ExecutedBlock::new(block, &transactions, conclusion))
}

/// Executes `verified` on `view` as [`execute`] does and gives its receipts, whatever the header says of
/// them: for who looks for the transaction in which two executions of a block differ.
pub fn receipts<V: StateCommitment>(
    view: &V,
    machine: &dyn ContractMachine,
    verified: &VerifiedBlock,
) -> Result<Vec<Receipt>, ImportError> {
    Ok(run(view, machine, verified)?.receipts)
}

fn run<V: StateCommitment>(
    view: &V,
    machine: &dyn ContractMachine,
    verified: &VerifiedBlock,
) -> Result<Outcome, ImportError> {
    let VerifiedBlock {
        checked,
        block,
        transactions,
        signers,
    } = verified;
    let header = block.header();
    check_view(view, &checked.parent)?;
    let place = BlockPlace {
        height: header.height,
        timestamp_ms: header.timestamp_ms,
        proposer: header.proposer,
        gas_limit: header.gas_limit,
    };
    let context = checked.rules.context(place, signers.as_deref());
    let mut executor = BlockExecutor::new(view, machine, context);
    for (index, transaction) in transactions.iter().enumerate() {
        executor.execute(transaction).map_err(|error| match error {
            ExecutionError::State(error) => ImportError::State(error),
            ExecutionError::Inapplicable(reason) => BlockFault::Transaction {
                index,
                id: transaction.id(),
                reason,
            }
            .into(),
        })?;
    }
    Ok(executor.finish()?)
}

/// Refuses a view that is not the state after `parent`: executing on it would condemn good blocks.
pub(crate) fn check_view<V: StateCommitment>(view: &V, parent: &ParentInfo) -> Result<(), StateError> {
    let (given, expected) = (view.root(), parent.state_root);
    if given == expected {
        return Ok(());
    }
    Err(StateError::WrongView {
        height: parent.height.saturating_add(1),
        expected,
        given,
    })
}

/// In the order in which a difference explains the next one.
fn compare<V: StateCommitment>(header: &Header, conclusion: &Conclusion<V>) -> Result<(), BlockFault> {
    let (given, computed) = (header.gas_used, conclusion.outcome.gas_used);
    if given != computed {
        return Err(BlockFault::GasUsed { given, computed });
    }
    let (given, computed) = (header.receipts_root, conclusion.receipts_root);
    if given != computed {
        return Err(BlockFault::ReceiptsRoot { given, computed });
    }
    let (given, computed) = (header.state_root, conclusion.view.root());
    if given != computed {
        Err(BlockFault::StateRoot { given, computed })
    } else {
        Ok(())
    }
}

/// The first receipt in which two executions of one block differ. `Display` is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptDifference {
    /// Place of the transaction in the block, from 0.
    pub index: usize,
    /// The receipt of the first execution; `None` if it has fewer.
    pub first: Option<Receipt>,
    /// Of the second.
    pub second: Option<Receipt>,
}

/// Names the first transaction whose receipt differs, when roots disagree and both sides' receipts
/// are at hand. Compared is what the receipt tree covers ([`Receipt::leaf`]).
pub fn first_difference(first: &[Receipt], second: &[Receipt]) -> Option<ReceiptDifference> {
    let leaf = |receipt: &Receipt| receipt.leaf(&receipt.encode());
    (0..first.len().max(second.len()))
        .map(|index| ReceiptDifference {
            index,
            first: first.get(index).cloned(),
            second: second.get(index).cloned(),
        })
        .find(|pair| pair.first.as_ref().map(leaf) != pair.second.as_ref().map(leaf))
}

impl fmt::Display for ReceiptDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = (said(self.first.as_ref()), said(self.second.as_ref()));
        write!(f, "transaction {}", self.index)?;
        if let Some(receipt) = self.first.as_ref().or(self.second.as_ref()) {
            write!(f, ", {}", receipt.transaction_id)?;
        }
        if first == second {
            write!(
                f,
                ": both times it {first}; contract, return data or events differ"
            )
        } else {
            write!(f, ": the first time it {first}, the second time it {second}")
        }
    }
}

/// What a receipt says, without return data and events.
fn said(receipt: Option<&Receipt>) -> String {
    let Some(receipt) = receipt else {
        return "was not there".to_owned();
    };
    let gas = receipt.gas_used;
    match &receipt.failure {
        None => format!("succeeded with {gas} gas"),
        Some(failure) => format!("failed with {gas} gas ({failure})"),
    }
}
