//! Evidence that this node holds, until its offender is punished.
//!
//! The engine tells of every contradiction that it saw. A validator that builds a block adds an accusing
//! transaction of its own for each one that is not punished yet (see `workers::accusation`); all others
//! that hold the same evidence do so too, and whoever proposes first is done with it for all. So an
//! offence is punished if one honest validator that holds both halves builds a block while evidence
//! still counts.
//!
//! *Not durable, on purpose.* After a crash the log of the running height is replayed, received votes
//! included, and gives the same evidence again; evidence of earlier heights is held by the other
//! validators, to whom both halves were gossiped.
//!
//! *Bound.* One piece per offender and height, [`MAX_EVIDENCE`] in all; when full, the oldest goes. Who
//! contradicts itself at one height after another is jailed for the first, and signs no more.

use std::{collections::BTreeMap, sync::Arc};

use aureon_chain::{import::ExecutedBlock, system::AUTHORITY_EVIDENCE_EPOCHS};
use aureon_types::{Action, Address, EngineKind, Evidence, Genesis};

use super::Core;
use crate::adapters::View;

/// Offences that are kept. More are possible only while many validators cheat at many heights.
const MAX_EVIDENCE: usize = 256;
/// Offences that go along with an order for a block. Few of them are punished already: what others'
/// blocks punished is crossed off when those are committed.
const MAX_DUE: usize = 32;

/// One offence: a validator is punished once for a height.
pub type Offence = (u64, Address);

/// See the module.
#[derive(Default)]
pub(super) struct Offences {
    known: BTreeMap<Offence, Evidence>,
    /// As the status shows it.
    listed: Arc<[Evidence]>,
}

impl Offences {
    /// Keeps the first evidence of an offence. Whether it is news.
    fn add(&mut self, evidence: Evidence) -> bool {
        let offence = (evidence.height(), evidence.offender());
        if self.known.contains_key(&offence) {
            return false;
        }
        self.known.insert(offence, evidence);
        if self.known.len() > MAX_EVIDENCE {
            self.known.pop_first();
        }
        self.list();
        true
    }

    /// Forgets offences that are punished, or that nobody is punished for any more.
    pub(super) fn settle(&mut self, settled: &[Offence]) {
        let before = self.known.len();
        self.known.retain(|offence, _| !settled.contains(offence));
        if self.known.len() != before {
            self.list();
        }
    }

    /// Forgets offences below `height`.
    fn forget_below(&mut self, height: u64) {
        if self
            .known
            .first_key_value()
            .is_some_and(|((first, _), _)| *first < height)
        {
            self.known.retain(|(at, _), _| *at >= height);
            self.list();
        }
    }

    fn list(&mut self) {
        self.listed = self.known.values().cloned().collect();
    }

    /// Those for a block, the oldest first.
    pub(super) fn due(&self) -> Vec<Evidence> {
        self.known.values().take(MAX_DUE).cloned().collect()
    }

    /// All.
    pub(super) fn listed(&self) -> Arc<[Evidence]> {
        Arc::clone(&self.listed)
    }
}

impl Core {
    /// The engine saw contradictions.
    pub(super) fn on_evidence(&mut self, evidence: Vec<Evidence>) {
        for evidence in evidence {
            let (validator, height, round) = (evidence.offender(), evidence.height(), evidence.round());
            if self.offences.add(evidence) {
                tracing::warn!(
                    %validator, height, round,
                    "a validator contradicted itself; the evidence goes into a block"
                );
            }
        }
    }

    /// `block` is the new head: what it punished is done with, and so is what the next block can punish no
    /// more.
    pub(super) fn cross_off_evidence(&mut self, block: &ExecutedBlock<View>) {
        let settled = punished_by(block);
        if !settled.is_empty() {
            self.offences.settle(&settled);
        }
        if let Some(first) = oldest_punishable(&self.chain.genesis, block.header().height) {
            self.offences.forget_below(first);
        }
    }
}

