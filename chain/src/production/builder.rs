//! Chooses, executes, seals.

use std::sync::Arc;

use aureon_types::{
    Address, Block, CommitCertificate, Hash, Header, SealedHeader, SignedTransaction, TransactionId,
    VerifiedTransaction, limits::MAX_BLOCK_BYTES, merkle, transaction::TRANSFER_GAS,
};
use bytes::Bytes;

use super::limits::FIRST_TRANSACTION_GAS;
use crate::{
    execution::{
        BlockExecutor, Conclusion, ExecutionError, Inapplicable, StateCommitment, StateError, StateReader,
        contracts::ContractMachine,
    },
    import::{BlockPlace, ExecutedBlock, HeightRules, ParentInfo, check_view, signers},
};

/// The time budget is looked at once per so many candidates: asking costs more than a transfer.
pub const TRANSACTIONS_PER_TIME_CHECK: usize = 64;
/// And once per so much gas of them: a contract may take as long as many transfers.
pub const GAS_PER_TIME_CHECK: u64 = 64 * TRANSFER_GAS;
/// Room kept for the header and the framing of a block; a header has at most 1,024 bytes.
const HEADER_ROOM: usize = 2_048;
/// After so many candidates that did not fit, in gas or bytes, the block counts as full: the search
/// for a smaller one must end.
const MAX_MISFITS: usize = 256;

/// What a new block is made of beside transactions.
#[derive(Clone, Debug)]
pub struct BuildParams {
    /// The block below.
    pub parent: ParentInfo,
    /// The parent's encoded certificate; empty for the first block and under proof of work.
    pub previous_commit: Bytes,
    /// The rules of the new block's height.
    pub rules: HeightRules,
    /// Our clock, in milliseconds since 1970-01-01 UTC. A clock that is too slow for the rules gives the
    /// earliest time that they allow.
    pub timestamp_ms: u64,
    /// Ourselves.
    pub proposer: Address,
    /// Most gas to use; see [`super::BuildLimits`]. The first transaction may have
    /// [`FIRST_TRANSACTION_GAS`] all the same, and the header's gas limit is the rule's.
    pub max_gas: u64,
    /// Most bytes of the encoded block.
    pub max_bytes: usize,
}

/// Why the builder took no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// There were no more candidates.
    Exhausted,
    /// Gas or bytes.
    Full,
    /// The time budget.
    OutOfTime,
}

/// A block of our own.
#[derive(Clone, Debug)]
pub struct Built<V> {
    /// Executed, well formed, unsealed: complete where validators vote, a template for [`super::seal()`]
    /// under proof of work.
    pub executed: ExecutedBlock<V>,
    /// Candidates that can never be included from here on, with the reason: drop them from the pool.
    pub stale: Vec<(TransactionId, Inapplicable)>,
    /// Why it is no larger.
    pub stopped: StopReason,
}

/// Builds a block on `view`, the state after `params.parent`, from `candidates` in their order.
/// Candidates that do not apply are skipped. `machine` runs the contracts.
///
/// `out_of_time` is asked every [`TRANSACTIONS_PER_TIME_CHECK`] candidates and [`GAS_PER_TIME_CHECK`] of
/// gas; the rest of the work (roots) comes after it says yes, so the budget must leave room for it. A
/// candidate that runs is not interrupted, because how far a clock lets it come would decide what it
/// does: its gas limit bounds it, that of the block bounds its gas limit, and [`super::BuildLimits`]
/// lowers the block's after a round that came too late.
pub fn build<V: StateCommitment>(
    view: &V,
    machine: &dyn ContractMachine,
    params: &BuildParams,
    candidates: impl IntoIterator<Item = VerifiedTransaction>,
    out_of_time: &mut dyn FnMut() -> bool,
) -> Result<Built<V>, StateError> {
    check_view(view, &params.parent)?;
    let mut selection = Selection::new(view, machine, params)?;
    let (mut since, mut gas_then) = (0, 0);
    for candidate in candidates {
        let gas_since = selection.executor.gas_used().saturating_sub(gas_then);
        if since >= TRANSACTIONS_PER_TIME_CHECK || gas_since >= GAS_PER_TIME_CHECK {
            if out_of_time() {
                selection.stopped = StopReason::OutOfTime;
                break;
            }
            (since, gas_then) = (0, selection.executor.gas_used());
        }
        since = since.saturating_add(1);
        selection.offer(candidate)?;
        if selection.stopped == StopReason::Full {
            break;
        }
    }
    let Selection {
        executor,
        chosen,
        stale,
        stopped,
        ..
    } = selection;
    let conclusion = executor.finish()?.conclude(view, height(params))?;
    let block = block(params, &chosen, &conclusion)?;
    Ok(Built {
        executed: ExecutedBlock::new(Arc::new(block), &chosen, conclusion),
        stale,
        stopped,
    })
}

fn height(params: &BuildParams) -> u64 {
    params.parent.height.saturating_add(1)
}

fn timestamp_ms(params: &BuildParams) -> u64 {
    let earliest = params.rules.time.after_ms.saturating_add(1);
    params.timestamp_ms.max(earliest)
}

