//! One block being assembled: what is here, whom was asked, who is next.

use std::{collections::BTreeSet, time::Duration};

use aureon_types::{
    BlockId, Hash, SealedHeader, SignedTransaction, VerifiedTransaction, limits::MAX_BLOCK_BYTES,
};
use bytes::Bytes;

use super::{ANSWER_BYTES, AssembledBlock, MAX_REQUESTED_LEAVES, Offence, Peer, RequestId, assembled::Slot};

/// Peers asked for single transactions before the whole block is asked for.
const LEAF_TRIES: usize = 3;
/// Peers asked for the whole block before everybody rests.
const BLOCK_TRIES: usize = 5;
/// Peers remembered as having named the block; asked first. Later ones are asked as any other.
const MAX_HINTS: usize = 4;
/// First pause after nobody could help; doubles up to [`MAX_REST`].
const REST: Duration = Duration::from_millis(250);
/// Longest pause.
const MAX_REST: Duration = Duration::from_secs(8);
/// Passes over the peers for a block that no quorum names.
const MAX_PASSES: u32 = 3;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Transactions,
    Block,
}

/// A request without an answer yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding<P> {
    pub peer: P,
    pub request: RequestId,
    pub kind: Kind,
    pub deadline: Duration,
}

/// The block in short, and what was found of it.
#[derive(Debug)]
pub(super) struct Parts {
    header: SealedHeader,
    previous_commit: Bytes,
    leaves: Vec<Hash>,
    slots: Vec<Option<Slot>>,
    missing: usize,
    /// Size of the transactions found, in bytes.
    found_bytes: usize,
    /// Memory of those that are not shared with the pool, in bytes.
    fetched_bytes: usize,
}

/// What an answer of transactions did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// Nothing is missing.
    Complete,
    /// The answer ended because it was large: the same peer may go on.
    Cut,
    /// The peer sent all it has; something is still missing.
    Partly,
}

impl Parts {
    pub(super) fn new(header: SealedHeader, previous_commit: Bytes, leaves: Vec<Hash>) -> Self {
        let (missing, slots) = (leaves.len(), leaves.iter().map(|_| None).collect());
        Self {
            header,
            previous_commit,
            leaves,
            slots,
            missing,
            found_bytes: 0,
            fetched_bytes: 0,
        }
    }