/// The offences that a block punished.
fn punished_by(block: &ExecutedBlock<View>) -> Vec<Offence> {
    let done = block.block().transactions().iter().zip(block.receipts().iter());
    done.filter(|(_, receipt)| receipt.failure.is_none())
        .filter_map(|(signed, _)| match &signed.transaction().action {
            Action::Evidence(evidence) => Some((evidence.height(), evidence.offender())),
            _ => None,
        })
        .collect()
}

/// The lowest height for which the block above `head` takes evidence; `None` where there is none.
fn oldest_punishable(genesis: &Genesis, head: u64) -> Option<u64> {
    let epochs = match &genesis.engine {
        EngineKind::Pow(_) => return None,
        EngineKind::Pos(parameters) => parameters.unbonding_epochs,
        EngineKind::Poa(_) => AUTHORITY_EVIDENCE_EPOCHS,
    };
    let blocks = genesis.engine.epoch_blocks()?;
    // Heights are counted from 1, so the next height's epoch is this.
    let epoch = head.checked_div(blocks)?.saturating_sub(epochs);
    Some(epoch.saturating_mul(blocks).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use aureon_types::{
        BlockId, EmptyBlocks, GenesisId, SecretKey, SignedVote, Vote, VoteKind,
        genesis::{BftTimeouts, PoaParameters},
    };

    use super::*;

    fn evidence(seed: u8, height: u64, round: u32) -> Evidence {
        let sign = |block| {
            let vote = Vote {
                kind: VoteKind::Precommit,
                height,
                round,
                block_id: Some(BlockId([block; 32])),
            };
            SignedVote::sign(vote, &SecretKey::from_seed([seed; 32]), &GenesisId([2; 32]))
        };
        Evidence::Votes(sign(1), sign(2))
    }

    #[test]
    fn one_piece_per_offender_and_height_is_kept() {
        let mut offences = Offences::default();
        assert!(offences.add(evidence(1, 5, 0)));
        assert!(!offences.add(evidence(1, 5, 1)), "punished once for a height");
        assert!(offences.add(evidence(2, 5, 0)));
        assert!(offences.add(evidence(1, 4, 0)));
        assert_eq!(
            offences.due().first(),
            Some(&evidence(1, 4, 0)),
            "the oldest first"
        );
        let offender = SecretKey::from_seed([1; 32]).address();
        offences.settle(&[(5, offender)]);
        assert_eq!(offences.listed().len(), 2);
        offences.forget_below(5);
        assert_eq!(offences.listed()[..], [evidence(2, 5, 0)]);
    }

    #[test]
    fn evidence_counts_as_long_as_the_chain_takes_it() {
        let genesis = Genesis {
            chain: "evidence".to_owned(),
            timestamp_ms: 1,
            engine: EngineKind::Poa(PoaParameters {
                epoch_blocks: 4,
                ..PoaParameters::new(vec![SecretKey::from_seed([1; 32]).public_key()])
            }),
            block_time_ms: 1_000,
            empty_blocks: EmptyBlocks::Always,
            gas_limit: 2_000_000,
            min_gas_price: 1,
            vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
            timeouts: BftTimeouts::default(),
            balances: BTreeMap::new(),
        };
        // Block 20 is the last of epoch 4 and takes evidence of epoch 2 on, block 21 of epoch 3 on.
        for (head, oldest) in [(0, 1), (11, 1), (12, 5), (19, 9), (20, 13)] {
            assert_eq!(oldest_punishable(&genesis, head), Some(oldest), "above {head}");
        }
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut offences = Offences::default();
        for height in 0..=MAX_EVIDENCE as u64 {
            offences.add(evidence(1, height, 0));
        }
        assert_eq!(offences.listed().len(), MAX_EVIDENCE);
        assert_eq!(offences.due().len(), MAX_DUE);
        assert_eq!(offences.due()[0].height(), 1);
    }
}
