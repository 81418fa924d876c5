//! What can be wrong with a block. `Display` is the sentence that goes to logs and people.

use aureon_consensus::pow::HeaderFault as WorkFault;
use aureon_types::{
    Address, BlockId, CertificateFault, DecodeError, GenesisId, Hash, TransactionId,
    transaction::UnverifiedError,
};

use crate::execution::{Inapplicable, StateError};

/// A header that breaks a rule. It condemns the block id: nothing else can have this id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// Another network's.
    #[error("the block is of network {given}, this network is {expected}")]
    OtherNetwork {
        /// The header's.
        given: GenesisId,
        /// Ours.
        expected: GenesisId,
    },
    /// Not the parent's height and one.
    #[error("the block has height {given}, after its parent comes height {expected}")]
    WrongHeight {
        /// The header's.
        given: u64,
        /// The parent's and one.
        expected: u64,
    },
    /// On another block.
    #[error("the block names parent {given}, the block below is {expected}")]
    WrongParent {
        /// The header's.
        given: BlockId,
        /// The block below.
        expected: BlockId,
    },
    /// Time must pass.
    #[error(
        "the block's time {given} ms is not after {after} ms (its parent's time; under proof of work the median of the last eleven)"
    )]
    NotLater {
        /// The header's.
        given: u64,
        /// What it must be later than.
        after: u64,
    },
    /// The gas limit is a rule, not a choice.
    #[error("the block's gas limit is {given}, the rule is {expected}")]
    GasLimit {
        /// The header's.
        given: u64,
        /// The rule's.
        expected: u64,
    },
    /// More gas than allowed.
    #[error("the block says it used {used} gas, its limit is {limit}")]
    GasUsedAboveLimit {
        /// The header's.
        used: u64,
        /// The header's.
        limit: u64,
    },
    /// The work target is not the one that the rule gives for this height.
    #[error("the block's work target is not the one for height {height}")]
    Target {
        /// The header's.
        height: u64,
    },
    /// Fees would go to a stranger.
    #[error("the block's proposer {proposer} is no validator of height {height}")]
    ProposerNotValidator {
        /// The header's.
        proposer: Address,
        /// The header's.
        height: u64,
    },
    /// The set that the schedule names is another.
    #[error("the block names the next validators {given}, the schedule says {expected}")]
    NextValidators {
        /// The header's.
        given: Hash,
        /// The schedule's.
        expected: Hash,
    },
    /// No proof for the parent.
    #[error("the block of height {height} carries no certificate for its parent")]
    MissingCommit {
        /// The header's.
        height: u64,
    },
    /// A proof where none can be.
    #[error("the block of height {height} carries a certificate where there can be none")]
    UnexpectedCommit {
        /// The header's.
        height: u64,
    },
}

/// A block that must not be committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockFault {
    /// The body of another block than the header that was checked: the sender's fault.
    #[error("this is block {given}, expected was {expected}")]
    OtherBlock {
        /// Of the body.
        given: BlockId,
        /// Of the checked header.
        expected: BlockId,
    },
    /// The work is not done.
    #[error("{0}")]
    Work(WorkFault),
    /// The parent's certificate cannot be read.
    #[error("the certificate of the parent is malformed: {0}")]
    MalformedCommit(DecodeError),
    /// The parent's certificate proves something else.
    #[error(
        "the certificate is for block {given} of height {given_height}, the parent is {parent} of height {height}"
    )]
    CommitForOther {
        /// The certificate's.
        given: BlockId,
        /// The certificate's.
        given_height: u64,
        /// The parent.
        parent: BlockId,
        /// The parent's.
        height: u64,
    },
    /// The parent's certificate proves nothing.
    #[error("the certificate of the parent does not hold: {0}")]
    Commit(CertificateFault),
    /// A signature does not verify.
    #[error("transaction {index} of the block: {reason}")]
    Signature {
        /// Place in the block, from 0.
        index: usize,
        /// What is wrong.
        reason: UnverifiedError,
    },
    /// A transaction that no block may hold here.
    #[error("transaction {index} of the block, {id}: {reason}")]
    Transaction {
        /// Place in the block, from 0.
        index: usize,
        /// The transaction.
        id: TransactionId,
        /// What is wrong.
        reason: Inapplicable,
    },
    /// The header's figure is not what execution used.
    #[error("the header says {given} gas was used, execution used {computed}")]
    GasUsed {
        /// The header's.
        given: u64,
        /// Ours.
        computed: u64,
    },
    /// Receipts differ.
    #[error("the header says receipts root {given}, execution gives {computed}")]
    ReceiptsRoot {
        /// The header's.
        given: Hash,
        /// Ours.
        computed: Hash,
    },
    /// Receipts agree and the state does not.
    #[error("the header says state root {given}, execution gives {computed} (receipts and gas agree)")]
    StateRoot {
        /// The header's.
        given: Hash,
        /// Ours.
        computed: Hash,
    },
}

impl BlockFault {
    /// Whether the block id is condemned (nothing valid can have it), or only who sent this body.
    pub fn condemns_block(&self) -> bool {
        !matches!(self, Self::OtherBlock { .. })
    }
}

/// Why a block was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The block's fault.
    #[error(transparent)]
    Fault(#[from] BlockFault),
    /// Ours: stop, or try again; blame nobody.
    #[error(transparent)]
    State(#[from] StateError),
}
