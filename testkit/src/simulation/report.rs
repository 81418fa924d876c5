//! What came of a simulation, in numbers.

use aureon_types::Hash;

use crate::scenario::Micros;

/// What came of a simulation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// A hash over everything that happened.
    pub trace: Hash,
    /// The first violation of an invariant, if there was one.
    pub violation: Option<String>,
    /// Virtual time at the end.
    pub ended: Micros,
    /// Entries of the trace.
    pub events: u64,
    /// The highest block.
    pub height: u64,
    /// The highest round in which a block was decided.
    pub highest_round: u32,
    /// Crashes that happened.
    pub crashes: u64,
    /// Of these: in the middle of a disk's sync.
    pub torn: u64,
    /// Gossip messages that reached a node as new.
    pub delivered: u64,
    /// Messages that were lost.
    pub lost: u64,
    /// Ranges of blocks that were imported.
    pub imports: u64,
    /// Switches of a head to another branch.
    pub reorgs: u64,
    /// The most blocks that one of them undid.
    pub deepest_reorg: u64,
    /// Blocks whose execution said no.
    pub refused_blocks: u64,
    /// Transactions of clients that a node admitted.
    pub admitted: u64,
    /// Transactions of clients that a node refused.
    pub refused: u64,
    /// Transactions in blocks.
    pub included: u64,
    /// Contracts that were deployed, in blocks that all agree on.
    pub contracts: u64,
    /// Transactions about contracts that did what they say, in such blocks.
    pub contract_calls: u64,
    /// Transactions about contracts that failed, in such blocks.
    pub failed_calls: u64,
    /// Transactions about contracts in blocks that a node undid, because another branch won.
    pub undone_calls: u64,
    /// Answers that an attacker changed or withheld.
    pub spoilt_answers: u64,
    /// What honest nodes held against dishonest ones in answers and claims.
    pub penalties: u64,
    /// Contradictions of attackers of which an honest validator held both halves in time.
    pub offences: u64,
    /// Different validator sets.
    pub sets: u64,
}
