//! What miners outside are answered.

use aureon_types::{Address, BlockId, Hash};
use bytes::Bytes;

/// A template as a miner outside needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateView {
    /// BLAKE3 of the header bytes: what is hashed with the nonce, and the name of the template.
    pub header_hash: Hash,
    /// The header bytes.
    pub header: Bytes,
    /// The work must not exceed it; big-endian.
    pub target: [u8; 32],
    /// Height of the block.
    pub height: u64,
    /// The head that it stands on.
    pub parent: BlockId,
    /// Its time, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: u64,
    /// How many transactions it holds.
    pub transactions: usize,
    /// Who receives reward and fees.
    pub reward: Address,
}

/// Why there is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateRefusal {
    /// Blocks are not mined here.
    #[error("this network does not run on proof of work: its blocks are voted on, not mined")]
    NotMined,
    /// Nobody would receive the reward.
    #[error("no reward address: give one with ?reward=0x..., or start the node with --reward-address")]
    NoReward,
    /// Too many are in the making.
    #[error("{0} templates are being built, no more are at once; ask again in a moment")]
    Busy(usize),
    /// The node is shutting down.
    #[error("the node is stopping")]
    Stopping,
}

/// Answers who asked for a template.
pub type TemplateOutcome = Result<TemplateView, TemplateRefusal>;

/// Why a nonce makes no block of the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealRefusal {
    /// Blocks are not mined here.
    #[error("this network does not run on proof of work: its blocks are voted on, not mined")]
    NotMined,
    /// The head is another by now, newer templates took its place, or it never was one of ours.
    #[error(
        "template {template} is stale: the head is block {head} of height {height} now, or newer templates took its place; get a new one"
    )]
    Stale {
        /// What was named.
        template: Hash,
        /// Our head.
        head: BlockId,
        /// Its height.
        height: u64,
    },
    /// The hash is above the target.
    #[error(
        "the work is insufficient: nonce {nonce} gives hash {hash}, which must not exceed target {target}"
    )]
    Insufficient {
        /// What was given.
        nonce: u64,
        /// What it hashes to.
        hash: Hash,
        /// The template's.
        target: Hash,
    },
    /// It makes a block, but another of the same height was the head first.
    #[error("block {block_id} is valid and came too late: another block of its height was first")]
    Late {
        /// The block.
        block_id: BlockId,
    },
    /// The node is shutting down.
    #[error("the node is stopping")]
    Stopping,
}

/// Answers who submitted a nonce: the block, which is the head and durable, and its height.
pub type SealOutcome = Result<(BlockId, u64), SealRefusal>;
