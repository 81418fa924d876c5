//! What arrives at a node.

use aureon_consensus::{Admit, Input, Message, verify};
use aureon_types::{SignedProposal, hash::blake3};

use super::{
    Network,
    node::{Block, Wire},
};
use crate::support::GENESIS;

impl Network {
    pub(super) fn on_wire(&mut self, node: usize, from: usize, wire: Wire) {
        if self.nodes[node].engine.is_none() {
            return;
        }
        match wire {
            Wire::Consensus(bytes) => {
                if self.nodes[node].seen.insert(blake3(&[&bytes])) {
                    let (message, _) =
                        Message::decode(&bytes).expect("honest and dishonest nodes encode well");
                    self.on_message(node, message);
                }
            }
            Wire::Proposed(proposal, block, attempt) => {
                let id = blake3(&[&proposal.signature.0, &attempt.to_be_bytes()]);
                if self.nodes[node].seen.insert(id) {
                    self.on_proposed(node, proposal, block);
                }
            }
            Wire::Status(height) => {
                self.nodes[node].peers.insert(from, height);
                self.sync(node);
            }
            Wire::RangeRequest(height) => self.serve_range(node, from, height),
            Wire::Range(blocks) => self.on_range(node, from, blocks),
            Wire::BlockRequest(id) => {
                if let Some(block) = self.nodes[node].body(&id).cloned() {
                    let proposal = self.nodes[node].proposals.get(&id).cloned();
                    self.send(node, from, &Wire::Block(proposal, block));
                }
            }
            Wire::Block(proposal, block) => {
                self.report.fetched += 1;
                match proposal {
                    Some(proposal) => self.on_proposed(node, proposal, block),
                    None => self.arrive(node, block),
                }
            }
        }
    }

    pub(super) fn on_proposed(&mut self, node: usize, proposal: SignedProposal, block: Block) {
        if proposal.proposal.block_id == block.id() && proposal.proposal.height == block.height {
            self.nodes[node].proposals.insert(block.id(), proposal.clone());
            self.arrive(node, block);
            self.on_message(node, Message::Proposal(proposal));
        }
    }

    /// A body that somebody waits for is executed now.
    pub(super) fn arrive(&mut self, node: usize, block: Block) {
        let id = block.id();
        self.nodes[node].arrived.insert(id, block.clone());
        if let Some((height, round, proposer)) = self.nodes[node].waiting.remove(&id) {
            self.execute(node, height, round, proposer, block);
        }
    }

    pub(super) fn on_message(&mut self, node: usize, message: Message) {
        let engine = self.nodes[node].engine.as_mut().unwrap();
        if engine.admit(&message) != Admit::Verify {
            return;
        }
        let lineage = self.timeline.lineage(self.nodes[node].head());
        match verify(message, &lineage, &GENESIS) {
            Ok(verified) => self.input(node, Input::Message(verified)),
            Err(fault) => self.violate(format!("a message failed at {node}: {fault}")),
        }
    }
}