    /// Takes what the pool has. A transaction that does not have the leaf it was asked by is ignored.
    pub(super) fn look_up(&mut self, known: &dyn Fn(&Hash) -> Option<VerifiedTransaction>) {
        for (leaf, slot) in self
            .leaves
            .iter()
            .zip(&mut self.slots)
            .filter(|(_, slot)| slot.is_none())
        {
            if let Some(verified) = known(leaf).filter(|verified| verified.leaf() == *leaf) {
                self.found_bytes = self.found_bytes.saturating_add(verified.size());
                self.missing = self.missing.saturating_sub(1);
                *slot = Some(Slot::Known(verified));
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Whether what was found is more than any block may hold.
    pub(super) fn is_too_large(&self) -> bool {
        self.found_bytes > MAX_BLOCK_BYTES
    }

    /// The leaves to ask for, in the order of the block.
    pub(super) fn missing_leaves(&self) -> Vec<Hash> {
        let missing = self
            .leaves
            .iter()
            .zip(&self.slots)
            .filter(|(_, slot)| slot.is_none());
        missing
            .take(MAX_REQUESTED_LEAVES)
            .map(|(leaf, _)| *leaf)
            .collect()
    }

    /// Takes the answer to a request for [`Self::missing_leaves`]: the same order, with gaps.
    pub(super) fn fill(&mut self, transactions: Vec<SignedTransaction>) -> Result<Filled, Offence> {
        let mut places = self
            .leaves
            .iter()
            .zip(&mut self.slots)
            .filter(|(_, slot)| slot.is_none());
        let mut bytes = 0_usize;
        for transaction in transactions {
            let leaf = transaction.leaf();
            let Some((_, slot)) = places.find(|(wanted, _)| **wanted == leaf) else {
                return Err(Offence::ForeignTransaction {
                    block_id: self.header.id(),
                    leaf,
                });
            };
            bytes = bytes.saturating_add(transaction.size());
            self.found_bytes = self.found_bytes.saturating_add(transaction.size());
            let memory = transaction.size().saturating_add(size_of::<SignedTransaction>());
            self.fetched_bytes = self.fetched_bytes.saturating_add(memory);
            self.missing = self.missing.saturating_sub(1);
            *slot = Some(Slot::Fetched(Box::new(transaction)));
        }
        Ok(match self.missing {
            0 => Filled::Complete,
            _ if bytes >= ANSWER_BYTES / 2 => Filled::Cut,
            _ => Filled::Partly,
        })
    }

    /// The parts, once nothing is missing.
    pub(super) fn finish(self) -> AssembledBlock {
        let slots = self.slots.into_iter().flatten().collect();
        AssembledBlock {
            header: self.header,
            previous_commit: self.previous_commit,
            slots,
        }
    }
}

/// What to do next for a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<P> {
    /// Ask this peer.
    Ask(P, Kind),
    /// Everybody was asked; try again at this time.
    Rest(Duration),
    /// Everybody was asked often enough.
    GiveUp,
}

/// A block being assembled.
#[derive(Debug)]
pub(super) struct Pending<P> {
    pub height: u64,
    pub round: u32,
    /// A quorum names it, or our log: it is not given up.
    pub wanted: bool,
    pub outstanding: Option<Outstanding<P>>,
    /// Nobody is asked before this time.
    pub rests_until: Duration,
    /// `None`: only the id is known.
    pub parts: Option<Parts>,
    hints: Vec<P>,
    /// Who was asked in this pass, for this kind.
    tried: BTreeSet<P>,
    /// The last peer asked that is no hint. Each block goes round all peers by itself, so that
    /// everybody is asked in the end.
    cursor: Option<P>,
    kind: Kind,
    passes: u32,
}

impl<P: Peer> Pending<P> {
    /// Known by id only. `peer` named it. `cursor`: peers after this one are asked first.
    pub(super) fn new(height: u64, round: u32, peer: Option<P>, cursor: Option<P>) -> Self {
        Self {
            height,
            round,
            wanted: false,
            outstanding: None,
            rests_until: Duration::ZERO,
            parts: None,
            hints: peer.into_iter().collect(),
            tried: BTreeSet::new(),
            cursor,
            kind: Kind::Block,
            passes: 0,
        }
    }

    /// What decides which block makes room: the lowest.
    pub(super) fn importance(&self) -> (bool, u64, u32) {
        (self.wanted, self.height, self.round)
    }

    /// Memory held, in bytes, beside what is shared with the pool.
    pub(super) fn bytes(&self) -> usize {
        self.parts.as_ref().map_or(0, |parts| {
            let leaves = parts
                .leaves
                .len()
                .saturating_mul(size_of::<Hash>().saturating_add(size_of::<Slot>()));
            leaves.saturating_add(parts.fetched_bytes)
        })
    }

    /// The block was named again: by a later round, perhaps by another peer.
    pub(super) fn named_by(&mut self, round: u32, peer: Option<P>) {
        self.round = self.round.max(round);
        if let Some(peer) = peer.filter(|peer| !self.hints.contains(peer) && self.hints.len() < MAX_HINTS) {
            self.hints.push(peer);
            self.rests_until = Duration::ZERO;
        }
    }

    /// The short form came for a block that was known by id only.
    pub(super) fn learn_parts(&mut self, parts: Parts) {
        self.parts = Some(parts);
        self.kind = Kind::Transactions;
        self.tried.clear();
    }

    pub(super) fn forget_peer(&mut self, peer: P) {
        self.hints.retain(|hint| *hint != peer);
        self.tried.remove(&peer);
        self.outstanding.take_if(|outstanding| outstanding.peer == peer);
    }

    /// The peer may be asked again in this pass: its answer was cut.
    pub(super) fn retry(&mut self, peer: P) {
        self.tried.remove(&peer);
    }

    /// Whom to ask for what, among everybody connected.
    pub(super) fn next_step(&mut self, now: Duration, peers: &BTreeSet<P>) -> Step<P> {
        if let Some(peer) = self.next_peer(peers) {
            return Step::Ask(peer, self.kind);
        }
        if self.kind == Kind::Transactions {
            self.kind = Kind::Block;
            self.tried.clear();
            if let Some(peer) = self.next_peer(peers) {
                return Step::Ask(peer, self.kind);
            }
        }
        self.end_pass(now)
    }

    fn end_pass(&mut self, now: Duration) -> Step<P> {
        let rest = REST
            .saturating_mul(2_u32.saturating_pow(self.passes.min(16)))
            .min(MAX_REST);
        self.passes = self.passes.saturating_add(1);
        self.tried.clear();
        self.kind = if self.parts.is_some() {
            Kind::Transactions
        } else {
            Kind::Block
        };
        if !self.wanted && self.passes >= MAX_PASSES {
            return Step::GiveUp;
        }
        self.rests_until = now.saturating_add(rest);
        Step::Rest(self.rests_until)
    }

    fn next_peer(&mut self, peers: &BTreeSet<P>) -> Option<P> {
        let limit = if self.kind == Kind::Transactions {
            LEAF_TRIES
        } else {
            BLOCK_TRIES
        };
        if self.tried.len() >= limit {
            return None;
        }
        let untried = |peer: &P| !self.tried.contains(peer) && peers.contains(peer);
        let peer = self.hints.iter().copied().find(untried).or_else(|| {
            let after = peers
                .iter()
                .filter(|peer| self.cursor.is_none_or(|cursor| **peer > cursor));
            let peer = after.chain(peers).copied().find(untried)?;
            self.cursor = Some(peer);
            Some(peer)
        })?;
        self.tried.insert(peer);
        Some(peer)
    }

    /// Ends a request. `None`: it is not this block's, or it is over.
    pub(super) fn answered(&mut self, peer: P, request: RequestId) -> Option<Outstanding<P>> {
        self.outstanding
            .take_if(|outstanding| outstanding.request == request && outstanding.peer == peer)
    }
}

/// Why a block with more transactions than fit is refused.
pub(super) fn too_large(id: BlockId) -> String {
    format!("the transactions of block {id} take more than the {MAX_BLOCK_BYTES} bytes that a block may have")
}
