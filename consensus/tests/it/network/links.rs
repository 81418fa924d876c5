//! Sending: honestly, or not; and what may not be sent.

use aureon_consensus::{Message, OutgoingMessage};
use aureon_types::{BlockId, SecretKey, SignedProposal, SignedVote};

use super::{
    Network,
    node::{Block, Event, Wire},
};
use crate::support::GENESIS;

impl Network {
    pub(super) fn publish(&mut self, node: usize, messages: Vec<OutgoingMessage>) {
        for OutgoingMessage { message, attempt } in messages {
            let own = self.keys.get(node).map(SecretKey::address);
            // From round 10 on the core also publishes proposals of others (the hidden-lock rule).
            if self.scenario.equivocator == Some(node) && message.author() == own {
                self.equivocate(node, message, attempt);
            } else {
                self.record(node, &message);
                if let Some(wire) = self.wire(node, &message, attempt) {
                    self.broadcast(node, &wire);
                }
            }
        }
    }

    pub(super) fn wire(&mut self, node: usize, message: &Message, attempt: u16) -> Option<Wire> {
        let Message::Proposal(proposal) = message else {
            return Some(Wire::Consensus(message.encode(attempt)?.to_vec()));
        };
        let id = proposal.proposal.block_id;
        self.nodes[node].proposals.insert(id, proposal.clone());
        let body = self.nodes[node].bodies.get(&id).cloned();
        if body.is_none() {
            self.violate(format!("node {node} proposes a block that is not durable"));
        }
        Some(Wire::Proposed(proposal.clone(), body?, attempt))
    }

    /// Sends each peer the truth, its opposite, or both.
    pub(super) fn equivocate(&mut self, node: usize, message: Message, attempt: u16) {
        let Some(truth) = self.wire(node, &message, attempt) else {
            return;
        };
        let key = self.keys[node].clone();
        let lie = match message {
            Message::Vote(signed) => {
                let mut vote = signed.vote;
                vote.block_id = if vote.block_id.is_none() {
                    Some(BlockId([7; 32]))
                } else {
                    None
                };
                let lie = Message::Vote(SignedVote::sign(vote, &key, &GENESIS));
                Wire::Consensus(lie.encode(attempt).unwrap().to_vec())
            }
            Message::Proposal(signed) if signed.proposal.valid_round.is_none() => {
                let Wire::Proposed(_, block, _) = &truth else {
                    return;
                };
                let other = Block {
                    nonce: self.random.next(),
                    valid: true,
                    ..block.clone()
                };
                let mut proposal = signed.proposal;
                proposal.block_id = other.id();
                Wire::Proposed(SignedProposal::sign(proposal, &key, &GENESIS), other, attempt)
            }
            _ => return self.broadcast(node, &truth),
        };
        for peer in (0..self.nodes.len()).filter(|peer| *peer != node) {
            let choice = self.random.below(3);
            if choice != 0 {
                self.send(node, peer, &truth);
            }
            if choice != 1 {
                self.send(node, peer, &lie);
            }
        }
    }

    /// No honest key, over all lives of its node, may contradict itself.
    pub(super) fn record(&mut self, node: usize, message: &Message) {
        let (author, kind, bytes) = match message {
            Message::Vote(vote) => (vote.validator, vote.vote.kind as u8, vote.vote.encode()),
            Message::Proposal(proposal) => (proposal.proposer, 2, proposal.proposal.encode()),
            Message::Polka(_) | Message::Round(_) | Message::Work(_) => return,
        };
        let shared = self
            .scenario
            .same_key
            .is_some_and(|(_, owner)| self.keys[owner].address() == author);
        if shared || self.keys.get(node).map(SecretKey::address) != Some(author) {
            return;
        }
        let place = (author, kind, message.height(), message.round());
        let first = self.sent.entry(place).or_insert_with(|| bytes.to_vec());
        if first[..] != bytes[..] {
            self.report.contradictions += 1;
            self.violate(format!(
                "node {node} contradicts itself at {}/{}",
                message.height(),
                message.round()
            ));
        }
    }

    pub(super) fn broadcast(&mut self, node: usize, wire: &Wire) {
        for peer in (0..self.nodes.len()).filter(|peer| *peer != node) {
            self.send(node, peer, wire);
        }
    }

    pub(super) fn send(&mut self, from: usize, to: usize, wire: &Wire) {
        if let Some((start, until, side)) = &self.scenario.partition
            && (*start..*until).contains(&self.now)
            && side[from] != side[to]
        {
            return;
        }
        if self.random.percent(self.scenario.loss_percent) {
            return;
        }
        let copies = 1 + u64::from(self.random.percent(self.scenario.duplicate_percent));
        for _ in 0..copies {
            let delay = self.random.between(1_000, 50_000);
            self.schedule(
                delay,
                to,
                None,
                Event::Deliver {
                    from,
                    wire: wire.clone(),
                },
            );
        }
    }
}
