//! The machine that assembles blocks.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aureon_types::{BlockId, Hash, SignedTransaction, VerifiedTransaction};

use super::{
    AssembledBlock, BlockAnswer, Content, Effect, Input, MAX_PEERS, MAX_PER_ROUND, Offence, Peer,
    ProposedBlock, RequestFailure, RequestId,
    assembled::Slot,
    pending::{Filled, Kind, Parts, Pending},
};
use crate::sync::Alarm;

/// Gives transactions of our own pool by leaf.
pub(super) type Known<'a> = &'a dyn Fn(&Hash) -> Option<VerifiedTransaction>;

/// Assembles several blocks at once. See the [module](super) for the protocol.
#[derive(Debug)]
pub struct Assembler<P> {
    pub(super) pending: BTreeMap<BlockId, Pending<P>>,
    /// Blocks that were assembled or refused, with height and round, until the height is committed. At
    /// most twice [`super::MAX_PENDING`], the highest; forgetting one costs a second assembly.
    pub(super) done: BTreeMap<BlockId, (u64, u32)>,
    pub(super) peers: BTreeSet<P>,
    /// Who was asked last, for whatever block: the next block begins with another, to spread the load.
    pub(super) last_asked: Option<P>,
    committed: u64,
    reach: u64,
    pub(super) next_request: u64,
    pub(super) alarm: Alarm,
}

impl<P: Peer> Assembler<P> {
    /// For a node whose last final block has height `committed`. Blocks up to `reach` heights above it
    /// are assembled: [`super::MAX_AHEAD`] where blocks are final when they are committed; without
    /// limit where the caller names only blocks whose headers have proven their work.
    pub fn new(committed: u64, reach: u64) -> Self {
        Self {
            pending: BTreeMap::new(),
            done: BTreeMap::new(),
            peers: BTreeSet::new(),
            last_asked: None,
            committed,
            reach,
            next_request: 0,
            alarm: Alarm::default(),
        }
    }

    /// Takes one input. `now` is monotonic and never goes back; `known` gives transactions of our own
    /// pool by leaf (about one call per transaction of a proposed block).
    pub fn handle(
        &mut self,
        now: Duration,
        input: Input<P>,
        known: &dyn Fn(&Hash) -> Option<VerifiedTransaction>,
        effects: &mut Vec<Effect<P>>,
    ) {
        match input {
            Input::PeerReady { peer } => self.on_peer_ready(peer),
            Input::PeerGone { peer } => self.on_peer_gone(peer),
            Input::Proposed { peer, proposed } => self.on_proposed(peer, *proposed, known, effects),
            Input::Wanted {
                block_id,
                height,
                round,
                peer,
            } => self.on_wanted(block_id, height, round, peer),
            Input::Unwanted { block_id } => {
                self.pending.remove(&block_id);
            }
            Input::TransactionsArrived {
                peer,
                request,
                transactions,
            } => {
                self.on_transactions(peer, request, transactions, effects);
            }
            Input::BlockArrived {
                peer,
                request,
                answer,
            } => {
                self.on_block(peer, request, answer.map(|answer| *answer), known, effects);
            }
            Input::RequestFailed {
                peer,
                request,
                failure,
            } => {
                self.on_request_failed(peer, request, failure, effects);
            }
            Input::Committed { height } => self.on_committed(height),
            Input::TimerFired(timer) => self.alarm.fired(timer),
        }
        self.expire(now, effects);
        self.make_room(effects);
        self.ask_all(now, known, effects);
        self.arm(now, effects);
    }

    /// Blocks being assembled: id, height, and whether a peer is being asked right now.
    pub fn pending(&self) -> impl Iterator<Item = (BlockId, u64, bool)> {
        self.pending
            .iter()
            .map(|(id, pending)| (*id, pending.height, pending.outstanding.is_some()))
    }

    /// Memory held for blocks being assembled, in bytes.
    pub fn bytes(&self) -> usize {
        self.pending
            .values()
            .fold(0, |sum, pending| sum.saturating_add(pending.bytes()))
    }

    fn on_peer_ready(&mut self, peer: P) {
        if self.peers.len() < MAX_PEERS && self.peers.insert(peer) {
            for pending in self.pending.values_mut() {
                pending.rests_until = Duration::ZERO;
            }
        }
    }

    fn on_peer_gone(&mut self, peer: P) {
        self.peers.remove(&peer);
        for pending in self.pending.values_mut() {
            pending.forget_peer(peer);
        }
    }