struct Selection<'a, V> {
    executor: BlockExecutor<'a, V>,
    /// The rule's: what has a higher limit never fits.
    gas_limit: u64,
    /// What the first transaction does not need.
    max_gas: u64,
    bytes_left: usize,
    misfits: usize,
    chosen: Vec<VerifiedTransaction>,
    stale: Vec<(TransactionId, Inapplicable)>,
    stopped: StopReason,
}

impl<'a, V: StateReader> Selection<'a, V> {
    fn new(view: &'a V, machine: &'a dyn ContractMachine, params: &BuildParams) -> Result<Self, StateError> {
        let (rules, height) = (&params.rules, height(params));
        let max_gas = params.max_gas.min(rules.gas_limit);
        let signers = if rules.needs_commit(height) {
            Some(signers(&CommitCertificate::decode(&params.previous_commit)?))
        } else {
            None
        };
        let block = BlockPlace {
            height,
            timestamp_ms: timestamp_ms(params),
            proposer: params.proposer,
            gas_limit: max_gas.max(FIRST_TRANSACTION_GAS).min(rules.gas_limit),
        };
        let context = rules.context(block, signers.as_deref());
        let fixed = HEADER_ROOM.saturating_add(params.previous_commit.len());
        Ok(Self {
            executor: BlockExecutor::new(view, machine, context),
            gas_limit: rules.gas_limit,
            max_gas,
            bytes_left: params.max_bytes.min(MAX_BLOCK_BYTES).saturating_sub(fixed),
            misfits: 0,
            chosen: Vec::new(),
            stale: Vec::new(),
            stopped: StopReason::Exhausted,
        })
    }

    fn offer(&mut self, candidate: VerifiedTransaction) -> Result<(), StateError> {
        let Some(bytes_left) = self.bytes_left.checked_sub(candidate.size()) else {
            self.on_misfit();
            return Ok(());
        };
        match self.executor.execute(&candidate) {
            Ok(_) => {
                self.bytes_left = bytes_left;
                self.executor.lower_gas_limit(self.max_gas);
                self.chosen.push(candidate);
            }
            // Whatever is wrong with the machine: one transaction must not keep us from building.
            Err(ExecutionError::State(StateError::Machine(_))) => {
                self.stale.push((candidate.id(), Inapplicable::MachineFailed));
            }
            Err(ExecutionError::State(error)) => return Err(error),
            Err(ExecutionError::Inapplicable(reason)) => self.on_inapplicable(&candidate, reason)?,
        }
        Ok(())
    }

    fn on_misfit(&mut self) {
        self.misfits = self.misfits.saturating_add(1);
        if self.misfits >= MAX_MISFITS {
            self.stopped = StopReason::Full;
        }
    }

    fn on_inapplicable(
        &mut self,
        candidate: &VerifiedTransaction,
        reason: Inapplicable,
    ) -> Result<(), StateError> {
        if let Inapplicable::NoRoom { gas_limit, .. } = reason {
            self.on_misfit();
            if gas_limit <= self.gas_limit {
                return Ok(());
            }
        }
        if let Inapplicable::ReceiptsFull { .. } = reason {
            self.on_misfit();
        }
        if self.is_final(candidate, reason)? {
            self.stale.push((candidate.id(), reason));
        }
        Ok(())
    }

    /// Whether no later block can hold the candidate either. What depends on this block's own
    /// contents is not final: the block may never be decided.
    fn is_final(
        &mut self,
        candidate: &VerifiedTransaction,
        reason: Inapplicable,
    ) -> Result<bool, StateError> {
        Ok(match reason {
            Inapplicable::NonceTooLow { given, .. } => {
                given < self.executor.nonce_before(&candidate.sender())?
            }
            Inapplicable::NonceTooHigh { .. }
            | Inapplicable::CannotPayFee { .. }
            | Inapplicable::ReceiptsFull { .. } => false,
            Inapplicable::NoRoom { .. }
            | Inapplicable::Expired { .. }
            | Inapplicable::NonceExhausted(_)
            | Inapplicable::SenderHasCode(_)
            | Inapplicable::SystemAccount
            | Inapplicable::Underpriced { .. }
            | Inapplicable::MachineFailed
            | Inapplicable::FeeOverflow { .. } => true,
        })
    }
}

fn block<V: StateCommitment>(
    params: &BuildParams,
    chosen: &[VerifiedTransaction],
    conclusion: &Conclusion<V>,
) -> Result<Block, StateError> {
    let rules = &params.rules;
    let header = Header {
        genesis_id: rules.genesis_id,
        height: height(params),
        parent_id: params.parent.id,
        timestamp_ms: timestamp_ms(params),
        proposer: params.proposer,
        transactions_root: merkle::root(chosen.iter().map(|transaction| transaction.leaf())),
        receipts_root: conclusion.receipts_root,
        state_root: conclusion.view.root(),
        gas_used: conclusion.outcome.gas_used,
        gas_limit: rules.gas_limit,
        previous_commit_hash: CommitCertificate::hash(&params.previous_commit),
        next_validators_hash: rules
            .engine
            .validators()
            .map_or(Hash::ZERO, |validators| validators.next_hash),
        target: rules.engine.target(),
    };
    let transactions: Vec<SignedTransaction> = chosen
        .iter()
        .map(|transaction| transaction.signed().clone())
        .collect();
    Ok(Block::new(
        SealedHeader::new(header, Bytes::new()),
        params.previous_commit.clone(),
        transactions,
    )?)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
