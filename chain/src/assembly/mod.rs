//! Block assembly: from a proposal's short form, or only a block's id, to the block.
//!
//! *Protocol.* A proposed block travels as its signed proposal (under proof of work: its seal), header,
//! previous certificate and the leaves of its transaction tree ([`ProposedBlock`]; small ones in full). [`Assembler`] takes the
//! transactions from the node's own pool by leaf, asks the sender for those that are missing, then
//! other peers, then for the whole block. A block of which only the id is known, because a proposal,
//! polka or certificate names it, is asked for by id.
//!
//! *Whose fault.* The leaves are checked against the header's root before anything is fetched, and
//! every transaction against its leaf. Bytes that do not match are the fault of who sent them; they
//! never condemn the block id, and the next peer is asked.
//!
//! *Pure.* As in [`crate::sync`], time is an argument and `P` names a peer.

mod assembled;
mod assembler;
mod effect;
mod input;
mod messages;
mod pending;
mod proposed;
mod steps;

#[cfg(test)]
mod assembler_tests;

use std::time::Duration;

use aureon_types::limits::MAX_BLOCK_BYTES;

pub use assembled::{AssembledBlock, VerifiedLeaves};
pub use assembler::Assembler;
pub use effect::{Effect, Offence};
pub use input::{BlockAnswer, Input, Proof};
pub use messages::{
    answer_transactions, block_request, decode_block, decode_block_request, decode_transactions,
    decode_transactions_request, transactions_request,
};
pub use proposed::{Content, ProposedBlock};

pub use crate::sync::{Peer, RequestFailure, RequestId, TimerId};

/// Blocks up to this size (their upper bound, in bytes) are proposed in full: asking back would cost
/// more than it saves.
pub const FULL_BLOCK_BYTES: usize = 16 << 10;
/// Most transactions of a proposed block: no transaction takes fewer than 128 bytes of a block.
pub const MAX_LEAVES: usize = MAX_BLOCK_BYTES / 128;
/// Most leaves in one `TransactionsRequest` (6.4 MB). The rest is asked for with the next.
pub const MAX_REQUESTED_LEAVES: usize = 200_000;
/// Bytes after which an answer of transactions ends, though the first always fits. The asker asks
/// again for the rest.
pub const ANSWER_BYTES: usize = 16 << 20;
/// Blocks being assembled at once. When full, the one that matters least makes room: not named by a
/// quorum, then lowest height, then lowest round.
pub const MAX_PENDING: usize = 16;
/// Bytes of fetched transactions and leaves of all blocks being assembled. Makes room as above.
pub const MAX_PENDING_BYTES: usize = 3 * MAX_BLOCK_BYTES;
/// Different blocks assembled for one height and round before a quorum names one. Two already prove
/// that the proposer cheats; more are ignored.
pub const MAX_PER_ROUND: usize = 2;
/// Heights above the last committed one that are assembled where blocks are voted on: the next, and the
/// one after, whose proposal may come while the next is committed. Blocks further up are range sync's.
pub const MAX_AHEAD: u64 = 2;
/// Peers that are remembered. When full, further peers are not asked.
pub const MAX_PEERS: usize = 512;
/// How long a peer may take to send transactions.
pub const TRANSACTIONS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a peer may take to send a whole block.
pub const BLOCK_TIMEOUT: Duration = Duration::from_secs(5);
