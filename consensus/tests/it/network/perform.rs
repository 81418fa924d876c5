//! What an engine asks for: building, executing, committing.

use aureon_consensus::{Effect, Evidence, Head, Input};
use aureon_types::{Address, BlockId, CommitCertificate, SignedProposal, SignedVote};

use super::{
    Network,
    node::{Block, Event, Job, Wire},
};
use crate::support::{GENESIS, at};

impl Network {
    pub(super) fn perform(&mut self, node: usize, effect: Effect) {
        let life = Some(self.nodes[node].life);
        match effect {
            Effect::StartLog { height } => self.enqueue(node, Job::StartLog(height)),
            Effect::SyncThenPublish {
                records,
                sign_mark,
                messages,
            } => {
                let mut messages = messages;
                if self.scenario.publish_first {
                    self.publish(node, std::mem::take(&mut messages));
                }
                self.enqueue(
                    node,
                    Job::Sync {
                        records,
                        mark: sign_mark,
                        messages,
                    },
                );
            }
            Effect::StartTimer { id, after } => {
                let after = u64::try_from(after.as_micros()).unwrap();
                self.schedule(after, node, life, Event::Local(Input::TimerFired(id)));
            }
            Effect::Build { height, round, .. } => self.build(node, height, round),
            Effect::Execute {
                height,
                round,
                proposer,
                block_id,
                ..
            } => match self.nodes[node].body(&block_id).cloned() {
                Some(block) => self.execute(node, height, round, proposer, block),
                None => {
                    self.nodes[node]
                        .waiting
                        .insert(block_id, (height, round, proposer));
                    self.broadcast(node, &Wire::BlockRequest(block_id));
                }
            },
            Effect::Fetch { block_id, .. } => self.broadcast(node, &Wire::BlockRequest(block_id)),
            Effect::Commit {
                certificate,
                evidence,
            } => {
                self.judge(node, evidence);
                match self.nodes[node].bodies.get(&certificate.block_id).cloned() {
                    Some(block) => {
                        let took = self.random.between(500, 5_000);
                        self.schedule(took, node, life, Event::Stored(vec![(block, certificate)]));
                    }
                    None => self.violate(format!("node {node} decides a block that it does not have")),
                }
            }
            Effect::HeightClosed {
                height,
                precommits,
                evidence,
            } => {
                self.judge(node, evidence);
                if let Some((_, certificate)) = self.nodes[node].chain.get(&height) {
                    self.report.late_precommits +=
                        precommits.len().saturating_sub(certificate.signatures.len()) as u64;
                }
            }
            Effect::RoundStarted { round, .. } => {
                self.report.highest_round = self.report.highest_round.max(round)
            }
            Effect::SigningStopped { reason } => self.report.stopped.push((node, reason)),
            other @ (Effect::Switch { .. } | Effect::Unwanted { .. } | Effect::HeadersJudged { .. }) => {
                self.violate(format!(
                    "node {node} asks for what only proof of work knows: {other:?}"
                ));
            }
            Effect::Halted { reason } => self.violate(format!("node {node} halted: {reason}")),
        }
    }

    pub(super) fn build(&mut self, node: usize, height: u64, round: u32) {
        if self.now < self.scenario.no_blocks_before {
            return;
        }
        let invalid = self.scenario.equivocator == Some(node) && self.random.below(4) == 0;
        let parent = self.nodes[node]
            .chain
            .get(&(height - 1))
            .map_or(0, |(block, _)| block.timestamp_ms);
        let block = Block {
            height,
            nonce: self.random.next(),
            timestamp_ms: (parent + 1).max(at(self.now).wall_ms),
            valid: !invalid,
        };
        self.builders.insert(block.id(), node);
        let took = self.random.between(500, 5_000);
        self.schedule(
            took,
            node,
            Some(self.nodes[node].life),
            Event::Built { height, round, block },
        );
    }

    pub(super) fn execute(&mut self, node: usize, height: u64, round: u32, proposer: Address, block: Block) {
        let (took, life) = (self.random.between(500, 8_000), Some(self.nodes[node].life));
        self.schedule(
            took,
            node,
            life,
            Event::Executed {
                height,
                round,
                proposer,
                block,
            },
        );
    }

    /// Evidence must be true, and name nobody but the equivocator.
    pub(super) fn judge(&mut self, node: usize, evidence: Vec<Evidence>) {
        let guilty = self.scenario.equivocator.map(|node| self.keys[node].address());
        let shared = self
            .scenario
            .same_key
            .map(|(_, owner)| self.keys[owner].address());
        for evidence in evidence {
            let differ = match &evidence {
                Evidence::Votes(a, b) => {
                    let place = |vote: &SignedVote| {
                        (vote.vote.kind, vote.vote.height, vote.vote.round, vote.validator)
                    };
                    place(a) == place(b) && a.vote.block_id != b.vote.block_id
                }
                Evidence::Proposals(a, b) => {
                    let place = |p: &SignedProposal| (p.proposal.height, p.proposal.round, p.proposer);
                    place(a) == place(b) && a.proposal != b.proposal
                }
            };
            let offender = Some(evidence.offender());
            if !differ || (offender != guilty && offender != shared) {
                self.violate(format!("node {node} has false evidence: {evidence:?}"));
            }
            self.report.evidence += 1;
        }
    }

    fn note_committed(&mut self, height: u64, id: &BlockId, certificate: &CommitCertificate) {
        self.report.committed.entry(height).or_insert(self.now);
        if let Some(builder) = self.builders.get(id) {
            self.report.built.insert(height, *builder);
        }
        let signer = |address: &Address| self.keys.iter().position(|key| key.address() == *address);
        let signers = certificate
            .signatures
            .iter()
            .filter_map(|commit| signer(&commit.validator));
        let signers = signers.collect();
        self.report.signed.entry(height).or_insert(signers);
    }

    pub(super) fn on_stored(&mut self, node: usize, blocks: Vec<(Block, CommitCertificate)>) {
        let mut head = None;
        for (block, certificate) in blocks {
            let (height, id) = (block.height, block.id());
            if height != self.nodes[node].head() + 1 {
                continue; // imported meanwhile
            }
            if *self.decided.entry(height).or_insert(id) != id {
                self.violate(format!("node {node} decided another block at {height}"));
            }
            if !block.valid {
                self.violate(format!("node {node} decided an invalid block at {height}"));
            }
            if let Err(fault) = certificate.verify(&self.timeline.set(height), &GENESIS) {
                self.violate(format!(
                    "node {node} has a false certificate at {height}: {fault}"
                ));
            }
            self.note_committed(height, &id, &certificate);
            head = Some(Head {
                height,
                block_id: id,
                timestamp_ms: block.timestamp_ms,
            });
            self.nodes[node].bodies.insert(id, block.clone());
            self.nodes[node].chain.insert(height, (block, certificate));
        }
        if let Some(head) = head {
            self.nodes[node]
                .arrived
                .retain(|_, block| block.height > head.height);
            if self.scenario.on_demand.is_some() {
                self.nodes[node].transactions = 0;
                self.input(node, Input::PendingTransactions(false));
            }
            let lineage = self.timeline.lineage(head.height);
            self.input(node, Input::Committed(head, lineage));
            self.broadcast(node, &Wire::Status(head.height));
            self.sync(node);
        }
    }
}
