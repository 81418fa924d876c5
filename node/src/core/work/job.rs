//! Work for the ledger thread, and what comes of it.

use std::{sync::Arc, time::Duration};

use aureon_chain::{import::ExecutedBlock, mempool::AccountState, production::BuildParams};
use aureon_consensus::pow;
use aureon_types::{Address, Block, BlockId, Hash, SealedHeader, TransactionId, VerifiedTransaction};

use crate::{adapters::View, core::Parent};

/// What recovery found beside the head: the blocks that could still be undone.
#[derive(Clone, Debug)]
pub struct WorkStart {
    /// The last final block, with the state after it.
    pub root: Parent,
    /// Its header; `None` for the genesis.
    pub root_header: Option<SealedHeader>,
    /// The chain above it, lowest first, executed again.
    pub canonical: Vec<Parent>,
    /// Their headers.
    pub headers: Vec<SealedHeader>,
    /// Headers of other branches whose bodies are in the block store, the lowest first.
    pub side: Vec<SealedHeader>,
}

impl WorkStart {
    /// What the engine starts from. `head`: the last committed block.
    pub(in crate::core) fn engine_start(&self, head: BlockId) -> Result<pow::Start, pow::StartFault> {
        // Its own lineage says what an engine of work needs; another one cannot have a `WorkStart`.
        let chain = self.root.lineage.work().ok_or(pow::StartFault::Head(head))?;
        let executed = self.headers.iter().map(|header| (header.clone(), true));
        let side = self.side.iter().map(|header| (header.clone(), false));
        Ok(pow::Start {
            chain: chain.clone(),
            header: self.root_header.clone(),
            headers: executed.chain(side).collect(),
            head,
        })
    }
}

/// A block to apply.
#[derive(Debug)]
pub struct Applying {
    /// The block.
    pub block_id: BlockId,
    /// With body and receipts. `None`: it was part of the chain before, so its body is in the block
    /// store; it is read and executed again.
    pub executed: Option<ExecutedBlock<View>>,
}

/// Another branch to make the chain.
#[derive(Debug)]
pub struct Switching {
    /// The block below the first applied one.
    pub fork: Parent,
    /// Highest first.
    pub undone: Vec<BlockId>,
    /// Lowest first.
    pub applied: Vec<Applying>,
    /// The last applied block as others are built on it.
    pub head: Parent,
    /// The blocks that become final, lowest first.
    pub finalized: Vec<View>,
}

/// A branch is durable as the chain.
#[derive(Debug)]
pub struct Switched {
    /// What is no longer part of the chain, highest first.
    pub undone: Vec<Arc<Block>>,
    /// What is now, lowest first.
    pub applied: Vec<ExecutedBlock<View>>,
    /// All senders of either, sorted, with their accounts at the new head.
    pub senders: Vec<(Address, AccountState)>,
    /// The new head.
    pub head: Parent,
}

/// A block to build without its seal.
#[derive(Debug)]
pub struct Templating {
    /// Names the answer.
    pub token: u64,
    /// What it is made of beside transactions.
    pub params: BuildParams,
    /// The state below it.
    pub view: View,
    /// Transactions in order of preference.
    pub candidates: Vec<VerifiedTransaction>,
    /// How long choosing and executing may take.
    pub budget: Duration,
}

/// A block without its seal.
#[derive(Debug)]
pub struct Template {
    /// As asked.
    pub token: u64,
    /// The block.
    pub executed: ExecutedBlock<View>,
    /// Candidates that can never be included.
    pub stale: Vec<TransactionId>,
}

/// What our threads search for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MiningWork {
    /// BLAKE3 of the template's header; also its name.
    pub template: Hash,
    /// The work must not exceed it.
    pub target: pow::Target,
}

/// A nonce for one of our templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mined {
    /// BLAKE3 of the template's header.
    pub template: Hash,
    /// What was found.
    pub nonce: u64,
}
