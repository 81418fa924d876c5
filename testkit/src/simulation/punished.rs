//! Who contradicts itself is punished, if an honest validator that stayed up held both halves before it
//! finalized that height.

use std::collections::{BTreeMap, BTreeSet};

use aureon_chain::{assembly::ProposedBlock, system::query};
use aureon_protocol::Topic;
use aureon_types::{Address, VoteKind};
use bytes::Bytes;

use super::Simulation;

/// Rounds ahead of the running one in which votes are surely kept. What is further ahead may be dropped.
const KEPT_ROUNDS: u32 = 5;

/// What a signature stands for: the signer, the kind of message, height and round.
pub(super) type Occasion = (Address, &'static str, u64, u32);

/// A node, and in which of its lives.
type Holder = (usize, u32);

/// What the invariant remembers.
#[derive(Default)]
pub(super) struct Punished {
    /// What an honest validator has accepted of an attacker at its running height.
    halves: BTreeMap<(Holder, Occasion), String>,
    /// Offender and height, and who holds the evidence.
    due: BTreeMap<(Address, u64), BTreeSet<Holder>>,
    settled: BTreeSet<(Address, u64)>,
}

/// Who signed what in a vote or proposal.
pub(super) fn occasion(topic: Topic, data: &[u8]) -> Option<(Occasion, String)> {
    match topic {
        Topic::Consensus => {
            let (signed, _) = Simulation::as_vote(data)?;
            let kind = match signed.vote.kind {
                VoteKind::Prevote => "prevote",
                VoteKind::Precommit => "precommit",
            };
            let occasion = (signed.validator, kind, signed.vote.height, signed.vote.round);
            Some((occasion, format!("{:?}", signed.vote.block_id)))
        }
        Topic::Blocks => {
            let signed = ProposedBlock::decode(data).ok()?.proposal?;
            let proposal = signed.proposal;
            let occasion = (signed.proposer, "proposal", proposal.height, proposal.round);
            Some((
                occasion,
                format!("{} {:?}", proposal.block_id, proposal.valid_round),
            ))
        }
        Topic::Transactions => None,
    }
}

impl Simulation {
    /// An honest node found a message good.
    pub(super) fn note_accepted(&mut self, node: usize, topic: Topic, data: &Bytes) {
        if !self.nodes[node].honest || node >= self.scenario.validators {
            return;
        }
        let Some((occasion, content)) = occasion(topic, data) else {
            return;
        };
        let (offender, _, height, round) = occasion;
        let signer = self.cast.node_of(&offender);
        if signer.is_none_or(|signer| self.nodes[signer].honest) {
            return;
        }
        let (holder, now) = ((node, self.nodes[node].life), self.nodes[node].now(self.now));
        let Some(running) = &self.nodes[node].running else {
            return;
        };
        let status = running.core.status(now).consensus;
        if status.height != height || round > status.round.saturating_add(KEPT_ROUNDS) {
            return;
        }
        let known = self.punished.halves.entry((holder, occasion));
        if *known.or_insert_with(|| content.clone()) != content
            && !self.punished.settled.contains(&(offender, height))
        {
            self.report.offences += 1;
            let holders = self.punished.due.entry((offender, height)).or_default();
            holders.insert(holder);
        }
    }

    /// Crosses off what is punished in the state of a node.
    pub(super) fn settle_punished(&mut self, node: usize) -> Result<(), String> {
        let Some(running) = &self.nodes[node].running else {
            return Ok(());
        };
        let due: Vec<_> = self.punished.due.keys().copied().collect();
        for (offender, height) in due {
            let view = running.core.view();
            let punished = query::was_punished(view, &offender, height, self.scenario.epoch_blocks);
            if punished.map_err(|error| error.to_string())? {
                self.punished.due.remove(&(offender, height));
                self.punished.settled.insert((offender, height));
            }
        }
        Ok(())
    }

    /// What was done up to `height` and is not punished, although somebody could have seen to it.
    pub(super) fn unpunished(&self, height: u64) -> impl Iterator<Item = &(Address, u64)> {
        let stayed_up = |(node, life): &Holder| {
            let node = &self.nodes[*node];
            node.life == *life && node.running.is_some()
        };
        self.punished
            .due
            .iter()
            .filter(move |((_, at), holders)| *at <= height && holders.iter().any(stayed_up))
            .map(|(offence, _)| offence)
    }
}