    fn on_proposed(
        &mut self,
        peer: P,
        proposed: ProposedBlock,
        known: Known<'_>,
        effects: &mut Vec<Effect<P>>,
    ) {
        let ProposedBlock {
            proposal,
            header,
            previous_commit,
            content,
            attempt: _,
        } = proposed;
        let (id, height) = (header.id(), header.header().height);
        let round = proposal.map_or(0, |signed| signed.proposal.round);
        if !self.is_near(height) || self.done.contains_key(&id) {
            return;
        }
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.named_by(round, Some(peer));
        } else if self.rivals(height, round) >= MAX_PER_ROUND {
            return;
        }
        match content {
            Content::Full(transactions) => {
                let slots = transactions
                    .into_iter()
                    .map(|transaction| slot(transaction, known))
                    .collect();
                let block = AssembledBlock {
                    header,
                    previous_commit,
                    slots,
                };
                self.finish(id, round, block, None, None, effects);
            }
            Content::Leaves(leaves) => {
                let pending = self
                    .pending
                    .entry(id)
                    .or_insert_with(|| Pending::new(height, round, Some(peer), self.last_asked));
                if pending.parts.is_some() {
                    return;
                }
                let mut parts = Parts::new(header, previous_commit, leaves);
                let is_asking = pending.outstanding.is_some();
                if is_asking {
                    // Perhaps the answer need not be waited for. Else the next step looks.
                    parts.look_up(known);
                }
                pending.learn_parts(parts);
                if is_asking {
                    self.settle(id, None, effects);
                }
            }
        }
    }

    /// Blocks that were proposed for a height and round and that no quorum has named.
    fn rivals(&self, height: u64, round: u32) -> usize {
        let pending = self.pending.values().filter(|other| !other.wanted);
        let pending = pending
            .filter(|other| (other.height, other.round) == (height, round))
            .count();
        let done = self
            .done
            .values()
            .filter(|other| **other == (height, round))
            .count();
        pending.saturating_add(done)
    }

    fn on_wanted(&mut self, id: BlockId, height: u64, round: u32, peer: Option<P>) {
        if !self.is_near(height) {
            return;
        }
        // Wanted after it was assembled: the host lost the body or needs its proof.
        self.done.remove(&id);
        let pending = self
            .pending
            .entry(id)
            .or_insert_with(|| Pending::new(height, round, peer, self.last_asked));
        pending.wanted = true;
        pending.named_by(round, peer);
    }

    fn on_transactions(
        &mut self,
        peer: P,
        request: RequestId,
        transactions: Vec<SignedTransaction>,
        effects: &mut Vec<Effect<P>>,
    ) {
        let Some((id, ..)) = self.answered(peer, request, Kind::Transactions) else {
            return;
        };
        let Some(pending) = self.pending.get_mut(&id) else {
            return;
        };
        let Some(parts) = &mut pending.parts else { return };
        match parts.fill(transactions) {
            Ok(Filled::Cut) => pending.retry(peer),
            Ok(Filled::Complete | Filled::Partly) => {}
            Err(offence) => effects.push(Effect::Penalize { peer, offence }),
        }
        self.settle(id, Some(peer), effects);
    }

    fn on_block(
        &mut self,
        peer: P,
        request: RequestId,
        answer: Option<BlockAnswer>,
        known: Known<'_>,
        effects: &mut Vec<Effect<P>>,
    ) {
        let Some((asked, height, round)) = self.answered(peer, request, Kind::Block) else {
            return;
        };
        let Some(BlockAnswer { block, proof }) = answer else {
            return;
        };
        let given = block.id();
        if given != asked {
            effects.push(Effect::Penalize {
                peer,
                offence: Offence::OtherBlock { asked, given },
            });
            return;
        }
        if block.header().height != height {
            let reason = format!(
                "block {given} has height {}, it was named for {height}",
                block.header().height
            );
            return self.refuse(given, reason, effects);
        }
        let proof = match proof {
            Some(proof) if proof.names() != (height, given) => {
                effects.push(Effect::Penalize {
                    peer,
                    offence: Offence::ForeignProof { block_id: given },
                });
                None
            }
            proof => proof,
        };
        let (header, previous_commit) = (block.sealed_header().clone(), block.previous_commit().clone());
        let slots = block
            .transactions()
            .iter()
            .map(|transaction| slot(transaction.clone(), known))
            .collect();
        let assembled = AssembledBlock {
            header,
            previous_commit,
            slots,
        };
        self.finish(given, round, assembled, Some(peer), proof, effects);
    }

    fn on_request_failed(
        &mut self,
        peer: P,
        request: RequestId,
        failure: RequestFailure,
        effects: &mut Vec<Effect<P>>,
    ) {
        let mut ended = self
            .pending
            .values_mut()
            .filter_map(|pending| pending.answered(peer, request));
        if ended.next().is_none() {
            return;
        }
        // Busy and unreachable peers are no offenders; the next one is asked.
        if let RequestFailure::Malformed(reason) = failure {
            effects.push(Effect::Penalize {
                peer,
                offence: Offence::Malformed(reason),
            });
        }
    }

    fn on_committed(&mut self, height: u64) {
        self.committed = self.committed.max(height);
        self.pending.retain(|_, pending| pending.height > height);
        self.done.retain(|_, (done, _)| *done > height);
    }

    fn is_near(&self, height: u64) -> bool {
        height > self.committed && height <= self.committed.saturating_add(self.reach)
    }

    /// The block, height and round that an answer is for, if it was asked for.
    fn answered(&mut self, peer: P, request: RequestId, kind: Kind) -> Option<(BlockId, u64, u32)> {
        self.pending.iter_mut().find_map(|(id, pending)| {
            pending
                .outstanding
                .filter(|outstanding| outstanding.kind == kind)?;
            pending
                .answered(peer, request)
                .map(|_| (*id, pending.height, pending.round))
        })
    }
}

fn slot(transaction: SignedTransaction, known: Known<'_>) -> Slot {
    let leaf = transaction.leaf();
    match known(&leaf).filter(|verified| verified.leaf() == leaf) {
        Some(verified) => Slot::Known(verified),
        None => Slot::Fetched(Box::new(transaction)),
    }
}
